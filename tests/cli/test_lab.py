"""lab: the theory laboratory's files, page and figures."""

import json
import os
import re
import signal
import time

import pytest
from conftest import read_json, tree

QUICK = ["lab", "--quick", "--only", "mass-bound,lem-6.1"]


@pytest.fixture(scope="module")
def laboratory(shared):
    """The folder of a run of two experiments."""
    return shared.run_to("laboratory", QUICK)


def without_times(entries):
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in entries]


def test_report_has_the_promised_fields(laboratory):
    entries = read_json(laboratory / "lab.json")
    assert [entry["id"] for entry in entries] == ["mass-bound", "lem-6.1"]
    for entry in entries:
        assert entry["reconstructed"] is True
        assert entry["holds"] is True
        for key in ("statement", "verdict", "quantity"):
            assert len(entry[key]) > 10
        assert isinstance(entry["measured"], (int, float))
        assert isinstance(entry["bound"], (int, float))
        assert entry["relation"] in ("at most", "at least", "between")
        assert entry["checks"][0]["measured"] == entry["measured"]
        assert entry["holds"] == all(check["holds"] for check in entry["checks"])
    assert entries[0]["measured"] == 0, "networks that violate the mass bound"
    assert entries[0]["quantity"].startswith("networks of 10000 that")


def test_data_is_what_the_report_lists(laboratory):
    for entry in read_json(laboratory / "lab.json"):
        for table in entry["data"]:
            lines = (laboratory / table["file"]).read_text().splitlines()
            assert lines[0].split(",") == [column["name"] for column in table["columns"]]
            assert len(lines) == table["rows"] + 1


def test_mass_bound_follows_from_its_data(laboratory):
    """The verdict can be checked from the file alone."""
    header, *rows = (laboratory / "data/mass-bound.csv").read_text().splitlines()
    names = header.split(",")
    assert len(rows) == 10000
    for line in rows:
        row = dict(zip(names, map(float, line.split(","))))
        assert row["mass"] <= row["mass_bound"]
        assert row["residual"] <= row["residual_bound"]


def test_stage_2_follows_from_its_data(lodestone):
    """No start below half of its threshold lost a teacher, and some at the threshold did."""
    folder = lodestone.run_to("stage-2", ["lab", "--quick", "--only", "stage-2"])
    header, *rows = (folder / "data/stage-2.csv").read_text().splitlines()
    starts = [dict(zip(header.split(","), map(float, line.split(",")))) for line in rows]
    below = [start for start in starts if start["zeta"] <= 0.5 * start["threshold"]]
    assert below and all(start["kept"] == 1 for start in below)
    lost = [start for start in starts if start["kept"] == 0]
    assert lost and all(start["zeta"] >= 0.5 * start["threshold"] for start in lost)


def test_figures_are_drawn_and_inlined(laboratory):
    page = (laboratory / "index.html").read_text()
    for entry in read_json(laboratory / "lab.json"):
        assert entry["figure"] == f"figures/{entry['id']}.svg"
        for figure in entry["figures"]:
            svg = (laboratory / figure["file"]).read_text()
            assert svg.startswith("<?xml") and svg.rstrip().endswith("</svg>")
            assert (laboratory / figure["script"]).is_file()
    assert page.count("<svg") == sum(
        len(entry["figures"]) for entry in read_json(laboratory / "lab.json")
    )


def test_page_stands_alone(laboratory):
    """No scripts, nothing fetched, every id once, every statement in words."""
    page = (laboratory / "index.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    assert "<script" not in page and "<link" not in page and "<img" not in page
    links = re.findall(r'(?:src|href)\s*=\s*["\']([^"\']+)', page)
    assert all(link.startswith("#") or (laboratory / link).is_file() for link in links)
    ids = re.findall(r'\bid\s*=\s*["\']([^"\']+)', page)
    assert len(ids) == len(set(ids))
    for entry in read_json(laboratory / "lab.json"):
        assert f'id="{entry["id"]}"' in page
    assert "does not hold" not in page


def test_same_bits_at_any_number_of_threads(lodestone):
    folders = [
        lodestone.run_to(f"t{threads}", [*QUICK, "--seed", 3, "--threads", threads])
        for threads in (1, 3)
    ]
    first, second = (tree(folder) for folder in folders)
    assert without_times(json.loads(first.pop("lab.json"))) == without_times(
        json.loads(second.pop("lab.json"))
    )
    assert first == second
    other = lodestone.done("lab", "--quick", "--only", "lem-6.1", "--seed", 4, "--json").stdout
    assert json.loads(other)[0]["measured"] != read_json(folders[0] / "lab.json")[1]["measured"]


def test_without_gnuplot_everything_but_the_pictures_is_written(lodestone):
    (lodestone.folder / "empty").mkdir()
    environment = {**os.environ, "PATH": str(lodestone.folder / "empty")}
    result = lodestone.done(
        "lab", "--quick", "--only", "mass-bound", "--out", "bare", env=environment
    )
    assert result.stderr.splitlines()[-1].endswith("(Debian package gnuplot-nox)")
    bare = lodestone.folder / "bare"
    assert read_json(bare / "lab.json")[0]["figure"] is None
    assert (bare / "data/mass-bound.csv").is_file() and (bare / "data/mass-bound.gp").is_file()
    assert list((bare / "figures").iterdir()) == []
    page = (bare / "index.html").read_text()
    assert "<svg" not in page and "gnuplot was not installed" in page


def test_broken_assumption_is_seen(lodestone):
    """A statement that fails is told apart everywhere; it is a result, not an error."""
    result = lodestone.done(
        "lab", "--quick", "--only", "mass-bound", "--broken", "--out", "broken"
    )
    assert re.search(r"mass-bound +NO ", result.stdout)
    assert "0 of 1 statements hold" in result.stdout
    entry = read_json(lodestone.folder / "broken/lab.json")[0]
    assert entry["holds"] is False and entry["measured"] > 0
    page = (lodestone.folder / "broken/index.html").read_text()
    assert "does not hold" in page and "Assumption taken away" in page


def test_table_for_people(lodestone):
    result = lodestone.done("lab", "--quick", "--only", "mass-bound")
    head, *rows = result.stdout.splitlines()
    assert head.split()[:4] == ["statement", "holds", "measured", "bound"]
    assert rows[0].split()[:2] == ["mass-bound", "yes"]
    assert "1 of 1 statements hold" in result.stdout
    assert re.fullmatch(r"mass-bound: holds \(\d+\.\d s\)\n", result.stderr)
    assert lodestone.done("lab", "--quick", "--only", "mass-bound", "--quiet").stdout == ""


def test_run_folder_rules(lodestone, laboratory):
    lodestone.done("lab", "--quick", "--only", "mass-bound", "--quiet", "--out", "one")
    before = tree(lodestone.folder)
    refused = lodestone("lab", "--quick", "--only", "mass-bound", "--out", "one")
    assert refused.returncode == 2 and "--overwrite" in refused.stderr
    assert tree(lodestone.folder) == before
    # --overwrite takes the old run's files, and leaves what is not its own.
    (lodestone.folder / "one/data/notes.txt").write_text("mine")
    (lodestone.folder / "one/data/lem-5.1.csv").write_text("old")
    lodestone.done(
        *["lab", "--config", "one/config.toml", "--only", "lem-6.1", "--quiet"],
        *["--out", "one", "--overwrite"],
    )
    files = set(tree(lodestone.folder / "one"))
    assert {"data/notes.txt", "data/lem-6.1.csv", "lab.json", "index.html"} <= files
    assert not files & {"data/mass-bound.csv", "data/lem-5.1.csv", "figures/mass-bound.svg"}
    config = (lodestone.folder / "one/config.toml").read_text()
    assert 'only = ["lem-6.1"]' in config and "quick = true" in config


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--only", "mass-bond"], ["mass-bond", "did you mean 'mass-bound'"]),
        (["--seed", "-1"], ["seed"]),
        (["--quik"], ["--quik", "--quick"]),
        (["--threads", "0"], ["threads"]),
    ],
)
def test_wrong_flags_are_refused(lodestone, arguments, says):
    lodestone.refused("lab", *arguments, "--out", "none", says=says)


def test_interrupt_keeps_what_was_finished(lodestone):
    process = lodestone.start("lab", "--only", "mass-bound,grad-lower", "--out", "cut")
    end = time.monotonic() + 60
    while not (lodestone.folder / "cut/data/mass-bound.gp").exists():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    entries = read_json(lodestone.folder / "cut/lab.json")
    assert [entry["id"] for entry in entries] == ["mass-bound"]
    assert (lodestone.folder / "cut/index.html").is_file()
