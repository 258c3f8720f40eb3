"""What a call costs beyond the C++ function behind it: conversions, checks, results as arrays.

    PYTHONPATH=... python3 benchmarks/overhead.py

Wall time of a call from Python beside the time its C++ function took in the same call, medians over
repeated calls; one thread. Every result is verified before it is timed.
"""

import argparse
import statistics
import time

import numpy as np

import lodestone
from lodestone import _core


def measured(call, seconds):
    """Median wall time and median share beyond the library, of calls for about so many seconds."""
    walls, shares = [], []
    end = time.perf_counter() + seconds
    while len(walls) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        wall = time.perf_counter() - start
        walls.append(wall)
        shares.append(wall / _core._seconds_in_library() - 1.0)
    return statistics.median(walls), statistics.median(shares), len(walls)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=3.0, help="for each case [3]")
    options = options.parse_args()
    lodestone.set_threads(1)
    teacher = lodestone.Teacher.random(d=20, k=4, min_angle=25, seed=0)
    print(f"{'call':34} {'rows':>8} {'calls':>6} {'ms':>10} {'beyond C++':>11}")
    for rows in (10_000, 100_000):
        X, y = teacher.sample(rows, noise=0.1, seed=0)
        network = lodestone.Network(
            np.random.default_rng(0).normal(size=100), np.random.default_rng(1).normal(size=(100, 20))
        )
        objective = lodestone.SampleObjective(X, y)
        assert np.isclose(objective.evaluate(network).loss, objective.loss(network))
        model = network.to_model()
        assert np.allclose(model.predict(X[:9]), np.maximum(X[:9] @ network.W.T, 0) @ network.a)
        fitted = lodestone.LodestoneRegressor(weight_decay=0.05).fit(X, y)
        assert np.array_equal(fitted.predict(X[:9]), fitted.model_.predict(X[:9]))
        cases = {
            "SampleObjective.evaluate, 100 neurons": lambda: objective.evaluate(network),
            "SampleObjective.loss, 100 neurons": lambda: objective.loss(network),
            "Model.predict, 100 neurons": lambda: model.predict(X),
            f"Model.predict, {len(fitted.amplitudes_)} features": lambda: fitted.model_.predict(X),
            "LodestoneRegressor.predict": lambda: fitted.predict(X),
            "LodestoneRegressor.fit, one λ": lambda: lodestone.LodestoneRegressor(
                weight_decay=0.05
            ).fit(X, y),
        }
        for name, call in cases.items():
            wall, share, count = measured(call, options.seconds)
            print(f"{name:34} {rows:8} {count:6} {1e3 * wall:10.3f} {100 * share:10.2f}%")


if __name__ == "__main__":
    main()
