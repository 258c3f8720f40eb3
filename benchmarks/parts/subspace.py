"""Is the subspace of the hidden directions found? Lodestone beside those who look for it.

Six settings, d = 20 columns, r hidden directions. All methods are told r. A problem's directions,
rows and noise are drawn from (setting, r, rows, noise, problem), so that a problem is the same for
all methods and whatever else is measured. noise is that of the target, as a share of the deviation of
the noiseless target over the training rows. The error is that on 2,000 fresh rows without noise, as
a share of their variance.

What was measured is saved after each problem; a second call goes on from the file.
"""

import json
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import numpy as np

from parts import ppr
from parts.common import mean_and_error, print_table, require_r, save, say, standard_error
from parts.common import write_table

D, RANKS, NOISES, TEST_ROWS = 20, (2, 3), (0.0, 0.3), 2000
MIN_ANGLE = 25.0
SLICES = 10  # of sliced inverse regression and SAVE
MLP_ALPHAS = (0.01, 0.1, 1.0, 10.0)
MLP_WIDTH = 50
XRFM_REGULARIZATIONS = (1e-3, 0.1, 10.0)
ASKED = 0.8  # share of the cells


# The problems


def directions_apart(random, rank, d):
    """Unit directions (rank × d), every pair (up to sign) at least MIN_ANGLE degrees apart."""
    while True:
        W = random.standard_normal((rank, d))
        W /= np.linalg.norm(W, axis=1)[:, None]
        if np.abs(W @ W.T - np.eye(rank)).max() <= np.cos(np.radians(MIN_ANGLE)):
            return W


def signs(random, rank):
    """±1 by fair coins, both present."""
    while True:
        drawn = random.choice([-1.0, 1.0], size=rank)
        if abs(drawn.sum()) < rank:
            return drawn


def normal(random, rows):
    return random.standard_normal((rows, D))


def mixed(random, rows):
    """The first half of the columns 0 or 1 by fair coins, less their mean; the others normal."""
    binary = random.integers(0, 2, (rows, D // 2)) - 0.5
    return np.column_stack([binary, random.standard_normal((rows, D - D // 2))])


def heavy(random, rows):
    return random.standard_t(3, (rows, D))


def relus(u, a):
    return np.maximum(u, 0) @ a


def sines(u, a):
    return np.sin(2 * u) @ a


def squares(u, a):
    return (u**2).sum(axis=1)


def product(u, a):
    """u_1 u_2, and u_3 where there are three."""
    return u[:, 0] * u[:, 1] + u[:, 2:].sum(axis=1)


SETTINGS = {
    "relu": (normal, relus),
    "sine": (normal, sines),
    "square": (normal, squares),
    "product": (normal, product),
    "mixed": (mixed, relus),
    "heavy": (heavy, relus),
}


class Problem:
    """One drawn problem: true directions, rows with noise, fresh rows without."""

    def __init__(self, setting, rank, rows, noise, number):
        inputs_of, target_of = SETTINGS[setting]
        code = zlib.crc32(f"{setting} {rank} {rows} {noise:g}".encode())
        random = np.random.default_rng([code, number])
        self.number = number
        self.rank = rank
        self.directions = directions_apart(random, rank, D)
        amplitudes = signs(random, rank)
        self.X = inputs_of(random, rows)
        clean = target_of(self.X @ self.directions.T, amplitudes)
        self.y = clean + noise * clean.std() * random.standard_normal(rows)
        self.test_X = inputs_of(random, TEST_ROWS)
        self.test_y = target_of(self.test_X @ self.directions.T, amplitudes)


def largest_angle_deg(found, true):
    """Largest principal angle between the spans of two sets of r directions (a row each); 90 degrees
    where those found span less."""
    if len(found) < len(true) or np.linalg.matrix_rank(found) < len(true):
        return 90.0
    P, Q = (np.linalg.qr(rows.T)[0] for rows in (found, true))
    sine = np.linalg.norm(Q - P @ (P.T @ Q), ord=2)
    return float(np.degrees(np.arcsin(min(sine, 1.0))))


def error(predictions, target):
    return float(np.mean((predictions - target) ** 2) / target.var())


# The methods: (directions found, in the inputs' own units, a row each; predictions or None)


def leading(matrix, rank, scale):
    """The leading eigenvectors of a mean outer product of gradients in standardized columns, as
    directions in the columns' own units."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors[:, np.argsort(-values)[:rank]].T / scale


def with_lodestone(**options):
    def method(problem):
        from lodestone import LodestoneRegressor

        model = LodestoneRegressor(**options).fit(problem.X, problem.y)
        axes = np.asarray(model.subspace())[: problem.rank, 2:]
        return axes / model.model_.scale, model.predict(problem.test_X)

    return method


def standardized(problem):
    center, scale = problem.X.mean(axis=0), problem.X.std(axis=0)
    return (problem.X - center) / scale, (problem.test_X - center) / scale, scale


def with_mlp(problem):
    """MLPRegressor on standardized rows, weight decay by 3-fold cross-validation."""
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.neural_network import MLPRegressor

    X, test_X, scale = standardized(problem)
    mean, deviation = problem.y.mean(), problem.y.std()
    network = MLPRegressor(
        hidden_layer_sizes=MLP_WIDTH,
        solver="lbfgs",
        max_iter=500,
        max_fun=1_000_000,
        random_state=problem.number,
    )
    folds = KFold(3, shuffle=True, random_state=problem.number)
    search = GridSearchCV(
        network, {"alpha": MLP_ALPHAS}, cv=folds, scoring="neg_mean_squared_error"
    )
    search.fit(X, (problem.y - mean) / deviation)
    found = search.best_estimator_
    first, last = found.coefs_
    on = X @ first + found.intercepts_[0] > 0
    gradients = (on * last[:, 0]) @ first.T
    return leading(gradients.T @ gradients, problem.rank, scale), (
        mean + deviation * search.predict(test_X)
    )


def with_xrfm(problem):
    """xRFM with its default kernel on standardized rows; a fifth of the rows chooses iteration and
    regularization."""
    import torch
    from xrfm import xRFM

    torch.set_num_threads(1)
    X, test_X, scale = standardized(problem)
    mean, deviation = problem.y.mean(), problem.y.std()
    y = (problem.y - mean) / deviation
    held = np.random.default_rng(problem.number).permutation(len(y)) < len(y) // 5
    train, validation = (
        [torch.tensor(part, dtype=torch.float32) for part in (X[of], y[of, None])]
        for of in (~held, held)
    )
    best, least = None, np.inf
    for regularization in XRFM_REGULARIZATIONS:
        model = xRFM(
            rfm_params=xrfm_defaults(regularization), device=torch.device("cpu"),
            tuning_metric="mse", random_state=problem.number, n_threads=1, verbose=False,
        )
        model.fit(*train, *validation)
        predicted = np.asarray(model.predict(validation[0])).ravel()
        loss = np.mean((predicted - y[held]) ** 2)
        if loss < least:
            best, least = model, loss
    (agop,) = best.collect_best_agops()
    predicted = np.asarray(best.predict(torch.tensor(test_X, dtype=torch.float32))).ravel()
    return leading(agop.numpy().astype(float), problem.rank, scale), mean + deviation * predicted


def xrfm_defaults(regularization):
    """What xRFM does without rfm_params, but for the regularization."""
    return {
        "model": {
            "kernel": "l2_high_dim", "exponent": 1.0, "bandwidth": 10.0, "diag": False,
            "bandwidth_mode": "constant",
        },
        "fit": {
            "get_agop_best_model": True, "return_best_params": True, "reg": regularization,
            "iters": 5, "early_stop_rfm": False, "verbose": False,
        },
    }


def with_statsmodels(name, **options):
    """SIR, SAVE or PHD. A slice of statsmodels is said by its rows."""

    def method(problem):
        from statsmodels.regression import dimred

        kind = getattr(dimred, name)
        own = {
            key: len(problem.y) // SLICES if key == "slice_n" else value
            for key, value in options.items()
        }
        parameters = np.asarray(kind(problem.y, problem.X).fit(**own).params)
        return parameters[:, : problem.rank].T.real, None

    return method


def with_ppr(problem):
    """R's ppr with r terms after 8, its other options at their defaults."""
    with tempfile.TemporaryDirectory() as folder:
        train, test = Path(folder) / "train.csv", Path(folder) / "test.csv"
        write_table(train, problem.X, problem.y)
        write_table(test, problem.test_X, problem.test_y)
        settings = ppr.Settings(problem.rank, 8, "supsmu")
        (fit,) = ppr.fit_all([(train, test, settings)], folder, 1)
    return fit.directions, fit.predictions, fit.seconds


METHODS = {
    "lodestone": with_lodestone(),
    "xrfm": with_xrfm,
    "sir": with_statsmodels("SlicedInverseReg", slice_n=SLICES),
    "save": with_statsmodels("SlicedAverageVarianceEstimation", slice_n=SLICES),
    "phd": with_statsmodels("PrincipalHessianDirections", resid=True),
    "ppr": with_ppr,
    "mlp": with_mlp,
}
# Measured where --methods names them; no part of the verdict.
VARIANTS = {
    "lodestone-smooth": with_lodestone(shape="smooth"),
    "lodestone-auto": with_lodestone(shape="auto"),
    "lodestone-penalized": with_lodestone(relaxed="never"),
    "lodestone-refit": with_lodestone(relaxed="always"),
}


def measured(method, problem):
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of networks that reach max_iter
        found, predictions, *seconds = method(problem)
    seconds = seconds[0] if seconds else time.perf_counter() - start
    return {
        "angle": largest_angle_deg(found, problem.directions),
        "error": None if predictions is None else error(predictions, problem.test_y),
        "seconds": seconds,
    }


def available(names):
    """The methods of these names that can run here; says which cannot."""
    needs = {"xrfm": "xrfm", "sir": "statsmodels", "save": "statsmodels", "phd": "statsmodels"}
    ready = []
    for name in names:
        try:
            if name == "ppr":
                require_r()
            package = "lodestone" if name.startswith("lodestone") else needs.get(name)
            if package:
                __import__(package)
            ready.append(name)
        except Exception as missing:  # noqa: BLE001 - packages fail to load in many ways
            say(f"{name}: not measured: {missing}")
    return ready


# The tables


def verdict(angles):
    """Of a cell's angles {method: [one a problem]}: the method that is first, and whether Lodestone
    is it or within one standard error of the paired difference."""
    first = min(angles, key=lambda name: np.mean(angles[name]))
    difference = np.array(angles["lodestone"]) - np.array(angles[first])
    holds = first == "lodestone" or difference.mean() <= standard_error(difference)
    return first, bool(holds)


def report(results, cells, methods, most):
    """Prints angles, errors and seconds a cell, then the verdict; returns it."""
    lines, errors, verdicts = [], [], {}
    for cell in cells:
        each = results.get(key(*cell), {})
        of = {name: each.get(name, {}) for name in methods}
        problems = [
            one for one in map(str, range(most)) if all(one in of[name] for name in methods)
        ]
        if not problems:
            continue
        angles = {name: [by[one]["angle"] for one in problems] for name, by in of.items()}
        setting, rank, rows, noise = cell
        told = [setting, rank, rows, noise, len(problems)]
        judged = {name: angles[name] for name in angles if name not in VARIANTS}
        first, holds = verdict(judged) if "lodestone" in judged else ("", False)
        verdicts[key(*cell)] = {"first": first, "holds": holds, "problems": len(problems)}
        lines.append(
            told
            + [_mean(angles[name]) for name in methods]
            + [first, "yes" if holds else "no"]
        )
        errors.append(told + [_errors_and_seconds(of[name], problems) for name in methods])
    where = ["setting", "r", "rows", "noise", "problems"]
    print_table(
        "Largest principal angle in degrees, mean ± standard error; first: the least mean; holds:"
        " lodestone is first or within one standard error of the paired difference (of one problem:"
        " is first)",
        [*where, *methods, "first", "holds"],
        lines,
    )
    print_table(
        "Error on fresh rows as a share of the variance, mean; seconds, mean",
        [*where, *methods],
        errors,
    )
    if "lodestone" not in methods:
        return {}
    held = sum(one["holds"] for one in verdicts.values())
    print(
        f"\nlodestone is first or within one standard error in {held} of {len(verdicts)} cells"
        f" (asked: {ASKED:.0%})"
    )
    return verdicts


def _mean(angles):
    """With its standard error where there is one."""
    return mean_and_error(angles, 2) if len(angles) > 1 else f"{angles[0]:.2f}"


def _errors_and_seconds(by, problems):
    seconds = np.mean([by[one]["seconds"] for one in problems])
    shares = [by[one]["error"] for one in problems]
    told = "" if None in shares else f"{np.mean(shares):.2g}, "
    return f"{told}{seconds:.2g} s"


def key(setting, rank, rows, noise):
    return f"{setting}, r {rank}, rows {rows}, noise {noise:g}"


def run(options):
    """The measurement; returns what is saved."""
    out = Path(options.out)
    saved = json.loads(out.read_text()).get("subspace", {}) if out.exists() else {}
    results = saved.get("results", {})
    every = {**METHODS, **VARIANTS}
    methods = available([name for name in every if name in (options.only or METHODS)])
    if any(name.startswith("lodestone") for name in methods):
        import lodestone

        lodestone.set_threads(options.threads)
    cells = [
        (setting, rank, rows, noise)
        for rows in options.rows
        for setting in options.settings or SETTINGS
        for rank in RANKS
        for noise in NOISES
    ]
    for rows in options.rows:
        for number in range(options.problems):
            for cell in (one for one in cells if one[2] == rows):
                by_method = results.setdefault(key(*cell), {})
                problem = Problem(*cell, number)
                missing = [m for m in methods if str(number) not in by_method.get(m, {})]
                for name in missing:
                    one = measured(every[name], problem)
                    by_method.setdefault(name, {})[str(number)] = one
                if missing:
                    say(f"subspace: {key(*cell)}, problem {number}")
                    save(out, "subspace", {"results": results}, options.threads)
    return {"results": results, "verdicts": report(results, cells, methods, options.problems)}
