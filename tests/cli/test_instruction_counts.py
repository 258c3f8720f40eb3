"""benchmarks/instruction_counts.py: when counts are judged, and when only shown. valgrind is not needed here."""

import json
import sys

import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import instruction_counts  # noqa: E402

BUILT_WITH = {"compiler": "GNU 12.2.0", "instruction_set": "AVX2"}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Compares counts with recorded ones as the script does: its status and its output."""

    def run(now, recorded, *flags, built_with=BUILT_WITH):
        record = tmp_path / "counts.json"
        record.write_text(json.dumps({"built_with": BUILT_WITH, "instructions": recorded}))
        monkeypatch.setattr(instruction_counts, "RECORD", record)
        monkeypatch.setattr(instruction_counts, "about", lambda program: (list(now), built_with))
        monkeypatch.setattr(instruction_counts, "count_all", lambda program, cases: now)
        monkeypatch.setattr(sys, "argv", ["instruction_counts.py", "--program", str(record), *flags])
        status = instruction_counts.main()
        return status, capsys.readouterr().out

    return run


def test_counts_within_the_tolerance_pass(run):
    status, said = run({"step": 1009, "fit": 991}, {"step": 1000, "fit": 1000})
    assert status == 0
    lines = said.splitlines()
    assert lines[0].split() == ["case", "now", "recorded", "ratio"]
    assert lines[1].split() == ["step", "1,009", "1,000", "1.0090"]
    assert lines[-1] == "All within 1 % of what is recorded."


@pytest.mark.parametrize("now", [1011, 989])
def test_a_count_that_grew_or_fell_fails(run, now):
    status, said = run({"step": now, "fit": 1000}, {"step": 1000, "fit": 1000})
    assert status == 1
    assert "More than 1 % from what is recorded: step. " in said
    assert "./run instructions --write" in said
    assert run({"step": now}, {"step": 1000}, "--tolerance", "0.03")[0] == 0


def test_cases_on_one_side_only_fail(run):
    status, said = run({"new": 1000}, {"old": 1000})
    assert status == 1
    assert "recorded: old, new." in said


def test_counts_of_another_compiler_are_shown_and_not_judged(run):
    other = {**BUILT_WITH, "compiler": "GNU 13.1.0"}
    status, said = run({"step": 2000}, {"step": 1000}, built_with=other)
    assert status == 0
    assert "2.0000" in said
    assert "Not judged" in said
    assert said.splitlines()[-1] == "  compiler: GNU 13.1.0 (recorded: GNU 12.2.0)"


def test_writing_records_the_counts_and_what_they_were_built_with(run):
    status, _ = run({"step": 2000}, {"step": 1000}, "--write")
    assert status == 0
    written = json.loads(instruction_counts.RECORD.read_text())
    assert written == {"built_with": BUILT_WITH, "instructions": {"step": 2000}}


def test_the_counts_of_the_repository_can_be_read():
    record = json.loads((REPOSITORY / "benchmarks" / "instruction_counts.json").read_text())
    assert set(record) == {"built_with", "instructions"}
    assert record["built_with"]["instruction_set"] and all(record["instructions"].values())


def test_a_missing_program_is_one_line_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["instruction_counts.py", "--program", str(tmp_path / "none")])
    with pytest.raises(instruction_counts.Failure, match="./run instructions builds it"):
        instruction_counts.main()
