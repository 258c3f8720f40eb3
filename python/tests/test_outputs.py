"""Several targets: what they share, and what each has of its own."""

import pickle

import numpy as np
import pandas
import polars
import pytest
from conftest import quick

import lodestone
from lodestone import LodestoneRegressor


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.standard_normal((250, 4))
    hidden = np.maximum(X @ random.standard_normal((4, 2)), 0.0)
    Y = hidden @ random.standard_normal((2, 3)) * [1.0, 100.0, 0.01] + [5.0, 0.0, 0.0]
    return X, Y + 0.2 * Y.std(axis=0) * random.standard_normal(Y.shape)


@pytest.fixture(scope="module")
def fitted(rows):
    return quick().fit(*rows)


def test_targets_share_their_features(fitted, rows):
    X, Y = rows
    count = len(fitted.biases_)
    assert fitted.directions_.shape == (count, 4) and fitted.amplitudes_.shape == (count, 3)
    assert fitted.coef_.shape == (3, 4) and fitted.intercept_.shape == (3,)
    by_hand = fitted.intercept_ + X @ fitted.coef_.T + fitted.transform(X) @ fitted.amplitudes_
    np.testing.assert_allclose(fitted.predict(X), by_hand, rtol=1e-9, atol=1e-9)
    assert fitted.score(X, Y) > 0.8 and fitted.certificate_.relative_gap <= 0.01
    assert fitted.feature_importances_.sum() == pytest.approx(1.0)
    assert fitted.model_.outputs == ["y0", "y1", "y2"]
    assert len(fitted.path_networks_[-1]) == 3
    assert fitted.subspace()["share"].sum() == pytest.approx(1.0)


def test_units_of_targets_do_not_matter(fitted, rows):
    X, Y = rows
    units = np.array([1e-3, 7.0, 1e6])
    other = quick().fit(X, Y * units)
    np.testing.assert_allclose(other.predict(X), fitted.predict(X) * units, rtol=1e-6)


def test_frames_name_the_targets(rows):
    X, Y = rows
    names = ["heat", "cold", "damp"]
    models = [
        quick().fit(X, pandas.DataFrame(Y, columns=names)),
        quick().fit(X, polars.DataFrame(Y, schema=names)),
    ]
    for model in models:
        assert model.model_.outputs == names
        np.testing.assert_array_equal(model.predict(X), models[0].predict(X))
    assert "3 targets share" in str(models[0])
    assert max(map(len, str(models[0]).splitlines())) <= 80
    assert list(models[0].features().columns[:3]) == [f"amplitude[{name}]" for name in names]


def test_a_model_of_several_targets_is_kept(fitted, rows, tmp_path):
    X, _ = rows
    fitted.model_.write(tmp_path / "model.json")
    for same in (pickle.loads(pickle.dumps(fitted.model_)), lodestone.Model.read(tmp_path / "model.json")):
        np.testing.assert_array_equal(same.predict(X), fitted.predict(X))
    for k in range(3):
        one = fitted.model_.output(k)
        assert one.target == f"y{k}" and one.outputs == []
        np.testing.assert_allclose(one.predict(X), fitted.predict(X)[:, k], rtol=1e-12)
    with pytest.raises(ValueError, match="output: got 3; must be 0 to 2"):
        fitted.model_.output(3)


def test_one_output_is_told_like_any_model(fitted, rows, tmp_path):
    X, Y = rows
    with pytest.raises(ValueError, match="3 outputs; give one of them"):
        lodestone.report(fitted, tmp_path / "page.html", X=X, y=Y)
    lodestone.report(fitted.model_.output(1), tmp_path / "page.html", X=X, y=Y[:, 1])
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_rows_that_miss_a_target_are_dropped(rows):
    X, Y = rows
    gaps = Y.copy()
    gaps[3, 1] = np.nan
    gaps[7] = np.nan
    kept = ~np.isnan(gaps).any(axis=1)
    dropped = quick(missing="drop").fit(X, gaps)
    np.testing.assert_array_equal(dropped.predict(X), quick().fit(X[kept], Y[kept]).predict(X))
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(X, gaps)


@pytest.mark.parametrize(
    "parameters, says",
    [
        ({"family": "poisson"}, "several targets have family='square'"),
        ({"rigorous": True}, "one output"),
        ({"shape": "smooth"}, "one output"),
    ],
)
def test_what_several_targets_cannot_have(rows, parameters, says):
    X, Y = rows
    with pytest.raises(ValueError, match=says):
        LodestoneRegressor(weight_decays=3, weight_decay_ratio=0.5, **parameters).fit(X, np.abs(Y))


def test_intervals_and_offsets_are_of_one_output(fitted, rows):
    X, Y = rows
    with pytest.raises(ValueError, match="no intervals"):
        fitted.predict(X, interval=0.9)
    with pytest.raises(ValueError, match="no offset"):
        quick().fit(X, Y, offset=np.ones(len(X)))
    with pytest.raises(ValueError, match="constant"):
        quick().fit(X, np.column_stack([Y[:, 0], np.ones(len(X))]))
