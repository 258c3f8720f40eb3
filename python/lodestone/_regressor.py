"""Regression for scikit-learn."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_tweedie_score

from lodestone import _core
from lodestone._arrays import table
from lodestone._estimator import RENAMED, Estimator, Rows, require_bool, require_number
from lodestone._estimator import require_one_of
from lodestone._options import with_ranges


_FAMILIES = ("square", "poisson", "huber")


@with_ranges("fit", max_features="", **RENAMED)  # 0 is None here
class LodestoneRegressor(RegressorMixin, Estimator):
    """Regression on few learned directions, with a certificate: ``lodestone fit`` for scikit-learn.

    The model is intercept + coef·x + Σ_i amplitude_i · relu(direction_i·x + bias_i), or with
    ``family="poisson"`` the exponential of it. The weight
    decay λ falls from where no feature pays; at each λ the two-layer network is trained to a
    measured distance from the best one of any width (docs/math.md, 9). λ and the number of features
    are chosen by cross-validation. Columns are standardized inside; everything reported is in the
    columns' own units unless it says otherwise.

    X may be an array of numbers or a table: a frame of pandas (nullable and categorical columns
    too), polars, pyarrow or whatever narwhals knows, or an object with ``__arrow_c_stream__``. d is
    the number of columns of numbers that the model works on; where a table holds text, categories
    or booleans, or `missing` is "indicator", that is more than the table has. Names of columns are
    in ``model_.columns``.

    For the same rows and options the results are those of ``lodestone fit``, bit for bit, at any
    number of threads (`lodestone.set_threads`).

    Parameters
    ----------
    weight_decay : float, optional
        Take this λ of the standardized problem, without cross-validation.
    weight_decays : int, default 30
        Values of λ along the path.
    weight_decay_ratio : float, default 1e-4
        The last of them as a share of the first.
    cv : int, splitter or iterable of (train, test), default 5
        A number: that many folds, dealt at random by `random_state`; with groups, as GroupKFold
        deals them. Anything else as in scikit-learn. A single split has one error a model and no
        spread: `select` must be "best", and a refit is taken wherever its error is smaller.
    categories : {"one-hot", "refuse"}, default "one-hot"
        Columns of text, categories and booleans in a table. "one-hot": 0/1 columns, one for each value
        seen in training (at most 100 a column) in the order of their bytes, named "column=value".
        At prediction, other values leave them 0, with a warning. "refuse": an error for text and
        categories; booleans are numbers, 0 and 1. (Booleans in an array are numbers always.)
    missing : {"refuse", "drop", "indicator"}, default "refuse"
        Missing values: NaN, None, NA and null. "refuse": an error. "drop": fit leaves out rows that
        miss a value, their target, weight or offset; an error at prediction. "indicator": the column's (weighted)
        mean over the training rows in their place, or for labels 0 in all 0/1 columns; and a 0/1
        column, named "column is missing", where training had any.
    select : {"best", "one-standard-error", "elbow"} or int, default "best"
        The model with the smallest validation error, the one with the fewest features within one
        standard error of it, the refit where the curve of errors bends, or the refit with so many
        features (see `curve`).
    relaxed : {"auto", "never", "always"}, default "auto"
        Refit the chosen features without penalty: where validation says it helps, never or always.
    shape : {"relu", "smooth", "auto"}, default "relu"
        What a feature's function of its direction is: a relu, a smooth function (a spline), or smooth
        where validation clearly says that it is better. A smooth function is many features with one
        direction (`model_.ridges`). Only with ``family="square"``.
    max_features : int, optional
        Most features, at least 1 and at most the rows. Default: as many as it takes.
    standardize : {"scale", "whiten", "none"}, default "scale"
        Columns before training: centred and of unit deviation, also uncorrelated, or as they are.
    linear : {"auto", "free", "none"}, default "auto"
        The linear part beside the features. "free": least squares takes it as it is. "none": features
        carry what is linear, and are penalized for it; for few rows, also fewer than columns. "auto":
        free where every fold trains on more rows than there are columns and 1.
    increasing, decreasing : list of str, optional
        Columns in which the prediction is never to fall, and never to rise: features and linear part
        have such signs there (docs/math.md, 13). Columns of an array are "x0", "x1", ...; of a column
        of text its 0/1 columns have an order, "column=value". Of one target; `standardize` must not
        be "whiten", `shape` not "smooth" ("auto" is "relu"), and `rigorous` must be False.
    biases : bool, default True
        Features have biases of their own.
    precision : {"float64", "float32"}, default "float64"
        How rows are kept and inner products computed; float32 is about twice as fast.
    gap_tolerance : float, optional
        A value of λ is done when its network is this close to the best of any width, relative.
        Default: 0.01.
    rigorous : bool, default False
        Prove the certificate by branch and bound; for effective dimensions up to about 4.
    bootstrap : int, default 0
        Resamples for the errors of the directions' angles.
    max_seconds : float, optional
        Budget of seconds; afterwards the model is the best of what was finished.
    random_state : int, RandomState or None, default 0
        Seed of folds, searches and resamples.
    verbose : bool, default False
        Show a progress bar (needs tqdm).
    family : {"square", "poisson", "huber"}, default "square"
        The loss. "square": the mean squared error. "poisson": for counts and rates, 0 or positive;
        the model says the log of their mean. "huber": the square for errors up to `huber_width`,
        linear beyond, so that outliers pull less. With the last two, validation errors are shares of
        the deviance of the best constant, and `rigorous` must be False (docs/math.md, 11). Classes
        are for `LodestoneClassifier`.
    huber_width : float, default 1.345
        Where the loss of "huber" becomes linear, in units of the target.
    linear_ridge : float, optional
        ν: half of it times the squared coefficients of standardized columns is added to the loss, which
        keeps the linear part finite where a linear function separates the classes (docs/math.md, 11.2).
        Default: 0.

    Attributes
    ----------
    directions_ : array (features, d)
        Of unit length in standardized columns (bias included); known up to sign.
    biases_ : array (features,)
    amplitudes_ : array (features,) or (features, targets)
        In units of the target, the largest first.
    coef_ : array (d,) or (targets, d)
        The linear part.
    intercept_ : float or array (targets,)
    weight_decay_ : float
        The chosen λ, of the standardized problem.
    weight_decay_max_ : float
        Above it no feature pays.
    certificate_ : Certificate
        Of the penalized network at `weight_decay_`, on the training rows; not of features merged or
        refitted from it.
    path_ : dict of arrays
        The columns of path.csv, a number for each λ (see `path`).
    path_networks_ : list of Network
        The penalized network at each λ, in standardized coordinates; of several targets a tuple of
        networks that share W.
    curve_ : dict of arrays
        The columns of curve.csv, a number for each point (see `curve`).
    cv_results_ : dict of arrays
        The columns of cross_validation.csv, a number for each model tried; empty where nothing was
        cross-validated.
    feature_reports_ : dict of arrays
        For each feature: mass, share (of the masses), eta (η of its neuron), active_share (of the
        rows) and, after a bootstrap, angle_error_deg, angle_95_deg, found_share. For each smooth
        function of a smooth model, in the order of ``model_.ridges``: knots, degrees_of_freedom,
        explained, and the same after a bootstrap.
    feature_importances_ : array (d,)
        For each column, the share of the variance of the prediction that comes by it, through every
        feature and the linear part, over the training rows: they add up to 1, and one is negative
        where others take back what the column brings (docs/math.md, 10.1).
    model_ : Model
        What predicts; ``model_.write(path)`` saves it for the command line.
    network_model_ : Model
        The penalized network, which the certificate is about.
    warnings_ : list of ResultWarning
        What a reader of the model should know.
    intervals_ : PredictionIntervals or None
        What `predict` makes intervals from; None without cross-validation and for counts.
    interrupted_ : bool
        Ctrl-C or the budget of seconds ended the fit early.
    n_features_in_ : int
        Columns of X, before text became 0/1 columns.
    feature_names_in_ : array of str
        Where X had names of columns, all of them strings.
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
        shape: str = "relu",
        max_features: Optional[int] = None,
        standardize: str = "scale",
        biases: bool = True,
        precision: str = "float64",
        gap_tolerance: Optional[float] = None,
        rigorous: bool = False,
        bootstrap: int = 0,
        max_seconds: Optional[float] = None,
        random_state: Any = 0,
        verbose: bool = False,
        family: str = "square",
        huber_width: float = 1.345,
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
        self.shape = shape
        self.max_features = max_features
        self.standardize = standardize
        self.biases = biases
        self.precision = precision
        self.gap_tolerance = gap_tolerance
        self.rigorous = rigorous
        self.bootstrap = bootstrap
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.verbose = verbose
        self.family = family
        self.huber_width = huber_width
        self.linear = linear
        self.linear_ridge = linear_ridge
        self.increasing = increasing
        self.decreasing = decreasing

    def predict(
        self, X: Any, interval: Optional[float] = None, offset: Optional[Any] = None
    ) -> Any:
        """Predictions for rows, of which nothing is copied when they are an array of float64, row by
        row.

        Parameters
        ----------
        X : array or frame (n, d)
        interval : float, optional
            Of (0, 1): the share of new targets that intervals around the predictions are to hold.
        offset : array or series (n,), optional
            That of the rows, where `fit` was given one.

        Returns
        -------
        array (n,) or (n, targets), or with `interval` the tuple (predictions, ends)
            `ends` (n, 2) are the lower and upper ends of CV+ intervals: quantiles of what each fold's
            model predicts, plus and minus how far it was from the rows it had not seen (docs/math.md,
            9.9). They are of one width up to what the folds disagree in, and infinite where there
            are too few rows for the level.

        Raises
        ------
        NotFittedError
        ValueError
            For another number of columns, names in another order, infinity, missing values but with
            ``missing="indicator"``, no offset where `fit` was given one, or one where not; with `interval`, also a number outside (0, 1), a fit that was not
            cross-validated, ``family="poisson"``, and a model of `with_features`. Labels that
            training did not see leave their 0/1 columns 0, with a UserWarning.
        """
        predictions = self._responses(X, offset)
        if interval is None:
            return predictions
        if self.intervals_ is None:
            raise ValueError(
                f"interval: got {interval!r}; this model has no intervals: they need a fit with "
                "cross-validation, its own number of features, and a family other than 'poisson'"
            )
        rows = self._rows(X)
        ends = self.intervals_.around(rows, float(interval), self._offset(offset, rows))
        return predictions, ends

    def score(
        self, X: Any, y: Any, sample_weight: Optional[Any] = None, offset: Optional[Any] = None
    ) -> float:
        """How well rows X (n, d) with targets y (n,) are predicted: 1 is perfect, 0 as good as the
        best constant beside the offset (n,). R², and with ``family="poisson"`` D², the share of the
        Poisson deviance that is explained, as scikit-learn's PoissonRegressor has it."""
        if offset is not None:
            rows = self._rows(X)
            judged = (*table(rows, y, sample_weight), self._offset(offset, rows), None)
            error = _core.test_error(self.model_, judged)
            return float(error["deviance_explained" if self.family == "poisson" else "r2"])
        if self.family != "poisson":
            return super().score(X, y, sample_weight)
        # Of a mean that is 0 by underflow the deviance would not be defined.
        means = np.maximum(self.predict(X), np.finfo(np.float64).tiny)
        return float(d2_tweedie_score(y, means, sample_weight=sample_weight, power=1))

    # ---- inside

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.family == "poisson"
        tags.target_tags.multi_output = self.family == "square"
        return tags

    def _checked(self, rows: Rows) -> Rows:
        if rows.y.ndim == 2 and self.family != "square":
            raise ValueError(f"family: got {self.family!r}; several targets have family='square'")
        if self.family == "poisson" and rows.y.min() < 0.0:
            raise ValueError(f"y: got {rows.y.min():g}; must be 0 or positive for family='poisson'")
        if self.family == "poisson" and not rows.y[rows.counted].any():
            raise ValueError("y: got zeros only; family='poisson' needs at least one positive value")
        return rows

    def _loss_options(self) -> dict[str, Any]:
        if self.family == "logistic":
            raise ValueError("family: got 'logistic'; classes are for LodestoneClassifier; must be one "
                             f"of {', '.join(map(repr, _FAMILIES))}")
        require_one_of(self, "family", _FAMILIES)
        require_one_of(self, "shape", ("relu", "smooth", "auto"))
        require_number(self, "huber_width")
        require_number(self, "linear_ridge", optional=True)
        require_bool(self, "rigorous")
        if self.rigorous and self.family != "square":
            raise ValueError(f"rigorous: got True; proofs are for family='square', not {self.family!r}")
        return {
            "family": self.family,
            "huber_width": self.huber_width,
            "linear_ridge": self.linear_ridge,
            "rigorous": self.rigorous,
            "shape": self.shape,
        }
