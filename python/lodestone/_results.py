"""What the library reports: plain records that print, compare and pickle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Sequence

import numpy as np


@dataclass(frozen=True)
class Certificate:
    """How close a network is to the global minimum of P_λ, among networks of any width
    (docs/math.md, 6). Losses are in units of the standardized problem."""

    sup_eta: float
    """sup |η| over all directions, 1 at an optimum; proven to be at most this when rigorous."""
    sup_eta_lower: float
    """|η| at `direction`; the same as `sup_eta` when estimated."""
    gap: float
    """P_λ is above its minimum by at most this."""
    relative_gap: float
    """`gap` as a share of P_λ."""
    kind: str
    """'estimated': the supremum is the largest one found. 'rigorous': it is proven."""
    search_failed: bool
    """The estimate contradicts itself: the supremum was missed."""
    direction: np.ndarray = field(repr=False, compare=False)
    """Unit direction where |η| is largest, in the objective's coordinates, a bias last."""
    distinct_maxima: int
    """Distinct local maxima of |η| that were found, up to sign."""
    starts: int
    """Ascents of the search."""
    unseen_share: float
    """Estimated share of maxima near the highest that no ascent came to (Good and Turing); 1 where it was not counted."""
    cells: int
    """Cells that the proof took; 0 when estimated."""
    effective_dimension: int
    """Dimension of the space that the proof searched; 0 when estimated."""


@dataclass(frozen=True)
class TeacherRecovery:
    """What became of one neuron of a teacher (docs/math.md, 5)."""

    amplitude: float
    """Its own amplitude a*."""
    mass: float
    """Σ a_i‖w_i‖ over the neurons nearest to it."""
    angle_deg: float
    """Angle of their average to it, 0 to 90 degrees."""
    mean_angle_deg: float
    """Mean of their angles to it, weighted by mass; 90 without neurons."""
    far_mass: float
    """Share of their mass further than 10 degrees from it; 1 without neurons."""
    neurons: int
    """How many of them hold more than 1e-4 of the total mass."""
    matched: bool
    """``angle_deg`` within 0.1 degrees and mass within 1%. True whenever the function is that of the
    teacher, also of a network whose neurons point elsewhere."""
    recovered: bool
    """Matched by neurons that sit on it: ``far_mass`` at most 1%, ``mean_angle_deg`` at most 1."""


@dataclass(frozen=True)
class Recovery:
    """How well a network's neurons sit on a teacher's directions (docs/math.md, 5). Angles are in
    degrees, 0 to 90, up to sign."""

    teachers: int
    matched: int
    recovered: int
    max_angle_deg: float
    """Over neurons that hold more than 1e-4 of the total mass."""
    mean_angle_deg: float
    """Weighted by mass."""
    far_mass: float
    """Share of the mass further than 10 degrees from every teacher."""
    subspace_share: float
    """Mass-weighted share of the neurons inside the teachers' span; 1 when all are."""
    per_teacher: tuple[TeacherRecovery, ...]


@dataclass(frozen=True)
class RecoveryBound:
    """What the gap of a network on a teacher's population implies for its directions, by a dual
    certificate of the teacher (docs/math.md, 7.4). Numbers are NaN where there is no bound."""

    kind: str
    """'rigorous': the margin `rho` and the gap are proven, rounding included. 'estimated': the bounds
    may be too small."""
    reason: str
    """Why there are no bounds; empty where there are."""
    angle_deg: float
    """The mass-weighted root mean square of the neurons' angles to the teacher's directions is at most
    this."""
    residual_norm: float
    """‖f − f_*‖ without affine parts is at most this."""
    residual_share: float
    """The same as a share of the standard deviation of f_* without its affine part."""
    order: int
    """ℓ of the kernel K_ℓ that the dual certificate is made of."""
    rho: float
    """Its margin."""
    rho_proven: bool
    """Over the whole sphere."""
    p_norm: float
    """The certificate's norm ‖p‖ is at most this."""
    interpolation_error: float
    """At the teacher's directions its |η| differs from 1 by at most this."""


class ResultWarning(str):
    """Something about a result that its reader should know: the sentence itself, with what programs
    need of it."""

    code: str
    """Its kind: "few_rows"."""
    arguments: tuple[str, ...]
    """What the sentence says of this result: counts, angles, names."""


def result_warning(text: str, code: str, arguments: Sequence[str]) -> ResultWarning:
    warning = ResultWarning(text)
    warning.code = code
    warning.arguments = tuple(arguments)
    return warning


def certificate(parts: dict[str, Any]) -> Certificate:
    return Certificate(**parts)


def recovery(parts: dict[str, Any]) -> Recovery:
    per_teacher = tuple(TeacherRecovery(**one) for one in parts["per_teacher"])
    return Recovery(**{**parts, "per_teacher": per_teacher})


def recovery_bound(parts: dict[str, Any]) -> RecoveryBound:
    return RecoveryBound(**parts)


def columns_of(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Records as arrays by name."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


def frame(columns: dict[str, np.ndarray]):
    """A pandas frame of columns. Raises ImportError where there is no pandas."""
    try:
        import pandas
    except ImportError as missing:
        raise ImportError("frames need pandas: pip install pandas") from missing
    return pandas.DataFrame(columns)
