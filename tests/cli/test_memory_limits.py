"""Under any limit on memory a command works or says in one line that memory ran out. It never hangs."""

import resource

import numpy as np
import pytest

from conftest import SMALL, TEACHER, Lodestone

MB = 10**6
LIMITS = [60, 100, 150, 200, 300, 400, 600, 1000]  # MB of address space

# Nothing here takes more than a few seconds; what does has hung.
HANGS_AFTER = 60

COMMANDS = {
    "help": ["--help"],
    "sample": ["sample", "--teacher", TEACHER, "--samples", 2000, "--out", "drawn.csv", "--overwrite"],
    "train on a population": [*SMALL, "--out", "run", "--overwrite", "--quiet"],
    "train on rows": [*SMALL, "--samples", 2000, "--max-steps", 50, "--out", "run", "--overwrite", "--quiet"],
    "fit": ["fit", "--data", "t.csv", "--target", "y", "--lambdas", 4, "--folds", 3, "--quiet"],
    "predict": ["predict", "fitted/model.json", "t.csv"],
    "certify": ["certify", "fitted/model.json", "--data", "t.csv", "--target", "y"],
    "verify": ["verify", "fitted"],
    "sweep": ["sweep", *SMALL[1:], "--grid", "width=10,20", "--out", "swept", "--overwrite", "--quiet"],
    "lab": ["lab", "--only", "def-1", "--quick", "--out", "lab", "--overwrite", "--quiet"],
    "bench": ["bench", "--case", "correlation", "--size", "2000,5,8", "--seconds", 0.01],
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    random = np.random.default_rng(0)
    rows = random.normal(size=(200, 3))
    y = np.maximum(rows @ [1.0, -0.5, 0.2], 0.0) + 0.1 * random.normal(size=200)
    np.savetxt(
        folder / "t.csv", np.column_stack([rows, y]), delimiter=",", header="a,b,c,y", comments=""
    )
    program = Lodestone(folder)
    program.done("fit", "--data", "t.csv", "--target", "y", "--lambdas", 4, "--out", "fitted", "--quiet")
    return program


@pytest.mark.parametrize("command", COMMANDS)
def test_memory_limits(table, command):
    worked = []
    for limit in LIMITS:
        result = table(
            *COMMANDS[command],
            timeout=HANGS_AFTER,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit * MB, limit * MB)),
        )
        said = f"{limit} MB: exit {result.returncode}: {result.stderr}"
        # Below some limit the system cannot even load the program's libraries.
        if result.returncode == 127:
            assert "error while loading shared libraries" in result.stderr, said
            continue
        worked.append(result.returncode in (0, 3))
        if not worked[-1]:
            assert result.returncode == 2, said
            lines = result.stderr.splitlines()
            assert lines and lines[-1].startswith("lodestone: error: "), said
            assert "memory" in lines[-1], said
    assert worked[-1], f"{command} needs more than {LIMITS[-1]} MB: {said}"
