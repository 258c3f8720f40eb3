"""Verbs that the Python package does, where it is absent."""

import os

import pytest


@pytest.mark.parametrize("verb", ["report", "export"])
def test_without_the_package_the_line_says_how_to_get_it(lodestone, tmp_path, monkeypatch, verb):
    # An interpreter that finds no installed packages.
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nunset PYTHONPATH\nexec /usr/bin/env python3 -S "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("LODESTONE_PYTHON", str(python))
    (tmp_path / "lodestone.py").write_text("raise SystemExit('shadowed')")
    result = lodestone(verb, "some-run", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("lodestone: error: this verb comes with the Python package")
    assert result.stderr.count("\n") == 1


def test_without_python_the_line_says_so(lodestone, monkeypatch):
    monkeypatch.setenv("LODESTONE_PYTHON", os.devnull)
    result = lodestone("report", "some-run")
    assert result.returncode == 2
    assert "needs Python 3" in result.stderr and result.stderr.count("\n") == 1
