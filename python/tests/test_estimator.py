"""LodestoneRegressor as scikit-learn and its users meet it."""

import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pandas
import pytest
from conftest import quick, ridge_rows, same_bits
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from lodestone import LodestoneRegressor, Model, Network


@parametrize_with_checks([LodestoneRegressor()])
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
    assert 0 < fitted.lambda_ < fitted.lambda_max_
    assert fitted.certificate_.kind == "estimated"
    assert 0 <= fitted.certificate_.relative_gap <= 1e-3
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
    assert path["lambda"][path["chosen"]].tolist() == [fitted.lambda_]
    assert path["neurons"].tolist() == [network.width for network in fitted.path_networks_]
    tried = fitted.cross_validation()
    assert tried["chosen"].sum() == 1
    assert tried.loc[tried["chosen"], "features"].item() == len(fitted.amplitudes_)
    assert len(fitted.features()) == len(fitted.amplitudes_)


def test_a_given_weight_decay_is_taken(rows):
    model = quick(weight_decay=0.05, bootstrap=5).fit(*rows)
    assert model.lambda_ == 0.05
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
    assert any("max_features raises" in warning for warning in model.warnings_)


def test_refits_with_another_shape(rows):
    model = quick().fit(*rows)
    X, y = ridge_rows(columns=5)
    assert same_bits(model.fit(X, y).predict(X), quick().fit(X, y).predict(X))


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


@pytest.mark.parametrize("value, says", [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("method", ["predict", "transform"])
def test_what_is_not_finite_is_refused_after_fitting(value, says, column, method, rows, fitted):
    X = rows[0].copy()
    X[59, column] = value
    with pytest.raises(ValueError, match=says):
        getattr(fitted, method)(X)


def test_predictions_beyond_float64_are_no_error(rows):
    X, y = rows
    model = quick().fit(X, 1000.0 * y)
    far = X.copy()
    far[7] = np.finfo(float).max * np.sign(model.coef_)
    predictions = model.predict(far)
    assert not np.isfinite(predictions[7])
    assert same_bits(np.delete(predictions, 7), np.delete(model.predict(X), 7))


@pytest.mark.parametrize("method", ["predict", "transform"])
def test_rows_that_do_not_fit_are_refused_after_fitting(method, rows, fitted):
    call = getattr(fitted, method)
    X = rows[0]
    for wrong, says in [
        (X[:, :2], "X has 2 features, but LodestoneRegressor is expecting 3"),
        (X[:0], "0 sample"),
        (X[:, :0], "0 feature"),
        (X[0], "Expected 2D array"),
        (X[:, :, None], "dim 3"),
        (X + 1j, "Complex data not supported"),
        (np.float64(1.0), "Expected 2D array"),
        (None, "Expected 2D array"),
    ]:
        with pytest.raises(ValueError, match=says):
            call(wrong)
    with pytest.raises(NotFittedError):
        getattr(LodestoneRegressor(), method)(X)


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
}


@pytest.mark.parametrize("case", BAD_X)
def test_bad_inputs_are_refused(case, rows):
    change, error, says = BAD_X[case]
    X, y = rows
    with pytest.raises(error, match=says):
        quick().fit(change(X), y[:1] if case == "one-row" else y)


BAD_Y = {
    "nan": (lambda y: np.where(y > 2, np.nan, y), "NaN"),
    "constant": (lambda y: np.ones_like(y), "constant"),
    "two-columns": (lambda y: np.column_stack([y, y]), "y should be a 1d array"),
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
        ("n_weight_decays", 0, ValueError, "at least 1"),
        ("n_weight_decays", 2.5, TypeError, "must be an integer"),
        ("weight_decay_ratio", 1.0, ValueError, "between 0 and 1"),
        ("weight_decay_ratio", np.nan, ValueError, "between 0 and 1"),
        ("cv", 1, ValueError, "at least 2"),
        ("cv", 61, ValueError, "n_samples=60"),
        ("cv", [([0, 1, 2], [99])], IndexError, "out of bounds"),
        ("cv", [(np.arange(30), np.arange(30, 60))], ValueError, "at least 2 folds"),
        ("select", "smallest", ValueError, "'one-standard-error'"),
        ("relaxed", True, ValueError, "'auto'"),
        ("max_features", 0, ValueError, "at least 1"),
        ("max_features", 61, ValueError, "only 60 rows"),
        ("standardize", "unit", ValueError, "'scale'"),
        ("biases", "yes", TypeError, "True or False"),
        ("gap_tolerance", -1.0, ValueError, "must be positive"),
        ("rigorous", 1, TypeError, "True or False"),
        ("bootstrap", -1, ValueError, "at least 0"),
        ("max_seconds", 0, ValueError, "must be positive"),
        ("random_state", -1, ValueError, "0 or positive"),
        ("random_state", "seed", ValueError, "cannot be used to seed"),
    ],
)
def test_bad_parameters_are_refused_by_name(parameter, value, error, rule, rows):
    with pytest.raises(error, match=rule) as raised:
        quick(**{parameter: value}).fit(*rows)
    if parameter not in ("random_state", "cv"):
        assert str(raised.value).startswith(f"{parameter}: ")


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
