"""Hidden networks and rows drawn from them, by numpy alone: the data of a benchmark do not come
from the program that is measured."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class Teacher:
    """f_*(x) = Σ_j amplitudes[j] relu(directions[j]·x), unit rows, for x ~ N(0, I)."""

    directions: np.ndarray
    amplitudes: np.ndarray

    def __call__(self, inputs):
        return np.maximum(inputs @ self.directions.T, 0) @ self.amplitudes

    def deviation(self):
        """Exact standard deviation of f_* over x ~ N(0, I), its affine part kept."""
        cosine = np.clip(self.directions @ self.directions.T, -1, 1)
        angle = np.arccos(cosine)
        second_moment = (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)
        variance = self.amplitudes @ (second_moment - 1 / (2 * np.pi)) @ self.amplitudes
        return float(np.sqrt(variance))

    def save(self, path):
        """The JSON form that `lodestone --teacher` reads."""
        document = {
            "directions": self.directions.tolist(),
            "amplitudes": self.amplitudes.tolist(),
        }
        Path(path).write_text(json.dumps(document) + "\n")


def draw_teacher(d, k, seed, orthonormal, min_angle=25.0):
    """k directions in R^d, orthonormal or independent and uniform with every pair (up to sign) at
    least min_angle degrees apart; amplitudes ±1 by fair coins, both signs present when k > 1."""
    random = np.random.default_rng([seed, k, d, int(orthonormal)])
    while True:
        directions = random.standard_normal((k, d))
        if orthonormal:
            directions = np.linalg.qr(directions.T)[0].T
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        overlap = np.abs(directions @ directions.T - np.eye(k)).max(initial=0)
        if overlap <= np.cos(np.radians(min_angle)):
            break
    while True:
        amplitudes = random.choice([-1.0, 1.0], size=k)
        if k == 1 or abs(amplitudes.sum()) < k:
            return Teacher(directions, amplitudes)


def draw_rows(teacher, rows, noise, seed):
    """Gaussian inputs and targets f_*(x) + noise · deviation(f_*) · N(0, 1)."""
    random = np.random.default_rng([seed, rows, 7])
    inputs = random.standard_normal((rows, teacher.directions.shape[1]))
    target = teacher(inputs)
    return inputs, target + noise * teacher.deviation() * random.standard_normal(rows)
