"""LodestoneClassifier: labels, probabilities, folds, and what it shares with the regressor."""

import pickle

import numpy as np
import pandas
import pytest
import sklearn
from conftest import class_rows, quick_classifier, same_bits
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

import lodestone
from lodestone import LodestoneClassifier
from lodestone._families import reliability


@parametrize_with_checks([LodestoneClassifier()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rows():
    return class_rows()


@pytest.fixture(scope="module")
def fitted(rows):
    return quick_classifier().fit(*rows)


def one(**parameters):
    """A classifier with one weight decay: nothing is cross-validated."""
    return LodestoneClassifier(**{"weight_decay": 0.02, **parameters})


# ---- labels and probabilities


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]), np.array(["no", "yes"], dtype=object), np.array([False, True]),
        np.array([0, 1]), np.array([-1, 1], dtype=np.int8), np.array([7, 4000000000]),
        np.array([0.0, 2.0]), np.array([True, False]), np.array(["b", "a"]),
    ],
    ids=lambda labels: f"{labels.dtype}-{labels[0]}",
)  # fmt: skip
def test_labels_of_every_kind(labels, rows):
    X, y = rows
    given = labels[y]
    model = one().fit(X, given)
    assert np.array_equal(model.classes_, np.unique(given)) and model.classes_.dtype == given.dtype
    predicted = model.predict(X)
    assert predicted.dtype == given.dtype
    assert model.score(X, given) == accuracy_score(given, predicted) > 0.7
    # The second class is that of the positive scores.
    other = one().fit(X, given == model.classes_[1])
    assert same_bits(other.decision_function(X), model.decision_function(X))


def test_series_of_labels(rows):
    X, y = rows
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    names = np.array(["no", "yes"])[y]
    expected = one().fit(X, names)
    for given in (names.tolist(), pandas.Series(names, name="bought"), pandas.Categorical(names),
                  pandas.Series(names, dtype="category"), polars.Series("bought", names.tolist()),
                  pyarrow.chunked_array([names.tolist()])):  # fmt: skip
        model = one().fit(X, given)
        assert model.classes_.tolist() == ["no", "yes"]
        assert same_bits(model.predict_proba(X), expected.predict_proba(X))
        assert model.predict(X).tolist() == expected.predict(X).tolist()
        assert model.score(X, given) == expected.score(X, names)
    assert one().fit(X, pandas.Series(names, name="bought")).model_.target == "bought"
    for kind in ("boolean", "Int64"):
        model = one().fit(X, pandas.Series(y, dtype=kind))
        assert same_bits(model.decision_function(X), expected.decision_function(X))


def test_probabilities(fitted, rows):
    X, _ = rows
    found, scores = fitted.predict_proba(X), fitted.decision_function(X)
    assert found.shape == (len(X), 2)
    assert same_bits(found[:, 1], fitted.model_.predict(X))
    assert same_bits(scores, fitted.model_.scores(X))
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-15)
    assert found[:, 1] == pytest.approx(1.0 / (1.0 + np.exp(-scores)), rel=1e-14)
    assert fitted.predict_log_proba(X) == pytest.approx(np.log(found), abs=1e-14)
    assert np.array_equal(fitted.predict(X), fitted.classes_[found.argmax(axis=1)])
    features = np.maximum(0.0, X @ fitted.directions_.T + fitted.biases_)
    by_hand = fitted.intercept_ + X @ fitted.coef_ + features @ fitted.amplitudes_
    assert scores == pytest.approx(by_hand, rel=1e-11, abs=1e-12)


def test_logs_of_probabilities_stay_finite(fitted, rows):
    far = 1000.0 * rows[0]
    scores = fitted.decision_function(far)
    assert np.abs(scores).max() > 800.0
    logs = fitted.predict_log_proba(far)
    assert np.isfinite(logs).all() and (logs <= 0.0).all()
    assert logs[:, 1] - logs[:, 0] == pytest.approx(scores)
    assert np.isfinite(fitted.predict_proba(far)).all()


def test_probabilities_are_calibrated():
    """Of a drawn logistic teacher, on rows of its own."""
    X, y = class_rows(3000, seed=1)
    model = quick_classifier(cv=2, weight_decays=4).fit(X, y)
    X, y = class_rows(6000, seed=2)
    bins = reliability(model.predict_proba(X)[:, 1], y)
    assert bins["rows"].tolist() == [600] * 10
    assert np.all(np.abs(bins["observed"] - bins["predicted"]) < 3.0 * bins["standard_error"])
    assert np.all(np.diff(bins["predicted"]) > 0.0) and bins["predicted"][-1] > 0.9


# ---- weights


def test_balanced_classes_are_weights_of_rows(rows):
    X, y = rows
    balanced = one(class_weight="balanced").fit(X, y)
    weights = compute_sample_weight("balanced", y)
    expected = one().fit(X, y, sample_weight=weights)
    assert same_bits(balanced.decision_function(X), expected.decision_function(X))
    given = {label: weights[y == label][0] for label in (0, 1)}
    again = one(class_weight=given).fit(X, y)
    assert same_bits(again.decision_function(X), expected.decision_function(X))
    # Weights of rows and of classes multiply, and a class that is not named weighs 1.
    own = 1.0 + np.arange(len(y)) % 3
    both = one(class_weight={1: 4.0}).fit(X, y, sample_weight=own)
    expected = one().fit(X, y, sample_weight=own * np.where(y == 1, 4.0, 1.0))
    assert same_bits(both.decision_function(X), expected.decision_function(X))
    assert both.predict(X).mean() > one().fit(X, y).predict(X).mean()


@pytest.mark.parametrize(
    "given, says",
    [
        ("even", "must be 'balanced', a mapping"),
        (2.0, "must be 'balanced', a mapping"),
        ({2: 1.0}, "got the label 2; y holds 0, 1"),
        ({1: 0.0}, "must be positive"),
        ({1: -1.0}, "must be positive"),
        ({1: "much"}, "must be positive"),
    ],
)
def test_bad_class_weights_are_refused(given, says, rows):
    with pytest.raises(ValueError, match=says) as raised:
        one(class_weight=given).fit(*rows)
    assert str(raised.value).startswith("class_weight: ")


def test_rows_of_no_weight_count_as_absent(rows):
    X, y = rows
    weight = np.arange(len(y)) % 2
    first = quick_classifier().fit(X, y, sample_weight=weight)
    other = quick_classifier().fit(X[weight == 1], y[weight == 1], sample_weight=np.ones(weight.sum()))
    assert same_bits(first.decision_function(X), other.decision_function(X))


# ---- folds


def test_folds_have_the_classes_in_equal_shares(fitted, rows):
    X, y = rows
    splitter = StratifiedKFold(5, shuffle=True, random_state=0)
    same = quick_classifier(cv=splitter).fit(X, y)
    assert same_bits(same.decision_function(X), fitted.decision_function(X))
    assert same_bits(same.cv_results_["validation_error"], fitted.cv_results_["validation_error"])
    other = quick_classifier(cv=KFold(5, shuffle=True, random_state=0)).fit(X, y)
    assert not same_bits(other.path_["validation_error"][:1], fitted.path_["validation_error"][:1])


def test_groups_stay_together(rows):
    X, y = rows
    groups = np.arange(len(y)) // 4
    dealt = quick_classifier().fit(X, y, groups=groups)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    expected = quick_classifier(cv=splitter).fit(X, y, groups=groups)
    assert same_bits(dealt.decision_function(X), expected.decision_function(X))
    with sklearn.config_context(enable_metadata_routing=True):
        model = quick_classifier(cv=GroupKFold(3)).set_fit_request(groups=True)
        scores = cross_val_score(model, X, y, cv=GroupKFold(2), params={"groups": groups})
    assert scores.shape == (2,) and scores.min() > 0.5


def test_a_class_of_a_single_row_is_trained_on(rows):
    X, _ = rows
    y = np.zeros(len(X), dtype=int)
    y[3] = 1
    with pytest.warns(UserWarning, match="least populated class"):
        model = quick_classifier(cv=3, weight_decays=3, weight_decay_ratio=0.5).fit(X, y)
    assert model.predict_proba(X)[3, 1] > 0.01
    with pytest.raises(ValueError, match="cv: got a fold that trains without one of the classes"):
        quick_classifier(cv=KFold(3)).fit(X, y)


def test_classes_that_a_line_separates(rows):
    X, _ = rows
    model = one().fit(X, X[:, 0] > 0.1)
    assert model.score(X, X[:, 0] > 0.1) == 1.0 and len(model.amplitudes_) == 0


# ---- what is refused


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda y: np.zeros(len(y)), "got one class only, 0.0"),
        (lambda y: ["all"] * len(y), "got one class only, 'all'"),
        (lambda y: y + 0.5 * np.random.default_rng(0).random(len(y)), "Unknown label type"),
        (lambda y: np.where(y == 1, np.nan, 0.0), "missing labels"),
        (lambda y: [None] + ["a", "b"] * (len(y) // 2 - 1) + ["a"], "1 missing labels"),
        (lambda y: np.where(y == 1, np.inf, 0.0), "infinity"),
        (lambda y: np.column_stack([y, y]), "1d array"),
        (lambda y: y[:-1], "inconsistent numbers of samples"),
        (lambda y: None, "requires y to be passed"),
    ],
)
def test_bad_targets_are_refused(change, says, rows):
    X, y = rows
    with pytest.raises(ValueError, match=says):
        one().fit(X, change(y))


def test_more_folds_than_rows_of_a_class_are_refused(rows):
    X, y = rows
    some = np.r_[np.flatnonzero(y == 0)[:4], np.flatnonzero(y == 1)[:4]]
    with pytest.raises(ValueError, match="cv: got 5 folds; no class has more than n_samples=4 rows"):
        quick_classifier().fit(X[some], y[some])
    with pytest.raises(ValueError, match="one class only, 0"):
        one().fit(X, y, sample_weight=1 - y)


# ---- more than two classes


@pytest.fixture(scope="module")
def flowers():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def test_more_classes_share_their_features(flowers):
    X, y = flowers
    model = quick_classifier().fit(X, y)
    assert list(model.classes_) == ["setosa", "versicolor", "virginica"]
    assert model.model_.outputs == list(model.classes_) and model.model_.family == "softmax"
    count = len(model.biases_)
    assert model.directions_.shape == (count, 4) and model.amplitudes_.shape == (count, 3)
    assert model.coef_.shape == (3, 4) and model.intercept_.shape == (3,)
    scores = model.intercept_ + X @ model.coef_.T + model.transform(X) @ model.amplitudes_
    np.testing.assert_allclose(model.decision_function(X), scores, rtol=1e-9, atol=1e-9)
    P = model.predict_proba(X)
    np.testing.assert_allclose(P, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), rtol=1e-9)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), P, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), model.classes_[P.argmax(axis=1)])
    assert model.score(X, y) > 0.95 and model.certificate_.relative_gap <= 0.01
    assert model.feature_importances_.sum() == pytest.approx(1.0)
    assert model.features().filter(like="amplitude").shape == (count, 3)


def test_a_model_of_more_classes_is_kept(flowers, tmp_path):
    X, y = flowers
    model = quick_classifier().fit(X, y)
    model.model_.write(tmp_path / "model.json")
    for same in (pickle.loads(pickle.dumps(model)).model_, lodestone.Model.read(tmp_path / "model.json")):
        np.testing.assert_array_equal(same.predict(X), model.model_.predict(X))
        assert same.outputs == model.model_.outputs
    one_class = model.model_.output(1)
    np.testing.assert_allclose(one_class.predict(X), model.decision_function(X)[:, 1], rtol=1e-12)
    text = str(model)
    assert "3 classes share" in text and max(map(len, text.splitlines())) <= 80
    with pytest.raises(ValueError, match="3 outputs; give one of them"):
        lodestone.report(model, tmp_path / "page.html", X=X, y=y)


def test_weights_of_more_classes(flowers):
    X, y = flowers
    weights = np.where(y == "setosa", 2.0, 1.0)
    doubled = np.r_[np.flatnonzero(y == "setosa"), np.arange(len(y))]
    weighted = one(weight_decay=0.05).fit(X, y, sample_weight=weights)
    repeated = one(weight_decay=0.05).fit(X[doubled], y[doubled])
    classed = one(weight_decay=0.05, class_weight={"setosa": 2.0}).fit(X, y)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-4)
    np.testing.assert_array_equal(weighted.predict_proba(X), classed.predict_proba(X))


def test_one_against_the_rest_still_works(flowers):
    X, y = flowers
    model = OneVsRestClassifier(one(weight_decay=0.01)).fit(X, y)
    assert model.score(X, y) > 0.95 and model.predict_proba(X).shape == (150, 3)


# ---- what it shares with the regressor


def test_tables_of_a_fit(fitted, rows):
    X, y = rows
    assert list(fitted.path().columns) == list(fitted.path_)
    assert list(fitted.curve().columns) == list(fitted.curve_)
    assert fitted.cross_validation()["chosen"].sum() == 1
    assert fitted.feature_importances_.sum() == pytest.approx(1.0)
    assert fitted.feature_importances_[0] > 0.5 > fitted.feature_importances_[3]
    assert fitted.subspace()["share"].sum() == pytest.approx(1.0)
    assert len(fitted.features()) == len(fitted.amplitudes_) >= 1
    assert fitted.transform(X).shape == (len(X), len(fitted.amplitudes_))
    linear = fitted.with_features(0)
    assert linear.amplitudes_.shape == (0,) and linear.classes_ is fitted.classes_
    # Its ridge is that on standardized columns, which these nearly are.
    ridge = fitted.model_.linear_ridge
    assert 1e-4 <= ridge <= 0.3
    by_scikit_learn = LogisticRegression(C=1 / (ridge * len(y))).fit(X, y)
    assert linear.coef_ == pytest.approx(by_scikit_learn.coef_[0], rel=1e-2, abs=1e-3)
    # What is cross-validated is the deviance, as a share of that of the best constant.
    assert 0.3 < fitted.curve_["validation_error"].min() < 0.9
    assert isinstance(fitted.warnings_, list) and fitted.certificate_.relative_gap <= 0.01


def test_a_summary_says_what_a_score_is(fitted, rows):
    X, y = rows
    text = str(fitted)
    assert "log odds (y = 1) = intercept + linear part" in text
    assert "the score is the log of the odds of y = 1" in text
    assert "of the deviance, held out (explained 0." in text and "R²" not in text
    assert "variance" not in text
    named = one().fit(X, pandas.Series(np.array(["no", "yes"])[y], name="bought"))
    assert "log odds (bought = yes)" in named.summary() and "bought = yes" in named._repr_html_()
    assert "log odds (y = 1)" in fitted.model_.summary()
    assert max(map(len, text.splitlines())) <= 80


def test_pickle_and_clone(fitted, rows):
    X, y = rows
    again = pickle.loads(pickle.dumps(fitted))
    assert same_bits(again.predict_proba(X), fitted.predict_proba(X))
    assert np.array_equal(again.classes_, fitted.classes_)
    assert clone(quick_classifier(class_weight="balanced")).get_params()["class_weight"] == "balanced"
    with pytest.raises(sklearn.exceptions.NotFittedError):
        clone(fitted).predict_proba(X)


def test_pipelines_and_searches(rows):
    X, y = rows
    names = np.array(["no", "yes"])[y]
    pipeline = make_pipeline(StandardScaler(), one())
    search = GridSearchCV(pipeline, {"lodestoneclassifier__weight_decay": [0.02, 0.1]}, cv=3,
                          scoring="roc_auc")  # fmt: skip
    search.fit(X, names)
    assert search.best_score_ > 0.75
    assert list(search.classes_) == ["no", "yes"]
    assert "log odds (y = yes)" in lodestone._summary.summary_of(search)


def test_frames_with_text_and_gaps(rows):
    polars = pytest.importorskip("polars")
    X, y = rows
    table = pandas.DataFrame(X, columns=list("abcd"))
    table["town"] = np.array(["Gera", "Jena", "Weimar"])[np.arange(len(y)) % 3]
    table.loc[5, "a"] = np.nan
    label = pandas.Series(np.array(["no", "yes"], dtype=object)[y])
    model = one(missing="indicator").fit(table, label)
    assert "town=Jena" in model.model_.columns and "a is missing" in model.model_.columns
    from_polars = polars.from_pandas(table)
    assert same_bits(model.predict_proba(from_polars), model.predict_proba(table))
    label[7] = None
    dropped = one(missing="drop").fit(table, label)
    kept = np.delete(np.arange(len(y)), [5, 7])
    expected = one().fit(table.iloc[kept], label.iloc[kept].astype(str))
    assert dropped.classes_.tolist() == ["no", "yes"]
    table.loc[5, "a"] = 0.0
    assert same_bits(dropped.predict_proba(table), expected.predict_proba(table))
    folds = quick_classifier(missing="drop").fit(table, label)
    assert folds.score(table.iloc[kept], label.iloc[kept]) > 0.7
    numbers = np.where(np.arange(len(y)) == 7, np.nan, y)
    assert one(missing="drop").fit(X, numbers).classes_.tolist() == [0.0, 1.0]


def test_certificates_take_labels(fitted, rows):
    X, y = rows
    found = lodestone.certify(fitted, X, y)
    assert found.certificate.relative_gap == pytest.approx(fitted.certificate_.relative_gap, rel=1e-3)
    assert lodestone.verify(fitted, X, y, certificate=found).discrepancies == ()
    with pytest.raises(ValueError, match="y: got 2 in row 0; must be one of the classes 0 and 1"):
        lodestone.certify(fitted, X, y + 2)
