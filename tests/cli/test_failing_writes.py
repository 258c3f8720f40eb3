"""A disk that fails at any call to write, flush or rename a file: every verb ends with one line and exit status 2, and
what it leaves is whole."""

import errno
import os
import pathlib

import pytest
from conftest import PROGRAM, SMALL, Lodestone, assert_refused, tree

# Built with the tests (tests/CMakeLists.txt).
FAILING = pathlib.Path(PROGRAM).parents[2] / "tests" / "failing_writes.so"

# What each of them writes: a folder, or a file.
VERBS = {
    "train": [*SMALL, "--out", "out", "--quiet"],
    "fit": ["fit", "t.csv", "y", "--lambdas", 4, "--folds", 2, "--out", "out", "--quiet"],
    "sweep": ["sweep", *SMALL[1:], "--grid", "width=6,8", "--keep-runs", "--out", "out", "--quiet"],
    "sample": ["sample", "--teacher", "random:d=3,k=2", "--samples", 20, "--out", "out.csv"],
    "predict": ["predict", "fitted/model.json", "t.csv", "--out", "out.csv"],
}

# How a disk fails: it is full from a moment on, or one call has an error.
DISKS = {"full": (errno.ENOSPC, "always", "No space left"), "bad": (errno.EIO, "once", "Input/output error")}

# More calls than any verb above makes.
MOST_CALLS = 400


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with a table and a model, and what each verb writes on a disk that works."""
    folder = tmp_path_factory.mktemp("prepared")
    program = Lodestone(folder)
    program.done("sample", "--teacher", "random:d=2,k=1,seed=3", "--samples", 60, "--noise", 0.1, "--out", "t.csv")
    program.done(*VERBS["fit"][:-3], "--out", "fitted", "--quiet")
    references = {}
    for verb, command in VERBS.items():
        work = tmp_path_factory.mktemp(f"whole-{verb}")
        copy_of(folder, work)
        Lodestone(work).done(*command)
        references[verb] = tree(work)
    return folder, references


def copy_of(folder, to):
    for name, content in tree(folder).items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            (to / name).write_bytes(content)


def fixed(files):
    """The files whose bytes no clock and no folder changes."""
    timed = ("summary.json", "history.csv", "origin.json", "runs.csv", "checkpoint", "index.html")
    return {name: content for name, content in files.items() if content is not None and not name.endswith(timed)}


@pytest.mark.parametrize("disk", DISKS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_call_may_fail(prepared, tmp_path, verb, disk):
    folder, references = prepared
    number, when, says = DISKS[disk]
    whole = fixed(references[verb])
    failures = 0
    for call in range(1, MOST_CALLS):
        work = tmp_path / str(call)
        work.mkdir()
        copy_of(folder, work)
        program = Lodestone(work)
        environment = {
            **os.environ,
            "LD_PRELOAD": str(FAILING),
            "LODESTONE_FAIL_AT": str(call),
            "LODESTONE_FAIL_WITH": str(number),
            "LODESTONE_FAIL_ON": when,
        }
        result = program(*VERBS[verb], env=environment)
        left = tree(work)
        assert not [name for name in left if name.endswith(".tmp")]
        # A file is there as it is on a disk that works, or not at all.
        for name, content in fixed(left).items():
            assert content == whole[name], f"call {call}: {name}"
        if result.returncode == 0:
            assert fixed(left).keys() == whole.keys()
            break
        failures += 1
        assert_refused(result, says)
        # Nothing that is left stands in the way, or passes for a run that is done.
        again = program(*VERBS[verb], *(["--overwrite"] if verb != "predict" else []))
        assert again.returncode == 0, (call, again.stderr)
        assert fixed(tree(work)) == whole, f"call {call}"
    else:
        pytest.fail("no end of calls")
    # At least its file is written, flushed and renamed.
    assert failures >= 3
