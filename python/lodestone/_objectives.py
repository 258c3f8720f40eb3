"""What networks are trained against: loss, gradient and correlations, by the library's kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from lodestone import _core
from lodestone._arrays import finite, matrix, table
from lodestone._network import Network
from lodestone._results import Certificate, certificate
from lodestone._teacher import Teacher


@dataclass(frozen=True)
class Evaluation:
    """L and its gradient at a network, with alpha and beta at their optimum."""

    loss: float
    gradient_a: np.ndarray
    """(m,)"""
    gradient_W: np.ndarray
    """(m, dimension): with biases, their gradient is the last column."""


class _Objective:
    """The calls both objectives have. alpha and beta are never parameters: every call takes them
    at their optimum for the rest of the network (docs/math.md, 2.1 and 3.2). Networks are
    `Network`s, with biases exactly where the objective has them; those of other dimensions are
    refused with ValueError. Results do not depend on the number of threads. Calls release the
    interpreter's lock."""

    _core: _core.Objective
    biases: bool

    @property
    def dimension(self) -> int:
        """Length of a neuron's weight vector, its bias included."""
        return self._core.dimension

    @property
    def null_loss(self) -> float:
        """L of the network without neurons."""
        return self._core.null_loss

    def evaluate(self, network: Network) -> Evaluation:
        """L and ∇L. The loss has a rounding error of about 1e-16 of the squared mass; `loss` is
        better."""
        return Evaluation(*self._core.evaluate(*self._parts(network)))

    def loss(self, network: Network) -> float:
        """L = ½ E (f − y)², correct to 1e-6 relative also where `evaluate` has lost its digits."""
        return self._core.loss(*self._parts(network))

    def penalized_loss(self, network: Network, weight_decay: float) -> float:
        """L_λ = L + λ/2 (‖a‖² + ‖W‖²), biases included in W."""
        return self.loss(network) + 0.5 * weight_decay * network.squared_norm

    def affine(self, network: Network) -> tuple[float, np.ndarray]:
        """The best alpha and beta (d,) for a network."""
        return self._core.affine(*self._parts(network))

    def correlate(self, network: Network, directions: Any) -> tuple[np.ndarray, np.ndarray]:
        """E[(f − y) relu(u·x)] for each row u of `directions` (p, dimension), of any length: values
        (p,) and gradients in u (p, dimension). η is −values / λ at unit u."""
        U = finite(matrix(directions, "directions"), "directions")
        return self._core.correlate(*self._parts(network), U)

    def feature_gram(self, directions: Any) -> tuple[np.ndarray, np.ndarray]:
        """Least squares in the output weights with these directions (p, dimension) fixed: minimize
        ½ aᵀKa − bᵀa. K (p, p) and b (p,)."""
        return self._core.feature_gram(finite(matrix(directions, "directions"), "directions"))

    def certificate(
        self,
        network: Network,
        weight_decay: float,
        *,
        rigorous: bool = False,
        seed: int = 0,
        max_cells: int = 5_000_000,
    ) -> Certificate:
        """How far P_λ of the balanced network is from its minimum (docs/math.md, 6).

        Parameters
        ----------
        weight_decay : float
            λ of this objective, > 0.
        rigorous : bool
            Prove sup |η| by branch and bound; for effective dimensions up to about 4.
        seed : int
            Of the search's random directions.
        max_cells : int
            Budget of the proof; when it is used up the best bound so far stands.
        """
        parts, error = self._core.certificate(
            *self._parts(network), float(weight_decay), bool(rigorous), seed, max_cells
        )
        if error is not None:
            raise error
        return certificate(parts)

    def largest_weight_decay(self, seed: int = 0) -> float:
        """λ_max, above which no neuron pays (estimated; docs/math.md, 6.1)."""
        return self._core.largest_weight_decay(seed)

    def _parts(self, network: Any) -> tuple[np.ndarray, np.ndarray]:
        if not isinstance(network, Network):
            raise TypeError(f"network: got {type(network).__name__}; must be a lodestone.Network")
        if (network.b is not None) != self.biases:
            raise ValueError(
                f"network: got one {'with' if network.b is not None else 'without'} biases; this "
                f"objective has {'them' if self.biases else 'none'}"
            )
        return network.a, network.weights


class PopulationObjective(_Objective):
    """The exact population of a teacher: x ~ N(0, I), y = f_*(x), everything in closed form
    (docs/math.md, 2).

    Parameters
    ----------
    teacher : Teacher
    """

    biases = False

    def __init__(self, teacher: Teacher) -> None:
        self.teacher = teacher
        self._core = _core.PopulationObjective(teacher.directions, teacher.amplitudes)


class SampleObjective(_Objective):
    """(Weighted) means over rows, in the coordinates given (docs/math.md, 3). The rows are copied
    once, here.

    Parameters
    ----------
    X : array (n, d)
    y : array (n,)
    sample_weight : array (n,), optional
        0 or positive; only ratios matter.
    biases : bool
        Neurons have a bias, penalized like a weight.
    precision : {"float64", "float32"}
        How rows are kept and inner products computed; sums over rows are float64 in either case.

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit, numbers that are not finite, and too few rows for the affine
        part.
    """

    _core: _core.SampleObjective

    def __init__(
        self, X: Any, y: Any, sample_weight: Optional[Any] = None, *, biases: bool = False,
        precision: str = "float64",
    ) -> None:
        self.biases = bool(biases)
        self.precision = precision
        self._core = _core.SampleObjective(*table(X, y, sample_weight), self.biases, precision)

    @property
    def rows(self) -> int:
        """n."""
        return self._core.rows
