"""Several processes, started by mpirun: the files of one, and an end of all when one cannot go on."""

import os
import shutil
import subprocess

import numpy as np
import pytest
from conftest import PROGRAM, Lodestone, outcome

MPIRUN = shutil.which("mpirun")
MODULE = os.path.join(os.path.dirname(os.path.realpath(PROGRAM)), "lodestone_mpi.so")
needs_mpi = pytest.mark.skipif(
    MPIRUN is None or not os.path.exists(MODULE), reason="built without MPI, or no mpirun"
)

TEACHER = "random:d=6,k=2,r=2,min-angle=40,signs=mixed,seed=1"
DRAWN = ["train", "--teacher", TEACHER, "--samples", 3000, "--noise", 0.1, "--width", 20]
SHORT = ["--max-steps", 120]
stopped_by_budget = 3
READ = ["train", "rows.npy", 4, "--width", 20, "--test-share", 0.2]


def start(folder, count, *arguments, timeout=120):
    """mpirun as a container lets it: by root, with more processes than cores."""
    environment = {
        **os.environ,
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "LODESTONE_THREADS": "1",
    }
    command = [MPIRUN, "--oversubscribe", "-n", str(count), *Lodestone.command(arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment, text=True, capture_output=True, timeout=timeout
    )


def lines_of_ours(text):
    return [line for line in text.splitlines() if line.startswith("lodestone:")]


@pytest.fixture(scope="module")
def rows(shared):
    draw = np.random.default_rng(2)
    X = draw.normal(size=(1500, 4))
    y = np.maximum(X[:, 0] + X[:, 1], 0) - np.maximum(X[:, 2], 0) + 0.1 * draw.normal(size=1500)
    np.save(shared.folder / "rows.npy", np.column_stack([X, y]))


@needs_mpi
@pytest.mark.parametrize("options", [DRAWN, READ], ids=["drawn", "read"])
def test_any_number_of_processes_writes_the_same_files(shared, rows, options):
    alone = shared.run_to("alone", [*options, *SHORT, "--overwrite"], stopped_by_budget)
    for count in (1, 2, 3):
        name = f"of-{count}"
        done = start(
            shared.folder, count, *options, *SHORT, "--out", name, "--overwrite", "--quiet"
        )
        assert done.returncode == stopped_by_budget, done.stderr
        assert outcome(shared.folder / name) == outcome(alone)


@needs_mpi
def test_one_process_prints(shared, rows):
    done = start(shared.folder, 2, *READ, *SHORT)
    assert done.stdout.count("nothing was saved") == 1


@needs_mpi
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["fit", "rows.npy", 4], "works in one process"),
        (["train", "--teacher", TEACHER], "no rows that processes could share"),
        (["train", "absent.npy", 4], "absent.npy"),
        (["train", "rows.npy", 4, "--widht", 3], "--widht"),
        (["train", "-", "y"], "standard input"),
        (["train", "--resume", "alone"], "without mpirun"),
    ],
)
def test_what_is_wrong_is_said_once_and_ends_all(shared, rows, arguments, what):
    done = start(shared.folder, 3, *arguments)
    assert done.returncode == 2
    said = lines_of_ours(done.stderr)
    assert len(said) == 1 and what in said[0], done.stderr


@needs_mpi
def test_a_failure_of_the_first_alone_ends_all(shared, rows):
    """The first has the run's folder; the others are within a sum when it finds no place for it."""
    (shared.folder / "taken").write_text("a file")
    done = start(shared.folder, 3, *READ, *SHORT, "--out", "taken")
    assert done.returncode == 2
    said = lines_of_ours(done.stderr)
    assert len(said) == 1 and "taken" in said[0], done.stderr


def test_a_program_without_mpi_says_so(shared, tmp_path):
    alone = tmp_path / "lodestone"
    shutil.copy(os.path.realpath(PROGRAM), alone)
    environment = {**os.environ, "OMPI_COMM_WORLD_SIZE": "2"}
    done = subprocess.run(
        [alone, "--version"], env=environment, text=True, capture_output=True, timeout=60
    )
    assert done.returncode == 2
    assert "built without MPI" in done.stderr and done.stderr.count("\n") == 1
