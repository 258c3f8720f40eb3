"""benchmarks/fit.py and speed.py: what their tables rest on. The programs it compares with are not needed here."""

import json
import sys

import numpy as np
import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
from parts.common import measured, print_table, save  # noqa: E402
from parts.directions import judge, model_directions  # noqa: E402
from parts.growth import exponent  # noqa: E402
from parts.peer import (  # noqa: E402
    population_data,
    population_numpy_step,
    sample_data,
    sample_numpy_step,
)
from parts.teachers import draw_rows, draw_teacher  # noqa: E402

TRUE = np.eye(4)[:2]


def test_a_fit_succeeds_up_to_sign_length_and_a_little_stray_mass():
    found = np.array([[-3.0, 0, 0, 0], [0, 0.5, 0.01, 0], [0, 0, 1, 0]])
    verdict = judge(TRUE, found, np.array([1.0, 1.0, 0.04]))
    assert verdict["success"]
    assert verdict["stray_mass"] == pytest.approx(0.04 / 2.04)
    assert not judge(TRUE, found, np.array([1.0, 1.0, 0.05]))["success"]


@pytest.mark.parametrize("found", [[[1.0, 0, 0, 0]], [[1, 0, 0, 0], [0, 1, 0.2, 0]]])
def test_a_fit_that_misses_a_direction_fails(found):
    assert not judge(TRUE, np.array(found), np.ones(len(found)))["success"]


def test_a_fit_without_features_fails():
    assert not judge(TRUE, np.empty((0, 4)), np.empty(0))["success"]


def test_masses_of_a_model_are_its_penalty(short_runs):
    # A model's directions have unit length in standardized inputs: its masses are |amplitudes|.
    for folder in short_runs.values():
        directions, masses = model_directions(folder / "model.json")
        features = json.loads((folder / "model.json").read_text())["features"]
        assert directions.shape[0] == len(features)
        np.testing.assert_allclose(masses, [abs(f["amplitude"]) for f in features], rtol=1e-9)


@pytest.mark.parametrize("orthonormal", [True, False])
def test_rows_have_the_deviation_and_the_noise_they_are_said_to_have(orthonormal):
    teacher = draw_teacher(5, 3, seed=0, orthonormal=orthonormal)
    overlap = teacher.directions @ teacher.directions.T - np.eye(3)
    assert np.abs(overlap).max() < (1e-12 if orthonormal else np.cos(np.radians(25)))
    # 200,000 rows: relative standard errors near 0.002; 0.015 fails by chance less than once in 1e9.
    inputs, target = draw_rows(teacher, 200_000, noise=0.5, seed=0)
    deviation = teacher.deviation()
    assert teacher(inputs).std() == pytest.approx(deviation, rel=0.015)
    assert (target - teacher(inputs)).std() == pytest.approx(0.5 * deviation, rel=0.015)


def test_exponent_of_a_power_law():
    sizes = np.array([1.0, 2.0, 4.0, 8.0])
    slope, error = exponent(sizes, 3.0 * sizes**1.5)
    assert slope == pytest.approx(1.5)
    assert error == pytest.approx(0.0, abs=1e-6)


def test_a_child_is_measured_alone():
    mib = 50
    script = f"import sys; data = bytearray({mib} << 20); print('done'); sys.exit(3)"
    small = measured([sys.executable, "-c", "pass"])
    large = measured([sys.executable, "-c", script])
    assert (large.status, large.stdout) == (3, "done\n")
    assert large.peak_mib - small.peak_mib == pytest.approx(mib, abs=5)


def test_results_are_json_and_parts_are_kept(tmp_path):
    path = tmp_path / "new" / "results.json"
    save(path, "one", {"value": np.float64(1.5), "missing": float("nan"), "list": np.arange(2)}, 1)
    save(path, "two", {"value": 2}, 1)
    saved = json.loads(path.read_text())
    assert saved["one"]["value"] == 1.5
    assert saved["one"]["missing"] is None
    assert saved["one"]["list"] == [0, 1]
    assert saved["two"]["value"] == 2


def test_tables_align_numbers_to_the_right(capsys):
    print_table("title", ["name", "value"], [["a", "1.50"], ["long name", "-12.25"]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["a            1.50", "long name  -12.25"]


def test_the_reference_of_peers_is_the_gradient_of_its_loss():
    X, y, a, W = sample_data((30, 4, 6), "float64")
    _, gradient_a, gradient_W = sample_numpy_step(X, y, a, W)
    shift_a, shift_W = np.cos(a), np.sin(W)
    step = 1e-6

    def loss(t):
        return sample_numpy_step(X, y, a + t * shift_a, W + t * shift_W)[0]

    slope = (loss(step) - loss(-step)) / (2 * step)
    assert slope == pytest.approx(gradient_a @ shift_a + (gradient_W * shift_W).sum(), rel=1e-6)


def test_the_population_reference_of_peers_is_the_gradient_of_its_loss():
    a, W, directions = population_data((6, 5, 2), "float64")
    _, gradient_a, gradient_W = population_numpy_step(a, W, directions)
    shift_a, shift_W = np.cos(a), np.sin(W)
    step = 1e-6

    def loss(t):
        return population_numpy_step(a + t * shift_a, W + t * shift_W, directions)[0]

    slope = (loss(step) - loss(-step)) / (2 * step)
    assert slope == pytest.approx(gradient_a @ shift_a + (gradient_W * shift_W).sum(), rel=1e-6)
