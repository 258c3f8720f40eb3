"""Hidden networks whose directions are to be found."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np

from lodestone import _core
from lodestone._arrays import integer, matrix, vector
from lodestone._results import Recovery, recovery


@dataclass(frozen=True, eq=False)
class Teacher:
    """The network f_*(x) = Σ_j amplitudes[j] · relu(directions[j]·x) that makes the target
    (docs/math.md, 1.1).

    Parameters
    ----------
    directions : array (k, d)
        Finite, no row zero, no two parallel (up to sign). Scaled to unit length; the lengths go
        into the amplitudes.
    amplitudes : array (k,)
        Finite and not zero.

    Raises
    ------
    ValueError
        For anything else.
    """

    directions: np.ndarray
    amplitudes: np.ndarray

    def __post_init__(self) -> None:
        directions, amplitudes = _core.checked_teacher(
            matrix(self.directions, "directions"), vector(self.amplitudes, "amplitudes")
        )
        for array in (directions, amplitudes):
            array.flags.writeable = False
        object.__setattr__(self, "directions", directions)
        object.__setattr__(self, "amplitudes", amplitudes)

    @classmethod
    def random(
        cls,
        d: int = 20,
        k: int = 4,
        *,
        r: Optional[int] = None,
        min_angle: float = 25.0,
        signs: str = "mixed",
        amplitudes: tuple[float, float] = (1.0, 1.0),
        seed: int = 0,
    ) -> Teacher:
        """Draws a teacher as the command line's ``random:d=...`` does, to the same bits.

        Parameters
        ----------
        d, k : int
            Inputs and neurons, at least 1.
        r : int, optional
            Dimension of the neurons' span, 1 to min(d, k). Default: min(d, k).
        min_angle : float
            Degrees between any two directions, up to sign; 0 to below 90.
        signs : {"mixed", "positive", "negative"}
            Of the amplitudes.
        amplitudes : (low, high)
            |amplitudes| are uniform between these; 0 < low <= high.
        seed : int
            0 or positive.

        Raises
        ------
        ValueError
            For values out of range, and where so many directions cannot be found that far apart.
        TypeError
            For d, k, r or seed that are not integers.
        """
        d, k, seed = integer(d, "d"), integer(k, "k"), integer(seed, "seed")
        r = min(d, k) if r is None else integer(r, "r")
        low, high = amplitudes
        keys = {
            "d": d,
            "k": k,
            "r": r,
            "min-angle": min_angle,
            "signs": signs,
            "amplitudes": f"{float(low)!r}:{float(high)!r}",
            "seed": seed,
        }
        return cls(
            *_core.read_teacher("random:" + ",".join(f"{key}={value}" for key, value in keys.items()))
        )

    @classmethod
    def read(cls, description: Union[str, os.PathLike]) -> Teacher:
        """A teacher as the command line takes it: a JSON file, or ``random:d=20,k=4,...``.

        Raises OSError for a file that cannot be read, ValueError for a wrong description.
        """
        return cls(*_core.read_teacher(description))

    def write(self, path: Union[str, os.PathLike]) -> None:
        """Writes the JSON file that `read` and the command line take. Raises OSError."""
        _core.write_teacher(path, self.directions, self.amplitudes)

    @property
    def dimension(self) -> int:
        """d, the number of inputs."""
        return self.directions.shape[1]

    @property
    def neurons(self) -> int:
        """k."""
        return self.directions.shape[0]

    @property
    def target_variance(self) -> float:
        """Variance of f_*(x) for x ~ N(0, I), in closed form (docs/math.md, 2.2)."""
        return _core.target_variance(self.directions, self.amplitudes)

    @property
    def early_condition_number(self) -> float:
        """How well one gradient step sees every direction (docs/math.md, 4.1); infinite where it
        cannot."""
        return _core.early_condition_number(self.directions, self.amplitudes)

    def predict(self, X: Any) -> np.ndarray:
        """f_*(x) for rows X (n, d): an array (n,)."""
        X = matrix(X, "X")
        if X.shape[1] != self.dimension:
            raise ValueError(f"X: got {X.shape[1]} columns; the teacher has {self.dimension}")
        return np.maximum(X @ self.directions.T, 0.0) @ self.amplitudes

    def sample(self, n: int, *, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """n rows x ~ N(0, I) and their targets f_*(x) + noise, as ``lodestone sample`` draws them.

        Parameters
        ----------
        n : int
            At least 1.
        noise : float
            Standard deviation of the noise as a share of that of f_*(x); 0 or positive.
        seed : int
            0 or positive. Row t depends on it and t alone.

        Returns
        -------
        X (n, d), y (n,)
        """
        return _core.draw_samples(self.directions, self.amplitudes, n, noise, seed)

    def recovery(self, network: Any) -> Recovery:
        """How well a network's neurons (a `Network` in the teacher's coordinates, or a `Model`)
        sit on these directions. Raises ValueError where dimensions differ."""
        from lodestone._network import Network

        network = Network.of(network)
        return recovery(
            _core.measure_recovery(self.directions, self.amplitudes, network.a, network.W)
        )

    def __repr__(self) -> str:
        return f"<lodestone.Teacher of {self.neurons} neurons in {self.dimension} dimensions>"
