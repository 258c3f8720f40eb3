"""Tables with more columns than rows: three directions in 10 of 2,000 columns, n = 300 rows, beside the
lasso and a network of one hidden layer, both with cross-validated penalties.

x ~ N(0, I); the target is Σ a_j relu(w_j·x) + noise of a tenth of its deviation, w_j in the span of the
first ten columns. Errors are on 2,000 other rows, as shares of the target's variance. `within ten` is the
share of the squared directions that lies in the ten columns, weighted as features are by what they explain
and for the lasso by its coefficients; 0.005 is that of a random direction.
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LassoCV
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor

from parts.common import mean_and_error, print_table, say, write_table

ROWS, COLUMNS, USED, TEST_ROWS = 300, 2000, 10, 2000
AMPLITUDES = np.array([2.0, -1.5, 1.0])
NOISE = 0.1
MOST_SEEDS = 5


def problem(seed):
    random = np.random.default_rng(seed)
    W = random.standard_normal((3, USED))
    W /= np.linalg.norm(W, axis=1)[:, None]

    def rows(count):
        X = random.standard_normal((count, COLUMNS))
        clean = np.maximum(X[:, :USED] @ W.T, 0) @ AMPLITUDES
        return X, clean + NOISE * clean.std() * random.standard_normal(count)

    return rows(ROWS), rows(TEST_ROWS)


def share_within(directions, weights):
    """Of the squared length of directions (a row each), weighted: that of the columns used."""
    squares = np.atleast_2d(directions) ** 2
    lengths = squares.sum(axis=1)
    if not np.any(lengths * weights):
        return 0.0
    return float(np.average(squares[:, :USED].sum(axis=1) / lengths, weights=weights))


def of_lodestone(options, flags, training, test, folder):
    target = write_table(folder / "training.csv", *training)
    _, finished = options.lodestone("fit", "--data", folder / "training.csv", "--target", target,
                                    "--out", folder / "run", "--overwrite", *flags)
    model = json.loads((folder / "run/model.json").read_text())
    directions = np.array([feature["direction"] for feature in model["features"]])
    amplitudes = np.array([feature["amplitude"] for feature in model["features"]])
    biases = np.array([feature["bias"] for feature in model["features"]])
    X, y = test
    predictions = model["affine"]["alpha"] + X @ np.array(model["affine"]["beta"])
    within = 0.0
    if len(directions):
        predictions = predictions + np.maximum(X @ directions.T + biases, 0) @ amplitudes
        within = share_within(directions, np.abs(amplitudes) * np.linalg.norm(directions, axis=1))
    return measures(predictions, y, within, finished.seconds)


def of_peer(estimator, directions_of, training, test):
    began = time.perf_counter()
    estimator.fit(*training)
    seconds = time.perf_counter() - began
    X, y = test
    directions, weights = directions_of(estimator)
    return measures(estimator.predict(X), y, share_within(directions, weights), seconds)


def measures(predictions, y, within, seconds):
    return {
        "error": float(np.mean((y - predictions) ** 2) / y.var()),
        "within": within,
        "seconds": seconds,
    }


def of_lasso(lasso):
    return lasso.coef_, np.ones(1)


def of_network(search):
    first, last = search.best_estimator_.coefs_
    return first.T, np.abs(last[:, 0]) * np.linalg.norm(first, axis=0)


def run(options):
    """The measurement; returns what is saved."""
    results = {}
    for seed in range(min(options.seeds, MOST_SEEDS)):
        say(f"wide: seed {seed}")
        training, test = problem(seed)
        with tempfile.TemporaryDirectory() as folder:
            for name, flags in options.variants("lodestone"):
                one = of_lodestone(options, flags, training, test, Path(folder))
                results.setdefault(name, []).append(one)
        if options.wants("lasso"):
            one = of_peer(LassoCV(cv=5), of_lasso, training, test)
            results.setdefault("LassoCV", []).append(one)
        if options.wants("mlp"):
            network = MLPRegressor(
                hidden_layer_sizes=50, solver="lbfgs", max_iter=500, random_state=seed
            )
            search = GridSearchCV(network, {"alpha": 10.0 ** np.arange(-2, 4)}, cv=3)
            one = of_peer(search, of_network, training, test)
            results.setdefault("MLPRegressor, alpha by 3 folds", []).append(one)
    print_table(
        f"Three directions in {USED} of {COLUMNS} columns, {ROWS} rows",
        ["method", "tables", "error", "within ten", "seconds"],
        [
            [
                name,
                len(of),
                mean_and_error([one["error"] for one in of]),
                mean_and_error([one["within"] for one in of]),
                f"{np.mean([one['seconds'] for one in of]):.1f}",
            ]
            for name, of in results.items()
        ],
    )
    return results
