"""Exact populations of r = 1 to 4 teachers: is the whole path proved to be near optimal?"""

import tempfile
from pathlib import Path

from parts.common import print_table, read_path, say

TEACHERS = [1, 2, 3, 4]
D = 10
CLAIM = 1e-4  # largest rigorous relative gap along a path
SEEDS = 5


def measure(options, flags, k, seed, out):
    """The path of one population: its largest rigorous relative gap, and what it cost."""
    teacher = f"random:d={D},k={k},r={k},min-angle=25,signs=mixed,seed={seed}"
    arguments = ["--teacher", teacher, "--rigorous", *flags, "--out", out]
    summary, finished = options.lodestone("fit", *arguments)
    path = read_path(out)
    return {
        "teachers": k,
        "seed": seed,
        "points": len(path),
        "rigorous": sum(point["kind"] == "rigorous" for point in path),
        "largest_relative_gap": max(point["relative_gap"] for point in path),
        "smallest_lambda": min(point["lambda"] for point in path),
        "features": summary["features"],
        "seconds": finished.seconds,
    }


def run(options):
    """The measurement; returns what is saved."""
    results = {"claim": CLAIM}
    for variant, flags in options.variants("lodestone"):
        results[variant] = []
        lines = []
        for k in TEACHERS:
            for seed in range(min(SEEDS, options.seeds)):
                say(f"global: {variant}: {k} teachers, seed {seed}")
                with tempfile.TemporaryDirectory() as folder:
                    fit = measure(options, flags, k, seed, Path(folder) / "fit")
                results[variant].append(fit)
                proved = fit["rigorous"] == fit["points"] and fit["largest_relative_gap"] <= CLAIM
                lines.append(
                    [
                        k,
                        seed,
                        f"{fit['rigorous']} of {fit['points']}",
                        f"{fit['largest_relative_gap']:.1e}",
                        f"{fit['smallest_lambda']:.1e}",
                        fit["features"],
                        "yes" if proved else "NO",
                        f"{fit['seconds']:.1f}",
                    ]
                )
        print_table(
            f"Global optimality, {variant}: exact populations in d = {D}, whole paths. Proved:"
            f" every point has a rigorous relative gap <= {CLAIM:g}",
            [
                "teachers",
                "seed",
                "rigorous points",
                "largest gap",
                "down to λ",
                "features",
                "proved",
                "seconds",
            ],
            lines,
        )
    return results
