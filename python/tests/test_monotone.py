"""Monotone predictions of the estimators."""

import pickle

import lodestone
import numpy as np
import pytest

SHORT = {"weight_decays": 8, "weight_decay_ratio": 0.01}


def rows():
    draw = np.random.default_rng(1)
    X = draw.normal(size=(120, 3))
    y = np.abs(X[:, 0]) + X[:, 1] + 0.3 * X[:, 0] * X[:, 2] + 0.2 * draw.normal(size=120)
    return X, y


def worst_fall(predict, column):
    draw = np.random.default_rng(2)
    low = 4.0 * draw.normal(size=(50_000, 3))
    high = low.copy()
    high[:, column] += np.abs(draw.normal(size=len(low)))
    return (predict(low) - predict(high)).max()


def test_a_regressor_never_falls():
    X, y = rows()
    model = lodestone.LodestoneRegressor(increasing=["x0"], decreasing=["x2"], **SHORT).fit(X, y)
    assert worst_fall(model.predict, 0) <= 1e-12
    assert worst_fall(lambda points: -model.predict(points), 2) <= 1e-12
    assert model.model_.increasing == ["x0"] and model.model_.decreasing == ["x2"]
    again = pickle.loads(pickle.dumps(model))
    assert again.model_.increasing == ["x0"]
    assert 0 <= model.certificate_.relative_gap <= 0.011


def test_a_classifier_of_two_classes_never_falls():
    X, y = rows()
    labels = np.where(y > 0.8, "yes", "no")
    model = lodestone.LodestoneClassifier(increasing=["x0"], **SHORT).fit(X, labels)
    assert worst_fall(lambda points: model.predict_proba(points)[:, 1], 0) <= 1e-12


def test_columns_of_frames_are_named():
    pandas = pytest.importorskip("pandas")
    X, y = rows()
    frame = pandas.DataFrame(X, columns=["a, b", "c", "d"])
    model = lodestone.LodestoneRegressor(increasing=["a, b"], **SHORT).fit(frame, y)
    assert model.model_.increasing == ["a, b"]


def test_what_cannot_be_is_refused():
    X, y = rows()
    fit = lodestone.LodestoneRegressor
    with pytest.raises(ValueError, match="no input column"):
        fit(increasing=["x9"], **SHORT).fit(X, y)
    with pytest.raises(TypeError, match="list of names"):
        fit(increasing="x0", **SHORT).fit(X, y)
    with pytest.raises(ValueError, match="mixes columns"):
        fit(increasing=["x0"], standardize="whiten", **SHORT).fit(X, y)
    with pytest.raises(ValueError, match="several outputs"):
        fit(increasing=["x0"], **SHORT).fit(X, np.column_stack([y, X[:, 0]]))
    with pytest.raises(ValueError, match="several"):
        lodestone.LodestoneClassifier(increasing=["x0"], **SHORT).fit(X, np.arange(len(y)) % 3)
