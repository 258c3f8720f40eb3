"""Known parts of the scores: counts over exposures, from the command line."""

import json

import numpy as np
import pytest
from conftest import write_csv

SHORT = ["--lambdas", 6, "--lambda-ratio", 0.05]


def write(path, columns):
    write_csv(path, np.column_stack(list(columns.values())), list(columns))


@pytest.fixture(scope="module")
def columns():
    random = np.random.default_rng(1)
    X = random.standard_normal((500, 3))
    log_exposure = random.standard_normal(500)
    rate = 1.5 * np.maximum(X[:, 0] - X[:, 1], 0) - 0.5
    return {
        **{f"x{j}": X[:, j] for j in range(3)},
        "log_exposure": log_exposure,
        "y": random.poisson(np.exp(rate + log_exposure)).astype(float),
    }


@pytest.fixture(scope="module")
def run(shared, columns):
    write(shared.folder / "counts.csv", columns)
    shared.done("fit", "counts.csv", "y", "--family", "poisson", "--offset", "log_exposure",
                "--test-share", 0.2, *SHORT, "--out", "run-with-offset")
    return shared.folder / "run-with-offset"


def test_a_fit_with_an_offset_is_verified(lodestone, run):
    model = json.loads((run / "model.json").read_text())
    assert model["offset"] == "log_exposure" and model["columns"] == ["x0", "x1", "x2"]
    assert "offset + alpha" in model["formula"]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["offset"] == "log_exposure"
    assert summary["certificate"]["relative_gap"] <= 1e-2
    assert 0.2 < summary["test"]["deviance_explained"] < 1.0
    assert "verified" in lodestone.done("verify", run).stdout
    certified = json.loads(lodestone.done("certify", run, "--json").stdout)
    assert certified["loss"] == pytest.approx(summary["loss"], rel=1e-9)
    elsewhere = json.loads(
        lodestone.done("certify", run, "--data", run.parent / "counts.csv", "--json").stdout
    )
    assert elsewhere["loss"] == pytest.approx(summary["loss"], rel=0.2)


def test_predictions_have_the_offset(lodestone, run, columns, tmp_path):
    write(tmp_path / "new.csv", {**columns, "log_exposure": columns["log_exposure"] + np.log(2.0)})
    doubled = lodestone.done("predict", run, tmp_path / "new.csv").stdout.split()[1:]
    plain = lodestone.done("predict", run, run.parent / "counts.csv").stdout.split()[1:]
    assert np.array(doubled, float) == pytest.approx(2.0 * np.array(plain, float), rel=1e-12)
    renamed = {**columns, "size": columns["log_exposure"]}
    del renamed["log_exposure"]
    write(tmp_path / "renamed.csv", renamed)
    named = lodestone.done("predict", run, tmp_path / "renamed.csv", "--offset", "size").stdout
    assert named.split()[1:] == plain
    array = np.column_stack([*(columns[f"x{j}"] for j in range(3)), columns["log_exposure"]])
    np.save(tmp_path / "rows.npy", array)
    numbered = lodestone.done("predict", run, tmp_path / "rows.npy", "--offset", 3).stdout
    assert numbered.split()[1:] == plain


def test_predictions_without_the_offset_are_refused(lodestone, run, columns, tmp_path):
    write(tmp_path / "bare.csv", {f"x{j}": columns[f"x{j}"] for j in range(3)})
    refused = lodestone.refused("predict", run, tmp_path / "bare.csv")
    assert "--offset" in refused and "log_exposure" in refused


def test_an_offset_of_a_model_without_one_is_refused(lodestone, columns, tmp_path):
    write(tmp_path / "counts.csv", columns)
    lodestone.done("fit", tmp_path / "counts.csv", "y", "--family", "poisson", "--lambda", 0.5,
                   "--exclude", "log_exposure", "--out", tmp_path / "run")
    assert "trained without an offset" in lodestone.refused(
        "predict", tmp_path / "run", tmp_path / "counts.csv", "--offset", "log_exposure"
    )


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--offset", "y"], "is the target"),
        (["--offset", "log_exposur"], "did you mean 'log_exposure'?"),
        (["--offset", "log_exposure", "--weights", "log_exposure"], "holds the weights"),
        (["--offset", "log_exposure", "--exclude", "log_exposure"], "holds the offset"),
    ],
)
def test_columns_that_are_no_offset(lodestone, columns, tmp_path, arguments, said):
    write(tmp_path / "counts.csv", columns)
    assert said in lodestone.refused("fit", tmp_path / "counts.csv", "y", *arguments)


def test_text_and_gaps_in_an_offset(lodestone, columns, tmp_path):
    write(tmp_path / "counts.csv", columns)
    lines = (tmp_path / "counts.csv").read_text().splitlines()
    cells = lines[1].split(",")
    for cell, said in (("many", "an offset must be a number"), ("", "--missing drop")):
        (tmp_path / "odd.csv").write_text(
            "\n".join([lines[0], ",".join([*cells[:3], cell, cells[4]]), *lines[2:]]) + "\n"
        )
        refused = lodestone.refused("fit", tmp_path / "odd.csv", "y", "--offset", "log_exposure")
        assert said in refused and "'log_exposure'" in refused


def test_a_population_has_no_offset(lodestone):
    assert "--offset" in lodestone.refused("fit", "--teacher", "random:d=4,k=2", "--offset", "x0")


def test_the_square_loss_has_it_taken_off_the_target(lodestone, columns, tmp_path):
    y = columns["x0"] + np.maximum(columns["x1"], 0) + 0.1 * columns["x2"]
    known = np.round(columns["log_exposure"], 3)
    inputs = {f"x{j}": columns[f"x{j}"] for j in range(3)}
    write(tmp_path / "beside.csv", {**inputs, "known": known, "y": y + known})
    write(tmp_path / "taken.csv", {**inputs, "y": y + known - known})
    losses = []
    for name, arguments in (("beside", ["--offset", "known"]), ("taken", [])):
        lodestone.done("fit", tmp_path / f"{name}.csv", "y", *arguments, *SHORT, "--out",
                       tmp_path / name)
        losses.append(json.loads((tmp_path / name / "summary.json").read_text())["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
