"""The package as a whole: what it says about itself."""

import inspect
import pathlib
import re

import pytest
from conftest import REPOSITORY, command_line

import lodestone


def test_version_is_that_of_the_library(tmp_path):
    assert lodestone.__version__ in command_line("--version", cwd=tmp_path)
    text = (REPOSITORY / "CMakeLists.txt").read_text()
    assert re.search(r"project\(lodestone VERSION ([0-9.]+)", text)[1] == lodestone.__version__


@pytest.mark.parametrize("name", [n for n in lodestone.__all__ if not n.startswith("__")])
def test_everything_public_is_documented(name):
    item = getattr(lodestone, name)
    assert inspect.getdoc(item)
    if not inspect.isclass(item):
        return
    for member, value in vars(item).items():
        if not member.startswith("_") and (callable(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{member}"


def test_types_are_shipped():
    folder = pathlib.Path(lodestone.__file__).parent
    assert (folder / "py.typed").exists()
    stub = (folder / "_core.pyi").read_text()
    assert "class Model" in stub and "def certify" in stub
