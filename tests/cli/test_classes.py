"""Targets that are two texts: what fit makes of them, and all that reads its runs."""

import csv
import json

import numpy as np
import pytest

SHORT = ["--lambdas", 6, "--lambda-ratio", 0.05, "--folds", 3]


def write(path, rows, header="a,b,c,y"):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")


@pytest.fixture(scope="module")
def numbers():
    random = np.random.default_rng(5)
    X = random.standard_normal((240, 3)).round(4)
    scores = 3 * np.maximum(X[:, 0] - X[:, 1], 0) - 1.5
    return X, (random.random(240) < 1 / (1 + np.exp(-scores))).astype(int)


def rows_of(numbers, names):
    X, y = numbers
    return [[*row, names[code]] for row, code in zip(X, y)]


@pytest.fixture
def table(lodestone, numbers):
    """Texts in a table whose first class in the file is not the first in order."""
    write(lodestone.folder / "table.csv", rows_of(numbers, ["no", "yes"]))
    return ["fit", "table.csv", "y", "--family", "logistic", *SHORT]


def without(model, *keys):
    return {key: value for key, value in model.items() if key not in keys}


def test_texts_give_the_bits_of_0_and_1(lodestone, numbers, table):
    said = lodestone.done(*table, "--out", "texts", "--test-share", 0.2).stdout
    write(lodestone.folder / "table.csv", rows_of(numbers, [0, 1]))
    plain = lodestone.done(*table, "--out", "codes", "--test-share", 0.2).stdout
    texts, codes = (json.loads((lodestone.folder / run / "model.json").read_text())
                    for run in ("texts", "codes"))
    assert texts["family"].pop("classes") == ["no", "yes"]
    assert texts["formula"] == codes["formula"].replace("target = 1", "target = yes")
    assert without(texts, "formula") == without(codes, "formula")
    assert "the log of the odds of y = yes" in said and "the log of the odds of 1" in plain
    summary = json.loads((lodestone.folder / "texts" / "summary.json").read_text())
    assert summary["classes"] == ["no", "yes"] and summary["probability_of"] == "yes"
    other = json.loads((lodestone.folder / "codes" / "summary.json").read_text())
    assert summary["test"] == other["test"] and "classes" not in other


@pytest.mark.parametrize("names", [["False", "True"], ["<=50K", ">50K"], ["no, sir", 'say "yes"'],
                                   ["1", "yes"], ["größer", "Ätna"]])
def test_two_texts_in_the_order_of_their_bytes(lodestone, numbers, names):
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    write(lodestone.folder / "table.csv", rows_of(numbers, quoted))
    lodestone.done("fit", "table.csv", "y", "--family", "logistic", *SHORT, "--out", "run")
    model = json.loads((lodestone.folder / "run" / "model.json").read_text())
    ordered = sorted(names, key=str.encode)
    assert model["family"]["classes"] == ordered
    lodestone.done("predict", "run", "table.csv", "--out", "p.csv")
    with open(lodestone.folder / "p.csv", newline="") as file:
        assert next(csv.reader(file)) == [f"probability_of_{ordered[1]}"]


def test_all_verbs_take_the_run(lodestone, numbers, table):
    lodestone.done(*table, "--out", "run", "--test-share", 0.25)
    summary = json.loads((lodestone.folder / "run" / "summary.json").read_text())
    assert "verified" in lodestone.done("verify", "run").stdout
    own = json.loads(lodestone.done("certify", "run", "--json").stdout)
    assert own["loss"] == pytest.approx(summary["loss"], rel=1e-9)
    given = json.loads(lodestone.done("certify", "run", "--data", "table.csv", "--json").stdout)
    assert given["loss"] > 0
    shown = lodestone.done("select", "run", "--features", 0, "--out", "linear.json").stdout
    assert "odds of y = yes" in shown
    selected = json.loads((lodestone.folder / "linear.json").read_text())
    assert selected["family"]["classes"] == ["no", "yes"]
    # Test rows in another order of columns, with a target that is partly unknown.
    X, y = numbers
    rows = [[row[2], ["no", "yes"][code] if t % 3 else "", row[0], row[1]]
            for t, (row, code) in enumerate(zip(X, y))]
    write(lodestone.folder / "rows.csv", rows, "c,y,a,b")
    result = lodestone.done("predict", "run", "rows.csv", "--out", "p.csv", "--json")
    told = json.loads(result.stdout)
    assert told["probability_of"] == "yes" and told["target"] == "y"
    probability = np.loadtxt(lodestone.folder / "p.csv", skiprows=1)
    known = np.arange(len(y)) % 3 > 0
    right = (probability > 0.5) == (y == 1)
    assert told["test"]["rows"] == known.sum()
    assert told["test"]["accuracy"] == pytest.approx(right[known].mean())
    said = lodestone.done("predict", "run", "rows.csv", "--out", "q.csv").stderr
    assert "probabilities of y = yes written to q.csv" in said


def test_rows_to_validate_and_to_test_with_have_the_classes(lodestone, numbers, table):
    rows = rows_of(numbers, ["no", "yes"])
    write(lodestone.folder / "rest.csv", rows[:60])
    both = ["--validation", "rest.csv", "--test", "rest.csv"]
    lodestone.done(*without_folds(table), *both, "--out", "run")
    # All of one class: the codes are those of training.
    write(lodestone.folder / "rest.csv", [row for row in rows if row[3] == "yes"])
    lodestone.done(*without_folds(table), *both, "--out", "run", "--overwrite")
    summary = json.loads((lodestone.folder / "run" / "summary.json").read_text())
    assert summary["test"]["log_loss"] > 0
    write(lodestone.folder / "rest.csv", [*rows[:60], [1, 2, 3, "perhaps"]])
    lodestone.refused(*without_folds(table), *both,
                      says="rest.csv:62: column 'y' is 'perhaps', and the classes of the training "
                           "data are 'no' and 'yes'")


def without_folds(table):
    at = table.index("--folds")
    return table[:at] + table[at + 2:]


REFUSED = {
    "one-class": (["yes", "yes"], "holds one class only, 'yes'; it must hold two"),
    "decimal-comma": (['"0,5"', '"1,5"'], "points"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_texts_are_refused(lodestone, numbers, table, case):
    names, says = REFUSED[case]
    write(lodestone.folder / "table.csv", rows_of(numbers, names))
    lodestone.refused(*table, says=["table.csv:2: column 'y' ", says])


def test_more_classes_are_refused_with_advice(lodestone, numbers, table):
    rows = rows_of(numbers, ["no", "yes"])
    rows[7][3] = "perhaps"
    write(lodestone.folder / "table.csv", rows)
    lodestone.refused(*table, says=["3 classes ('no', 'perhaps' and 'yes')", "--family softmax"])
    # A class that no row that counts has is none.
    for row in rows:
        row.append(0 if row[3] == "perhaps" else 1)
    write(lodestone.folder / "table.csv", rows, "a,b,c,y,w")
    lodestone.done(*table, "--weights", "w")


def test_missing_classes_are_refused_or_left_out(lodestone, numbers, table):
    rows = rows_of(numbers, ["no", "yes"])
    rows[7][3] = ""
    write(lodestone.folder / "table.csv", rows)
    lodestone.refused(*table, says=["table.csv:9: column 'y' is empty", "--missing drop"])
    assert "1 rows with missing values" in lodestone.done(*table, "--missing", "drop").stdout


def test_an_unseen_class_is_refused(lodestone, numbers, table):
    lodestone.done(*table, "--out", "run")
    rows = rows_of(numbers, ["no", "Yes"])
    write(lodestone.folder / "rows.csv", rows)
    first = next(t for t, row in enumerate(rows) if row[3] == "Yes") + 2
    says = [f"rows.csv:{first}: column 'y' is 'Yes'", "classes of the training data are 'no' and 'yes'"]
    lodestone.refused("predict", "run", "rows.csv", says=says)
    lodestone.refused("certify", "run", "--data", "rows.csv", says=says)


def test_other_families_take_no_text(lodestone, table):
    square = [word for word in table if word not in ("--family", "logistic")]
    lodestone.refused(*square, says=["'y' is the target and holds text", "must be a number"])


def test_a_damaged_list_of_classes_is_refused(lodestone, table):
    lodestone.done(*table, "--out", "run")
    file = lodestone.folder / "run" / "model.json"
    model = json.loads(file.read_text())
    for classes in (["yes"], ["no", "no"], ["a", "b", "c"], "no", [0, 1]):
        model["family"]["classes"] = classes
        file.write_text(json.dumps(model))
        lodestone.refused("predict", "run", "table.csv", says="model.json")
