"""Parquet and Arrow files on the command line, which has this package read them."""

import csv
import datetime
import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import lodestone
from conftest import PROGRAM, same_bits

pyarrow = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")
ipc = pytest.importorskip("pyarrow.ipc")
parquet = pytest.importorskip("pyarrow.parquet")

pytestmark = pytest.mark.usefixtures("python_of_tests")

ROWS = 80
NASTY = 'a "b", c\nd'
QUICK = ["--lambdas", "5", "--lambda-ratio", "0.05", "--quiet"]


def run(*arguments, cwd, **options):
    """The program in a folder, whatever comes of it."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([PROGRAM, *map(str, arguments)], cwd=cwd, capture_output=True, timeout=300,
                          **options)


def done(*arguments, cwd, **options):
    result = run(*arguments, cwd=cwd, **options)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def refused(*arguments, cwd, says=(), **options):
    """Runs, and expects status 2, one line of error, and the folder as it was."""
    before = files(cwd)
    result = run(*arguments, cwd=cwd, **options)
    error = result.stderr.decode()
    assert result.returncode == 2 and result.stdout == b"", (result.returncode, error)
    assert error.startswith("lodestone: error: ") and error.count("\n") == 1, error
    for part in [says] if isinstance(says, str) else says:
        assert part in error, error
    assert files(cwd) == before
    return error


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file()}


# ---- the same table as files of every kind


def columns_of_everything():
    """A column of each type as Arrow has it, with values that are missing."""
    rng = np.random.default_rng(0)
    with_gaps = [None if i % 13 == 5 else float(x) for i, x in enumerate(rng.normal(size=ROWS))]
    small = [None if i % 17 == 3 else float(x) for i, x in enumerate(rng.normal(size=ROWS))]
    whole = [None if i % 19 == 4 else int(x) for i, x in enumerate(rng.integers(-9, 9, size=ROWS))]
    towns = [None if i % 11 == 2 else ["Jena", NASTY, "Gera", "ÿ,"][i % 4] for i in range(ROWS)]
    y = rng.normal(size=ROWS) + 2.0 * np.maximum(0.0, np.nan_to_num(np.array(with_gaps, dtype=float)))
    return {
        "a": pyarrow.array(with_gaps, pyarrow.float64()),
        "single, \"precision\"": pyarrow.array(small, pyarrow.float32()),
        "whole\nnumbers": pyarrow.array(whole, pyarrow.int16()),
        "large": pyarrow.array([2**53 - i for i in range(ROWS)], pyarrow.int64()),
        "garden": pyarrow.array([i % 3 == 0 for i in range(ROWS)]),
        "town": pyarrow.array(towns),
        "kind": pyarrow.array([["x", "y", "z"][i % 3] for i in range(ROWS)]).dictionary_encode(),
        "weight": pyarrow.array([1 + i % 3 for i in range(ROWS)], pyarrow.uint8()),
        # Neighbours are the same number in float64.
        "user": pyarrow.array([2**60 + i // 4 for i in range(ROWS)], pyarrow.int64()),
        "known": pyarrow.array(rng.normal(size=ROWS) / 8, pyarrow.float64()),
        "y": pyarrow.array(y, pyarrow.float64()),
    }


def as_csv(path, table):
    """By Python's own hands: what CSV has of these columns."""
    columns = [column.to_pylist() for column in table.columns]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        writer.writerows([["" if value is None else repr(value) if isinstance(value, float) else value
                           for value in row] for row in zip(*columns)])


def as_parquet(path, table):
    parquet.write_table(table, path)


def as_parquet_of_many_parts(path, table):
    parquet.write_table(table, path, row_group_size=7, compression="zstd")


def as_compressed_parquet(path, table):
    written = io.BytesIO()
    parquet.write_table(table, written)
    path.write_bytes(gzip.compress(written.getvalue()))


def as_arrow_file(path, table):
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def as_arrow_stream(path, table):
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def as_feather(path, table):
    feather.write_feather(table, str(path))


def as_parquet_of_polars(path, table):
    pytest.importorskip("polars").from_arrow(table).write_parquet(path)


FORMS = {
    "table.parquet": as_parquet,
    "table.pq": as_parquet_of_many_parts,
    "table.parquet.gz": as_compressed_parquet,
    "table.arrow": as_arrow_file,
    "table.arrows": as_arrow_stream,
    "table.feather": as_feather,
    "polars.parquet": as_parquet_of_polars,
}

EVERYTHING = ["--categories", "one-hot", "--missing", "indicator", "--weights", "weight",
              "--groups", "user", "--offset", "known"]


@pytest.fixture(scope="module")
def everything():
    return pyarrow.table(columns_of_everything())


def fitted(folder, name, *more):
    """What a fit leaves, less times and the table's name."""
    done("fit", name, "y", *EVERYTHING, *QUICK, *more, "--out", "run", cwd=folder)
    left = files(folder / "run")
    summary = json.loads(left.pop("summary.json"))
    del summary["seconds"]
    del left["config.toml"], left["origin.json"]
    return {**left, "summary.json": json.dumps(summary).encode()}


@pytest.fixture(scope="module")
def of_csv(everything, tmp_path_factory):
    """A fit to the CSV file, whose name the others take."""
    folder = tmp_path_factory.mktemp("csv")
    as_csv(folder / "table", everything)
    return folder, fitted(folder, "table")


@pytest.mark.parametrize("name", FORMS)
def test_every_kind_of_file_gives_the_bits_of_csv(everything, of_csv, tmp_path, name):
    FORMS[name](tmp_path / name, everything)
    (tmp_path / name).rename(tmp_path / "table")  # content tells, not the name
    assert fitted(tmp_path, "table") == of_csv[1]
    columns = json.loads(of_csv[1]["model.json"])["columns"]
    assert "garden=True" in columns and f"town={NASTY}" in columns and "a is missing" in columns


def test_polars_alone_gives_the_same_bits(everything, of_csv, tmp_path, monkeypatch):
    pytest.importorskip("polars")
    without(monkeypatch, tmp_path / "hidden", "pyarrow")
    for name in ("table.parquet", "table.arrow", "table.arrows"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        FORMS[name](folder / "table", everything)
        assert fitted(folder, "table") == of_csv[1]


def test_estimators_read_the_same(everything, tmp_path):
    """The frame of the file gives the model of the file."""
    everything = everything.drop(["user"])
    as_parquet(tmp_path / "t.parquet", everything)
    done("fit", "t.parquet", "y", "--categories", "one-hot", "--missing", "indicator", *QUICK,
         "--out", "run", cwd=tmp_path)
    model = lodestone.Model.read(str(tmp_path / "run" / "model.json"))
    rows = done("predict", "run", "t.parquet", "--quiet", cwd=tmp_path).decode().splitlines()[1:]
    regressor = lodestone.LodestoneRegressor(weight_decays=5, weight_decay_ratio=0.05,
                                             missing="indicator")
    frame = everything.drop(["y"])
    regressor.fit(frame, np.array(everything["y"]))
    assert regressor.model_.columns == model.columns
    assert same_bits(regressor.predict(frame), np.array(rows, dtype=float))


def without(monkeypatch, folder, *packages):
    """Python processes to come do not find these packages."""
    for package in packages:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("raise ImportError('hidden')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))


# ---- every verb that reads tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Rows in both kinds of file: to learn from, to validate, to test and targets alone."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(1)
    for name, rows in (("table", 60), ("validation", 20), ("test", 20)):
        X = rng.normal(size=(rows, 3))
        y = np.maximum(0.0, X[:, 0] - X[:, 1]) + 0.3 * X[:, 2]
        table = pyarrow.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y})
        as_parquet(folder / f"{name}.parquet", table)
        as_csv(folder / f"{name}.csv", table)
        as_arrow_stream(folder / f"{name}-y.arrows", table.select(["y"]))
        as_csv(folder / f"{name}-y.csv", table.select(["y"]))
        as_parquet(folder / f"{name}-X.parquet", table.drop(["y"]))
        as_csv(folder / f"{name}-X.csv", table.drop(["y"]))
    return folder


def numbers_of(run_folder):
    model = json.loads((run_folder / "model.json").read_text())
    return {key: model[key] for key in ("columns", "affine", "features", "standardization")}


TRAIN = ["--width", "8", "--max-steps", "200", "--tolerance", "0", "--quiet", "--overwrite"]


@pytest.mark.parametrize("more", [
    ["--data", "table{}", "--target", "y", "--validation", "validation{}", "--test", "test{}"],
    ["table-X{}", "--target", "table-y{y}"],
])  # fmt: skip
def test_train_and_verify(tables, more):
    for out, ending, y in (("csv", ".csv", ".csv"), ("parquet", ".parquet", ".arrows")):
        given = [word.format(ending, y=y) for word in more]
        result = run("train", *given, *TRAIN, "--out", out, cwd=tables)
        assert result.returncode == 3, result.stderr  # as many steps as it may have
    assert numbers_of(tables / "csv") == numbers_of(tables / "parquet")
    elsewhere = tables / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    numbers = [json.loads(done("verify", tables / one, "--json", cwd=elsewhere))
               for one in ("csv", "parquet")]
    assert numbers[0]["loss"] == numbers[1]["loss"]


def test_fit_certify_and_predict(tables):
    outputs = []
    for out, ending in (("fit-csv", ".csv"), ("fit-parquet", ".parquet")):
        done("fit", "table" + ending, "y", *QUICK, "--validation", "validation" + ending,
             "--test", "test" + ending, "--out", out, "--overwrite", cwd=tables)
        told = [
            done("certify", out, "--data", "test" + ending, "--json", cwd=tables),
            done("verify", out, "--json", cwd=tables),
            done("predict", out, "test-X" + ending, "--quiet", cwd=tables),
        ]
        outputs.append((numbers_of(tables / out), [text.replace(b"parquet", b"csv") for text in told]))
    assert outputs[0] == outputs[1]


def test_standard_input(tables):
    of_file = done("predict", "run", "test.parquet", "--quiet", cwd=fit_once(tables))
    for name in ("test.parquet", "test.csv"):
        with open(tables / name, "rb") as file:
            assert done("predict", "run", "-", "--quiet", cwd=tables, stdin=file) == of_file


def fit_once(folder):
    if not (folder / "run").exists():
        done("fit", "table.parquet", "y", *QUICK, "--out", "run", cwd=folder)
    return folder


def test_report_of_a_run(tables):
    pytest.importorskip("matplotlib"), pytest.importorskip("jinja2")
    done("report", "run", "--overwrite", cwd=fit_once(tables))
    assert "Predicted against observed" in (tables / "run" / "report.html").read_text()


def test_text_as_in_csv(tmp_path):
    """Text that reads as numbers is numbers, and the words for missing values are missing."""
    table = pyarrow.table({"n": [str(i) for i in range(30)], "t": ["NA", "", "u"] * 10,
                           "y": [float(i % 7) for i in range(30)]})
    as_parquet(tmp_path / "t.parquet", table)
    done("fit", "t.parquet", "y", "--categories", "one-hot", "--missing", "indicator", *QUICK,
         "--out", "run", cwd=tmp_path)
    assert lodestone.Model.read(str(tmp_path / "run/model.json")).columns == ["n", "t=u", "t is missing"]


def test_names_that_are_numbers(tmp_path):
    rng = np.random.default_rng(0)
    as_parquet(tmp_path / "t.parquet", pyarrow.table({str(j): rng.normal(size=30) for j in range(3)}))
    done("fit", "t.parquet", "2", *QUICK, "--out", "run", cwd=tmp_path)
    assert lodestone.Model.read(str(tmp_path / "run/model.json")).columns == ["0", "1"]


def test_the_nameless_index_of_pandas_is_no_column(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(30.0) ** 2, "y": np.arange(30.0)}).sample(30, random_state=0)
    frame.to_parquet(tmp_path / "t.parquet")
    assert "__index_level_0__" in parquet.read_schema(tmp_path / "t.parquet").names
    done("fit", "t.parquet", "y", *QUICK, "--out", "run", cwd=tmp_path)
    assert lodestone.Model.read(str(tmp_path / "run/model.json")).columns == ["a"]


def test_more_rows_than_are_text_at_once(tmp_path):
    rng = np.random.default_rng(0)
    table = pyarrow.table({"a": rng.normal(size=40_000), "y": rng.normal(size=40_000)})
    as_parquet(tmp_path / "t.parquet", table)
    as_csv(tmp_path / "t.csv", table)
    sums = []
    for name in ("t.parquet", "t.csv"):
        done("fit", name, "y", "--lambda", "0.5", "--quiet", "--out", name + "-run", cwd=tmp_path)
        sums.append(numbers_of(tmp_path / (name + "-run")))
    assert sums[0] == sums[1]


# ---- what is refused


def written(folder, columns, name="t.parquet"):
    as_parquet(folder / name, pyarrow.table(columns))
    return folder


Y = [float(i * i % 7) for i in range(12)]
A = [float(i) for i in range(12)]
DAYS = [datetime.date(2024, 1, 1 + i) for i in range(12)]


@pytest.mark.parametrize("odd, says", [
    (DAYS, ["'odd' is '2024-01-01', not a number; make numbers of them: days since a fixed day"]),
    ([datetime.timedelta(hours=i) for i in range(12)], ["make numbers of them"]),
    ([datetime.datetime(2024, 1, 1, i, tzinfo=datetime.timezone.utc) for i in range(12)],
     ["in one zone first"]),
    ([[1.0]] * 12, ["'odd' is", "List", "columns must hold numbers, text, categories or booleans"]),
    ([{"x": 1}] * 12, ["Struct", "columns must hold numbers"]),
    ([b"x"] * 12, ["Binary", "columns must hold numbers"]),
])  # fmt: skip
def test_columns_that_are_neither_numbers_nor_text(tmp_path, odd, says):
    written(tmp_path, {"a": A, "odd": odd, "y": Y})
    for more in ([], ["--categories", "one-hot"]):
        refused("fit", "t.parquet", "y", *QUICK, *more, cwd=tmp_path,
                says=["t.parquet: row 0 (counted from 0), column ", *says])
    done("fit", "t.parquet", "y", "--exclude", "odd", *QUICK, "--out", "run", cwd=tmp_path)
    done("predict", "run", "t.parquet", cwd=tmp_path)  # where no model asks for it, it does not matter


@pytest.mark.parametrize("columns, says", [
    ({"a": ["u", "v"] * 6, "y": Y}, ["'a' holds text ('u')", "--categories one-hot"]),
    ({"a": [True, False] * 6, "y": Y}, ["'a' holds text ('True')", "--categories one-hot"]),
    ({"a": [1.0, None] * 6, "y": Y}, ["row 1 (counted from 0), column 'a' is 'nan'; --missing drop"]),
    ({"a": [1, None] * 6, "y": Y}, ["row 1 (counted from 0), column 'a' is 'null'; --missing drop"]),
    ({"a": [1.0, float("inf")] * 6, "y": Y}, ["column 'a' is 'inf'; numbers must be finite"]),
    ({"a": A, "y": ["u"] * 12}, ["row 0", "'y' is the target and holds text"]),
    ({"a": A, "": A, "y": Y}, ["column 2 has no name"]),
    ({"a": A}, ["--target", "no such column in t.parquet"]),
    ({}, ["holds no columns"]),
    ({"a": pyarrow.array([], pyarrow.float64()), "y": pyarrow.array([], pyarrow.float64())},
     ["no rows"]),
])  # fmt: skip
def test_what_csv_refuses(tmp_path, columns, says):
    written(tmp_path, columns)
    refused("fit", "t.parquet", "y", *QUICK, cwd=tmp_path, says=["t.parquet", *says])


def test_two_columns_of_one_name(tmp_path):
    table = pyarrow.table([pyarrow.array(A), pyarrow.array(A), pyarrow.array(Y)], names=["a", "a", "y"])
    for name in ("t.parquet", "t.arrow"):
        FORMS["table" + name[1:]](tmp_path / name, table)
        refused("fit", name, "y", cwd=tmp_path, says=f"{name}: has two columns of the name 'a'; rename one")


def test_second_file_with_two_columns(tmp_path):
    written(tmp_path, {"a": A, "b": A})
    written(tmp_path, {"y": Y, "z": Y}, "y.parquet")
    refused("fit", "t.parquet", "y.parquet", cwd=tmp_path, says="y.parquet: the file has 2 columns")


def test_damaged_files(tmp_path):
    rng = random.Random(0)
    for name, kind in (("t.parquet", "a Parquet file"), ("t.arrow", "an Arrow file"),
                       ("t.arrows", "an Arrow stream")):  # fmt: skip
        FORMS["table" + name[1:]](tmp_path / name, pyarrow.table({"a": A * 50, "y": Y * 50}))
        whole = (tmp_path / name).read_bytes()
        for length in (12, len(whole) // 3):
            (tmp_path / name).write_bytes(whole[:length])
            refused("fit", name, "y", *QUICK, cwd=tmp_path, says=f"{name}: cannot be read as {kind}")
        for _ in range(2):  # damage in the middle may also be numbers like any others
            broken = bytearray(whole)
            for _ in range(20):
                broken[rng.randrange(8, len(whole))] = rng.randrange(256)
            (tmp_path / name).write_bytes(broken)
            result = run("predict", "absent.json", name, cwd=tmp_path)
            assert result.returncode in (0, 2) and result.stderr.count(b"\n") == 1
        (tmp_path / name).write_bytes(bytes(100))
        refused("fit", name, "y", cwd=tmp_path, says=f"{name}:1: binary data")


def test_without_a_reader_the_line_says_what_to_install(tmp_path, monkeypatch):
    written(tmp_path, {"a": A, "y": Y})
    without(monkeypatch, tmp_path / "hidden", "pyarrow", "polars")
    refused("fit", "t.parquet", "y", cwd=tmp_path,
            says="t.parquet: is a Parquet file; to read it: pip install pyarrow")


def test_python_says_it_likewise(tmp_path):
    """The package's own module reads such files where a run's table is one."""
    from lodestone import _core

    written(tmp_path, {"a": A, "y": Y})
    X, y, names = _core.read_rows({"data": str(tmp_path / "t.parquet"), "target": "y"})
    assert names == ["a"] and X[:, 0].tolist() == A and y.tolist() == Y
    (tmp_path / "t.parquet").write_bytes(b"PAR1\x15")
    with pytest.raises(OSError, match="t.parquet: cannot be read as a Parquet file"):
        _core.read_rows({"data": str(tmp_path / "t.parquet"), "target": "y"})


@pytest.mark.parametrize("group", [True, False])
def test_interrupts_leave_nothing(tmp_path, monkeypatch, group):
    temporary, work = tmp_path / "temporary", tmp_path / "work"
    temporary.mkdir(), work.mkdir()
    written(work, {"a": A, "y": Y})
    started = tmp_path / "started"
    slow = tmp_path / "python"
    slow.write_text(f"#!/bin/sh\necho > {started}\nexec {sys.executable} -c 'import time; time.sleep(20)'\n")
    slow.chmod(0o755)
    monkeypatch.setenv("LODESTONE_PYTHON", str(slow))
    monkeypatch.setenv("TMPDIR", str(temporary))
    before = files(work)
    process = subprocess.Popen([PROGRAM, "fit", "t.parquet", "y", "--out", "run"], cwd=work,
                               start_new_session=True, stderr=subprocess.PIPE)  # fmt: skip
    while not started.exists():
        time.sleep(0.01)
    if group:  # as a terminal does
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert files(work) == before and not (work / "run").exists() and not list(temporary.iterdir())
    if not group:
        os.killpg(process.pid, signal.SIGKILL)  # the reader, which nobody told
