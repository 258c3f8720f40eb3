"""A run stopped, interrupted or killed, then resumed, ends with the bits of one that was not."""

import os
import random
import re
import signal
import subprocess
import time

import pytest
from conftest import (
    LONG_POPULATION,
    LONG_SAMPLE,
    NAMES,
    SHORT,
    SMALL,
    TEACHER,
    assert_same_outcome,
    kill,
    read_json,
    ridge_table,
    tree,
    wait_for,
    write_csv,
)

LONG = {"population": LONG_POPULATION, "sample": LONG_SAMPLE}


@pytest.fixture(scope="module")
def long_runs(shared):
    """Folders of runs that nothing stopped, and how many seconds each took."""
    runs = {}
    for name, flags in LONG.items():
        start = time.monotonic()
        folder = shared.run_to(f"long-{name}", flags)
        runs[name] = (folder, time.monotonic() - start)
    return runs


@pytest.mark.parametrize("objective", SHORT)
def test_budget_stops_and_resume_goes_on(lodestone, short_runs, objective):
    """Exit status 3, all files there; with more budgets the same bits as in one go."""
    run = lodestone.run_to("run", [*SHORT[objective], "--max-steps", 90], 3)
    summary = read_json(run / "summary.json")
    assert summary["status"] == "budget"
    assert summary["steps"] == 90
    assert (run / "model.json").exists() and (run / "history.csv").exists()
    assert (run / "checkpoint").exists()
    for budget in (91, 200, 555):
        result = lodestone("train", "--resume", "run", "--max-steps", budget, "--quiet")
        assert result.returncode == 3, result.stderr
        assert read_json(run / "summary.json")["steps"] == budget
    lodestone.done("train", "--resume", "run", "--max-steps", 200000, "--quiet")
    assert_same_outcome(run, short_runs[objective])
    assert not (run / "checkpoint").exists()


def test_budget_before_the_first_step_of_stage_3(lodestone, short_runs):
    """The smallest budget is the first step of stage 1."""
    run = lodestone.run_to("run", [*SMALL, "--max-steps", 1], 3)
    lodestone.done("train", "--resume", "run", "--max-steps", 200000, "--quiet")
    assert_same_outcome(run, short_runs["population"])


def test_resume_without_more_budget_stops_again(lodestone):
    """The budget of the run stays; each resume brings its own."""
    run = lodestone.run_to("run", [*SMALL, "--max-steps", 90], 3)
    before = read_json(run / "summary.json")
    result = lodestone("train", "--resume", "run", "--quiet")
    assert result.returncode == 3
    after = read_json(run / "summary.json")
    assert {**after, "seconds": 0} == {**before, "seconds": 0}


def test_seconds_are_a_budget_too(lodestone, long_runs):
    run = lodestone.run_to("run", [*LONG_POPULATION, "--max-seconds", 0.2], 3)
    summary = read_json(run / "summary.json")
    assert summary["status"] == "budget"
    assert 0.2 <= summary["seconds"] < 5.0
    lodestone.done("train", "--resume", "run", "--max-seconds", "inf", "--quiet")
    assert_same_outcome(run, long_runs["population"][0])


def test_resume_may_use_other_threads(lodestone, short_runs):
    run = lodestone.run_to("run", [*SHORT["sample"], "--max-steps", 90, "--threads", 1], 3)
    lodestone.done("train", "--resume", "run", "--max-steps", 200000, "--threads", 3, "--quiet")
    assert_same_outcome(run, short_runs["sample"])


@pytest.mark.parametrize(
    "objective, number",
    [
        ("population", signal.SIGINT),
        ("sample", signal.SIGINT),
        ("population", signal.SIGTERM),
    ],
)
def test_interrupt_saves_and_resume_goes_on(lodestone, long_runs, objective, number):
    """Ctrl-C: exit status 130, a checkpoint, and the same bits after --resume."""
    process = lodestone.start(
        *LONG[objective], "--out", "run", stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if re.match(r" +3 +1 ", line):  # the second epoch of stage 3 is over
            break
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "--resume" in output
    run = lodestone.folder / "run"
    assert read_json(run / "summary.json")["status"] == "interrupted"
    assert (run / "checkpoint").exists()
    assert (run / "model.json").exists()
    lodestone.done("train", "--resume", "run", "--quiet")
    assert_same_outcome(run, long_runs[objective][0])


@pytest.mark.parametrize("objective", LONG)
def test_killed_at_ten_random_moments(lodestone, long_runs, objective):
    """SIGKILL leaves no time to save; --resume goes on from the last checkpoint."""
    reference, duration = long_runs[objective]
    moments = random.Random(f"killed {objective}")
    run = lodestone.folder / "run"

    def command():
        # Killed before it had written its configuration, a run has nothing to go on from.
        started = (run / "config.toml").exists()
        return ["train", "--resume", "run"] if started else [*LONG[objective], "--out", "run"]

    resumed = 0
    kills = 0
    while kills < 10:
        resumed += (run / "checkpoint").exists()
        process = lodestone.start(*command(), "--quiet")
        try:
            status = process.wait(timeout=moments.uniform(0.0, 0.4 * duration))
        except subprocess.TimeoutExpired:
            kill(process)
            kills += 1
            continue
        # It came to its end before its time: look, and begin again.
        assert status == 0
        assert_same_outcome(run, reference)
        for path in run.iterdir():
            path.unlink()
    lodestone.done(*command(), "--quiet")
    assert_same_outcome(run, reference)
    assert resumed >= 1 or duration < 1.5, "no run got as far as a checkpoint"


def test_litter_of_a_killed_run_is_cleared_on_resume(lodestone, short_runs):
    """Killed while it wrote a file, a run leaves a half-written one; resuming removes it."""
    run = lodestone.run_to("run", [*SMALL, "--max-steps", 90], 3)
    (run / ".lodestone-999999999-7.tmp").write_text("half a chec")
    lodestone.done("train", "--resume", "run", "--max-steps", 200000, "--quiet")
    names = {path.name for path in run.iterdir()}
    assert names == {path.name for path in short_runs["population"].iterdir()}


@pytest.mark.parametrize("objective", LONG)
def test_long_runs_have_the_same_bits_at_any_thread_count(lodestone, long_runs, objective):
    run = lodestone.run_to("run", [*LONG[objective], "--threads", 3])
    assert_same_outcome(run, long_runs[objective][0])


def test_killed_before_the_first_checkpoint_starts_again(lodestone, short_runs):
    """All that is left is the configuration: enough to begin again."""
    run = lodestone.run_to("run", SMALL)
    for name in ("summary.json", "model.json", "history.csv"):
        (run / name).unlink()
    lodestone.done("train", "--resume", "run", "--quiet")
    assert_same_outcome(run, short_runs["population"])


# ---- checkpoints that cannot be used


@pytest.fixture
def stopped(lodestone):
    """The folder of a run on a data file that its budget stopped."""
    write_csv(lodestone.folder / "data.csv", ridge_table(), NAMES)
    flags = ["train", "--data", "data.csv", "--target", "target", "--width", 8]
    return lodestone.run_to("run", [*flags, "--max-steps", 60, "--tolerance", 0], 3)


def cut(content, share):
    return content[: int(share * len(content))]


def flipped(content, position):
    changed = bytearray(content)
    changed[position] ^= 0x10
    return bytes(changed)


DAMAGE = {
    "cut-in-half": (lambda c: cut(c, 0.5), ["cut short", "--overwrite"]),
    "cut-by-a-byte": (lambda c: c[:-1], ["cut short", "--overwrite"]),
    "cut-in-the-header": (lambda c: c[:10], ["cut short", "--overwrite"]),
    "empty": (lambda c: b"", ["cut short", "--overwrite"]),
    "flipped-at-the-end": (lambda c: flipped(c, -20), ["damaged", "--overwrite"]),
    "flipped-in-the-middle": (lambda c: flipped(c, len(c) // 2), ["damaged", "--overwrite"]),
    "flipped-in-the-checksum": (lambda c: flipped(c, c.index(b"\n") + 3), "damaged"),
    "grown": (lambda c: c + b"more", "damaged"),
    "newer": (lambda c: re.sub(rb"^(lodestone-checkpoint )\d+", rb"\g<1>99", c), ["version 99"]),
    "other-file": (lambda c: b"precious notes\nof mine\n", "not a checkpoint"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_checkpoint_is_refused(lodestone, stopped, case):
    damage, says = DAMAGE[case]
    checkpoint = stopped / "checkpoint"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    says = [says] if isinstance(says, str) else says
    lodestone.refused("train", "--resume", "run", says=["run/checkpoint: ", *says])


def test_every_byte_of_a_checkpoint_is_guarded(lodestone, stopped):
    """A sample of all single flipped bytes: none is taken for good."""
    content = (stopped / "checkpoint").read_bytes()
    for position in random.Random("flips").sample(range(len(content)), 25):
        (stopped / "checkpoint").write_bytes(flipped(content, position))
        lodestone.refused("train", "--resume", "run", says="run/checkpoint: ")


def test_checkpoint_of_other_data_is_refused(lodestone, stopped):
    """The data file changed since: going on would mix two problems."""
    data = lodestone.folder / "data.csv"
    lines = data.read_text().splitlines()
    lines[5] = lines[6]
    data.write_text("\n".join(lines) + "\n")
    lodestone.refused("train", "--resume", "run", says=["run/checkpoint: ", "other data"])


def test_checkpoint_of_another_configuration_is_refused(lodestone, stopped):
    config = stopped / "config.toml"
    config.write_text(config.read_text().replace("width = 8", "width = 10"))
    lodestone.refused("train", "--resume", "run", says=["run/checkpoint: ", "configuration"])


def test_checkpoint_of_another_schedule_is_refused(lodestone):
    """A schedule file is part of the problem, as the data is."""
    (lodestone.folder / "decay.txt").write_text("0.02\n0.01\n0.005\n")
    flags = [*SMALL, "--schedule", "decay.txt", "--max-steps", 50]
    lodestone.run_to("run", flags, 3)
    (lodestone.folder / "decay.txt").write_text("0.02\n0.001\n")
    lodestone.refused("train", "--resume", "run", says=["run/checkpoint: ", "configuration"])


def test_checkpoint_of_another_run_is_refused(lodestone, stopped):
    other = lodestone.run_to("other", [*SMALL, "--max-steps", 60], 3)
    (stopped / "checkpoint").write_bytes((other / "checkpoint").read_bytes())
    lodestone.refused("train", "--resume", "run", says="run/checkpoint: ")


def test_missing_data_on_resume_is_refused(lodestone, stopped):
    (lodestone.folder / "data.csv").unlink()
    lodestone.refused("train", "--resume", "run", says=["data.csv: ", "No such file"])


def test_resume_refuses_a_damaged_configuration(lodestone, stopped):
    (stopped / "config.toml").write_text("width = \n")
    lodestone.refused("train", "--resume", "run", says="run/config.toml:1: ")


def test_interrupt_without_a_folder_ends_cleanly(lodestone):
    """There is no checkpoint to speak of; the exit status still tells."""
    process = lodestone.start(
        *LONG_POPULATION, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if re.match(r" +3 +1 ", line):
            break
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "--resume" not in output
    assert tree(lodestone.folder) == {}


def test_second_interrupt_ends_at_once(lodestone):
    """It does not wait for anything; the run's folder can still be resumed."""
    process = lodestone.start(*LONG_POPULATION, "--out", "run", "--quiet")
    wait_for((lodestone.folder / "run" / "checkpoint").exists)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) in (130, -signal.SIGINT)
    lodestone.done("train", "--resume", "run", "--quiet")


def test_readers_never_see_half_a_checkpoint(lodestone):
    """Every file of a run appears whole: read at any moment it has its length and checksum."""
    process = lodestone.start(*LONG_POPULATION, "--out", "run", "--quiet")
    checkpoint = lodestone.folder / "run" / "checkpoint"
    seen = 0
    while process.poll() is None:
        try:
            content = checkpoint.read_bytes()
        except FileNotFoundError:
            time.sleep(0.001)
            continue
        assert content.startswith(b"lodestone-checkpoint ") and len(content) > 1000
        seen += 1
        time.sleep(0.005)
    assert process.returncode == 0
    assert seen > 0
    assert not os.path.exists(checkpoint)
    assert TEACHER in (lodestone.folder / "run" / "config.toml").read_text()
