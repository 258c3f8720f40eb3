#!/usr/bin/env python3
"""Smooth ridge functions beside relus: `lodestone fit --shape relu`, `smooth` and `auto`.

    benchmarks/shapes.py [yacht] [concrete] [relu] [ridge]

yacht, concrete   tables of --data-dir: mean test RMSE over their splits
relu              drawn targets that are a few relus: how often `auto` keeps relus
ridge             drawn targets that are a few sines, squares and tanh: what smooth functions save

Numbers are tables on standard output. Needs numpy and the program.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from fit import limit_threads

HERE = Path(__file__).resolve().parent

SHAPES = ("relu", "smooth", "auto")
KINDS = {
    "sine": lambda np, t: np.sin(2.0 * t),
    "square": lambda np, t: t**2,
    "tanh": lambda np, t: np.tanh(2.0 * t),
    "relu": lambda np, t: np.maximum(t, 0.0),
}


def fitted(options, folder, shape, target):
    """summary.json of a fit of folder/train.csv, judged on folder/test.csv."""
    summary, finished = options.program(
        "fit", "--data", folder / "train.csv", "--test", folder / "test.csv", "--target", target,
        "--shape", shape,
    )
    model = summary["model"]["shape"]
    return {
        "rmse": summary["test"]["rmse"],
        "smooth": model == "smooth",
        "features": summary["features"],
        "seconds": finished.seconds,
    }


def lines_of(np, results):
    """A line a shape: mean RMSE ± standard error, features, how often smooth, seconds."""
    lines = []
    for shape, found in results.items():
        rmse = np.array([one["rmse"] for one in found])
        error = rmse.std(ddof=1) / np.sqrt(len(rmse)) if len(rmse) > 1 else float("nan")
        features = [one["features"] for one in found]
        lines.append(
            f"{shape:8} {rmse.mean():9.3f} ± {error:.3f}  "
            f"{np.median(features):6.0f} ({min(features)} to {max(features)})  "
            f"{sum(one['smooth'] for one in found):3} of {len(found):<3} "
            f"{np.median([one['seconds'] for one in found]):8.1f}"
        )
    return lines


HEAD = f"{'shape':8} {'test RMSE':>17}  {'features':>18}  {'smooth':>9} {'seconds':>9}"


def table(np, options, name):
    from parts.common import read_numbers, write_table

    names, values = read_numbers(options.data_dir / f"{name}.csv")
    splits = json.loads((options.data_dir / f"{name}.splits.json").read_text())[: options.splits]
    results = {shape: [] for shape in options.shapes}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for split in splits:
            train, test = values[split["train"]], values[split["test"]]
            target = write_table(folder / "train.csv", train[:, :-1], train[:, -1], names)
            write_table(folder / "test.csv", test[:, :-1], test[:, -1], names)
            for shape in options.shapes:
                results[shape].append(fitted(options, folder, shape, target))
    print(f"\n{name}, {len(splits)} splits\n{HEAD}", *lines_of(np, results), sep="\n", flush=True)


def drawn(np, options, kinds, seed):
    """(train, test without noise): 2 or 3 hidden directions in 10 columns, 500 or 1000 rows, noise of
    a fifth of the target's deviation."""
    stream = np.random.default_rng(seed)
    d, k = 10, 2 + seed % 2
    n = 500 if seed % 4 < 2 else 1000
    directions = stream.normal(size=(k, d))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    chosen = [kinds[(seed + i) % len(kinds)] for i in range(k)]
    offsets = stream.normal(size=k) * 0.5
    signs = stream.choice([-1.0, 1.0], size=k)

    def rows(count):
        X = stream.normal(size=(count, d))
        parts = [KINDS[kind](np, X @ u + b) for kind, u, b in zip(chosen, directions, offsets)]
        return X, sum(s * part / part.std() for s, part in zip(signs, parts))

    X, y = rows(n)
    y = y + 0.2 * y.std() * stream.normal(size=n)
    return (X, y), rows(2000)


def targets(np, options, name, kinds):
    from parts.common import write_table

    results = {shape: [] for shape in options.shapes}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for seed in range(options.seeds):
            train, test = drawn(np, options, kinds, seed)
            target = write_table(folder / "train.csv", *train)
            write_table(folder / "test.csv", *test)
            for shape in options.shapes:
                results[shape].append(fitted(options, folder, shape, target))
    print(f"\n{name}, {options.seeds} drawn targets\n{HEAD}", *lines_of(np, results), sep="\n")
    if {"relu", "smooth"} <= set(results):
        ratio = [s["rmse"] / r["rmse"] for s, r in zip(results["smooth"], results["relu"])]
        print(f"RMSE of smooth over relu: median {np.median(ratio):.2f}, "
              f"{min(ratio):.2f} to {max(ratio):.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="of the four above [all]")
    parser.add_argument(
        "--lodestone",
        metavar="FILE",
        default=os.environ.get("LODESTONE", HERE.parent / "build/release/apps/lodestone/lodestone"),
        help="the program [$LODESTONE, else build/release/apps/lodestone/lodestone]",
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        type=Path,
        default=HERE.parent.parent / "shared/data",
        help="folder of NAME.csv and NAME.splits.json [../shared/data]",
    )
    parser.add_argument("--splits", metavar="N", type=int, default=10, help="splits a table [10]")
    parser.add_argument("--threads", metavar="N", type=int, default=1, help="of the program [1]")
    parser.add_argument("--seeds", metavar="N", type=int, default=20, help="drawn targets [20]")
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=list(SHAPES),
                        metavar="SHAPE,...", help="shapes to measure [relu,smooth,auto]")
    options = parser.parse_args()
    limit_threads(options.threads)
    import numpy as np

    from parts.common import Lodestone, Unavailable

    options.program = Lodestone(options.lodestone, options.threads)
    try:
        options.program.require("fit")
    except Unavailable as missing:
        return str(missing)
    for part in options.parts or ["yacht", "concrete", "relu", "ridge"]:
        if part in ("yacht", "concrete"):
            table(np, options, part)
        elif part == "relu":
            targets(np, options, "sums of relus", ["relu"])
        elif part == "ridge":
            targets(np, options, "sums of sines, squares and tanh", ["sine", "square", "tanh"])
        else:
            return f"part: got {part!r}; must be yacht, concrete, relu or ridge"
    return 0


if __name__ == "__main__":
    sys.exit(main())
