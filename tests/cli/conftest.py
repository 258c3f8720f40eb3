"""Tools for testing the command line from outside, as a user or a script meets it.

The program under test is named by the environment variable LODESTONE.
"""

import json
import os
import pathlib
import signal
import subprocess
import time

import numpy as np
import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get(
    "LODESTONE", str(REPOSITORY / "build" / "release" / "apps" / "lodestone" / "lodestone")
)

# A small hidden network, found again in a tenth of a second.
TEACHER = "random:d=8,k=3,min-angle=25,seed=1"
SMALL = ["train", "--teacher", TEACHER, "--width", 40]

# Runs of a second on a fast machine and of a few on a slow one, long enough to be cut off at any
# moment. Every epoch ends by its own criterion.
LONG_POPULATION = [
    *["train", "--teacher", TEACHER, "--width", 120, "--tolerance", 0],
    *["--max-epoch-steps", 100000, "--lambda-end", 1e-8],
]
LONG_SAMPLE = [
    *["train", "--teacher", TEACHER, "--samples", 8000, "--noise", 0.1, "--width", 40],
    *["--stagnation", 0],
]

# Runs of a fraction of a second, for what must hold of both objectives.
SHORT = {
    "population": SMALL,
    "sample": [*SMALL, "--samples", 600, "--noise", 0.1, "--stagnation", 0.01],
}


def pytest_sessionstart(session):
    if not os.access(PROGRAM, os.X_OK):
        pytest.exit(f"no program at {PROGRAM}; set the environment variable LODESTONE to it", 2)


class Lodestone:
    """Runs the program in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    @staticmethod
    def command(arguments):
        return [PROGRAM, *map(str, arguments)]

    def __call__(self, *arguments, timeout=120, **options):
        options.setdefault("cwd", self.folder)
        options.setdefault("text", True)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.command(arguments), timeout=timeout, **options)

    def start(self, *arguments, **options):
        options.setdefault("cwd", self.folder)
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        return subprocess.Popen(self.command(arguments), **options)

    def done(self, *arguments, **options):
        """Runs, and expects exit status 0."""
        result = self(*arguments, **options)
        assert result.returncode == 0, result.stderr
        return result

    def run_to(self, out, arguments, status=0):
        """Runs into a folder, and returns the folder."""
        result = self(*arguments, "--out", out, "--quiet")
        assert result.returncode == status, result.stderr
        return self.folder / out

    def refused(self, *arguments, says=(), **options):
        """Runs, and expects one line of error and nothing else: no output, no file touched."""
        before = tree(self.folder)
        result = self(*arguments, **options)
        assert_refused(result, says)
        assert tree(self.folder) == before, "a refused command must not touch files"
        return result.stderr


def assert_refused(result, says=()):
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    assert result.stdout in ("", None), "nothing belongs on standard output"
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and result.stderr.endswith("\n"), result.stderr
    assert lines[0].startswith("lodestone: error: "), lines[0]
    assert "exception" not in lines[0], f"internals are not for users: {lines[0]}"
    for part in [says] if isinstance(says, str) else says:
        assert part in lines[0], f"{part!r} is missing in: {lines[0]}"


def tree(folder):
    """Every path below a folder with its content: what must stay the same to the byte."""
    folder = pathlib.Path(folder)
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def read_json(path):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    return json.loads(pathlib.Path(path).read_text(), parse_constant=refuse)


def history(folder):
    """history.csv as a header and rows of text."""
    lines = (pathlib.Path(folder) / "history.csv").read_text().splitlines()
    return lines[0].split(","), [line.split(",") for line in lines[1:]]


def outcome(folder):
    """All that a run found, to the bit: every file, less times and the number of threads."""
    folder = pathlib.Path(folder)
    names, rows = history(folder)
    seconds = names.index("seconds")
    summary = read_json(folder / "summary.json")
    return {
        "model": (folder / "model.json").read_bytes(),
        "history": [row[:seconds] + row[seconds + 1 :] for row in [names, *rows]],
        "summary": {k: v for k, v in summary.items() if k not in ("seconds", "threads")},
    }


def assert_same_outcome(folder, reference):
    mine = outcome(folder)
    theirs = outcome(reference)
    assert mine["summary"] == theirs["summary"]
    assert mine["history"] == theirs["history"]
    assert mine["model"] == theirs["model"]


def features(folder):
    """What a model computes: its numbers without where they came from."""
    model = read_json(pathlib.Path(folder) / "model.json")
    return {key: model[key] for key in ("affine", "features", "standardization")}


def judged(lodestone, verb, *arguments, status=0):
    """What `certify` or `verify` prints as JSON."""
    result = lodestone(verb, *arguments, "--json")
    assert result.returncode == status, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


def certified(lodestone, *arguments):
    return judged(lodestone, "certify", *arguments)


def verified(lodestone, *arguments, status=0):
    return judged(lodestone, "verify", *arguments, status=status)


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def write_csv(path, table, names, delimiter=","):
    lines = [delimiter.join(names)]
    lines += [delimiter.join(repr(float(value)) for value in row) for row in table]
    pathlib.Path(path).write_text("\n".join(lines) + "\n")
    return path


def ridge_table(rows=60, columns=3, seed=0):
    """A table whose last column depends on one direction of the others."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, columns))
    target = np.maximum(0.0, inputs[:, 0] - 0.5 * inputs[:, 1]) + 0.3 * inputs[:, -1] + 2.0
    return np.column_stack([inputs, target])


NAMES = ["a", "b", "c", "target"]


@pytest.fixture
def lodestone(tmp_path):
    return Lodestone(tmp_path)


@pytest.fixture
def table_file(tmp_path):
    """A small data file with columns a, b, c and target."""
    return write_csv(tmp_path / "table.csv", ridge_table(), NAMES)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder for runs that several tests look at, and do not change."""
    return Lodestone(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def small_run(shared):
    """The folder of a finished population run."""
    return shared.run_to("small", SMALL)


@pytest.fixture(scope="session")
def short_runs(shared):
    """Folders of finished runs, one for each objective."""
    return {name: shared.run_to(f"short-{name}", run) for name, run in SHORT.items()}
