#!/usr/bin/env python3
"""The measurements of docs/results.md: each prints one Markdown table.

    experiments/algorithm1.py recovery    every teacher recovered, for many seeds
    experiments/algorithm1.py teachers    a hundred random teachers of all shapes, to a small angle
    experiments/algorithm1.py widths      how the width that suffices depends on d and the loss
    experiments/algorithm1.py samples     test error from rows, with and without noise
    experiments/algorithm1.py schedules   fixed and zero weight decay against the decreasing one
    experiments/algorithm1.py resume      killed and resumed runs, and 1, 2, 3 threads, bit by bit
    experiments/algorithm1.py all

Needs the command line (./run build) and Python's standard library, nothing else.
"""

import csv
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LODESTONE = os.environ.get(
    "LODESTONE", str(Path(__file__).parent.parent / "build/release/apps/lodestone/lodestone")
)


def train(**options):
    """Runs `lodestone train` and returns its summary."""
    command = [LODESTONE, "train", "--json"]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode not in (0, 3):
        sys.exit(f"{' '.join(command)}\n{finished.stderr}")
    return json.loads(finished.stdout)


def teacher(d, k, r, seed, min_angle=25):
    return f"random:d={d},k={k},r={r},min-angle={min_angle},signs=mixed,seed={seed}"


def table(title, header, rows):
    print(f"\n**{title}**\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def recovered(summary):
    return summary["recovery"]["recovered"] == summary["recovery"]["teachers"]


def recovery():
    rows = []
    for d, k, r, width in ((20, 4, 4, 200), (20, 8, 5, 300), (200, 4, 4, 200)):
        runs = [
            train(teacher=teacher(d, k, r, seed), width=width, seed=seed, absolute_tolerance=1e-8)
            for seed in range(20)
        ]
        seconds = sorted(run["seconds"] for run in runs)
        rows.append(
            (
                d, k, r, width,
                f"{sum(map(recovered, runs))} of {len(runs)}",
                f"{max(run['loss'] for run in runs):.1e}",
                f"{max(t['angle_deg'] for run in runs for t in run['recovery']['per_teacher']):.4f}",
                f"{max(run['recovery']['mean_angle_deg'] for run in runs):.3f}",
                f"{min(run['steps'] for run in runs)} to {max(run['steps'] for run in runs)}",
                f"{seconds[len(seconds) // 2]:.1f}, {seconds[-1]:.1f}",
            )
        )
    table(
        "Populations, min-angle 25°, mixed signs, absolute tolerance 1e-8, seeds 0 to 19",
        ("d", "k", "r", "width", "all teachers recovered", "largest loss",
         "largest angle of an average neuron (°)", "largest mean angle (°)", "steps",
         "seconds: median, largest"),
        rows,
    )


def teachers():
    """k and r are drawn with the seed, so that easy and hard teachers come mixed."""

    def run(seed):
        draw = random.Random(seed)
        k = draw.randint(1, 6)
        r = draw.randint(min(2, k), k)
        return k, train(teacher=teacher(20, k, r, seed, min_angle=20), width=300, seed=seed,
                        absolute_tolerance=1e-9, epoch_tolerance=0.01, threads=1)

    seeds = range(5000, 5100)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as workers:
        runs = list(workers.map(run, seeds))
    rows = []
    for k in range(1, 7):
        of_k = [summary for drawn, summary in runs if drawn == k]
        good = [
            summary for summary in of_k
            if recovered(summary) and summary["loss"] <= 1e-9
            and summary["recovery"]["mean_angle_deg"] <= 0.1
        ]
        rows.append(
            (
                k,
                f"{len(good)} of {len(of_k)}",
                f"{max(summary['loss'] for summary in of_k):.1e}",
                f"{max(summary['recovery']['mean_angle_deg'] for summary in of_k):.3f}",
                f"{max(summary['recovery']['max_angle_deg'] for summary in of_k):.1f}",
                f"{max(summary['steps'] for summary in of_k)}",
                f"{max(summary['seconds'] for summary in of_k):.0f}",
            )
        )
    table(
        "Populations, d = 20, min-angle 20°, width 300, absolute tolerance 1e-9, epoch-tolerance 0.01, "
        "seeds 5000 to 5099",
        ("k", "recovered, loss <= 1e-9, mean angle <= 0.1°", "largest loss",
         "largest mean angle (°)", "largest angle of any neuron (°)", "most steps",
         "most seconds"),
        rows,
    )


def widths():
    widths_tried = (4, 8, 16, 32, 64)
    seeds = range(10)
    rows = []
    for tolerance in (1e-8, 1e-11):
        for d in (10, 50, 200):
            cells = []
            for width in widths_tried:
                runs = [
                    train(teacher=teacher(d, 4, 4, seed), width=width, seed=seed,
                          absolute_tolerance=tolerance)
                    for seed in seeds
                ]
                reached = sum(run["loss"] <= tolerance and recovered(run) for run in runs)
                cells.append(f"{reached}")
            rows.append((f"{tolerance:g}", d, *cells))
    table(
        "Runs of 10 that reach the loss with all teachers recovered (k = r = 4, min-angle 25°)",
        ("loss", "d", *(f"m = {width}" for width in widths_tried)),
        rows,
    )


def samples():
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for noise in (0, 0.3):
            for seed in range(3):
                out = Path(folder) / f"{noise}-{seed}"
                run = train(teacher=teacher(50, 5, 5, seed), samples=20000, noise=noise, seed=seed,
                            width=100, absolute_tolerance=1e-8, out=out)
                epochs = [
                    row for row in csv.DictReader(open(out / "history.csv"))
                    if row["validation_error"]
                ]
                best = min(epochs, key=lambda row: float(row["test_error"]))
                rows.append(
                    (
                        noise, seed,
                        f"{run['test']['relative_error']:.2e}",
                        f"{run['lambda']:.2e}",
                        f"{float(best['lambda']):.2e}",
                        f"{float(best['test_error']):.2e}",
                        f"{run['features']}",
                        f"{run['steps']}",
                        f"{run['seconds']:.0f}",
                    )
                )
    table(
        "Samples, d = 50, k = 5, n = 20,000, width 100: exact test error over the target's variance",
        ("noise", "seed", "test error of the model", "λ chosen by validation", "best λ of the path",
         "test error there", "features", "steps", "seconds"),
        rows,
    )


def schedules():
    rows = []
    for seed in range(3):
        common = dict(teacher=teacher(20, 4, 4, seed), width=200, seed=seed, absolute_tolerance=1e-8)
        halving = train(**common)
        budget = 5 * halving["steps"]
        start = halving["lambda_start"]
        cases = [("halving", halving)]
        for label, fixed in (("fixed at its first λ", start), ("fixed at its last λ", halving["lambda"])):
            cases.append(
                (label, train(**common, schedule="constant", lambda_start=fixed, max_steps=budget))
            )
        cases.append(
            ("λ = 0", train(**{**common, "absolute_tolerance": 0, "tolerance": 0}, schedule="none",
                            lambda_start=start, max_steps=budget))
        )
        for label, run in cases:
            found = run["recovery"]
            rows.append(
                (
                    seed, label, f"{run['lambda']:.1e}", run["steps"], f"{run['loss']:.1e}",
                    f"{found['matched']} of {found['teachers']}",
                    f"{found['recovered']} of {found['teachers']}",
                    f"{found['mean_angle_deg']:.3f}", f"{found['max_angle_deg']:.2f}",
                    f"{100 * found['far_mass']:.2f} %",
                )
            )
    table(
        "Same start (d = 20, k = 4, width 200), five times the halving run's steps for the others",
        ("seed", "schedule", "last λ", "steps", "loss", "matched", "recovered", "mean angle (°)",
         "max angle (°)", "mass further than 10°"),
        rows,
    )


def result_bits(folder):
    """Every file of a run without its times."""
    summary = json.loads((folder / "summary.json").read_text())
    for times in ("seconds", "threads"):
        summary.pop(times)
    history = [
        {name: value for name, value in row.items() if name != "seconds"}
        for row in csv.DictReader(open(folder / "history.csv"))
    ]
    return json.dumps([summary, history]), (folder / "model.json").read_bytes()


def resume():
    rows = []
    dice = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        cases = (
            ("population", ["--teacher", teacher(20, 6, 3, 0, 20), "--width", "300"]),
            ("sample", ["--teacher", teacher(20, 3, 3, 0), "--samples", "4000", "--width", "60"]),
        )
        for label, problem in cases:
            def command(out, *more):
                return [LODESTONE, "train", *problem, "--quiet", "--out", str(out), *more]

            whole = Path(folder) / f"{label}-whole"
            begin = time.time()
            subprocess.run(command(whole), check=True)
            duration = time.time() - begin
            expected = result_bits(whole)

            for threads in (1, 2, 3):
                out = Path(folder) / f"{label}-threads-{threads}"
                subprocess.run(command(out, "--threads", str(threads)), check=True)
                rows.append((label, f"{threads} threads",
                             "same bits" if result_bits(out) == expected else "DIFFERENT"))

            killed = Path(folder) / f"{label}-killed"
            kills = 0
            arguments = command(killed)
            while kills < 10:
                process = subprocess.Popen(arguments)
                try:
                    process.wait(timeout=dice.uniform(0.05, 0.35) * duration)
                    if (killed / "checkpoint").exists() or kills >= 10:
                        break
                    shutil.rmtree(killed)  # it came to its end: kill another run like it
                    arguments = command(killed)
                    continue
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    kills += 1
                if (killed / "config.toml").exists():
                    arguments = [LODESTONE, "train", "--quiet", "--resume", str(killed)]
            subprocess.run(arguments, check=True)
            rows.append((label, f"killed {kills} times and resumed",
                         "same bits" if result_bits(killed) == expected else "DIFFERENT"))
    table("Bits of summary, model and history (times left out)", ("run", "what was done", "result"),
          rows)


EXPERIMENTS = {
    "recovery": recovery,
    "teachers": teachers,
    "widths": widths,
    "samples": samples,
    "schedules": schedules,
    "resume": resume,
}

if __name__ == "__main__":
    wanted = sys.argv[1:] or ["help"]
    if wanted == ["all"]:
        wanted = list(EXPERIMENTS)
    if any(name not in EXPERIMENTS for name in wanted):
        sys.exit(__doc__.strip())
    for name in wanted:
        EXPERIMENTS[name]()
