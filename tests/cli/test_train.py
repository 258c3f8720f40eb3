"""A training run: its files, its output, its configuration, its folder."""

import errno
import json
import math
import os
import pty
import re
import subprocess

import pytest
from conftest import (
    SHORT,
    SMALL,
    TEACHER,
    assert_same_outcome,
    history,
    outcome,
    read_json,
    tree,
)

HISTORY_COLUMNS = (
    "step,stage,epoch,lambda,loss,penalized_loss,gradient_norm,neurons,mean_angle_deg,"
    "max_angle_deg,far_mass,seconds"
).split(",")

# summary.json as promised: the type of each field.
SUMMARY = {
    "lodestone": str,
    "command": str,
    "status": str,
    "objective": str,
    "seed": int,
    "threads": int,
    "precision": str,
    "backend": str,
    "loss": float,
    "penalized_loss": float,
    "lambda": float,
    "gradient_norm": float,
    "steps": int,
    "evaluations": int,
    "seconds": float,
    "neurons": int,
    "features": int,
}
CERTIFICATE = {"sup_eta": float, "gap": float, "relative_gap": float, "kind": str}
RECOVERY = {
    "teachers": int,
    "matched": int,
    "recovered": int,
    "max_angle_deg": float,
    "mean_angle_deg": float,
    "far_mass": float,
    "subspace_share": float,
    "per_teacher": list,
}
PER_TEACHER = {
    "amplitude": float,
    "mass": float,
    "angle_deg": float,
    "mean_angle_deg": float,
    "far_mass": float,
    "neurons": int,
    "matched": bool,
    "recovered": bool,
}
TEST = {"rmse": float, "r2": float, "rows": int}


def assert_fields(values, promised):
    for name, kind in promised.items():
        assert name in values, name
        assert type(values[name]) is kind, f"{name} is {values[name]!r}"


def test_run_folder_holds_every_file(small_run):
    """And nothing else: no checkpoint of a finished run, no temporary files."""
    assert {path.name for path in small_run.iterdir()} == {
        "config.toml",
        "history.csv",
        "model.json",
        "network.json",
        "origin.json",
        "summary.json",
        "teacher.json",
    }


def test_summary_has_every_promised_field(small_run):
    summary = read_json(small_run / "summary.json")
    assert_fields(summary, SUMMARY)
    assert_fields(summary["certificate"], CERTIFICATE)
    assert_fields(summary["recovery"], RECOVERY)
    for teacher in summary["recovery"]["per_teacher"]:
        assert_fields(teacher, PER_TEACHER)
    assert summary["command"] == "train"
    assert summary["status"] == "converged"
    assert summary["objective"] == "population"
    assert summary["neurons"] == 40
    assert summary["certificate"]["kind"] in ("estimated", "rigorous")
    assert "test" not in summary, "a population has no test rows"


def test_small_population_is_recovered(small_run):
    """Three hidden directions in eight dimensions, from forty neurons."""
    summary = read_json(small_run / "summary.json")
    assert 0.0 <= summary["loss"] <= 1e-8
    recovery = summary["recovery"]
    assert recovery["teachers"] == recovery["matched"] == recovery["recovered"] == 3
    assert summary["features"] == 3
    for teacher in recovery["per_teacher"]:
        assert teacher["angle_deg"] < 0.1
        assert teacher["mass"] == pytest.approx(teacher["amplitude"], rel=0.01)
        assert teacher["mean_angle_deg"] <= 1.0
        assert teacher["far_mass"] <= 0.01


def test_table_ends_with_far_mass_and_mean_angle(lodestone):
    """Of neurons that have learned no feature it says matched, at most, and shows why."""
    flags = ["--teacher", "random:d=6,k=2,min-angle=60,seed=1", "--width", 40, "--out", "run", "--overwrite"]
    learned = lodestone.done("train", *flags).stdout
    assert "2 of 2 hidden directions recovered" in learned and "2 of 2 matched" in learned
    assert re.search(r"all neurons: mean angle 0\.\d+° to the nearest direction, far mass \d\.\d+%", learned)
    flags = ["--teacher", "random:d=20,k=4,r=4,min-angle=25,signs=mixed,seed=0", "--width", 100]
    flags += ["--schedule", "none", "--tolerance", 1e-6, "--out", "none"]
    fitted = lodestone.done("train", *flags).stdout
    recovery = read_json(lodestone.folder / "none" / "summary.json")["recovery"]
    assert recovery["far_mass"] > 0.05
    assert recovery["recovered"] == 0 < recovery["matched"]
    assert fitted.count("  matched\n") == recovery["matched"]
    assert "0 of 4 hidden directions recovered" in fitted


def test_tolerance_is_a_share_of_the_loss_without_neurons(lodestone):
    """A teacher 10,000 times as small or large is found alike; an absolute tolerance is a loss."""
    directions = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    for scale in (1e-4, 1.0, 1e4):
        teacher = {"directions": directions, "amplitudes": [scale, -0.5 * scale]}
        (lodestone.folder / "scaled.json").write_text(json.dumps(teacher))
        flags = ["--teacher", "scaled.json", "--width", 30, "--out", "run", "--overwrite"]
        lodestone.done("train", *flags, "--tolerance", 1e-7)
        summary = read_json(lodestone.folder / "run" / "summary.json")
        assert summary["status"] == "converged"
        assert summary["loss"] <= 1e-7 * summary["null_loss"]
        assert summary["recovery"]["recovered"] == 2
        lodestone.done("train", *flags, "--absolute-tolerance", 1e-2 * summary["null_loss"])
        early = read_json(lodestone.folder / "run" / "summary.json")
        assert early["loss"] <= 1e-2 * summary["null_loss"]
        assert early["steps"] < summary["steps"]


def test_message_tells_of_epochs_cut_by_their_budget(lodestone):
    flags = ["--teacher", "random:d=6,k=2,seed=1", "--width", 40, "--max-epoch-steps", 5]
    flags += ["--lambda-start", 0.02, "--lambda-end", 0.004, "--tolerance", 0]
    result = lodestone("train", *flags, "--out", "run")
    assert result.returncode == 3, result.stderr
    assert "3 of 3 epochs (0 to 2, counted from 0) ended by their budget of 5 steps" in result.stdout
    assert "raise it with --max-epoch-steps" in result.stdout
    assert "--resume" not in result.stdout, "the schedule is at its end"
    summary = read_json(lodestone.folder / "run" / "summary.json")
    assert summary["status"] == "budget" and summary["finished"] is True
    assert summary["epochs_cut"] == [0, 1, 2]
    assert not (lodestone.folder / "run" / "checkpoint").exists()
    again = lodestone("train", "--resume", "run")
    assert again.returncode == 3 and "nothing to resume" in again.stdout
    assert read_json(lodestone.folder / "run" / "summary.json") == summary


def test_run_that_converged_has_no_epoch_cut(small_run):
    summary = read_json(small_run / "summary.json")
    assert summary["status"] == "converged" and summary["finished"] is True
    assert summary["epochs_cut"] == []


@pytest.mark.parametrize(
    "directions, amplitudes",
    [
        ([[1, 0, 0], [1, 0.017455, 0]], [1, -1]),  # 1 degree apart
        ([[1, 0, 0], [1, 0.0017453, 0]], [1, -1]),  # 0.1 degree apart
        ([[1, 0], [0, 1], [1, 1], [1, -1]], [1, 1, -0.7071, -0.7071]),  # H = 0
    ],
)
def test_what_one_step_cannot_see_is_not_called_converged(lodestone, directions, amplitudes):
    """Converged means close to the optimum; epochs that their budgets ended are no such thing."""
    teacher = {"directions": directions, "amplitudes": amplitudes}
    (lodestone.folder / "hard.json").write_text(json.dumps(teacher))
    flags = ["--teacher", "hard.json", "--width", 40, "--max-epoch-steps", 300]
    result = lodestone("train", *flags, "--out", "run", "--quiet")
    summary = read_json(lodestone.folder / "run" / "summary.json")
    assert result.returncode == (0 if summary["status"] == "converged" else 3)
    if summary["status"] == "converged":
        assert summary["certificate"]["relative_gap"] < 0.5
        assert summary["loss"] <= 5e-8 * summary["null_loss"]
    else:
        assert summary["status"] == "budget" and summary["epochs_cut"]


def test_sample_summary_has_a_test_error(short_runs):
    summary = read_json(short_runs["sample"] / "summary.json")
    assert_fields(summary, SUMMARY)
    assert_fields(summary["test"], TEST)
    assert summary["objective"] == "sample"


def test_history_begins_with_the_promised_columns(short_runs):
    """More columns may follow; every row is full, and steps never go back."""
    for folder in short_runs.values():
        names, rows = history(folder)
        assert names[: len(HISTORY_COLUMNS)] == HISTORY_COLUMNS
        assert all(len(row) == len(names) for row in rows)
        steps = [int(row[0]) for row in rows]
        assert steps == sorted(steps)
        assert {row[1] for row in rows} == {"1", "2", "3"}
        for row in rows:
            for cell in row[: len(HISTORY_COLUMNS)]:
                float(cell)
        summary = read_json(folder / "summary.json")
        assert steps[-1] == summary["steps"]


def test_last_history_row_agrees_with_the_summary(small_run):
    names, rows = history(small_run)
    last = dict(zip(names, rows[-1]))
    summary = read_json(small_run / "summary.json")
    for name in ("loss", "penalized_loss", "gradient_norm", "lambda"):
        assert float(last[name]) == summary[name], name


def test_model_is_readable_by_a_person(small_run):
    model = read_json(small_run / "model.json")
    assert model["format"] == "lodestone-model"
    assert type(model["version"]) is int
    assert model["columns"] == [f"x{j}" for j in range(8)]
    assert len(model["affine"]["beta"]) == 8
    assert len(model["features"]) == read_json(small_run / "summary.json")["features"]
    for feature in model["features"]:
        assert len(feature["direction"]) == 8
        assert type(feature["amplitude"]) is float
        assert feature["bias"] == 0.0, "population runs have no biases"
    assert model["provenance"]["source"] == TEACHER
    assert model["standardization"]["kind"] == "none"


def test_json_prints_the_summary_and_nothing_else(lodestone):
    result = lodestone.done(*SMALL, "--json", "--out", "run")
    assert json.loads(result.stdout) == read_json(lodestone.folder / "run" / "summary.json")
    assert result.stderr == ""


def test_json_of_a_resumed_complete_run_is_its_summary(lodestone):
    run = lodestone.run_to("run", SMALL)
    result = lodestone.done("train", "--resume", "run", "--json")
    assert json.loads(result.stdout) == read_json(run / "summary.json")


def test_quiet_is_silent(lodestone):
    result = lodestone.done(*SMALL, "--quiet")
    assert result.stdout == "" and result.stderr == ""


def test_table_says_what_was_found(lodestone):
    result = lodestone.done(*SMALL, "--out", "run")
    assert "3 of 3 hidden directions recovered" in result.stdout
    assert "run/summary.json" in result.stdout
    assert "run/model.json" in result.stdout


def test_progress_is_one_plain_line_an_epoch(lodestone):
    """Away from a terminal nothing is rewritten: a header, then a line an epoch."""
    result = lodestone.done(*SMALL, "--out", "run")
    assert "\r" not in result.stderr and "\033" not in result.stderr
    header, *lines = result.stderr.splitlines()
    for word in ("epoch", "lambda", "loss", "neurons"):
        assert word in header
    names, rows = history(lodestone.folder / "run")
    epochs = {row[names.index("epoch")] for row in rows if row[1] == "3"}
    assert len([line for line in lines if line.split()[0] == "3"]) == len(epochs)


def test_progress_is_a_bar_on_a_terminal(lodestone):
    """It shows time left, loss, neurons, step and weight decay, and is wiped at the end."""
    try:
        ours, theirs = pty.openpty()
    except OSError:
        # A bare chroot without /dev/pts; every booted system and container has them.
        pytest.skip("this system has no pseudo-terminals")
    process = lodestone.start(
        *[*SMALL, "--tolerance", 0, "--lambda-end", 1e-9, "--max-epoch-steps", 100000],
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError as error:
            assert error.errno == errno.EIO  # the other side is gone
            break
        if not block:
            break
        shown += block
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    bar = r"\[#*\.*\] +\d+%(  \d+ s left)?  loss \S+  neurons \d+  step \d+  lambda \S+"
    bars = [part for part in text.split("\r\033[K") if part]
    assert len(bars) >= 3
    for shown_bar in bars:
        assert re.fullmatch(bar, shown_bar), shown_bar
    assert "\n" not in text, "the bar stays on its line"
    assert "left" in text
    assert text.endswith("\r\033[K")


def test_lost_progress_does_not_stop_the_run(lodestone):
    """Progress is for show: a log on a full disk must not cost the result."""
    with open("/dev/full", "w") as full:
        result = lodestone(*SMALL, "--out", "run", stderr=full)
    assert result.returncode == 0
    assert (lodestone.folder / "run" / "summary.json").exists()


# ---- configuration


def test_config_file_replaces_flags(lodestone, small_run):
    (lodestone.folder / "run.toml").write_text(f'teacher = "{TEACHER}"\nwidth = 40\n')
    run = lodestone.run_to("run", ["train", "--config", "run.toml"])
    assert_same_outcome(run, small_run)


def test_flags_win_over_the_config_file(lodestone, small_run):
    (lodestone.folder / "run.toml").write_text(f'teacher = "{TEACHER}"\nwidth = 8\nseed = 3\n')
    run = lodestone.run_to("run", ["train", "--config", "run.toml", "--width", 40, "--seed", 0])
    assert_same_outcome(run, small_run)


# A key for each flag, with a value that differs from its default.
EVERY_KEY = {
    "teacher": f'"{TEACHER}"',
    "samples": "400",
    "noise": "0.05",
    "standardize": '"whiten"',
    "biases": '"on"',
    "test-share": "0.25",
    "precision": '"float32"',
    "validation-share": "0.2",
    "patience": "2",
    "width": "12",
    "seed": "5",
    "schedule": '"halving"',
    "lambda-start": "0.02",
    "lambda-end": "1e-4",
    "lambda-factor": "0.4",
    "lambda-start-factor": "0.9",
    "step": '"auto"',
    "tolerance": "1e-6",
    "absolute-tolerance": "1e-7",
    "epoch-tolerance": "0.1",
    "stagnation": "0.01",
    "merge-tolerance": "0.001",
    "max-epoch-steps": "300",
    "max-steps": "5000",
    "max-seconds": "60",
    "record-every": "50",
    "threads": "1",
    "out": '"run"',
    "overwrite": "true",
    "quiet": "true",
    "json": "false",
}


# Keys that go with a data file.
EVERY_DATA_KEY = {
    "data": '"table.csv"',
    "target": '"target"',
    "delimiter": '","',
    "weights": '"c"',
    "exclude": '["a"]',
    "categories": '"one-hot"',
    "missing": '"indicator"',
    "validation": '"table.csv"',
    "test": '"table.csv"',
}


@pytest.mark.parametrize("key", EVERY_DATA_KEY)
def test_every_flag_of_data_has_a_config_key(lodestone, table_file, key):
    keys = {"data": f'"{table_file.name}"', "target": "3", "width": "4", "max-steps": "2"}
    keys[key] = EVERY_DATA_KEY[key]
    if key == "weights":
        table_file.write_text(table_file.read_text().replace("-", ""))
    lines = [f"{name} = {value}" for name, value in keys.items()]
    (lodestone.folder / "run.toml").write_text("\n".join(lines))
    result = lodestone("train", "--config", "run.toml")
    assert result.returncode in (0, 3), result.stderr


@pytest.mark.parametrize("key", EVERY_KEY)
def test_every_flag_has_a_config_key(lodestone, key):
    lines = [f'teacher = "{TEACHER}"', "width = 4", "samples = 50", "max-steps = 2"]
    lines = [line for line in lines if not line.startswith(f"{key} =")]
    (lodestone.folder / "run.toml").write_text("\n".join([*lines, f"{key} = {EVERY_KEY[key]}"]))
    result = lodestone("train", "--config", "run.toml")
    assert result.returncode in (0, 3), result.stderr


def test_every_flag_of_the_help_has_a_config_key(lodestone):
    """The lists above leave out only what makes no sense in a file."""
    text = lodestone.done("train", "--help").stdout
    flags = set(re.findall(r"^  (?:-h,)?--([\w-]+)", text, re.MULTILINE))
    assert flags == {*EVERY_KEY, *EVERY_DATA_KEY, "help", "config", "resume"}


@pytest.mark.parametrize("objective", SHORT)
def test_resolved_config_reproduces_the_run(lodestone, short_runs, objective):
    """config.toml of a run, given to --config, gives the same bits."""
    config = short_runs[objective] / "config.toml"
    run = lodestone.run_to("again", ["train", "--config", config])
    assert_same_outcome(run, short_runs[objective])
    assert (run / "config.toml").read_bytes() == config.read_bytes()


def test_resolved_config_of_a_data_file_reproduces_the_run(lodestone, table_file):
    flags = ["--width", 8, "--delimiter", ",", "--standardize", "whiten", "--test-share", 0.3]
    first = lodestone.run_to("a", ["train", "--data", table_file, "--target", 3, *flags])
    again = lodestone.run_to("b", ["train", "--config", first / "config.toml"])
    assert_same_outcome(again, first)


def test_any_seed_survives_the_config_file(lodestone):
    """Seeds go up to 2^64 - 1; a run with one can be repeated and resumed."""
    flags = [*SMALL, "--seed", 2**64 - 1, "--max-steps", 20]
    first = lodestone.run_to("a", flags, 3)
    again = lodestone.run_to("b", ["train", "--config", first / "config.toml"], 3)
    assert_same_outcome(again, first)
    assert lodestone("train", "--resume", "a").returncode == 3


def test_file_names_may_hold_any_character(lodestone, table_file):
    """Quotes, blanks and letters outside ASCII, in the data's name and the folder's."""
    name = 'a "quoted" größe\\ table.csv'
    table_file.rename(lodestone.folder / name)
    flags = ["train", "--data", name, "--target", "target", "--width", 4, "--max-steps", 5]
    first = lodestone.run_to("rün 1", flags, 3)
    again = lodestone.run_to("rün 2", ["train", "--config", first / "config.toml"], 3)
    assert_same_outcome(again, first)


def test_schedule_file_is_followed(lodestone):
    """One epoch for each line, 0 included."""
    (lodestone.folder / "decay.txt").write_text("# weight decay\n0.02\n\n0.005 # less\n0\n")
    flags = [*SMALL, "--schedule", "decay.txt", "--max-epoch-steps", 30]
    names, rows = history(lodestone.run_to("run", flags, 3))  # epochs end by their steps
    column = names.index("lambda")
    decays = [float(row[column]) for row in rows if row[1] == "3"]
    assert list(dict.fromkeys(decays)) == [0.02, 0.005, 0.0]


# ---- the folder


def test_existing_run_is_refused(lodestone):
    """A folder that holds a run is not written over; the advice names the ways out there are."""
    lodestone.run_to("ended", SMALL)
    message = lodestone.refused(*SMALL, "--out", "ended", says=["ended", "--overwrite"])
    assert "--resume" not in message, "an ended run has nothing to go on with"
    lodestone.run_to("stopped", [*SMALL, "--max-steps", 20], 3)
    lodestone.refused(*SMALL, "--out", "stopped", says=["stopped", "--overwrite", "--resume"])


@pytest.mark.parametrize("name", ["config.toml", "model.json", "checkpoint", "report.html"])
def test_any_file_of_a_run_makes_it_one(lodestone, name):
    (lodestone.folder / "run").mkdir()
    (lodestone.folder / "run" / name).write_text("precious")
    lodestone.refused(*SMALL, "--out", "run", says=[name, "--overwrite"])


def test_folder_with_other_files_is_fine(lodestone, small_run):
    (lodestone.folder / "run").mkdir()
    (lodestone.folder / "run" / "notes.txt").write_text("mine")
    run = lodestone.run_to("run", SMALL)
    assert_same_outcome(run, small_run)
    assert (run / "notes.txt").read_text() == "mine"


def test_overwrite_replaces_the_run_and_nothing_else(lodestone, small_run):
    run = lodestone.run_to("run", [*SMALL, "--seed", 4, "--max-steps", 30], 3)
    (run / "notes.txt").write_text("mine")
    (run / "report.html").write_text("of the old run")
    lodestone.run_to("run", [*SMALL, "--overwrite"])
    assert_same_outcome(run, small_run)
    names = {path.name for path in run.iterdir()}
    assert names == {path.name for path in small_run.iterdir()} | {"notes.txt"}


def test_overwrite_with_bad_input_keeps_the_old_run(lodestone):
    lodestone.run_to("run", SMALL)
    for wrong in (["--width", 7], ["--noise", 0.1], ["--schedule", "absent.txt"]):
        lodestone.refused(*SMALL, *wrong, "--out", "run", "--overwrite")


def test_run_too_large_for_memory_keeps_the_old_run(lodestone):
    """It fails at its start, before anything of the old run is given up."""
    lodestone.run_to("run", SMALL)
    flags = ["--samples", 100, "--width", 10**11, "--overwrite"]
    lodestone.refused(*SMALL[:3], *flags, "--out", "run", says="width")


def test_folders_are_made_as_needed(lodestone, small_run):
    run = lodestone.run_to("deep/in/folders", SMALL)
    assert_same_outcome(run, small_run)


def test_no_folder_writes_nothing(lodestone):
    lodestone.done(*SMALL)
    assert tree(lodestone.folder) == {}


def test_stopped_without_a_folder_says_so(lodestone):
    """There is nothing to resume, so --resume is not advised."""
    result = lodestone(*SMALL, "--max-steps", 10)
    assert result.returncode == 3
    assert "--resume" not in result.stdout
    assert "--out" in result.stdout


def test_resume_of_a_complete_run_changes_nothing(lodestone):
    run = lodestone.run_to("run", SMALL)
    before = tree(run)
    result = lodestone.done("train", "--resume", "run")
    assert "complete" in result.stdout
    assert tree(run) == before


@pytest.mark.parametrize(
    "flags, says",
    [
        (["--seed", 5], ["seed", "resume"]),
        (["--width", 8], ["width", "resume"]),
        (["--out", "other"], ["--out", "--resume"]),
        (["--config", "run/config.toml"], ["--config", "--resume"]),
        (["--overwrite"], ["--overwrite", "--resume"]),
    ],
)
def test_resume_refuses_what_it_cannot_change(lodestone, flags, says):
    lodestone.run_to("run", [*SMALL, "--max-steps", 30], 3)
    lodestone.refused("train", "--resume", "run", *flags, says=says)


def test_resume_needs_a_run(lodestone):
    lodestone.refused("train", "--resume", "absent", says=["absent", "no run to resume"])


def test_resume_of_standard_input_is_refused(lodestone, table_file):
    flags = ["train", "--data", "-", "--target", "target", "--width", 4, "--max-steps", 5]
    result = lodestone(*flags, "--out", "run", input=table_file.read_text())
    assert result.returncode == 3, result.stderr
    lodestone.refused("train", "--resume", "run", says="standard input")


def test_teacher_of_the_run_is_kept(lodestone, small_run):
    """teacher.json of a run is a teacher file: training on it gives the same model."""
    run = lodestone.run_to("run", ["train", "--teacher", small_run / "teacher.json", "--width", 40])
    mine, theirs = outcome(run), outcome(small_run)
    assert mine["history"] == theirs["history"]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("objective", SHORT)
def test_same_bits_at_any_thread_count(lodestone, short_runs, objective, threads):
    run = lodestone.run_to("run", [*SHORT[objective], "--threads", threads])
    assert read_json(run / "summary.json")["threads"] == threads
    assert_same_outcome(run, short_runs[objective])


def test_same_bits_where_the_rows_are_one_block(lodestone):
    """A table this small is one unit of work: its products, too, must not use more threads."""
    problem = ["--teacher", "random:d=30,k=3,seed=1", "--samples", 120, "--width", 400]
    flags = ["train", *problem, "--max-steps", 200, "--quiet"]
    reference = lodestone.run_to("one", [*flags, "--threads", 1], 3)
    for label, more in (("all", []), ("two", ["--threads", 2])):
        assert_same_outcome(lodestone.run_to(label, [*flags, *more], 3), reference)


def test_seeds_matter(lodestone, short_runs):
    for objective, flags in SHORT.items():
        run = lodestone.run_to(objective, [*flags, "--seed", 1])
        assert outcome(run)["model"] != outcome(short_runs[objective])["model"]


def test_blow_up_by_hand_ends_with_advice_and_the_last_good_state(lodestone):
    """A step chosen too large: exit status 4, what to do, and a network from before the blow-up."""
    result = lodestone(*SMALL, "--step", 1e6, "--out", "run")
    assert result.returncode == 4
    assert "--step auto" in result.stdout
    run = lodestone.folder / "run"
    summary = read_json(run / "summary.json")
    assert summary["status"] == "diverged"
    assert "smaller step" in summary["message"]
    assert (run / "checkpoint").exists()
    model = read_json(run / "model.json")
    for feature in model["features"]:
        for number in [feature["amplitude"], feature["bias"], *feature["direction"]]:
            assert math.isfinite(number)
    assert type(summary["gradient_norm"]) is float
    # Good means: no worse than predicting with the linear part alone.
    assert summary["loss"] <= summary["null_loss"]


def test_diverged_model_predicts(lodestone):
    lodestone("train", "--teacher", TEACHER, "--width", 40, "--step", 1e6, "--out", "run")
    lodestone.done("sample", "--teacher", TEACHER, "--samples", 5, "--out", "rows.csv", "--quiet")
    values = lodestone.done("predict", "run", "rows.csv").stdout.split()[1:]
    assert len(values) == 5 and all(abs(float(value)) < 1e3 for value in values)


def test_closed_pipes_do_not_hang(lodestone):
    """Whoever reads the output may leave early."""
    process = lodestone.start(*SMALL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=30) is not None
