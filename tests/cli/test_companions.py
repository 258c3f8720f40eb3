"""What the Python package does for the program, where it is absent."""

import os

import pytest


@pytest.fixture
def bare_python(tmp_path, monkeypatch):
    """An interpreter that finds no installed packages."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nunset PYTHONPATH\nexec /usr/bin/env python3 -S "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("LODESTONE_PYTHON", str(python))
    (tmp_path / "lodestone.py").write_text("raise SystemExit('shadowed')")


@pytest.fixture(params=[b"PAR1\x15\x04", b"ARROW1\0\0", b"\xff\xff\xff\xff\x70\0\0\0"])
def columnar_file(tmp_path, request):
    """The beginning of a Parquet file, an Arrow file and an Arrow stream."""
    (tmp_path / "table").write_bytes(request.param)
    return "table"


@pytest.mark.usefixtures("bare_python")
@pytest.mark.parametrize("verb", ["report", "export"])
def test_without_the_package_the_line_says_how_to_get_it(lodestone, tmp_path, verb):
    result = lodestone(verb, "some-run", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("lodestone: error: this verb comes with the Python package")
    assert result.stderr.count("\n") == 1


def test_without_python_the_line_says_so(lodestone, monkeypatch):
    monkeypatch.setenv("LODESTONE_PYTHON", os.devnull)
    result = lodestone("report", "some-run")
    assert result.returncode == 2
    assert "needs Python 3" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.usefixtures("bare_python")
def test_tables_without_the_package(lodestone, columnar_file):
    lodestone.refused("fit", columnar_file, "y", says=[
        "error: table: this kind of file is read by the Python package", "install it with: pip install",
    ])  # fmt: skip


def test_tables_without_python(lodestone, columnar_file, monkeypatch):
    monkeypatch.setenv("LODESTONE_PYTHON", os.devnull)
    lodestone.refused("train", "--data", columnar_file, "--target", "y", says=[
        "error: table: Parquet and Arrow files are read by Python 3 with the package lodestone",
        "cannot be started",
    ])  # fmt: skip


def test_tables_where_python_ends_without_a_word(lodestone, columnar_file, monkeypatch):
    for program, status in (("#!/bin/sh\nexit 7\n", "7"), ("#!/bin/sh\nkill -SEGV $$\n", "139")):
        (lodestone.folder / "python").write_text(program)
        (lodestone.folder / "python").chmod(0o755)
        monkeypatch.setenv("LODESTONE_PYTHON", str(lodestone.folder / "python"))
        lodestone.refused("fit", columnar_file, "y", says=f"table: the Python package ended with status {status}")
