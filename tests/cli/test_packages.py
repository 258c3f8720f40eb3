"""What a machine without the libraries is told when Lodestone is built there, by pip too; and what packages of
Lodestone hold."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from conftest import PROGRAM, REPOSITORY

# In the list, but no library.
TOOLS = {"g++", "cmake", "ninja-build"}


def package_rows():
    """The rows of packaging/packages.txt: uses, names on Debian, Fedora, Arch and in Homebrew, purpose."""
    lines = (REPOSITORY / "packaging" / "packages.txt").read_text().splitlines()
    return [line.split(maxsplit=5) for line in lines if not line.startswith("#")]


def debian_names(use="build"):
    """The packages that `./run packages` installs, or those of another use."""
    return {row[1] for row in package_rows() if use in row[0].split(",")}


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
    assert "Fedora, Arch and in Homebrew" in said
    assert "apt-get install libtbb-dev libfmt-dev libcli11-dev " in said


@pytest.mark.parametrize("there, wanted", [("3.4.1", "3.4"), ("5.0.1", "5"), ("3.3.9", None), ("6.0.0", None)])
def test_eigen_of_two_major_versions_is_taken(tmp_path, there, wanted):
    """A package of that version, with the rules of Eigen's own: the same major version, at least what is asked for."""
    package = tmp_path / "there" / "share" / "eigen3" / "cmake"
    package.mkdir(parents=True)
    (package / "Eigen3Config.cmake").write_text("add_library(Eigen3::Eigen INTERFACE IMPORTED)\n")
    (tmp_path / "CMakeLists.txt").write_text(f"""
        cmake_minimum_required(VERSION 3.25)
        project(user LANGUAGES NONE)
        include(CMakePackageConfigHelpers)
        write_basic_package_version_file({package}/Eigen3ConfigVersion.cmake
          VERSION {there} COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
        set(CMAKE_PREFIX_PATH {tmp_path}/there)  # and nowhere else
        set(CMAKE_FIND_USE_CMAKE_SYSTEM_PATH OFF)
        set(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)
        include({REPOSITORY}/cmake/eigen.cmake)
        if(Eigen3_FOUND)
          message(STATUS "found ${{Eigen3_VERSION}}, users need ${{LODESTONE_EIGEN_VERSION}}.")
        endif()
    """)
    done = subprocess.run(
        ["cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build"],
        check=True, capture_output=True, text=True, timeout=60,
    )
    assert ("found" in done.stdout) == (wanted is not None)
    if wanted:
        assert f"found {there}, users need {wanted}." in done.stdout


# ---- machines without Debian's packages


def test_every_package_has_a_name_everywhere():
    rows = package_rows()
    assert all(len(row) == 6 for row in rows)
    assert len({row[1] for row in rows}) == len(rows)
    uses = {use for row in rows for use in row[0].split(",")}
    assert uses == {"build", "test", "docs", "count", "wheel", "fuzz", "ci"}


def run_with(tmp_path, manager, *words):
    """What ./run says where this is the only package manager."""
    for name in ["awk", "dirname", "id"]:
        (tmp_path / name).symlink_to(shutil.which(name))
    if manager:
        (tmp_path / manager).write_text("#!/bin/sh\necho it was run; exit 1\n")
        (tmp_path / manager).chmod(0o755)
    done = subprocess.run(
        [REPOSITORY / "run", *words], check=True, capture_output=True, text=True, env={"PATH": str(tmp_path)}
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "manager, command, column, unknown",
    [
        ("dnf", "dnf install", 2, set()),
        ("pacman", "pacman -S --needed", 3, {"librandom123-dev"}),
        ("brew", "brew install", 4, {"librandom123-dev"}),
    ],
)
def test_other_package_managers_get_one_command_to_copy(tmp_path, manager, command, column, unknown):
    said = run_with(tmp_path, manager, "packages")
    copied = [line for line in said.splitlines() if line.startswith("  ")]
    assert len(copied) == 1
    words = copied[0].removeprefix("  ").removeprefix("sudo ")
    assert words.startswith(command + " ")
    rows = [row for row in package_rows() if "build" in row[0].split(",")]
    names = {name for row in rows for name in row[column].split(",")} - {"-", "none"}
    assert set(words.removeprefix(command).split()) == names
    assert {row[1] for row in rows if row[column] == "none"} == unknown
    for name in unknown:
        assert f"no package is known there for Debian's {name}" in said


def test_an_unknown_package_manager_gets_the_debian_names(tmp_path):
    said = run_with(tmp_path, None, "packages")
    assert "by its Debian name:" in said
    assert set(said.split("Debian name:")[1].split()) == debian_names()


def test_packages_are_asked_for_by_their_use(tmp_path):
    said = run_with(tmp_path, None, "packages", "docs", "count")
    assert set(said.split("Debian name:")[1].split()) == debian_names("docs") | debian_names("count")


def test_a_package_that_comes_with_another_needs_no_name(tmp_path):
    said = run_with(tmp_path, "pacman", "need", "libgtest-dev", "libgmock-dev", "some-package")
    assert "pacman -S --needed gtest\n" in said
    assert "no package is known there for Debian's some-package:" in said


# ---- packages that are made of Lodestone

# Part of every Linux that runs wheels (manylinux).
SYSTEM = {"linux-vdso", "ld-linux-x86-64", "libc", "libm", "libstdc++", "libgcc_s", "libz"}


def text_of(*path):
    return REPOSITORY.joinpath(*path).read_text(encoding="utf-8")


def test_the_libraries_in_a_wheel_are_documented():
    release = pathlib.Path("/etc/os-release")
    if not release.exists() or "VERSION_CODENAME=bookworm" not in release.read_text():
        pytest.skip("the documented list is that of Debian 12, which CI runs on: other systems name others")
    linked = subprocess.run(["ldd", PROGRAM], check=True, capture_output=True, text=True).stdout
    libraries = {pathlib.Path(line.split()[0]).name for line in linked.splitlines()}
    table = text_of("docs", "architecture.md").partition("| library | of | licence |\n")[2]
    documented = re.findall(r"^\| (lib\S+) \|", table, re.MULTILINE)
    assert {name for name in libraries if name.split(".so")[0] not in SYSTEM} == set(documented)


def test_the_conda_recipe_agrees_with_cmake_and_pyproject():
    recipe = text_of("packaging", "conda-forge", "recipe.yaml")
    version = re.search(r"project\(lodestone VERSION ([0-9.]+)", text_of("CMakeLists.txt"))[1]
    assert f'version: "{version}"' in recipe
    needed = tomllib.loads(text_of("pyproject.toml"))["project"]["dependencies"]
    running = recipe.partition("  run:\n")[2].partition("\n\n")[0]
    named = re.findall(r"- (.*)", running)
    assert [name.replace(" ", "") for name in named if name != "python"] == needed


def test_the_command_of_an_environment_starts_the_program_in_its_package(tmp_path):
    package = tmp_path / "packages" / "lodestone"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('the command needs no import')\n")
    program = package / "bin" / "lodestone"
    program.write_text('#!/bin/sh\necho "$LODESTONE_PYTHON" "$@"\n')
    program.chmod(0o755)
    command = tmp_path / "lodestone"
    command.write_text(text_of("python", "program.py"))
    environment = {name: value for name, value in os.environ.items() if name != "LODESTONE_PYTHON"}
    done = subprocess.run(
        [sys.executable, command, "fit", "table.csv"],
        check=True, capture_output=True, text=True, env={**environment, "PYTHONPATH": str(package.parent)},
    )
    # The verbs that the package does find their interpreter.
    assert done.stdout.split() == [sys.executable, "fit", "table.csv"]
