"""Bad input gets one clear line, exit status 2, and nothing is lost.

Every case runs into a fresh folder, which must not appear, and over an old run, which must stay as
it was to the byte.
"""

import json
import os
import resource
import signal
import subprocess

import numpy as np
import pytest
from conftest import SMALL, TEACHER, assert_refused, ridge_table, tree, write_csv

GOOD = "a,b,y\n" + "".join(f"{i % 7},{i % 5},{i % 3}\n" for i in range(40))
TABLE = ridge_table()


@pytest.fixture(scope="module")
def old_run(shared):
    return tree(shared.run_to("old-run", [*SMALL, "--max-steps", 20], 3))


@pytest.fixture
def refuses(lodestone, old_run):
    """Runs a bad training command as a new run and over an old one."""

    def check(*arguments, says):
        folder = lodestone.folder / "old"
        folder.mkdir()
        for name, content in old_run.items():
            (folder / name).write_bytes(content)
        lodestone.refused("train", *arguments, "--out", "new", says=says)
        lodestone.refused("train", *arguments, "--out", "old", "--overwrite", says=says)
        lodestone.refused("train", *arguments, "--json", says=says)

    return check


def csv_with(*lines):
    return "a,b,y\n1,2,3\n" + "".join(line + "\n" for line in lines)


CSV = {
    "empty": ("", ["data.csv", "empty"]),
    "only-blank-lines": ("\n\n\n", ["data.csv", "empty"]),
    "header-only": ("a,b,y\n", ["data.csv:1: ", "no rows"]),
    "no-header": ("1,2,3\n4,5,6\n", ["data.csv:1: ", "header"]),
    "row-too-short": (csv_with("4,5"), ["data.csv:3: ", "got 2 fields, the header has 3"]),
    "row-too-long": (csv_with("4,5,6,7"), ["data.csv:3: ", "got 4 fields, the header has 3"]),
    "text": (csv_with("4,five,6"), ["data.csv:3: ", "column 'b'", "'five'", "--categories one-hot", "--exclude b"]),
    "decimal-comma": (csv_with('4,"5,5",6'), ["data.csv:3: ", "column 'b'", "points"]),
    "nan": (csv_with("7,8,9", "4,nan,6"), ["data.csv:4: ", "column 'b'", "'nan'"]),
    "missing": (csv_with("4,,6"), ["data.csv:3: ", "column 'b'", "empty"]),
    "not-available": (csv_with("4,NA,6"), ["data.csv:3: ", "column 'b'", "'NA'"]),
    "infinity": (csv_with("4,inf,6"), ["data.csv:3: ", "column 'b'", "'inf'"]),
    "overflow": (csv_with("4,1e999,6"), ["data.csv:3: ", "column 'b'", "float64"]),
    "same-name-twice": ("a,a,y\n1,2,3\n", ["data.csv:1: ", "'a'"]),
    "open-quote": (csv_with('4,"5,6'), ["data.csv:3: ", "quote"]),
    "blank-line-inside": (csv_with("", "4,5,6"), ["data.csv:3: ", "blank line"]),
    "one-column": ("y\n1\n2\n3\n", ["data.csv", "one column"]),
    "compressed": ("\x1f\x8b\x08\x00", ["data.csv", "gzip"]),
}


@pytest.mark.parametrize("case", CSV)
def test_bad_table_is_named_by_file_line_and_column(refuses, lodestone, case):
    content, says = CSV[case]
    (lodestone.folder / "data.csv").write_bytes(content.encode("latin-1"))
    refuses("--data", "data.csv", "--target", "y", says=says)


@pytest.mark.parametrize("content, says", CSV.values(), ids=CSV)
def test_bad_standard_input_is_named(lodestone, content, says):
    """The same messages, with "standard input" in place of the file."""
    result = lodestone(
        *["train", "--data", "-", "--target", "y"], input=content.encode("latin-1"), text=False
    )
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    assert_refused(result, [part.replace("data.csv", "standard input") for part in says])


def test_missing_data_file(refuses):
    refuses("--data", "absent.csv", "--target", "y", says=["absent.csv: ", "No such file"])


def test_folder_as_data_file(refuses, lodestone):
    (lodestone.folder / "folder").mkdir()
    refuses("--data", "folder", "--target", "y", says=["folder: ", "directory"])


def test_unreadable_bytes_in_a_file_name(lodestone):
    """Names need not be UTF-8; the message is still about the file."""
    name = os.fsdecode(b"\xff.csv")
    result = lodestone("train", "--data", name, "--target", "y", errors="surrogateescape")
    assert_refused(result, "No such file")
    (lodestone.folder / name).write_text(GOOD)
    flags = ["--target", "y", "--width", 4, "--max-steps", 5]
    result = lodestone("train", "--data", name, *flags, errors="surrogateescape")
    assert result.returncode == 3 or (result.returncode == 2 and "UTF-8" in result.stderr)
    assert "exception" not in result.stderr


TARGETS = {
    "misspelled": (["--target", "targt"], ["'targt'", "did you mean 'target'?", "a, b, c, target"]),
    "unlike-any": (["--target", "price"], ["'price'", "a, b, c, target"]),
    "number-too-large": (["--target", "4"], ["4", "0 to 3"]),
    "negative": (["--target", "-1"], ["-1", "0 to 3"]),
    "absent": ([], "--target"),
    "missing-file": (["--target", "y.npy"], "'y.npy'"),
    "file-of-other-length": (["--target", "short.csv"], ["short.csv", "2 values", "60 rows"]),
    "file-of-two-columns": (["--target", "wide.csv"], ["wide.csv", "2 columns"]),
}


@pytest.mark.parametrize("case", TARGETS)
def test_bad_target(refuses, lodestone, table_file, case):
    (lodestone.folder / "short.csv").write_text("y\n1\n2\n")
    (lodestone.folder / "wide.csv").write_text("y,z\n1,2\n2,3\n")
    flags, says = TARGETS[case]
    refuses("--data", table_file.name, *flags, says=says)


def test_suggested_columns_are_plausible(lodestone, table_file):
    message = lodestone.refused("train", "--data", "table.csv", "--target", "y")
    assert "did you mean" not in message


def test_constant_target_is_named(refuses, lodestone):
    table = TABLE.copy()
    table[:, 3] = 7.0
    write_csv(lodestone.folder / "data.csv", table, ["a", "b", "c", "strength"])
    refuses("--data", "data.csv", "--target", "strength", says=["strength", "constant"])


def test_inputs_that_never_vary(refuses, lodestone):
    table = TABLE.copy()
    table[:, :3] = 1.0
    write_csv(lodestone.folder / "data.csv", table, ["a", "b", "c", "y"])
    refuses("--data", "data.csv", "--target", "y", says="constant")


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_too_few_rows_for_the_linear_part(refuses, lodestone, rows):
    """Three columns and a constant fit four rows exactly: the message says so."""
    write_csv(lodestone.folder / "data.csv", TABLE[:rows], ["a", "b", "c", "y"])
    shares = ["--test-share", 0, "--validation-share", 0]
    says = "rows" if rows == 1 else ["interpolate", "coefficients"]
    refuses("--data", "data.csv", "--target", "y", *shares, says=says)


def test_too_few_samples_for_the_linear_part(refuses):
    refuses("--teacher", TEACHER, "--samples", 9, says="interpolate")


def numpy_file(name, array):
    return lambda folder: np.save(folder / name, array)


def cut_array(folder):
    np.save(folder / "data.npy", TABLE)
    content = (folder / "data.npy").read_bytes()
    (folder / "data.npy").write_bytes(content[:-9])


def cut_header(folder):
    np.save(folder / "data.npy", TABLE)
    (folder / "data.npy").write_bytes((folder / "data.npy").read_bytes()[:30])


def longer_array(folder):
    np.save(folder / "data.npy", TABLE)
    with open(folder / "data.npy", "ab") as file:
        file.write(b"more")


def order(text):
    def write(folder):
        np.save(folder / "data.npy", TABLE)
        content = (folder / "data.npy").read_bytes()
        assert b"'fortran_order': False" in content
        (folder / "data.npy").write_bytes(
            content.replace(b"'fortran_order': False", b"'fortran_order': " + text)
        )

    return write


def with_value(value):
    table = TABLE.copy()
    table[3, 1] = value
    return numpy_file("data.npy", table)


ARRAYS = {
    "complex": (numpy_file("data.npy", TABLE.astype(complex)), ["complex", "float64"]),
    "text": (numpy_file("data.npy", TABLE.astype(str)), ["text", "float64"]),
    "objects": (numpy_file("data.npy", TABLE.astype(object)), ["Python objects", "float64"]),
    "half": (numpy_file("data.npy", TABLE.astype(np.float16)), ["'<f2'", "float64"]),
    "structured": (numpy_file("data.npy", np.zeros(3, dtype="f8,f8")), "structured"),
    "one-dimension": (numpy_file("data.npy", TABLE[:, 0]), ["(60,)", "2-D"]),
    "three-dimensions": (numpy_file("data.npy", TABLE.reshape(3, 20, 4)), ["(3, 20, 4)", "2-D"]),
    "no-rows": (numpy_file("data.npy", TABLE[:0]), ["(0, 4)", "empty"]),
    "cut": (cut_array, ["cut off", "1920 bytes", "found 1911"]),
    "cut-header": (cut_header, "header"),
    "longer": (longer_array, "bytes follow"),
    "bad-order": (order(b"Maybe"), ["fortran_order", "True or False"]),
    "nan": (with_value(np.nan), ["row 3, column 1", "nan"]),
    "infinity": (with_value(-np.inf), ["row 3, column 1", "inf"]),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_bad_array(refuses, lodestone, case):
    write, says = ARRAYS[case]
    write(lodestone.folder)
    says = [says] if isinstance(says, str) else says
    refuses("--data", "data.npy", "--target", 3, says=["data.npy: ", *says])


def test_archive_with_several_tables_lists_them(refuses, lodestone):
    np.savez(lodestone.folder / "data.npz", first=TABLE, second=TABLE)
    says = ["data.npz: ", "'first', 'second'", "FILE.npz:NAME"]
    refuses("--data", "data.npz", "--target", 3, says=says)
    refuses_name = lodestone.refused("train", "--data", "data.npz:third", "--target", 3)
    assert "'third'" in refuses_name and "'first', 'second'" in refuses_name


TEACHERS = {
    "zero-direction": ([[1, 0], [0, 0]], [1, 1], "direction 2 is zero"),
    "zero-amplitude": ([[1, 0], [0, 1]], [1, 0], "amplitude 2 is zero"),
    "parallel": ([[1, 0], [0, 1], [2, 0]], [1, 1, 1], "directions 1 and 3 are parallel"),
    "opposite": ([[1, 0], [-1, 0]], [1, 1], "directions 1 and 2 are parallel"),
    "ragged": ([[1, 0], [1]], [1, 1], "row 2 has 1"),
    "text": ([[1, 0], [0, "one"]], [1, 1], "numbers only"),
    "too-few-amplitudes": ([[1, 0], [0, 1]], [1], "got 2 and 1"),
    "no-directions": ([], [], "no numbers"),
    "not-rows": ([1, 0], [1], "numbers"),
}


@pytest.mark.parametrize("case", TEACHERS)
def test_bad_teacher(refuses, lodestone, case):
    directions, amplitudes, says = TEACHERS[case]
    text = json.dumps({"directions": directions, "amplitudes": amplitudes})
    (lodestone.folder / "hidden.json").write_text(text)
    refuses("--teacher", "hidden.json", says=["hidden.json: ", says])
    message = lodestone.refused("sample", "--teacher", "hidden.json")
    assert says in message


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "JSON"),
        ('{"directions": [[1, 0]', ["JSON", '"directions"']),
        ('{"directions": [[1, NaN]], "amplitudes": [1]}', "JSON"),
        ('{"directions": [[1, 1e999]], "amplitudes": [1]}', "hidden.json"),
        ("[1, 2]", ['"directions"', '"amplitudes"']),
        ('{"directions": [[1, 0]]}', '"amplitudes"'),
    ],
    ids=["empty", "cut", "nan", "overflow", "list", "missing-key"],
)
def test_bad_teacher_file(refuses, lodestone, text, says):
    (lodestone.folder / "hidden.json").write_text(text)
    says = [says] if isinstance(says, str) else says
    refuses("--teacher", "hidden.json", says=["hidden.json: ", *says])


@pytest.mark.parametrize(
    "teacher, says",
    [
        ("absent.json", ["absent.json: ", "No such file"]),
        ("random:d=2,k=8,min-angle=80", ["min-angle", "80", "8 directions", "2 dimensions"]),
        ("random:min-angle=90", ["min-angle", "90"]),
        ("random:d=0", ["d", "0"]),
        ("random:d=4,k=0", ["k", "0"]),
        ("random:d=4,k=2,r=3", ["r", "3"]),
        ("random:d=four", ["d", "'four'", "whole number"]),
        ("random:dd=4", ["'dd'", "min-angle"]),
        ("random:min-angel=4", ["'min-angel'", "did you mean 'min-angle'?"]),
        ("random:d=4,d=5", ["d=5", "twice"]),
        ("random:d", ["'d'", "KEY=VALUE"]),
        ("random:signs=odd", ["'odd'", "mixed"]),
        ("random:amplitudes=2:1", "LOW:HIGH"),
        ("rnadom:d=4", "rnadom:d=4"),
    ],
)
def test_bad_teacher_description(refuses, teacher, says):
    refuses("--teacher", teacher, says=says)


FLAGS = [
    (["--width", 7], ["width", "7", "even"]),
    (["--width", 0], ["width", "0", "at least 2"]),
    (["--width", -2], ["width", "-2", "at least 2"]),
    (["--width", "1e3"], ["width", "'1e3'", "whole number"]),
    (["--width", "many"], ["width", "'many'", "whole number"]),
    (["--width", "9" * 30], ["width", "out of range"]),
    (["--width", "1000000000000"], "width"),
    (["--seed", -1], ["seed", "-1"]),
    (["--lambda-start", -0.1], ["lambda-start", "-0.1", "positive"]),
    (["--lambda-start", 0], ["lambda-start", "positive"]),
    (["--lambda-start", "inf"], ["lambda-start", "inf"]),
    (["--lambda-start", "nan"], ["lambda-start", "nan"]),
    (["--lambda-end", -1e-9], ["lambda-end", "-1e-09", "positive"]),
    (["--lambda-factor", 1], ["lambda-factor", "between 0 and 1"]),
    (["--lambda-factor", -0.5], ["lambda-factor", "between 0 and 1"]),
    (["--lambda-start-factor", 0], "lambda-start-factor"),
    (["--step", 0], ["step", "positive"]),
    (["--step", -1], ["step", "positive"]),
    (["--step", "fast"], ["step", "'fast'"]),
    (["--tolerance", -1], ["tolerance", "positive"]),
    (["--tolerance", "inf"], ["tolerance", "inf"]),
    (["--epoch-tolerance", 0], "epoch-tolerance"),
    (["--max-epoch-steps", 0], "max-epoch-steps"),
    (["--max-steps", 0], ["max-steps", "at least 1"]),
    (["--max-seconds", 0], ["max-seconds", "positive"]),
    (["--max-seconds", "nan"], "max-seconds"),
    (["--record-every", 0], "record-every"),
    (["--noise", 0.1], ["noise", "--samples"]),
    (["--samples", 100, "--noise", -1], "noise"),
    (["--samples", -1], "samples"),
    (["--test-share", 1], ["test-share", "0.9"]),
    (["--validation-share", -0.1], "validation-share"),
    (["--patience", 0], "patience"),
    (["--standardize", "scaled"], ["'scaled'", "scale"]),
    (["--biases", "yes"], ["biases", "'yes'", "on, off or auto"]),
    (["--precision", "single"], ["precision", "'single'", "float64 or float32"]),
    (["--precision", "float32"], ["precision", "population"]),
    (["--schedule", "halvin"], ["'halvin'", "did you mean 'halving'?"]),
    (["--threads", 0], ["threads", "at least 1"]),
]


@pytest.mark.parametrize("flags, says", FLAGS, ids=[" ".join(map(str, f)) for f, _ in FLAGS])
def test_flag_out_of_range(refuses, flags, says):
    refuses("--teacher", TEACHER, *flags, says=says)


@pytest.mark.parametrize(
    "text, says",
    [
        ("0.1\nlots\n", ["decay.txt:2: ", "'lots'"]),
        ("0.1\n\n-0.05\n", ["decay.txt:3: ", "'-0.05'", ">= 0"]),
        ("0.1\nnan\n", ["decay.txt:2: ", "'nan'"]),
        ("0.1 0.05\n", ["decay.txt:1: ", "one number"]),
        ("# nothing\n", ["decay.txt: ", "no weight decay"]),
        ("", ["decay.txt: ", "no weight decay"]),
    ],
)
def test_bad_schedule_file(refuses, lodestone, text, says):
    (lodestone.folder / "decay.txt").write_text(text)
    refuses("--teacher", TEACHER, "--schedule", "decay.txt", says=says)


@pytest.mark.parametrize("delimiter", ["5", "ab", '"', "."])
def test_bad_delimiter(refuses, table_file, delimiter):
    flags = ["--data", table_file.name, "--target", "target"]
    refuses(*flags, "--delimiter", delimiter, says="delimiter")


# ---- folders and disks


def test_folder_below_a_file(lodestone):
    (lodestone.folder / "file").write_text("precious")
    for out in ("file", "file/run", "file/deep/run"):
        lodestone.refused(*SMALL, "--out", out, says=[out + ": ", "cannot make this folder"])


def test_folder_where_nobody_may_write(lodestone):
    for out in ("/proc/run", "/proc/self/run"):
        lodestone.refused(*SMALL, "--out", out, says=[out + ": ", "another --out"])


def limited(size):
    """Files may not grow beyond a size: writing fails halfway, as on a full disk."""

    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return apply


@pytest.mark.parametrize("limit", [0, 1000])
def test_full_disk_at_the_start(lodestone, limit):
    """Nothing could be saved, so nothing is trained, and no half file stays."""
    result = lodestone(*SMALL, "--out", "run", preexec_fn=limited(limit))
    assert_refused(result, ["run/config.toml: ", "cannot be written"])
    assert [path for path in lodestone.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("limit", [0, 1000])
def test_full_disk_keeps_the_run_that_was_to_be_replaced(lodestone, limit):
    run = lodestone.run_to("run", SMALL)
    before = tree(run)
    result = lodestone(*SMALL, "--out", "run", "--overwrite", preexec_fn=limited(limit))
    assert_refused(result, "cannot be written")
    assert tree(run) == before


def test_full_disk_at_the_end(lodestone):
    """What could be written is whole; the line says which file could not be."""
    flags = [*SMALL, "--record-every", 1]
    result = lodestone(*flags, "--out", "run", "--quiet", preexec_fn=limited(10000))
    assert_refused(result, ["run/", "cannot be written: File too large"])
    names = {path.name for path in (lodestone.folder / "run").iterdir()}
    assert names <= {"config.toml", "origin.json", "teacher.json", "checkpoint"}, "no half or temporary files"
    # With space again, the run goes on and ends as it should.
    lodestone.done("train", "--resume", "run", "--quiet")
    assert (lodestone.folder / "run" / "summary.json").exists()


def test_full_disk_keeps_the_last_checkpoint(lodestone):
    """A resumed run that cannot save leaves the old checkpoint as it was."""
    run = lodestone.run_to("run", [*SMALL, "--max-steps", 100], 3)
    before = tree(run)
    result = lodestone("train", "--resume", "run", "--max-steps", 150, preexec_fn=limited(100))
    assert result.returncode == 2
    assert "cannot be written" in result.stderr
    assert tree(run) == before


@pytest.fixture
def small_disk(lodestone):
    """A file system of a few kilobytes."""
    folder = lodestone.folder / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        # Containers and ordinary users may not mount; test_full_device and the tests with a limit on
        # the size of files cover the same errors there.
        pytest.skip("this user or container may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_really_full_disk(lodestone, small_disk):
    """No space left: said so, with the file; what was there stays."""
    (small_disk / "notes.txt").write_text("mine")
    rows = ["sample", "--teacher", TEACHER, "--samples", 2000]
    lodestone.refused(*rows, "--out", "disk/rows.csv", says=["disk/rows.csv: ", "No space left"])
    result = lodestone(*SMALL, "--record-every", 1, "--out", "disk/run", "--quiet")
    assert_refused(result, ["disk/run/", "No space left"])
    names = {path.name for path in (small_disk / "run").iterdir()}
    assert names <= {"config.toml", "origin.json", "teacher.json", "checkpoint", "model.json"}
    assert (small_disk / "notes.txt").read_text() == "mine"


def test_full_device(lodestone, small_run):
    lodestone.done("sample", "--teacher", TEACHER, "--samples", 5, "--out", "rows.csv", "--quiet")
    flags = ["predict", small_run, "rows.csv"]
    lodestone.refused(*flags, "--out", "/dev/full", says=["/dev/full: ", "No space left"])
    with open("/dev/full", "w") as full:
        result = lodestone(*flags, stdout=full)
    assert_refused(result, ["standard output: ", "No space left"])
