"""README's commands print what README shows."""

import os
import pathlib
import re
import shlex

import pytest
from conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()


def block_after(words):
    """The first block of code after these words."""
    return README.split(words, 1)[1].split("```\n", 2)[1]


def commands(block):
    return [shlex.split(line)[1:] for line in block.splitlines() if line.startswith("lodestone ")]


def demo():
    """The command that `./run demo` runs."""
    script = (REPOSITORY / "run").read_text().replace("\\\n", "")
    return [shlex.split(re.search(r'^demo="\$app (.*)"$', script, re.MULTILINE)[1])]


@pytest.fixture
def fused():
    """The environment for the bits of processors with fused multiply-adds (docs/architecture.md, Same bits)."""
    processor = pathlib.Path("/proc/cpuinfo")
    if not processor.exists() or " fma " not in processor.read_text():
        pytest.skip("README's last digits are those of processors with fused multiply-adds")
    return {name: value for name, value in os.environ.items() if name != "LODESTONE_INSTRUCTIONS"}


@pytest.mark.parametrize(
    "lines, shown",
    [
        (demo(), block_after("prints what was found:")),
        (commands(block_after("with 10% noise:")), block_after("It prints, here with lines left out")),
    ],
    ids=["demo", "table"],
)
def test_readme_shows_what_is_printed(lodestone, fused, lines, shown):
    printed = [lodestone.done(*line, env=fused).stdout for line in lines][-1].splitlines()

    def without_seconds(line):
        return re.sub(r", [0-9.]+ s$", "", line).rstrip()

    printed = [without_seconds(line) for line in printed]
    missing = [line for line in map(without_seconds, shown.splitlines()) if line not in printed]
    assert not missing
