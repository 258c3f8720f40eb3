"""Coverage of `predict --interval 0.9`: 20 drawn problems, and real tables over their splits.

Drawn: d = 8, three hidden directions, 200 to 1000 training rows, noise of 0.1 to 1 of the target's
deviation, 5000 fresh rows. Coverage is the share of held-out targets between the ends.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from parts.common import mean_and_error, print_table, read_numbers, say, write_table
from parts.teachers import draw_rows, draw_teacher

LEVEL = 0.9
PROBLEMS, COLUMNS, DIRECTIONS, FRESH = 20, 8, 3, 5000
TABLES = ("yacht", "concrete")


def measured(options, train, test, folder):
    """Coverage and mean width, in deviations of the held-out target."""
    (inputs, target), (fresh, answers) = train, test
    name = write_table(folder / "train.csv", inputs, target)
    write_table(folder / "fresh.csv", fresh, answers)
    options.lodestone(
        "fit", "--data", folder / "train.csv", "--target", name, "--out", folder / "fit"
    )
    options.lodestone(
        "predict", folder / "fit", folder / "fresh.csv", "--interval", LEVEL,
        "--out", folder / "ends.csv",
    )
    _, ends = read_numbers(folder / "ends.csv")
    inside = (answers >= ends[:, 1]) & (answers <= ends[:, 2])
    width = (ends[:, 2] - ends[:, 1]).mean() / answers.std()
    return {"coverage": float(inside.mean()), "width": float(width)}


def drawn(options):
    results = []
    for seed in range(PROBLEMS):
        say(f"intervals: drawn problem {seed}")
        random = np.random.default_rng([seed, 17])
        teacher = draw_teacher(COLUMNS, DIRECTIONS, seed, orthonormal=False)
        rows = int(random.integers(200, 1001))
        noise = float(np.exp(random.uniform(np.log(0.1), 0)))
        train = draw_rows(teacher, rows, noise, seed)
        fresh = draw_rows(teacher, FRESH, noise, 1000 + seed)
        with tempfile.TemporaryDirectory() as folder:
            found = measured(options, train, fresh, Path(folder))
        results.append({"rows": rows, "noise": noise, **found})
    return results


def table(options, name):
    _, values = read_numbers(options.data_dir / f"{name}.csv")
    splits = json.loads((options.data_dir / f"{name}.splits.json").read_text())
    results = []
    for number, split in enumerate(splits[: options.splits]):
        say(f"intervals: {name}, split {number}")
        parts = [(values[split[part], :-1], values[split[part], -1]) for part in ("train", "test")]
        with tempfile.TemporaryDirectory() as folder:
            results.append(measured(options, *parts, Path(folder)))
    return results


def run(options):
    """The measurement; returns what is saved."""
    results = {"drawn": drawn(options)}
    if options.data_dir.is_dir():
        results.update({name: table(options, name) for name in TABLES})
    lines = [
        [
            name,
            len(of),
            mean_and_error([one["coverage"] for one in of]),
            f"{min(one['coverage'] for one in of):.3f}",
            f"{max(one['coverage'] for one in of):.3f}",
            f"{np.mean([one['width'] for one in of]):.2f}",
        ]
        for name, of in results.items()
    ]
    print_table(
        f"Coverage of {LEVEL:.0%} intervals",
        ["data", "fits", "coverage", "least", "most", "width / deviation"],
        lines,
    )
    return results
