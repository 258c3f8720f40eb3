"""bench: what it reports and refuses. How fast anything is, is not tested."""

import json

import pytest
from conftest import read_json

TINY = ["bench", "--case", "sample,correlation,threads", "--size", "400,5,16", "--seconds", "0.01"]
BOTH = ["--precision", "both"]


@pytest.fixture(scope="module")
def report(shared):
    return read_json(shared.run_to("bench", TINY) / "bench.json")


def test_report_has_the_promised_fields(report):
    assert report["threads"] >= 1
    cases = [one["case"] for one in report["measurements"]]
    assert cases == ["sample", "correlation", "threads", "threads"]
    for one in report["measurements"]:
        assert one["precision"] == "float64"
        assert one["repetitions"] >= 3
        for key in ("median_seconds", "gigaflops", "share_of_peak"):
            assert one[key] > 0
    assert report["measurements"][0]["size"] == {"n": 400, "d": 5, "m": 16}
    assert [finding["case"] for finding in report["findings"]] == ["threads"]


def test_rows_in_both_precisions(lodestone):
    result = lodestone.done("bench", "--case", "sample", *TINY[3:], *BOTH, "--json")
    lines = json.loads(result.stdout)["measurements"]
    assert [one["precision"] for one in lines] == ["float64", "float32"]


def test_json_is_all_of_standard_output(lodestone):
    result = lodestone.done("bench", "--case", "sample", *TINY[3:], "--json")
    assert json.loads(result.stdout)["measurements"][0]["case"] == "sample"
    assert result.stderr == ""


def test_table_has_a_line_for_each_measurement(lodestone):
    lines = lodestone.done("bench", "--case", "sample", *TINY[3:]).stdout.splitlines()
    assert lines[0].split()[:3] == ["case", "size", "precision"]
    assert [line.split()[0] for line in lines[1:]] == ["sample"]


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--case", "smaple"], ["case", "'smaple'", "did you mean 'sample'?"]),
        (["--size", "400,5"], ["size", "n,d,m"]),
        (["--size", "5,5,16"], ["size", "n >= d + 2"]),
        (["--precision", "float16"], ["precision", "float64"]),
        (["--seconds", "0"], ["seconds", "positive"]),
    ],
)
def test_what_is_refused(lodestone, arguments, says):
    lodestone.refused("bench", *arguments, "--out", "bench", says=says)


def test_an_earlier_report_is_kept(lodestone):
    arguments = ["bench", "--case", "sample", *TINY[3:]]
    lodestone.run_to("once", arguments)
    lodestone.refused(*arguments, "--out", "once", says=["exists", "--overwrite"])
    lodestone.done(*arguments, "--out", "once", "--overwrite", "--quiet")
