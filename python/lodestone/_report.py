"""One page about a model: what it found, how sure that is, pictures, and how to repeat it."""

from __future__ import annotations

import importlib
import math
import os
import sys
from pathlib import Path
from typing import Any, Callable, Optional, Union

import numpy as np

from lodestone import _core, plots
from lodestone._families import explained, reliability
from lodestone._network import Network, refuse_several
from lodestone._objectives import PopulationObjective
from lodestone._onnx import write_whole
from lodestone._reading import Bend, Curve, Reading, evidence_of
from lodestone._sources import Source, read_columns, read_json, source_of
from lodestone._style import PAPER, ROLES, inline_svg, loading, printable, settings, short, signed, with_noise
from lodestone._teacher import Teacher

# A larger table is not read again for the pictures.
_MOST_ROWS = 200_000
# Features with a picture; the rest has a line each.
_MOST_FEATURES = 8
_MOST_LOADINGS = 8
_MOST_COLUMNS = 15
# The table of the whole model has no more numbers than this.
_MOST_NUMBERS = 1500
_TEMPLATE = "report.html.jinja"
# What of a run's configuration says which rows and columns it read.
_TABLE_OPTIONS = ("data", "target", "weights", "exclude", "categories", "missing")


def report(
    source: Any,
    out: Optional[Union[str, os.PathLike]] = None,
    *,
    X: Optional[Any] = None,
    y: Optional[Any] = None,
    overwrite: bool = False,
) -> Path:
    """Writes one self-contained page about a model.

    It needs nothing but a browser: pictures are inside, and there are no scripts. Rows give it the
    pictures of data: those of a run's table, where it is still where it was, or X and y.

    Parameters
    ----------
    source : a run's folder (of `lodestone fit` or `lodestone train`), fitted LodestoneRegressor or
        LodestoneClassifier, Pipeline or search that ends in one, Model, Network or TrainResult
    out : str or PathLike, optional
        The page. Default: report.html in the run's folder; for a model in memory, report.html in the
        working directory.
    X, y : rows (n, d) and targets or labels (n,), optional
        Rows to show beside the model, as its `predict` takes them. Shares of variance are taken over
        them.
    overwrite : bool
        Replace a page that is there.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ImportError
        Without matplotlib or jinja2.
    TypeError, ValueError
        For what holds no model, and rows that do not fit it.
    OSError
        For a folder that holds no finished run, damaged files, and a page that is already there.
    """
    if (X is None) != (y is None):
        raise ValueError("X, y: got one without the other; must be both or none")
    summary: dict[str, Any] = {}
    if isinstance(source, (str, os.PathLike)):
        folder = Path(source)
        summary = read_json(folder / "summary.json", folder)
        command = summary.get("command")
        if command not in ("fit", "train"):
            raise OSError(f"{folder}: holds a run of {command!r}; reports are made of fit and train")
    held = source_of(source)
    refuse_several(held.model)
    page = Path(out) if out is not None else (held.folder or Path()) / "report.html"
    if page.exists() and not overwrite:
        how = "--overwrite" if held.folder is not None else "overwrite=True"
        raise FileExistsError(f"{page}: is already there; overwrite it with {how}")
    template = _template()
    rows, target = None, None
    if X is not None:
        rows, target = held.rows(X), held.targets(y)
        if target.shape != (len(rows),):
            raise ValueError(f"y: got shape {target.shape}; X has {len(rows)} rows")
    with settings():
        content = _Page(held, summary, rows, target).parts()
    write_whole(page, template.render(**content).encode("utf-8", "replace"))
    return page


def _template() -> Any:
    try:
        import jinja2
    except ImportError as missing:
        raise ImportError("reports need jinja2: pip install 'lodestone[report]'") from missing
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(short=short, signed=signed, loading=loading, percent=_percent)
    return environment.get_template(_TEMPLATE)


def _percent(share: float, places: int = 1) -> str:
    return f"{100.0 * share:.{places}f}%".replace("-", "−")


class _Page:
    """What the template is filled with."""

    def __init__(
        self,
        source: Source,
        summary: dict[str, Any],
        X: Optional[np.ndarray],
        y: Optional[np.ndarray],
    ) -> None:
        self._source, self._summary, self._folder = source, summary, source.folder
        self._notes: list[str] = []
        self._figures = 0
        self._own_rows = X is not None
        if X is None and self._folder is not None:
            X, y = self._rows_of_run(self._folder)
        self._X, self._y = X, y
        evidence = evidence_of(source)
        known = getattr(source.estimator, "_shares", None) if X is None else None
        self._reading = Reading(source, evidence, X, known)

    def parts(self) -> dict[str, Any]:
        reading, told = self._reading, self._reading.evidence
        name = {"fit": "fit", "train": "training run"}.get(told.command, "model")
        over = f"Lodestone {name}" + (f" · {printable(told.source)}" if told.source else "")
        most = len(reading.shown) if reading.curves else _MOST_FEATURES
        shown, rest = reading.shown[:most], reading.features[_MOST_FEATURES:]
        if reading.curves:
            rest = []
        limits = self._limits(shown)
        return {
            "title": f"{told.command}: {reading.target}",
            "over": over,
            "target": reading.target,
            "unit": reading.unit,
            "sum": reading.sum,
            "told": reading.told,
            "meaning": reading.meaning[:1].upper() + reading.meaning[1:],
            "colours": _colours(),
            "lead": self._lead(),
            "facts": self._facts(),
            "warnings": told.warnings,
            "predictions": self._predictions(),
            "curve": self._curve(),
            "features_words": self._features_words(len(shown), len(rest)),
            "features": [self._feature(one, limits) for one in shown],
            "rest": [self._line(one) for one in rest],
            "rest_words": f"The other {len(rest)} features explain "
                          f"{_percent(sum(one.explained for one in rest))} together.",
            "linear": self._linear(),
            "alpha": short(reading.alpha, 4),
            "count": len(reading.shown),
            "whole": self._whole(),
            "importance": self._importance(),
            "subspace": self._subspace(),
            "recovery": self._summary.get("recovery"),
            "certificate": self._certificate(),
            "course": self._course(),
            "repeat": self._repeat(),
            "notes": self._notes,
        }

    # ---- words

    def _lead(self) -> list[str]:
        reading, told = self._reading, self._reading.evidence
        m, d = len(reading.shown), len(reading.columns)
        columns = f"{d} column{'s' if d != 1 else ''}"
        if m == 0:
            first = f"The model of {reading.target} is a linear function of {columns}, without bends."
        else:
            first = (
                f"The model of {reading.target} looks at {columns} along {m} direction"
                f"{'s' if m != 1 else ''}, each with a {'smooth function' if reading.curves else 'bend'}, "
                "beside a linear part."
            )
        important = reading.important()
        if important:
            listed = [f"{name} ({_percent(share, 0)})" for name, share in important]
            told_names = listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " and " + listed[-1]
            first += f" Its {reading.told} follows {told_names} most."
        enough = self._enough_directions()
        if m > 1 and enough < min(m, d):
            first += (f" 95% of its change happens along {enough} direction"
                      f"{'s' if enough != 1 else ''} (below).")
        if reading.meaning:
            first += f" {reading.meaning[0].upper()}{reading.meaning[1:]}."
        return [first, " ".join([*self._how_well(), *self._how_sure()])]

    def _enough_directions(self) -> int:
        """Of the directions in which the model changes, those that hold 95% of its change."""
        return int(np.searchsorted(np.cumsum(self._reading.shares.subspace), 0.95)) + 1

    def _how_well(self) -> list[str]:
        reading, told = self._reading, self._reading.evidence
        said = []
        if math.isfinite(told.error):
            share = with_noise(100 * (1 - told.error), 100 * told.standard_error)
            how = f"{told.folds}-fold cross-validation" if (told.folds or 0) > 1 else "validation rows"
            typical = self._typical(told.error)
            said.append(
                f"On rows it had not seen it explains {share}% of the "
                f"{reading.spread} ({how}{f', {told.rows} rows' if told.rows else ''})"
                + (f", a typical error of {typical}." if typical else ".")
            )
        if told.test and reading.spread == "deviance" and told.test.get("deviance_explained") is not None:
            said.append(self._tested())
        elif told.test and told.test.get("r2") is not None:
            rows = told.test.get("rows")
            where = f"On {int(rows)} rows set aside for testing" if rows else "Over its whole population"
            said.append(f"{where} R² is {short(float(told.test['r2']), 4)} and the error "
                        f"{short(float(told.test['rmse']))} (root mean square).")
        recovery = self._summary.get("recovery")
        if recovery:
            said.append(f"It recovered {recovery['recovered']} of the {recovery['teachers']} hidden "
                        "directions.")
        if not said and self._y is not None and self._X is not None:
            share_shown = 100 * self._explained_here()
            unit = "deviance" if reading.linked else "variance"
            said.append(f"On the rows shown here it explains {short(share_shown, 3)}% of the {unit}; "
                        "whether it was fitted to them this page does not know.")
        return said or ["How well it predicts is not known to this page."]

    def _tested(self) -> str:
        test = self._reading.evidence.test
        said = (f"On {int(test['rows'])} rows set aside for testing it explains "
                f"{short(100 * float(test['deviance_explained']), 3)}% of the deviance")
        for name, words in (("log_loss", "the log loss is {}"), ("accuracy", "the accuracy {}")):
            if test.get(name) is not None:
                said += ", " + words.format(short(float(test[name]), 3))
        return said + "."

    def _explained_here(self) -> float:
        """Share of deviance (without a link: of variance) that is explained on the rows shown."""
        assert self._X is not None and self._y is not None
        model = self._reading.model
        return explained(model.family, model.scores(self._X), model.predict(self._X), self._y)

    def _typical(self, error: float) -> str:
        if self._reading.spread != "variance":
            return ""
        if self._y is not None and not self._own_rows:
            return short(float(np.std(self._y)) * error**0.5, 3)
        if self._reading.standardized:
            return short(float(self._reading.model.target_scale) * error**0.5, 3)
        return ""

    def _how_sure(self) -> list[str]:
        reading, told = self._reading, self._reading.evidence
        said = []
        as_well = reading.linear_does_as_well()
        if as_well is not None and reading.features:
            linear = short(100 * (1 - told.linear_error), 3)
            said.append(
                f"A linear model explains {linear}%, as much within one standard error: the bends are "
                "weak evidence." if as_well else f"A linear model explains {linear}%: the bends matter."
            )
        found = [one for one in reading.shown if math.isfinite(one.found_share)]
        if found:
            firm = sum(one.found_share >= 0.8 for one in found)
            turn = max((one.angle_95_deg for one in found if math.isfinite(one.angle_95_deg)),
                       default=math.nan)
            said.append(
                f"{firm} of {len(found)} features are found again in at least 80% of resamples"
                + (f", the least firm turning by up to {short(turn, 2)}°." if math.isfinite(turn)
                   else ".")
            )
        elif reading.features and told.command == "fit":
            said.append("How firmly the rows hold the directions was not measured (bootstrap).")
        certified = reading.certified()
        if certified:
            said.append(certified[0].upper() + certified[1:] + ".")
        return said

    def _facts(self) -> list[tuple[str, str]]:
        reading, told, summary = self._reading, self._reading.evidence, self._summary
        facts = [("smooth functions" if reading.curves else "features", str(len(reading.shown)))]
        if summary.get("neurons") is not None:
            facts.append(("neurons of the penalized network", str(summary["neurons"])))
        if told.rows:
            facts.append(("rows", f"{told.rows:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")))
        if math.isfinite(told.error):
            facts.append((f"held-out error, of the {reading.spread}",
                          with_noise(told.error, told.standard_error)))
        if reading.spread == "deviance":
            for name, words in (("deviance_explained", "test deviance explained"),
                                ("log_loss", "test log loss"), ("accuracy", "test accuracy")):
                if told.test.get(name) is not None:
                    facts.append((words, short(float(told.test[name]), 4)))
        elif told.test.get("r2") is not None:
            facts.append(("test R²", short(float(told.test["r2"]), 4)))
        if told.weight_decay:
            facts.append(("weight decay λ", short(told.weight_decay)))
        if summary.get("status") and summary["status"] != "converged":
            facts.append(("status", str(summary["status"])))
        if summary.get("loss") is not None and told.command == "train":
            facts.append(("loss", short(float(summary["loss"]))))
        if summary.get("steps") is not None:
            facts.append(("steps", str(summary["steps"])))
        return facts

    # ---- parts

    def _figure(self, caption: str, drawn: Any, note: str = "") -> dict[str, str]:
        self._figures += 1
        drawn.suptitle("")  # the caption says it
        name = f"figure-{self._figures}"
        return {"name": name, "caption": caption + ("." if note else ""), "note": note,
                "svg": inline_svg(drawn, name, caption)}

    def _predictions(self) -> Optional[dict[str, Any]]:
        if self._X is None or self._y is None:
            return None
        predicted = self._reading.model.predict(self._X)
        n = len(self._y)
        note = f"The {n} rows given" if self._own_rows else f"The {n} rows of the table"
        if not self._own_rows:
            note += ", which the model was fitted to: errors on new rows are larger" if (
                n == self._reading.evidence.rows
            ) else ", those set aside for testing or validation among them"
        note += "." if n <= 800 else "; 800 are shown."
        reading, share = self._reading, short(self._explained_here(), 3)
        note += (f" The share of the deviance that is explained is {share} over all of them."
                 if reading.linked else f" R² is {share} over all of them.")
        if reading.family == "logistic":
            return self._reliability(predicted, self._y, note)
        figure = self._figure(
            "Predicted against observed",
            plots._predictions_of(predicted, self._y, self._reading.target, most=800),
            "A dot a row; on the line both agree. " + note,
        )
        return {**figure, "title": "Predicted against observed", "bins": []}

    def _reliability(self, predicted: np.ndarray, y: np.ndarray, note: str) -> dict[str, Any]:
        """Are probabilities right?"""
        bins = reliability(predicted, y)
        group = "a tenth of the rows" if len(bins["rows"]) == 10 else "a group of rows"
        figure = self._figure(
            "Predicted probability against observed share",
            plots._reliability_of(bins, self._reading.event),
            f"A dot is {group}, by predicted probability; on the line both agree. Bars: 1.96 standard "
            f"errors of the share. {note}",
        )
        rows = [
            {"rows": int(count), "predicted": float(mean), "observed": float(share),
             "noise": 1.96 * float(error)}
            for count, mean, share, error in zip(*(bins[name] for name in (
                "rows", "predicted", "observed", "standard_error")))
        ]
        return {**figure, "title": "Predicted against observed", "bins": rows}

    def _curve(self) -> Optional[dict[str, str]]:
        points = self._reading.evidence.curve
        if len(points) < 2:
            return None
        chosen = next((one for one in points if one["chosen"]), None)
        least = min(points, key=lambda one: one["error"])
        words = (
            f"Held-out error against the number of features; 0 is the linear model. The smallest is "
            f"{short(least['error'])}, with {least['features']} features ({least['kind']})."
        )
        if chosen is not None:
            error = with_noise(chosen["error"], chosen["standard_error"])
            words += f" Chosen: {chosen['features']} features ({chosen['kind']}), {error}."
        figure = self._figure("Error against the number of features", plots._curve_of(points, self._reading.spread),
                              "Bars: one standard error to either side.")
        return {**figure, "words": words}

    def _features_words(self, shown: int, rest: int) -> str:
        reading = self._reading
        over = ("if columns were independent and Gaussian" if reading.shares.assumed
                else "over the rows")
        adds = ("adds a smooth function of it" if reading.curves
                else f"adds to the {reading.told} beyond its bend")
        return (
            f"A feature looks along a direction, a weighted sum of columns, and {adds}. They stand in "
            f"the order of what they explain: their share of the variance "
            f"of the {reading.told}, {over}. {'The first 8 are shown. ' if rest else ''}All pictures have "
            "one scale" + ("." if self._X is None else
                           "; a dot is a group of rows along the direction: the feature, moved to where the "
                           "mean of the group would be right." if reading.linked else
                           "; dots are partial residuals, what the rest of the model leaves.")
        )

    def _limits(self, shown: list[Bend | Curve]) -> Optional[tuple[float, float]]:
        """One scale for all pictures of features."""
        reading = self._reading
        low, high = 0.0, 0.0
        spread = np.zeros(2)
        if self._X is not None and self._y is not None and not reading.linked:
            spread = np.quantile(self._y - reading.model.predict(self._X), [0.002, 0.998])
        for one in shown:
            start, end = plots._span(reading, one, self._X)
            added = one.value(np.array([start, *(at for at in one.bends() if start < at < end), end]))
            low = min(low, float(added.min() + spread[0]))
            high = max(high, float(added.max() + spread[1]))
            if self._X is not None and self._y is not None and reading.linked:
                dots = plots._partial(reading, one, self._X, self._y)[1]
                low, high = min([low, *dots]), max([high, *dots])
        if not high > low:
            return None
        room = 0.04 * (high - low)
        return low - room, high + room

    def _feature(self, one: Bend | Curve, limits: Any) -> dict[str, Any]:
        reading = self._reading
        order = _largest_first(one.direction)
        sure = []
        if math.isfinite(one.angle_95_deg):
            sure.append(f"direction ± {short(one.angle_95_deg, 2)}° (95%)")
        if math.isfinite(one.found_share):
            sure.append(f"in {_percent(one.found_share, 0)} of resamples")
        drawn = plots._shape_of(reading, one, self._X, self._y, limits)
        share = _percent(abs(one.explained))
        return {
            "figure": self._figure(f"Feature {one.number}", drawn),
            "explains": f"explains {share}" if one.explained >= 0.0 else f"takes back {share}",
            "number": one.number,
            "explained": one.explained,
            "sure": " · ".join(sure),
            "sentence": reading.sentence(one),
            "loadings": [
                {"name": reading.columns[j], "loading": float(one.direction[j]),
                 "weight": float(one.weights[j])}
                for j in order[:_MOST_LOADINGS]
            ],
            "more": len(order) - _MOST_LOADINGS,
        }

    def _line(self, one: Bend) -> dict[str, Any]:
        reading = self._reading
        return {
            "number": one.number, "explained": one.explained, "slope": one.slope, "bend": one.bend,
            "active": one.active, "words": reading.direction(one.direction),
            "more": reading.left_out(one.direction),
        }

    def _linear(self) -> dict[str, Any]:
        reading = self._reading
        order = _largest_first(reading.linear)
        rows: list[dict[str, Any]] = [
            {"name": reading.columns[j], "loading": float(reading.linear[j]),
             "weight": float(reading.beta[j])}
            for j in order[:_MOST_COLUMNS]
        ]
        at_zero = (f"; {short(reading.alpha, 4)} where all columns are 0" if reading.center.any() else "")
        words = (
            f"The linear part explains {_percent(reading.shares.linear)} of the variance of the "
            f"{reading.told}. It belongs to the features: what a feature adds is on top of it. The intercept "
            f"is {short(reading.level, 4)} where every column has its mean{at_zero}. By how much "
            f"{reading.subject} changes through the linear part when a column grows:"
        )
        if not rows:
            words = (f"There is no linear part. The intercept is {short(reading.level, 4)} where every "
                     f"column has its mean{at_zero}.")
        return {"words": words, "rows": rows, "left_out": len(order) - len(rows),
                "most": max((abs(row["loading"]) for row in rows), default=1.0),
                "both": any(row["loading"] < 0.0 for row in rows)}

    def _whole(self) -> Optional[dict[str, Any]]:
        reading = self._reading
        order = sorted(reading.features, key=lambda one: one.number)
        # The knots of smooth functions are in model.json.
        if reading.curves or len(reading.columns) * (len(order) + 1) > _MOST_NUMBERS:
            return None
        return {
            "numbers": [one.number for one in order],
            "rows": [
                {"name": name, "values": [float(reading.beta[j]),
                                          *(float(one.weights[j]) for one in order)]}
                for j, name in enumerate(reading.columns)
            ],
            "biases": [one.bias for one in order],
            "amplitudes": [one.amplitude for one in order],
        }

    def _importance(self) -> dict[str, Any]:
        reading = self._reading
        held = reading.shares
        order = np.argsort(-np.abs(held.columns), kind="stable")
        # Columns of a smooth function's pieces count together.
        parts_of = [(first, first + count) for first, count, *_ in reading.model.ridges]
        parts_of = parts_of or [(i, i + 1) for i in range(held.through.shape[1] - 1)]
        sums = np.column_stack([*(held.through[:, a:b].sum(axis=1) for a, b in parts_of),
                                held.through[:, -1]])
        m = len(parts_of)

        def through(j: int) -> list[str]:
            parts = np.argsort(-np.abs(sums[j]), kind="stable")[:3]
            return [
                f"{'linear part' if i == m else f'feature {i + 1}'}: {_percent(sums[j, i], 0)}"
                for i in parts
                if abs(sums[j, i]) >= 0.005
            ]

        rows = [{"name": reading.columns[j], "share": float(held.columns[j]), "through": through(j)}
                for j in order[:_MOST_COLUMNS]]
        over = ("columns as independent Gaussians, since there are no rows at hand" if held.assumed
                else "the rows")
        words = (
            f"The share of the variance of the {reading.told} that comes by each column, through every "
            f"feature and the linear part, over {over}. Shares add up to 100%; one is negative where "
            "other columns take back what it brings."
        )
        return {
            "words": words, "rows": rows, "left_out": len(order) - len(rows),
            "rest": float(held.columns[order[_MOST_COLUMNS:]].sum()),
            "most": max((abs(row["share"]) for row in rows), default=1.0) or 1.0,
            "both": any(row["share"] < -0.0005 for row in rows),
        }

    def _subspace(self) -> Optional[dict[str, Any]]:
        reading = self._reading
        held = reading.shares
        if len(held.subspace) == 0 or not reading.features:
            return None
        upto = np.cumsum(held.subspace)
        enough = self._enough_directions()
        words = (
            "The directions in which the model changes most: eigenvectors of the mean outer product of "
            "its gradient, in standardized columns. They do not depend on how the model is split into "
            "features. "
            + (f"The first {'one holds' if enough == 1 else f'{enough} hold'} 95% of its change."
               if upto[-1] >= 0.95 else f"The first {len(upto)} hold {_percent(upto[-1], 0)} of its change.")
        )
        figures = []
        if self._X is not None and self._y is not None:
            captions = (f"{reading.target} over the first direction",
                        f"{reading.target}, by colour, over the first two directions")
            figures = [self._figure(caption, drawn) for caption, drawn in
                       zip(captions, plots._subspace_figures(reading, self._X, self._y))]
        rows = [
            {"share": float(share), "words": reading.direction(axis, 5), "more": reading.left_out(axis, 5)}
            for share, axis in zip(held.subspace[:5], held.axes)
            if share >= 0.001
        ]
        return {"words": words, "figures": figures, "rows": rows}

    def _certificate(self) -> Optional[dict[str, Any]]:
        held = self._reading.evidence.certificate
        if held.get("relative_gap") is None:
            return None
        proven = held.get("kind") == "rigorous"
        words = (
            f"The penalized training loss at this λ is within {short(float(held['relative_gap']), 2)} "
            "(relative) of the least one that any two-layer network has, however wide and however "
            "trained. "
            + ("This is proven. " if proven else
               "The largest |η| is the largest one found, not a proven bound. ")
            + "It says nothing about how well the model predicts, nor about features merged or refitted "
            "afterwards."
        )
        names = (("sup_eta", "sup |η|, 1 at an optimum", 5), ("relative_gap", "gap, relative", 3),
                 ("gap", "gap", 3), ("starts", "searches", 0), ("distinct_maxima", "distinct maxima", 0),
                 ("unseen_share", "estimated share of maxima unseen", 2), ("cells", "cells of the proof", 0))
        rows = [("kind", str(held.get("kind", "")))]
        for key, name, digits in names:
            value = held.get(key)
            if isinstance(value, (int, float)) and not (key == "cells" and not value):
                # Near 1 its distance from there is what matters.
                if key == "sup_eta" and abs(value - 1.0) > 0.1:
                    digits = 4
                rows.append((name, short(float(value), digits) if digits else f"{int(value)}"))
        return {"words": words, "rows": rows}

    def _course(self) -> Optional[dict[str, Any]]:
        figures = []
        source: Any = self._folder if self._folder is not None else self._source.estimator
        if self._has("path_", "path.csv"):
            figures.append(self._figure("The path over the weight decay", plots.path(source)))
        if self._has("history", "history.csv"):
            figures.append(self._figure("The course of training", plots.timeline(source)))
        certificate = self._dual_certificate()
        if certificate is not None:
            figures.append(self._figure("The dual certificate", certificate))
        if not figures:
            return None
        return {"title": "The path that led here", "figures": figures}

    def _has(self, attribute: str, file: str) -> bool:
        if self._folder is not None:
            return (self._folder / file).exists() and len(read_columns(self._folder / file)) > 0
        return bool(getattr(self._source.estimator, attribute, None))

    def _dual_certificate(self) -> Any:
        """On a population everything is at hand: the teacher and the network."""
        decay = self._summary.get("lambda") or 0.0
        if (
            self._folder is None
            or not (self._folder / "teacher.json").exists()
            or self._summary.get("objective") != "population"
            or not decay > 0.0
        ):
            return None
        objective = PopulationObjective(Teacher.read(str(self._folder / "teacher.json")))
        network = Network.of(_core.Model.read(str(self._folder / "network.json")))
        network = Network(network.a, network.W)
        if not (network.width and network.masses.max() > 0.0):
            return None
        return plots.dual_certificate(objective, network, decay)

    def _repeat(self) -> list[tuple[str, str]]:
        if self._folder is None:
            estimator = self._source.estimator
            made = f"Made with Lodestone {_core.__version__}."
            if estimator is not None and hasattr(estimator, "get_params"):
                return [("The same numbers, to the last bit, come from the same rows and", repr(estimator)),
                        (made, "")]
            return [(made, "")]
        config = self._folder / "config.toml"
        text = config.read_text(encoding="utf-8") if config.exists() else ""
        shown = "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))
        again = f"lodestone {self._summary['command']} --config {config} --out AGAIN"
        version = self._summary.get("lodestone")
        seconds = self._summary.get("seconds")
        took = f" It took {short(float(seconds))} s." if isinstance(seconds, (int, float)) else ""
        return [("The same numbers, to the last bit, come from", again),
                (f"with Lodestone {version} and this configuration.{took}", shown)]

    # ---- rows

    def _rows_of_run(self, folder: Path) -> tuple[Optional[np.ndarray], Optional[np.ndarray]]:
        """The run's table, where it is still there."""
        options = _configuration(folder / "config.toml")
        source = options.get("data")
        if not source or source == "-":
            return None, None
        if self._source.model.offset:
            self._notes.append("Features are shown without rows: predictions of these need an offset.")
            return None, None
        try:
            X, y, columns = _core.read_rows({name: text for name, text in options.items()
                                             if name in _TABLE_OPTIONS}, str(folder))
        except (OSError, ValueError) as gone:
            self._notes.append(f"Features are shown without rows: {printable(gone)}")
            return None, None
        trained = self._summary.get("training_rows")
        aside = any(options.get(name) not in (None, "", "0", "0.0")
                    for name in ("test_share", "validation_share"))
        if columns != list(self._source.model.columns) or (
            trained is not None and (len(y) < trained or (len(y) > trained and not aside))
        ):
            self._notes.append("Features are shown without rows: the table is not the one of the run "
                               "any more.")
            return None, None
        if len(y) > _MOST_ROWS:
            self._notes.append(f"Features are shown without rows: the table has more than {_MOST_ROWS}.")
            return None, None
        return X, y


def _largest_first(loadings: np.ndarray) -> list[int]:
    """Columns with a loading."""
    return [int(j) for j in np.argsort(-np.abs(loadings), kind="stable") if loadings[j] != 0.0]


def _colours() -> dict[str, str]:
    """The palette as variables of the page."""
    roles = {"paper": PAPER, **ROLES}
    return {
        mode: " ".join(f"--{role}: {pair[k]};" for role, pair in roles.items())
        for k, mode in enumerate(("light", "dark"))
    }


def _configuration(file: Path) -> dict[str, str]:
    try:
        tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError:
        return {}
    if not file.exists():
        return {}
    with open(file, "rb") as text:
        options = tomllib.load(text)

    def as_text(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            return ",".join(_quoted(str(one)) for one in value)
        return str(value)

    # Keys are flags; the library's names have no dashes. "auto" is how a file leaves something out.
    texts = {name.replace("-", "_"): as_text(value) for name, value in options.items()}
    return {name: text for name, text in texts.items() if text != "auto"}


def _quoted(name: str) -> str:
    """A name in a list, as the command line reads it (src/io/name_list.cpp)."""
    if name and name == name.strip(" \t") and not any(c in name for c in ',"'):
        return name
    return '"' + name.replace('"', '""') + '"'
