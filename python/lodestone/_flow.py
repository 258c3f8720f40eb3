"""Gradient flow from a start of Algorithm 1 or from a network."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

import numpy as np

from lodestone import _core
from lodestone._arrays import option_texts
from lodestone._network import Network
from lodestone._options import with_ranges
from lodestone._results import Recovery, columns_of, recovery
from lodestone._teacher import Teacher


@dataclass(frozen=True)
class FlowEvent:
    """Something that happened on the way."""

    time: float
    kind: str
    """'death', 'merge', 'plateau_begins' or 'plateau_ends'."""
    neuron: int
    """The neuron that died, or one that merged, from 0; −1 of a plateau."""
    other: int
    """The neuron that it merged with; −1 of anything else."""


@dataclass(frozen=True)
class FlowResult:
    """A solution of θ' = −∇L_λ(θ) (docs/math.md, 4.7) at R recorded times, of m neurons on d inputs."""

    status: str
    """'converged': the time or the tolerance was reached. 'budget', 'interrupted', 'diverged'."""
    message: str
    objective: str
    """'population' or 'sample'."""
    samples: int
    seed: int
    weight_decay: float
    """λ."""
    time: float
    """At the end, as all that follow."""
    loss: float
    """L."""
    penalized_loss: float
    null_loss: float
    gradient_norm: float
    """‖∇L_λ‖."""
    steps: int
    """Of the integrator, accepted."""
    evaluations: int
    """Of the gradient."""
    neurons: int
    living: int
    """Neurons that have not died."""
    groups: int
    """Groups of living neurons that have merged; a lone one is a group."""
    deaths: int
    merges: int
    plateaus: int
    """That began."""
    balance_error: float
    """The largest |(a² − ‖w‖²) − e^(−2λt)(a² − ‖w‖²)(0)| of the history: 0 along the flow."""
    energy_error: float
    """The largest |L_λ(0) − L_λ(t) − ∫‖∇L_λ‖²| of the history: 0 along the flow."""
    recovery: Recovery
    history: dict[str, np.ndarray] = field(repr=False)
    """Columns of history.csv, (R,) each: time, loss, gradient_norm, mass, living, groups, ..."""
    events: tuple[FlowEvent, ...] = field(repr=False)
    """By time."""
    a: np.ndarray = field(repr=False)
    """(R, m)."""
    W: np.ndarray = field(repr=False)
    """(R, m, d)."""
    directions: np.ndarray = field(repr=False)
    """The teacher's, (k, d)."""

    @property
    def times(self) -> np.ndarray:
        """(R,), the recorded times."""
        return self.history["time"]

    @property
    def network(self) -> Network:
        """At the end."""
        return Network(self.a[-1], self.W[-1])

    @property
    def masses(self) -> np.ndarray:
        """|a_i|‖w_i‖, (R, m)."""
        return np.abs(self.a) * np.linalg.norm(self.W, axis=2)

    @property
    def Q(self) -> np.ndarray:
        """The order parameters W Wᵀ, (R, m, m)."""
        return self.W @ self.W.transpose(0, 2, 1)

    @property
    def M(self) -> np.ndarray:
        """The order parameters W W*ᵀ, (R, m, k)."""
        return self.W @ self.directions.T


@with_ranges("flow")
def flow(
    teacher: Teacher,
    *,
    samples: int = 0,
    noise: float = 0.0,
    init: Optional[Any] = None,
    width: int = 50,
    seed: int = 0,
    init_scale: float = 1.0,
    weight_decay: float = 0.0,
    time: float = math.inf,
    tolerance: float = 1e-6,
    relative_tolerance: float = 1e-8,
    absolute_tolerance: float = 1e-10,
    max_steps: int = 1_000_000,
    max_seconds: float = math.inf,
    records_per_decade: int = 10,
    death_share: float = 0.01,
    merge_angle_deg: float = 1.0,
    plateau_rate: float = 0.1,
    callback: Optional[Callable[[dict[str, Any]], Any]] = None,
) -> FlowResult:
    """Gradient flow θ' = −∇L_λ(θ) of both layers, α and β at their optimum at every time: the same
    as ``lodestone flow`` (docs/math.md, 4.7).

    Parameters
    ----------
    teacher : Teacher
    samples : int
        Rows drawn from the teacher; 0: its exact population.
    noise : float
        Standard deviation of the rows' noise as a share of that of the target.
    init : Network, Model, TrainResult, ..., optional
        Where the flow starts: what `Network.of` takes, without biases. Default: the symmetric start
        of `train`, of the following width, seed and scale.
    width : int
        Neurons.
    seed : int
        Of the start and of the rows.
    init_scale : float
        |a_i| = ‖w_i‖ = init_scale / √width at the symmetric start.
    weight_decay : float
        λ.
    time : float
        The flow ends there.
    tolerance : float
        It also ends where ‖∇L_λ‖ is at most this.
    relative_tolerance : float
        Of the error of a step of the integrator, as a share of each number of θ.
    absolute_tolerance : float
        Error of a step that any number may have.
    max_steps : int
        Budget of steps of the integrator.
    max_seconds : float
        Budget of wall clock.
    records_per_decade : int
        Records in each tenfold time, from 0.01 on.
    death_share : float
        A neuron dies when its mass falls below this share of what it had at the start.
    merge_angle_deg : float
        Neurons whose a have one sign merge when their lines come nearer than this, in degrees.
    plateau_rate : float
        A plateau begins where −d log L_λ/d log t falls below this, and ends where it exceeds twice
        this.
    callback : callable, optional
        Called with a dict for each record (the columns of `FlowResult.history`; angles are NaN
        until the end). What it returns, where true, stops the flow with the status "interrupted".

    Raises
    ------
    TypeError, ValueError
        For arguments out of range or at odds with each other.
    """
    if not isinstance(teacher, Teacher):
        raise TypeError(f"teacher: got {type(teacher).__name__}; it must be a lodestone.Teacher")
    options = {
        "samples": samples,
        "noise": noise,
        "width": width,
        "seed": seed,
        "init_scale": init_scale,
        "weight_decay": weight_decay,
        "time": time,
        "tolerance": tolerance,
        "relative_tolerance": relative_tolerance,
        "absolute_tolerance": absolute_tolerance,
        "max_steps": max_steps,
        "max_seconds": max_seconds,
        "records_per_decade": records_per_decade,
        "death_share": death_share,
        "merge_angle_deg": merge_angle_deg,
        "plateau_rate": plateau_rate,
    }
    start = None
    if init is not None:
        network = Network.of(init)
        if network.b is not None and network.b.any():
            raise ValueError("init: a network with biases; a teacher's network has none")
        start = (network.a, network.W)
    parts = _core.flow(
        teacher.directions, teacher.amplitudes, start, option_texts(options), callback
    )
    error = parts.pop("error")
    if error is not None:
        raise error
    parts["weight_decay"] = parts.pop("lambda")
    parts["recovery"] = recovery(parts["recovery"])
    parts["history"] = columns_of(parts["history"])
    parts["events"] = tuple(FlowEvent(**event) for event in parts["events"])
    networks = parts.pop("networks")
    parts["a"] = np.array([a for a, _ in networks])
    parts["W"] = np.array([W for _, W in networks])
    return FlowResult(**parts, directions=teacher.directions)
