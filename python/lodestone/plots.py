"""Pictures of runs and fits (needs matplotlib: ``pip install 'lodestone[plots]'``).

Every function draws a new figure and returns it; save it with ``figure.savefig``. Lines differ by
their dashes and markers as well as their colour, so that they can be told apart in print.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

import numpy as np

from lodestone._frames import rows_for
from lodestone._network import Network, model_of
from lodestone._objectives import PopulationObjective, _Objective
from lodestone._teacher import Teacher

__all__ = ["dual_certificate", "features", "loadings", "neurons", "path", "timeline"]

# Okabe and Ito's colours, in an order in which neighbours also differ in lightness.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

# Directions of neurons, by the root of their mass, whose singular value is below this share of the
# largest do not count as a dimension: a few stray neurons should not hide the picture.
_RANK_TOLERANCE = 0.03


def _style(i: int) -> dict[str, Any]:
    return {"color": _COLOURS[i % 7], "linestyle": _DASHES[i % 7]}


def _figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise ImportError(
            "pictures need matplotlib: pip install 'lodestone[plots]'"
        ) from missing
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)  # no window and no global state; notebooks show it all the same
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for one in axes.flat:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(True, color="0.9", linewidth=0.6)
        one.set_axisbelow(True)
    return figure, axes


def path(source: Any):
    """The λ-path of a fit: error, number of features and certified gap against λ.

    Parameters
    ----------
    source : fitted LodestoneRegressor, or a mapping with the columns of path.csv

    Returns
    -------
    matplotlib Figure
        Three panels with one axis of λ, which falls from left to right.
    """
    columns = {
        name: np.asarray(values) for name, values in getattr(source, "path_", source).items()
    }
    weight_decay = columns["lambda"]
    chosen = np.flatnonzero(columns["chosen"].astype(bool))
    figure, axes = _figure(3, size=(7, 7.5), sharex=True, height_ratios=(3, 2, 2))
    error, count, gap = axes[:, 0]
    error.plot(weight_decay, columns["train_error"], marker="s", ms=4, label="training",
               **_style(1))
    held_out = np.isfinite(columns["validation_error"])
    if held_out.any():
        error.errorbar(
            weight_decay[held_out],
            columns["validation_error"][held_out],
            columns["validation_standard_error"][held_out],
            marker="o", ms=4, capsize=2, label="held out (± 1 standard error)", **_style(0),
        )
    if (columns["train_error"] > 0).all():
        error.set_yscale("log")
    error.set_ylabel("mean squared error\nas a share of the variance")
    count.step(weight_decay, columns["features"], where="mid", **_style(0))
    count.plot(weight_decay, columns["features"], "o", ms=4, color=_COLOURS[0])
    count.set_ylabel("features")
    count.yaxis.get_major_locator().set_params(integer=True)
    relative_gap = np.maximum(columns["relative_gap"].astype(float), 1e-16)
    gap.plot(weight_decay, relative_gap, marker="o", ms=4, **_style(0))
    gap.set_yscale("log")
    gap.set_ylabel("gap to the best network\nof any width (relative)")
    gap.set_xlabel("weight decay λ (falls to the right)")
    for panel in (error, count, gap):
        panel.set_xscale("log")
        for at in chosen:
            panel.axvline(weight_decay[at], color="0.4", linewidth=1,
                          label="chosen" if panel is error else None)
    gap.invert_xaxis()
    error.legend(frameon=False)
    figure.suptitle("What each weight decay gives, and how close to optimal it is")
    return figure


def timeline(source: Any):
    """When features are learned: loss, weight decay and angles over the steps of Algorithm 1.

    Parameters
    ----------
    source : TrainResult, or a mapping with the columns of history.csv

    Returns
    -------
    matplotlib Figure
        Angles only where the run knew its teacher. Stages are shaded.
    """
    history = {
        name: np.asarray(values) for name, values in getattr(source, "history", source).items()
    }
    step = np.maximum(history["step"].astype(float), 1.0)
    angles = history["mean_angle_deg"].astype(float)
    known = bool(np.isfinite(angles).any())
    figure, axes = _figure(2 if known else 1, size=(7, 6.5 if known else 3.8), sharex=True)
    loss = axes[0, 0]
    loss.plot(step, history["loss"], label="loss L", **_style(0))
    decay = history["lambda"].astype(float)
    if (decay > 0).any():
        loss.plot(step, np.where(decay > 0, decay, np.nan), drawstyle="steps-post",
                  label="weight decay λ", **_style(1))
    loss.set_yscale("log")
    loss.set_ylabel("loss, weight decay")
    loss.legend(frameon=False)
    last = loss
    if known:
        last = axes[1, 0]
        last.plot(step, angles, label="mean, by mass", **_style(0))
        last.plot(step, history["max_angle_deg"], label="largest", **_style(1))
        last.set_yscale("log")
        last.set_ylabel("angle to the nearest\nhidden direction (°)")
        last.legend(frameon=False)
    for panel in axes[:, 0]:
        panel.set_xscale("log")
        _shade_stages(panel, step, history["stage"])
    last.set_xlabel("gradient steps")
    figure.suptitle("Features are learned while the weight decay falls" if known
                    else "The loss while the weight decay falls")
    return figure


def _shade_stages(panel: Any, step: np.ndarray, stage: np.ndarray) -> None:
    for number in np.unique(stage):
        within = step[stage == number]
        start, end = within.min(), within.max()
        if int(number) % 2 == 0:
            panel.axvspan(start, end, color="0.94", zorder=0)
        panel.text((start * end) ** 0.5, 1.0, f"stage {int(number)}", ha="center", va="bottom",
                   fontsize=7, color="0.35", transform=panel.get_xaxis_transform())


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
    figure, axes = _figure(size=(7, 4.5))
    panel = axes[0, 0]
    for i in range(angles.shape[1]):
        panel.plot(steps, np.maximum(angles[:, i].min(axis=1), 1e-4),
                   linewidth=0.3 + 1.7 * share[i] ** 0.5, alpha=0.6, **_style(nearest[i]))
    for k in range(len(T)):
        count = int(((nearest == k) & (share > 1e-4)).sum())
        panel.plot([], [], label=f"direction {k + 1}: {count} neurons", **_style(k))
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("gradient steps")
    panel.set_ylabel("angle to the nearest hidden direction (°)")
    panel.set_title("Every neuron on its way to a hidden direction")
    panel.legend(frameon=False, fontsize=8)
    return figure


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
        panel.axhline(bound, color="0.4", linewidth=1)


def _on_circle(eta: Any, basis: np.ndarray, marked: np.ndarray, points: int):
    angle = np.linspace(0.0, np.pi, points)
    U = np.column_stack([np.cos(angle), np.sin(angle)]) @ basis
    figure, axes = _figure(size=(7, 4))
    panel = axes[0, 0]
    panel.plot(np.degrees(angle), eta(U), label="η", **_style(0))
    at = np.degrees(np.arctan2(marked @ basis[1], marked @ basis[0])) % 180.0
    panel.plot(at, eta(marked), "o", color=_COLOURS[1], label="neurons")
    _bounds(panel)
    panel.set_xlabel("direction in the plane of the neurons (°)")
    panel.set_ylabel("η")
    panel.set_title("The dual certificate on the circle: optimal where |η| ≤ 1")
    panel.set_xticks(np.arange(0, 181, 30))
    panel.legend(frameon=False)
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
    figure, axes = _figure(size=(6.5, 5.6))
    panel = axes[0, 0]
    top = max(1.0, float(np.nanmax(np.abs(values))))
    levels = np.linspace(-top, top, 21)
    filled = panel.contourf(x, y, values, levels=levels, cmap="RdBu_r")
    panel.contour(x, y, values, levels=[-0.99, 0.0, 0.99], colors="k", linewidths=0.7)
    at = marked @ basis.T
    at *= np.where(at[:, :1] < 0, -1.0, 1.0)
    scale = 1.0 / np.sqrt(1.0 + at[:, 0])
    panel.plot(at[:, 1] * scale, at[:, 2] * scale, "o", mfc="none", mec="k", label="neurons")
    panel.add_patch(_circle())
    panel.set_aspect("equal")
    panel.set_axis_off()
    figure.colorbar(filled, ax=panel, label="η", shrink=0.8)
    panel.legend(frameon=False, loc="lower left")
    panel.set_title("The dual certificate on the half sphere (equal areas);\n"
                    "lines at η = 0 and ±0.99")
    return figure


def _circle() -> Any:
    from matplotlib.patches import Circle

    return Circle((0.0, 0.0), 1.0, fill=False, color="0.4")


def _on_great_circles(eta: Any, marked: np.ndarray, masses: np.ndarray, pairs: int):
    kept = _apart(marked, masses)
    chosen = [(i, j) for j in range(len(kept)) for i in range(j)][:pairs]
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    figure, axes = _figure(rows, columns, size=(3.2 * columns, 2.6 * rows + 0.6), sharey=True)
    for panel in axes.flat[len(chosen):]:
        panel.set_visible(False)
    for panel, (i, j) in zip(axes.flat, chosen):
        first = kept[i]
        other = kept[j] - (kept[j] @ first) * first
        other /= np.linalg.norm(other)
        angle = np.linspace(0.0, np.pi, 361)
        U = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * other
        panel.plot(np.degrees(angle), eta(U), **_style(0))
        between = np.degrees(np.arccos(np.clip(kept[j] @ first, -1.0, 1.0)))
        panel.plot([0.0, between, 180.0], eta(np.vstack([first, kept[j], first])), "o",
                   color=_COLOURS[1], ms=5)
        _bounds(panel)
        panel.set_xticks([0, 90, 180])
        panel.set_title(f"neurons {i + 1} and {j + 1}", fontsize=9)
    for panel in axes[:, 0]:
        panel.set_ylabel("η")
    for panel in axes[-1, :]:
        panel.set_xlabel("angle from the first (°)")
    figure.suptitle("The dual certificate on great circles through pairs of neurons (dots)")
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


def features(model: Any, X: Any = None, y: Any = None, *, most: int = 9):
    """The learned ridge functions, each beside what the data leave for it.

    Parameters
    ----------
    model : Model or fitted LodestoneRegressor
    X, y : array or frame (n, d) and array (n,), optional
        Rows in the model's columns, which are found by name in a frame: dots are partial residuals,
        y less everything in the model but the feature.
    most : int
        Features shown at most, the largest amplitudes.

    Returns
    -------
    matplotlib Figure
    """
    matched = None if X is None else rows_for(model, X)
    model = model_of(model)
    W, b, a = model.directions, model.biases, model.amplitudes
    shown = range(min(most, len(a)))
    if not shown:
        raise ValueError("model: has no features to show: it is linear")
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = _figure(rows, columns, size=(3.3 * columns, 2.8 * rows + 0.5), sharey=True)
    for panel in axes.flat[len(shown):]:
        panel.set_visible(False)
    residual = None
    if X is not None:
        X = np.ascontiguousarray(X if matched is None else matched[0], dtype=np.float64)
        residual = np.asarray(y, dtype=np.float64) - model.predict(X)
    center = np.asarray(model.center)
    for i, panel in zip(shown, axes.flat):
        # Centred: 0 is the middle of the data.
        offset = b[i] + W[i] @ center
        if residual is None:
            z = np.linspace(-3.0, 3.0, 200)
        else:
            projected = X @ W[i] - W[i] @ center
            partial = residual + a[i] * np.maximum(projected + offset, 0.0)
            some = _thinned(len(projected), 2000)
            panel.plot(projected[some], partial[some], ".", ms=3, color="0.6", alpha=0.6,
                       rasterized=True)
            z = np.linspace(projected.min(), projected.max(), 200)
        panel.plot(z, a[i] * np.maximum(z + offset, 0.0), linewidth=2, color=_COLOURS[0])
        panel.set_title(f"feature {i + 1}: amplitude {a[i]:+.3g}", fontsize=9)
    for panel in axes[-1, :]:
        panel.set_xlabel("direction·(x − mean)")
    for panel in axes[:, 0]:
        panel.set_ylabel(model.target)
    figure.suptitle("What each feature adds to the prediction"
                    + ("" if residual is None else " (dots: partial residuals)"))
    return figure


def _thinned(count: int, most: int) -> np.ndarray:
    return np.linspace(0, count - 1, min(count, most)).astype(int)


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
    model : Model or fitted LodestoneRegressor
    reports : mapping, optional
        `LodestoneRegressor.feature_reports_`; the regressor's own by default. After a bootstrap,
        lines show between which values a loading stays while the direction turns by its 95% angle.
    most : int
        Features shown at most, the largest amplitudes.
    columns : int
        Columns shown at most, those with the largest loadings.

    Returns
    -------
    matplotlib Figure
    """
    if reports is None:
        reports = getattr(model, "feature_reports_", {})
    model = model_of(model)
    scaled = _unit(model.directions * np.asarray(model.scale))
    shown = min(most, len(scaled))
    if shown == 0:
        raise ValueError("model: has no features to show: it is linear")
    scaled = scaled[:shown]
    order = np.argsort(-np.abs(scaled).max(axis=0))[:columns]
    names = [model.columns[j] for j in order]
    cone = np.asarray(reports.get("angle_95_deg", np.full(shown, np.nan)), dtype=float)
    rows = np.arange(len(order))
    figure, axes = _figure(1, shown, size=(1.2 + 1.9 * shown, 1.4 + 0.28 * len(order)),
                           sharey=True)
    for i, panel in enumerate(axes[0]):
        values = scaled[i, order]
        panel.barh(rows, values, height=0.65, color=np.where(values < 0, _COLOURS[1], _COLOURS[0]),
                   edgecolor="k", linewidth=0.5)
        if i < len(cone) and np.isfinite(cone[i]):
            angle = np.arccos(np.clip(values, -1.0, 1.0))
            turn = np.radians(cone[i])
            panel.hlines(rows, np.cos(np.minimum(angle + turn, np.pi)),
                         np.cos(np.maximum(angle - turn, 0.0)), color="k", linewidth=1.5)
        panel.axvline(0.0, color="0.3", linewidth=0.8)
        panel.set_xlim(-1.05, 1.05)
        panel.set_title(f"feature {i + 1}", fontsize=9)
        panel.set_xlabel("loading")
    axes[0, 0].set_yticks(rows, names)
    axes[0, 0].invert_yaxis()
    known = bool(np.isfinite(cone[:shown]).any())
    figure.suptitle("Where the features look"
                    + (" (lines: within the bootstrap's 95% angle)" if known else ""))
    return figure


def _unit(W: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(W, axis=1, keepdims=True)
    return W / np.where(norms > 0.0, norms, 1.0)
