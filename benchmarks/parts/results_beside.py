"""Seconds to a result: training until the teachers are recovered, or until the test error is small."""

import csv
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from parts.common import BENCHMARKS, Unavailable, measured, read_path, say
from parts.teachers import draw_rows, draw_teacher

EPOCH_TOLERANCE = 0.05  # the program's default
ERROR = 1e-5
MOST_SECONDS = 300  # of a peer
MERGE_TOLERANCE = 1e-3
LAMBDAS = ["--lambdas", 18, "--lambda-ratio", 0.003]


def peer(method, folder, problem, options):
    """What a peer reports, or Unavailable."""
    (folder / "problem.json").write_text(json.dumps(problem))
    words = [sys.executable, BENCHMARKS / "parts/train_peer.py", method, folder, options.threads]
    finished = measured(words)
    if finished.status != 0:
        raise Unavailable((finished.stderr.strip().splitlines() or ["failed"])[-1])
    return json.loads(finished.stdout)


def recovery(options):
    """The population d = 20, k = 4, m = 200 to a loss of 1e-8: for each seed a line with every neuron to the
    end, as the peer does it, and one where neurons that have come together go on as one."""
    rows = []
    for seed in range(options.pairs):
        teacher = draw_teacher(20, 4, seed, orthonormal=False)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            teacher.save(folder / "teacher.json")
            runs = {}
            for name, merge_tolerance in (("Algorithm 1", 0), ("Algorithm 1, merging", MERGE_TOLERANCE)):
                ours, _ = options.lodestone(
                    "train", "--teacher", folder / "teacher.json", "--width", 200, "--absolute-tolerance", 1e-8,
                    "--seed", seed, "--merge-tolerance", merge_tolerance,
                )  # fmt: skip
                found = ours["recovery"]
                if not (ours["loss"] <= 1e-8 and found["recovered"] == found["teachers"]):
                    raise RuntimeError(f"seed {seed}, {name}: the program did not recover the teachers")
                runs[name] = ours
            problem = {
                "teacher": json.loads((folder / "teacher.json").read_text()),
                "width": 200,
                "seed": seed,
                "lambda_start": runs["Algorithm 1"]["lambda_start"],
                "tolerance": 1e-8,
                "epoch_tolerance": EPOCH_TOLERANCE,
            }
            theirs = peer("numpy", folder, problem, options)
            there = theirs["loss"] <= 1e-8 and theirs["angle"] <= 0.1
        for name, ours in runs.items():
            say(f"recovery, seed {seed}, {name}: {theirs['seconds'] / ours['seconds']:.1f}")
            rows.append({
                "case": f"recovery, seed {seed}", "lodestone": name, "beside": "numpy, every neuron",
                "lodestone_seconds": ours["seconds"], "peer_seconds": theirs["seconds"],
                "lodestone_steps": ours["steps"], "peer_steps": theirs["steps"],
                "reached": f"loss {ours['loss']:.1e}, {theirs['loss']:.1e}{'' if there else ' (not recovered)'}",
                "peer_reached": there,
                "ratio": theirs["seconds"] / ours["seconds"],
            })  # fmt: skip
    return rows


def test_error(options):
    """Rows n = 20,000, d = 50, k = 5 without noise to a test error of 1e-5 of the variance, width 100."""
    rows = []
    for seed in range(options.pairs):
        teacher = draw_teacher(50, 5, seed, orthonormal=False)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            for name, number in (("rows", 2 * seed), ("test", 2 * seed + 1)):
                np.save(folder / f"{name}.npy", np.column_stack(draw_rows(teacher, 20000, 0.0, number)))
            problem = {
                "width": 100, "seed": seed, "error": ERROR, "most_seconds": MOST_SECONDS,
                "epoch_tolerance": EPOCH_TOLERANCE,
            }  # fmt: skip
            trained = {kind: algorithm1(options, folder, seed, kind) for kind in ("float64", "float32")}
            fitted = {kind: fit(options, folder, seed, kind) for kind in ("float64", "float32")}
            problem["lambda_start"] = trained["float64"]["lambda_start"]
            problem["lambdas"] = fitted["float64"]["lambdas"]
            for ours, beside in (
                (trained["float64"], "torch float64"), (trained["float32"], "torch float32"),
                (fitted["float64"], "torch L-BFGS float64"), (fitted["float32"], "torch L-BFGS float32"),
            ):  # fmt: skip
                try:
                    theirs = peer(beside, folder, problem, options)
                except Unavailable as missing:
                    say(f"{beside}: not measured: {missing}")
                    continue
                there = theirs["error"] <= ERROR
                ratio = theirs["seconds"] / ours["seconds"]
                say(f"test error, seed {seed}, {beside}: {ratio:.1f}{'' if there else ' (not reached)'}")
                rows.append({
                    "case": f"test error, seed {seed}", "lodestone": ours["name"], "beside": beside,
                    "lodestone_seconds": ours["seconds"], "peer_seconds": theirs["seconds"],
                    "lodestone_steps": ours["steps"], "peer_steps": theirs["steps"],
                    "reached": f"error {ours['error']:.1e}, {theirs['error']:.1e}{'' if there else ' (given up)'}",
                    "peer_reached": there, "ratio": ratio,
                })  # fmt: skip
    return rows


def files(folder):
    """The rows as they are: for x ~ N(0, I) there is nothing to standardize, and teachers have no biases."""
    rows = ["--data", folder / "rows.npy", "--test", folder / "test.npy", "--target", 50]
    return [*rows, "--standardize", "none", "--biases", "off"]


def algorithm1(options, folder, seed, precision):
    """`lodestone train`: seconds at the end of the first epoch whose test error is small enough."""
    out = folder / f"train-{precision}"
    summary, _ = options.lodestone(
        "train", *files(folder), "--validation", folder / "test.npy", "--width", 100, "--seed", seed,
        "--absolute-tolerance", 0.1 * ERROR, "--precision", precision, "--out", out,
    )  # fmt: skip
    with open(out / "history.csv", newline="") as file:
        for line in csv.DictReader(file):
            if line["validation_error"] and float(line["validation_error"]) <= ERROR:
                return {
                    "name": f"train, {precision}", "seconds": float(line["seconds"]), "steps": int(line["step"]),
                    "error": float(line["validation_error"]), "lambda_start": summary["lambda_start"],
                }  # fmt: skip
    raise RuntimeError(f"seed {seed}: train ended at a test error of {summary['test']['relative_error']:.3g}")


def fit(options, folder, seed, precision):
    """`lodestone fit` down to the λ whose penalized solution has the error: all of its seconds, and the λ of
    its path but the first, where nothing pays."""
    out = folder / f"fit-{precision}"
    summary, _ = options.lodestone(
        "fit", *files(folder), "--validation", folder / "test.npy", "--seed", seed, *LAMBDAS,
        "--precision", precision, "--out", out,
    )  # fmt: skip
    error = summary["test"]["relative_error"]
    if error > ERROR:
        raise RuntimeError(f"seed {seed}: fit ended at a test error of {error:.3g}")
    lambdas = [line["lambda"] for line in read_path(out)][1:]
    return {
        "name": f"fit, {precision}", "seconds": summary["seconds"], "steps": "", "error": error, "lambdas": lambdas,
    }  # fmt: skip


def medians(rows):
    """A line for each pair of contenders: the median ratio, a lower bound where a peer did not get there."""
    lines = []
    for pair in sorted({(row["lodestone"], row["beside"]) for row in rows}):
        mine = [row for row in rows if (row["lodestone"], row["beside"]) == pair]
        reached = sum(row["peer_reached"] for row in mine)
        median = statistics.median(row["ratio"] for row in mine)
        sign = "" if reached == len(mine) else "at least "
        there = f"reached by the peer in {reached} of {len(mine)}"
        lines.append(f"{pair[0]} beside {pair[1]}: median {sign}{median:.2f}, {there}")
    return lines
