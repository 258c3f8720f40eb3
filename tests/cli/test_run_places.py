"""A run finds its tables whatever folder the program is started in."""

import shutil

import numpy as np
import pytest
from conftest import (
    NAMES,
    Lodestone,
    assert_refused,
    assert_same_outcome,
    certified,
    read_json,
    ridge_table,
    verified,
    write_csv,
)

SHORT = ["--lambdas", 6, "--lambda-ratio", 0.02]


@pytest.fixture
def work(tmp_path):
    """A folder with a table and two runs on it, named by relative paths."""
    folder = tmp_path / "first"
    folder.mkdir()
    write_csv(folder / "table.csv", ridge_table(), NAMES)
    lodestone = Lodestone(folder)
    lodestone.run_to("fitted", ["fit", "table.csv", "target", *SHORT])
    lodestone.run_to("trained", ["train", "table.csv", "target", "--width", 20])
    return lodestone


def elsewhere(tmp_path):
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    return Lodestone(tmp_path / "elsewhere")


@pytest.mark.parametrize("run", ["fitted", "trained"])
def test_runs_are_judged_from_any_folder(work, tmp_path, run):
    here = certified(work, run)
    there = elsewhere(tmp_path)
    assert certified(there, f"../first/{run}")["certificate"] == here["certificate"]
    assert certified(there, work.folder / run)["certificate"] == here["certificate"]
    assert verified(there, f"../first/{run}")["verified"]


@pytest.mark.parametrize("run", ["fitted", "trained"])
def test_runs_that_moved_with_their_table_are_judged(work, tmp_path, run):
    here = certified(work, run)
    shutil.move(work.folder, tmp_path / "moved")
    assert certified(elsewhere(tmp_path), f"../moved/{run}")["certificate"] == here["certificate"]


def test_a_run_that_moved_alone_is_judged(work, tmp_path):
    here = certified(work, "fitted")
    there = elsewhere(tmp_path)
    (there.folder / "deep").mkdir()
    shutil.move(work.folder / "fitted", there.folder / "deep" / "fitted")
    assert certified(there, "deep/fitted")["certificate"] == here["certificate"]


def test_a_run_without_origin_is_judged_where_its_table_is(work, tmp_path):
    """Runs of before know no folder: their paths are those of the working folder."""
    (work.folder / "fitted" / "origin.json").unlink()
    certified(work, "fitted")
    result = elsewhere(tmp_path)("certify", "../first/fitted")
    assert_refused(result, ["table.csv", "No such file"])


def test_a_missing_table_is_told_with_the_places_looked_at(work, tmp_path):
    (work.folder / "table.csv").unlink()
    shutil.move(work.folder, tmp_path / "moved")
    for verb in ["certify", "verify"]:
        result = elsewhere(tmp_path)(verb, "../moved/fitted")
        places = [work.folder, tmp_path / "moved", tmp_path / "elsewhere"]
        assert_refused(result, ["table.csv: No such file in ", *[str(place.resolve()) for place in places]])


@pytest.mark.parametrize("schedule", ["halving", "decays.txt"])
def test_a_run_is_resumed_from_any_folder(tmp_path, schedule):
    """With the same bits, and the paths of its configuration stay as they were given."""
    work = tmp_path / "first"
    work.mkdir()
    lodestone = Lodestone(work)
    write_csv(work / "table.csv", ridge_table(), NAMES)
    write_csv(work / "more.csv", ridge_table(seed=3), NAMES)
    (work / "decays.txt").write_text("0.1\n0.05\n0.02\n0.01\n")
    np.save(work / "y.npy", ridge_table()[:, -1])
    train = ["train", "table.csv", "y.npy", "--exclude", "target", "--width", 20]
    train += ["--schedule", schedule]
    whole = lodestone.run_to("whole", train)
    cut = lodestone.run_to("cut", [*train, "--max-steps", 40], status=3)
    there = elsewhere(tmp_path)
    result = there("train", "--resume", "../first/cut", "--max-steps", 200000, "--quiet")
    assert result.returncode == 0, result.stderr
    assert_same_outcome(cut, whole)
    assert (cut / "config.toml").read_text() == (whole / "config.toml").read_text()


def test_a_table_that_changed_is_not_resumed_with(tmp_path):
    work = tmp_path / "first"
    work.mkdir()
    lodestone = Lodestone(work)
    write_csv(work / "table.csv", ridge_table(), NAMES)
    lodestone.run_to(
        "cut", ["train", "table.csv", "target", "--width", 20, "--max-steps", 40], status=3
    )
    write_csv(work / "table.csv", ridge_table(seed=1), NAMES)
    result = elsewhere(tmp_path)("train", "--resume", "../first/cut")
    assert_refused(result, ["checkpoint", "other data"])


def test_overwriting_a_run_tells_its_new_place(work, tmp_path):
    there = elsewhere(tmp_path)
    write_csv(there.folder / "own.csv", ridge_table(seed=5), NAMES)
    result = there("fit", "own.csv", "target", *SHORT, "--out", "../first/fitted", "--overwrite")
    assert result.returncode == 0, result.stderr
    assert read_json(work.folder / "fitted" / "origin.json") == {
        "folder": str(there.folder.resolve()),
        "from_run": "../../elsewhere",
    }
    assert certified(work, "fitted")["source"] == "own.csv"
