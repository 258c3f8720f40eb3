"""Algorithm 1, with its history."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Sequence, Union

import numpy as np

from lodestone import _core
from lodestone._arrays import column_names, finite, option_texts, table, target_name, vector
from lodestone._network import Network
from lodestone._options import with_ranges
from lodestone._progress import bar
from lodestone._results import (
    Certificate,
    Recovery,
    RecoveryBound,
    ResultWarning,
    certificate,
    columns_of,
    frame,
    recovery,
    recovery_bound,
    result_warning,
)
from lodestone._teacher import Teacher

Row = dict[str, Any]


@dataclass(frozen=True)
class TrainResult:
    """What a run of Algorithm 1 ends with. Losses are those of the objective: of standardized data
    where they were standardized."""

    status: str
    """'converged': every epoch ended by its own criterion; 'budget': steps or seconds of the run, or
    steps of an epoch, ran out; 'interrupted': a callback or Ctrl-C stopped it; 'diverged': the loss
    grew without bound, and the state is the last good one."""
    message: str
    """Why it ended, in a sentence."""
    model: _core.Model = field(repr=False)
    """Neurons merged into features, in the data's own units."""
    neurons: _core.Model = field(repr=False)
    """The network itself in the data's own units, neuron by neuron: what the numbers below are
    about."""
    weight_decay: float
    """λ of that network's epoch."""
    loss: float
    penalized_loss: float
    gradient_norm: float
    null_loss: float
    """L without neurons."""
    weight_decay_start: float
    """λ of the first epoch of stage 3, given or chosen."""
    merge_angle_deg: float
    """Neurons closer than this were merged into features."""
    steps: int
    evaluations: int
    seconds: float
    certificate: Optional[Certificate]
    """None when the run ended before stage 3, and where λ = 0."""
    recovery: Optional[Recovery]
    """Where the teacher is known."""
    recovery_bound: Optional[RecoveryBound]
    """What the certificate's gap implies for the directions: on a teacher's exact population, where
    there is a certificate."""
    test: Optional[dict[str, float]]
    """rmse, r2, relative_error (1 − r2) and rows; 0 rows: exact over the teacher's population."""
    early_condition_number: Optional[float]
    warnings: tuple[ResultWarning, ...]
    history: dict[str, np.ndarray] = field(repr=False)
    """By name, as in history.csv (step, stage, epoch, lambda, loss, penalized_loss, gradient_norm, neurons,
    mean_angle_deg, max_angle_deg, far_mass, seconds, validation_error, test_error, end_of_epoch),
    a number for each recorded step; NaN where a quantity does not apply."""
    snapshots: tuple[tuple[int, Network], ...] = field(repr=False)
    """(step, network) for each line of the history of this call, in units of inputs and target,
    biases left out; empty unless `keep_neurons` was asked for."""
    state: _core.TrainState = field(repr=False)
    """Where the run stands: `train` goes on from it."""

    @property
    def network(self) -> Network:
        """`neurons` as a `Network`."""
        return Network.of(self.neurons)

    def history_frame(self):
        """`history` as a pandas frame."""
        return frame(self.history)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during `train`. `result` holds what there was, its state included: the run can go on.

    >>> try:
    ...     result = lodestone.train(teacher)
    ... except lodestone.Interrupted as interrupt:
    ...     result = lodestone.train(teacher, state=interrupt.result.state)
    """

    def __init__(self, result: TrainResult) -> None:
        super().__init__("the run was interrupted; .result holds its state")
        self.result = result


@with_ranges("train")
def train(
    target: Any,
    y: Optional[Any] = None,
    *,
    sample_weight: Optional[Any] = None,
    samples: int = 0,
    noise: float = 0.0,
    width: int = 200,
    seed: int = 0,
    schedule: Union[str, Sequence[float]] = "halving",
    weight_decay_start: Optional[float] = None,
    weight_decay_end: float = 0.0,
    weight_decay_factor: float = 0.5,
    weight_decay_start_factor: float = 0.5,
    step: Optional[float] = None,
    tolerance: float = 5e-8,
    absolute_tolerance: float = 0.0,
    epoch_tolerance: float = 0.05,
    stagnation: float = 1e-3,
    merge_tolerance: float = 0.0,
    max_epoch_steps: int = 20_000,
    max_steps: int = 200_000,
    max_seconds: Optional[float] = None,
    record_every: int = 200,
    standardize: Optional[str] = None,
    biases: Optional[bool] = None,
    precision: str = "float64",
    validation: Optional[tuple[Any, ...]] = None,
    test: Optional[tuple[Any, ...]] = None,
    validation_share: float = 0.1,
    test_share: float = 0.2,
    patience: int = 3,
    callback: Optional[Callable[[Row], Any]] = None,
    state: Optional[_core.TrainState] = None,
    keep_neurons: bool = False,
    progress: bool = False,
) -> TrainResult:
    """Gradient descent with decreasing weight decay, stages 0 to 3 (docs/math.md, 4).

    The same as ``lodestone train``, with the same bits for the same seed at any number of threads.
    The interpreter's lock is released meanwhile. Ctrl-C raises `Interrupted`, which holds what
    there was.

    Parameters
    ----------
    target : Teacher or array (n, d)
        A teacher: its exact population, or `samples` rows drawn from it. Or the rows X of a table;
        then y is needed.
    y : array (n,)
        Targets of the rows.
    sample_weight : array (n,), optional
        0 or positive. A row of weight 0 counts as absent.
    samples : int
        Rows drawn from the teacher; 0: its exact population.
    noise : float
        Standard deviation of the noise on drawn targets as a share of the noiseless target's.
    width : int
        Neurons m at the start.
    seed : int
        Of every random choice.
    schedule : "halving", "constant", "none" or a sequence of λ, one an epoch
    weight_decay_start : float, optional
        λ of the first epoch of stage 3. Default: chosen from the gap after stage 2.
    weight_decay_end : float
        Ends before λ falls below this.
    weight_decay_factor : float
        What halving multiplies by.
    weight_decay_start_factor : float
        Safety factor of the automatic `weight_decay_start`.
    step : float, optional
        Gradient step. Default: chosen safely.
    tolerance : float
        Loss L at which training is done, as a share of L without neurons (`null_loss`).
    absolute_tolerance : float
        Loss L at which training is done, in place of `tolerance`. 0: `tolerance` says it.
    epoch_tolerance : float
        An epoch ends when ‖∇L_λ‖ <= this · λ · ‖θ‖.
    stagnation : float
        On rows an epoch also ends when 100 steps lower L_λ by less than this share.
    merge_tolerance : float
        Between epochs neurons within 2° become one where that changes the loss by at most this
        share: several times as fast once they have come together. 0: they never do.
    max_epoch_steps, max_steps : int
        Budgets of gradient steps, of an epoch and of all.
    max_seconds : float, optional
        Budget of seconds, counted anew when a run goes on.
    record_every : int
        Steps between records; stages and epochs end with one in any case.
    standardize : "scale", "whiten" or "none", optional
        Default: "scale" for tables, "none" for teachers.
    biases : bool, optional
        Default: True for tables, False for teachers.
    precision : {"float64", "float32"}
        How rows are kept and inner products computed; populations are always float64.
    validation, test : (X, y) or (X, y, sample_weight), optional
        Rows that choose λ, and rows that give the test error, in place of the shares below.
    validation_share, test_share : float
        Shares of a table's rows kept aside. The test share is of all rows, the other of the rest;
        with a teacher only `validation_share` counts.
    patience : int
        Epochs without a better validation error after which training ends.
    callback : callable, optional
        Called with a dict for each recorded step (the columns of `TrainResult.history`). What it
        returns, where true, stops the run with the status "interrupted". What it raises stops the
        run and is raised.
    state : TrainState, optional
        Goes on from there, with the same bits as a run that was never stopped. Data and options
        must be the same, budgets and tolerance apart.
    keep_neurons : bool
        Keep the network at each recorded step (`TrainResult.snapshots`): m·(d + 1) numbers each.
    progress : bool
        Shows a bar (needs tqdm).

    Raises
    ------
    TypeError, ValueError
        For arguments out of range or at odds with each other, and data that cannot be trained on.
    Interrupted
        A KeyboardInterrupt.
    """
    is_teacher = isinstance(target, Teacher)
    options = {
        "width": width,
        "seed": seed,
        "weight_decay_start": weight_decay_start,
        "weight_decay_end": weight_decay_end,
        "weight_decay_factor": weight_decay_factor,
        "weight_decay_start_factor": weight_decay_start_factor,
        "step": step,
        "tolerance": tolerance,
        "absolute_tolerance": absolute_tolerance,
        "epoch_tolerance": epoch_tolerance,
        "stagnation": stagnation,
        "merge_tolerance": merge_tolerance,
        "max_epoch_steps": max_epoch_steps,
        "max_steps": max_steps,
        "max_seconds": max_seconds,
        "record_every": record_every,
        "standardize": standardize,
        "biases": biases,
        "precision": precision,
        "validation_share": validation_share,
        "test_share": test_share,
        "patience": patience,
    }
    if is_teacher:
        options.update(samples=samples, noise=noise)
        _refuse_with_teacher(y, sample_weight, validation, test)
        if samples == 0 and (standardize is not None or biases is not None):
            name = "standardize" if standardize is not None else "biases"
            raise ValueError(f"{name}: has no effect on an exact population; give samples as well")
    elif samples != 0 or noise != 0.0:
        name = "samples" if samples != 0 else "noise"
        raise ValueError(f"{name}: goes with a Teacher; a table brings its own rows")
    elif y is None:
        raise ValueError("y: got None; a table needs a target for each row")
    values: Optional[list[float]] = None
    if isinstance(schedule, str):
        if schedule not in ("halving", "constant", "none"):
            raise ValueError(f"schedule: got {schedule!r}; must be 'halving', 'constant', 'none' or "
                             "a sequence of weight decays")
        options["schedule"] = schedule
    else:
        given = finite(vector(schedule, "schedule"), "schedule")
        if given.size == 0 or (given < 0).any():
            raise ValueError("schedule: must hold at least one weight decay, all 0 or positive")
        values = given.tolist()
    if state is not None and not isinstance(state, _core.TrainState):
        raise TypeError(f"state: got {type(state).__name__}; must be a TrainState")

    rows = None if is_teacher else table(target, y, sample_weight)
    columns = [] if rows is None else column_names(target, rows[0].shape[1])
    shown = bar(progress, "train")
    watch = _Watch(callback, shown, tolerance, absolute_tolerance)
    try:
        parts = _core.train(
            (target.directions, target.amplitudes) if is_teacher else None,
            rows,
            columns,
            target_name(y),
            option_texts(options),
            values,
            None if validation is None else table(*validation, columns=columns),
            None if test is None else table(*test, columns=columns),
            state,
            watch if callback is not None or shown is not None else None,
            bool(keep_neurons),
        )
    finally:
        if shown is not None:
            shown.close()
    error = parts.pop("error")
    for name, make in (
        ("certificate", certificate),
        ("recovery", recovery),
        ("recovery_bound", recovery_bound),
    ):
        if parts[name] is not None:
            parts[name] = make(parts[name])
    if parts["test"] is not None:
        # What only classes and counts have is not there for the square loss.
        others = ("deviance_explained", "log_loss", "accuracy")
        parts["test"] = {name: value for name, value in parts["test"].items()
                         if not (name in others and np.isnan(value))}
    parts["warnings"] = tuple(result_warning(*one) for one in parts["warnings"])
    parts["history"] = columns_of(parts["history"])
    parts["snapshots"] = tuple((step, Network(a, W)) for step, a, W in parts["snapshots"])
    result = TrainResult(**parts)
    if isinstance(error, KeyboardInterrupt):
        raise Interrupted(result) from error
    if error is not None:
        raise error
    return result


def _refuse_with_teacher(y: Any, sample_weight: Any, validation: Any, test: Any) -> None:
    for name, value in (
        ("y", y),
        ("sample_weight", sample_weight),
        ("validation", validation),
        ("test", test),
    ):
        if value is not None:
            raise ValueError(f"{name}: goes with the rows of a table, not with a Teacher")


class _Watch:
    """Called with every record: shows it, and asks the caller's own callback."""

    def __init__(self, callback: Optional[Callable[[Row], Any]], shown: Any, tolerance: float,
                 absolute_tolerance: float):
        self._callback = callback
        self._shown = shown
        self._tolerance = tolerance
        self._absolute_tolerance = absolute_tolerance
        self._first_loss = 0.0

    def __call__(self, row: Row) -> bool:
        if self._shown is not None:
            self._show(row)
        return bool(self._callback(row)) if self._callback is not None else False

    def _show(self, row: Row) -> None:
        # Stage 3 lowers the logarithm of the loss evenly, in epochs that take ever longer.
        loss = row["loss"]
        self._first_loss = max(self._first_loss, loss)
        share = 0.0
        done = self._absolute_tolerance or self._tolerance * self._first_loss
        if 0.0 < done < self._first_loss and loss > 0.0:
            whole = math.log(self._first_loss / done)
            share = min(1.0, (math.log(self._first_loss / loss) / whole) ** 3)
        self._shown.to(share, f"step {row['step']}, lambda {row['lambda']:.3g}, "
                              f"loss {loss:.3g}, {row['neurons']} neurons")
