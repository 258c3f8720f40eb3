"""Real tables: test error and time beside the programs people would use, split by split."""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
from joblib import parallel_config
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from parts import ppr
from parts.common import (
    Unavailable,
    mean_and_error,
    print_table,
    read_numbers,
    require_r,
    say,
    standard_error,
    write_table,
)

PPR = {
    "ppr, up to 8 by CV": ppr.Settings("cv", 8, "supsmu"),
    "ppr, 16 terms": ppr.Settings(16, 16, "supsmu"),
}
ALPHAS = np.logspace(-4, 1, 6)


def rmse(predictions, target):
    return float(np.sqrt(np.mean((predictions - target) ** 2)))


def least_squares(train, test):
    """Predictions of ordinary least squares, and what else is worth knowing (nothing)."""

    def design(inputs):
        return np.column_stack([np.ones(len(inputs)), inputs])

    inputs, target = train
    coefficients = np.linalg.lstsq(design(inputs), target, rcond=None)[0]
    return design(test) @ coefficients, {}


def multilayer_perceptron(train, test, seed, threads):
    """scikit-learn's MLPRegressor as a careful user runs it: everything standardized, weight decay
    by 3-fold cross-validation, L-BFGS until it converges."""
    network = MLPRegressor(
        hidden_layer_sizes=(50,),
        activation="relu",
        solver="lbfgs",
        max_iter=5000,
        max_fun=1_000_000,
        random_state=seed,
    )
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), network), transformer=StandardScaler()
    )
    search = GridSearchCV(
        model,
        {"regressor__mlpregressor__alpha": ALPHAS},
        cv=KFold(3, shuffle=True, random_state=seed),
        scoring="neg_mean_squared_error",
        n_jobs=threads,
    )
    # Fits side by side, each on one thread: at these sizes BLAS has nothing to share out.
    with parallel_config("loky", inner_max_num_threads=1):
        search.fit(*train)
    alpha = search.best_params_["regressor__mlpregressor__alpha"]
    return search.predict(test), {"alpha": float(alpha), "features": 50}


def boosting(train, test, seed):
    """scikit-learn's histogram gradient boosting with its defaults."""
    model = HistGradientBoostingRegressor(random_state=seed)
    return model.fit(*train).predict(test), {}


def measure(method, *arguments):
    """Runs a peer in this process: its predictions, and its wall seconds with what else it says."""
    start = time.perf_counter()
    predictions, extra = method(*arguments)
    return predictions, {"seconds": time.perf_counter() - start, **extra}


def by_program(options, folder, target, train, test):
    """`lodestone fit` on the files of a split, each variant: {method: {rmse, seconds, features...}}."""
    results = {}
    for variant, flags in options.variants("lodestone"):
        out = folder / variant.replace(" ", "-")
        files = ["--data", folder / "train.csv", "--test", folder / "test.csv", "--target", target]
        summary, finished = options.lodestone("fit", *files, *flags, "--out", out)
        results[variant] = {
            "rmse": summary["test"]["rmse"],
            "seconds": finished.seconds,
            "features": summary["features"],
            "summary": summary,
        }
    return results


def one_split(options, folder, names, train, test, number, own, with_ppr):
    """Every method on one split: {method: {rmse, seconds, features...}}."""
    target = write_table(folder / "train.csv", *train, names)
    write_table(folder / "test.csv", *test, names)
    results = {}

    peers = {
        "least-squares": ("least squares", least_squares, ()),
        "mlp": ("MLPRegressor", multilayer_perceptron, (number, options.threads)),
        "boosting": ("gradient boosting", boosting, (number,)),
    }
    for key, (name, method, arguments) in peers.items():
        if options.wants(key):
            predictions, result = measure(method, train, test[0], *arguments)
            results[name] = {"rmse": rmse(predictions, test[1]), **result}
    if with_ppr:
        jobs = [(folder / "train.csv", folder / "test.csv", settings) for settings in PPR.values()]
        for name, fit in zip(PPR, ppr.fit_all(jobs, folder, options.threads)):
            results[name] = {
                "rmse": rmse(fit.predictions, test[1]),
                "seconds": fit.seconds,
                "features": fit.terms,
            }
    results.update(own(options, folder, target, train, test))
    return results


def report(table, splits):
    """Two tables: errors split by split, and means, times, ratios. Returns the means."""
    methods = list(splits[0])
    print_table(
        f"{table}: test RMSE split by split",
        ["split", *methods],
        [[i, *(f"{split[m]['rmse']:.3f}" for m in methods)] for i, split in enumerate(splits)],
    )
    means = {}
    for method in methods:
        errors = [split[method]["rmse"] for split in splits]
        seconds = [split[method]["seconds"] for split in splits]
        means[method] = {
            "rmse": float(np.mean(errors)),
            "rmse_standard_error": standard_error(errors),
            "seconds": float(np.mean(seconds)),
        }
        if "features" in splits[0][method]:
            means[method]["features"] = float(np.mean([s[method]["features"] for s in splits]))
        if "MLPRegressor" in methods:
            network = [split["MLPRegressor"] for split in splits]
            ratios = [peer["seconds"] / own for peer, own in zip(network, seconds)]
            means[method]["times_faster_than_mlp"] = float(np.exp(np.mean(np.log(ratios))))
            difference = [own - peer["rmse"] for peer, own in zip(network, errors)]
            means[method]["rmse_less_mlp"] = mean_and_error(difference)
    print_table(
        f"{table}: mean ± standard error over {len(splits)} splits; the difference is paired by"
        " split, the ratio of times is a geometric mean",
        [
            "method",
            "test RMSE",
            "less MLPRegressor's",
            "seconds",
            "MLP time / its time",
            "features",
        ],
        [
            [
                method,
                mean_and_error([split[method]["rmse"] for split in splits]),
                mean.get("rmse_less_mlp", ""),
                f"{mean['seconds']:.3f}",
                f"{mean['times_faster_than_mlp']:.2f}" if "times_faster_than_mlp" in mean else "",
                f"{mean['features']:.1f}" if "features" in mean else "",
            ]
            for method, mean in means.items()
        ],
    )
    return means


def run(options, own=by_program):
    """The measurement, with Lodestone's own fits by `own`; returns what is saved."""
    if not options.data_dir.is_dir():
        raise Unavailable(
            f"no folder {options.data_dir} with NAME.csv and NAME.splits.json;"
            " name it with --data-dir"
        )
    with_ppr = options.wants("ppr")
    try:
        if with_ppr:
            require_r()
    except Unavailable as missing:
        say(f"ppr: not measured: {missing}")
        with_ppr = False
    results = {}
    for file in sorted(options.data_dir.glob("*.splits.json")):
        table = file.name.removesuffix(".splits.json")
        names, rows = read_numbers(options.data_dir / f"{table}.csv")
        splits = json.loads(file.read_text())
        measurements = []
        for number, split in enumerate(splits[: options.splits]):
            say(f"{table}: split {number}")
            train, test = (
                (rows[part, :-1], rows[part, -1]) for part in (split["train"], split["test"])
            )
            with tempfile.TemporaryDirectory() as folder:
                measurements.append(
                    one_split(options, Path(folder), names, train, test, number, own, with_ppr)
                )
        means = report(table, measurements)
        results[table] = {"means": means, "splits": measurements}
    return results
