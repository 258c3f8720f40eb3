"""Whole runs on every instruction set of this processor, and by the plain loops: the same bits.

Which sets share their bits is said in docs/architecture.md, "Same bits".
"""

import os
import re

import pytest
from conftest import NAMES, SHORT, assert_refused, read_json, ridge_table, tree, write_csv

VARIABLE = "LODESTONE_INSTRUCTIONS"

# Without fused multiply-adds: same results to rounding, other bits.
UNFUSED = {"SSE4", "SSSE3", "SSE2", "SCALAR"}

RUNS = {
    **SHORT,
    "float32": [*SHORT["sample"], "--precision", "float32"],
    "fit": ["fit", "--data", "table.csv", "--target", "target", "--lambdas", 8, "--bootstrap", 3],
}


def known_sets(lodestone):
    """What this processor has, as the refusal of an unknown name lists it."""
    result = lodestone(*SHORT["population"], env={**os.environ, VARIABLE: "none such"})
    assert_refused(result, VARIABLE)
    return re.search(r"must be of (.*) on this processor", result.stderr).group(1).split(", ")


def without_times(text):
    return re.sub(r'("?seconds"?: )[0-9.e+-]+', r"\1", text)


def bits(folder):
    """Every file of a run's folder, less times and what it ran on."""
    result = {}
    for name, content in tree(folder).items():
        if content is None:
            continue
        text = content.decode()
        if name == "history.csv":
            header, *rows = [line.split(",") for line in text.splitlines()]
            at = header.index("seconds")
            text = str([row[:at] + row[at + 1 :] for row in rows])
        if name == "summary.json":
            summary = read_json(folder / name)
            text = str({k: v for k, v in summary.items() if k not in ("seconds", "backend")})
        result[name] = text
    return result


@pytest.mark.parametrize("name", RUNS)
def test_same_bits_on_all_instruction_sets(lodestone, name):
    write_csv(lodestone.folder / "table.csv", ridge_table(300), NAMES)
    sets = known_sets(lodestone)
    assert "plain" in sets
    compared = {}
    for instructions in sets:
        out = lodestone.folder / instructions
        lodestone.done(
            *RUNS[name],
            *["--out", instructions, "--quiet"],
            env={**os.environ, VARIABLE: instructions},
            timeout=600,
        )
        assert instructions in read_json(out / "summary.json")["backend"]
        if instructions not in UNFUSED:
            compared[instructions] = bits(out)
    plain = compared.pop("plain")
    for instructions, found in compared.items():
        assert found == plain, instructions


def test_small_letters_and_nothing(lodestone):
    for text in ("PLAIN", ""):
        lodestone.done(*SHORT["population"], env={**os.environ, VARIABLE: text})


@pytest.mark.parametrize("given", ["two", "0", "-1", "1025", "1.5"])
def test_threads_of_the_environment_are_checked(lodestone, given):
    result = lodestone(*SHORT["population"], env={**os.environ, "LODESTONE_THREADS": given})
    assert_refused(result, ("LODESTONE_THREADS", given))
