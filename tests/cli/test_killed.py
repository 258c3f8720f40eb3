"""SIGKILL at any moment: what `fit` and `sweep` leave is whole, and the same command ends with the same bits. (`train`,
which resumes: test_resume.py.)"""

import random
import subprocess
import time

import pytest
from conftest import SMALL, kill, tree

COMMANDS = {
    "fit": ["fit", "t.csv", "y", "--lambdas", 6, "--folds", 2, "--out", "out", "--quiet"],
    "sweep": ["sweep", *SMALL[1:], "--grid", "width=6,8,10", "--keep-runs", "--out", "out", "--quiet"],
}
KILLS = 8

# What a clock or a folder changes, and pictures, which are drawn by another program.
CHANGING = ("summary.json", "history.csv", "origin.json", "runs.csv", "checkpoint", "index.html", "lock", ".svg", ".tmp")


def fixed(folder):
    files = tree(folder)
    return {name: content for name, content in files.items() if content is not None and not name.endswith(CHANGING)}


@pytest.mark.parametrize("verb", COMMANDS)
def test_killed_at_random_moments(lodestone, verb):
    lodestone.done("sample", "--teacher", "random:d=2,k=1,seed=3", "--samples", 60, "--noise", 0.1, "--out", "t.csv")
    start = time.monotonic()
    lodestone.done(*COMMANDS[verb])
    duration = time.monotonic() - start
    out = lodestone.folder / "out"
    whole = fixed(out)
    moments = random.Random(f"killed {verb}")
    for _ in range(KILLS):
        process = lodestone.start(*COMMANDS[verb], "--overwrite")
        try:
            process.wait(timeout=moments.uniform(0.0, duration))
        except subprocess.TimeoutExpired:
            kill(process)
        for name, content in fixed(out).items():
            assert content == whole[name], name
        if verb == "fit" and not (out / "model.json").exists():
            lodestone.refused("predict", "out/model.json", "t.csv", says="out/model.json: cannot be read")
    lodestone.done(*COMMANDS[verb], "--overwrite")
    assert fixed(out) == whole
    assert not list(out.rglob("*.tmp"))
