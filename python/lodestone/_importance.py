"""How much of a model's prediction each column and each feature makes (docs/math.md, 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

# Rows that shares are taken over: at 4096 a share is known to about 0.01.
_MOST_ROWS = 4096
# Of a wide table fewer: 64 MB of them.
_MOST_NUMBERS = 8_000_000


@dataclass(frozen=True)
class Shares:
    """Shares of the variance of the prediction. They add up to 1 over features and linear part, and
    over columns; a negative one belongs to what other parts take back."""

    features: np.ndarray
    """(m)."""
    linear: float
    columns: np.ndarray
    """(d), through every feature and the linear part."""
    through: np.ndarray
    """(d, m + 1): each column through each feature, through the linear part last."""
    active: np.ndarray
    """(m): share of the rows on which a feature is not zero."""
    subspace: np.ndarray
    """Eigenvalues of the mean outer product of the gradient in standardized columns as shares of
    their sum, the largest first; at most 8."""
    axes: np.ndarray
    """Their eigenvectors, a row each, of unit length in standardized columns."""
    assumed: bool
    """No rows were at hand: columns were taken as independent and Gaussian."""


def shares(
    model: Any, X: Optional[np.ndarray] = None, weights: Optional[np.ndarray] = None
) -> Shares:
    """Over rows X in the model's columns, with their weights, evenly thinned where they are many;
    without rows, over columns drawn as independent Gaussians with the model's centres and scales."""
    center, scale = np.asarray(model.center), np.asarray(model.scale)
    d = len(center)
    most = max(256, min(_MOST_ROWS, _MOST_NUMBERS // max(d, 1)))
    if X is not None:
        w = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=float)
        if len(X) > most:
            some = np.linspace(0, len(X) - 1, most).astype(int)
            X, w = X[some], w[some]
        return _over(model, X, w / w.sum(), center, scale, assumed=False)
    half = np.random.default_rng(0).normal(size=(most // 2, d))
    X = center + scale * np.vstack([half, -half])
    return _over(model, X, np.full(len(X), 1.0 / len(X)), center, scale, assumed=True)


def _over(
    model: Any, X: np.ndarray, w: np.ndarray, center: np.ndarray, scale: np.ndarray, *, assumed: bool
) -> Shares:
    W, b, a = model.directions, model.biases, model.amplitudes
    beta = np.asarray(model.beta)
    n, m = len(X), len(a)
    moved = X - center
    z = moved @ W.T if m else np.zeros((n, 0))
    offset = b + W @ center if m else np.zeros(0)
    on = z + offset > 0.0
    at_center = np.maximum(offset, 0.0)
    # The slope of relu from the centre to the row: what makes the parts add up (10.1).
    step = np.where(on, z + offset, 0.0) - at_center
    slope = np.divide(step, z, out=on.astype(float), where=np.abs(z) > 1e-9 * (1.0 + np.abs(offset)))
    parts = a * slope
    prediction = moved @ beta + (parts * z).sum(axis=1)
    prediction = prediction - w @ prediction
    variance = float(w @ prediction**2)
    through = np.zeros((len(center), m + 1))
    if variance > 0.0:
        weighted = moved * (w * prediction)[:, None]
        through[:, :m] = (weighted.T @ parts) * W.T / variance if m else through[:, :m]
        through[:, m] = weighted.sum(axis=0) * beta / variance
    gradients = beta + ((on * a) @ W if m else np.zeros((n, 1)))
    eigenvalues, axes = _subspace(gradients * scale * np.sqrt(w)[:, None])
    return Shares(
        features=through[:, :m].sum(axis=0),
        linear=float(through[:, m].sum()),
        columns=through.sum(axis=1),
        through=through,
        active=w @ on if m else np.zeros(0),
        subspace=eigenvalues,
        axes=axes,
        assumed=assumed,
    )


def _subspace(gradients: np.ndarray, most: int = 8) -> tuple[np.ndarray, np.ndarray]:
    some = gradients[np.linspace(0, len(gradients) - 1, min(len(gradients), 2048)).astype(int)]
    _, sizes, axes = np.linalg.svd(some, full_matrices=False)
    total = float((sizes**2).sum())
    if total <= 0.0:
        return np.zeros(0), np.zeros((0, gradients.shape[1]))
    # One of the two signs: the largest loading is positive.
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return (sizes**2 / total)[:most], (axes * signs[:, None])[:most]
