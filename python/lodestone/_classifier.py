"""Classes for scikit-learn."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from lodestone import _frames
from lodestone._estimator import RENAMED, Estimator, Rows, require_number
from lodestone._options import with_entries_of, with_ranges
from lodestone._regressor import LodestoneRegressor


@with_entries_of(LodestoneRegressor)
@with_ranges("fit", **RENAMED)
class LodestoneClassifier(ClassifierMixin, Estimator):
    """Classes by few learned directions, with a certificate: ``lodestone fit --family logistic``, for
    more than two classes ``--family softmax``, for scikit-learn.

    Of two classes the score intercept + coef·x + Σ_i amplitude_i · relu(direction_i·x + bias_i) is the
    log of the odds of ``classes_[1]``, and minimizes the logistic loss. Of more each class has a score,
    with an intercept, a linear part and amplitudes of its own along directions that all classes share;
    the probabilities are the softmax of the scores, which minimize the softmax loss (docs/math.md, 12).
    Everything else is as in `LodestoneRegressor`: the path over the weight decay λ, the choice of λ and
    of the number of features by cross-validation, the certificate, the units, and tables as X. Where a
    linear function separates two classes, the model is that function.

    For the same rows, options and folds the results are those of ``lodestone fit``, bit for bit, at
    any number of threads (`lodestone.set_threads`).

    Parameters
    ----------
    weight_decay, weight_decays, weight_decay_ratio
    cv : int, splitter or iterable of (train, test), default 5
        A number: that many folds with the classes in equal shares, dealt at random by `random_state`
        (StratifiedKFold, with groups StratifiedGroupKFold); a fold is left out where the others lack
        a class. Anything else as in scikit-learn; every fold must train on all classes. A single
        split has one error a model and no spread: `select` must be "best", and a refit is taken
        wherever its error is smaller.
    categories, missing, select, relaxed, max_features, standardize, linear, biases, precision
    increasing, decreasing : list of str, optional
        Columns in which the probability of ``classes_[1]`` is never to fall, and never to rise, of two
        classes: features and linear part have such signs there (docs/math.md, 13). Columns of an array
        are "x0", "x1", ...; `standardize` must not be "whiten".
    gap_tolerance, bootstrap, max_seconds, random_state, verbose
    class_weight : "balanced", mapping or None, default None
        What rows of a class count, beside their own weight. "balanced": all classes as much in
        total. A mapping: positive weights by label, 1 where a label has none. Probabilities are those
        of the rows so weighted.
    linear_ridge : float, optional
        ν: half of it times the squared coefficients of standardized columns is added to the loss, which
        keeps the linear part finite where a linear function separates the classes (docs/math.md, 11.2).
        Default: the one of 1e-4 to 0.3 with which the linear model alone predicts the held-out rows best.

    Attributes
    ----------
    classes_ : array (classes,)
        The labels, sorted.
    directions_ : array (features, d)
        Of unit length in standardized columns (bias included); known up to sign.
    biases_ : array (features,)
    amplitudes_ : array (features,) or (features, classes)
        In units of the score, the largest first.
    coef_ : array (d,) or (classes, d)
        The linear part of the score.
    intercept_ : float or array (classes,)
    weight_decay_, weight_decay_max_, certificate_, path_, path_networks_, curve_, cv_results_
    feature_reports_
    feature_importances_ : array (d,)
        For each column, the share of the variance of the score that comes by it, through every
        feature and the linear part, over the training rows: they add up to 1, and one is negative
        where others take back what the column brings (docs/math.md, 10.1).
    model_, network_model_, warnings_, interrupted_, n_features_in_, feature_names_in_
    """

    def __init__(
        self,
        *,
        weight_decay: Optional[float] = None,
        weight_decays: int = 30,
        weight_decay_ratio: float = 1e-4,
        cv: Any = 5,
        categories: str = "one-hot",
        missing: str = "refuse",
        select: Any = "best",
        relaxed: str = "auto",
        max_features: Optional[int] = None,
        standardize: str = "scale",
        biases: bool = True,
        precision: str = "float64",
        gap_tolerance: Optional[float] = None,
        bootstrap: int = 0,
        max_seconds: Optional[float] = None,
        random_state: Any = 0,
        verbose: bool = False,
        class_weight: Any = None,
        linear: str = "auto",
        linear_ridge: Optional[float] = None,
        increasing: Any = None,
        decreasing: Any = None,
    ) -> None:
        self.weight_decay = weight_decay
        self.weight_decays = weight_decays
        self.weight_decay_ratio = weight_decay_ratio
        self.cv = cv
        self.categories = categories
        self.missing = missing
        self.select = select
        self.relaxed = relaxed
        self.max_features = max_features
        self.standardize = standardize
        self.biases = biases
        self.precision = precision
        self.gap_tolerance = gap_tolerance
        self.bootstrap = bootstrap
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.verbose = verbose
        self.class_weight = class_weight
        self.linear = linear
        self.linear_ridge = linear_ridge
        self.increasing = increasing
        self.decreasing = decreasing

    def decision_function(self, X: Any, offset: Optional[Any] = None) -> np.ndarray:
        """Scores for rows X (n, d). Of two classes (n,): the log of the odds of ``classes_[1]``; of
        more (n, classes), of which only differences count. Raises as `predict`."""
        rows = self._rows(X)
        return np.asarray(self.model_.scores(rows, self._offset(offset, rows)))

    def predict(self, X: Any, offset: Optional[Any] = None) -> np.ndarray:
        """The more probable label (n,) for rows X (n, d), with their offset (n,) where `fit` was
        given one. Raises NotFittedError, and ValueError for another number of columns, names in
        another order, infinity, missing values but with ``missing="indicator"``, no offset where
        `fit` was given one, or one where not. Labels of columns that training did not see leave their
        0/1 columns 0, with a UserWarning."""
        scores = self.decision_function(X, offset)
        codes = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0.0).astype(int)
        return self.classes_[codes]

    def predict_proba(self, X: Any, offset: Optional[Any] = None) -> np.ndarray:
        """Probabilities (n, classes) of ``classes_``, those of ``model_.predict``; of two classes it
        has the second. Raises as `predict`."""
        rows = self._rows(X)
        offsets = self._offset(offset, rows)
        if self.model_.outputs:
            return np.asarray(self.model_.predict(rows, offsets))
        # 1 − P would leave no digit of a small probability of the first class.
        first = np.exp(-np.logaddexp(0.0, self.model_.scores(rows, offsets)))
        return np.column_stack([first, self.model_.predict(rows, offsets)])

    def predict_log_proba(self, X: Any, offset: Optional[Any] = None) -> np.ndarray:
        """Logs (n, classes) of the probabilities, from the scores: finite also where a probability is
        rounded to 0. Raises as `predict`."""
        scores = self.decision_function(X, offset)
        if scores.ndim == 2:
            return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        return -np.logaddexp(0.0, np.column_stack([scores, -scores]))

    def score(
        self, X: Any, y: Any, sample_weight: Optional[Any] = None, offset: Optional[Any] = None
    ) -> float:
        """The share of rows X (n, d) whose label y (n,) is predicted."""
        return float(accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight))

    # ---- inside

    def _targets(self, y: Any) -> np.ndarray:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        labels, missing = _frames.labels_of(y)
        labels = column_or_1d(labels, warn=True)
        if missing.any() and self.missing != "drop":
            raise ValueError(f"y: got {missing.sum()} missing labels (NaN or None, first in row "
                             f"{missing.argmax()}); missing='drop' leaves out such rows")
        known = labels[~missing]
        if known.dtype.kind == "f" and np.isinf(known).any():
            raise ValueError("y: got infinity; labels must be finite")
        check_classification_targets(known)
        kind = type_of_target(known, input_name="y", raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"y: got a target of type {kind}; must be one label a row")
        self.classes_, codes = np.unique(known, return_inverse=True)
        numbers_of_rows = np.full(len(labels), np.nan)
        numbers_of_rows[~missing] = codes
        return numbers_of_rows

    def _checked(self, rows: Rows) -> Rows:
        weights = np.ones(len(rows.y)) if rows.weights is None else rows.weights
        codes = rows.y.astype(int)
        totals = np.bincount(codes, weights=weights, minlength=len(self.classes_))
        counted = np.flatnonzero(totals)
        if len(counted) < 2:
            label = self.classes_.tolist()[int(totals.argmax())]
            raise ValueError(f"y: got one class only, {label!r}, in the rows that count; must hold at "
                             "least two classes")
        if len(counted) < len(totals):
            label = self.classes_.tolist()[int(totals.argmin())]
            raise ValueError(f"y: got no row that counts of the class {label!r}; leave out its rows")
        if self.class_weight is None:
            return rows
        return dataclasses.replace(rows, weights=weights * self._of_classes(totals)[codes])

    def _of_classes(self, totals: np.ndarray) -> np.ndarray:
        """(classes,) what a row of each class counts; `totals` are the weights of their rows."""
        given = self.class_weight
        if isinstance(given, str) and given == "balanced":
            return totals.sum() / (len(totals) * totals)
        if not isinstance(given, Mapping):
            raise ValueError(f"class_weight: got {given!r}; must be 'balanced', a mapping from labels "
                             "to weights, or None")
        labels = self.classes_.tolist()
        for label, weight in given.items():
            if label not in labels:
                raise ValueError(f"class_weight: got the label {label!r}; y holds "
                                 + ", ".join(map(repr, labels)))
            if not isinstance(weight, numbers.Real) or not 0.0 < float(weight) < np.inf:
                raise ValueError(f"class_weight: got {weight!r} for {label!r}; must be positive and "
                                 "finite")
        return np.array([float(given.get(label, 1.0)) for label in labels])

    def _loss_options(self) -> dict[str, Any]:
        require_number(self, "linear_ridge", optional=True)
        return {"linear_ridge": self.linear_ridge}

    def _options_of_targets(self) -> dict[str, str]:
        return {"family": "softmax" if len(self.classes_) > 2 else "logistic"}

    def _splits(
        self, rows: Rows, groups: Any, seed: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        splits = super()._splits(rows, groups, seed)
        for training, _ in splits:
            if not self._all_classes(rows, training):
                raise ValueError("cv: got a fold that trains without one of the classes; every fold "
                                 "must train on all of them")
        return splits

    def _dealt(
        self, folds: int, rows: Rows, groups: Any, seed: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        counted = np.flatnonzero(rows.counted)
        most = int(np.bincount(rows.y[counted].astype(int)).max())
        if folds > most:
            raise ValueError(f"cv: got {folds} folds; no class has more than n_samples={most} rows")
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        splitter = kind(n_splits=folds, shuffle=True, random_state=seed % 2**32)
        dealt = splitter.split(
            np.zeros(len(counted)), rows.y[counted], None if groups is None else groups[rows.kept][counted]
        )
        splits = [(counted[training], counted[held_out]) for training, held_out in dealt]
        splits = [split for split in splits if self._all_classes(rows, split[0])]
        if not splits:
            raise ValueError(f"cv: got {folds} folds; each would train without one of the classes")
        return splits

    def _all_classes(self, rows: Rows, some: np.ndarray) -> bool:
        return len(np.unique(rows.y[some][rows.counted[some]])) == len(self.classes_)

    def _class_names(self) -> list[str]:
        """Of two classes the model means the second; of more it names each output."""
        return [str(label) for label in self.classes_] if len(self.classes_) > 2 else []
