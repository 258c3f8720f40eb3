"""What is told of a model in text: on one screen, in notebooks, and the shares that both tell."""

import numpy as np
import pytest
from conftest import quick, ridge_rows
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import lodestone
from lodestone import Network
from lodestone._importance import shares
from lodestone._style import loading, printable, short, width, with_noise


def test_a_summary_is_one_screen_with_all_it_promises(fitted, rows):
    text = fitted.summary()
    lines = text.splitlines()
    assert len(lines) <= 40 and max(width(line) for line in lines) <= 80
    assert "60 rows, 3 columns" in lines[1]
    for word in ("held out", "intercept", "linear part", "certificate", "explains", "direction"):
        assert word in text
    assert str(fitted) == text and "LodestoneRegressor(" in repr(fitted)
    assert str(quick()) == repr(quick())


def test_the_numbers_of_a_summary_are_those_of_the_model():
    # Two columns far from standard: y = 3·relu(dose − 0.3) + 2·age + 1.
    network = Network([3.0], [[1.0, 0.0]], [-0.3], 1.0, [0.0, 2.0])
    model = network.to_model(["dose", "age"], "effect")
    text = model.summary()
    assert text == str(model)
    assert "effect = intercept + linear part + 1 feature" in text
    assert "+2 age" in text and "+3" in text and "+0.3" in text and "+1.00 dose" in text
    assert "intercept    1 " in text
    assert model._repr_html_().count("<tr>") == 3


def test_wide_names_stay_within_80_columns():
    names = ["\u5e74\u9f84" * 30, "x" * 200, "$a$", "b\nc"]
    random = np.random.default_rng(0)
    network = Network(random.normal(size=200), random.normal(size=(200, 4)), random.normal(size=200))
    for target in ("y", "z" * 200):
        text = network.to_model(names, target).summary()
        assert max(width(line) for line in text.splitlines()) <= 80
        assert "190 more explain" in text and len(text.splitlines()) <= 24


def test_notebooks_have_the_diagram_and_the_model(fitted):
    sklearn = pytest.importorskip("sklearn")
    unfitted = quick()._repr_mimebundle_()["text/html"]
    shown = fitted._repr_mimebundle_()["text/html"]
    assert "LodestoneRegressor" in unfitted and "explains" not in unfitted
    assert "LodestoneRegressor" in shown and "explains" in shown
    assert "explains" in fitted._repr_html_()
    with sklearn.config_context(display="text"):
        assert "text/html" not in fitted._repr_mimebundle_()
    assert "LodestoneRegressor" in make_pipeline(fitted)._repr_html_()
    hostile = Network([1.0], [[1.0]], [0.0]).to_model(["<script>"], "<img>")._repr_html_()
    assert "<script>" not in hostile and "<img>" not in hostile


def test_shares_add_up_and_do_not_hang_on_signs(fitted, rows):
    X, y = rows
    held = shares(fitted.model_, X)
    assert held.columns.sum() == pytest.approx(1.0)
    assert held.features.sum() + held.linear == pytest.approx(1.0)
    assert held.through.sum(axis=1) == pytest.approx(held.columns)
    assert fitted.feature_importances_ == pytest.approx(held.columns)
    # relu(z) = z + relu(−z): the same function, told with the other sign.
    model = fitted.model_
    a, W, b = model.amplitudes, model.directions, model.biases
    mirrored = Network(a, -W, -b, model.alpha + a @ b, model.beta + a @ W)
    assert mirrored.predict(X) == pytest.approx(model.predict(X))
    class Mirrored:  # with the centre of the rows, which a network does not know
        directions, biases, amplitudes = mirrored.W, mirrored.b, mirrored.a
        beta, center, scale = mirrored.beta, model.center, model.scale
    other = shares(Mirrored, X)
    assert other.columns == pytest.approx(held.columns)
    assert other.subspace == pytest.approx(held.subspace, abs=1e-9)


def test_shares_of_a_linear_model_are_those_of_regression():
    random = np.random.default_rng(0)
    X = random.normal(size=(500, 3)) * [1.0, 2.0, 3.0]
    linear = Network(np.zeros(0), np.zeros((0, 3)), None, 1.0, [2.0, -1.0, 0.0])
    f = X @ [2.0, -1.0, 0.0]
    expected = [np.cov(2.0 * X[:, 0], f)[0, 1], np.cov(-X[:, 1], f)[0, 1], 0.0] / np.var(f, ddof=1)
    held = shares(linear.to_model(), X)
    assert held.columns == pytest.approx(expected)
    assert held.linear == pytest.approx(1.0) and len(held.subspace) >= 1
    assert held.subspace[0] == pytest.approx(1.0)
    # Without rows: as if columns were independent Gaussians.
    assert shares(linear.to_model()).columns == pytest.approx([0.8, 0.2, 0.0], abs=0.05)


def test_weights_count_as_rows(rows):
    X, y = rows
    model = quick().fit(X, y).model_
    weights = np.ones(len(y))
    weights[:20] = 2.0
    weights[20:30] = 0.0
    repeated = np.vstack([X[:20], X[:20], X[30:]])
    weighted, plain = shares(model, X, weights), shares(model, repeated)
    assert weighted.columns == pytest.approx(plain.columns)
    assert weighted.active == pytest.approx(plain.active)
    assert weighted.subspace == pytest.approx(plain.subspace)


def test_numbers_are_short():
    assert [short(v) for v in (0.0, 1234567.0, 0.000123456, -2.5, 1e-9, float("nan"), 99.96, 1e20)] == [
        "0", "1.23·10⁶", "0.000123", "−2.5", "1·10⁻⁹", "–", "100", "1·10²⁰"]
    assert loading(-0.101) == "−0.10"
    assert with_noise(0.26666, 0.0712) == "0.27 ± 0.07" and with_noise(99.7331, 0.0671) == "99.73 ± 0.07"
    assert with_noise(5.0, float("nan")) == "5" and with_noise(1234.5, 21.0) == "1230 ± 20"
    assert printable("a\tb\x00 c") == "a b\ufffd c"
    assert width(printable("\u5e74" * 40, 11)) <= 11 and "…" in printable("x" * 40, 11)


def test_searches_and_pipelines_have_the_reports_numbers(rows):
    X, y = rows
    search = GridSearchCV(quick(), {"max_features": [1, 2]}, cv=2).fit(X, y)
    assert lodestone._summary.summary_of(search) == search.best_estimator_.summary()
