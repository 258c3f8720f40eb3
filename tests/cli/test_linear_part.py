"""Fits with and without a linear part; tables with fewer rows than columns."""

import json

import numpy as np
import pytest

SHORT = ["--lambdas", 8, "--lambda-ratio", 0.05]


def table(path, n, d, seed=0, classes=False):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    y = 2 * np.maximum(X[:, 0] + X[:, 1], 0) - X[:, 2]
    if classes:
        y = (y > y.mean()).astype(float)
    np.save(path, np.column_stack([X, y]))
    return X, y


@pytest.fixture
def wide(tmp_path):
    table(tmp_path / "wide.npy", 50, 120)
    return tmp_path / "wide.npy"


def told(run):
    return (json.loads((run / "model.json").read_text()),
            json.loads((run / "summary.json").read_text()))


@pytest.mark.parametrize("standardize", ["scale", "whiten", "none"])
def test_fewer_rows_than_columns_have_no_linear_part(lodestone, wide, tmp_path, standardize):
    run = tmp_path / "run"
    done = lodestone.done("fit", wide, 120, "--standardize", standardize, "--out", run, *SHORT)
    assert "too few rows for a free linear part" in done.stderr + done.stdout
    model, summary = told(run)
    assert model["family"] == {"name": "square", "linear": "none"}
    assert set(model["affine"]["beta"]) == {0.0}
    assert summary["certificate"]["relative_gap"] <= 1e-2
    assert "verified" in lodestone.done("verify", run).stdout
    np.save(tmp_path / "inputs.npy", np.load(wide)[:, :120])
    lodestone.done("predict", run, tmp_path / "inputs.npy", "--out", tmp_path / "predictions.csv")


@pytest.mark.parametrize("family", ["logistic", "huber"])
def test_other_families_have_none_too(lodestone, tmp_path, family):
    table(tmp_path / "wide.npy", 60, 100, classes=family == "logistic")
    lodestone.done("fit", tmp_path / "wide.npy", 100, "--family", family, "--out", tmp_path / "run", *SHORT)
    model, _ = told(tmp_path / "run")
    assert model["family"]["linear"] == "none"
    assert "linear_ridge" not in model["family"]
    assert set(model["affine"]["beta"]) == {0.0}
    assert "verified" in lodestone.done("verify", tmp_path / "run").stdout


def test_a_free_linear_part_of_few_rows_is_refused(lodestone, wide):
    lodestone.refused("fit", wide, 120, "--linear", "free", says=["rows", "would interpolate"])


def test_many_columns_are_decided_in_no_time(lodestone, tmp_path):
    """Twenty thousand columns, whose products of each with each would fill three gigabytes."""
    table(tmp_path / "table.npy", 60, 20000)
    lodestone.refused("fit", tmp_path / "table.npy", 20000, "--linear", "free",
                      says=["would interpolate"])
    lodestone.done("fit", tmp_path / "table.npy", 20000, "--lambdas", 3)


def test_a_table_may_do_without(lodestone, tmp_path):
    X, y = table(tmp_path / "table.npy", 200, 4)
    errors = {}
    for linear in ["auto", "free", "none"]:
        run = tmp_path / linear
        lodestone.done("fit", tmp_path / "table.npy", 4, "--linear", linear, "--out", run, *SHORT)
        model, summary = told(run)
        assert (model["affine"]["beta"] == [0.0] * 4) == (linear == "none")
        assert "verified" in lodestone.done("verify", run).stdout
        np.save(tmp_path / "inputs.npy", X)
        lodestone.done("predict", run, tmp_path / "inputs.npy", "--out", tmp_path / f"{linear}.npy")
        errors[linear] = np.mean((np.load(tmp_path / f"{linear}.npy").ravel() - y) ** 2) / y.var()
    assert errors["auto"] == errors["free"]
    assert errors["none"] < 0.05


def test_columns_that_nearly_agree_have_their_difference(lodestone, tmp_path):
    random = np.random.default_rng(1)
    z = random.standard_normal(300)
    x = random.standard_normal(300)
    np.save(tmp_path / "table.npy", np.column_stack([x, x + 1e-5 * z, z]))
    run = tmp_path / "run"
    lodestone.done("fit", tmp_path / "table.npy", 2, "--out", run)
    model, _ = told(run)
    assert model["features"] == []
    assert model["affine"]["beta"][1] == pytest.approx(1e5, rel=1e-8)
    assert "verified" in lodestone.done("verify", run).stdout
