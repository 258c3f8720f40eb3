"""Pictures of runs and fits (needs matplotlib: ``pip install 'lodestone[plots]'``).

Every function draws a new figure and returns it; save it with ``figure.savefig``. A model may be given as
what holds it: a run's folder, a fitted estimator, a Pipeline or search that ends in one, a Model. Lines
differ by their dashes as well as their colour, so that they can be told apart in print. All figures have
the report's style, whatever the settings of matplotlib are, and names are shown letter by letter.
"""

from __future__ import annotations

import functools
import math
import textwrap
from typing import Any, Callable, Mapping, Optional, Sequence, TypeVar, cast

import numpy as np

from lodestone import _style
from lodestone._families import curvature, has_link, reliability, spread
from lodestone._importance import shares
from lodestone._network import Network, refuse_several
from lodestone._objectives import PopulationObjective, _Objective
from lodestone._reading import Evidence, Reading, curve_points, evidence_of
from lodestone._sources import columns_for, source_of, truth
from lodestone._style import COLOURS, DOTS, INK, RULE, SOFT, figure as _figure, line, logarithmic
from lodestone._style import loading, printable, short, signed
from lodestone._teacher import Teacher

__all__ = ["curve", "dual_certificate", "features", "importance", "loadings", "neurons", "path",
           "predictions", "subspace", "timeline"]

# Directions of neurons, by the root of their mass, whose singular value is below this share of the
# largest do not count as a dimension: a few stray neurons should not hide the picture.
_RANK_TOLERANCE = 0.03
# Groups of rows along a feature: so many, of so many rows at least, whose prediction still moves.
_GROUPS, _LEAST_IN_GROUP, _LEAST_MOVE = 20, 10, 0.01
# Names of columns are cut to so many letters on axes.
_NAME = 26

_Draw = TypeVar("_Draw", bound=Callable[..., Any])


def _styled(draw: _Draw) -> _Draw:
    """Text takes our settings when it is made."""

    @functools.wraps(draw)
    def within(*arguments: Any, **options: Any) -> Any:
        with _style.settings():
            return draw(*arguments, **options)

    return cast(_Draw, within)


def _headline(figure: Any, text: str) -> None:
    """A title over the whole figure, on as many lines as its width asks for."""
    letters = int(figure.get_figwidth() / 0.1)
    figure.suptitle("\n".join(textwrap.wrap(text, letters)))


@_styled
def path(source: Any):
    """The λ-path of a fit: error, number of features and certified gap against λ.

    Parameters
    ----------
    source : fitted estimator (or what ends in one), a run's folder, or a mapping with the
        columns of path.csv

    Returns
    -------
    matplotlib Figure
        Three panels with one axis of λ, which falls from left to right. Bars are one standard error (s.e.)
        to either side.
    """
    columns = columns_for(source, "path_", "path.csv")
    weight_decay = columns["lambda"].astype(float)
    chosen = np.flatnonzero(truth(columns["chosen"]))
    figure, axes = _figure(3, size=(4.5, 5.4), sharex=True, height_ratios=(3, 2, 2))
    error, count, gap = axes[:, 0]
    error.plot(weight_decay, columns["train_error"], marker="s", ms=3.5, label="training rows",
               **line(1))
    validation = columns["validation_error"].astype(float)
    held_out = np.isfinite(validation)
    if held_out.any():
        error.errorbar(
            weight_decay[held_out],
            validation[held_out],
            columns["validation_standard_error"].astype(float)[held_out],
            marker="o", ms=3.5, capsize=2, elinewidth=1, label="held out ± 1 s.e.",
            **line(0),
        )
    if (columns["train_error"] > 0).all():
        logarithmic(error.yaxis)
    spread_of_target = _spread_of(source)
    error.set_ylabel(f"{'mean squared error' if spread_of_target == 'variance' else 'mean deviance'}\n"
                     f"(share of the {spread_of_target})")
    count.step(weight_decay, columns["features"], where="mid", color=COLOURS[0])
    count.plot(weight_decay, columns["features"], "o", ms=3.5, color=COLOURS[0])
    count.set_ylabel("features")
    count.set_ylim(bottom=0)
    count.yaxis.get_major_locator().set_params(integer=True)
    # Where no feature pays the gap is rounding: 14 decades of it would hide the rest.
    relative_gap = np.maximum(columns["relative_gap"].astype(float), 1e-5)
    gap.plot(weight_decay, relative_gap, marker="o", ms=3.5, **line(0))
    logarithmic(gap.yaxis, few=5)
    gap.set_ylabel("gap to the best\n(relative, from 10⁻⁵)")
    gap.set_xlabel("weight decay λ, falling to the right")
    for panel in (error, count, gap):
        for at in chosen:
            panel.axvline(weight_decay[at], color=SOFT, linewidth=1,
                          label="chosen" if panel is error else None)
    logarithmic(gap.xaxis)
    gap.invert_xaxis()
    # Above the panel: within it the line of the choice would run through the words.
    error.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, fontsize=8, handlelength=1.5,
                 columnspacing=1.0, borderpad=0.2)
    _headline(figure, "What each weight decay gives")
    return figure


def _spread_of(source: Any) -> str:
    """What the errors of a source are shares of; of a mapping, which does not say, the variance."""
    if isinstance(source, Mapping):
        return spread("square")
    try:
        return spread(source_of(source).model.family)
    except (OSError, TypeError):  # tables without a model beside them
        return spread("square")


@_styled
def curve(source: Any):
    """Cross-validated error against the number of features, the choice marked.

    Parameters
    ----------
    source : fitted estimator (or what ends in one), a run's folder, or a mapping with the
        columns of curve.csv or cross_validation.csv

    Returns
    -------
    matplotlib Figure
        Bars are one standard error to either side; 0 features are the linear model.
    """
    if isinstance(source, Mapping):
        points = curve_points({name: np.asarray(values) for name, values in source.items()})
    else:
        points = evidence_of(source_of(source)).curve
    if not points:
        raise ValueError("curve: nothing was cross-validated, so there are no errors to show")
    return _curve_of(points, _spread_of(source))


def _curve_of(points: Sequence[Mapping[str, Any]], spread_of_target: str):
    figure, axes = _figure(size=(4.4, 3.2))
    panel = axes[0, 0]
    linear = [one for one in points if one["kind"] == "linear"]
    kinds = (("penalized", "penalized network", 1, "s"), ("refitted", "refitted features", 0, "o"))
    for kind, label, style, marker in kinds:
        shown = linear + [one for one in points if one["kind"] == kind]
        if len(shown) == len(linear):
            continue
        panel.errorbar(
            [one["features"] for one in shown],
            [one["error"] for one in shown],
            [one["standard_error"] if math.isfinite(one["standard_error"]) else 0.0 for one in shown],
            marker=marker, ms=4, capsize=2, elinewidth=1, label=label, **line(style),
        )
    if linear:
        panel.plot([0], [linear[0]["error"]], "D", ms=6, color=INK, zorder=5, label="linear model")
    for one in points:
        if one["chosen"]:
            panel.plot([one["features"]], [one["error"]], "o", ms=12, mfc="none", mec=COLOURS[1],
                       mew=1.8, zorder=6, label=f"chosen: {one['features']}")
    most = max(one["features"] for one in points)
    if most > 12:
        # 0 has a place of its own on an axis that otherwise counts in ratios.
        panel.set_xscale("symlog", linthresh=1.0, linscale=0.5)
        marks = [n for n in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if n <= most]
    else:
        marks = list(range(0, most + 1, 1 if most <= 8 else 2))
    panel.set_xticks(marks, [str(n) for n in marks])
    panel.minorticks_off()
    errors = [one["error"] for one in points if one["error"] > 0]
    if errors and max(errors) > 4.0 * min(errors):
        logarithmic(panel.yaxis)
    panel.set_xlabel("features")
    panel.set_ylabel(f"cross-validated error\n(share of the {spread_of_target})")
    panel.legend()
    return figure


@_styled
def predictions(model: Any, X: Any, y: Any):
    """Predicted against observed values of the target; of classes, the share observed against the
    probability predicted, in ten groups of rows.

    Parameters
    ----------
    model : Model, fitted estimator, pipeline or search, or a run's folder
    X, y : rows (n, d) and targets or labels (n,)

    Returns
    -------
    matplotlib Figure
        Of classes, bars are 1.96 standard errors to either side: they meet the line where
        probabilities are right.
    """
    source = source_of(model)
    refuse_several(source.model)
    rows = source.rows(X)
    predicted, observed = source.model.predict(rows), source.targets(y)
    if source.model.family == "logistic":
        return _reliability_of(reliability(predicted, observed), Reading(source, Evidence(), rows).event)
    return _predictions_of(predicted, observed, printable(source.model.target))


def _reliability_of(bins: Mapping[str, np.ndarray], event: str):
    figure, axes = _figure(size=(4.2, 3.9))
    panel = axes[0, 0]
    panel.plot([0.0, 1.0], [0.0, 1.0], color=SOFT, linewidth=1, zorder=1)
    panel.errorbar(bins["predicted"], bins["observed"], 1.96 * bins["standard_error"], fmt="o", ms=5,
                   capsize=2, elinewidth=1, color=COLOURS[0])
    panel.set_xlim(-0.03, 1.03)
    panel.set_ylim(-0.03, 1.03)
    panel.set_aspect("equal")
    _few_ticks(panel)
    panel.set_xlabel(f"probability of {event}, predicted")
    panel.set_ylabel("share observed")
    return figure


def _predictions_of(predicted: np.ndarray, observed: np.ndarray, target: str, most: int = 2000):
    figure, axes = _figure(size=(4.2, 3.9))
    panel = axes[0, 0]
    some = _thinned(len(observed), most)
    low = float(min(predicted.min(), observed.min()))
    high = float(max(predicted.max(), observed.max()))
    room = 0.03 * ((high - low) or 1.0)
    panel.plot([low, high], [low, high], color=SOFT, linewidth=1, zorder=1)
    panel.plot(predicted[some], observed[some], "o", ms=3.2, mew=0, alpha=0.5, color=COLOURS[0])
    panel.set_xlim(low - room, high + room)
    panel.set_ylim(low - room, high + room)
    panel.set_aspect("equal")
    _few_ticks(panel)
    target = printable(target, _NAME)
    panel.set_xlabel(f"{target}, predicted")
    panel.set_ylabel(f"{target}, observed")
    return figure


def _few_ticks(panel: Any, few: int = 5) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(few))
        low, high = axis.get_view_interval()
        size = max(abs(low), abs(high))
        # As many digits as tell neighbours apart.
        digits = 3 if high == low else max(3, math.ceil(math.log10(size / abs(high - low))) + 2)
        axis.set_major_formatter(FuncFormatter(lambda v, _, digits=digits: short(v, digits)))


@_styled
def timeline(source: Any):
    """When features are learned: loss, weight decay and angles over the steps of Algorithm 1.

    Parameters
    ----------
    source : TrainResult, a run's folder, a mapping with the columns of history.csv, or a list of these

    Returns
    -------
    matplotlib Figure
        Angles only where the run knew its teacher. Of one run, stages are shaded; of several, each has
        a colour, and weight decays are left out.
    """
    several = isinstance(source, (list, tuple))
    runs = [_history(one) for one in (source if several else [source])]
    if not runs:
        raise ValueError("timeline: got no runs; must be at least one")
    known = any(np.isfinite(run["mean_angle_deg"]).any() for run in runs)
    figure, axes = _figure(2 if known else 1, size=(4.5, 4.7 if known else 3.0), sharex=True)
    loss, last = axes[0, 0], axes[-1, 0]
    for k, run in enumerate(runs):
        named = f"run {k + 1}" if several else "loss L"
        loss.plot(run["step"], run["loss"], label=named, **line(k))
        if known:
            last.plot(run["step"], run["mean_angle_deg"],
                      label=named if several else "mean, by mass", **line(k))
    if not several:
        decay = runs[0]["lambda"]
        if (decay > 0).any():
            loss.plot(runs[0]["step"], np.where(decay > 0, decay, np.nan),
                      drawstyle="steps-post", label="weight decay λ", **line(1))
        if known:
            last.plot(runs[0]["step"], runs[0]["max_angle_deg"], label="largest", **line(1))
    loss.set_ylabel("loss" if several else "loss, weight decay")
    logarithmic(loss.yaxis)
    loss.legend()
    if known:
        last.set_ylabel("angle to the nearest\nhidden direction (°)")
        logarithmic(last.yaxis)
        last.legend()
    logarithmic(last.xaxis)
    if not several:
        _shade_stages(axes[:, 0], runs[0]["step"], runs[0]["stage"])
    last.set_xlabel("gradient steps")
    _headline(figure, "Features are learned while λ falls" if known
                    else "The loss while λ falls")
    return figure


def _history(source: Any) -> dict[str, np.ndarray]:
    run = {name: values.astype(float)
           for name, values in columns_for(source, "history", "history.csv").items()}
    run["step"] = np.maximum(run["step"], 1.0)
    return run


def _shade_stages(panels: Sequence[Any], step: np.ndarray, stage: np.ndarray) -> None:
    """Bands behind the lines; a stage too short for a label of its own shares its neighbour's."""
    low, high = np.log(step.min()), np.log(max(step.max(), step.min() * 1.01))
    room = 0.11  # a label's share of the panel's width
    labels: list[tuple[float, float, list[int]]] = []
    for number in np.unique(stage[np.isfinite(stage)]):
        within = step[stage == number]
        start, end = within.min(), within.max()
        if int(number) % 2 == 0:
            for panel in panels:
                panel.axvspan(start, end, color=_style.GRID, zorder=0, linewidth=0)
        left, right = ((np.log(x) - low) / (high - low) for x in (start, end))
        if labels and (left + right) / 2 - (labels[-1][0] + labels[-1][1]) / 2 < room:
            left, _, numbers = labels.pop()
            labels.append((left, right, [*numbers, int(number)]))
        else:
            labels.append((left, right, [int(number)]))
    for left, right, numbers in labels:
        text = (f"stage {numbers[0]}" if len(numbers) == 1
                else f"stages {numbers[0]}–{numbers[-1]}")
        panels[0].text(min(max((left + right) / 2, room / 2), 1 - room / 2), 1.0, text, ha="center",
                       va="bottom", fontsize=7.5, color=SOFT, transform=panels[0].transAxes)


@_styled
def neurons(snapshots: Sequence[tuple[int, Network]], teacher: Teacher):
    """Every neuron on its way to the teacher: its angle to the nearest hidden direction.

    Parameters
    ----------
    snapshots : sequence of (step, Network), in order of steps
        What ``train(..., keep_neurons=True).snapshots`` holds; networks of one width.
    teacher : Teacher

    Returns
    -------
    matplotlib Figure
        A line a neuron, with the dashes of the direction it ends at; thicker with more mass.
    """
    if len(snapshots) < 2:
        raise ValueError(f"snapshots: got {len(snapshots)}; must be at least 2: "
                         "train with keep_neurons=True")
    if len({network.width for _, network in snapshots}) > 1:
        raise ValueError("snapshots: got networks of different widths; must be of one width: "
                         "train with merge_tolerance=0")
    T = teacher.directions / np.linalg.norm(teacher.directions, axis=1, keepdims=True)
    steps = np.maximum([step for step, _ in snapshots], 1)
    cosines = np.array([np.abs(_unit(network.W) @ T.T) for _, network in snapshots])
    angles = np.degrees(np.arccos(np.clip(cosines, 0.0, 1.0)))
    nearest = cosines[-1].argmax(axis=1)
    masses = snapshots[-1][1].masses
    share = masses / max(masses.max(), np.finfo(float).tiny)
    figure, axes = _figure(size=(4.8, 3.5))
    panel = axes[0, 0]
    for i in range(angles.shape[1]):
        panel.plot(steps, np.maximum(angles[:, i].min(axis=1), 1e-4),
                   linewidth=0.3 + 1.7 * share[i] ** 0.5, alpha=0.6, **line(nearest[i]))
    for k in range(len(T)):
        count = int(((nearest == k) & (share > 1e-4)).sum())
        panel.plot([], [], label=f"direction {k + 1}: {count} neurons", **line(k))
    logarithmic(panel.xaxis)
    logarithmic(panel.yaxis)
    panel.set_xlabel("gradient steps")
    panel.set_ylabel("angle to the nearest hidden direction (°)")
    panel.set_title("Every neuron on its way to a hidden direction")
    panel.legend(fontsize=8)
    return figure


@_styled
def dual_certificate(
    objective: _Objective,
    network: Network,
    weight_decay: float,
    *,
    points: int = 721,
    pairs: int = 6,
):
    """η on the directions that matter: a network is optimal where |η| never exceeds 1 and is 1 at
    every neuron (docs/math.md, 6).

    Parameters
    ----------
    objective : PopulationObjective or SampleObjective
    network : Network
        In the objective's coordinates.
    weight_decay : float
        λ of the objective, > 0.
    points : int
        On a circle, or about as many squared on a sphere.
    pairs : int
        Great circles at most, where the directions span more than three dimensions.

    Returns
    -------
    matplotlib Figure
        Over the half circle where neurons (and a population's teachers) span two dimensions, over
        the half sphere for three, along great circles between neurons beyond. η is the same at u
        and −u: half shows everything.
    """
    if not weight_decay > 0.0:
        raise ValueError(f"weight_decay: got {weight_decay}; must be positive")
    weights = network.weights
    masses = network.masses
    if network.width == 0 or not masses.max() > 0.0:
        raise ValueError("network: has no neurons; η has no directions to be shown along")
    heavy = masses > 1e-4 * masses.sum()
    marked = _unit(weights[heavy])
    spanning = [masses[heavy, None] ** 0.5 * marked]
    if isinstance(objective, PopulationObjective):
        spanning.append(objective.teacher.directions)
    stacked = np.vstack(spanning)
    _, sizes, axes_of_span = np.linalg.svd(stacked, full_matrices=False)
    basis = axes_of_span[sizes > _RANK_TOLERANCE * sizes[0]]

    def eta(U: np.ndarray) -> np.ndarray:
        return -objective.correlate(network, U)[0] / weight_decay

    if len(basis) == 1:
        basis = _with_another_axis(basis)
    if len(basis) == 2:
        return _on_circle(eta, basis, marked, points)
    if len(basis) == 3:
        return _on_sphere(eta, basis, marked, points)
    return _on_great_circles(eta, marked, masses[heavy], pairs)


def _with_another_axis(basis: np.ndarray) -> np.ndarray:
    if basis.shape[1] == 1:
        return basis
    other = np.zeros(basis.shape[1])
    other[np.argmin(np.abs(basis[0]))] = 1.0
    other -= (other @ basis[0]) * basis[0]
    return np.vstack([basis, other / np.linalg.norm(other)])


def _bounds(panel: Any) -> None:
    for bound in (-1.0, 1.0):
        panel.axhline(bound, color=SOFT, linewidth=1)


def _on_circle(eta: Any, basis: np.ndarray, marked: np.ndarray, points: int):
    angle = np.linspace(0.0, np.pi, points)
    U = np.column_stack([np.cos(angle), np.sin(angle)]) @ basis
    figure, axes = _figure(size=(4.6, 3.0))
    panel = axes[0, 0]
    panel.plot(np.degrees(angle), eta(U), label="η", **line(0))
    at = np.degrees(np.arctan2(marked @ basis[1], marked @ basis[0])) % 180.0
    panel.plot(at, eta(marked), "o", color=COLOURS[1], label="neurons")
    _bounds(panel)
    panel.set_xlabel("direction in the plane of the neurons (°)")
    panel.set_ylabel("η")
    panel.set_title("η on the circle: optimal where |η| ≤ 1")
    panel.set_xticks(np.arange(0, 181, 30))
    panel.legend()
    return figure


def _on_sphere(eta: Any, basis: np.ndarray, marked: np.ndarray, points: int):
    # Lambert's equal-area map of the half sphere around the heaviest axis.
    side = max(41, int(points**0.5 * 8))
    grid = np.linspace(-1.0, 1.0, side)
    x, y = np.meshgrid(grid, grid)
    inside = x**2 + y**2 <= 1.0
    z = 1.0 - x**2 - y**2
    root = np.sqrt(np.maximum(2.0 - x**2 - y**2, 0.0))
    U = np.stack([z, x * root, y * root], axis=-1)[inside] @ basis
    values = np.full(x.shape, np.nan)
    values[inside] = eta(U)
    figure, axes = _figure(size=(4.8, 4.4))
    panel = axes[0, 0]
    top = max(1.0, float(np.nanmax(np.abs(values))))
    levels = np.linspace(-top, top, 21)
    filled = panel.contourf(x, y, values, levels=levels, cmap="RdBu_r")
    panel.contour(x, y, values, levels=[-0.99, 0.0, 0.99], colors=INK, linewidths=0.7)
    at = marked @ basis.T
    at *= np.where(at[:, :1] < 0, -1.0, 1.0)
    scale = 1.0 / np.sqrt(1.0 + at[:, 0])
    panel.plot(at[:, 1] * scale, at[:, 2] * scale, "o", mfc="none", mec=INK, label="neurons")
    panel.add_patch(_circle())
    panel.set_aspect("equal")
    panel.set_axis_off()
    figure.colorbar(filled, ax=panel, label="η", shrink=0.8)
    panel.legend(loc="lower left")
    panel.set_title("η on the half sphere (equal areas);\nlines at η = 0 and ±0.99")
    return figure


def _circle() -> Any:
    from matplotlib.patches import Circle

    return Circle((0.0, 0.0), 1.0, fill=False, color=SOFT)


def _on_great_circles(eta: Any, marked: np.ndarray, masses: np.ndarray, pairs: int):
    kept = _apart(marked, masses)
    chosen = [(i, j) for j in range(len(kept)) for i in range(j)][:pairs]
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    figure, axes = _figure(rows, columns, size=(1.2 + 1.5 * columns, 1.8 * rows + 0.5), sharey=True)
    for panel in axes.flat[len(chosen):]:
        panel.set_visible(False)
    for panel, (i, j) in zip(axes.flat, chosen):
        first = kept[i]
        other = kept[j] - (kept[j] @ first) * first
        other /= np.linalg.norm(other)
        angle = np.linspace(0.0, np.pi, 361)
        U = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * other
        panel.plot(np.degrees(angle), eta(U), **line(0))
        between = np.degrees(np.arccos(np.clip(kept[j] @ first, -1.0, 1.0)))
        panel.plot([0.0, between, 180.0], eta(np.vstack([first, kept[j], first])), "o",
                   color=COLOURS[1], ms=5)
        _bounds(panel)
        panel.set_xticks([0, 90, 180])
        panel.set_title(f"neurons {i + 1} and {j + 1}", fontsize=9)
    for panel in axes[:, 0]:
        panel.set_ylabel("η")
    for panel in axes[-1, :]:
        panel.set_xlabel("angle from the first (°)")
    _headline(figure, "η on great circles through pairs of neurons (dots)")
    return figure


def _apart(directions: np.ndarray, masses: np.ndarray) -> list[np.ndarray]:
    """The heaviest of each group of directions within 15 degrees, the heaviest first."""
    kept: list[np.ndarray] = []
    for i in np.argsort(-masses):
        if all(abs(directions[i] @ other) < np.cos(np.radians(15.0)) for other in kept):
            kept.append(directions[i])
    if len(kept) == 1:
        kept.append(_with_another_axis(kept[0][None, :])[1])
    return kept


@_styled
def features(model: Any, X: Any = None, y: Any = None, *, most: int = 9):
    """The learned ridge functions, each beside what the data leave for it. All have one scale.

    Parameters
    ----------
    model : Model, fitted estimator, pipeline or search, or a run's folder
    X, y : arrays (n, d) and (n,), optional
        Rows: dots are partial residuals, y less everything in the model but the feature. Of classes
        and counts, dots are groups of rows along the direction: the feature, moved by one Newton step
        to where the group's mean is right.
    most : int
        Features shown at most, the first of the model.

    Returns
    -------
    matplotlib Figure
        Along each feature's direction, in standard deviations of standardized columns from the mean.
    """
    source = source_of(model)
    refuse_several(source.model)
    rows = None if X is None else source.rows(X)
    target = None if X is None else source.targets(y)
    reading = Reading(source, Evidence(), rows)
    shown = sorted(reading.shown, key=lambda one: one.number)[:most]
    if not shown:
        raise ValueError("model: has no features to show: it is linear")
    columns = min(3, len(shown))
    grid = -(-len(shown) // columns)
    figure, axes = _figure(grid, columns, size=(2.7 * columns, 2.5 * grid + 0.4), sharey=True)
    for panel in axes.flat[len(shown):]:
        panel.set_visible(False)
    for one, panel in zip(shown, axes.flat):
        _shape(panel, reading, one, rows, target)
        panel.set_title(one.title)
    for panel in axes[:, 0]:
        panel.set_ylabel(printable(reading.sum, _NAME))
    _headline(figure, f"What each feature adds to the {reading.told}"
                    + ("" if rows is None else " (dots: partial residuals)"))
    return figure


def _shape(panel: Any, reading: Reading, one: Any, rows: Any, y: Any, dots: int = 2000) -> None:
    """A feature over its direction, with partial residuals where there are rows."""
    if rows is not None:
        along, partial = _partial(reading, one, rows, y)
        some = _thinned(len(along), dots)
        panel.plot(along[some], partial[some], "o", ms=4.5 if reading.linked else 2.4, mew=0, color=DOTS,
                   alpha=0.9 if reading.linked else 0.55, rasterized=dots > 500)
    start, end = _span(reading, one, rows)
    # The kinks themselves are points of the line.
    u = np.union1d(np.linspace(start, end, 101), [at for at in one.bends() if start < at < end])
    panel.plot(u, one.value(u), linewidth=2.2, color=COLOURS[0])
    panel.hlines(0.0, 0.0, 1.0, color=RULE, linewidth=0.7, zorder=0,
                 transform=panel.get_yaxis_transform())
    _few_ticks(panel)
    words = [f"{number} {printable(name, 22)}" for number, name in reading.direction(one.direction, 2)]
    more = reading.left_out(one.direction, 2)
    words += [f"and {more} more"] if more > 0 else []
    lines = [words[0]] if words else []
    for word in words[1:]:
        if _style.width(lines[-1]) + 2 + _style.width(word) > 34:
            lines.append(word)
        else:
            lines[-1] += "  " + word
    panel.set_xlabel("\n".join([*lines, f"({reading.unit}s from the mean)"]), fontsize=8)


def _partial(reading: Reading, one: Any, rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where dots lie along a feature's direction, and what the rest of the model leaves there: a dot a
    row, or with a link one of a group of rows, whose residuals would be too coarse alone."""
    along = _along(reading, one, rows)
    added = one.value(along)
    fitted = reading.model.predict(rows)
    if not reading.linked:
        return along, y - fitted + added
    moves = curvature(reading.family, fitted)
    count = max(1, min(_GROUPS, len(y) // _LEAST_IN_GROUP))
    dots = [
        (along[group].mean(), added[group].mean() + (y - fitted)[group].sum() / moves[group].sum())
        for group in np.array_split(np.argsort(along, kind="stable"), count)
        # Where all is certain, residuals say nothing of the score.
        if moves[group].sum() > _LEAST_MOVE * len(group)
    ]
    places, values = np.array(dots).reshape(-1, 2).T
    return places, values


def _along(reading: Reading, one: Any, rows: np.ndarray) -> np.ndarray:
    """Where rows lie along a feature's direction."""
    norm = float(np.linalg.norm(one.weights * reading.scale)) or 1.0
    return (rows - reading.center) @ one.weights / norm


def _span(reading: Reading, one: Any, rows: Any) -> tuple[float, float]:
    """From where to where a feature is drawn: over the rows, else over three deviations."""
    if rows is None:
        return -3.0, 3.0
    along = _along(reading, one, rows)
    return float(along.min()), float(along.max())


def _shape_of(reading: Reading, one: Any, rows: Any, y: Any, limits: Any):
    """One feature, for the report: its words stand beside it."""
    figure, axes = _figure(size=(3.3, 2.25))
    panel = axes[0, 0]
    _shape(panel, reading, one, rows, y, dots=300)
    if limits is not None:
        panel.set_ylim(limits)
    _few_ticks(panel, 4)
    panel.set_xlabel(f"{reading.unit}s along the direction", fontsize=8.5)
    adds_to = {"logistic": "the log odds", "poisson": "the log mean"}.get(
        reading.family, printable(reading.target, 14))
    panel.set_ylabel(f"adds to {adds_to}", fontsize=8.5)
    return figure


def _thinned(count: int, most: int) -> np.ndarray:
    return np.linspace(0, count - 1, min(count, most)).astype(int)


@_styled
def loadings(
    model: Any,
    reports: Optional[Mapping[str, Any]] = None,
    *,
    most: int = 6,
    columns: int = 12,
):
    """Which columns the features look along, for columns divided by their standard deviation.

    Parameters
    ----------
    model : Model, fitted estimator, pipeline or search, or a run's folder
    reports : mapping, optional
        The estimator's `feature_reports_`; its own (or the run's) own by default. After a
        bootstrap, lines show between which values a loading stays while the direction turns by its 95%
        angle.
    most : int
        Features shown at most, the first of the model.
    columns : int
        Columns shown at most, those with the largest loadings.

    Returns
    -------
    matplotlib Figure
        Loadings of 0.1 and more are also written out.
    """
    source = source_of(model)
    refuse_several(source.model)
    if reports is None:
        held = source.estimator
        reports = getattr(held, "feature_reports_", None)
        if reports is None:
            reports = evidence_of(source).reports if source.folder is not None else {}
    scaled = _unit(source.model.directions * np.asarray(source.model.scale))
    cone = np.asarray(reports.get("angle_95_deg", np.full(len(scaled), np.nan)), dtype=float)
    # Of a smooth function's pieces the first stands for all.
    firsts = [first for first, *_ in source.model.ridges]
    if firsts:
        scaled = scaled[firsts]
    shown = min(most, len(scaled))
    if shown == 0:
        raise ValueError("model: has no features to show: it is linear")
    scaled = scaled[:shown]
    order = np.argsort(-np.abs(scaled).max(axis=0), kind="stable")[:columns]
    names = [printable(source.columns[j], _NAME) for j in order]
    rows = np.arange(len(order))
    wide = max(_style.width(name) for name in names) * 0.075 + 0.3
    figure, axes = _figure(1, shown, size=(wide + 1.55 * shown, 1.5 + 0.27 * len(order)),
                           sharey=True)
    for i, panel in enumerate(axes[0]):
        values = scaled[i, order]
        panel.barh(rows, values, height=0.62, linewidth=0,
                   color=np.where(values < 0, COLOURS[1], COLOURS[0]))
        if i < len(cone) and np.isfinite(cone[i]):
            angle = np.arccos(np.clip(values, -1.0, 1.0))
            turn = np.radians(cone[i])
            panel.hlines(rows, np.cos(np.minimum(angle + turn, np.pi)),
                         np.cos(np.maximum(angle - turn, 0.0)), color=INK, linewidth=1.3)
        # Written in a column of their own, clear of bars and lines.
        for at, value in zip(rows, values):
            if abs(value) >= 0.1:
                panel.text(1.72, at, loading(value), fontsize=7.5, ha="right", va="center")
        panel.axvline(0.0, color=SOFT, linewidth=0.8)
        panel.set_xlim(-1.08, 1.75)
        panel.set_xticks([-1, 0, 1], ["−1", "0", "1"])
        panel.set_title(f"feature {i + 1}", loc="center")
        panel.grid(False, axis="y")
        panel.tick_params(axis="y", length=0)
    axes[0, 0].set_yticks(rows, names)
    axes[0, 0].invert_yaxis()
    figure.supxlabel("loading, columns by their standard deviation", fontsize=9)
    known = bool(np.isfinite(cone[:shown]).any())
    _headline(figure, "Where the features look"
                    + (" (lines: within the bootstrap's 95% angle)" if known else ""))
    return figure


@_styled
def importance(model: Any, X: Any = None, *, most: int = 15):
    """Share of the variance of the prediction that comes by each column, through every feature and the
    linear part (docs/math.md, 10).

    Parameters
    ----------
    model : Model, fitted estimator, pipeline or search, or a run's folder
    X : rows (n, d), optional
        What the shares are taken over. Default: columns as independent Gaussians with the centres and
        deviations of the training rows; an estimator has the shares of its own rows.
    most : int
        Columns shown at most.

    Returns
    -------
    matplotlib Figure
    """
    source = source_of(model)
    refuse_several(source.model)
    held = getattr(source.estimator, "feature_importances_", None) if X is None else None
    if held is None:
        held = shares(source.model, None if X is None else source.rows(X)).columns
    held = np.asarray(held, dtype=float)
    order = np.argsort(-np.abs(held), kind="stable")[:most]
    figure, axes = _figure(size=(4.6, 0.9 + 0.27 * len(order)))
    panel = axes[0, 0]
    values = 100.0 * held[order]
    panel.barh(np.arange(len(order)), values, height=0.62, linewidth=0,
               color=np.where(values < 0, COLOURS[1], COLOURS[0]))
    panel.axvline(0.0, color=SOFT, linewidth=0.8)
    panel.set_yticks(np.arange(len(order)), [printable(source.columns[j], _NAME) for j in order])
    panel.invert_yaxis()
    panel.grid(False, axis="y")
    panel.tick_params(axis="y", length=0)
    told = "score" if has_link(source.model.family) else "prediction"
    panel.set_xlabel(f"share of the variance of the {told} (%)")
    panel.set_title(f"Which columns the {told} follows")
    return figure


@_styled
def subspace(model: Any, X: Any, y: Any):
    """The target over the one or two directions in which the model changes most: a sufficient summary
    plot. They are the first eigenvectors of the mean outer product of the model's gradient in
    standardized columns (docs/math.md, 10.3).

    Parameters
    ----------
    model : Model, fitted estimator, pipeline or search, or a run's folder
    X, y : rows (n, d) and targets (n,)

    Returns
    -------
    matplotlib Figure
        The target against the first direction, and its colours over the first two.
    """
    source = source_of(model)
    refuse_several(source.model)
    rows = source.rows(X)
    reading = Reading(source, Evidence(), rows)
    return _subspace_of(reading, rows, source.targets(y))


def _subspace_of(reading: Reading, rows: np.ndarray, y: np.ndarray):
    two = _two_directions(reading)
    figure, axes = _figure(1, 2 if two else 1, size=(6.6 if two else 4.2, 3.2))
    _first_direction(axes[0, 0], reading, rows, y)
    if two:
        _both_directions(axes[0, 1], reading, rows, y)
    return figure


def _two_directions(reading: Reading) -> bool:
    """Whether a second direction has more than a hundredth of the change."""
    sizes = reading.shares.subspace
    if not len(sizes):
        raise ValueError("model: is constant; it changes along no direction")
    return len(sizes) > 1 and sizes[1] > 0.01


def _along_axis(reading: Reading, rows: np.ndarray, k: int) -> np.ndarray:
    standardized = (rows - reading.center) / np.where(reading.scale > 0.0, reading.scale, 1.0)
    return standardized @ reading.shares.axes[k]


def _first_direction(panel: Any, reading: Reading, rows: np.ndarray, y: np.ndarray,
                     most: int = 2000) -> None:
    some = _thinned(len(y), most)
    shown = y[some]
    if reading.family == "logistic":  # apart from each other, in an order that looks like none
        shown = shown + 0.1 * ((np.arange(len(some)) * 0.6180339887) % 1.0 - 0.5)
    panel.plot(_along_axis(reading, rows[some], 0), shown, "o", ms=3, mew=0, alpha=0.5,
               color=COLOURS[0])
    panel.set_xlabel(f"first direction ({100 * reading.shares.subspace[0]:.0f}%), {reading.unit}s")
    panel.set_ylabel(printable(reading.target, _NAME))
    _few_ticks(panel)
    if reading.family == "logistic":
        panel.set_yticks([0, 1], [printable(label, 12) for label in reading.labels])


def _both_directions(panel: Any, reading: Reading, rows: np.ndarray, y: np.ndarray,
                     most: int = 2000) -> None:
    some = _thinned(len(y), most)
    first, second = (_along_axis(reading, rows[some], k) for k in (0, 1))
    # Few colours, which a page can take along into the dark.
    shades: tuple[str, ...] = (COLOURS[0], COLOURS[5], DOTS, COLOURS[4], COLOURS[1])
    names: tuple[str, ...] = ("lowest fifth", "", "middle", "", "highest")
    if reading.family == "logistic":
        group = (y[some] > 0.5).astype(int)
        shades, names = (COLOURS[0], COLOURS[1]), tuple(printable(label, 12) for label in reading.labels)
    else:
        group = np.searchsorted(np.quantile(y, [0.2, 0.4, 0.6, 0.8]), y[some])
    for k, (shade, name) in enumerate(zip(shades, names)):
        panel.plot(first[group == k], second[group == k], "o", ms=3, mew=0, alpha=0.75, color=shade,
                   label=name or f"_{k}")
    panel.set_xlabel(f"first direction, {reading.unit}s")
    panel.set_ylabel(f"second direction ({100 * reading.shares.subspace[1]:.0f}%)")
    panel.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, markerscale=1.6,
                 handletextpad=0.1, columnspacing=0.8, borderpad=0.2)
    _few_ticks(panel)


def _subspace_figures(reading: Reading, rows: np.ndarray, y: np.ndarray) -> list[Any]:
    """The two panels as figures of their own, for the report."""
    figures = []
    for draw in (_first_direction, _both_directions)[: 2 if _two_directions(reading) else 1]:
        figure, axes = _figure(size=(3.5, 3.0))
        draw(axes[0, 0], reading, rows, y, most=400)
        figures.append(figure)
    return figures


def _unit(W: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(W, axis=1, keepdims=True)
    return W / np.where(norms > 0.0, norms, 1.0)
