"""What noise costs: the excess error of the refitted model beside two fits that are told the truth.

Errors are shares of the variance of the noiseless target f_*. A fit by least squares of p free
parameters to n rows costs about noise² p/n in excess error: the two references are that, measured.
"""

import tempfile
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from parts.common import mean_and_error, print_table, say
from parts.teachers import draw_rows, draw_teacher

D, K, ROWS, NOISE = 50, 5, 20_000, 0.3
FRESH = 100_000  # rows that errors are measured on
TEACHERS = 3


def affine_design(inputs):
    return np.column_stack([np.ones(len(inputs)), inputs])


def known_directions(teacher, inputs, target, fresh):
    """Least squares on 1, x, relu(w*_j·x): only d + 1 + k numbers are left to estimate."""

    def design(x):
        return np.column_stack([affine_design(x), np.maximum(x @ teacher.directions.T, 0)])

    coefficients = np.linalg.lstsq(design(inputs), target, rcond=None)[0]
    return design(fresh) @ coefficients, {"parameters": len(coefficients)}


def started_at_the_truth(teacher, inputs, target, fresh):
    """Nonlinear least squares in directions, amplitudes and affine part, started at the truth: the
    floor for anybody who has to estimate directions. A neuron is sign · relu(w·x), any length."""
    k, d = teacher.directions.shape
    signs = np.sign(teacher.amplitudes)
    design = affine_design(inputs)

    def unpack(parameters):
        return parameters[: k * d].reshape(k, d), parameters[k * d :]

    def half_mean_square(parameters):
        weights, affine = unpack(parameters)
        projections = inputs @ weights.T
        residual = np.maximum(projections, 0) @ signs + design @ affine - target
        backward = residual[:, None] * ((projections > 0) * signs)
        gradient = np.concatenate([(backward.T @ inputs).ravel(), design.T @ residual])
        return 0.5 * np.mean(residual**2), gradient / len(target)

    start = np.abs(teacher.amplitudes)[:, None] * teacher.directions
    found = minimize(
        half_mean_square,
        np.concatenate([start.ravel(), np.zeros(d + 1)]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "maxfun": 4000, "gtol": 1e-8, "ftol": 0.0, "maxcor": 30},
    )
    weights, affine = unpack(found.x)
    predictions = np.maximum(fresh @ weights.T, 0) @ signs + affine_design(fresh) @ affine
    return predictions, {
        "parameters": len(found.x),
        "gradient": float(np.abs(found.jac).max()),
    }


def lodestone_fit(options, flags, folder, seed):
    """Fits the rows in folder/train.npy, predicts those in folder/fresh.npy."""
    out = folder / "fit"
    arguments = ["--data", folder / "train.npy", "--target", D, "--test-share", 0, "--seed", seed]
    summary, finished = options.lodestone("fit", *arguments, *flags, "--out", out, "--overwrite")
    predictions = folder / "predictions.npy"
    options.lodestone("predict", out, folder / "fresh.npy", "--out", predictions, "--overwrite")
    return np.load(predictions).ravel(), {
        "features": summary["features"],
        "lambda": summary["lambda"],
        "seconds": finished.seconds,
    }


def one_teacher(options, seed, folder):
    """Every method on one teacher: {method: {excess, noisy, features...}}."""
    teacher = draw_teacher(D, K, seed, orthonormal=False)
    inputs, target = draw_rows(teacher, ROWS, NOISE, seed)
    fresh, noisy = draw_rows(teacher, FRESH, NOISE, 1000 + seed)
    truth = teacher(fresh)
    variance = teacher.deviation() ** 2
    np.save(folder / "train.npy", np.column_stack([inputs, target]))
    np.save(folder / "fresh.npy", fresh)

    fits = {}
    if options.wants("floor"):
        fits["least squares, directions known"] = known_directions(teacher, inputs, target, fresh)
        fits["least squares from the truth"] = started_at_the_truth(teacher, inputs, target, fresh)
    for variant, flags in options.variants("lodestone"):
        fits[variant] = lodestone_fit(options, flags, folder, seed)
    return {
        name: {
            "excess": float(np.mean((predictions - truth) ** 2) / variance),
            "noisy": float(np.mean((predictions - noisy) ** 2) / variance),
            **extra,
        }
        for name, (predictions, extra) in fits.items()
    }


def run(options):
    """The measurement; returns what is saved."""
    teachers = []
    for seed in range(min(options.seeds, TEACHERS)):
        say(f"noise: teacher {seed}")
        with tempfile.TemporaryDirectory() as folder:
            teachers.append(one_teacher(options, seed, Path(folder)))
    lines = []
    for name in teachers[0]:
        fits = [teacher[name] for teacher in teachers]
        lines.append(
            [
                name,
                ", ".join(str(fit["features"]) for fit in fits if "features" in fit) or K,
                mean_and_error([1e3 * fit["excess"] for fit in fits]),
                mean_and_error([fit["noisy"] for fit in fits], 5),
                f"{1e3 * NOISE**2 * fits[0]['parameters'] / ROWS:.3f}"
                if "parameters" in fits[0]
                else "",
                f"{np.mean([fit['seconds'] for fit in fits]):.1f}" if "seconds" in fits[0] else "",
            ]
        )
    print_table(
        f"Noise {NOISE:g} of the deviation: d = {D}, k = {K}, n = {ROWS}, {len(teachers)} teachers,"
        f" {FRESH} fresh rows; errors as shares of the variance of f_* (noise alone: {NOISE**2:g})",
        [
            "method",
            "features",
            "excess error, 1e-3",
            "error on noisy rows",
            "noise² p/n, 1e-3",
            "seconds",
        ],
        lines,
    )
    return {"d": D, "k": K, "rows": ROWS, "noise": NOISE, "teachers": teachers}
