"""Classes, counts and outliers from the command line; intervals around predictions."""

import json
import math

import numpy as np
import pytest

SHORT = ["--lambdas", 6, "--lambda-ratio", 0.05]


def write(path, X, y):
    names = [f"x{j}" for j in range(X.shape[1])] + ["y"]
    lines = [",".join(names)]
    lines += [",".join(repr(float(value)) for value in [*row, target]) for row, target in zip(X, y)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.standard_normal((400, 3))
    scores = 2 * np.maximum(X[:, 0] + X[:, 1], 0) - 1 + 0.5 * X[:, 2]
    return X, {
        "logistic": (random.random(400) < 1 / (1 + np.exp(-scores))).astype(float),
        "poisson": random.poisson(np.exp(0.5 * scores)).astype(float),
        "huber": scores + 0.2 * random.standard_t(1.5, 400),
        "square": scores + 0.3 * random.standard_normal(400),
    }


@pytest.fixture(scope="module")
def tables(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    X, targets = rows
    for family, y in targets.items():
        write(folder / f"{family}.csv", X, y)
    return folder


def fitted(lodestone, tables, family, tmp_path, *arguments):
    out = tmp_path / "run"
    lodestone.done("fit", "--data", tables / f"{family}.csv", "--target", "y", "--family", family,
              "--out", out, *SHORT, *arguments)
    return out


@pytest.mark.parametrize("family", ["logistic", "poisson", "huber"])
def test_a_fit_of_a_family_is_verified(lodestone, tables, tmp_path, family):
    run = fitted(lodestone, tables, family, tmp_path)
    model = json.loads((run / "model.json").read_text())
    assert model["family"]["name"] == family
    summary = json.loads((run / "summary.json").read_text())
    assert summary["certificate"]["relative_gap"] <= 1e-2
    assert "verified" in lodestone.done("verify", run).stdout
    certified = json.loads(lodestone.done("certify", run, "--json").stdout)
    assert certified["loss"] == pytest.approx(summary["loss"], rel=1e-9)


def test_predictions_of_classes_are_probabilities(lodestone, tables, rows, tmp_path):
    run = fitted(lodestone, tables, "logistic", tmp_path, "--test-share", 0.2)
    summary = json.loads((run / "summary.json").read_text())
    assert 0.0 < summary["test"]["deviance_explained"] < 1.0
    assert summary["test"]["accuracy"] > 0.6
    said = lodestone.done("predict", run, tables / "logistic.csv", "--out", tmp_path / "p.csv")
    assert "log loss" in said.stderr and "accuracy" in said.stderr
    values = np.loadtxt(tmp_path / "p.csv", skiprows=1)
    assert ((values > 0) & (values < 1)).all()
    # The score of model.json, told as a probability.
    model = json.loads((run / "model.json").read_text())
    X = rows[0]
    scores = model["affine"]["alpha"] + X @ np.array(model["affine"]["beta"])
    for one in model["features"]:
        scores += one["amplitude"] * np.maximum(X @ np.array(one["direction"]) + one["bias"], 0)
    np.testing.assert_allclose(values, 1 / (1 + np.exp(-scores)), rtol=1e-9)


def test_predictions_of_counts_are_means(lodestone, tables, rows, tmp_path):
    run = fitted(lodestone, tables, "poisson", tmp_path)
    lodestone.done("predict", run, tables / "poisson.csv", "--out", tmp_path / "p.csv")
    values = np.loadtxt(tmp_path / "p.csv", skiprows=1)
    assert values.min() > 0
    assert values.mean() == pytest.approx(rows[1]["poisson"].mean(), rel=1e-6)


def test_separated_classes_have_a_finite_model(lodestone, tmp_path):
    X = np.random.default_rng(3).standard_normal((300, 3))
    write(tmp_path / "table.csv", X, (X[:, 0] > 0).astype(float))
    lodestone.done("fit", "--data", tmp_path / "table.csv", "--target", "y", "--family", "logistic",
              "--out", tmp_path / "run", *SHORT)
    model = json.loads((tmp_path / "run/model.json").read_text())
    assert all(math.isfinite(slope) and abs(slope) < 100 for slope in model["affine"]["beta"])
    free = lodestone.done("fit", "--data", tmp_path / "table.csv", "--target", "y", "--family", "logistic",
                     "--linear-ridge", 0)
    assert "separates the classes" in free.stdout


@pytest.mark.parametrize(
    "family, target, says",
    [
        ("logistic", [0, 1, 2] * 20, "[0, 1]"),
        ("logistic", [0.0, 1.0, -0.5] * 20, "-0.5"),
        ("poisson", [0.0, 3.0, -1.0] * 20, "-1"),
        ("gamma", [0.0, 1.0, 2.0] * 20, "square, logistic, poisson, huber or softmax"),
    ],
)
def test_targets_of_another_kind_are_refused(lodestone, tmp_path, family, target, says):
    X = np.random.default_rng(1).standard_normal((60, 2))
    write(tmp_path / "table.csv", X, target)
    lodestone.refused("fit", "--data", tmp_path / "table.csv", "--target", "y", "--family", family,
                      says=says)


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--family", "logistic", "--rigorous"], "square loss"),
        (["--family", "huber", "--huber-width", 0], "--huber-width"),
        (["--linear-ridge", 0.1], "--linear-ridge"),
    ],
)
def test_options_at_odds_with_the_family_are_refused(lodestone, tables, arguments, says):
    lodestone.refused("fit", "--data", tables / "logistic.csv", "--target", "y", *arguments, says=says)


def test_intervals_hold_most_of_the_rows(lodestone, tables, rows, tmp_path):
    run = fitted(lodestone, tables, "square", tmp_path)
    lodestone.done("predict", run, tables / "square.csv", "--interval", 0.9, "--out", tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().splitlines()[0] == "y,y_lower,y_upper"
    values = np.loadtxt(tmp_path / "p.csv", skiprows=1, delimiter=",")
    y = rows[1]["square"]
    assert np.mean((values[:, 1] <= y) & (y <= values[:, 2])) >= 0.85
    assert (values[:, 1] <= values[:, 0]).all() and (values[:, 0] <= values[:, 2]).all()


def test_intervals_that_cannot_be_had_are_refused(lodestone, tables, tmp_path):
    run = fitted(lodestone, tables, "logistic", tmp_path)
    lodestone.refused("predict", run, tables / "logistic.csv", "--interval", 0.9, says="intervals.json")
    square = tmp_path / "other"
    square.mkdir()
    run = fitted(lodestone, tables, "square", square)
    for level in (0, 1, -1, "x"):
        lodestone.refused("predict", run, tables / "square.csv", "--interval", level, says="--interval")
    (run / "intervals.json").write_text("{}")
    lodestone.refused("predict", run, tables / "square.csv", "--interval", 0.9, says="intervals.json")
