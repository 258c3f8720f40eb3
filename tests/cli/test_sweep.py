"""Sweeps: the grid, the bits of single runs, going on after a kill, and what is refused."""

import csv
import itertools
import os
import shutil
import signal

import pytest
from conftest import NAMES, kill, read_json, ridge_table, tree, wait_for, write_csv

# A hidden network that a width of 10 or 20 finds in a tenth of a second.
BASE = ["sweep", "--teacher", "random:d=5,k=2,min-angle=30", "--tolerance", "1e-6"]
GRID = ["--grid", "width=10,20", "--grid", "teacher.k=1:3", "--seeds", "3:4"]
SMALL = [*BASE, *GRID]


def table(folder):
    """runs.csv as a list of dictionaries."""
    with open(folder / "runs.csv", newline="") as file:
        return list(csv.DictReader(file))


def settled(folder):
    """runs.csv without times."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in table(folder)]


def summaries(folder):
    return {path.parent.name: path.read_bytes() for path in folder.glob("runs/*/summary.json")}


def without_times(summary):
    return {k: v for k, v in summary.items() if k not in ("seconds", "threads")}


@pytest.fixture(scope="module")
def small_sweep(shared):
    return shared.run_to("sweep", SMALL)


def test_every_point_has_its_row(small_sweep):
    rows = table(small_sweep)
    expected = itertools.product(["10", "20"], ["1", "2", "3"], ["3", "4"])
    assert [(row["width"], row["teacher.k"], row["seed"]) for row in rows] == list(expected)
    for row in rows:
        assert row["status"] == "converged"
        assert float(row["loss"]) <= 1e-6
        assert row["recovery.teachers"] == row["teacher.k"]
        assert row["neurons"] == row["width"]
    summary = read_json(small_sweep / "summary.json")
    assert summary["command"] == "sweep" and summary["status"] == "converged"
    assert summary["runs"] == 12 and summary["statuses"] == {"converged": 12}
    assert summary["grid"] == {"width": ["10", "20"], "teacher.k": ["1", "2", "3"]}
    assert len(summary["points"]) == 6
    recovered = [row["recovery.recovered"] == row["recovery.teachers"] for row in rows]
    assert summary["recovered_share"] == pytest.approx(sum(recovered) / 12)
    assert not (small_sweep / "lock").exists()


def test_pictures_and_what_is_behind_them(small_sweep):
    name = "phase-width-teacher.k"
    with open(small_sweep / "data" / f"{name}.csv", newline="") as file:
        points = list(csv.DictReader(file))
    assert len(points) == 6 and all(point["runs"] == "2" for point in points)
    assert (small_sweep / "data" / f"{name}.gp").exists()
    if any(os.access(os.path.join(p, "gnuplot"), os.X_OK) for p in os.get_exec_path()):
        assert "<svg" in (small_sweep / "figures" / f"{name}.svg").read_text()


def test_a_run_has_the_bits_of_train(lodestone, small_sweep):
    """Its own configuration, and flags that say the same, give the same summary."""
    run = small_sweep / "runs" / "width=20,teacher.k=3,seed=4"
    expected = without_times(read_json(run / "summary.json"))
    again = lodestone.run_to("again", ["train", "--config", run / "config.toml"])
    assert without_times(read_json(again / "summary.json")) == expected
    flags = ["--teacher", "random:d=5,k=3,min-angle=30,seed=4", "--tolerance", "1e-6"]
    other = lodestone.run_to("other", ["train", *flags, "--width", 20, "--seed", 4])
    ignored = ("source",)
    got = without_times(read_json(other / "summary.json"))
    assert {k: v for k, v in got.items() if k not in ignored} == {
        k: v for k, v in expected.items() if k not in ignored
    }


@pytest.mark.parametrize("jobs", [1, 3])
def test_same_bits_for_any_number_of_jobs(lodestone, small_sweep, jobs):
    other = lodestone.run_to("other", [*SMALL, "--jobs", jobs])
    assert settled(other) == settled(small_sweep)


def test_killed_sweeps_compute_nothing_twice(lodestone, small_sweep):
    """Killed after the first, third, fifth run: recorded runs stay as they are, to the byte."""
    folder = lodestone.folder / "killed"
    for enough in (1, 3, 5):
        process = lodestone.start(*SMALL, "--jobs", 2, "--out", "killed")
        wait_for(lambda: len(summaries(folder)) >= enough or process.poll() is not None)
        kill(process)
        before = summaries(folder)
    result = lodestone.done(*SMALL, "--out", "killed")
    after = summaries(folder)
    assert len(after) == 12
    assert {name: after[name] for name in before} == before
    assert f"({len(before)} of them before)" in result.stdout
    assert settled(folder) == settled(small_sweep)
    assert not list(folder.rglob("*.tmp"))


def test_a_run_that_was_killed_goes_on_from_its_checkpoint(lodestone):
    """An interrupted run is saved, not recorded; the sweep then ends with the same bits."""
    long = ["--teacher", "random:d=8,k=3,seed=1", "--width", 60, "--tolerance", 0]
    long += ["--max-epoch-steps", 100000, "--lambda-end", 1e-8]
    command = ["sweep", *long, "--seeds", 0, "--out"]
    process = lodestone.start(*command, "cut")
    run = lodestone.folder / "cut" / "runs" / "seed=0"
    wait_for((run / "config.toml").exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert read_json(lodestone.folder / "cut" / "summary.json")["status"] == "interrupted"
    assert (run / "checkpoint").exists() and not (run / "summary.json").exists()
    lodestone.done(*command, "cut")
    assert not (run / "checkpoint").exists()
    lodestone.done("train", *long, "--out", "whole")
    whole = read_json(lodestone.folder / "whole" / "summary.json")
    assert without_times(read_json(run / "summary.json")) == without_times(whole)


def test_a_finished_sweep_computes_nothing(lodestone):
    folder = lodestone.run_to("sweep", [*BASE, "--seeds", "0:1", "--width", 10])
    before = summaries(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*")}
    result = lodestone.done(*BASE, "--seeds", "0:1", "--width", 10, "--out", "sweep")
    assert "2 of 2 runs are done (2 of them before)" in result.stdout
    assert summaries(folder) == before
    assert {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*")} == times


# ---- shards


def merged(folder, shards):
    """The folders of shards copied into one."""
    for shard in shards:
        shutil.copytree(shard, folder, dirs_exist_ok=True)
    return folder


def report(folder):
    """runs.csv, summary.json and what is behind the pictures, without times."""
    summary = read_json(folder / "summary.json")
    points = {path.name: path.read_bytes() for path in folder.glob("data/*")}
    return settled(folder), {**summary, "seconds": 0, "run_seconds": 0}, points


@pytest.mark.parametrize("count", [1, 3, 13])
def test_shards_make_the_sweep(lodestone, small_sweep, count):
    """Also more shards than runs. Each run is computed by one of them; the merged sweep computes none."""
    folders = [
        lodestone.run_to(f"shard-{i}", [*SMALL, "--shard", f"{i}/{count}"]) for i in range(1, count + 1)
    ]
    assert sum(len(summaries(folder)) for folder in folders) == 12
    whole = merged(lodestone.folder / "whole", folders)
    before = summaries(whole)
    result = lodestone.done(*SMALL, "--out", "whole")
    assert "12 of 12 runs are done (12 of them before)" in result.stdout
    assert summaries(whole) == before
    assert report(whole) == report(small_sweep)
    assert tree(whole).keys() == tree(small_sweep).keys()


def test_a_shard_tells_what_it_has(lodestone):
    result = lodestone.done(*SMALL, "--shard", "2/3", "--out", "shard")
    folder = lodestone.folder / "shard"
    summary = read_json(folder / "summary.json")
    own = len(summaries(folder))
    assert f"shard 2/3, 12 runs in all: {own} of {own} runs are done" in result.stdout
    assert (summary["shard"], summary["runs"], summary["shard_runs"]) == ("2/3", 12, own)
    assert summary["statuses"] == {"converged": own, "elsewhere": 12 - own}
    assert [row["status"] for row in table(folder)].count("elsewhere") == 12 - own
    again = lodestone.done(*SMALL, "--shard", "2/3", "--out", "shard")
    assert f"({own} of them before)" in again.stdout


def test_a_shard_that_was_stopped_goes_on(lodestone, small_sweep):
    """Where its folder is, or in the merged one."""
    command = [*SMALL, "--shard", "1/2", "--out", "one"]
    assert lodestone(*command, "--total-seconds", 1e-9).returncode == 3
    lodestone.done(*SMALL, "--shard", "2/2", "--out", "two", "--quiet")
    one, two = (summaries(lodestone.folder / name) for name in ("one", "two"))
    whole = merged(lodestone.folder / "whole", [lodestone.folder / name for name in ("one", "two")])
    result = lodestone.done(*SMALL, "--out", "whole")
    assert f"12 of 12 runs are done ({len(one) + len(two)} of them before)" in result.stdout
    assert settled(whole) == settled(small_sweep)
    lodestone.done(*command, "--quiet")
    assert summaries(lodestone.folder / "one").keys() | two.keys() == summaries(whole).keys()


def test_shards_of_different_sweeps_are_no_sweep(lodestone):
    """Told by what each shard has left, and by the configuration of each run."""
    base = [*BASE, "--grid", "width=10,20"]
    one = lodestone.run_to("one", [*base, "--shard", "1/2"])
    for name, change in (("grid", ["--grid", "teacher.k=1"]), ("base", ["--merge-tolerance", 1e-9])):
        other = lodestone.run_to(name, [*base, *change, "--shard", "2/2"])
        merged(lodestone.folder / f"{name}-whole", [other, one])
        lodestone.refused(*base, "--out", f"{name}-whole", says="2-of-2.toml")
    strange = lodestone.run_to("strange", [*base, "--merge-tolerance", 1e-9])
    whole = lodestone.run_to("whole", base)
    shutil.copytree(strange / "runs", whole / "runs", dirs_exist_ok=True)
    lodestone.refused(*base, "--out", "whole", says=["config.toml", "another sweep", "merge-tolerance"])


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "1/0", "a/b", "1/3/5"])
def test_wrong_shards_run_nothing(lodestone, shard):
    lodestone.refused(*SMALL, "--shard", shard, "--out", "sweep", says=["--shard", shard, "1 <= I <= N"])


def test_another_grid_is_refused_or_extended_on_purpose(lodestone):
    folder = lodestone.run_to("sweep", [*BASE, "--grid", "width=10,20"])
    before = summaries(folder)
    more = [*BASE, "--grid", "width=10,20,30", "--out", "sweep"]
    lodestone.refused(*more, says=["sweep", "width=10,20", "--extend", "--overwrite"])
    lodestone.done(*more, "--extend")
    after = summaries(folder)
    assert len(after) == 3 and {name: after[name] for name in before} == before
    assert [row["width"] for row in table(folder)] == ["10", "20", "30"]
    # Other keys or another base make another sweep, on purpose or not.
    for change in (["--grid", "teacher.d=5"], ["--grid", "width=10,20,30", "--noise", 0.1]):
        flags = [*BASE, *change, "--samples", 300] if "--noise" in change else [*BASE, *change]
        lodestone.refused(*flags, "--extend", "--out", "sweep", says=["sweep", "--overwrite"])
    lodestone.done(*BASE, "--grid", "teacher.d=5", "--width", 10, "--overwrite", "--out", "sweep")
    assert list(summaries(folder)) == ["teacher.d=5,seed=0"]


def test_combinations_that_cannot_be_run_are_rows(lodestone):
    """r = 3 needs k >= 3: the other runs go on, and the row says why."""
    flags = ["--grid", "teacher.k=2,3", "--grid", "teacher.r=2,3", "--width", 10]
    result = lodestone.done(*BASE, *flags, "--out", "sweep")
    assert "1 could not be run" in result.stdout
    rows = table(lodestone.folder / "sweep")
    assert [row["status"] for row in rows] == ["converged", "failed", "converged", "converged"]
    assert "r: got 3" in rows[1]["message"]
    assert rows[1]["loss"] == ""


def test_directions_that_cannot_be_placed_are_a_row(lodestone):
    teacher = "random:d=5,k=6,r=2,min-angle=20"
    flags = ["--teacher", teacher, "--grid", "teacher.min-angle=20,45", "--width", 20]
    lodestone.done("sweep", *flags, "--tolerance", 1e-3, "--out", "sweep", "--quiet")
    rows = table(lodestone.folder / "sweep")
    assert [row["status"] for row in rows] == ["converged", "failed"]
    assert "could not place" in rows[1]["message"]


def test_data_files_and_kept_runs(lodestone):
    write_csv(lodestone.folder / "table.csv", ridge_table(80), NAMES)
    flags = ["--data", "table.csv", "--target", "target", "--width", 10]
    grid = ["--grid", "lambda-factor=0.3,0.5", "--keep-runs"]
    lodestone.done("sweep", *flags, *grid, "--out", "sweep", "--quiet")
    rows = table(lodestone.folder / "sweep")
    assert [row["lambda-factor"] for row in rows] == ["0.3", "0.5"]
    assert all(float(row["test.rmse"]) > 0 for row in rows)
    run = lodestone.folder / "sweep" / "runs" / "lambda-factor=0.3,seed=0"
    assert (run / "model.json").exists() and (run / "history.csv").exists()
    lodestone.done("predict", run, "table.csv")
    assert not (lodestone.folder / "sweep" / "figures").exists()


@pytest.mark.parametrize(
    "flags, says",
    [
        (["--grid", "widht=10"], ["widht", "did you mean 'width'?"]),
        (["--grid", "teacher.kk=2"], ["teacher.kk", "did you mean 'k'?"]),
        (["--grid", "width=10,ten"], ["width", "'ten'", "whole number"]),
        (["--grid", "width=10,11"], ["width=11", "even"]),
        (["--grid", "teacher.k=2,0"], ["teacher.k=0", "between 1 and"]),
        (["--grid", "teacher.k=2,x"], ["k", "'x'"]),
        (["--grid", "width=20:10"], ["20:10", "LOW <= HIGH"]),
        (["--grid", "width=10:80:x1"], ["10:80:x1", "factor"]),
        (["--grid", "width"], ["KEY=VALUE"]),
        (["--grid", "width="], ["values"]),
        (["--grid", "width=10,10"], ["width=10", "twice"]),
        (["--grid", "width=10", "--grid", "width=20"], ["width", "twice"]),
        (["--grid", "seed=1,2"], ["--seeds"]),
        (["--seeds", "a"], ["seeds", "'a'"]),
        (["--seeds", "5:2"], ["5:2"]),
        (["--seeds", "1,1"], ["twice"]),
        (["--jobs", "0"], ["--jobs", "got 0"]),
        (["--total-seconds", "0"], ["total-seconds"]),
        (["--noise", "0.5"], ["noise"]),
        (["--extend", "--overwrite"], ["--extend"]),
    ],
)
def test_bad_keys_and_values_run_nothing(lodestone, flags, says):
    lodestone.refused(*BASE, *flags, "--out", "sweep", says=says)


def test_missing_files_run_nothing(lodestone):
    lodestone.refused("sweep", "--teacher", "missing.json", "--out", "sweep", says="missing.json")
    lodestone.refused("sweep", "--data", "no.csv", "--target", "y", "--out", "sweep", says="no.csv")
    flags = ["--teacher", "missing.json", "--grid", "teacher.k=2", "--out", "sweep"]
    lodestone.refused("sweep", *flags, says=["teacher.k", "random"])


def test_a_folder_is_needed_and_others_are_kept(lodestone, small_run):
    lodestone.refused(*SMALL, says="--out")
    before = tree(small_run)
    result = lodestone(*SMALL, "--out", small_run)
    assert result.returncode == 2 and "already holds a run" in result.stderr
    assert tree(small_run) == before


def test_budget_of_seconds(lodestone, small_sweep):
    """Exit status 3, what is done is recorded, and the same command goes on."""
    result = lodestone(*SMALL, "--out", "sweep", "--total-seconds", 1e-9)
    assert result.returncode == 3
    assert "the same command again goes on from here" in result.stdout
    assert read_json(lodestone.folder / "sweep" / "summary.json")["status"] == "budget"
    lodestone.done(*SMALL, "--out", "sweep", "--quiet")
    assert settled(lodestone.folder / "sweep") == settled(small_sweep)


def test_configuration_file_holds_the_grid(lodestone, small_sweep):
    """A sweep's config.toml is the sweep."""
    lodestone.done("sweep", "--config", small_sweep / "config.toml", "--out", "again", "--quiet")
    assert settled(lodestone.folder / "again") == settled(small_sweep)


def test_json_and_quiet(lodestone):
    flags = [*BASE, "--width", 10, "--out", "sweep"]
    result = lodestone.done(*flags, "--json")
    assert result.stderr == ""
    (lodestone.folder / "printed.json").write_text(result.stdout)
    assert read_json(lodestone.folder / "printed.json")["command"] == "sweep"
    result = lodestone.done(*flags, "--quiet")
    assert result.stdout == "" and result.stderr == ""


def test_without_gnuplot_everything_else_is_written(lodestone):
    environment = {**os.environ, "PATH": str(lodestone.folder)}
    flags = [*BASE, "--grid", "width=10,20", "--out", "sweep"]
    result = lodestone.done(*flags, env=environment)
    assert "gnuplot-nox" in result.stderr.splitlines()[-1]
    assert (lodestone.folder / "sweep" / "data" / "phase-width.gp").exists()
    assert (lodestone.folder / "sweep" / "runs.csv").exists()
    assert not list((lodestone.folder / "sweep" / "figures").glob("*.svg"))


def test_two_sweeps_do_not_share_a_folder_at_once(lodestone):
    slow = ["sweep", "--teacher", "random:d=8,k=3,seed=1", "--width", 60, "--tolerance", 0]
    process = lodestone.start(*slow, "--out", "sweep")
    wait_for((lodestone.folder / "sweep" / "runs").exists)
    result = lodestone(*slow, "--out", "sweep")
    assert result.returncode == 2 and "another sweep works in this folder" in result.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
