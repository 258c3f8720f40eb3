"""The dual certificate of a teacher."""

import json
import math
import pickle

import numpy as np
import pytest
from conftest import command_line

import lodestone
from lodestone import Teacher


def test_it_is_what_the_command_line_says(tmp_path):
    found = lodestone.certificate(Teacher.random(d=6, k=3, seed=2))
    said = json.loads(command_line("certificate", "random:d=6,k=3,seed=2", "--json", cwd=tmp_path))
    for name, value in said.items():
        if name in ("command", "teacher", "function", "tried", "peaks"):
            continue
        got = getattr(found, name)
        assert (got.tolist() if isinstance(got, np.ndarray) else got) == value, name
    assert [vars(one) for one in found.tried] == said["tried"]
    assert [vars(one) for one in found.peaks] == said["peaks"]
    assert found.directions.tolist() == said["function"]["directions"]
    assert found.weights.tolist() == said["function"]["weights"]
    assert found.tangents.tolist() == said["function"]["tangents"]
    assert found.kind == "rigorous"


def test_eta_is_a_function_of_directions():
    teacher = Teacher.random(d=4, k=3, seed=5)
    found = lodestone.certificate(teacher)
    assert found.eta(teacher.directions) == pytest.approx(np.sign(teacher.amplitudes), abs=1e-9)
    U = np.random.default_rng(0).normal(size=(2000, 4))
    lengths = np.linalg.norm(U, axis=1)
    cosines = np.abs(U @ teacher.directions.T) / lengths[:, None]
    delta = np.arccos(np.minimum(1.0, cosines.max(axis=1)))
    assert np.all(np.abs(found.eta(U)) / lengths <= 1 - found.rho * delta**2 + 1e-12)
    with pytest.raises(ValueError, match="must have 4"):
        found.eta(U[:, :3])
    assert pickle.loads(pickle.dumps(found)) == found


def test_eta_is_an_expectation():
    """η(u) = E[p relu(u·x)], p of order 2 made of absolute values less their affine parts."""
    teacher = Teacher([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0])
    found = lodestone.certificate(teacher, order=2)
    assert np.abs(found.tangents).max() < 1e-9
    # In polar coordinates: E r = √(π/2), E r² = 2, and an integral over the circle.
    phi = (np.arange(20000) + 0.5) * 2 * math.pi / 20000
    circle = np.array([np.cos(phi), np.sin(phi)])
    for angle in (0.2, 0.9, 2.5):
        u = np.array([math.cos(angle), math.sin(angle)])
        relu = np.maximum(u @ circle, 0)
        expected = sum(
            a * (relu * (np.abs(d @ circle) - 0.5)).mean()  # 1/√(2π) · E r = 1/2
            for a, d in zip(found.weights, found.directions)
        )
        assert found.eta(u[None])[0] == pytest.approx(expected, abs=1e-6)


def test_there_may_be_none():
    close = Teacher([[1.0, 0.0], [1.0, 3e-4]], [1.0, -1.0])
    found = lodestone.certificate(close)
    assert not found.found and math.isnan(found.rho) and "parallel" in found.reason
    with pytest.raises(ValueError, match="there is no certificate"):
        found.eta([[1.0, 0.0]])


def test_unusable_arguments_are_refused():
    teacher = Teacher.random(d=3, k=2)
    with pytest.raises(TypeError, match="Teacher"):
        lodestone.certificate("random:d=3,k=2")
    with pytest.raises(ValueError, match="order"):
        lodestone.certificate(teacher, order=5)
    with pytest.raises(ValueError, match="max_cells"):
        lodestone.certificate(teacher, max_cells=0)
