"""Every example runs, and says what it promises."""

import subprocess
import sys

import pytest
from conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
SAYS = {
    "recover_teacher": "4 of 4 hidden directions recovered",
    "diabetes": "features at lambda",
    "certify_mlp": "lodestone:    penalized loss",
    "sweep": "width  100: all directions recovered in 4 of 4 runs",
    "story": "3 of 3 recovered",
}


def test_all_are_listed():
    assert {file.stem for file in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_example(name, tmp_path):
    arguments = ["--figures", "figures"] if name == "story" else []
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout
    if name == "story":
        drawn = {file.stem for file in (tmp_path / "figures").iterdir()}
        assert drawn == {"timeline", "neurons", "certificate", "path", "features", "loadings"}
