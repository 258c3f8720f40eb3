"""What every part needs: running programs and measuring them, files, tables."""

import csv
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BENCHMARKS = Path(__file__).resolve().parents[1]


class Unavailable(Exception):
    """Something a measurement needs is not there; the message says what, for people."""


@dataclass
class Finished:
    """A child process that ended: its output, wall and CPU seconds, and its own peak memory."""

    stdout: str
    stderr: str
    status: int
    seconds: float
    cpu_seconds: float
    peak_mib: float


def measured(command, environment=None):
    """Runs a command to its end."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        launcher = [sys.executable, "-I", "-S", BENCHMARKS / "parts/child.py", report]
        child = subprocess.run(
            [str(word) for word in [*launcher, *command]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
        )
        if not report.exists():
            raise RuntimeError(f"{shlex.join(map(str, command))}\n{child.stderr}")
        return Finished(child.stdout, child.stderr, **json.loads(report.read_text()))


class Lodestone:
    """The program under test."""

    def __init__(self, program, threads):
        self.program = Path(program)
        self.threads = threads

    def require(self, verb="fit"):
        """Raises Unavailable unless the program is there and knows the verb."""
        if not os.access(self.program, os.X_OK):
            raise Unavailable(
                f"no program at {self.program}: build it (./run build) or set --lodestone"
            )
        if measured([self.program, verb, "--help"]).status != 0:
            raise Unavailable(f"{self.program} has no verb '{verb}'")

    def __call__(self, verb, *arguments):
        """Runs a verb with --json; returns (summary, Finished). Status 3, a budget, is a result."""
        command = [self.program, verb, *arguments, "--json", "--threads", self.threads]
        finished = measured(command)
        if finished.status not in (0, 3):
            raise RuntimeError(f"{shlex.join(map(str, command))}\n{finished.stderr}")
        return json.loads(finished.stdout), finished


def require_r():
    """Raises Unavailable unless R is there."""
    if not shutil.which("Rscript"):
        raise Unavailable("no Rscript: install R (Debian: r-base-core), or leave ppr out (--only)")


def run_rscript(script, *arguments, threads):
    """Runs an R script of this folder. OpenBLAS in R takes its threads from the environment."""
    require_r()
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    finished = measured(["Rscript", "--vanilla", BENCHMARKS / script, *arguments], environment)
    if finished.status != 0:
        raise RuntimeError(f"{script}: {finished.stderr}")
    return finished


def write_table(path, inputs, target, names=None):
    """Writes rows as CSV with the target as last column; returns the target's name."""
    names = names or [f"x{i}" for i in range(inputs.shape[1])] + ["y"]
    np.savetxt(
        path,
        np.column_stack([inputs, target]),
        delimiter=",",
        header=",".join(names),
        comments="",
        fmt="%.17g",
    )
    return names[-1]


def read_numbers(path):
    """A CSV of numbers with a header: (names, array of rows)."""
    with open(path, newline="") as file:
        names = next(csv.reader(file))
        return names, np.loadtxt(file, delimiter=",", ndmin=2)


def read_path(folder):
    """path.csv of a fit as a list of dicts; cells that are no number stay text."""

    def number(cell):
        try:
            return float(cell)
        except ValueError:
            return cell

    with open(Path(folder) / "path.csv", newline="") as file:
        return [{name: number(cell) for name, cell in row.items()} for row in csv.DictReader(file)]


def standard_error(values):
    """Standard error of the mean; not a number for fewer than two values."""
    values = np.asarray(values, dtype=float)
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")


def mean_and_error(values, digits=3):
    """'mean ± standard error' as text."""
    return f"{np.mean(values):.{digits}f} ± {standard_error(values):.{digits}f}"


def print_table(title, header, rows):
    """Aligned columns: numbers to the right, words to the left."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    left = [not all(_is_number(row[i]) for row in cells[1:]) for i in range(len(header))]
    print(f"\n{title}\n")
    for number, row in enumerate(cells):
        print(
            "  ".join(
                cell.ljust(width) if to_left else cell.rjust(width)
                for cell, width, to_left in zip(row, widths, left)
            ).rstrip()
        )
        if number == 0:
            print("  ".join("-" * width for width in widths))
    sys.stdout.flush()


def _is_number(cell):
    return re.fullmatch(r"([-+]?\d[\d.,e+ ±-]*(nan)?)?", cell) is not None


def say(message):
    """Progress goes to standard error: standard output has the tables only."""
    print(message, file=sys.stderr, flush=True)


def machine(threads):
    """What the numbers were measured on."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": threads,
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def save(path, part, results, threads):
    """Adds a part's results to a JSON file that holds one entry a part; written whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    document = json.loads(path.read_text()) if path.exists() else {}
    document[part] = {"machine": machine(threads), **results}
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(_plain(document), indent=1, allow_nan=False) + "\n")
    temporary.replace(path)


def _plain(value):
    """The same without numpy's types, and null for what is no number: JSON knows neither."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
