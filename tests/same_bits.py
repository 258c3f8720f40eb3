#!/usr/bin/env python3
"""Do two builds of the program give the same bits?

    tests/same_bits.py BEFORE AFTER

Each program runs the same trainings, fits, certificates, predictions, exports, sweeps and experiments in a folder of
its own. Every file that they leave and every line that they print is compared; times and comments are
left out, and fields that --ignore names. The table tells for each command whether all is the same, or where the first
difference is. Exit status 1: something differs.
"""

import argparse
import csv
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TEACHER = "random:d=6,k=3,min-angle=25,seed=1"
TABLE = ["--data", "table.csv", "--target", "y"]
SHORT = ["--lambdas", "8", "--lambda-ratio", "0.02"]

# In this order: later ones read what earlier ones leave.
COMMANDS = {
    "table": f"sample --teacher {TEACHER} --samples 400 --noise 0.2 --out table.csv",
    "more": f"sample --teacher {TEACHER} --samples 50 --noise 0.2 --seed 7 --out more.csv",
    "train, population": f"train --teacher {TEACHER} --width 40 --seed 1 --out population",
    "train, rows": f"train --teacher {TEACHER} --samples 500 --noise 0.1 --width 30 --out rows",
    "train, float32": f"train --teacher {TEACHER} --samples 500 --width 30 --precision float32 --out rows32",
    "train, table": ["train", *TABLE, "--width", "20", "--test-share", "0.2", "--out", "trained"],
    "fit, table": ["fit", *TABLE, *SHORT, "--bootstrap", "5", "--test-share", "0.2", "--out", "fit"],
    "fit, whitened": ["fit", *TABLE, *SHORT, "--standardize", "whiten", "--out", "whitened"],
    "fit, smooth": ["fit", *TABLE, *SHORT, "--shape", "smooth", "--out", "smooth"],
    "fit, huber": ["fit", *TABLE, *SHORT, "--family", "huber", "--out", "huber"],
    "fit, logistic": "fit --data classes.csv --target y --lambdas 8 --lambda-ratio 0.05 --family logistic --out logistic",
    "fit, poisson": "fit --data counts.csv --target y --lambdas 8 --lambda-ratio 0.05 --family poisson --out poisson",
    "fit, wide": "fit --data wide.csv --target y --lambdas 6 --lambda-ratio 0.1 --linear none --out wide",
    "fit, population": f"fit --teacher random:d=3,k=2,seed=2 --lambdas 8 --rigorous --out proven",
    "select": "select fit --features 2 --out two.json",
    "predict": "predict fit more.csv --interval 0.9 --out predictions.csv",
    "certify, run": "certify fit",
    "certify, population": "certify population",
    "verify": "verify fit",
    "sweep": "sweep --teacher random:d=4,k=2 --grid width=4,8 --seeds 0:2 --out sweep",
    "lab": "lab --quick --only def-1,lem-6.2 --out lab",
}
TIMES = {"seconds", "run_seconds"}
CLOCK = re.compile(r"\b[0-9.]+ s\b")


def make_tables(folder):
    """Tables whose targets are classes, counts and fewer than their columns, from the first one."""
    rows = list(csv.reader((folder / "table.csv").open()))
    header, values = rows[0], [[float(cell) for cell in row] for row in rows[1:]]
    middle = sorted(row[-1] for row in values)[len(values) // 2]
    targets = {"classes": lambda y: int(y > middle), "counts": lambda y: max(0, round(4 * (y - middle) + 3))}
    for name, target in targets.items():
        lines = [[*row[:-1], target(row[-1])] for row in values]
        write_table(folder / f"{name}.csv", header, lines)
    width = len(header) - 1
    wide = [[cell for row in values[4 * i : 4 * i + 4] for cell in row[:width]] + [values[4 * i][-1]] for i in range(20)]
    write_table(folder / "wide.csv", [f"x{j}" for j in range(4 * width)] + ["y"], wide)


def write_table(path, header, lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])


def without(value, ignored):
    if isinstance(value, dict):
        return {key: without(item, ignored) for key, item in value.items() if key not in ignored}
    if isinstance(value, list):
        return [without(item, ignored) for item in value]
    return value


def lines_of(name, content, ignored):
    """The lines that are compared of a file, or of what is printed."""
    text = content.decode(errors="replace")
    if name.endswith(".json"):
        return json.dumps(without(json.loads(text), ignored), indent=1).splitlines()
    if name.endswith(".csv"):
        table = list(csv.reader(io.StringIO(text)))
        kept = [j for j, column in enumerate(table[0]) if column not in ignored]
        return [",".join(row[j] for j in kept if j < len(row)) for row in table]
    lines = text.splitlines()
    if name.endswith(".toml"):  # its comments are words of the help
        lines = [line for line in lines if not line.startswith("#")]
    return [CLOCK.sub("_ s", line) for line in lines]


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run(program, words, folder, ignored):
    """What a command leaves: the lines of each new or changed file, of its output, and its exit status."""
    before = files(folder)
    done = subprocess.run(
        [program, *words], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "120"},
    )
    new = {name: content for name, content in files(folder).items() if before.get(name) != content}
    new["what it prints"] = done.stdout
    here = str(folder).encode()
    left = {name: lines_of(name, content.replace(here, b"."), ignored) for name, content in new.items()}
    left["exit status"] = [str(done.returncode)]
    return left


def difference(before, after):
    """Where the first difference is, or nothing."""
    for name in sorted(set(before) | set(after)):
        if name not in before or name not in after:
            return f"{name}: only {'after' if name in after else 'before'}"
        for number, (a, b) in enumerate(zip(before[name], after[name]), 1):
            if a != b:
                return f"{name}:{number}: {a.strip()[:60]} | {b.strip()[:60]}"
        if len(before[name]) != len(after[name]):
            return f"{name}: {len(before[name])} and {len(after[name])} lines"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("before", type=pathlib.Path, help="a program")
    parser.add_argument("after", type=pathlib.Path, help="another one")
    parser.add_argument("--ignore", default="", help="fields of JSON and CSV files that may differ: a,b")
    options = parser.parse_args()
    ignored = TIMES | set(filter(None, options.ignore.split(",")))
    different = 0
    with tempfile.TemporaryDirectory() as root:
        folders = [pathlib.Path(root, name) for name in ("before", "after")]
        programs = [options.before.resolve(), options.after.resolve()]
        for folder in folders:
            folder.mkdir()
        for name, command in COMMANDS.items():
            words = command.split() if isinstance(command, str) else command
            left = [run(program, words, folder, ignored) for program, folder in zip(programs, folders)]
            if name == "table":
                for folder in folders:
                    make_tables(folder)
            found = difference(*left)
            different += found is not None
            status = left[1]["exit status"][0]
            print(f"{name:<20} exit {status}  {len(left[1]) - 2:>3} files  {found or 'same'}", flush=True)
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
