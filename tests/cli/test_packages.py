"""What a machine without the libraries is told when Lodestone is built there, by pip too."""

import os
import re
import subprocess

from conftest import REPOSITORY

# In the list of ./run, but no library.
TOOLS = {"g++", "cmake", "ninja-build"}


def debian_names():
    """The packages that `./run packages` installs."""
    text = (REPOSITORY / "run").read_text()
    listed = re.search(r'build_packages="\n(.*?)"', text, re.DOTALL)[1]
    return {line.split("#")[0].strip() for line in listed.splitlines()}


def test_every_library_has_its_debian_package():
    text = (REPOSITORY / "cmake" / "dependencies.cmake").read_text()
    named = re.findall(r'^ *lodestone_require\(\w+ ".*" (\S+)\)', text, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == debian_names() - TOOLS


def test_one_message_names_everything_that_is_missing(tmp_path):
    absent = ["TBB", "fmt", "CLI11"]
    flags = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in absent]
    # The compiler is no subject here: it needs a folder for its temporary files, whatever TMPDIR the tests run under.
    environment = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    done = subprocess.run(
        ["cmake", "-G", "Ninja", "-S", REPOSITORY, "-B", tmp_path, "-DLODESTONE_BUILD_TESTS=OFF", *flags],
        capture_output=True, text=True, timeout=120, env=environment,
    )
    assert done.returncode != 0
    assert done.stderr.count("CMake Error") == 1
    said = " ".join(done.stderr.split())
    assert "libraries that were not found: oneTBB, fmt 9, CLI11 2." in said
    assert "./run packages" in said
    assert "apt-get install libtbb-dev libfmt-dev libcli11-dev " in said
