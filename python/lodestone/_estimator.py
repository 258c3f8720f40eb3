"""What the scikit-learn estimators over the certified path share."""

from __future__ import annotations

import copy
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, TypeVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.model_selection import GroupKFold, check_cv
from sklearn.utils import check_array, check_consistent_length, check_random_state, check_X_y
from sklearn.utils.validation import check_is_fitted, validate_data

from lodestone import _core, _frames
from lodestone import _summary
from lodestone._arrays import (
    offset_of,
    names_text,
    option_text,
    option_texts,
    series_name,
    several_targets,
    target_name,
    target_names,
    unmasked,
)
from lodestone._importance import shares
from lodestone._network import Network
from lodestone._progress import bar, reporter
from lodestone._results import certificate, columns_of, frame, result_warning

Self = TypeVar("Self", bound="Estimator")

_FLOAT64 = np.dtype(np.float64)
# The options of parameters that scikit-learn's users know by another name.
RENAMED = {"cv": "folds", "random_state": "seed"}
_FEATURE_COLUMNS = ("mass", "share", "eta", "active_share")
_BOOTSTRAP_COLUMNS = ("angle_error_deg", "angle_95_deg", "found_share")


@dataclass(frozen=True)
class Rows:
    """What a fit is made of."""

    X: np.ndarray
    """(n, d) of the rows that are kept."""
    y: np.ndarray
    """(n,), or (n, targets)"""
    weights: Optional[np.ndarray]
    """(n,)"""
    kept: np.ndarray
    """Of each row given, whether it is kept; the others miss a value."""
    given: Any
    """All rows, as an array or a frame."""
    given_y: Any
    """All targets."""
    encoding: Optional[_frames.TableEncoding]
    """None where X is what was given."""
    offset: Optional[np.ndarray] = None
    """(n,)"""

    @property
    def counted(self) -> np.ndarray:
        """(n,) of bool: rows of weight 0 count as absent."""
        return np.ones(len(self.y), dtype=bool) if self.weights is None else self.weights > 0.0

    def numbered(self, splits: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        """Splits of the rows given as numbers of the rows kept."""
        number = np.cumsum(self.kept) - 1  # of a row among those kept

        def of(chosen: Any) -> np.ndarray:
            found = np.arange(len(self.kept))[chosen]
            return number[found[self.kept[found]]]

        return [(of(training), of(held_out)) for training, held_out in splits]


class Estimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What the estimators share: rows and folds in, what a fit leaves, and what is told of it. They
    add their parameters, targets and predictions."""

    if TYPE_CHECKING:  # parameters and attributes of the estimators
        weight_decay: Optional[float]
        weight_decays: int
        weight_decay_ratio: float
        cv: Any
        categories: str
        missing: str
        select: Any
        relaxed: str
        max_features: Optional[int]
        standardize: str
        linear: str
        increasing: Any
        decreasing: Any
        biases: bool
        precision: str
        gap_tolerance: Optional[float]
        bootstrap: int
        max_seconds: Optional[float]
        random_state: Any
        verbose: bool

    def fit(
        self: Self,
        X: Any,
        y: Any,
        sample_weight: Optional[Any] = None,
        groups: Optional[Any] = None,
        offset: Optional[Any] = None,
    ) -> Self:
        """Computes the path, chooses, and refits where that helps.

        The interpreter's lock is released meanwhile. After Ctrl-C the estimator holds the best of
        what was finished (``interrupted_``), and KeyboardInterrupt is raised.

        Parameters
        ----------
        X : array or frame (n, d)
            Finite numbers; in a frame also text, categories and booleans (`categories`). n > d + 1
            unless columns depend on each other.
        y : array or series (n,), array or frame (n, targets)
            Of a regressor numbers, finite and not constant; several targets share their directions.
            Of a classifier labels, where a missing one counts as a missing value. With ``missing="drop"`` a row goes too that
            misses its target, its weight or its offset; otherwise each must have them.
        sample_weight : array (n,), optional
            0 or positive; only ratios matter. A row of weight 0 counts as absent.
        groups : array (n,), optional
            What the splitter `cv` keeps together; with a number of folds, GroupKFold (of a
            classifier StratifiedGroupKFold) deals the groups. In scikit-learn's metadata routing:
            ``set_fit_request(groups=True)``.
        offset : array or series (n,), optional
            Known parts of the scores, finite: a score is offset + f(x), as with log(exposure) for
            counts. Predictions need that of their rows.

        Raises
        ------
        TypeError, ValueError
            For parameters out of range, and data that cannot be fitted: of a frame also dates,
            values of several types in one column, columns without any value, more than 100 labels
            in a column, and two columns of one name. The message names the column.
        ImportError
            For an Arrow stream where neither polars nor pyarrow is installed.
        """
        options = self._options()
        name_of_target, given_targets = target_name(y), y
        for name, values in (("X", X), ("y", y), ("sample_weight", sample_weight)):
            unmasked(values, name)
        rows = self._checked(self._training_rows(X, self._targets(y), sample_weight, offset))
        options.update(self._options_of_targets())
        splits = self._splits(rows, groups, int(options["seed"]))
        if rows.encoding is None:
            columns = [str(name) for name in getattr(self, "feature_names_in_", ())]
            encoding = _frames.TableEncoding.of_model(
                columns or [f"x{j}" for j in range(rows.X.shape[1])]
            )
        else:
            encoding = rows.encoding
        single = len(splits) == 1
        shown = bar(self.verbose, "fit")
        several = rows.y.ndim == 2
        try:
            parts = _core.fit(
                rows.X,
                np.ascontiguousarray(rows.y[:, 0]) if several else rows.y,
                rows.weights,
                encoding.outputs,
                name_of_target,
                options,
                # The library compares the errors of two folds or more. The same one twice has the
                # errors of one, and no spread; `_keep` takes the second one back.
                2 * splits if single else splits,
                reporter(shown),
                encoding.encodings,
                rows.offset,
                series_name(offset, "offset"),
                encoding.imputations,
                rows.y if several else None,
                target_names(given_targets, rows.y.shape[1]) if several else [],
                self._class_names(),
            )
        finally:
            if shown is not None:
                shown.close()
        self._encoding = rows.encoding
        self._keep(parts, single)
        self._row_count = int(np.sum(rows.counted))
        self._curve_shares = [shares(one, rows.X, rows.weights) for one in self._curve_models]
        self._take_shares(shares(self.model_, rows.X, rows.weights))
        if parts["error"] is not None:
            raise parts["error"]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The learned features relu(direction_i·x + bias_i): an array (n, features). Raises as
        ``predict``."""
        rows = self._rows(X)
        return self.model_.features(rows)

    def path(self):
        """`path_` as a pandas frame: a line for each λ, with the columns of path.csv."""
        check_is_fitted(self)
        return frame(self.path_)

    def cross_validation(self):
        """`cv_results_` as a pandas frame: a line for each model that was tried. Errors are shares
        of the target's variance, or of its deviance where the loss is not the square."""
        check_is_fitted(self)
        return frame(self.cv_results_)

    def curve(self):
        """The cross-validated error by number of features as a pandas frame with the columns of
        curve.csv: the linear model, the best refit of each number of features, and last the
        penalized network. Errors are shares of the target's variance, or of its deviance where the
        loss is not the square. Empty where nothing was cross-validated."""
        check_is_fitted(self)
        return frame(self.curve_)

    def with_features(self: Self, features: int) -> Self:
        """This estimator with another number of features, without fitting again.

        Parameters
        ----------
        features : int
            One of those in `curve`; of two models with as many the refit.

        Returns
        -------
        The same estimator
            A copy with the model of that number: `model_`, `directions_`, `biases_`, `amplitudes_`,
            `coef_`, `intercept_` and `feature_importances_`. Path, certificate and what was
            cross-validated are shared; `feature_reports_`, `warnings_` and `intervals_`, which belong
            to the other model, are empty.

        Raises
        ------
        ValueError
            For a number that the curve has not.
        """
        check_is_fitted(self)
        counts = [_shown_count(model) for model in self._curve_models]
        if isinstance(features, bool) or not isinstance(features, numbers.Integral):
            raise TypeError(f"features: got {features!r}; must be an integer")
        if features not in counts:
            there = ", ".join(map(str, sorted(set(counts)))) or "none: nothing was cross-validated"
            raise ValueError(f"features: got {features}; this fit has models of {there}")
        at = counts.index(features)
        other = copy.copy(self)
        other._take_model(self._curve_models[at])
        other._take_shares(self._curve_shares[at])
        other.curve_ = {**self.curve_, "chosen": np.arange(len(counts)) == at}
        other.feature_reports_ = {}
        other.warnings_ = []
        other.intervals_ = None
        return other

    def subspace(self):
        """How many directions hold the model's change, as a pandas frame: a line for each
        eigenvector of the mean outer product of the gradient in standardized columns over the
        training rows (docs/math.md, 10.3), at most 8. `share` is its eigenvalue over the sum of all,
        `so_far` the sum of the shares up to it, and each column has its loading: unit length, for
        columns in standard deviations; divide by ``model_.scale`` for their own units. Unlike single
        features it does not depend on how the model is split into features."""
        check_is_fitted(self)
        held = self._shares
        columns = {"share": held.subspace, "so_far": np.cumsum(held.subspace)}
        for name, loading in zip(self.model_.columns, held.axes.T):
            columns[name if name not in columns else f"direction[{name}]"] = loading
        return frame(columns)

    def features(self):
        """The features as a pandas frame, the largest first: amplitude, bias, what is known of each
        (`feature_reports_`; each piece of a smooth function has that of the function), and its
        direction by column of the model. A column whose name is one of the former, "mass" say, is
        "direction[mass]" here."""
        check_is_fitted(self)
        reports = self.feature_reports_
        ridges = self.model_.ridges
        if ridges:
            counts = [count for _, count, *_ in ridges]
            reports = {name: np.repeat(values, counts) for name, values in reports.items()}
        if self.model_.outputs:
            amplitudes = {
                f"amplitude[{name}]": of_output
                for name, of_output in zip(self.model_.outputs, self.amplitudes_.T)
            }
        else:
            amplitudes = {"amplitude": self.amplitudes_}
        columns = {**amplitudes, "bias": self.biases_, **reports}
        taken = {*columns, *_FEATURE_COLUMNS, *_BOOTSTRAP_COLUMNS}
        names = self.model_.columns
        for name, numbers_of_column in zip(names, self.directions_.T):
            while name in taken:
                name = f"direction[{name}]"
                taken |= set(names)
            taken.add(name)
            columns[name] = numbers_of_column
        return frame(columns)

    def summary(self) -> str:
        """The model in words and numbers, 80 columns wide: target, rows, error, intercept, linear part,
        features in the order of what they explain, and the certificate. ``print(estimator)`` prints
        it."""
        check_is_fitted(self)
        return _summary.summary_of(self)

    def __str__(self) -> str:
        return self.summary() if "model_" in vars(self) else repr(self)

    # Notebooks: scikit-learn's diagram, and below it what was found.

    def _repr_html_inner(self) -> str:
        return super()._repr_html_inner() + self._told()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(**options)
        if "text/html" in bundle:
            bundle["text/html"] += self._told()
        return bundle

    def _told(self) -> str:
        return _summary.html_of(self) if "model_" in vars(self) else ""

    # ---- inside

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "indicator"
        return tags

    def _targets(self, y: Any) -> Any:
        """Targets as numbers, NaN where one is missing."""
        return _frames.numbers_of_series(y)

    def _checked(self, rows: Rows) -> Rows:
        """Rows whose targets can be fitted, with their final weights."""
        return rows

    def _class_names(self) -> list[str]:
        """What the model calls the numbers of classes; empty where it need not know."""
        return []

    def _options_of_targets(self) -> dict[str, str]:
        """Options that only the targets tell."""
        return {}

    def _loss_options(self) -> dict[str, Any]:
        """Options of the library that say what is fitted to the targets."""
        return {}

    def _responses(self, X: Any, offset: Any = None) -> np.ndarray:
        """What the model predicts for rows."""
        predictions = self._predict_unchecked(X) if offset is None else None
        if predictions is not None:
            return predictions
        rows = self._rows(X)
        return self.model_.predict(rows, self._offset(offset, rows))

    def _offset(self, given: Any, rows: np.ndarray) -> Optional[np.ndarray]:
        """That of rows to predict. Where the model needs one and none is given, the model says so."""
        if given is not None and not self.model_.offset:
            raise ValueError("offset: got one, and the model was trained without")
        return offset_of(given, len(rows))

    def _predict_unchecked(self, X: Any) -> Optional[np.ndarray]:
        """Predictions for an array that scikit-learn's checks would hand back as it is. They read
        all of X, a quarter of the time of predicting with few features; a number in X that is not
        finite shows in the predictions too. None wherever those checks have something to say."""
        own = vars(self)
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype == _FLOAT64
            and "model_" in own
            and "feature_names_in_" not in own
            and own["_encoding"] is None
        ):
            return own["model_"].predict_finite(X)
        return None

    def _training_rows(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Rows:
        frame_of_X = _frames.native(X)
        checks: dict[str, Any] = {"dtype": np.float64, "order": "C", "ensure_min_samples": 2}
        if frame_of_X is None and self.missing == "refuse":
            X, y = validate_data(
                self, X, y, y_numeric=True, multi_output=several_targets(y), **checks
            )
            y = np.ascontiguousarray(y, dtype=np.float64)
            weights, offsets = _weights(sample_weight, y), offset_of(offset, len(y))
            return Rows(X, y, weights, np.ones(len(y), dtype=bool), X, y, None, offsets)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        given = X if frame_of_X is None else frame_of_X
        if frame_of_X is None:
            X = validate_data(self, X, ensure_all_finite="allow-nan", **checks)
            table = _frames.of_array(X)
        else:
            validate_data(self, given, skip_check_array=True)
            table = _frames.read(given)
            check_array(np.empty((table.rows, len(table.columns))), ensure_all_finite=False, **checks)
        of_rows = np.ones(table.rows)
        check_consistent_length(of_rows, y)
        drops = self.missing == "drop"
        weights = _weights(sample_weight, of_rows, allow_nan=drops)
        offsets = offset_of(offset, table.rows, allow_nan=drops)
        known = np.ones(table.rows, dtype=bool)
        for values in (y, weights, offsets) if drops else ():
            if isinstance(values, np.ndarray) and values.dtype.kind == "f":
                known &= ~np.isnan(values).reshape(len(values), -1).any(axis=1)
        if not known.any():
            raise ValueError("y: every row misses its target, weight or offset, so missing='drop' "
                             "leaves none")
        counted = np.where(known, of_rows if weights is None else weights, 0.0)
        encoding, kept = _frames.TableEncoding.learn(table, self.categories, self.missing, counted)
        kept &= known
        numbers_of_rows, targets = encoding.apply(table, in_training=True), y
        if not kept.all():
            numbers_of_rows, targets = numbers_of_rows[kept], np.asarray(y)[kept]
            weights = None if weights is None else weights[kept]
            offsets = None if offsets is None else offsets[kept]
        numbers_of_rows, targets = check_X_y(
            numbers_of_rows, targets, y_numeric=True, multi_output=several_targets(targets),
            estimator=self, **checks
        )
        targets = np.ascontiguousarray(targets, dtype=np.float64)
        return Rows(numbers_of_rows, targets, weights, kept, given, y, encoding, offsets)

    def _rows(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        unmasked(X, "X")
        encoding = self._encoding
        given = _frames.native(X)
        if given is not None:
            validate_data(self, given, skip_check_array=True, reset=False)
            if encoding is None:
                encoding = _frames.TableEncoding.of_model(self.model_.columns)
            table = _frames.read(given)
            return check_array(encoding.apply(table), dtype=np.float64, order="C", input_name="X",
                               ensure_min_features=0)
        if encoding is None or encoding.plain:
            return validate_data(self, X, dtype=np.float64, order="C", reset=False)
        labelled = [name for name, _ in encoding.encodings]
        if labelled:
            raise ValueError(f"X: got {type(X).__name__}, but column {labelled[0]!r} held labels in "
                             "training; give a table with its columns")
        X = validate_data(self, X, dtype=np.float64, order="C", reset=False,
                          ensure_all_finite="allow-nan")
        return encoding.apply(_frames.of_array(X))

    def _options(self) -> dict[str, str]:
        """The parameters as the library's options; what is wrong is said in their own names."""
        require_number(self, "weight_decay", optional=True)
        _require_integer(self, "weight_decays")
        require_number(self, "weight_decay_ratio")
        require_one_of(self, "categories", ("one-hot", "refuse"))
        require_one_of(self, "missing", ("refuse", "drop", "indicator"))
        _require_selection(self.select)
        require_one_of(self, "relaxed", ("auto", "never", "always"))
        _require_integer(self, "max_features", optional=True)
        if self.max_features == 0:
            raise ValueError("max_features: got 0; must be at least 1, or None")
        require_one_of(self, "standardize", ("scale", "whiten", "none"))
        require_one_of(self, "linear", ("auto", "free", "none"))
        require_bool(self, "biases")
        require_one_of(self, "precision", ("float64", "float32"))
        require_number(self, "gap_tolerance", optional=True)
        _require_integer(self, "bootstrap")
        require_number(self, "max_seconds", optional=True)
        folds = 5 if self.cv is None else self.cv
        if isinstance(folds, numbers.Integral):
            _require_in_range("cv", folds)
        return option_texts(
            {
                "weight_decay": self.weight_decay,
                "weight_decays": self.weight_decays,
                "weight_decay_ratio": self.weight_decay_ratio,
                "folds": folds if isinstance(folds, numbers.Integral) else None,
                "select": self.select,
                "relaxed": self.relaxed,
                "max_features": self.max_features,
                "standardize": self.standardize,
                "linear": self.linear,
                "increasing": _columns_text("increasing", self.increasing),
                "decreasing": _columns_text("decreasing", self.decreasing),
                "biases": self.biases,
                "precision": self.precision,
                "gap_tolerance": self.gap_tolerance,
                "bootstrap": self.bootstrap,
                "max_seconds": self.max_seconds,
                "seed": _seed(self.random_state),
                **self._loss_options(),
            }
        )

    def _splits(
        self, rows: Rows, groups: Any, seed: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Folds that scikit-learn makes of the rows given, as numbers of the rows kept; none where
        the library is to deal them."""
        if groups is not None:
            groups = np.asarray(groups)
            check_consistent_length(rows.kept, groups)
        if self.weight_decay is not None:
            return []
        cv: Any = 5 if self.cv is None else self.cv
        if isinstance(cv, numbers.Integral):
            folds = int(cv)
            if folds > len(rows.y):
                raise ValueError(f"cv: got {folds} folds; there are only n_samples={len(rows.y)}")
            dealt = self._dealt(folds, rows, groups, seed)
            if dealt is None:
                return []
            splits = dealt
        else:
            splits = rows.numbered(check_cv(cv).split(rows.given, rows.given_y, groups))
        for training, held_out in splits:
            if len(training) == 0 or len(held_out) == 0:
                part = "to train on" if len(training) == 0 else "held out"
                raise ValueError(f"cv: got a fold with no rows {part}; every fold must have some")
        # None at all would leave the folds to the library.
        if not splits:
            raise ValueError(f"cv: got {self.cv!r}; must give at least 2 folds, or a single split")
        if len(splits) == 1 and self.select == "one-standard-error":
            raise ValueError("select: got 'one-standard-error'; the single split of cv has no spread "
                             "of errors: must be 'best'")
        return splits

    def _dealt(
        self, folds: int, rows: Rows, groups: Any, seed: int
    ) -> Optional[list[tuple[np.ndarray, np.ndarray]]]:
        """So many folds, as numbers of the rows kept; None where the library is to deal them."""
        if groups is None:
            return None
        return rows.numbered(GroupKFold(n_splits=folds).split(rows.given, rows.given_y, groups))

    def _keep(self, parts: dict[str, Any], single: bool) -> None:
        """Takes the results. `single`: of one split, whose errors have no spread."""
        if single:
            for candidate in parts["candidates"]:
                candidate["standard_error"] = np.nan
            parts["intervals"] = _of_first_fold(parts["intervals"])
        self._take_model(parts["model"])
        self.network_model_ = parts["network_model"]
        self._curve_models = [point["model"] for point in parts["curve"]]
        self.curve_ = _curve(parts)
        self.weight_decay_ = parts["weight_decay"]
        self.weight_decay_max_ = parts["weight_decay_max"]
        self.certificate_ = certificate(parts["certificate"])
        self.cv_results_ = _cross_validation(parts)
        self.path_ = _path(parts)
        self.path_networks_ = [_standardized(point["network"], self.biases) for point in parts["path"]]
        self.feature_reports_ = _reports(parts, _BOOTSTRAP_COLUMNS if self.bootstrap else ())
        self.warnings_ = [result_warning(*one) for one in parts["warnings"]]
        self.intervals_ = parts["intervals"]
        self.interrupted_ = parts["interrupted"]

    def _take_shares(self, found: Any) -> None:
        self._shares = found
        self.feature_importances_ = found.columns

    def _take_model(self, model: _core.Model) -> None:
        self.model_ = model
        self.directions_ = model.directions
        self.biases_ = model.biases
        self.amplitudes_ = model.amplitudes
        self.coef_ = model.beta
        self.intercept_ = model.alpha
        self._n_features_out = len(self.amplitudes_)


def _reports(parts: dict[str, Any], bootstrapped: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What is known of each feature, or of each smooth function: its first piece has the direction."""
    found = columns_of(parts["reports"])
    ridges = np.array(parts["model"].ridges).reshape(-1, 4)
    if len(ridges) == 0:
        none = np.zeros(0, dtype=np.float64)
        return {name: found.get(name, none) for name in _FEATURE_COLUMNS + bootstrapped}
    first = ridges[:, 0].astype(int)
    told = {"knots": ridges[:, 1].astype(int), "degrees_of_freedom": ridges[:, 2], "explained": ridges[:, 3]}
    return {**told, **{name: found[name][first] for name in bootstrapped}}


def _of_first_fold(intervals: Any) -> Any:
    """The intervals that the rows of the first fold make alone: each counts once."""
    if intervals is None:
        return None
    model, residuals, _, rows = intervals.__getstate__()[0]
    one = _core.PredictionIntervals.__new__(_core.PredictionIntervals)
    one.__setstate__([(model, residuals, 1.0, rows)])
    return one


def _standardized(network: dict[str, Any], biases: bool) -> Any:
    """The network, or of several outputs a tuple of networks that share W."""
    if network["S"] is not None:
        outputs = np.ascontiguousarray((network["a"][:, None] * network["S"]).T)
        return tuple(_standardized({**network, "a": a, "S": None}, biases) for a in outputs)
    a, W = network["a"], network["W"]
    return Network(a, W[:, :-1], W[:, -1]) if biases else Network(a, W)


def _cross_validation(parts: dict[str, Any]) -> dict[str, np.ndarray]:
    if not parts["cross_validated"]:
        return {}
    tried = parts["candidates"]
    lambdas = np.array([point["weight_decay"] for point in parts["path"]])
    found = columns_of(tried)
    return {
        "lambda": lambdas[found["index"]],
        "features": found["feature_count"],
        "relaxed": found["relaxed"],
        "merge_angle_deg": np.where(found["relaxed"], found["merge_angle_deg"], np.nan),
        "validation_error": found["validation_error"],
        "validation_standard_error": found["standard_error"],
        "chosen": np.arange(len(tried)) == parts["chosen"],
        "smooth": found["smooth"],
    }


def _curve(parts: dict[str, Any]) -> dict[str, np.ndarray]:
    points = parts["curve"]
    tried = [parts["candidates"][point["candidate"]] for point in points]
    lambdas = [parts["path"][candidate["index"]]["weight_decay"] for candidate in tried]
    angles = [one["merge_angle_deg"] if one["relaxed"] else np.nan for one in tried]
    return {
        "features": np.array([_shown_count(point["model"]) for point in points], dtype=int),
        "kind": np.array([point["kind"] for point in points], dtype=str),
        "validation_error": np.array([one["validation_error"] for one in tried], dtype=float),
        "validation_standard_error": np.array([one["standard_error"] for one in tried], dtype=float),
        "lambda": np.array(lambdas, dtype=float),
        "merge_angle_deg": np.array(angles, dtype=float),
        "chosen": np.array([point["candidate"] == parts["chosen"] for point in points], dtype=bool),
    }


def _shown_count(model: _core.Model) -> int:
    return len(model.ridges) or len(model.biases)


def _path(parts: dict[str, Any]) -> dict[str, np.ndarray]:
    points = parts["path"]
    errors = np.full((2, len(points)), np.nan)
    for candidate in reversed(parts["candidates"]):
        if not (candidate["relaxed"] or candidate["smooth"]):
            errors[:, candidate["index"]] = (
                candidate["validation_error"],
                candidate["standard_error"],
            )
    chosen = parts["candidates"][parts["chosen"]]["index"]
    certificates = columns_of([point["certificate"] for point in points])
    return {
        "lambda": np.array([point["weight_decay"] for point in points]),
        "features": np.array(parts["path_feature_counts"]),
        "neurons": np.array([len(point["network"]["a"]) for point in points]),
        "loss": np.array([point["loss"] for point in points]),
        "penalized_loss": np.array([point["penalized_loss"] for point in points]),
        "sup_eta": certificates["sup_eta"],
        "gap": certificates["gap"],
        "relative_gap": certificates["relative_gap"],
        "kind": certificates["kind"],
        "train_error": np.array(parts["training_error"]),
        "validation_error": errors[0],
        "validation_standard_error": errors[1],
        "rounds": np.array([point["rounds"] for point in points]),
        "evaluations": np.array([point["evaluations"] for point in points]),
        "starts": certificates["starts"],
        "unseen_share": certificates["unseen_share"],
        "ending": np.array([point["ending"] for point in points]),
        "chosen": np.arange(len(points)) == chosen,
    }


def _seed(random_state: Any) -> int:
    if isinstance(random_state, numbers.Integral):
        _require_in_range("random_state", random_state)
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _require_in_range(name: str, value: Any) -> None:
    """The range is that of the library's record of the option."""
    _core.check_option("fit", RENAMED.get(name, name), option_text(name, value), name)


def require_number(estimator: Estimator, name: str, *, optional: bool = False) -> None:
    value = getattr(estimator, name)
    if value is None and optional:
        return
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name}: got {value!r}; must be a number{' or None' if optional else ''}")
    _require_in_range(name, float(value))


def _require_integer(estimator: Estimator, name: str, *, optional: bool = False) -> None:
    value = getattr(estimator, name)
    if value is None and optional:
        return
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{name}: got {value!r}; must be an integer{' or None' if optional else ''}")
    _require_in_range(name, int(value))


def require_bool(estimator: Estimator, name: str) -> None:
    value = getattr(estimator, name)
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: got {value!r}; must be True or False")


def _columns_text(name: str, columns: Any) -> Optional[str]:
    """A parameter that names columns, as an option; None where it names none."""
    if columns is None:
        return None
    if isinstance(columns, str) or not all(isinstance(one, str) for one in columns):
        raise TypeError(f"{name}: got {columns!r}; must be a list of names of columns")
    return names_text(columns) if len(columns) else None


def _require_selection(select: Any) -> None:
    rules = ("best", "one-standard-error", "elbow")
    if isinstance(select, numbers.Integral) and not isinstance(select, bool):
        if select < 0:
            raise ValueError(f"select: got {select}; a number of features must be >= 0")
    elif select not in rules:
        named = ", ".join(map(repr, rules))
        raise ValueError(f"select: got {select!r}; must be {named} or a number of features")


def require_one_of(estimator: Estimator, name: str, allowed: tuple[str, ...]) -> None:
    value = getattr(estimator, name)
    if value not in allowed:
        raise ValueError(f"{name}: got {value!r}; must be one of {', '.join(map(repr, allowed))}")


def _weights(given: Any, y: np.ndarray, *, allow_nan: bool = False) -> Optional[np.ndarray]:
    """A weight for each row, as y has them; a single number is that of all rows."""
    if given is None:
        return None
    if isinstance(given, numbers.Number):
        given = np.full(len(y), given)
    weights = check_array(
        given, dtype=np.float64, order="C", ensure_2d=False, allow_nd=True,
        ensure_all_finite="allow-nan" if allow_nan else True, input_name="sample_weight"
    )
    if weights.shape != (len(y),):
        raise ValueError(f"sample_weight: got shape {weights.shape}; must be ({len(y)},), the shape of y")
    if (weights < 0).any():
        raise ValueError("sample_weight: Negative values in data; must be 0 or positive")
    if not weights.any():
        raise ValueError("sample_weight: got zeros only; at least one row must have weight")
    return weights
