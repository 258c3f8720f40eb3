"""Tables as people have them: weights, columns to leave out, text, missing values, further files."""

import gzip
import json

import numpy as np
import pytest
from conftest import features, read_json, ridge_table, tree, write_csv

FLAGS = ["--width", 8, "--max-steps", 200, "--tolerance", 0]
COLOURS = ["red", "blue, dark", "green"]


def rows_of(seed=0, rows=120):
    """Rows of a, colour, b, weight, id and target, as text."""
    random = np.random.default_rng(seed)
    table = []
    for i in range(rows):
        a, b = random.normal(size=2)
        colour = int(random.integers(3))
        target = max(0.0, a - 0.5 * b) + 0.3 * colour
        table.append([repr(a), COLOURS[colour], repr(b), str(i % 4), f"n{i}", repr(target)])
    return table


HEADER = ["a", "colour", "b", "weight", "id", "target"]


def write(path, rows, header=HEADER, delimiter=",", end="\n"):
    def quoted(cell):
        return f'"{cell}"' if delimiter in cell or "," in cell else cell

    lines = [delimiter.join(map(quoted, row)) for row in [header, *rows]]
    path.write_bytes((end.join(lines) + end).encode())
    return path


@pytest.fixture
def table(lodestone):
    write(lodestone.folder / "table.csv", rows_of())
    return ["--data", "table.csv", "--target", "target"]


def train(lodestone, out, *arguments, status=3):
    return lodestone.run_to(out, ["train", *arguments, *FLAGS], status)


def predictions(text):
    return [float(line) for line in text.split()[1:]]


def evaluate(model, row):
    """model.json's formula, from left to right."""

    def dot(weights):
        total = weights[0] * row[0]
        for weight, entry in zip(weights[1:], row[1:]):
            total += weight * entry
        return total

    value = model["affine"]["alpha"] + dot(model["affine"]["beta"])
    for feature in model["features"]:
        value += feature["amplitude"] * max(0.0, dot(feature["direction"]) + feature["bias"])
    return value


# ---- text


def test_text_is_refused_with_the_flags_that_take_it(lodestone, table):
    lodestone.refused(
        *["train", *table],
        says="table.csv:2: column 'colour' holds text ('red'); --categories one-hot turns such "
        "columns into 0/1 columns, --exclude colour leaves it out",
    )
    lodestone.refused(
        *["train", *table, "--categories", "one-hot"],
        says="table.csv: column 'id' holds 120 different texts, and at most 100 become 0/1 "
        "columns; is it a name of each row? --exclude id leaves it out",
    )


def test_what_a_message_says_can_be_pasted(lodestone):
    """Names that a shell would take apart come quoted."""
    header = ["a", "my colour", "b", "weight", "id, of row", "target"]
    write(lodestone.folder / "table.csv", rows_of(), header)
    flags = ["train", "--data", "table.csv", "--target", "target"]
    lodestone.refused(*flags, says="--exclude 'my colour'")
    lodestone.refused(*flags, "--exclude", "my colour", says="""--exclude '"id, of row"'""")
    assert lodestone(*flags, *FLAGS, "--exclude", 'my colour, "id, of row"').returncode == 3


def test_text_target_is_refused(lodestone, table):
    lodestone.refused(
        *["train", "--data", "table.csv", "--target", "colour", "--categories", "one-hot"],
        says=["table.csv:2: ", "'colour' is the target", "text ('red')", "must be a number"],
    )


def test_predictions_are_the_model_formula_over_the_encoded_columns(lodestone, table):
    run = train(lodestone, "run", *table, "--categories", "one-hot", "--exclude", "id,weight")
    model = read_json(run / "model.json")
    assert model["columns"] == ["a", "colour=blue, dark", "colour=green", "colour=red", "b"]
    assert model["encodings"] == [{"column": "colour", "values": sorted(COLOURS)}]
    rows = rows_of(seed=1, rows=40)
    encoded = [
        [float(a), *[float(colour == value) for value in sorted(COLOURS)], float(b)]
        for a, colour, b, *_ in rows
    ]
    # The columns in another order, others among them, none of which matters.
    order = [4, 2, 1, 0]
    moved = [[row[i] for i in order] for row in rows]
    write(lodestone.folder / "rows.csv", moved, [HEADER[i] for i in order])
    result = lodestone.done("predict", run, "rows.csv")
    assert result.stderr == ""
    expected = [evaluate(model, row) for row in encoded]
    assert predictions(result.stdout) == pytest.approx(expected, rel=1e-13, abs=1e-13)
    # A table of the 0/1 columns themselves gives the same training and the same bits.
    names = ["a", "c0", "c1", "c2", "b", "target"]
    full = [
        [float(a), *[float(colour == value) for value in sorted(COLOURS)], float(b), float(target)]
        for a, colour, b, _, _, target in rows_of()
    ]
    write_csv(lodestone.folder / "numbers.csv", full, names)
    plain = train(lodestone, "plain", "--data", "numbers.csv", "--target", "target")
    assert features(plain) == features(run)
    write_csv(lodestone.folder / "encoded.csv", encoded, names[:5])
    assert lodestone.done("predict", plain, "encoded.csv").stdout == result.stdout


def test_test_error_of_a_test_file_is_that_of_predict(lodestone, table):
    """The error in training, of the model in memory, is the error of the model read back."""
    write(lodestone.folder / "test.csv", rows_of(seed=2, rows=50))
    flags = [*table, "--categories", "one-hot", "--exclude", "id,weight", "--test", "test.csv"]
    run = train(lodestone, "run", *flags)
    out = ["--out", "out.csv", "--json"]
    measured = json.loads(lodestone.done("predict", run, "test.csv", *out).stdout)["test"]
    summary = read_json(run / "summary.json")
    assert summary["test"]["rows"] == measured["rows"] == 50
    assert summary["test"]["rmse"] == measured["rmse"]
    assert summary["test"]["r2"] == pytest.approx(measured["r2"], rel=1e-12)


def test_values_not_seen_in_training_are_counted(lodestone, table):
    run = train(lodestone, "run", *table, "--categories", "one-hot", "--exclude", "id,weight")
    rows = rows_of(seed=1, rows=9)
    for i in (2, 5):
        rows[i][1] = "violet"
    write(lodestone.folder / "rows.csv", rows)
    result = lodestone.done("predict", run, "rows.csv")
    assert result.stderr == (
        "lodestone: warning: rows.csv: 2 values are not in the training data (first: 'violet' in "
        "column 'colour', line 4); the 0/1 columns are all 0 there\n"
    )
    assert len(predictions(result.stdout)) == 9
    model = read_json(run / "model.json")
    expected = evaluate(model, [float(rows[2][0]), 0.0, 0.0, 0.0, float(rows[2][2])])
    assert predictions(result.stdout)[2] == pytest.approx(expected, rel=1e-13)
    assert lodestone.done("predict", run, "rows.csv", "--quiet").stderr == ""
    result = lodestone.done("predict", run, "rows.csv", "--out", "out.csv", "--json")
    assert result.stderr == ""
    assert "violet" in json.loads(result.stdout)["warnings"][0]


def test_column_of_text_must_be_there(lodestone, table):
    run = train(lodestone, "run", *table, "--categories", "one-hot", "--exclude", "id,weight")
    rows = [[row[0], row[2]] for row in rows_of(rows=5)]
    write(lodestone.folder / "rows.csv", rows, ["a", "b"])
    lodestone.refused("predict", run, "rows.csv", says="rows.csv: has no column 'colour'")
    np.save(lodestone.folder / "rows.npy", np.zeros((4, 5)))
    lodestone.refused("predict", run, "rows.npy", says=["rows.npy", "'colour'", "CSV"])


def test_text_where_the_model_takes_numbers_is_refused(lodestone, table):
    run = train(lodestone, "run", *table, "--categories", "one-hot", "--exclude", "id,weight")
    rows = rows_of(rows=5)
    rows[3][0] = "large"
    write(lodestone.folder / "rows.csv", rows)
    says = "rows.csv:5: column 'a' is 'large', not a number, and was a column of numbers"
    lodestone.refused("predict", run, "rows.csv", says=says)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_text_in_every_dialect(lodestone, table, delimiter, end, mark):
    flags = ["--target", "target", "--categories", "one-hot", "--exclude", "id"]
    reference = train(lodestone, "reference", "--data", "table.csv", *flags)
    path = write(lodestone.folder / "other.csv", rows_of(), delimiter=delimiter, end=end)
    path.write_bytes(mark.encode() + path.read_bytes())
    assert features(train(lodestone, "run", "--data", "other.csv", *flags)) == features(reference)


# ---- columns left out


def test_excluded_columns_are_absent(lodestone, table):
    rows = [[row[0], row[2], row[5]] for row in rows_of()]
    write(lodestone.folder / "short.csv", rows, ["a", "b", "target"])
    reference = train(lodestone, "short", "--data", "short.csv", "--target", "target")
    for out, names in [("names", "colour,weight, id"), ("numbers", "1,3,4"), ("both", "id,1,3")]:
        run = train(lodestone, out, *table, "--exclude", names)
        assert features(run) == features(reference)
        assert read_json(run / "model.json")["columns"] == ["a", "b"]
    # A configuration file may say it as a list, or as the flag does.
    for i, text in enumerate(['["colour", "weight", 4]', '"colour,weight,id"']):
        (lodestone.folder / "run.toml").write_text(f"exclude = {text}\n")
        run = train(lodestone, f"config{i}", *table, "--config", "run.toml")
        assert features(run) == features(reference)


@pytest.mark.parametrize(
    "names, says",
    [
        ("color", ["exclude", "'color'", "did you mean 'colour'?", "a, colour, b, weight, id"]),
        ("6", ["exclude", "6", "0 to 5"]),
        ("target", ["exclude", "'target'", "is the target"]),
        ("a,", ["exclude", "'a,'", "separated by commas"]),
        ('"a', ["exclude", "double quotes"]),
        ("a,b,colour,weight,id", "no input is left"),
    ],
)
def test_bad_exclusions_are_refused(lodestone, table, names, says):
    lodestone.refused("train", *table, "--exclude", names, says=says)


@pytest.mark.parametrize("text", ["[1.5]", "[[1]]", "[true]"])
def test_bad_list_in_a_config_is_refused(lodestone, table, text):
    (lodestone.folder / "run.toml").write_text(f"seed = 1\nexclude = {text}\n")
    flags = ["train", *table, "--config", "run.toml"]
    lodestone.refused(*flags, says=["run.toml:2: ", "'exclude'", "list of strings"])


# ---- weights


def test_weights_count_rows(lodestone):
    """Training with weight 0 is training without the row; other weights change the result."""
    rows = rows_of()
    write(lodestone.folder / "all.csv", rows)
    write(lodestone.folder / "some.csv", [row for row in rows if row[3] != "0"])
    common = ["--target", "target", "--categories", "one-hot", "--exclude"]
    flags = [*common, "id"]
    weighted = train(lodestone, "all", "--data", "all.csv", *flags, "--weights", "weight")
    summary = read_json(weighted / "summary.json")
    assert summary["training_rows"] + summary["validation"]["rows"] + summary["test"]["rows"] == 90
    same = train(lodestone, "some", "--data", "some.csv", *flags, "--weights", 3)
    assert features(same) == features(weighted)
    assert read_json(same / "summary.json")["test"] == summary["test"]
    assert "weight" not in read_json(weighted / "model.json")["columns"]
    alike = train(lodestone, "alike", "--data", "some.csv", *common, "id,weight")
    assert features(alike) != features(weighted)


@pytest.mark.parametrize(
    "weight, says",
    [
        ("-1", ["table.csv:4: column 'weight' holds the weight -1", "0 or positive"]),
        ("", ["table.csv:4: column 'weight' is empty", "--missing drop"]),
        ("x", ["table.csv:4: column 'weight'", "'x'", "a weight must be a number"]),
        ("inf", ["table.csv:4: column 'weight' is 'inf'", "finite"]),
    ],
)
def test_bad_weights_are_named_by_line(lodestone, weight, says):
    rows = rows_of()
    rows[2][3] = weight
    write(lodestone.folder / "table.csv", rows)
    flags = ["--data", "table.csv", "--target", "target", "--exclude", "id,colour"]
    lodestone.refused("train", *flags, "--weights", "weight", says=says)


def test_weights_that_say_nothing_are_refused(lodestone, table):
    rows = rows_of()
    for row in rows:
        row[3] = "0"
    write(lodestone.folder / "zero.csv", rows)
    flags = ["train", "--target", "target", "--exclude", "id,colour", "--weights"]
    lodestone.refused(*flags, "weight", "--data", "zero.csv", says=["zero.csv", "all weights"])
    lodestone.refused(*flags, "wieght", "--data", "table.csv", says="did you mean 'weight'?")
    lodestone.refused(*flags, "target", "--data", "table.csv", says="is the target")
    lodestone.refused(*flags, "id", "--data", "table.csv", says=["exclude", "'id'", "weights"])


# ---- missing values


@pytest.fixture
def gaps():
    """Rows with gaps, and the rows that have none."""
    rows = rows_of()
    for i, (column, text) in enumerate(
        [(0, ""), (0, "NA"), (1, ""), (1, "?"), (2, "nan"), (5, "null"), (5, ""), (2, "-")]
    ):
        rows[7 * i + 1][column] = text
    whole = [row for i, row in enumerate(rows) if i % 7 != 1 or i >= 56]
    return rows, whole


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_with_gaps_are_refused_or_left_out(lodestone, gaps, delimiter):
    rows, whole = gaps
    write(lodestone.folder / "gaps.csv", rows, delimiter=delimiter)
    write(lodestone.folder / "whole.csv", whole)
    flags = ["--target", "target", "--categories", "one-hot", "--exclude", "id"]
    lodestone.refused(
        *["train", "--data", "gaps.csv", *flags],
        says="gaps.csv:3: column 'a' is empty; --missing drop leaves out such rows (8 of 120), "
        "--missing indicator keeps them",
    )
    run = train(lodestone, "gaps", "--data", "gaps.csv", *flags, "--missing", "drop")
    assert features(run) == features(train(lodestone, "whole", "--data", "whole.csv", *flags))
    assert read_json(run / "summary.json")["dropped_rows"] == 8
    result = lodestone("train", "--data", "gaps.csv", *flags, "--missing", "drop", *FLAGS)
    assert "8 rows with missing values were left out" in result.stdout


def filled(rows, means):
    """Rows with a 0/1 column for a, colour and b each, and what stands for their gaps."""
    missing = [[row[column] in ("", "NA", "?", "nan", "-") for column in range(3)] for row in rows]
    return [
        [
            *(means["a"] if gone[0] else float(row[0]), float(gone[0])),
            *(float(row[1] == value) for value in sorted(COLOURS)),
            float(gone[1]),
            *(means["b"] if gone[2] else float(row[2]), float(gone[2])),
        ]
        for row, gone in zip(rows, missing)
    ]


KEPT = ["--categories", "one-hot", "--missing", "indicator", "--exclude", "id,weight"]
SHARES = ["--validation-share", 0, "--test-share", 0]  # all rows are for training


def test_rows_with_gaps_are_kept_with_indicators(lodestone, gaps):
    rows = [row for row in gaps[0] if row[5] not in ("", "null")]
    write(lodestone.folder / "gaps.csv", rows)
    flags = ["--data", "gaps.csv", "--target", "target", *KEPT]
    run = train(lodestone, "run", *flags, *SHARES)
    model = read_json(run / "model.json")
    names = ["a", "a is missing", *(f"colour={value}" for value in sorted(COLOURS))]
    names += ["colour is missing", "b", "b is missing"]
    assert model["columns"] == names
    told = model["imputations"]
    assert [item["column"] for item in told] == ["a", "colour", "b"]
    assert all(item["indicator"] for item in told) and "mean" not in told[1]
    known = [float(row[0]) for row in rows if row[0] not in ("", "NA")]
    assert told[0]["mean"] == pytest.approx(np.mean(known), rel=1e-12)
    # The same numbers written out give the same training, and predictions of rows with gaps.
    means = {item["column"]: item.get("mean") for item in told}
    table = [[*row, float(given[5])] for row, given in zip(filled(rows, means), rows)]
    names = [name.replace("=", " ").replace(",", "") for name in names]
    write_csv(lodestone.folder / "numbers.csv", table, [*names, "target"])
    plain = ["--data", "numbers.csv", "--target", "target", *SHARES]
    assert features(train(lodestone, "plain", *plain)) == features(run)
    result = lodestone.done("predict", run, "gaps.csv")
    assert result.stderr == ""
    expected = [evaluate(model, row) for row in filled(rows, means)]
    assert predictions(result.stdout) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_means_are_those_of_the_training_rows(lodestone, gaps):
    """Rows to validate and to test with are filled with them too: the error is that of predict."""
    rows = [row for row in gaps[0] if row[5] not in ("", "null")]
    write(lodestone.folder / "gaps.csv", rows)
    later = rows_of(3, 40)
    later[1][0] = later[7][2] = later[9][1] = ""
    write(lodestone.folder / "test.csv", later)
    flags = ["--data", "gaps.csv", "--target", "target", *KEPT]
    whole = train(lodestone, "whole", *flags, "--validation-share", 0)
    run = train(lodestone, "run", *flags, "--validation-share", 0.3, "--test", "test.csv")
    means = [read_json(folder / "model.json")["imputations"] for folder in (whole, run)]
    assert means[0][0]["mean"] != means[1][0]["mean"]
    out = ["--out", "out.csv", "--json"]
    measured = json.loads(lodestone.done("predict", run, "test.csv", *out).stdout)["test"]
    assert read_json(run / "summary.json")["test"]["rmse"] == measured["rmse"]
    assert lodestone("verify", run).returncode == 0


def test_gaps_that_training_had_none_of(lodestone, table):
    """The model has their means: predict takes them, with a warning, and so does a test file."""
    write(lodestone.folder / "test.csv", rows_of(3, 40))
    run = train(lodestone, "run", *table, *KEPT, "--test", "test.csv")
    model = read_json(run / "model.json")
    assert not any(item["indicator"] for item in model["imputations"])
    rows = rows_of(3, 40)
    rows[4][0] = rows[6][1] = ""
    write(lodestone.folder / "test.csv", rows)
    other = train(lodestone, "other", *table, *KEPT, "--test", "test.csv")
    assert features(other) == features(run)
    warnings = read_json(other / "summary.json")["warnings"]
    assert any("'a' has missing values and had none in training; its mean" in w for w in warnings)
    out = ["--out", "out.csv", "--json"]
    summary = json.loads(lodestone.done("predict", run, "test.csv", *out).stdout)
    assert summary["test"]["rmse"] == read_json(other / "summary.json")["test"]["rmse"]
    assert any("'colour'" in w and "0/1 columns are all 0" in w for w in summary["warnings"])


@pytest.mark.parametrize("missing", ["refuse", "indicator"])
@pytest.mark.parametrize("column, flag", [(3, "--weights"), (3, "--offset"), (5, "--target")])
def test_what_is_no_input_must_be_there(lodestone, missing, column, flag):
    """Targets, weights and offsets have no mean that could stand for them; drop drops their rows."""
    rows = rows_of()
    rows[2][column] = ""
    write(lodestone.folder / "table.csv", rows)
    table = ["fit", "table.csv", "--target", "target", "--exclude", "id,colour", "--lambdas", 3]
    name = HEADER[column]
    flags = table if flag == "--target" else [*table, flag, name]
    lodestone.refused(
        *flags, "--missing", missing,
        says=f"table.csv:4: column '{name}' is empty; --missing drop leaves out such rows (1 of 120)",
    )
    assert "1 rows with missing values" in lodestone.done(*flags, "--missing", "drop").stdout


def test_a_column_without_any_value_is_named(lodestone):
    rows = rows_of()
    for row in rows:
        row[2] = ""
    write(lodestone.folder / "table.csv", rows)
    flags = ["--data", "table.csv", "--target", "target", *KEPT]
    lodestone.refused("train", *flags, says=["column 'b' has no value in any row", "--exclude"])


def test_arrays_with_gaps_are_kept(lodestone):
    table = ridge_table()
    table[[3, 9], [1, 1]] = np.nan
    np.save(lodestone.folder / "gaps.npy", table)
    flags = ["--data", "gaps.npy", "--target", 3, "--missing", "indicator"]
    run = train(lodestone, "run", *flags)
    model = read_json(run / "model.json")
    assert model["columns"] == ["x0", "x1", "x1 is missing", "x2"]
    np.save(lodestone.folder / "rows.npy", table[:, :3])
    found = predictions(lodestone.done("predict", run, "rows.npy").stdout)
    mean = model["imputations"][1]["mean"]
    gone = np.isnan(table[:, 1])
    rows = np.column_stack([table[:, 0], np.where(gone, mean, table[:, 1]), gone, table[:, 2]])
    assert found == pytest.approx([evaluate(model, row) for row in rows], rel=1e-12, abs=1e-12)


def test_arrays_with_gaps(lodestone):
    table = ridge_table()
    table[[3, 9], [1, 3]] = np.nan
    np.save(lodestone.folder / "gaps.npy", table)
    np.savez(lodestone.folder / "gaps.npz", table=table)
    np.save(lodestone.folder / "whole.npy", np.delete(table, [3, 9], axis=0))
    reference = features(train(lodestone, "whole", "--data", "whole.npy", "--target", 3))
    for name in ("gaps.npy", "gaps.npz"):
        flags = ["--data", name, "--target", 3]
        says = [name, "row 3, column 1", "nan", "--missing drop leaves out such rows (2 of 60)"]
        lodestone.refused("train", *flags, says=says)
        assert features(train(lodestone, name[-3:], *flags, "--missing", "drop")) == reference
    # The target's gaps may be in a file of their own.
    np.save(lodestone.folder / "X.npy", np.where(np.isnan(table), 0.0, table)[:, :3])
    np.save(lodestone.folder / "y.npy", table[:, 3])
    flags = ["--data", "X.npy", "--target", "y.npy"]
    lodestone.refused("train", *flags, says=["y.npy", "row 9", "(1 of 60)"])
    run = train(lodestone, "second", *flags, "--missing", "drop")
    assert read_json(run / "summary.json")["dropped_rows"] == 1


def test_gaps_in_every_row_are_explained(lodestone):
    rows = rows_of()
    for row in rows:
        row[2] = ""
    write(lodestone.folder / "table.csv", rows)
    flags = ["--data", "table.csv", "--target", "target", "--exclude", "id,colour"]
    says = ["every row", "'b'", "120 of 120", "--exclude b"]
    lodestone.refused("train", *flags, "--missing", "drop", says=says)


def test_predict_refuses_gaps(lodestone, table, gaps):
    """So that predictions line up with rows."""
    run = train(lodestone, "run", *table, "--categories", "one-hot", "--exclude", "id,weight")
    rows, _ = gaps
    write(lodestone.folder / "gaps.csv", rows)
    lodestone.refused(
        *["predict", run, "gaps.csv"],
        says="gaps.csv:3: column 'a' is empty; fill it, or train with --missing indicator",
    )
    # A target may be missing.
    rows = rows_of(seed=2, rows=50)
    rows[3][5] = ""
    write(lodestone.folder / "rows.csv", rows)
    out = ["--out", "out.csv"]
    summary = json.loads(lodestone.done("predict", run, "rows.csv", *out, "--json").stdout)
    assert (summary["rows"], summary["test"]["rows"]) == (50, 49)
    result = lodestone.done("predict", run, "rows.csv", *out, "--overwrite")
    assert "the table holds target too in 49 rows: RMSE" in result.stderr


def test_predict_needs_no_target(lodestone, table):
    """The column of the target may be there and empty."""
    run = train(lodestone, "run", *table, "--categories", "one-hot", "--exclude", "id,weight")
    rows = rows_of(rows=10)
    write(lodestone.folder / "rows.csv", rows)
    expected = lodestone.done("predict", run, "rows.csv").stdout
    for row in rows:
        row[5] = ""
    write(lodestone.folder / "rows.csv", rows)
    result = lodestone.done("predict", run, "rows.csv", "--out", "out.csv")
    assert "RMSE" not in result.stderr
    assert (lodestone.folder / "out.csv").read_text() == expected


# ---- validation and test files


def test_files_replace_the_shares(lodestone, table):
    for name, seed, rows in [("validation", 3, 30), ("test", 4, 40)]:
        write(lodestone.folder / f"{name}.csv", rows_of(seed, rows))
    flags = [*table, "--categories", "one-hot", "--exclude", "id,weight"]
    sizes = {}
    for out, more in {
        "both": ["--validation", "validation.csv", "--test", "test.csv"],
        "validation": ["--validation", "validation.csv"],
        "test": ["--test", "test.csv"],
    }.items():
        summary = read_json(train(lodestone, out, *flags, *more) / "summary.json")
        sizes[out] = (
            summary["training_rows"],
            summary["validation"]["rows"],
            summary["test"]["rows"],
        )
    assert sizes == {"both": (120, 30, 40), "validation": (96, 30, 24), "test": (108, 12, 40)}


def test_files_do_not_teach(lodestone, table):
    """The test file changes nothing but the test error."""
    flags = [*table, "--categories", "one-hot", "--exclude", "id,weight"]
    models = []
    for seed in (3, 4):
        write(lodestone.folder / "test.csv", rows_of(seed, 40))
        run = train(lodestone, f"run{seed}", *flags, "--test", "test.csv")
        models.append((features(run), read_json(run / "summary.json")["test"]["rmse"]))
    assert models[0][0] == models[1][0]
    assert models[0][1] != models[1][1]


def test_further_files_are_read_by_name_and_by_the_same_rules(lodestone, table):
    rows = rows_of(3, 40)
    write(lodestone.folder / "test.csv", rows)
    flags = ["--data", "table.csv", "--target", 5, "--weights", 3, "--categories", "one-hot", "--exclude", "4"]
    run = train(lodestone, "run", *flags, "--test", "test.csv")
    # Other order, delimiter and rows of weight 0: the same error. Columns without a part are free.
    order = [5, 4, 3, 2, 1, 0]
    moved = [[row[i] for i in order] for row in rows if row[3] != "0"]
    write(lodestone.folder / "moved.csv", moved, [HEADER[i] for i in order], delimiter=";")
    other = train(lodestone, "other", *flags, "--test", "moved.csv")
    test = [read_json(folder / "summary.json")["test"] for folder in (run, other)]
    assert test[0] == test[1] and test[0]["rows"] == 30
    # A value never seen is told; a gap is refused, or left out.
    rows[1][1] = "violet"
    write(lodestone.folder / "test.csv", rows)
    run = train(lodestone, "unseen", *flags, "--test", "test.csv")
    assert "violet" in read_json(run / "summary.json")["warnings"][0]
    rows[2][0] = ""
    write(lodestone.folder / "test.csv", rows)
    says = ["test.csv:4: column 'a' is empty", "--missing drop"]
    lodestone.refused("train", *flags, "--test", "test.csv", says=says)
    run = train(lodestone, "dropped", *flags, "--test", "test.csv", "--missing", "drop")
    assert read_json(run / "summary.json")["test"]["rows"] == 29


@pytest.mark.parametrize("flag", ["--validation", "--test"])
def test_verify_takes_the_rows_that_training_had(lodestone, table, flag):
    """No share is dealt where a file has the rows."""
    write(lodestone.folder / "more.csv", rows_of(3, 40))
    run = train(lodestone, "run", *table, "--exclude", "id,colour,weight", flag, "more.csv")
    assert "verified" in lodestone.done("verify", run).stdout


def test_arrays_validate_and_test(lodestone):
    table = ridge_table(rows=100)
    for name, rows in [("train", table[:60]), ("more", table[60:])]:
        np.save(lodestone.folder / f"{name}.npy", rows)
    flags = ["--data", "train.npy", "--target", 3, "--validation", "more.npy", "--test", "more.npy"]
    summary = read_json(train(lodestone, "run", *flags) / "summary.json")
    assert (summary["validation"]["rows"], summary["test"]["rows"]) == (40, 40)
    np.save(lodestone.folder / "more.npy", table[60:, 1:])
    lodestone.refused("train", *flags, says="more.npy")


@pytest.mark.parametrize(
    "more, says",
    [
        (["--test", "test.csv", "--test-share", 0.1], ["test-share", "--test"]),
        (["--validation", "test.csv", "--validation-share", 0.1], ["validation-share"]),
        (["--test", "absent.csv"], ["absent.csv", "No such file"]),
        (["--test", "narrow.csv"], ["narrow.csv", "no column 'colour'"]),
        (["--validation", "no-target.csv"], ["target", "no-target.csv"]),
        (["--test", "one-row.csv"], ["test", "at least two"]),
    ],
)
def test_bad_further_files_are_refused(lodestone, table, more, says):
    rows = rows_of(3, 40)
    write(lodestone.folder / "test.csv", rows)
    write(lodestone.folder / "one-row.csv", rows[:1])
    write(lodestone.folder / "narrow.csv", [[r[0], r[2], r[5]] for r in rows], ["a", "b", "target"])
    write(lodestone.folder / "no-target.csv", [row[:5] for row in rows], HEADER[:5])
    flags = [*table, "--categories", "one-hot", "--exclude", "id,weight"]
    lodestone.refused("train", *flags, *more, says=says)


def test_further_files_need_the_target_as_a_column(lodestone):
    table = ridge_table()
    np.save(lodestone.folder / "X.npy", table[:, :3])
    np.save(lodestone.folder / "y.npy", table[:, 3])
    flags = ["--data", "X.npy", "--target", "y.npy", "--test", "X.npy"]
    lodestone.refused("train", *flags, says=["target", "'y.npy'", "second file", "X.npy"])


def test_standard_input_is_read_once(lodestone, table):
    lodestone.refused(
        *["train", "--data", "-", "--target", "target", "--test", "-"],
        says=["standard input", "once"],
    )
    rows = rows_of(3, 40)
    write(lodestone.folder / "test.csv", rows)
    text = (lodestone.folder / "test.csv").read_text()
    flags = [*table, "--categories", "one-hot", "--exclude", "id,weight", *FLAGS, "--quiet", "--test"]
    lodestone("train", *flags, "test.csv", "--out", "file")
    lodestone("train", *flags, "-", "--out", "piped", input=text)
    test = [read_json(lodestone.folder / run / "summary.json")["test"] for run in ("file", "piped")]
    assert test[0] == test[1]
    lodestone.refused("train", "--resume", "piped", says=["--resume", "standard input"])


# ---- runs


def test_config_and_resume_keep_every_option(lodestone, gaps):
    rows, _ = gaps
    write(lodestone.folder / "gaps.csv", rows)
    write(lodestone.folder / "more.csv", rows_of(3, 40))
    flags = [
        *["--data", "gaps.csv", "--target", "target", "--delimiter", ",", "--weights", "weight"],
        *["--exclude", '"id"', "--categories", "one-hot", "--missing", "drop"],
        *["--validation", "more.csv", "--test", "more.csv"],
    ]
    run = train(lodestone, "run", *flags)
    again = train(lodestone, "again", "--config", run / "config.toml")
    assert (again / "model.json").read_bytes() == (run / "model.json").read_bytes()
    assert (again / "config.toml").read_text() == (run / "config.toml").read_text()
    assert 'exclude = ["id"]' in (run / "config.toml").read_text()

    short = [*FLAGS[:2], "--max-steps", 50, *FLAGS[4:]]
    cut = lodestone.run_to("cut", ["train", *flags, *short], 3)
    result = lodestone("train", "--resume", "cut", "--max-steps", 200, "--quiet")
    assert result.returncode == 3, result.stderr
    assert (cut / "model.json").read_bytes() == (run / "model.json").read_bytes()
    assert read_json(cut / "summary.json")["test"] == read_json(run / "summary.json")["test"]


@pytest.mark.parametrize("file", ["table.csv", "test.csv"])
@pytest.mark.parametrize("column, text", [(0, "0.5"), (1, "violet"), (3, "9"), (5, "1")])
def test_resume_refuses_other_data(lodestone, table, file, column, text):
    """Weights and text are data too, and so are the further files."""
    write(lodestone.folder / "test.csv", rows_of(3, 40))
    flags = [*table, "--categories", "one-hot", "--exclude", "id", "--weights", "weight", "--test", "test.csv"]
    run = train(lodestone, "run", *flags)
    rows = rows_of() if file == "table.csv" else rows_of(3, 40)
    rows[1][column] = text
    write(lodestone.folder / file, rows)
    before = tree(run)
    lodestone.refused("train", "--resume", "run", "--max-steps", 300, says="other data")
    assert tree(run) == before


@pytest.mark.parametrize(
    "flags",
    [
        ["--weights", "w"],
        ["--exclude", "a"],
        ["--categories", "one-hot"],
        ["--missing", "drop"],
        ["--validation", "f.csv"],
        ["--test", "f.csv"],
    ],
    ids=lambda flags: flags[0],
)
def test_teachers_have_no_tables(lodestone, flags):
    """A flag that would be ignored is refused."""
    says = [flags[0].strip("-"), "--data"]
    lodestone.refused("train", "--teacher", "random:d=4,k=2", *flags, says=says)


@pytest.fixture
def numbers(lodestone):
    random = np.random.default_rng(1)
    rows = random.standard_normal((60, 3))
    write_csv(lodestone.folder / "plain.csv", rows, ["a", "b", "y"])
    return (lodestone.folder / "plain.csv").read_bytes()


def fit_of(lodestone, file, out, **options):
    lodestone.done("fit", file, "y", "--lambdas", 4, "--out", out, **options)
    model = read_json(lodestone.folder / out / "model.json")
    del model["provenance"]["source"]
    return model


def test_compressed_tables_give_the_same_bits(lodestone, numbers):
    plain = fit_of(lodestone, "plain.csv", "plain")
    # The name does not matter; files may be joined, and padded by zeros.
    whole, half = gzip.compress(numbers), len(numbers) // 2
    joined = gzip.compress(numbers[:half]) + gzip.compress(numbers[half:]) + bytes(512)
    for name, content in {"a.csv.gz": whole, "b.csv": joined}.items():
        (lodestone.folder / name).write_bytes(content)
        assert fit_of(lodestone, name, name + ".run") == plain
    assert fit_of(lodestone, "-", "piped", input=whole, text=False) == plain
    expected = lodestone.done("predict", "plain", "plain.csv").stdout
    assert lodestone.done("predict", "plain", "a.csv.gz").stdout == expected
    assert "verified" in lodestone.done("verify", "a.csv.gz.run").stdout


def test_a_table_that_compresses_well_is_read_whole(lodestone):
    """A thousandth of its size when compressed: the buffer has to grow."""
    table = "a,y\n" + "0.25,0.5\n" * 400_000 + "1,2\n"
    (lodestone.folder / "table.csv.gz").write_bytes(gzip.compress(table.encode()))
    lodestone.done("fit", "table.csv.gz", "y", "--lambda", 1, "--out", "run")
    assert read_json(lodestone.folder / "run" / "summary.json")["training_rows"] == 400_001


def test_damaged_compressed_tables_are_refused(lodestone, numbers):
    whole = gzip.compress(numbers)
    flipped = bytearray(whole)
    flipped[-5] ^= 1  # of the checksum
    damage = {
        "cut off": [whole[:-1], whole[: len(whole) // 2], whole[:12], b"\x1f\x8b"],
        "damaged": [bytes(flipped), whole[:2] + b"\x07" + whole[3:]],
        "follow": [whole + b"a,b\n"],
        "twice": [gzip.compress(whole)],
        "empty": [gzip.compress(b"")],
    }
    for says, contents in damage.items():
        for content in contents:
            (lodestone.folder / "table.csv").write_bytes(content)
            lodestone.refused("fit", "table.csv", "y", says=["table.csv", says])
