"""Several targets and several classes from the command line."""

import csv
import json

import numpy as np
import pytest
from conftest import Lodestone, read_json, verified

SHORT = ["--lambdas", 6, "--lambda-ratio", 0.05]
SPECIES = ["ada", "bea", "cia"]


def write(path, names, columns):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*columns))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outputs")
    random = np.random.default_rng(0)
    X = random.standard_normal((300, 3))
    hidden = np.maximum(X @ [[1.0, 0.5], [1.0, -1.0], [0.0, 0.7]], 0.0)
    Y = hidden @ random.standard_normal((2, 3)) + 0.3 * random.standard_normal((300, 3))
    numbers = [*X.T, *Y[:, :2].T]
    write(folder / "targets.csv", ["x0", "x1", "x2", "heat", "cold, dry"], numbers)
    codes = Y.argmax(axis=1)
    write(folder / "species.csv", ["x0", "x1", "x2", "species"], [*X.T, [SPECIES[k] for k in codes]])
    write(folder / "codes.csv", ["x0", "x1", "x2", "species"], [*X.T, codes])
    return folder, X, Y[:, :2], codes


def fitted(lodestone, table, target, tmp_path, *arguments):
    out = tmp_path / "run"
    lodestone.done("fit", table, target, "--out", out, *SHORT, *arguments)
    return out


def scores_of(model, X):
    """Of model.json, by hand."""
    scores = np.column_stack([one["alpha"] + X @ np.array(one["beta"]) for one in model["outputs"]])
    for one in model["features"]:
        on = np.maximum(X @ np.array(one["direction"]) + one["bias"], 0)
        scores += on[:, None] * np.array(one["amplitudes"])
    return scores


def predictions(lodestone, run, table, tmp_path):
    lodestone.done("predict", run, table, "--out", tmp_path / "p.csv")
    with open(tmp_path / "p.csv", newline="") as file:
        names, *lines = csv.reader(file)
    return names, np.array(lines, dtype=float)


def test_several_targets_share_their_features(lodestone, tables, tmp_path):
    folder, X, Y, _ = tables
    run = fitted(lodestone, folder / "targets.csv", 'heat,"cold, dry"', tmp_path, "--test-share", 0.2)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["outputs"] == ["heat", "cold, dry"]
    assert summary["certificate"]["relative_gap"] <= 1e-2
    assert summary["test"]["r2"] > 0.5
    model = json.loads((run / "model.json").read_text())
    assert [len(one["amplitudes"]) for one in model["features"]] == [2] * len(model["features"])
    names, values = predictions(lodestone, run, folder / "targets.csv", tmp_path)
    assert names == ["heat", "cold, dry"]
    np.testing.assert_allclose(values, scores_of(model, X), rtol=1e-9, atol=1e-9)
    assert np.mean((values - Y) ** 2) < 0.3 * np.var(Y)


def test_probabilities_of_classes_are_the_softmax(lodestone, tables, tmp_path):
    folder, X, _, codes = tables
    run = fitted(lodestone, folder / "species.csv", "species", tmp_path, "--family", "softmax",
                 "--test-share", 0.2)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["classes"] == SPECIES
    assert summary["certificate"]["relative_gap"] <= 1e-2
    assert summary["test"]["accuracy"] > 0.7 and summary["test"]["deviance_explained"] > 0.3
    names, values = predictions(lodestone, run, folder / "species.csv", tmp_path)
    assert names == [f"probability_of_{name}" for name in SPECIES]
    powers = np.exp(scores_of(json.loads((run / "model.json").read_text()), X))
    np.testing.assert_allclose(values, powers / powers.sum(axis=1, keepdims=True), rtol=1e-9)
    assert np.mean(values.argmax(axis=1) == codes) > 0.75
    said = lodestone.done("predict", run, folder / "species.csv", "--out", tmp_path / "q.csv").stderr
    assert "log loss" in said and "accuracy" in said


def test_numbers_of_classes_are_the_same_classes(lodestone, tables, tmp_path):
    folder, *_ = tables
    named = fitted(lodestone, folder / "species.csv", "species", tmp_path / "a", "--family", "softmax")
    counted = fitted(lodestone, folder / "codes.csv", "species", tmp_path / "b", "--family", "softmax")
    features = [json.loads((run / "model.json").read_text())["features"] for run in (named, counted)]
    assert features[0] == features[1]


def test_the_curve_has_models_of_several_outputs(lodestone, tables, tmp_path):
    folder, X, *_ = tables
    run = fitted(lodestone, folder / "targets.csv", 'heat,"cold, dry"', tmp_path)
    lodestone.done("select", run, "--features", 1, "--out", tmp_path / "one.json")
    model = json.loads((tmp_path / "one.json").read_text())
    assert len(model["features"]) == 1
    names, values = predictions(lodestone, tmp_path / "one.json", folder / "targets.csv", tmp_path)
    np.testing.assert_allclose(values, scores_of(model, X), rtol=1e-9, atol=1e-9)


def test_the_result_has_the_same_bits_at_any_number_of_threads(lodestone, tables, tmp_path):
    folder, *_ = tables
    models = []
    for threads in ("1", "3"):
        run = fitted(lodestone, folder / "species.csv", "species", tmp_path / threads, "--family",
                     "softmax", "--threads", threads)
        models.append((run / "model.json").read_text().replace(f"--threads {threads}", ""))
    assert models[0] == models[1]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["targets.csv", "heat,heat"], "is the target"),
        (["targets.csv", "heat,humidity"], "humidity"),
        (["targets.csv", 'heat,"cold, dry"', "--rigorous"], "one output"),
        (["targets.csv", 'heat,"cold, dry"', "--shape", "smooth"], "one output"),
        (["targets.csv", 'heat,"cold, dry"', "--family", "huber"], "square"),
        (["targets.csv", 'heat,"cold, dry",x0,x1,x2'], "no input"),
        (["species.csv", "species", "--family", "logistic"], "--family softmax"),
        (["targets.csv", "heat", "--family", "softmax"], "number of a class"),
        (["species.csv", "species", "--family", "softmax", "--offset", "x0"], "no offset"),
    ],
)
def test_what_several_outputs_cannot_have(lodestone, tables, arguments, words):
    table, *rest = arguments
    refused = lodestone("fit", tables[0] / table, *rest, *SHORT)
    assert refused.returncode == 2
    assert words in refused.stderr and refused.stderr.count("\n") == 1


def test_a_class_that_a_fold_lacks_is_said(lodestone, tables, tmp_path):
    _, X, _, codes = tables
    rare = [SPECIES[k] for k in codes[:60]]
    rare[0] = "dia"
    write(tmp_path / "rare.csv", ["x0", "x1", "x2", "species"], [*X[:60].T, rare])
    refused = lodestone("fit", tmp_path / "rare.csv", "species", "--family", "softmax", *SHORT)
    assert refused.returncode == 2
    assert "fold" in refused.stderr and "classes" in refused.stderr


@pytest.fixture(scope="module")
def outputs_runs(tables, tmp_path_factory):
    """A run of several targets, and one of classes."""
    folder, *_ = tables
    out = tmp_path_factory.mktemp("runs")
    lodestone = Lodestone(out)
    return {
        "targets": fitted(lodestone, folder / "targets.csv", 'heat,"cold, dry"', out / "targets",
                          "--test-share", 0.2),
        "classes": fitted(lodestone, folder / "species.csv", "species", out / "classes", "--family",
                          "softmax", "--standardize", "whiten"),
    }


@pytest.mark.parametrize("kind", ["targets", "classes"])
def test_verify_recomputes_the_numbers_of_several_outputs(lodestone, outputs_runs, kind):
    run = outputs_runs[kind]
    summary = read_json(run / "summary.json")
    found = verified(lodestone, run)
    assert found["verified"] is True and found["discrepancies"] == []
    assert found["rows"] == summary["training_rows"]
    for field in ("lambda", "loss", "penalized_loss"):
        assert found[field] == pytest.approx(summary[field], rel=1e-9)
    assert found["loss_as_given"] == pytest.approx(found["loss"], rel=1e-9)
    assert found["certificate"]["sup_eta_lower"] <= summary["certificate"]["sup_eta"] * (1 + 1e-4)
    np.testing.assert_allclose([one["eta"] for one in found["neurons"]], 1, atol=2e-2)
    text = lodestone.done("verify", run).stdout
    assert text.endswith("verified: every number was recomputed independently and agrees\n")


def forged(run, folder, file, change):
    folder.mkdir()
    for path in run.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    content = read_json(folder / file)
    change(content)
    (folder / file).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("kind", ["targets", "classes"])
def test_changed_numbers_of_several_outputs_are_contradicted(lodestone, outputs_runs, tmp_path, kind):
    def scaled(owner, key, factor):
        owner[key] *= factor

    changes = {
        "loss": ("summary.json", lambda said: scaled(said, "loss", 1.0001)),
        "penalized_loss": ("summary.json", lambda said: scaled(said, "penalized_loss", 0.9999)),
        "certificate.gap": ("summary.json", lambda said: scaled(said["certificate"], "gap", 0.9)),
        # Below what it is at the neurons.
        "certificate.sup_eta": ("summary.json", lambda said: scaled(said["certificate"], "sup_eta", 0.9)),
        # An amplitude of the network itself.
        "loss ": ("network.json", lambda net: scaled(net["features"][0]["amplitudes"], 1, 1.01)),
    }
    for name, (file, change) in changes.items():
        folder = forged(outputs_runs[kind], tmp_path / name.replace(" ", "_"), file, change)
        found = verified(lodestone, folder, status=4)
        assert found["verified"] is False
        assert f"summary.json: {name.strip()}" in [one["field"] for one in found["discrepancies"]]
    text = lodestone("verify", folder)
    assert text.returncode == 4 and "NOT verified: summary.json: loss is" in text.stdout


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--rigorous"], "one output"),
        (["--lambda", 0.1], "lambda of their run"),
        (["--data", "targets.csv"], "folder of their run"),
    ],
)
def test_several_outputs_are_verified_as_their_run_has_them(
    lodestone, tables, outputs_runs, arguments, words
):
    folder, *_ = tables
    arguments = [folder / item if item == "targets.csv" else item for item in arguments]
    refused = lodestone("verify", outputs_runs["targets"], *arguments)
    assert refused.returncode == 2
    assert words in refused.stderr and refused.stderr.count("\n") == 1


def test_certify_is_of_one_output_and_says_so(lodestone, tables, tmp_path):
    folder, *_ = tables
    run = fitted(lodestone, folder / "targets.csv", 'heat,"cold, dry"', tmp_path)
    refused = lodestone("certify", run)
    assert refused.returncode == 2
    assert "outputs" in refused.stderr and refused.stderr.count("\n") == 1
