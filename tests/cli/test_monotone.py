"""Monotone predictions: `fit --increasing --decreasing`, what keeps the signs, and what is refused."""

import json

import numpy as np
import pytest
from conftest import read_json, write_csv

NAMES = ["area", "distance", "age", "price"]
DATA = ["--data", "houses.csv", "--target", "price", "--lambdas", 8, "--lambda-ratio", 0.01]
SIGNS = ["--increasing", "area", "--decreasing", "distance,age"]


def houses():
    """Rises in the area; falls and rises in the distance, which no monotone function does."""
    draw = np.random.default_rng(4)
    X = draw.normal(size=(90, 3))
    y = np.maximum(X[:, 0], 0.2) + np.abs(X[:, 1]) - 0.5 * X[:, 2] + 0.2 * draw.normal(size=90)
    return np.column_stack([X, y])


def signs_of(path):
    """Every product of amplitude and loading, and the linear part, with the wrong sign."""
    model = read_json(path)
    sign = [1, -1, -1]
    parts = [[f["amplitude"] * w for w in f["direction"]] for f in model["features"]]
    parts.append(model["affine"]["beta"])
    return [p * s for part in parts for p, s in zip(part, sign) if p * s < 0]


@pytest.fixture(scope="module")
def run(shared):
    write_csv(shared.folder / "houses.csv", houses(), NAMES)
    return shared.run_to("run", ["fit", *DATA, *SIGNS, "--relaxed", "always"])


def test_models_name_their_columns_and_keep_the_signs(run):
    for name in ("model.json", "network.json"):
        model = read_json(run / name)
        assert model["increasing"] == ["area"] and model["decreasing"] == ["distance", "age"]
        assert signs_of(run / name) == []
    gap = read_json(run / "summary.json")["certificate"]
    assert gap["kind"] == "estimated" and 0 <= gap["relative_gap"] <= 0.011


def test_select_keeps_the_signs(shared, run):
    shared.done("select", run, "--features", 1, "--out", "other.json")
    assert signs_of(shared.folder / "other.json") == []
    assert read_json(shared.folder / "other.json")["increasing"] == ["area"]


def test_verify_agrees_and_sees_a_wrong_sign(shared, run):
    assert "verified" in shared.done("verify", run).stdout
    model = read_json(run / "network.json")
    model["features"][0]["amplitude"] *= -1
    (shared.folder / "wrong.json").write_text(json.dumps(model))
    result = shared("verify", "wrong.json", "--data", "houses.csv", "--target", "price")
    assert result.returncode == 4 and "signs" in result.stdout


def test_predictions_on_a_grid_never_turn(shared, run):
    line = np.linspace(-5, 5, 60)
    points = np.zeros((60, 3))
    points[:, 1] = line
    write_csv(shared.folder / "line.csv", points, NAMES[:3])
    shared.done("predict", run, "line.csv", "--out", "line-predictions.csv")
    predicted = np.loadtxt(shared.folder / "line-predictions.csv", skiprows=1, delimiter=",", ndmin=2)
    assert np.diff(predicted[:, -1]).max() <= 1e-12


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--increasing", "areas"], "did you mean 'area'"),
        (["--increasing", "area", "--decreasing", "area"], "--increasing as well"),
        (["--increasing", "price"], "no input column"),
        (["--increasing", "area", "--standardize", "whiten"], "--standardize whiten mixes columns"),
        (["--increasing", "area", "--shape", "smooth"], "smooth"),
        (["--increasing", "area", "--rigorous"], "proofs"),
    ],
)
def test_what_cannot_be_is_refused(shared, run, flags, words):
    result = shared("fit", *DATA, *flags, "--out", "refused")
    assert result.returncode == 2
    assert words in result.stderr and result.stderr.count("\n") == 1


def test_text_has_no_order_but_its_columns_have(shared):
    draw = np.random.default_rng(2)
    lines = ["x,colour,y"]
    for x in draw.normal(size=60):
        colour = draw.choice(["red", "blue"])
        lines.append(f"{x},{colour},{x + (colour == 'red') + 0.1 * draw.normal()}")
    (shared.folder / "text.csv").write_text("\n".join(lines) + "\n")
    data = ["--data", "text.csv", "--target", "y", "--categories", "one-hot", *DATA[4:]]
    result = shared("fit", *data, "--increasing", "colour", "--out", "refused")
    assert result.returncode == 2 and "has no order" in result.stderr
    run = shared.run_to("colours", ["fit", *data, "--increasing", "colour=red"])
    assert read_json(run / "model.json")["increasing"] == ["colour=red"]


def test_several_targets_are_refused(shared, run):
    result = shared("fit", "--data", "houses.csv", "--target", "price,age", "--increasing", "area")
    assert result.returncode == 2 and "several outputs" in result.stderr
