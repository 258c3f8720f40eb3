"""How time and memory of `lodestone fit` grow: one size at a time, the others at their middle."""

import tempfile
from pathlib import Path

import numpy as np

from parts.common import print_table, say
from parts.teachers import draw_rows, draw_teacher

MIDDLE = {"rows": 4000, "columns": 20, "features": 4, "lambdas": 40}
SERIES = {
    "rows": [1000, 2000, 4000, 8000, 16_000, 32_000],
    "columns": [5, 10, 20, 40, 80],
    "features": [1, 2, 4, 8, 16],
    "lambdas": [10, 20, 40, 80],
}
MEMORY = [2000, 20_000, 200_000]  # rows for the table of peak memory, MIDDLE columns
NOISE = 0.1
SEEDS = 3


def measure(options, flags, sizes, seed, folder):
    """One fit of a teacher of these sizes: seconds, peak MiB, MiB of the data in float64."""
    teacher = draw_teacher(
        sizes["columns"], sizes["features"], seed, orthonormal=False, min_angle=15
    )
    inputs, target = draw_rows(teacher, sizes["rows"], NOISE, seed)
    file = folder / "rows.npy"
    np.save(file, np.column_stack([inputs, target]))
    arguments = [
        "--data",
        file,
        "--target",
        sizes["columns"],
        "--test-share",
        0,
        "--lambdas",
        sizes["lambdas"],
    ]
    summary, finished = options.lodestone("fit", *arguments, *flags)
    return {
        **sizes,
        "seed": seed,
        "seconds": finished.seconds,
        "peak_mib": finished.peak_mib,
        "data_mib": 8 * (inputs.size + target.size) / 2**20,
        "found": summary["features"],
    }


def exponent(sizes, seconds):
    """Slope of log seconds over log size by least squares, with its standard error."""
    design = np.column_stack([np.ones(len(sizes)), np.log(sizes)])
    coefficients, squares, *_ = np.linalg.lstsq(design, np.log(seconds), rcond=None)
    if len(sizes) <= 2 or squares.size == 0:
        return float(coefficients[1]), float("nan")
    variance = squares[0] / (len(sizes) - 2)
    return float(coefficients[1]), float(np.sqrt(variance * np.linalg.inv(design.T @ design)[1, 1]))


def run(options):
    """The measurement; returns what is saved."""
    results = {}
    for variant, flags in options.variants("lodestone"):
        results[variant] = {"middle": MIDDLE, "series": {}, "exponents": {}, "memory": []}
        lines, slopes, memory = [], [], []
        with tempfile.TemporaryDirectory() as folder:
            for name, values in SERIES.items():
                runs = []
                for value in values:
                    say(f"growth: {variant}: {name} = {value}")
                    sizes = {**MIDDLE, name: value}
                    seeds = range(min(SEEDS, options.seeds))
                    fits = [measure(options, flags, sizes, seed, Path(folder)) for seed in seeds]
                    runs += fits
                    lines.append(
                        [
                            name,
                            value,
                            f"{np.median([fit['seconds'] for fit in fits]):.3f}",
                            f"{np.median([fit['peak_mib'] for fit in fits]):.1f}",
                            ", ".join(str(fit["found"]) for fit in fits),
                        ]
                    )
                slope = exponent([fit[name] for fit in runs], [fit["seconds"] for fit in runs])
                results[variant]["series"][name] = runs
                results[variant]["exponents"][name] = {
                    "exponent": slope[0],
                    "standard_error": slope[1],
                }
                slopes.append(
                    [name, f"{values[0]} to {values[-1]}", f"{slope[0]:.2f} ± {slope[1]:.2f}"]
                )
            for rows in MEMORY:
                say(f"growth: {variant}: memory, {rows} rows")
                fit = measure(options, flags, {**MIDDLE, "rows": rows}, 0, Path(folder))
                results[variant]["memory"].append(fit)
                ratio = fit["peak_mib"] / fit["data_mib"]
                memory.append(
                    [
                        rows,
                        f"{fit['data_mib']:.1f}",
                        f"{fit['peak_mib']:.1f}",
                        f"{ratio:.1f}",
                        f"{fit['seconds']:.2f}",
                    ]
                )
        middle = ", ".join(f"{value} {name}" for name, value in MIDDLE.items())
        print_table(
            f"Growth of {variant} around {middle}; medians over seeds",
            ["what grows", "to", "seconds", "peak MiB", "features found"],
            lines,
        )
        print_table(
            f"Growth of {variant}: exponents, seconds ~ size^exponent",
            ["size", "range", "exponent"],
            slopes,
        )
        print_table(
            f"Memory of {variant}: {MIDDLE['columns']} columns",
            ["rows", "data MiB", "peak MiB", "peak / data", "seconds"],
            memory,
        )
    return results
