"""Tables: every format gives the same numbers, and the same numbers give the same bits."""

import io
import json

import numpy as np
import pytest
from conftest import NAMES, TEACHER, features, read_json, ridge_table, write_csv

FLAGS = ["--width", 8, "--max-steps", 300, "--tolerance", 0, "--quiet"]


def train(lodestone, out, data, target, *more, **options):
    result = lodestone(
        *["train", "--data", data, "--target", target, *FLAGS, "--out", out, *more], **options
    )
    assert result.returncode == 3, result.stderr
    return lodestone.folder / out


@pytest.fixture
def table():
    """Numbers that float32 holds exactly, so that every format can carry them."""
    return ridge_table().astype(np.float32).astype(np.float64)


@pytest.fixture
def reference(lodestone, table):
    write_csv(lodestone.folder / "reference.csv", table, ["x0", "x1", "x2", "x3"])
    return train(lodestone, "reference", "reference.csv", "x3")


def as_float64(path, table):
    np.save(path, table)


def as_float32(path, table):
    np.save(path, table.astype(np.float32))


def as_fortran_order(path, table):
    np.save(path, np.asfortranarray(table))


def as_big_endian(path, table):
    np.save(path, table.astype(">f8"))


def as_npz(path, table):
    np.savez(path, note=np.zeros(3), table=table)


def as_compressed_npz(path, table):
    np.savez_compressed(path, table)


FORMATS = {
    "float64.npy": as_float64,
    "float32.npy": as_float32,
    "fortran.npy": as_fortran_order,
    "big-endian.npy": as_big_endian,
    "several.npz": as_npz,
    "compressed.npz": as_compressed_npz,
}


@pytest.mark.parametrize("name", FORMATS)
def test_array_files_give_the_bits_of_csv(lodestone, table, reference, name):
    """The target is given by its column number."""
    FORMATS[name](lodestone.folder / name, table)
    assert features(train(lodestone, "run", name, 3)) == features(reference)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(lodestone, table, reference, delimiter):
    write_csv(lodestone.folder / "table.csv", table, ["x0", "x1", "x2", "x3"], delimiter)
    assert features(train(lodestone, "run", "table.csv", "x3")) == features(reference)


@pytest.mark.parametrize("delimiter, name", [(":", ":"), ("\t", "tab"), (" ", " ")])
def test_delimiter_can_be_given(lodestone, table, reference, delimiter, name):
    write_csv(lodestone.folder / "table.csv", table, ["x0", "x1", "x2", "x3"], delimiter)
    run = train(lodestone, "run", "table.csv", "x3", "--delimiter", name)
    assert features(run) == features(reference)


def test_windows_text_is_read(lodestone, table, reference):
    """Byte order mark, carriage returns, quotes, blanks and no line end at the end."""
    rows = "\r\n".join(", ".join(f'"{value!r}"' for value in row) for row in table.tolist())
    content = "\ufeff" + '"x0", "x1", "x2", "x3"\r\n' + rows
    (lodestone.folder / "table.csv").write_bytes(content.encode())
    assert features(train(lodestone, "run", "table.csv", "x3")) == features(reference)


def test_target_may_be_a_second_file(lodestone, table, reference):
    np.save(lodestone.folder / "X.npy", table[:, :3])
    np.save(lodestone.folder / "y.npy", table[:, 3])
    run = train(lodestone, "run", "X.npy", "y.npy")
    assert features(run) == features(reference)


def test_target_may_be_a_second_csv_file(lodestone, table, reference):
    write_csv(lodestone.folder / "X.csv", table[:, :3], NAMES[:3])
    write_csv(lodestone.folder / "y.csv", table[:, 3:], ["target"])
    run = train(lodestone, "run", "X.csv", "y.csv")
    assert features(run) == features(reference)
    assert read_json(run / "model.json")["columns"] == ["a", "b", "c"]


def test_target_may_be_any_column(lodestone, table, reference):
    """Which column holds the target does not matter, nor whether it is named or counted."""
    moved = np.column_stack([table[:, 3], table[:, :3]])
    write_csv(lodestone.folder / "table.csv", moved, ["target", "a", "b", "c"])
    for out, target in [("named", "target"), ("counted", 0)]:
        assert features(train(lodestone, out, "table.csv", target)) == features(reference)


def test_array_of_an_archive_can_be_named(lodestone, table, reference):
    np.savez(lodestone.folder / "data.npz", first=table[:, :2], second=table)
    assert features(train(lodestone, "run", "data.npz:second", 3)) == features(reference)


def test_standard_input_gives_the_same_bits(lodestone, table, reference):
    text = (lodestone.folder / "reference.csv").read_text()
    run = train(lodestone, "csv", "-", "x3", input=text)
    assert features(run) == features(reference)
    binary = io.BytesIO()
    np.save(binary, table)
    run = train(lodestone, "npy", "-", 3, input=binary.getvalue(), text=False)
    assert features(run) == features(reference)


def test_columns_keep_their_names(lodestone, table_file):
    model = read_json(train(lodestone, "run", table_file, "target") / "model.json")
    assert model["columns"] == ["a", "b", "c"]
    assert model["target"] == "target"


def test_shares_of_rows_are_kept_aside(lodestone, table_file):
    run = train(lodestone, "run", table_file, "target", "--test-share", 0.25)
    summary = read_json(run / "summary.json")
    assert summary["test"]["rows"] == 15
    assert summary["validation"]["rows"] == 4
    assert summary["training_rows"] == 41
    run = train(lodestone, "all", table_file, "target", "--test-share", 0, "--validation-share", 0)
    summary = read_json(run / "summary.json")
    assert summary["training_rows"] == 60
    assert "test" not in summary


def test_units_do_not_matter(lodestone):
    """Rescaled columns and target give the same predictions in the new units."""
    table = ridge_table()
    units = np.array([1000.0, 1e-3, 1.0, 50.0])
    rmse = []
    for name, values in [("plain", table), ("scaled", table * units + 7.0 * units)]:
        write_csv(lodestone.folder / f"{name}.csv", values, NAMES)
        lodestone.done(
            *["train", "--data", f"{name}.csv", "--target", "target", "--width", 20, "--quiet"],
            *["--out", name, "--tolerance", 1e-5],
        )
        rmse.append(read_json(lodestone.folder / name / "summary.json")["test"]["rmse"])
    assert rmse[1] / 50.0 == pytest.approx(rmse[0], rel=0.05)


# ---- sample


def test_sample_writes_a_table(lodestone):
    result = lodestone.done("sample", "--teacher", TEACHER, "--samples", 7)
    lines = result.stdout.splitlines()
    assert lines[0] == ",".join([f"x{j}" for j in range(8)] + ["y"])
    assert len(lines) == 8
    assert result.stderr == ""


def test_sample_is_the_same_in_every_format(lodestone):
    flags = ["sample", "--teacher", TEACHER, "--samples", 50, "--noise", 0.2, "--seed", 3]
    text = lodestone.done(*flags).stdout
    lodestone.done(*flags, "--out", "rows.csv", "--quiet")
    lodestone.done(*flags, "--out", "rows.npy", "--quiet")
    assert (lodestone.folder / "rows.csv").read_text() == text
    values = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1)
    assert np.array_equal(np.load(lodestone.folder / "rows.npy"), values)


def test_sample_follows_the_teacher(lodestone, small_run):
    """Without noise y is the hidden network; with noise its deviation is the share asked for."""
    teacher = read_json(small_run / "teacher.json")
    flags = ["sample", "--teacher", small_run / "teacher.json", "--samples", 20000, "--quiet"]
    lodestone.done(*flags, "--out", "clean.npy")
    lodestone.done(*flags, "--out", "noisy.npy", "--noise", 0.5)
    clean = np.load(lodestone.folder / "clean.npy")
    noisy = np.load(lodestone.folder / "noisy.npy")
    hidden = np.maximum(0.0, clean[:, :8] @ np.transpose(teacher["directions"]))
    target = hidden @ np.array(teacher["amplitudes"])
    assert np.allclose(clean[:, 8], target, rtol=0, atol=1e-13)
    assert np.array_equal(noisy[:, :8], clean[:, :8]), "noise leaves the inputs alone"
    share = np.std(noisy[:, 8] - target) / np.std(target)
    assert share == pytest.approx(0.5, rel=0.05)
    assert np.allclose(clean[:, :8].mean(axis=0), 0.0, atol=0.04)
    assert np.allclose(clean[:, :8].std(axis=0), 1.0, atol=0.04)


def test_more_samples_begin_with_the_same_rows(lodestone):
    few = lodestone.done("sample", "--teacher", TEACHER, "--samples", 5, "--noise", 0.1).stdout
    many = lodestone.done("sample", "--teacher", TEACHER, "--samples", 9, "--noise", 0.1).stdout
    assert many.startswith(few)


def test_sample_takes_a_config_file(lodestone):
    """Every flag has a key, and flags win."""
    flags = ["--teacher", TEACHER, "--samples", 6, "--noise", 0.1, "--seed", 2]
    expected = lodestone.done("sample", *flags).stdout
    (lodestone.folder / "rows.toml").write_text(
        f'teacher = "{TEACHER}"\nsamples = 6\nnoise = 0.1\nseed = 7\nthreads = 1\n'
        'out = "rows.csv"\nquiet = true\noverwrite = true\n'
    )
    result = lodestone.done("sample", "--config", "rows.toml", "--seed", 2)
    assert result.stdout == "" and result.stderr == ""
    assert (lodestone.folder / "rows.csv").read_text() == expected


def test_sample_with_json_says_what_was_written(lodestone):
    flags = ["sample", "--teacher", TEACHER, "--samples", 6, "--out", "rows.csv", "--json"]
    result = lodestone.done(*flags)
    assert json.loads(result.stdout)["rows"] == 6
    assert result.stderr == ""
    # The table and the summary cannot both go to standard output.
    lodestone.refused("sample", "--teacher", TEACHER, "--json", says=["--json", "--out"])


def test_sample_replaces_files_only_when_told(lodestone):
    (lodestone.folder / "rows.csv").write_text("precious")
    flags = ["sample", "--teacher", TEACHER, "--samples", 5, "--out", "rows.csv"]
    lodestone.refused(*flags, says=["rows.csv", "--overwrite"])
    lodestone.done(*flags, "--overwrite")
    assert (lodestone.folder / "rows.csv").read_text().startswith("x0,")


@pytest.mark.parametrize(
    "flags, says",
    [
        (["--samples", 0], ["samples", "at least 1"]),
        (["--samples", -3], ["samples", "-3"]),
        (["--samples", 1.5], ["samples", "1.5"]),
        (["--noise", -1], "noise"),
        (["--noise", "nan"], "noise"),
        (["--seed", -1], ["seed", "-1"]),
        (["--out", "absent/rows.csv"], ["absent/rows.csv", "No such file"]),
        (["--out", "."], "directory"),
        (["--out", "/dev/full"], ["/dev/full", "No space left"]),
    ],
)
def test_bad_sample_is_refused(lodestone, flags, says):
    lodestone.refused("sample", "--teacher", TEACHER, *flags, says=says)


@pytest.mark.parametrize("noise", [0, 0.2])
def test_training_on_samples_equals_training_on_their_file(lodestone, noise):
    """`train --samples` draws what `sample` writes: the models agree to the bit."""
    rows = ["--teacher", TEACHER, "--samples", 300, "--noise", noise, "--seed", 6]
    train_flags = ["--width", 20, "--stagnation", 0.01, "--quiet", "--seed", 6]
    lodestone.done("train", *rows, *train_flags[:-2], "--out", "drawn")
    as_drawn = ["--standardize", "none", "--biases", "off", "--test-share", 0, "--target", "y"]
    for name in ("rows.csv", "rows.npy"):
        lodestone.done("sample", *rows, "--out", name, "--quiet")
        target = "y" if name == "rows.csv" else 8
        flags = [*train_flags, *as_drawn[:-1], target]
        lodestone.done("train", "--data", name, *flags, "--out", f"run-{name}")
        assert features(lodestone.folder / f"run-{name}") == features(lodestone.folder / "drawn")


def test_sample_can_be_piped_into_train(lodestone, tmp_path):
    """lodestone sample ... | lodestone train --data - ..."""
    text = lodestone.done("sample", "--teacher", TEACHER, "--samples", 200).stdout
    (tmp_path / "rows.csv").write_text(text)
    from_file = train(lodestone, "file", "rows.csv", "y")
    piped = train(lodestone, "piped", "-", "y", input=text)
    assert features(piped) == features(from_file)
