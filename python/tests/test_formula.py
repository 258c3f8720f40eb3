"""Models as SQL, Python and C: what they predict where they are run."""

import json
import math
import shutil
import sqlite3
import subprocess

import numpy as np
import pandas
import pytest
from conftest import class_rows, command_line, count_rows, quick, quick_classifier, ridge_rows
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import lodestone
from lodestone import Network, to_formula
from lodestone.__main__ import main

COMPILER = shutil.which("cc") or shutil.which("gcc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
LANGUAGES = ["sql", "python", pytest.param("c", marks=needs_compiler)]


def run_sql(text, table):
    """`table` is a frame; None and NaN are NULL."""
    database = sqlite3.connect(":memory:")
    try:
        database.execute("SELECT exp(1.0)")
    except sqlite3.OperationalError:  # SQLite built without mathematical functions
        database.create_function("exp", 1, math.exp)
    table.to_sql("rows", database, index=False)
    found = database.execute(f"SELECT {text} AS predicted FROM rows").fetchall()
    return np.array([math.nan if value is None else value for (value,) in found])


def run_python(text, table):
    names = {}
    exec(compile(text, "formula", "exec"), names)
    rows = zip(*(table[name].tolist() for name in table.columns))
    return np.array([names["predict"](*row) for row in rows])


def run_c(text, table, folder):
    """One program with the rows in it, which prints its predictions."""

    def cell(value):
        if value is None or value is pandas.NA:
            return "NULL"
        if isinstance(value, str):
            return '"' + "".join(f"\\{byte:03o}" for byte in value.encode()) + '"'
        return "NAN" if math.isnan(value) else repr(float(value))

    calls = "\n".join(
        f'  printf("%.17g\\n", predict({", ".join(map(cell, row))}));'
        for row in zip(*(table[name].tolist() for name in table.columns))
    )
    program = folder / "formula.c"
    program.write_text(f"{text}\n#include <stdio.h>\nint main(void) {{\n{calls}\n  return 0;\n}}\n",
                       encoding="utf-8")
    subprocess.run([COMPILER, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-o",
                    folder / "formula", program, "-lm"], check=True)
    done = subprocess.run([folder / "formula"], check=True, capture_output=True, text=True)
    return np.array([float(line) for line in done.stdout.split()])


@pytest.fixture
def run(tmp_path):
    def run_in(language, source, table):
        text = to_formula(source, language=language)
        if not isinstance(table, pandas.DataFrame):
            table = pandas.DataFrame(table, columns=[f"x{j}" for j in range(table.shape[1])])
        if language == "c":
            return run_c(text, table, tmp_path)
        return {"sql": run_sql, "python": run_python}[language](text, table)

    return run_in


def agree(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def one_column(slope, family, name="x0"):
    """A model of a family with the score slope·x + relu(x − 0.5)."""
    network = Network([1.0], [[1.0]], [-0.5], 0.0, [slope])
    return changed(network.to_model([name]), 11, (family, 1.345, 0.0, "free"))


def changed(model, part, value):
    """The model with another part of its state."""
    state = list(model.__getstate__())
    state[part] = value
    other = lodestone.Model.__new__(lodestone.Model)
    other.__setstate__(tuple(state))
    return other


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_regressor(run, language):
    X, y = ridge_rows(200, 4)
    model = quick().fit(X, y)
    assert len(model.amplitudes_) > 0
    agree(run(language, model, X), model.predict(X))
    agree(run(language, model.model_, X), model.predict(X))


@pytest.fixture(scope="module")
def of_families():
    """(model, rows) of the families that are not the square."""
    X, y = class_rows(150)
    classes = quick_classifier(weight_decay=0.02).fit(X, np.array(["no", "yes"])[y]), X
    X, y = count_rows(150)
    counts = quick(weight_decay=0.02, family="poisson").fit(X, y), X
    X, y = ridge_rows(100)
    return classes, counts, (quick(weight_decay=0.02, family="huber").fit(X, y), X)


@pytest.mark.parametrize("language", LANGUAGES)
def test_families(run, language, of_families):
    (classifier, X), *others = of_families
    agree(run(language, classifier, X), classifier.predict_proba(X)[:, 1])
    assert 'the probability that "y" is "yes"' in to_formula(classifier, language=language)
    for model, X in others:
        assert len(model.amplitudes_) > 0
        agree(run(language, model, X), model.predict(X))


@pytest.mark.parametrize("language", LANGUAGES)
def test_scores_too_large_for_exp(run, language):
    X = np.array([[-800.0], [-30.0], [0.0], [30.0], [800.0]])
    logistic = one_column(1.0, "logistic")
    agree(run(language, logistic, X), logistic.predict(X))
    X = X[:-1] if language == "sql" else X  # of an infinite mean PostgreSQL has an error to tell
    poisson = one_column(1.0, "poisson")
    agree(run(language, poisson, X), poisson.predict(X))


@pytest.mark.parametrize("language", LANGUAGES)
def test_smooth_functions_share_their_direction(run, language):
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 3))
    y = np.sin(2.0 * (X[:, 0] + X[:, 1])) + 0.1 * random.normal(size=300)
    model = quick(shape="smooth").fit(X, y)
    ridges = model.model_.ridges
    assert len(model.amplitudes_) > len(ridges) > 0
    agree(run(language, model, X), model.predict(X))
    # A direction is told once.
    text = to_formula(model, language=language)
    assert sum(line.count("x2") for line in text.splitlines()) <= len(ridges) + 3


def houses(rows=200, gaps=False):
    random = np.random.default_rng(1)
    town = np.array(["Jena", "Gera", "Weimar", "O'Hara \"x\" ?\\ ü"], dtype=object)[
        random.integers(0, 4, rows)
    ]
    area = random.uniform(50.0, 150.0, rows)
    garden = random.integers(0, 2, rows).astype(bool)
    y = np.maximum(0.0, 0.05 * area - 4.0 - 2.0 * (town == "Jena")) + 1.0 * garden
    y += 0.3 * (town == "Gera") * garden + 0.01 * random.normal(size=rows)
    frame = pandas.DataFrame({"area": area, "town": town, "garden": garden})
    if gaps:
        frame.loc[::7, "area"] = np.nan
        frame["town"] = frame["town"].astype(object)
        frame.loc[::11, "town"] = None
        garden = frame["garden"].astype(object)
        garden[::13] = None
        frame["garden"] = garden
    return frame, y


def plain(frame):
    """Cells as Python has them: text, numbers, None."""
    return pandas.DataFrame({name: [None if one is None or one != one else one for one in frame[name]]
                             for name in frame.columns}, dtype=object)


@pytest.mark.parametrize("language", LANGUAGES)
def test_categories_are_compared_in_the_raw_column(run, language):
    frame, y = houses()
    model = quick().fit(frame, y)
    assert model.directions_.any(axis=0).all() or model.coef_.any()
    agree(run(language, model, plain(frame)), model.predict(frame))
    other = frame.copy()
    other.loc[:5, "town"] = "Suhl"
    with pytest.warns(UserWarning, match="Suhl"):
        expected = model.predict(other)
    agree(run(language, model, plain(other)), expected)


@pytest.mark.parametrize("language", LANGUAGES)
def test_missing_values(run, language):
    frame, y = houses(gaps=True)
    model = quick(missing="indicator").fit(frame, y)
    assert "area is missing" in model.model_.columns and "town is missing" in model.model_.columns
    cells = plain(frame)
    if language == "c":
        cells["area"], cells["garden"] = cells["area"].astype(float), cells["garden"].astype(float)
    agree(run(language, model, cells), model.predict(frame))

    # A model alone has all that it needs; booleans are text to it.
    labelled = frame.drop(columns="garden")
    model = quick(missing="indicator").fit(labelled, y)
    agree(run(language, model.model_, cells.drop(columns="garden")), model.predict(labelled))

    # Where the model refuses them, the prediction is missing.
    complete, y = houses()
    model = quick().fit(complete, y)
    cells = plain(complete).head(4)
    cells.loc[1, "town"] = None
    cells.loc[2, "garden"] = math.nan
    if language != "python":
        cells.loc[3, "area"] = math.nan
    found = run(language, model, cells if language != "c" else cells.astype({"garden": float}))
    agree(found[0], model.predict(complete)[0])
    assert np.isnan(found[1:3]).all() and (language == "python" or np.isnan(found[3]))
    cells.loc[3, "area"] = math.nan
    if language == "python":
        assert np.isnan(run(language, model, cells)[3])


STRANGE = ["a b", "a_b", 'say "hi"', "it's", "$x", "", "2nd", "größe", "*/ /* x", "class", "double", "M_PI",
           "line\n\nbreak", "\\", "u", "score", "exp", "math", "x" * 300, "??/", "predict", "unix"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("family", ["square", "logistic"])
def test_strange_names(run, language, family):
    random = np.random.default_rng(0)
    d = len(STRANGE)
    network = Network(random.normal(size=3), random.normal(size=(3, d)), random.normal(size=3), -0.5,
                      random.normal(size=d))
    model = changed(network.to_model(STRANGE, 'a "target" */ of\nmany'), 11, (family, 1.345, 0.0, "free"))
    X = random.normal(size=(20, d))
    if language == "sql":  # which has no column without a name
        names = ["nameless" if name == "" else name for name in STRANGE]
        text = to_formula(changed(model, 0, names), language="sql")
        found = run_sql(text, pandas.DataFrame(X, columns=names))
    else:
        found = run(language, model, pandas.DataFrame(X, columns=STRANGE))
        assert '"gr' in to_formula(model, language=language)  # a comment has the name
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("language", LANGUAGES)
def test_wide_models_and_wide_tables(run, language):
    """Sums of thousands of terms are nested: SQLite takes no deeper expression than 1000."""
    random = np.random.default_rng(0)
    wide = Network(random.normal(size=1500), random.normal(size=(1500, 2)), random.normal(size=1500))
    X = random.normal(size=(5, 2))
    np.testing.assert_allclose(run(language, wide, X), wide.predict(X), rtol=1e-12, atol=1e-10)
    columns = Network(random.normal(size=2), random.normal(size=(2, 1500)), random.normal(size=2), 0.0,
                      random.normal(size=1500))
    X = random.normal(size=(3, 1500))
    np.testing.assert_allclose(run(language, columns, X), columns.predict(X), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("language", LANGUAGES)
def test_linear_models_and_columns_that_do_nothing(run, language):
    X = np.array([[1.0, 2.0, 3.0]])
    agree(run(language, Network([], np.zeros((0, 3)), None, 1.5, [0.0, -1.0, 0.0]), X), [-0.5])
    agree(run(language, Network([], np.zeros((0, 3))), X), [0.0])
    agree(run(language, Network([2.0, -1.0], np.zeros((2, 3)), [3.0, -1.0]), X), [6.0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_scaling_before_the_model_is_part_of_the_formula(run, language):
    X, y = ridge_rows(100)
    frame = pandas.DataFrame(X * [1.0, 20.0, 0.1], columns=["a", "b", "c"])
    pipeline = make_pipeline(StandardScaler(), quick()).fit(frame, y)
    agree(run(language, pipeline, frame), pipeline.predict(frame))


@needs_compiler
def test_numbers_have_all_their_digits(tmp_path):
    values = np.array([0.1, 1.0 / 3.0, 5e-324, 1.7976931348623157e308, 1e22])
    for language, run_one in (("python", run_python), ("sql", run_sql), ("c", None)):
        for value in values:
            network = Network([], np.zeros((0, 1)), None, value)
            table = pandas.DataFrame({"x0": [0.0]})
            text = to_formula(network, language=language)
            found = run_c(text, table, tmp_path) if run_one is None else run_one(text, table)
            assert found[0] == value
            assert repr(float(value)) in text


def test_files_and_bad_arguments(tmp_path):
    network = Network([1.0], [[1.0]])
    text = to_formula(network, tmp_path / "f.py", language="python")
    assert (tmp_path / "f.py").read_text(encoding="utf-8") == text == network.to_formula()
    with pytest.raises(ValueError, match="language: got 'java'; must be one of 'sql', 'python', 'c'"):
        to_formula(network, language="java")
    with pytest.raises(TypeError, match="network: got int"):
        to_formula(3)
    with pytest.raises(OSError):
        to_formula(network, tmp_path / "no" / "folder.py")
    with pytest.raises(ValueError, match="NUL"):
        to_formula(one_column(1.0, "square", "a\0b"), language="sql")


def test_the_command_line_exports_text(tmp_path, python_of_tests, monkeypatch, capsys):
    frame, y = houses(120)
    frame["garden"] = frame["garden"].astype(float)
    frame["price"] = y
    frame.to_csv(tmp_path / "t.csv", index=False)
    command_line("fit", "--data", "t.csv", "--target", "price", "--categories", "one-hot", "--lambdas", "5",
                 "--lambda-ratio", "0.05", "--out", "run", cwd=tmp_path)
    predicted = command_line("predict", "run", "t.csv", cwd=tmp_path)
    expected = np.array([float(line.split(",")[-1]) for line in predicted.splitlines()[1:]])
    inputs = frame[["area", "town", "garden"]]
    said = json.loads(command_line("export", "run", "--format", "sql", "--json", cwd=tmp_path))
    assert said == {"command": "export", "file": "run/model.sql", "format": "sql",
                    "columns": ["area", "town", "garden"]}
    agree(run_sql((tmp_path / said["file"]).read_text(encoding="utf-8"), inputs), expected)

    monkeypatch.chdir(tmp_path)
    for language, ending in (("python", "py"), ("c", "c")):
        assert main(["export", "run", "--format", language]) == 0
        assert capsys.readouterr().out == f"file: run/model.{ending}\n"
        text = (tmp_path / "run" / f"model.{ending}").read_text(encoding="utf-8")
        assert main(["export", "run", "--format", language, "--out", "-"]) == 0
        assert capsys.readouterr().out == text
        if language == "python":
            agree(run_python(text, inputs), expected)
        elif COMPILER:
            agree(run_c(text, inputs, tmp_path), expected)

    def refused(*arguments):
        assert main(["export", "run", *arguments]) == 2
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1
        return said.err

    assert "--overwrite" in refused("--format", "sql")
    assert "precision: got 'float32'" in refused("--format", "sql", "--precision", "float32", "--overwrite")
    assert "out: got '-'" in refused("--out", "-")
    assert "json:" in refused("--format", "c", "--out", "-", "--json")
    assert "--format" in refused("--format", "java")
