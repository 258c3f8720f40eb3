"""What the losses say on rows, and what their numbers are called."""

from __future__ import annotations

import numpy as np

# Of a reliability table.
_MOST_BINS = 10
_LEAST_ROWS = 5


def spread(family: str) -> str:
    """What errors are shares of."""
    return "variance" if family == "square" else "deviance"


def has_link(family: str) -> bool:
    """Whether the model's sum is a score of which a function is the prediction."""
    return family in ("logistic", "poisson")


def curvature(family: str, responses: np.ndarray) -> np.ndarray:
    """How fast each response moves with its score."""
    return responses * (1.0 - responses) if family == "logistic" else responses


def explained(family: str, scores: np.ndarray, responses: np.ndarray, y: np.ndarray) -> float:
    """The share of the deviance that is explained, beyond the best constant; NaN where y is constant.
    R² without a link."""
    if family == "logistic":
        # What a perfect score would leave of shares between 0 and 1.
        least = _entropy(y).mean()
        left = np.mean(np.logaddexp(0.0, scores) - y * scores) - least
        constant = float(_entropy(y.mean())) - least
    elif family == "poisson":
        least = np.mean(y - _times_log(y))
        left = np.mean(responses - y * scores) - least
        constant = y.mean() - float(_times_log(y.mean())) - least
    else:
        left, constant = np.mean((y - responses) ** 2), float(np.var(y))
    return float(1.0 - left / constant) if constant > 0.0 else float("nan")


def _times_log(x: np.ndarray) -> np.ndarray:
    """x log x, 0 at 0."""
    return x * np.log(np.where(x > 0.0, x, 1.0))


def _entropy(p: np.ndarray) -> np.ndarray:
    return -_times_log(p) - _times_log(1.0 - p)


def reliability(probabilities: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Predicted and observed shares in bins of equally many rows, by predicted probability: rows,
    mean predicted, share observed, and the standard error of the latter where probabilities are
    right."""
    bins = max(1, min(_MOST_BINS, len(y) // _LEAST_ROWS))
    parts = np.array_split(np.argsort(probabilities, kind="stable"), bins)
    noise = [np.sqrt(np.sum(probabilities[part] * (1.0 - probabilities[part]))) for part in parts]
    counts = np.array([len(part) for part in parts])
    return {
        "rows": counts,
        "predicted": np.array([probabilities[part].mean() for part in parts]),
        "observed": np.array([y[part].mean() for part in parts]),
        "standard_error": np.array(noise) / counts,
    }
