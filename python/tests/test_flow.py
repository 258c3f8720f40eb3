"""Gradient flow against another integrator, and against the command line."""

import json

import numpy as np
import pytest
from conftest import command_line
from scipy.integrate import solve_ivp

import lodestone
from lodestone import Network, PopulationObjective, SampleObjective, Teacher

TEACHER = Teacher.random(d=3, k=2, seed=4)


def solved(objective, result, times, weight_decay):
    """The same flow by LSODA, which switches to an implicit method where it is stiff."""
    m, d = result.W.shape[1:]

    def slope(_, theta):
        a, W = theta[:m], theta[m:].reshape(m, d)
        found = objective.evaluate(Network(a, W))
        return -np.concatenate(
            [found.gradient_a + weight_decay * a, (found.gradient_W + weight_decay * W).ravel()]
        )

    start = np.concatenate([result.a[0], result.W[0].ravel()])
    solution = solve_ivp(
        slope, (0, times[-1]), start, method="LSODA", t_eval=times, rtol=1e-10, atol=1e-12
    )
    assert solution.success
    return solution.y[:m].T, solution.y[m:].T.reshape(-1, m, d)


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_it_is_the_flow_of_another_integrator(weight_decay):
    result = lodestone.flow(
        TEACHER, width=8, seed=1, weight_decay=weight_decay, time=200.0, tolerance=0,
        relative_tolerance=1e-10, absolute_tolerance=1e-12, records_per_decade=5,
    )
    objective = PopulationObjective(TEACHER)
    a, W = solved(objective, result, result.times, weight_decay)
    assert result.a == pytest.approx(a, abs=1e-6)
    assert result.W == pytest.approx(W, abs=1e-6)
    for i in (0, len(a) // 2, len(a) - 1):
        loss = objective.loss(Network(a[i], W[i]))
        assert result.history["loss"][i] == pytest.approx(loss, abs=1e-6)


def test_it_is_what_the_command_line_does(tmp_path):
    result = lodestone.flow(TEACHER, width=6, time=50.0, weight_decay=0.01)
    TEACHER.write(tmp_path / "teacher.json")
    said = json.loads(
        command_line(
            *["flow", "teacher.json", "--width", 6, "--time", 50, "--lambda", 0.01, "--json"],
            *["--out", "run"],
            cwd=tmp_path,
        )
    )
    for name, value in said.items():
        if name in ("lodestone", "command", "source", "threads", "backend", "seconds", "recovery"):
            continue
        assert getattr(result, "weight_decay" if name == "lambda" else name) == value, name
    order = np.load(tmp_path / "run/order.npz")
    assert np.array_equal(order["W"], result.W) and np.array_equal(order["a"], result.a)
    assert order["Q"] == pytest.approx(result.Q, abs=1e-14)
    assert order["M"] == pytest.approx(result.M, abs=1e-14)
    assert order["mass"] == pytest.approx(result.masses, abs=1e-14)


def test_it_starts_from_a_network_and_stops_when_asked():
    start = Network(np.array([0.3, -0.2]), np.array([[1.0, 0, 0], [0, 1.0, 0.5]]))
    seen = []
    result = lodestone.flow(
        TEACHER, init=start, time=100.0, callback=lambda row: seen.append(row["time"]) or len(seen) > 6
    )
    assert result.status == "interrupted"
    assert np.array_equal(result.a[0], start.a) and np.array_equal(result.W[0], start.W)
    assert result.times[: len(seen)].tolist() == seen
    assert result.network.W.shape == (2, 3)


def test_rows_have_a_flow_too():
    result = lodestone.flow(
        TEACHER, samples=80, noise=0.1, seed=3, width=6, time=10.0, relative_tolerance=1e-6
    )
    X, y = TEACHER.sample(80, noise=0.1, seed=3)
    objective = SampleObjective(X, y)
    assert result.loss == pytest.approx(objective.loss(result.network), rel=1e-9)
    assert result.energy_error < 1e-4


def test_unusable_arguments_are_refused():
    with pytest.raises(TypeError, match="Teacher"):
        lodestone.flow("random:d=3,k=2")
    with pytest.raises(ValueError, match="width"):
        lodestone.flow(TEACHER, width=3)
    with pytest.raises(ValueError, match="init"):
        lodestone.flow(TEACHER, init=Network([1.0], [[1.0, 0.0]]))
    with pytest.raises(ValueError, match="biases"):
        lodestone.flow(TEACHER, init=Network([1.0], [[1.0, 0.0, 0.0]], [0.5]))
