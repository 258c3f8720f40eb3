"""Gaps along the path on real and drawn tables, and what a second search finds at the chosen λ.

Each table is fitted with the program's defaults. The gap of every λ down to the chosen one comes from
path.csv; the chosen network is searched again by `certify` with another seed. An estimated gap is a
lower bound, and the larger of the two counts. --before PROGRAM measures another program beside it, on
the same tables, without the second search.
"""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

from parts.common import Lodestone, print_table, read_numbers, read_path, say, write_table

# Rows, columns, hidden directions, noise as a share of the target's deviation.
DRAWN = [
    (200, 3, 2, 0.1),
    (300, 10, 3, 0.3),
    (500, 5, 2, 0.1),
    (500, 30, 3, 0.3),
    (1000, 8, 4, 0.1),
    (1000, 20, 2, 0.3),
    (2000, 10, 3, 0.1),
    (4000, 5, 3, 0.3),
    (5000, 20, 4, 0.1),
    (10000, 10, 3, 0.3),
]


def drawn(rows, columns, directions, noise, seed=0):
    """A table whose target depends on a few directions, smoothly and by kinks."""
    random = np.random.default_rng([rows, columns, seed])
    inputs = random.standard_normal((rows, columns))
    hidden = np.linalg.qr(random.standard_normal((columns, directions)))[0]
    parts = inputs @ hidden
    target = np.maximum(parts[:, 0] - 0.3, 0) + np.sin(parts[:, 1]) + parts.sum(1) * 0.2
    target += noise * target.std() * random.standard_normal(rows)
    return inputs, target


def with_categories(rows, kinds, seed):
    """Columns of numbers beside a column of text in 0/1 columns, one a value."""
    random = np.random.default_rng([rows, kinds, seed])
    numbers = random.standard_normal((rows, 4))
    kind = random.integers(kinds, size=rows)
    level = random.standard_normal(kinds)
    target = np.maximum(numbers[:, 0] + level[kind], 0) - np.maximum(numbers[:, 1] - 0.5, 0)
    target += 0.1 * target.std() * random.standard_normal(rows)
    return np.hstack([numbers, kind[:, None] == np.arange(kinds)]).astype(float), target


def tables(options):
    """(name, inputs, target) of every table; the real ones where their folder is."""
    for file in sorted(options.data_dir.glob("*.splits.json")):
        name = file.name.removesuffix(".splits.json")
        _, rows = read_numbers(options.data_dir / f"{name}.csv")
        yield name, rows[:, :-1], rows[:, -1]
    diabetes = load_diabetes()
    yield "diabetes", diabetes.data, diabetes.target
    for setting in DRAWN:
        yield f"drawn, noise {setting[3]}", *drawn(*setting)
    yield "one-hot, 6 kinds", *with_categories(800, 6, 0)
    yield "one-hot, 25 kinds", *with_categories(1500, 25, 1)


def measure(program, folder, data, target):
    """A default fit, and the largest gap above the chosen λ."""
    out = folder / "run"
    summary, finished = program(
        "fit", "--data", data, "--target", target, "--out", out, "--overwrite"
    )
    path = read_path(out)
    chosen = next(i for i, point in enumerate(path) if point["chosen"] == 1)
    certificate = summary["certificate"]
    return {
        "neurons": summary["neurons"],
        "features": summary["features"],
        "lambda": summary["lambda"],
        "gap": certificate["relative_gap"],
        "largest_gap_above": max((p["relative_gap"] for p in path[:chosen]), default=0.0),
        "starts": certificate.get("starts"),
        "unseen_share": certificate.get("unseen_share"),
        "ending": path[chosen].get("ending"),
        "seconds": finished.seconds,
    }


def run(options):
    results = []
    before = Lodestone(options.before, options.threads) if options.before else None
    for name, inputs, target in tables(options):
        say(name)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            column = write_table(folder / "table.csv", inputs, target)
            data = folder / "table.csv"
            own = measure(options.lodestone, folder, data, column)
            again, _ = options.lodestone(
                "certify", folder / "run", "--data", data, "--target", column, "--seed", "1"
            )
            own["second_gap"] = again["certificate"]["relative_gap"]
            result = {"table": name, "rows": len(target), "columns": inputs.shape[1], **own}
            if before:
                result["before"] = measure(before, folder, data, column)
            results.append(result)
    print_table(
        "Relative gaps at the chosen λ, the largest above it, and of a second search with another seed",
        ["table", "rows", "columns", "neurons", "gap", "above", "second", "unseen", "seconds"]
        + (["gap before", "above before", "seconds before"] if before else []),
        [
            [
                r["table"],
                r["rows"],
                r["columns"],
                r["neurons"],
                f"{r['gap']:.1e}",
                f"{r['largest_gap_above']:.1e}",
                f"{r['second_gap']:.1e}",
                f"{r['unseen_share']:.0%}",
                f"{r['seconds']:.1f}",
            ]
            + (
                [
                    f"{r['before']['gap']:.1e}",
                    f"{r['before']['largest_gap_above']:.1e}",
                    f"{r['before']['seconds']:.1f}",
                ]
                if before
                else []
            )
            for r in results
        ],
    )
    return {"tables": results}
