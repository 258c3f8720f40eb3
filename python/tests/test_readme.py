"""README's Python prints what README shows."""

import os
import pathlib
import subprocess
import sys

import pytest
from conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def block_after(words):
    """The first block of code after these words."""
    return README.split(words, 1)[1].split("\n```", 1)[1].split("\n", 1)[1].split("```\n", 1)[0]


@pytest.mark.parametrize(
    "program, shown",
    [
        (["-c", block_after("with 10% noise, and fit it:")], block_after("It prints:")),
        ([REPOSITORY / "examples" / "diabetes.py"], block_after("python examples/diabetes.py")),
    ],
    ids=["three-lines", "diabetes"],
)
def test_readme_shows_what_is_printed(program, shown):
    processor = pathlib.Path("/proc/cpuinfo")
    if not processor.exists() or " fma " not in processor.read_text():
        pytest.skip("README's last digits are those of processors with fused multiply-adds")
    environment = {name: value for name, value in os.environ.items() if name != "LODESTONE_INSTRUCTIONS"}
    done = subprocess.run(
        [sys.executable, *program], capture_output=True, text=True, encoding="utf-8", timeout=300,
        env={**environment, "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown


def test_the_first_example_is_readmes():
    example = (REPOSITORY / "examples" / "first_fit.py").read_text(encoding="utf-8")
    lines = block_after("with 10% noise, and fit it:").split("import lodestone\n\n", 1)[1]
    assert lines in example
