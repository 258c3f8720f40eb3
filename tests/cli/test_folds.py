"""Folds of whole groups, and of rows in the order of time."""

import json

import numpy as np
import pytest

SHORT = ["--lambdas", 5, "--lambda-ratio", 0.1]


def write(path, X, y, **others):
    names = [f"x{j}" for j in range(X.shape[1])] + ["y", *others]
    lines = [",".join(names)]
    for t, row in enumerate(X):
        cells = [repr(float(value)) for value in [*row, y[t]]]
        lines.append(",".join([*cells, *(str(column[t]) for column in others.values())]))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def rows(lodestone):
    """Each group has an offset of its own, which its inputs give away: rows of a group that are
    held apart from the others of it are easily predicted."""
    random = np.random.default_rng(2)
    groups = np.repeat(np.arange(12), [40, 30, 30, 20, 20, 20, 10, 10, 10, 10, 5, 5])
    random.shuffle(groups)
    X = random.standard_normal((12, 4))[groups] + 0.05 * random.standard_normal((210, 4))
    y = 3 * random.standard_normal(12)[groups] + 0.1 * random.standard_normal(210)
    labels = [f"g{group}" for group in groups]
    write(lodestone.folder / "table.csv", X, y, place=labels)
    return X, y, groups


def selection(lodestone, run):
    """What was chosen; the groups as the option named them are looked at apart."""
    told = json.loads((lodestone.folder / run / "summary.json").read_text())["selection"]
    told.pop("groups", None)
    return told


def fit(lodestone, run, *arguments):
    out = lodestone.done("fit", "table.csv", "y", *SHORT, "--out", run, *arguments)
    return out.stdout, json.loads((lodestone.folder / run / "model.json").read_text())


def test_groups_stay_together_and_are_no_input(lodestone, rows):
    _, model = fit(lodestone, "grouped", "--groups", "place")
    assert model["columns"] == ["x0", "x1", "x2", "x3"]
    fit(lodestone, "random", "--exclude", "place")
    grouped, random = (selection(lodestone, run)["best"]["validation_error"]
                       for run in ("grouped", "random"))
    assert random < 0.9 < grouped, "an honest error: the offset of a new group cannot be known"
    summary = json.loads((lodestone.folder / "grouped" / "summary.json").read_text())
    assert summary["selection"]["groups"] == "place"
    config = (lodestone.folder / "grouped" / "config.toml").read_text()
    assert 'groups = "place"' in config and "folds = 5" in config
    assert "verified" in lodestone.done("verify", "grouped").stdout


def test_groups_by_number_are_those_by_name(lodestone, rows):
    X, y, groups = rows
    fit(lodestone, "text", "--groups", "place")
    write(lodestone.folder / "table.csv", X, y, place=groups)
    fit(lodestone, "number", "--groups", 5)
    assert selection(lodestone, "text") == selection(lodestone, "number")
    np.save(lodestone.folder / "table.npy", np.column_stack([X, y, groups]))
    lodestone.done("fit", "table.npy", 4, *SHORT, "--out", "array", "--groups", 5)
    assert selection(lodestone, "array") == selection(lodestone, "number")
    # An array to test with has the same columns, a table need not have the groups.
    tested = []
    write(lodestone.folder / "test.csv", X[:50], y[:50])
    np.save(lodestone.folder / "test.npy", np.column_stack([X, y, groups])[:50])
    for file, target in (("table.csv", "y"), ("table.npy", 4)):
        test = file.replace("table", "test")
        lodestone.done("fit", file, target, *SHORT, "--out", "run", "--groups", 5, "--test", test,
                       "--overwrite")
        tested.append(json.loads((lodestone.folder / "run" / "summary.json").read_text())["test"])
    assert tested[0] == tested[1] and tested[0]["rows"] == 50


def test_the_seed_deals_groups(lodestone, rows):
    runs = {}
    for run, seed in (("a", 0), ("b", 0), ("c", 1)):
        fit(lodestone, run, "--groups", "place", "--seed", seed)
        runs[run] = (lodestone.folder / run / "cross_validation.csv").read_text()
    assert runs["a"] == runs["b"] != runs["c"]


def test_the_test_share_has_whole_groups(lodestone, rows):
    fit(lodestone, "run", "--groups", "place", "--test-share", 0.3)
    summary = json.loads((lodestone.folder / "run" / "summary.json").read_text())
    assert 0 < summary["test"]["rows"] <= 63 and summary["test"]["rows"] % 5 == 0
    assert summary["training_rows"] + summary["test"]["rows"] == 210
    assert "verified" in lodestone.done("verify", "run").stdout
    lodestone.refused("fit", "table.csv", "y", "--groups", "place", "--test-share", 0.02,
                      says=["--test-share", "4 of 210 rows", "'place'"])


def test_a_bootstrap_of_groups_is_wider(lodestone):
    """Ten groups of 60 rows that are copies of each other hold no more than ten rows do."""
    random = np.random.default_rng(0)
    X = np.repeat(random.standard_normal((40, 2)), 8, axis=0)
    y = np.maximum(X[:, 0] + X[:, 1], 0) + np.repeat(0.3 * random.standard_normal(40), 8)
    write(lodestone.folder / "table.csv", X, y, place=np.repeat(np.arange(40), 8))
    angles = {}
    for run, how in (("groups", ["--groups", "place"]), ("rows", ["--exclude", "place"])):
        fit(lodestone, run, *how, "--lambda", 0.05, "--bootstrap", 40)
        told = json.loads((lodestone.folder / run / "summary.json").read_text())["feature_list"]
        angles[run] = told[0]["angle_error_deg"]
    assert angles["groups"] > 1.5 * angles["rows"]


def test_bad_groups_are_refused(lodestone, rows):
    X, y, groups = rows
    fails = lambda *arguments, says: lodestone.refused(
        "fit", "table.csv", "y", *arguments, says=says)
    fails("--groups", "plcae", says=["--groups", "'place'"])
    fails("--groups", "y", says=["--groups", "is the target"])
    fails("--groups", "x0", "--weights", "x0", says=["--groups", "holds the weights"])
    fails("--groups", "place", "--exclude", "place", says=["--exclude", "holds the groups"])
    fails("--groups", "place", "--folds", 13, says=["--folds", "13", "only 12 groups in 'place'"])
    fails("--groups", "place", "--folds", "time", says=["--groups", "--folds"])
    lodestone.refused("fit", "--teacher", "random:d=4,k=2", "--samples", 50, "--groups", "place",
                      says=["--groups", "--data"])
    write(lodestone.folder / "table.csv", X, y, place=["all"] * 210)
    fails("--groups", "place", says=["--groups", "one group holds all 210 rows"])
    labels = [f"g{group}" for group in groups]
    labels[3] = ""
    write(lodestone.folder / "table.csv", X, y, place=labels)
    fails("--groups", "place", says=["table.csv:5: column 'place' is empty", "--missing drop"])


def test_a_group_with_all_of_a_class_is_refused(lodestone, rows):
    X, _, groups = rows
    write(lodestone.folder / "table.csv", X, groups == 0, place=groups)
    lodestone.refused("fit", "table.csv", "y", "--family", "logistic", "--groups", "place",
                      says=["--folds", "trains on one class only"])


@pytest.fixture
def drift(lodestone):
    """A slope that grows with time: what comes later is not like what came before."""
    random = np.random.default_rng(4)
    X = random.standard_normal((203, 2))
    y = X[:, 0] * np.linspace(0, 3, 203) + 0.1 * random.standard_normal(203)
    write(lodestone.folder / "table.csv", X, y)
    return X, y


def test_folds_of_time_look_ahead(lodestone, drift):
    """Without features the error of each fold is that of least squares on the rows before."""
    X, y = drift
    fit(lodestone, "run", "--folds", "time", "--select", 0)
    told = selection(lodestone, "run")
    assert told["folds"] == 5 and told["forward"] is True
    design = np.column_stack([np.ones(203), X])
    errors = []
    for first in range(203 - 5 * 33, 203, 33):  # as sklearn.model_selection.TimeSeriesSplit(5)
        solution = np.linalg.lstsq(design[:first], y[:first], rcond=None)[0]
        later = slice(first, first + 33)
        errors.append(np.mean((design[later] @ solution - y[later]) ** 2) / np.var(y))
    assert told["chosen"]["features"] == 0
    assert told["chosen"]["validation_error"] == pytest.approx(np.mean(errors), rel=1e-9)
    assert 'folds = "time"' in (lodestone.folder / "run" / "config.toml").read_text()
    assert "verified" in lodestone.done("verify", "run").stdout


def test_the_test_share_of_time_is_the_last_rows(lodestone, drift):
    X, y = drift
    _, model = fit(lodestone, "share", "--folds", "time", "--test-share", 0.2)
    assert "verified" in lodestone.done("verify", "share").stdout
    write(lodestone.folder / "table.csv", X[:163], y[:163])
    write(lodestone.folder / "later.csv", X[163:], y[163:])
    _, other = fit(lodestone, "files", "--folds", "time", "--test", "later.csv")
    assert model == other
    share, files = (json.loads((lodestone.folder / run / "summary.json").read_text())["test"]
                    for run in ("share", "files"))
    assert share == files and share["rows"] == 40


def test_bad_folds_of_time_are_refused(lodestone, drift):
    X, y = drift
    write(lodestone.folder / "few.csv", X[:5], y[:5])
    lodestone.refused("fit", "few.csv", "y", "--folds", "time", says=["--folds", "only 5 rows"])
    wide = np.random.default_rng(0).standard_normal((20, 8))
    write(lodestone.folder / "wide.csv", wide, np.abs(wide[:, 0]))
    lodestone.refused("fit", "wide.csv", "y", "--folds", "time", "--linear", "free",
                      says=["--folds", "fold 1", "first 5 of 20 rows", "give more rows"])
    write(lodestone.folder / "late.csv", X, np.arange(203) > 100)
    lodestone.refused("fit", "late.csv", "y", "--family", "logistic", "--folds", "time",
                      says=["--folds", "fold 1", "one class only"])
    for value in (1, 2.5, "times"):
        lodestone.refused("fit", "table.csv", "y", "--folds", value, says="--folds")
