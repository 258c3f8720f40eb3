"""Intervals around predictions: coverage, copies, refusals, the file of the command line."""

import copy
import pickle

import lodestone
import numpy as np
import pytest


@pytest.fixture(scope="module")
def drawn():
    random = np.random.default_rng(0)
    X = random.standard_normal((2400, 3))
    y = np.maximum(X[:, 0] + X[:, 1], 0) + 0.5 * random.standard_normal(2400)
    return X[:400], y[:400], X[400:], y[400:]


@pytest.fixture(scope="module")
def model(drawn):
    return lodestone.LodestoneRegressor().fit(*drawn[:2])


def test_intervals_hold_the_share_they_say(model, drawn):
    _, _, X, y = drawn
    predictions, ends = model.predict(X, interval=0.9)
    np.testing.assert_array_equal(predictions, model.predict(X))
    assert ends.shape == (2000, 2)
    assert 0.86 <= np.mean((y >= ends[:, 0]) & (y <= ends[:, 1])) <= 0.94
    narrower = model.predict(X, interval=0.5)[1]
    assert (narrower[:, 0] > ends[:, 0]).all() and (narrower[:, 1] < ends[:, 1]).all()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_have_the_same_intervals(model, drawn, copied):
    X = drawn[2]
    np.testing.assert_array_equal(
        copied(model).predict(X, interval=0.8)[1], model.predict(X, interval=0.8)[1]
    )


@pytest.mark.parametrize("level", [0, 1, -0.5, 1.5, float("nan")])
def test_levels_outside_are_refused(model, drawn, level):
    with pytest.raises(ValueError, match="interval"):
        model.predict(drawn[2], interval=level)


def test_models_without_intervals_say_so(model, drawn):
    X, y, fresh, _ = drawn
    without = lodestone.LodestoneRegressor(weight_decay=0.1).fit(X, y)
    counts = lodestone.LodestoneRegressor(family="poisson", weight_decay=0.1).fit(X, np.round(y**2))
    other = model.with_features(int(model.curve_["features"][0]))
    for one in (without, counts, other):
        with pytest.raises(ValueError, match="has no intervals"):
            one.predict(fresh, interval=0.9)


def test_a_model_that_is_linear_has_intervals():
    random = np.random.default_rng(1)
    X = random.standard_normal((200, 2))
    model = lodestone.LodestoneRegressor().fit(X, X[:, 0] + random.standard_normal(200))
    ends = model.predict(X, interval=0.9)[1]
    assert np.isfinite(ends).all()


def test_rows_of_a_single_split_count_once(drawn):
    X, y, fresh, _ = drawn
    model = lodestone.LodestoneRegressor(
        weight_decays=6, weight_decay_ratio=0.02, cv=[(np.arange(100), np.arange(100, 108))]
    ).fit(X[:108], y[:108])
    ((fold, residuals, weight, rows),) = model.intervals_.__getstate__()
    assert (weight, rows, len(residuals)) == (1.0, 8, 8)
    expected = np.sort(np.abs(y[100:108] - fold.predict(X[100:108])))
    np.testing.assert_allclose(residuals, expected)
    # Of 8 rows the largest residual is the quantile of 8/9, and of more there is none.
    at = fold.predict(fresh)
    ends = model.predict(fresh, interval=0.88)[1]
    np.testing.assert_allclose(ends, np.column_stack([at - expected[-1], at + expected[-1]]))
    assert np.isinf(model.predict(fresh, interval=0.9)[1]).all()
