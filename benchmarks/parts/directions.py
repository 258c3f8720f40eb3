"""Are the hidden directions found, and nothing else? Lodestone beside projection pursuit."""

import json
import tempfile
from pathlib import Path

import numpy as np

from parts import ppr
from parts.common import print_table, say, write_table
from parts.teachers import draw_rows, draw_teacher

D, K, ROWS = 10, 3, 2000
SETTINGS = [(orthonormal, noise) for orthonormal in (True, False) for noise in (0.0, 0.1)]
CLOSE = 0.99  # |cos| with a true direction from which a found one counts as it
STRAY = 0.02  # mass that all other directions together may hold

PPR = [
    ppr.Settings(K, max_terms, smoother)
    for smoother in ("supsmu", "gcvspline")
    for max_terms in (K, 8)
]


def judge(true, found, masses):
    """Compares found directions (features × d, any length) with true ones (k × d, unit rows).

    Returns the worst best |cos| over the true directions, the share of mass on directions that are
    not within CLOSE of any true one, and whether the fit succeeded.
    """
    if len(masses) == 0 or masses.sum() == 0:
        return {"worst_cosine": 0.0, "stray_mass": 1.0, "success": False}
    lengths = np.linalg.norm(found, axis=1)
    keep = (lengths > 0) & (masses > 0)
    cosines = np.abs(found[keep] @ true.T) / lengths[keep, None]
    stray = masses[keep][cosines.max(axis=1) <= CLOSE].sum() / masses.sum()
    worst = cosines.max(axis=0).min()
    return {
        "worst_cosine": float(worst),
        "stray_mass": float(stray),
        "success": bool(worst > CLOSE and stray <= STRAY),
    }


def model_directions(path):
    """Directions in original units and masses of a Lodestone model.

    The mass of a feature is |amplitude| · ‖(direction, bias)‖ in standardized inputs: what the
    penalty counts (docs/math.md, 3.1).
    """
    model = json.loads(Path(path).read_text())
    features = model["features"]
    if not features:
        return np.empty((0, len(model["columns"]))), np.empty(0)
    directions = np.array([feature["direction"] for feature in features])
    biases = np.array([feature["bias"] for feature in features])
    amplitudes = np.array([feature["amplitude"] for feature in features])
    standardization = model["standardization"]
    scaled = directions * np.array(standardization["scale"])
    shift = biases + directions @ np.array(standardization["center"])
    return directions, np.abs(amplitudes) * np.sqrt((scaled**2).sum(axis=1) + shift**2)


def name_of(orthonormal, noise):
    return f"{'orthonormal' if orthonormal else 'random'}, noise {noise:g}"


def summarize(fits):
    """One method in one setting: successes and what failed."""
    return {
        "successes": sum(fit["success"] for fit in fits),
        "fits": len(fits),
        "median_worst_cosine": float(np.median([fit["worst_cosine"] for fit in fits])),
        "median_stray_mass": float(np.median([fit["stray_mass"] for fit in fits])),
        "mean_features": float(np.mean([fit["features"] for fit in fits])),
        "median_seconds": float(np.median([fit["seconds"] for fit in fits])),
        "each": fits,
    }


def run(options):
    """The measurement; returns what is saved."""
    results = {"d": D, "k": K, "rows": ROWS, "close": CLOSE, "stray": STRAY, "settings": {}}
    lines = []
    for orthonormal, noise in SETTINGS:
        setting = name_of(orthonormal, noise)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            teachers = [draw_teacher(D, K, seed, orthonormal) for seed in range(options.seeds)]
            files = [folder / f"rows-{seed}.csv" for seed in range(options.seeds)]
            for seed, (teacher, file) in enumerate(zip(teachers, files)):
                write_table(file, *draw_rows(teacher, ROWS, noise, seed))

            methods = {}
            if options.wants("ppr"):
                say(f"directions: {setting}: ppr")
                jobs = [(file, None, settings) for settings in PPR for file in files]
                fits = iter(ppr.fit_all(jobs, folder, options.threads))
                for settings in PPR:
                    methods[str(settings)] = [
                        {
                            **judge(teacher.directions, fit.directions, fit.scales),
                            "features": fit.terms,
                            "seconds": fit.seconds,
                        }
                        for teacher, fit in zip(teachers, fits)
                    ]
            for variant, flags in options.variants("lodestone"):
                say(f"directions: {setting}: {variant}")
                methods[variant] = [
                    fit_lodestone(options, teacher, file, flags, folder / f"{variant}-{seed}")
                    for seed, (teacher, file) in enumerate(zip(teachers, files))
                ]
        results["settings"][setting] = {name: summarize(fits) for name, fits in methods.items()}
        for name, summary in results["settings"][setting].items():
            lines.append(
                [
                    setting,
                    name,
                    f"{summary['successes']} of {summary['fits']}",
                    f"{summary['median_worst_cosine']:.4f}",
                    f"{100 * summary['median_stray_mass']:.2f}",
                    f"{summary['mean_features']:.1f}",
                    f"{summary['median_seconds']:.2f}",
                ]
            )
    print_table(
        f"Hidden directions: d = {D}, k = {K}, n = {ROWS}, {options.seeds} teachers each. Success:"
        f" every true direction has |cos| > {CLOSE} with a found one, and all others together hold"
        f" at most {STRAY:.0%} of the mass",
        ["setting", "method", "success", "worst |cos|", "stray %", "features", "seconds"],
        lines,
    )
    return results


def fit_lodestone(options, teacher, file, flags, out):
    arguments = ["--data", file, "--target", "y", "--test-share", 0, *flags, "--out", out]
    summary, finished = options.lodestone("fit", *arguments)
    found, masses = model_directions(out / "model.json")
    return {
        **judge(teacher.directions, found, masses),
        "features": summary["features"],
        "seconds": finished.seconds,
    }
