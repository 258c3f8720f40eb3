"""Predictions: a model read back gives what it gave in training, to the last bit."""

import itertools
import json
import math
import platform
from fractions import Fraction

import numpy as np
import pytest
from conftest import NAMES, read_json, ridge_table, write_csv

# Where the compiler may fuse a multiplication with an addition, the order alone does not fix bits.
EXACT = platform.machine() in ("x86_64", "AMD64")


def exact_prediction(model, row):
    """model.json's formula in rational numbers: its value, the sum of the sizes of all terms, and how many
    roundings any of them goes through at most."""
    x = [Fraction(entry) for entry in row]

    def affine(constant, weights):
        terms = [Fraction(constant), *(Fraction(w) * entry for w, entry in zip(weights, x))]
        return sum(terms), sum(map(abs, terms))

    value, size = affine(model["affine"]["alpha"], model["affine"]["beta"])
    for feature in model["features"]:
        inner, inner_size = affine(feature["bias"], feature["direction"])
        value += Fraction(feature["amplitude"]) * max(Fraction(0), inner)
        size += abs(Fraction(feature["amplitude"])) * inner_size
    return value, size, 2 * len(row) + len(model["features"]) + 8


@pytest.fixture(scope="module")
def trained(shared):
    """A model of three columns, the table it was trained on, and two test rows."""
    write_csv(shared.folder / "ridge.csv", ridge_table(rows=40), NAMES)
    run = shared.run_to(
        "ridge",
        ["train", "--data", "ridge.csv", "--target", "target", "--width", 20]
        + ["--test-share", 0.05, "--tolerance", 1e-3],
    )
    return shared, run, ridge_table(rows=40)


def predictions(text):
    return [float(line) for line in text.split()[1:]]


@pytest.fixture
def rows():
    return np.random.default_rng(5).normal(size=(30, 3))


def test_predictions_are_the_model_formula(lodestone, trained, rows):
    """Against exact arithmetic: no further from it than the roundings of the sums explain."""
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", rows, NAMES[:3])
    result = lodestone.done("predict", run, "rows.csv")
    assert result.stderr == ""
    assert result.stdout.splitlines()[0] == "target"
    model = read_json(run / "model.json")
    assert len(model["features"]) > 1
    for predicted, row in zip(predictions(result.stdout), rows.tolist()):
        value, size, terms = exact_prediction(model, row)
        assert abs(Fraction(predicted) - value) <= terms * Fraction(2.0**-53) * size


def test_model_read_back_has_the_test_error_of_its_training(trained):
    """Two rows were kept aside for the test; exactly one pair of the file's rows has its RMSE."""
    shared, run, table = trained
    test = read_json(run / "summary.json")["test"]
    assert test["rows"] == 2
    values = predictions(shared.done("predict", run, "ridge.csv").stdout)
    errors = [value - target for value, target in zip(values, table[:, 3].tolist())]
    pairs = [
        (i, j)
        for i, j in itertools.combinations(range(len(errors)), 2)
        if math.sqrt((errors[i] * errors[i] + errors[j] * errors[j]) / 2.0) == test["rmse"]
    ]
    assert len(pairs) == 1 or not EXACT
    if pairs:
        targets = table[list(pairs[0]), 3]
        deviation = np.std(targets)
        assert test["r2"] == pytest.approx(1.0 - (test["rmse"] / deviation) ** 2, rel=1e-12)


def test_model_may_be_its_file_or_its_folder(lodestone, trained, rows):
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", rows, NAMES[:3])
    by_folder = lodestone.done("predict", run, "rows.csv").stdout
    assert lodestone.done("predict", run / "model.json", "rows.csv").stdout == by_folder


def test_columns_are_found_by_name(lodestone, trained, rows):
    """In any order, among others."""
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", rows, NAMES[:3])
    shuffled = np.column_stack([rows[:, 2], np.ones(len(rows)), rows[:, 0], rows[:, 1]])
    write_csv(lodestone.folder / "shuffled.csv", shuffled, ["c", "other", "a", "b"], ";")
    expected = lodestone.done("predict", run, "rows.csv").stdout
    assert lodestone.done("predict", run, "shuffled.csv").stdout == expected


def test_every_format_gives_the_same_predictions(lodestone, trained, rows):
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", rows, NAMES[:3])
    np.save(lodestone.folder / "rows.npy", np.asfortranarray(rows))
    np.savez(lodestone.folder / "rows.npz", rows)
    text = (lodestone.folder / "rows.csv").read_text()
    expected = lodestone.done("predict", run, "rows.csv").stdout
    assert lodestone.done("predict", run, "rows.npy").stdout == expected
    assert lodestone.done("predict", run, "rows.npz").stdout == expected
    assert lodestone.done("predict", run, "-", input=text).stdout == expected


def test_output_may_be_csv_or_npy(lodestone, trained, rows):
    _, run, _ = trained
    np.save(lodestone.folder / "rows.npy", rows)
    text = lodestone.done("predict", run, "rows.npy").stdout
    result = lodestone.done("predict", run, "rows.npy", "--out", "out.csv")
    assert result.stdout == "" and "30 predictions" in result.stderr
    assert (lodestone.folder / "out.csv").read_text() == text
    lodestone.done("predict", run, "rows.npy", "--out", "out.npy", "--quiet")
    array = np.load(lodestone.folder / "out.npy")
    assert array.size == 30
    assert array.ravel().tolist() == predictions(text)


def test_predict_takes_a_config_file_and_json(lodestone, trained, rows):
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", rows, NAMES[:3])
    text = lodestone.done("predict", run, "rows.csv").stdout
    (lodestone.folder / "predict.toml").write_text('out = "out.csv"\njson = true\n')
    result = lodestone.done("predict", run, "rows.csv", "--config", "predict.toml")
    assert json.loads(result.stdout)["rows"] == 30
    assert result.stderr == ""
    assert (lodestone.folder / "out.csv").read_text() == text
    lodestone.refused("predict", run, "rows.csv", "--json", says=["--json", "--out"])


def test_error_is_told_where_the_target_is_known(lodestone, trained):
    shared, run, _ = trained
    result = lodestone.done("predict", run, shared.folder / "ridge.csv", "--out", "out.csv")
    assert "RMSE" in result.stderr and "R²" in result.stderr
    result = lodestone.done(
        "predict", run, shared.folder / "ridge.csv", "--out", "out.csv", "--overwrite", "--quiet"
    )
    assert result.stderr == ""


def test_error_of_a_single_row_is_a_number(lodestone, trained):
    """One row has no variance: no R² of minus infinity."""
    _, run, table = trained
    write_csv(lodestone.folder / "row.csv", table[:1], NAMES)
    result = lodestone.done("predict", run, "row.csv", "--out", "out.csv")
    assert "inf" not in result.stderr and "nan" not in result.stderr


def test_missing_column_is_named(lodestone, trained, rows):
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", rows[:, :2], ["a", "c"])
    lodestone.refused("predict", run, "rows.csv", says=["rows.csv", "'b'"])


def test_wrong_number_of_columns_is_refused(lodestone, trained, rows):
    _, run, _ = trained
    np.save(lodestone.folder / "rows.npy", rows[:, :2])
    lodestone.refused("predict", run, "rows.npy", says=["rows.npy", "2 columns", "3"])


def test_existing_output_is_kept(lodestone, trained, rows):
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", rows, NAMES[:3])
    (lodestone.folder / "out.csv").write_text("precious")
    flags = ["predict", run, "rows.csv", "--out", "out.csv"]
    lodestone.refused(*flags, says=["out.csv", "--overwrite"])
    lodestone.done(*flags, "--overwrite")
    assert (lodestone.folder / "out.csv").read_text().startswith("target\n")


def test_predictions_beyond_the_range_of_numbers_are_refused(lodestone, trained):
    """A row where the prediction overflows is named; nothing is written."""
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", [[0, 0, 0], [1.7e308, -1.7e308, 1.7e308]], NAMES[:3])
    lodestone.refused("predict", run, "rows.csv", "--out", "out.csv", says="row 1")


def edited(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    "damage, says",
    [
        (lambda text: text[: len(text) // 2], "model"),
        (lambda text: "", "model"),
        (lambda text: "[1, 2]", "not a Lodestone model"),
        (lambda text: '{"format": "other"}', "not a Lodestone model"),
        (lambda text: edited(text, '"version": 1', '"version": 99'), "99"),
        (lambda text: edited(text, '"alpha"', '"alhpa"'), "alpha"),
        (lambda text: edited(text, '"a",', ""), "damaged"),
    ],
    ids=["cut", "empty", "list", "other-json", "newer", "missing-key", "missing-column"],
)
def test_damaged_model_is_refused(lodestone, trained, rows, damage, says):
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", rows, NAMES[:3])
    (lodestone.folder / "model.json").write_text(damage((run / "model.json").read_text()))
    lodestone.refused("predict", "model.json", "rows.csv", says=["model.json", says])


@pytest.mark.parametrize(
    "model, data, says",
    [("absent.json", "rows.csv", "absent.json"), ("model.json", "absent.csv", "absent.csv")],
)
def test_missing_files_are_refused(lodestone, trained, rows, model, data, says):
    _, run, _ = trained
    write_csv(lodestone.folder / "rows.csv", rows, NAMES[:3])
    (lodestone.folder / "model.json").write_bytes((run / "model.json").read_bytes())
    lodestone.refused("predict", model, data, says=[says, "No such file"])


def test_folder_without_a_model_is_refused(lodestone):
    (lodestone.folder / "empty").mkdir()
    lodestone.refused("predict", "empty", "rows.csv", says=["empty/model.json", "No such file"])


def test_rows_far_outside_the_training_are_named(lodestone, trained, rows):
    _, run, table = trained
    lowest, highest = table[:, 1].min(), table[:, 1].max()
    inside = np.clip(rows, table[:, :3].min(axis=0), table[:, :3].max(axis=0))
    write_csv(lodestone.folder / "inside.csv", inside, NAMES[:3])
    assert lodestone.done("predict", run, "inside.csv").stderr == ""
    inside[4, 1] = highest + 0.6 * (highest - lowest)
    write_csv(lodestone.folder / "far.csv", inside, NAMES[:3])
    result = lodestone.done("predict", run, "far.csv")
    assert result.stderr.startswith(
        f"lodestone: warning: 1 of 30 rows lie far outside the rows of the training, most often in"
        f" '{NAMES[1]}' ("
    )
    assert result.stderr.count("\n") == 1
    assert len(predictions(result.stdout)) == 30
    result = lodestone.done("predict", run, "far.csv", "--out", "p.csv", "--json")
    assert len(json.loads(result.stdout)["warnings"]) == 1
