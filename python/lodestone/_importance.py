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
    """Several outputs count by their variance, targets in units of their deviations."""
    W, b = model.directions, model.biases
    n, m = len(X), len(b)
    d = len(center)
    betas = np.asarray(model.beta).reshape(-1, d)
    amplitudes = np.asarray(model.amplitudes).reshape(m, len(betas))
    units = model.target_scales if len(betas) > 1 and len(model.target_scales) else np.ones(len(betas))
    moved = X - center
    z = moved @ W.T if m else np.zeros((n, 0))
    offset = b + W @ center if m else np.zeros(0)
    on = z + offset > 0.0
    at_center = np.maximum(offset, 0.0)
    # The slope of relu from the centre to the row: what makes the parts add up (10.1).
    step = np.where(on, z + offset, 0.0) - at_center
    slope = np.divide(step, z, out=on.astype(float), where=np.abs(z) > 1e-9 * (1.0 + np.abs(offset)))
    variance = 0.0
    through = np.zeros((d, m + 1))
    gradients = []
    for a, beta, unit in zip(amplitudes.T, betas, units):
        parts = a * slope
        prediction = moved @ beta + (parts * z).sum(axis=1)
        prediction = (prediction - w @ prediction) / unit**2
        variance += float(w @ prediction**2) * unit**2
        weighted = moved * (w * prediction)[:, None]
        if m:
            through[:, :m] += (weighted.T @ parts) * W.T
        through[:, m] += weighted.sum(axis=0) * beta
        gradient = beta + ((on * a) @ W if m else np.zeros((n, 1)))
        gradients.append(gradient * scale / unit * np.sqrt(w)[:, None])
    through = through / variance if variance > 0.0 else np.zeros_like(through)
    eigenvalues, axes = _subspace(np.vstack(gradients))
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
