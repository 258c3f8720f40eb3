"""The dual certificate of a teacher, with its proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lodestone import _core
from lodestone._arrays import matrix, option_texts
from lodestone._options import with_ranges
from lodestone._teacher import Teacher


@dataclass(frozen=True)
class TriedOrder:
    """What one order ℓ gives."""

    order: int
    """ℓ."""
    rho: float
    """The margin that a search finds; not positive: no certificate."""
    p_norm: float
    """‖p‖."""


@dataclass(frozen=True)
class TeacherPeak:
    """η at one neuron of the teacher."""

    amplitude: float
    """a*_j."""
    eta: float
    """η(w*_j), the amplitude's sign up to rounding."""
    slope: float
    """Length of the tangential gradient of η there: 0 up to rounding."""
    nearest_deg: float
    """Angle to the nearest other line, 0 to 90 degrees; NaN of a single neuron."""
    weight: float
    """α_j of p."""
    tangent_length: float
    """‖b_j‖ of p."""


@dataclass(frozen=True)
class TeacherCertificate:
    """The dual certificate of a teacher and what is proven of it (docs/math.md, 7.1 to 7.4;
    reconstructed): η = sign(a*_j) at every teacher direction w*_j, and |η(u)| ≤ 1 − ρ δ(u)² for every
    direction u, δ its angle to the nearest ±w*_j in radians. Numbers that there are not are NaN."""

    kind: str
    """'rigorous': ρ is proven, rounding included. 'estimated': it was found by search."""
    found: bool
    """Whether an order with ρ > 0 was found."""
    reason: str
    """Why there is no certificate, or no proof of it; empty where it is proven."""
    inputs: int
    """d."""
    teachers: int
    """k."""
    span_dimension: int
    """r, of the span of the teacher's directions."""
    separation_deg: float
    """Δ, the least angle between two lines of the teacher; NaN of a single neuron."""
    order: int
    """ℓ of η; 0 where there is none."""
    smallest_order: int
    """The smallest ℓ tried that has ρ > 0; 0 where none has."""
    rho: float
    """ρ, proven or found by search; infinite with one input, where every direction is the teacher's."""
    rho_proven: bool
    """On the whole sphere."""
    rho_found: float
    """By search: ρ of η is at most this."""
    rho_found_at_deg: float
    """Angle to the nearest teacher where the search found it."""
    p_norm: float
    """‖p‖ is at most this."""
    angle_constant: float
    """‖p‖²/(2ρ): ∫δ²d|μ| ≤ ζ/(λρ) + λ · angle_constant for a network of gap ζ."""
    residual_constant: float
    """2‖p‖: ‖f − f_*‖ ≤ λ · residual_constant + √(2ζ)."""
    interpolation_error: float
    """At the teacher's directions |η| differs from 1 by at most this, and η has no larger slope."""
    cells: int
    """Cells of the sphere that the proof took."""
    tried: tuple[TriedOrder, ...] = field(repr=False)
    """Every ℓ that was tried, ascending."""
    peaks: tuple[TeacherPeak, ...] = field(repr=False)
    """One for each neuron of the teacher."""
    rho_found_direction: np.ndarray = field(repr=False, compare=False)
    """Unit (d,), where the search found ρ; empty where it found nothing."""
    directions: np.ndarray = field(repr=False, compare=False)
    """Unit (k, d): the w_j of p."""
    weights: np.ndarray = field(repr=False, compare=False)
    """(k,): the α_j of p(x) = Σ_j α_j σ_{≥ℓ}(w_j·x) + Σ_j (b_j·x) σ'_{≥ℓ}(w_j·x)."""
    tangents: np.ndarray = field(repr=False, compare=False)
    """(k, d): the b_j of p, each orthogonal to its w_j."""

    def eta(self, U: Any) -> np.ndarray:
        """E[p relu(u·x)] = ‖u‖ η(u/‖u‖) for rows u of U (n, d) of any length: an array (n,).

        Raises
        ------
        ValueError
            For another number of columns, and where there is no η (`order` 0).
        """
        if self.order == 0:
            raise ValueError(f"there is no certificate: {self.reason}")
        U = matrix(U, "U")
        return _core.certificate_values(
            self.order, self.directions, self.weights, self.tangents, U
        )


@with_ranges("certificate")
def certificate(
    teacher: Teacher,
    *,
    order: int = 0,
    proof_dimensions: int = 4,
    max_cells: int = 4_000_000,
    seed: int = 0,
) -> TeacherCertificate:
    """The dual certificate of a teacher, with its proof: the same as ``lodestone certificate``
    (docs/math.md, 7.1 to 7.4).

    Parameters
    ----------
    teacher : Teacher
    order : int
        ℓ, the lowest Hermite order of p. 0: of 2, 4, 6, 8, 12, 16 (and up to 64 where none of these
        will do) that with the smallest ‖p‖²/ρ.
    proof_dimensions : int
        The margin ρ is proven where the teacher's directions span at most so many dimensions; 0 leaves
        the proof out.
    max_cells : int
        Budget of the proof, after which ρ stays an estimate.
    seed : int
        Of the directions from which ρ is searched for.

    Raises
    ------
    TypeError, ValueError
        For something else than a `Teacher`, and for arguments out of range.
    """
    if not isinstance(teacher, Teacher):
        raise TypeError(f"teacher: got {type(teacher).__name__}; it must be a lodestone.Teacher")
    options = {
        "order": order,
        "proof_dimensions": proof_dimensions,
        "max_cells": max_cells,
        "seed": seed,
    }
    parts = _core.certificate(teacher.directions, teacher.amplitudes, option_texts(options))
    error = parts.pop("error")
    if error is not None:
        raise error
    parts["tried"] = tuple(TriedOrder(**one) for one in parts["tried"])
    parts["peaks"] = tuple(TeacherPeak(**one) for one in parts["peaks"])
    return TeacherCertificate(**parts)
