"""What the tests of the Python package share. The command line it is compared with is named by the
environment variable LODESTONE."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import lodestone

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get(
    "LODESTONE", str(REPOSITORY / "build" / "release" / "apps" / "lodestone" / "lodestone")
)


def quick(**parameters):
    """A regressor with a few values of the weight decay: a tenth of a second."""
    return lodestone.LodestoneRegressor(
        **{"weight_decays": 6, "weight_decay_ratio": 0.02, **parameters}
    )


def ridge_rows(rows=60, columns=3, seed=0):
    """Rows whose target depends on one hidden direction and a linear part."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, columns))
    return X, np.maximum(0.0, X[:, 0] - 0.5 * X[:, 1]) + 0.3 * X[:, -1] + 2.0


def quick_classifier(**parameters):
    """The same for classes."""
    return lodestone.LodestoneClassifier(
        **{"weight_decays": 6, "weight_decay_ratio": 0.02, **parameters}
    )


def class_rows(rows=300, seed=0):
    """Rows of two classes, 0 and 1: the log of the odds depends on one hidden direction."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 4))
    scores = 4.0 * np.maximum(0.0, X[:, 0] - 0.5 * X[:, 1]) - 1.0 + 0.5 * X[:, 2]
    return X, (random.random(rows) < 1.0 / (1.0 + np.exp(-scores))).astype(int)


def count_rows(rows=300, seed=0):
    """Rows of counts, whose mean's log depends on one hidden direction."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 4))
    return X, random.poisson(np.exp(1.5 * np.maximum(0.0, X[:, 0] - 0.5 * X[:, 1]) - 0.5))


def command_line(*arguments, cwd):
    """Runs the program, which must succeed; its standard output."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def same_bits(first, second):
    """Whether two arrays hold the same numbers, to the last bit."""
    return np.array_equal(
        np.ascontiguousarray(first, dtype=np.float64).view(np.int64),
        np.ascontiguousarray(second, dtype=np.float64).view(np.int64),
    )


@pytest.fixture(scope="session")
def rows():
    return ridge_rows()


@pytest.fixture(scope="session")
def fitted(rows):
    return quick().fit(*rows)


@pytest.fixture(scope="session")
def teacher():
    return lodestone.Teacher.random(d=8, k=3, seed=1)


@pytest.fixture(scope="session")
def trained(teacher):
    return lodestone.train(teacher, width=40)


@pytest.fixture
def python_of_tests(monkeypatch):
    """The program asks this interpreter for what the package does."""
    monkeypatch.setenv("LODESTONE_PYTHON", sys.executable)
