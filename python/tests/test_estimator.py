"""LodestoneRegressor as scikit-learn and its users meet it."""

import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas
import pytest
from conftest import count_rows, quick, ridge_rows, same_bits
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, PoissonRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from lodestone import LodestoneRegressor, Model, Network


@parametrize_with_checks(
    [
        LodestoneRegressor(),
        LodestoneRegressor(missing="indicator"),
        LodestoneRegressor(family="poisson"),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# ---- what a fit leaves


def test_prediction_is_the_sum_of_its_parts(fitted, rows):
    X, y = rows
    features = np.maximum(0.0, X @ fitted.directions_.T + fitted.biases_)
    by_hand = fitted.intercept_ + X @ fitted.coef_ + features @ fitted.amplitudes_
    assert fitted.predict(X) == pytest.approx(by_hand, rel=1e-12)
    assert fitted.transform(X) == pytest.approx(features, abs=1e-12)
    assert fitted.score(X, y) > 0.98


def test_attributes(fitted, rows):
    count = len(fitted.amplitudes_)
    assert count >= 1
    assert fitted.directions_.shape == (count, 3)
    assert fitted.biases_.shape == (count,)
    assert fitted.coef_.shape == (3,)
    assert np.all(np.diff(np.abs(fitted.amplitudes_)) <= 0)
    assert 0 < fitted.weight_decay_ < fitted.weight_decay_max_
    assert fitted.certificate_.kind == "estimated"
    assert 0 <= fitted.certificate_.relative_gap <= 1e-2
    assert fitted.n_features_in_ == 3
    assert not hasattr(fitted, "feature_names_in_")
    assert not fitted.interrupted_
    assert fitted.feature_reports_["share"].sum() == pytest.approx(1)
    assert "angle_error_deg" not in fitted.feature_reports_
    assert list(fitted.get_feature_names_out()) == [f"lodestoneregressor{i}" for i in range(count)]


def test_path_and_cross_validation_are_frames(fitted):
    path = fitted.path()
    assert list(path.columns) == list(fitted.path_)
    assert np.all(np.diff(path["lambda"]) < 0)
    assert path["lambda"][path["chosen"]].tolist() == [fitted.weight_decay_]
    assert path["neurons"].tolist() == [network.width for network in fitted.path_networks_]
    tried = fitted.cross_validation()
    assert tried["chosen"].sum() == 1
    assert tried.loc[tried["chosen"], "features"].item() == len(fitted.amplitudes_)
    assert len(fitted.features()) == len(fitted.amplitudes_)


def test_the_curve_is_a_frame_and_gives_its_models(fitted, rows):
    X, _ = rows
    curve = fitted.curve()
    assert list(curve.columns) == list(fitted.curve_)
    assert curve["features"].iloc[0] == 0 and curve["kind"].iloc[0] == "linear"
    assert curve["kind"].iloc[-1] == "penalized"
    assert curve["features"][curve["chosen"]].tolist() == [len(fitted.amplitudes_)]
    before = fitted.predict(X)
    one = fitted.with_features(1)
    assert one.amplitudes_.shape == (1,) and one.transform(X).shape == (len(X), 1)
    assert one.curve()["chosen"].sum() == 1
    assert np.array_equal(one.predict(X), one.model_.predict(X))
    assert np.array_equal(fitted.predict(X), before)
    assert np.array_equal(fitted.with_features(len(fitted.amplitudes_)).predict(X), before)
    with pytest.raises(ValueError, match="features: got 1000; this fit has models of 0, 1"):
        fitted.with_features(1000)
    with pytest.raises(TypeError, match="features"):
        fitted.with_features(1.0)


def test_the_subspace_holds_the_models_change(rows):
    """Of one feature without a linear part it is the feature's direction."""
    X, y = rows
    model = quick(select=1).fit(X, y)
    held = model.subspace()
    assert held["share"].sum() == pytest.approx(1) and np.all(np.diff(held["share"]) <= 0)
    # The gradient is beta, or beta and the feature's: at most two directions.
    assert held["so_far"].iloc[min(1, len(held) - 1)] == pytest.approx(1)
    axes = held[list(model.model_.columns)].to_numpy()
    assert axes @ axes.T == pytest.approx(np.eye(len(axes)), abs=1e-9)
    one = model.with_features(0)
    slope = one.coef_ * one.model_.scale
    assert np.abs(one.subspace()[list(one.model_.columns)].to_numpy()[0]) == pytest.approx(
        np.abs(slope) / np.linalg.norm(slope)
    )
    assert one.feature_importances_.sum() == pytest.approx(1)
    assert not np.allclose(one.feature_importances_, model.feature_importances_)


def test_a_number_of_features_is_taken(rows):
    assert len(quick(select=1).fit(*rows).amplitudes_) == 1


def test_a_given_weight_decay_is_taken(rows):
    model = quick(weight_decay=0.05, bootstrap=5).fit(*rows)
    assert model.weight_decay_ == 0.05
    assert model.cv_results_ == {}
    assert np.all(model.feature_reports_["angle_error_deg"] > 0)


def test_above_the_largest_weight_decay_the_model_is_linear(rows):
    X, y = rows
    model = quick(weight_decay=100.0).fit(X, y)
    assert model.transform(X).shape == (60, 0)
    assert model.predict(X) == pytest.approx(LinearRegression().fit(X, y).predict(X), abs=1e-9)
    assert any("lambda_max" in warning for warning in model.warnings_)


def test_a_budget_leaves_what_was_finished(rows):
    model = quick(max_seconds=1e-6).fit(*rows)
    assert model.interrupted_
    assert model.predict(rows[0]).shape == (60,)


def test_warnings_speak_python():
    X, y = ridge_rows(200, 4)
    model = quick(max_features=1, weight_decay=1e-4).fit(X, y + np.abs(X[:, 2]))
    (warning,) = [one for one in model.warnings_ if "max_features raises" in one]
    assert (warning.code, warning.arguments) == ("most_neurons", ("1",))
    again = pickle.loads(pickle.dumps(warning))
    assert (again, again.code, again.arguments) == (warning, warning.code, warning.arguments)


def test_refits_with_another_shape(rows):
    model = quick().fit(*rows)
    X, y = ridge_rows(columns=5)
    assert same_bits(model.fit(X, y).predict(X), quick().fit(X, y).predict(X))


# ---- families of losses


def test_counts():
    X, y = count_rows()
    model = quick(family="poisson").fit(X, y)
    assert model.model_.family == "poisson"
    mean = model.predict(X)
    assert np.all(mean > 0.0) and mean.mean() == pytest.approx(y.mean(), rel=1e-3)
    assert mean == pytest.approx(np.exp(model.model_.scores(X)), rel=1e-14)
    # D² as PoissonRegressor has it, with and without weights.
    linear = model.with_features(0)
    other = PoissonRegressor(alpha=0.0, tol=1e-8, max_iter=1000).fit(X, y)
    assert linear.predict(X) == pytest.approx(other.predict(X), rel=1e-3)
    weights = 1.0 + np.arange(len(y)) % 3
    assert linear.score(X, y) == pytest.approx(other.score(X, y), abs=1e-6)
    assert linear.score(X, y, weights) == pytest.approx(other.score(X, y, weights), abs=1e-5)
    assert model.score(X, y) > linear.score(X, y) > 0.4
    text = str(model)
    assert "log mean (y) = intercept" in text and "of the deviance, held out (explained 0." in text


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda y: y - 1, "y: got -1; must be 0 or positive for family='poisson'"),
        (lambda y: 0 * y, "y: got zeros only"),
    ],
)
def test_bad_counts_are_refused(change, says):
    X, y = count_rows()
    with pytest.raises(ValueError, match=says):
        quick(family="poisson").fit(X, change(y))


def test_outliers_pull_less_with_huber(rows):
    X, y = rows
    spoilt = y + np.where(np.arange(60) % 15 == 0, 40.0, 0.0)
    clean = np.arange(60) % 15 != 0
    huber = quick(family="huber", huber_width=0.5, weight_decay=0.05).fit(X, spoilt)
    square = quick(weight_decay=0.05).fit(X, spoilt)
    assert huber.model_.huber_width == 0.5
    assert huber.score(X[clean], y[clean]) > 0.8 > square.score(X[clean], y[clean])
    assert huber.score(X, spoilt) == r2_score(spoilt, huber.predict(X))
    wide = quick(family="huber", huber_width=1e6, weight_decay=0.05 * y.std()).fit(X, y)
    assert wide.predict(X) == pytest.approx(quick(weight_decay=0.05).fit(X, y).predict(X), abs=0.02)


# ---- in the ecosystem


def test_pipeline_and_grid_search(rows):
    X, y = rows
    pipeline = make_pipeline(StandardScaler(), quick())
    search = GridSearchCV(pipeline, {"lodestoneregressor__select": ["best", "one-standard-error"]}, cv=3)
    search.fit(X, y)
    assert search.best_score_ > 0.95
    features = make_pipeline(quick(), LinearRegression()).fit(X, y)
    assert features[-1].n_features_in_ == features[0].transform(X).shape[1]


def test_parallel_processes(rows):
    scores = cross_val_score(quick(), *rows, cv=3, n_jobs=2)
    assert same_bits(scores, cross_val_score(quick(), *rows, cv=3))


def test_threads_of_one_process(rows, fitted):
    """The interpreter's lock is released: fits of several threads do not disturb each other."""
    models = [quick() for _ in range(3)]
    threads = [threading.Thread(target=model.fit, args=rows) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model in models:
        assert same_bits(model.predict(rows[0]), fitted.predict(rows[0]))


def test_clone_keeps_parameters(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.transform([[1.0, 2.0, 3.0]])


def test_pickle_predicts_the_same_bits_in_a_new_process(fitted, rows, tmp_path):
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(fitted))
    np.save(tmp_path / "X.npy", rows[0])
    program = (
        "import pickle, numpy; model = pickle.load(open('model.pickle', 'rb'));"
        "X = numpy.load('X.npy'); numpy.save('y.npy', model.predict(X));"
        "numpy.save('features.npy', model.transform(X))"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    assert same_bits(np.load(tmp_path / "y.npy"), fitted.predict(rows[0]))
    assert same_bits(np.load(tmp_path / "features.npy"), fitted.transform(rows[0]))


def test_a_saved_model_comes_back(fitted, rows, tmp_path):
    fitted.model_.write(str(tmp_path / "model.json"))
    model = Model.read(str(tmp_path / "model.json"))
    assert same_bits(model.predict(rows[0]), fitted.predict(rows[0]))
    assert same_bits(Network.of(fitted).predict(rows[0]), fitted.predict(rows[0]))


def test_frames_keep_their_names(rows, fitted):
    X = pandas.DataFrame(rows[0], columns=["height", "weight", "age"])
    y = pandas.Series(rows[1], name="price")
    model = quick().fit(X, y)
    assert list(model.feature_names_in_) == model.model_.columns == ["height", "weight", "age"]
    assert model.model_.target == "price"
    assert same_bits(model.predict(X), fitted.predict(rows[0]))
    assert {"height", "weight", "age"} < set(model.features().columns)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[["weight", "height", "age"]])


def test_rows_of_no_weight_count_as_absent(rows):
    X, y = rows
    weight = np.arange(60) % 2
    one = quick().fit(X, y, sample_weight=weight)
    other = quick().fit(X[weight == 1], y[weight == 1], sample_weight=np.ones(30))
    assert same_bits(one.predict(X), other.predict(X))


def test_splitters(rows):
    X, y = rows
    splitter = KFold(4, shuffle=True, random_state=0)
    one = quick(cv=splitter).fit(X, y)
    assert same_bits(one.predict(X), quick(cv=list(splitter.split(X, y))).fit(X, y).predict(X))
    folds = quick(cv=None, random_state=np.random.RandomState(3)).fit(X, y)
    assert folds.score(X, y) > 0.9


def test_every_seed_is_its_own(rows):
    X, y = ridge_rows(80)
    y = y + np.random.default_rng(1).normal(size=80)
    first = quick(random_state=1).fit(X, y).cv_results_["validation_error"]
    assert same_bits(first, quick(random_state=1).fit(X, y).cv_results_["validation_error"])
    assert not same_bits(first[:2], quick(random_state=2).fit(X, y).cv_results_["validation_error"][:2])


# ---- inputs of every kind: accepted on purpose, with the same bits


@pytest.mark.parametrize(
    "form",
    {
        "list": lambda X: X.tolist(),
        "fortran": np.asfortranarray,
        "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
        "reversed-memory": lambda X: X[::-1].copy()[::-1],
        "big-endian": lambda X: X.astype(">f8"),
        "object": lambda X: X.astype(object),
        "odd-address": lambda X: np.frombuffer(b"12345678" + X.tobytes(), offset=8).reshape(X.shape),
        "unaligned": lambda X: np.frombuffer(b"123" + X.tobytes(), offset=3).reshape(X.shape),
        "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
        "frame": pandas.DataFrame,
    }.items(),
    ids=lambda form: form[0],
)
@pytest.mark.filterwarnings("ignore:X has feature names")
def test_layouts_do_not_matter(form, rows, fitted):
    given = form[1](rows[0])
    if isinstance(given, pandas.DataFrame):
        given.columns = [f"x{j}" for j in range(3)]
    assert same_bits(quick().fit(given, rows[1]).predict(given), fitted.predict(rows[0]))


@pytest.mark.parametrize("kind", ["float32", "int64", "int8", "bool", "uint16", "float16"])
def test_other_numbers_are_taken_at_their_value(kind):
    X, y = ridge_rows()
    X = np.abs(np.round(3 * X)).astype(kind)
    model = quick().fit(X, y)
    assert same_bits(model.predict(X), quick().fit(X.astype(float), y).predict(X.astype(float)))


def test_nothing_is_written_to_and_little_is_copied(rows, fitted):
    X = rows[0].copy()
    X.flags.writeable = False
    y = rows[1].copy()
    y.flags.writeable = False
    assert same_bits(quick().fit(X, y).predict(X), fitted.predict(X))


def test_predicting_without_scikit_learns_checks_changes_nothing(rows, fitted):
    """Arrays that are taken as they are get the bits of those that are checked first."""
    X = rows[0]
    assert fitted._predict_unchecked(X) is not None
    assert fitted._predict_unchecked(X.tolist()) is None
    assert same_bits(fitted.predict(X), fitted.predict(X.tolist()))
    strided = np.repeat(X, 2, axis=1)[:, ::2]
    for other in (np.asfortranarray(X), strided, X[::-1], X[:1]):
        assert same_bits(fitted.predict(other), fitted.predict(other.tolist()))
    named = quick().fit(pandas.DataFrame(X, columns=["a", "b", "c"]), rows[1])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        assert same_bits(named.predict(X), fitted.predict(X))


def test_predictions_beyond_float64_are_no_error(rows):
    X, y = rows
    model = quick().fit(X, 1000.0 * y)
    far = X.copy()
    far[7] = np.finfo(float).max * np.sign(model.coef_)
    predictions = model.predict(far)
    assert not np.isfinite(predictions[7])
    assert same_bits(np.delete(predictions, 7), np.delete(model.predict(X), 7))


# ---- what is refused


def sparse(X):
    from scipy.sparse import csr_matrix

    return csr_matrix(X)


def with_entry(value):
    def change(X):
        X = X.astype(type(value) if isinstance(value, complex) else X.dtype)
        X[3, 1] = value
        return X

    return change


BAD_X = {
    "nan": (with_entry(np.nan), ValueError, "NaN"),
    "infinity": (with_entry(np.inf), ValueError, "infinity"),
    "strings": (lambda X: [["a", "b", "c"]] * 60, ValueError, "could not convert string"),
    "complex": (with_entry(1j), ValueError, "Complex data not supported"),
    "sparse": (sparse, TypeError, "[Ss]parse"),
    "one-dimension": (lambda X: X[:, 0], ValueError, "Expected 2D array, got 1D array"),
    "three-dimensions": (lambda X: X[:, :, None], ValueError, "dim 3"),
    "fewer-rows": (lambda X: X[:50], ValueError, "inconsistent numbers of samples"),
    "one-row": (lambda X: X[:1], ValueError, "1"),
    "no-columns": (lambda X: X[:, :0], ValueError, "0 feature"),
    "constant-columns": (lambda X: np.ones_like(X), ValueError, "varies|vary|constant"),
    "none": (lambda X: None, ValueError, "Expected 2D array"),
    "scalar": (lambda X: np.float64(1.0), ValueError, "Expected 2D array"),
    "generator": (lambda X: (row for row in X), TypeError, "generator"),
}


@pytest.mark.parametrize("case", BAD_X)
def test_bad_inputs_are_refused(case, rows):
    change, error, says = BAD_X[case]
    X, y = rows
    with pytest.raises(error, match=says):
        quick().fit(change(X), y[:1] if case == "one-row" else y)


# What predict is asked for: rows alone, of which there may be any number but none.
BAD_ROWS = {
    **{
        case: bad
        for case, bad in BAD_X.items()
        if case not in ("fewer-rows", "one-row", "constant-columns")
    },
    "minus-infinity": (with_entry(-np.inf), ValueError, "infinity"),
    "nan-big-endian": (lambda X: with_entry(np.nan)(X).astype(">f8"), ValueError, "NaN"),
    "nan-strided": (lambda X: np.asfortranarray(with_entry(np.nan)(X)), ValueError, "NaN"),
    "nan-object": (lambda X: with_entry(np.nan)(X).astype(object), ValueError, "NaN"),
    "object": (lambda X: np.full((2, 3), {}), TypeError, "dict"),
    "no-rows": (lambda X: X[:0], ValueError, "0 sample"),
    "fewer-columns": (lambda X: X[:, :2], ValueError, "X has 2 features"),
    "more-columns": (lambda X: np.hstack([X, X]), ValueError, "X has 6 features"),
}


@pytest.mark.parametrize("method", ["predict", "transform"])
@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows_are_refused(case, method, rows, fitted):
    change, error, says = BAD_ROWS[case]
    with pytest.raises(error, match=says):
        getattr(fitted, method)(change(rows[0]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("weight_decay", [0.05, 100.0])
def test_no_number_that_is_not_finite_gets_past(value, weight_decay):
    """Also in a column that the model does not use: predict looks for them in the predictions."""
    X, y = ridge_rows(60, 4)
    X[:, 1] = 7.0
    model = quick(weight_decay=weight_decay).fit(X, y)
    assert model.coef_[1] == 0 and np.all(model.directions_[:, 1] == 0)
    for column in range(4):
        bad = X.copy()
        bad[-1, column] = value
        with pytest.raises(ValueError, match="NaN" if np.isnan(value) else "infinity"):
            model.predict(bad)
        with pytest.raises(ValueError, match="NaN" if np.isnan(value) else "infinity"):
            model.transform(bad)


@pytest.mark.parametrize("method", ["predict", "transform"])
def test_an_estimator_that_was_not_fitted_says_so_first(method, rows):
    for X in (rows[0], rows[0][:, :2], np.full((2, 3), np.nan)):
        with pytest.raises(NotFittedError):
            getattr(quick(), method)(X)


BAD_Y = {
    "nan": (lambda y: np.where(y > 2, np.nan, y), "NaN"),
    "constant": (lambda y: np.ones_like(y), "constant"),
    "three dimensions": (lambda y: np.zeros((len(y), 2, 2)), "dim"),
    "strings": (lambda y: ["a"] * 60, "could not convert string"),
}


@pytest.mark.parametrize("case", BAD_Y)
def test_bad_targets_are_refused(case, rows):
    change, says = BAD_Y[case]
    with pytest.raises(ValueError, match=says):
        quick().fit(rows[0], change(rows[1]))


@pytest.mark.parametrize(
    "weights, says",
    [
        (-np.ones(60), "[Nn]egative"),
        (np.zeros(60), "at least one row|zero"),
        (np.ones(59), "shape|consistent"),
        (np.full(60, np.nan), "NaN"),
    ],
)
def test_bad_weights_are_refused(weights, says, rows):
    with pytest.raises(ValueError, match=says):
        quick().fit(*rows, sample_weight=weights)


@pytest.mark.parametrize(
    "parameter, value, error, rule",
    [
        ("weight_decay", 0, ValueError, "must be positive"),
        ("weight_decay", np.inf, ValueError, "must be positive"),
        ("weight_decay", "small", TypeError, "must be a number or None"),
        ("weight_decays", 0, ValueError, "at least 1"),
        ("weight_decays", 2.5, TypeError, "must be an integer"),
        ("weight_decay_ratio", 1.0, ValueError, "between 0 and 1"),
        ("weight_decay_ratio", np.nan, ValueError, "between 0 and 1"),
        ("cv", 1, ValueError, "at least 2"),
        ("cv", 61, ValueError, "n_samples=60"),
        ("cv", [], ValueError, "at least 2 folds"),
        ("cv", [([0, 1, 2], [99])], IndexError, "out of bounds"),
        ("cv", [([], np.arange(60))], ValueError, "no rows"),
        ("cv", [(np.arange(60), [])], ValueError, "no rows"),
        ("select", "smallest", ValueError, "'one-standard-error'"),
        ("select", -1, ValueError, "number of features must be >= 0"),
        ("select", 2.5, ValueError, "a number of features"),
        ("relaxed", True, ValueError, "'auto'"),
        ("max_features", 0, ValueError, "at least 1"),
        ("max_features", 61, ValueError, "only 60 rows"),
        ("standardize", "unit", ValueError, "'scale'"),
        ("biases", "yes", TypeError, "True or False"),
        ("gap_tolerance", -1.0, ValueError, "must be positive"),
        ("rigorous", 1, TypeError, "True or False"),
        ("bootstrap", -1, ValueError, "0 or positive"),
        ("max_seconds", 0, ValueError, "must be positive"),
        ("family", "logistic", ValueError, "classes are for LodestoneClassifier"),
        ("family", "gamma", ValueError, "'square', 'poisson', 'huber'"),
        ("huber_width", 0, ValueError, "must be positive"),
        ("huber_width", "wide", TypeError, "must be a number"),
        ("random_state", -1, ValueError, "0 or positive"),
        ("random_state", "seed", ValueError, "cannot be used to seed"),
    ],
)
def test_bad_parameters_are_refused_by_name(parameter, value, error, rule, rows):
    with pytest.raises(error, match=rule) as raised:
        quick(**{parameter: value}).fit(*rows)
    if parameter not in ("random_state", "cv"):
        assert str(raised.value).startswith(f"{parameter}: ")


# ---- what must not bring the interpreter down


def in_a_process(program):
    """What a program of its own prints, which must end well."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program],
        capture_output=True, text=True, timeout=300, env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nasty_arguments_end_in_exceptions():
    """Whatever is given wherever rows are taken: a Python exception or an answer."""
    program = """
import numpy as np, lodestone
X, y = lodestone.Teacher.random(d=3, k=2, seed=0).sample(60, noise=0.1, seed=0)
regressor = lodestone.LodestoneRegressor(weight_decay=0.05).fit(X, y)
model = regressor.model_
network = lodestone.Network.of(regressor)
objective = lodestone.SampleObjective(X, y)
nasty = [
    None, 3, "text", b"bytes", object(), (row for row in X), range(3), lambda: X, {}, [], [[]],
    np.zeros((0, 3)), np.zeros((3, 0)), np.zeros((0, 0)), np.zeros((2, 3, 1)), np.zeros(()),
    np.ma.masked_greater(X, 0), np.array([["a"] * 3]), X.astype(object), X.astype(complex),
    X.astype(">f8"), X.astype("longdouble"), X[:, ::-1], X[:0], np.full((2, 3), {}),
    np.lib.stride_tricks.as_strided(X, (4, 3), (0, 0)), np.zeros(3, dtype="f8,i4"),
    np.array([["2020-01-01"] * 3], dtype="M8[D]"), memoryview(X), memoryview(b"abc"),
]
calls = [
    regressor.predict, regressor.transform, model.predict, model.features, model.predict_finite,
    network.predict, objective.evaluate, objective.loss,
    lambda bad: lodestone.LodestoneRegressor(weight_decay=0.05).fit(bad, y),
    lambda bad: lodestone.LodestoneRegressor(weight_decay=0.05).fit(X, bad),
    lambda bad: lodestone.LodestoneRegressor(weight_decay=0.05).fit(X, y, bad),
    lambda bad: lodestone.SampleObjective(bad, y), lambda bad: lodestone.SampleObjective(X, bad),
    lambda bad: lodestone.certify(network, bad, y), lambda bad: lodestone.certify(bad, X, y),
    lambda bad: lodestone.Network(bad, X), lambda bad: lodestone.Network(y, bad),
]
outcomes = {"answers": 0, "exceptions": 0}
for call in calls:
    for bad in nasty:
        try:
            call(bad)
            outcomes["answers"] += 1
        except Exception as refused:
            assert str(refused), (call, bad)
            outcomes["exceptions"] += 1
assert sum(outcomes.values()) == len(calls) * len(nasty)
assert outcomes["exceptions"] > outcomes["answers"] > 0
print("alive")
"""
    assert in_a_process(program) == "alive\n"


def test_predictions_of_many_threads_at_once(fitted, rows):
    X = np.tile(rows[0], (200, 1))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: fitted.predict(X), range(64)))
    assert all(same_bits(one, found[0]) for one in found)
    assert same_bits(found[0], np.tile(fitted.predict(rows[0]), 200))


def test_a_forked_process_predicts_and_fits():
    """After the parent has used its threads, which a fork does not copy."""
    program = """
import os
import numpy as np, lodestone
lodestone.set_threads(2)
X, y = lodestone.Teacher.random(d=10, k=3, seed=0).sample(3000, noise=0.1, seed=0)
model = lodestone.LodestoneRegressor(weight_decay=0.05).fit(X, y)
expected = model.predict(X)
child = os.fork()
if child == 0:
    again = lodestone.LodestoneRegressor(weight_decay=0.05).fit(X, y)
    same = np.array_equal(model.predict(X), expected) and np.array_equal(again.predict(X), expected)
    os._exit(0 if same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert in_a_process(program) == "0\n"


def test_a_process_forked_while_another_thread_works_says_so():
    program = """
import os, threading
import lodestone
teacher = lodestone.Teacher.random(seed=0)
at_work, forked = threading.Event(), threading.Event()
def callback(record):
    at_work.set()
    forked.wait()
worker = threading.Thread(target=lambda: lodestone.train(teacher, max_steps=2, callback=callback))
worker.start()
at_work.wait()
child = os.fork()
if child == 0:
    try:
        lodestone.train(teacher, max_steps=2)
    except RuntimeError as refused:
        os._exit(0 if "spawn" in str(refused) else 1)
    os._exit(2)
forked.set()
worker.join()
lodestone.train(teacher, max_steps=2)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert in_a_process(program) == "0\n"


@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
def test_masked_values_are_refused(name, rows):
    arrays = {"X": rows[0], "y": rows[1], "sample_weight": np.ones(len(rows[1]))}
    arrays[name] = np.ma.array(arrays[name], mask=False)
    model = quick().fit(**arrays)  # nothing is hidden
    arrays[name][0] = np.ma.masked
    with pytest.raises(ValueError, match=f"{name}: got masked values"):
        quick().fit(**arrays)
    with pytest.raises(ValueError, match=f"{name}: got masked values"):
        quick().fit(**{**arrays, name: list(arrays[name])})
    if name == "X":
        with pytest.raises(ValueError, match="X: got masked values"):
            model.predict(arrays["X"])


# ---- Ctrl-C


def test_an_interrupt_keeps_what_was_finished():
    """In a process of its own, which sends itself the signal that Ctrl-C sends."""
    program = """
import os, signal, threading
import lodestone
X, y = lodestone.Teacher.random(d=30, k=8, seed=0).sample(6000, noise=0.5)
model = lodestone.LodestoneRegressor()
threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    model.fit(X, y)
except KeyboardInterrupt:
    print("interrupted", model.interrupted_, model.predict(X).shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, env=os.environ
    )
    assert done.stdout == "interrupted True (6000,)\n", done.stderr


def test_few_rows_have_no_linear_part():
    X = np.random.default_rng(0).standard_normal((60, 100))
    y = np.maximum(X[:, 0], 0.0)
    regressor = quick().fit(X, y)
    assert any("too few rows for a free linear part" in str(one) for one in regressor.warnings_)
    assert regressor.model_.linear == "none"
    assert not regressor.coef_.any()
    with pytest.raises(ValueError, match="would interpolate"):
        quick(linear="free").fit(X, y)
    enough = quick(linear="none").fit(X[:, :3], y)
    assert enough.model_.linear == "none" and not enough.coef_.any()
    assert quick().fit(X[:, :3], y).model_.linear == "free"
    again = pickle.loads(pickle.dumps(enough.model_))
    assert again.linear == "none" and same_bits(again.predict(X[:, :3]), enough.predict(X[:, :3]))


def test_linear_is_one_of_three_words():
    with pytest.raises(ValueError, match="linear: got 'some'; must be one of 'auto', 'free', 'none'"):
        quick(linear="some").fit([[0.0], [1.0]], [0.0, 1.0])
