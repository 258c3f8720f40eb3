"""A model on one screen: as text of 80 columns, and for notebooks."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np

from lodestone import _core
from lodestone._reading import Reading, evidence_of
from lodestone._sources import Source, source_of
from lodestone._families import spread
from lodestone._style import loading, padded, printable, short, signed, width, with_noise

_COLUMNS = 80
_MOST_FEATURES = 10


def reading_of(given: Any, X: Any = None) -> Reading:
    """Of what `source_of` takes. Shares are those of rows X where they are given, else of the training
    rows where the estimator knows them, else under the assumption that `shares` makes."""
    source = source_of(given)
    known = getattr(source.estimator, "_shares", None) if X is None else None
    return Reading(source, evidence_of(source), X, known)


def summary_of(given: Any) -> str:
    """The text of `Model.summary` and of the estimators' `summary`."""
    source = source_of(given)
    if source.model.outputs:
        return "\n".join(_shared_lines(source))
    return "\n".join(_Text(reading_of(source)).lines())


def _shared_lines(source: Source) -> list[str]:
    """Several outputs: the directions they share, and what each is worth to each of them."""
    model, told = source.model, evidence_of(source)
    names = [printable(name, 10) for name in model.outputs]
    of = "classes" if model.family == "softmax" else "targets"
    scale = np.asarray(model.scale)
    amplitudes = np.asarray(model.amplitudes).reshape(-1, len(names))
    lines = [
        f"{printable(model.target or 'y', 36)}: {len(names)} {of} share {len(amplitudes)} "
        f"feature{'s' if len(amplitudes) != 1 else ''}",
        ", ".join([*([f"{told.rows} rows"] if told.rows else []),
                   f"{len(scale)} column{'s' if len(scale) != 1 else ''}",
                   *([f"weight decay {short(told.weight_decay)}"] if told.weight_decay else [])]),
        "",
    ]
    if math.isfinite(told.error):
        said = with_noise(told.error, told.standard_error)
        lines.append(f"error        {said} of the {spread(model.family)}, held out")
    shown = names[: (_COLUMNS - 12) // 11]
    cut = len(shown) < len(names)
    lines.append("output       " + "".join(f"{padded(name, 11)}" for name in shown) + ("…" if cut else ""))

    def row(head: str, values: Any) -> str:
        cells = "".join(padded(signed(float(value)), 11) for value in values[: len(shown)])
        return (f"{padded(head, 13)}{cells}" + ("…" if cut else "")).rstrip()

    lines.append(row("intercept", np.asarray(model.alpha) + np.asarray(model.beta) @ model.center))
    for i, values in enumerate(amplitudes[:_MOST_FEATURES]):
        lines.append(row(f"feature {i + 1}", values))
    if len(amplitudes) > _MOST_FEATURES:
        lines.append(f"and {len(amplitudes) - _MOST_FEATURES} smaller features")
    if len(amplitudes):
        lines += ["", "feature      direction, by standard deviation"]
    for i, direction in enumerate(np.asarray(model.directions)[:_MOST_FEATURES] * scale):
        unit = direction / (np.linalg.norm(direction) or 1.0)
        order = np.argsort(-np.abs(unit), kind="stable")
        named = [f"{loading(unit[j])} {printable(model.columns[j], 16)}"
                 for j in order[:3] if abs(unit[j]) >= 0.05]
        lines.append(f"{i + 1:<13}" + "  ".join(named))
    if told.certificate:
        gap = short(float(told.certificate["relative_gap"]), 2)
        lines += ["", *_wrapped("certificate  ", f"the penalized network is within {gap} (relative) of "
                                "the best of any width (estimated)")]
    for warning in told.warnings[:3]:
        lines += _wrapped("warning      ", printable(warning))
    return lines


class _Text:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def lines(self) -> list[str]:
        reading = self._reading
        told = reading.evidence
        count = len(reading.curves) or len(reading.features)
        kind = "smooth function" if reading.curves else "feature"
        features = "no feature" if count == 0 else f"{count} {kind}{'s' if count > 1 else ''}"
        lines = [
            f"{printable(reading.sum, 36)} = intercept + linear part + {features}",
            self._fitted(),
            "",
        ]
        if math.isfinite(told.error):
            said = f"{with_noise(told.error, told.standard_error)} of the {reading.spread}, held out"
            known = "R²" if reading.family == "square" else "explained"
            lines.append(f"error        {said} ({known} {short(1.0 - told.error)})")
        if math.isfinite(told.linear_error):
            as_well = ", as good within one standard error" if reading.linear_does_as_well() else ""
            lines.append(f"  linear     {short(told.linear_error)} without features{as_well}")
        if reading.meaning:
            lines += _wrapped("score        ", reading.meaning)
        lines.append(
            f"intercept    {short(reading.level, 4)} at the columns' means"
            + (f" ({short(reading.alpha, 4)} at zero)" if reading.center.any() else "")
        )
        lines.append(self._row("linear part  ", reading.linear))
        lines += self._features()
        certified = reading.certified()
        if certified:
            lines += ["", *_wrapped("certificate  ", certified)]
        for warning in told.warnings[:3]:
            lines += _wrapped("warning      ", printable(warning))
        return lines

    def _fitted(self) -> str:
        reading = self._reading
        told = reading.evidence
        d = len(reading.columns)
        parts = [f"{told.rows} rows"] if told.rows else []
        parts.append(f"{d} column{'s' if d != 1 else ''}")
        if told.weight_decay:
            parts.append(f"weight decay {short(told.weight_decay)}")
        if told.relaxed:
            parts.append("refitted without penalty")
        return ", ".join(parts)

    def _features(self) -> list[str]:
        reading = self._reading
        if not reading.features:
            return []
        if reading.curves:
            return self._curves()
        held = "explains" if not reading.shares.assumed else "explains*"
        unit = "standard deviation" if reading.standardized else "unit of each column"
        lines = [
            "",
            f"feature  {held:<9}   slope   beyond  direction, by {unit}",
        ]
        for one in reading.features[:_MOST_FEATURES]:
            head = (
                f"{one.number:>7}  {_percent(one.explained):>8}  {signed(one.slope):>7}  "
                f"{signed(one.bend, 2):>6}  "
            )
            lines.append(self._row(head, one.direction))
        rest = reading.features[_MOST_FEATURES:]
        if rest:
            share = sum(one.explained for one in rest)
            lines.append(f"{len(rest)} more explain {_percent(share)}")
        lines.append(f"{'linear':>7}  {_percent(reading.shares.linear):>8}")
        lines.append("a feature is slope * max(0, u - beyond), u = direction * (columns - means)")
        if reading.shares.assumed:
            lines.append(f"* of the {reading.told}'s variance, for independent Gaussian columns")
        return lines

    def _curves(self) -> list[str]:
        reading = self._reading
        held = "explains" if not reading.shares.assumed else "explains*"
        unit = "standard deviation" if reading.standardized else "unit of each column"
        lines = ["", f"feature  {held:<9}  freedom  direction, by {unit}"]
        for one in reading.curves:
            head = f"{one.number:>7}  {_percent(one.explained):>8}  {one.degrees_of_freedom:>8.1f}  "
            lines.append(self._row(head, one.direction))
        lines.append(f"{'linear':>7}  {_percent(reading.shares.linear):>8}")
        lines.append("a feature is a smooth function of u = direction * (columns - means), of so many")
        lines.append("effective degrees of freedom")
        if reading.shares.assumed:
            lines.append("* of the prediction's variance, for independent Gaussian columns")
        return lines

    def _row(self, head: str, loadings: np.ndarray) -> str:
        """As many columns of a direction as there is room for."""
        reading = self._reading
        if not np.any(loadings):
            return head + "none"
        count = reading.named(loadings)
        for names in range(min(4, count), 0, -1):
            words = reading.direction(loadings, names)
            more = f" +{count - len(words)} more" if count > len(words) else ""
            room = _COLUMNS - width(head) - width(more)
            room -= sum(width(number) + 1 for number, _ in words) + 2 * (len(words) - 1)
            each = _shared([width(name) for _, name in words], room)
            if names > 1 and any(given < min(10, width(name)) for given, (_, name) in zip(each, words)):
                continue
            return head + "  ".join(
                f"{number} {printable(name, max(given, 4))}"
                for given, (number, name) in zip(each, words)
            ) + more
        return head


def _shared(wanted: list[int], room: int) -> list[int]:
    """Room for each, no more than it wants: what short ones leave goes to the long ones."""
    given = [0] * len(wanted)
    for place, i in enumerate(sorted(range(len(wanted)), key=lambda i: wanted[i])):
        given[i] = min(wanted[i], max(room, 0) // (len(wanted) - place))
        room -= given[i]
    return given


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f}%".replace("-", "−")


def _wrapped(head: str, text: str) -> list[str]:
    lines, line = [], head
    for word in text.split():
        if width(line) + 1 + width(word) > _COLUMNS and line.strip() and line != head:
            lines.append(line)
            line = " " * len(head)
        line += word if line in (head, " " * len(head)) else " " + word
    return [*lines, line]


# ---- notebooks


def html_of(given: Any) -> str:
    """A model for a notebook: in the notebook's own colours, so in light and dark."""
    source = source_of(given)
    if source.model.outputs:
        told = html.escape("\n".join(_shared_lines(source)))
        return f"<pre style='white-space:pre-wrap;margin:.5em 0'>{told}</pre>"
    reading = reading_of(given)
    cell = "padding:.15em .8em .15em 0;text-align:"
    if reading.curves:
        return _html_of_curves(reading)
    rows = [
        f"<tr><td style='{cell}right'>{one.number}</td>"
        f"<td style='{cell}right'>{_percent(one.explained)}</td>"
        f"<td style='{cell}right'>{signed(one.slope)}</td>"
        f"<td style='{cell}right'>{signed(one.bend, 2)}</td>"
        f"<td style='{cell}left'>{_words(reading, one.direction)}</td></tr>"
        for one in reading.features[:_MOST_FEATURES]
    ]
    rest = len(reading.features) - len(rows)
    if rest > 0:
        share = _percent(sum(one.explained for one in reading.features[_MOST_FEATURES:]))
        rows.append(f"<tr><td colspan=5>{rest} more explain {share}</td></tr>")
    rows.append(
        f"<tr><td style='{cell}right'>linear</td>"
        f"<td style='{cell}right'>{_percent(reading.shares.linear)}</td><td></td><td></td>"
        f"<td style='{cell}left'>{_words(reading, reading.linear)}</td></tr>"
    )
    heads = "".join(
        f"<th style='{cell}{side}'>{name}</th>"
        for name, side in (("feature", "right"), ("explains", "right"), ("slope", "right"),
                           ("beyond", "right"), (f"direction, by {reading.unit}", "left"))
    )
    text = _Text(reading).lines()
    head = [line for line in text[: text.index("", 3) if "" in text[3:] else len(text)] if line]
    certified = reading.certified()
    return (
        "<div style='max-width:60em'><pre style='white-space:pre-wrap;margin:.5em 0'>"
        + html.escape("\n".join(head))
        + "</pre><div style='overflow-x:auto'><table style='border-collapse:collapse'>"
        + f"<tr>{heads}</tr>{''.join(rows)}</table></div>"
        + (f"<p>Certificate: {html.escape(certified)}.</p>" if certified else "")
        + "</div>"
    )


def _html_of_curves(reading: Reading) -> str:
    text = "\n".join(_Text(reading).lines())
    return f"<pre style='white-space:pre-wrap;margin:.5em 0'>{html.escape(text)}</pre>"


def _words(reading: Reading, loadings: np.ndarray) -> str:
    words = "&ensp;".join(
        f"{number} <bdi>{html.escape(printable(name, 30))}</bdi>"
        for number, name in (reading.direction(loadings) if np.any(loadings) else [])
    )
    more = reading.left_out(loadings) if words else 0
    return (words or "none") + (f"&ensp;and {more} more" if more > 0 else "")


# ---- models


def _summary(model: _core.Model) -> str:
    return summary_of(Source(model, columns=tuple(model.columns)))


def _html(model: _core.Model) -> str:
    return html_of(Source(model, columns=tuple(model.columns)))


def extend(model_class: Any) -> None:
    """Gives the compiled class what is told in Python."""
    _summary.__name__, _html.__name__ = "summary", "_repr_html_"
    _summary.__qualname__, _html.__qualname__ = "Model.summary", "Model._repr_html_"
    _summary.__doc__ = (
        "The model in words and numbers, 80 columns wide: target, intercept, linear part and\n"
        "features in the order of what they explain. ``print(model)`` prints it. A regressor's\n"
        "``summary`` also knows rows, error and certificate."
    )
    model_class.summary = _summary
    model_class.__str__ = _summary
    model_class._repr_html_ = _html
