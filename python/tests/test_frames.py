"""Tables as they come: pandas, polars, pyarrow and Arrow streams; text, gaps, names and groups."""

import datetime
import decimal
import pickle
import warnings

import numpy as np
import pandas
import pytest
import sklearn
from conftest import command_line, quick, ridge_rows, same_bits
from sklearn.base import clone
from sklearn.linear_model import LassoCV
from sklearn.model_selection import GroupKFold, GridSearchCV, KFold, PredefinedSplit, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from test_estimator import in_a_process
from test_same_as_command_line import same_model

import lodestone
from lodestone import Model, _frames, plots

COLOURS = ["red", "blue, dark", "grün", "東"]


def columns_of(rows=120, seed=0):
    """A table as lists: numbers, integers, text and booleans."""
    random = np.random.default_rng(seed)
    colour = random.integers(len(COLOURS), size=rows)
    a, b = random.normal(size=(2, rows))
    wide = random.integers(-5, 6, size=rows)
    new = random.integers(2, size=rows) == 1
    y = np.maximum(0.0, a - 0.5 * b) + 0.4 * colour + 0.2 * wide + new + 0.1 * random.normal(size=rows)
    columns = {
        "a": a.tolist(),
        "colour": [COLOURS[i] for i in colour],
        "wide": wide.tolist(),
        "new": new.tolist(),
        "b": b.tolist(),
    }
    return columns, y


def with_gaps(columns, gaps):
    """The columns with None in some rows."""
    return {
        name: [None if i in gaps.get(name, ()) else value for i, value in enumerate(values)]
        for name, values in columns.items()
    }


class Stream:
    """A table of which nothing is known but its Arrow stream."""

    def __init__(self, frame):
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema=None):
        return self._frame.__arrow_c_stream__(requested_schema)


def as_pandas(columns):
    return pandas.DataFrame(columns)


def as_nullable(columns):
    kinds = {"a": "Float64", "b": "Float64", "wide": "Int64", "new": "boolean", "colour": "string"}
    return pandas.DataFrame({name: pandas.array(v, dtype=kinds[name]) for name, v in columns.items()})


def as_objects(columns):
    return pandas.DataFrame({name: pandas.Series(v, dtype=object) for name, v in columns.items()})


def as_categories(columns):
    frame = pandas.DataFrame(columns)
    unused = pandas.CategoricalDtype([*reversed(COLOURS), "never seen"])
    return frame.assign(colour=frame["colour"].astype(unused))


def as_polars(columns):
    return pytest.importorskip("polars").DataFrame(columns)


def as_polars_categories(columns):
    polars = pytest.importorskip("polars")
    return polars.DataFrame(columns).with_columns(polars.col("colour").cast(polars.Categorical))


def as_polars_enum(columns):
    polars = pytest.importorskip("polars")
    return polars.DataFrame(columns).with_columns(polars.col("colour").cast(polars.Enum(COLOURS)))


def as_pyarrow(columns):
    return pytest.importorskip("pyarrow").table(columns)


def as_pyarrow_dictionary(columns):
    pyarrow = pytest.importorskip("pyarrow")
    encoded = pyarrow.array(columns["colour"]).dictionary_encode()
    return pyarrow.table({**columns, "colour": encoded})


def as_pandas_of_pyarrow(columns):
    return as_pyarrow(columns).to_pandas(types_mapper=pandas.ArrowDtype)


def as_batch(columns):
    return pytest.importorskip("pyarrow").RecordBatch.from_pydict(columns)


def as_stream_of_polars(columns):
    return Stream(as_polars(columns))


def as_stream_of_pyarrow(columns):
    return Stream(as_pyarrow(columns))


FORMS = [
    as_pandas, as_nullable, as_objects, as_categories, as_polars, as_polars_categories, as_polars_enum,
    as_pyarrow, as_pyarrow_dictionary, as_pandas_of_pyarrow, as_batch, as_stream_of_polars,
    as_stream_of_pyarrow,
]  # fmt: skip


@pytest.fixture(scope="module")
def reference():
    columns, y = columns_of()
    return quick().fit(as_pandas(columns), y)


# ---- the same bits from everywhere


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_table_gives_the_same_bits(form, reference):
    columns, y = columns_of()
    table = form(columns)
    model = quick().fit(table, y)
    assert same_model(model.model_, reference.model_)
    assert model.model_.columns == reference.model_.columns
    assert model.model_.encodings == reference.model_.encodings
    assert list(model.feature_names_in_) == list(columns)
    assert model.n_features_in_ == 5
    later, y_later = columns_of(30, seed=1)
    expected = reference.predict(as_pandas(later))
    assert same_bits(model.predict(form(later)), expected)
    assert model.score(form(later), y_later) == reference.score(as_pandas(later), y_later)
    assert same_bits(model.transform(form(later)), reference.transform(as_pandas(later)))
    assert same_bits(pickle.loads(pickle.dumps(model)).predict(form(later)), expected)


def test_columns_of_labels_are_named_in_the_order_of_their_bytes(reference):
    names = ["colour=blue, dark", "colour=grün", "colour=red", "colour=東"]
    assert reference.model_.columns == ["a", *names, "wide", "new=False", "new=True", "b"]
    assert reference.model_.encodings == [("colour", sorted(COLOURS)), ("new", ["False", "True"])]
    assert reference.directions_.shape[1] == len(reference.coef_) == 9
    assert set(names) < set(reference.features().columns)
    assert list(reference.feature_names_in_) == ["a", "colour", "wide", "new", "b"]


def test_a_csv_file_gives_the_same_bits(reference, tmp_path):
    columns, y = columns_of()
    as_pandas(columns).assign(y=y).to_csv(tmp_path / "table.csv", index=False)
    command_line(
        *["fit", "--data", "table.csv", "--target", "y", "--categories", "one-hot", "--lambdas", 6,
          "--lambda-ratio", 0.02],
        *["--out", "run"],
        cwd=tmp_path,
    )
    read = Model.read(tmp_path / "run" / "model.json")
    assert same_model(read, reference.model_)
    assert (read.columns, read.encodings) == (reference.model_.columns, reference.model_.encodings)
    # And the program predicts with the model of the estimator, text included.
    later, _ = columns_of(30, seed=1)
    as_pandas(later).to_csv(tmp_path / "later.csv", index=False)
    reference.model_.write(tmp_path / "python.json")
    command_line("predict", "python.json", "later.csv", "--out", "predicted.npy", cwd=tmp_path)
    assert same_bits(np.load(tmp_path / "predicted.npy").ravel(), reference.predict(as_pandas(later)))


def test_rows_left_out_are_those_of_the_command_line(tmp_path):
    columns, y = columns_of()
    columns = with_gaps(columns, {"a": [3, 5], "colour": [5, 40], "wide": [0]})
    y[70] = np.nan
    as_pandas(columns).assign(y=y).to_csv(tmp_path / "table.csv", index=False)
    command_line(
        *["fit", "--data", "table.csv", "--target", "y", "--categories", "one-hot", "--missing", "drop",
          "--lambdas", 6],
        *["--lambda-ratio", 0.02, "--out", "run"],
        cwd=tmp_path,
    )
    model = quick(missing="drop").fit(as_pandas(columns), pandas.Series(y, name="y"))
    assert same_model(Model.read(tmp_path / "run" / "model.json"), model.model_)


def test_missing_values_are_kept_as_the_command_line_keeps_them(tmp_path):
    """The same bits, also of a model that the other has written."""
    columns, y = columns_of()
    frame = as_pandas(with_gaps(columns, {"a": [3, 5], "colour": [5, 40], "new": [12]}))
    weights = 0.5 + np.arange(len(y)) % 3
    frame.assign(y=y, w=weights).to_csv(tmp_path / "table.csv", index=False)
    command_line(
        *["fit", "--data", "table.csv", "--target", "y", "--weights", "w", "--categories", "one-hot"],
        *["--missing", "indicator", "--lambdas", 6, "--lambda-ratio", 0.02, "--out", "run"],
        cwd=tmp_path,
    )
    model = quick(missing="indicator").fit(frame, pandas.Series(y, name="y"), weights)
    read = Model.read(tmp_path / "run" / "model.json")
    assert same_model(read, model.model_)
    assert (read.columns, read.imputations) == (model.model_.columns, model.model_.imputations)
    assert [(name, mean is None, told) for name, mean, told in read.imputations] == [
        ("a", False, True), ("colour", True, True), ("wide", False, False), ("new", True, True),
        ("b", False, False),
    ]
    assert pickle.loads(pickle.dumps(read)).imputations == read.imputations

    # Rows with gaps, also in a column that had none.
    later = as_pandas(with_gaps(columns_of(30, seed=1)[0], {"a": [1, 2], "colour": [2], "b": [4]}))
    with pytest.warns(UserWarning, match="column 'b' has missing values and had none in training"):
        expected = model.predict(later)
    later.to_csv(tmp_path / "later.csv", index=False)
    model.model_.write(tmp_path / "python.json")
    for given in ("run", "python.json"):
        out = f"{given}.npy"
        command_line("predict", given, "later.csv", "--out", out, cwd=tmp_path)
        assert same_bits(np.load(tmp_path / out).ravel(), expected)
    with pytest.warns(UserWarning, match="column 'b'"):
        rows, names = _frames.rows_for(read, later)
    assert names == read.columns and same_bits(read.predict(rows), expected)


@pytest.mark.parametrize("part", ["y", "sample_weight", "offset"])
def test_what_is_no_column_must_be_there_or_its_row_goes(part, tmp_path):
    """As on the command line: "drop" leaves the row out, the others refuse it."""
    X, y = ridge_rows()
    parts = {"y": y, "sample_weight": 1.0 + np.arange(len(y)) % 2, "offset": 0.1 * X[:, 0]}
    kept = np.arange(len(y)) != 4
    short = {name: values[kept] for name, values in parts.items()}
    expected = quick().fit(X[kept], **short)
    parts[part] = np.where(kept, parts[part], np.nan)
    frame = pandas.DataFrame(X, columns=["x0", "x1", "x2"])
    for given in (X, frame):
        assert same_model(quick(missing="drop").fit(given, **parts).model_, expected.model_)
        for missing in ("refuse", "indicator"):
            with pytest.raises(ValueError, match=part if part == "offset" else "NaN"):
                quick(missing=missing).fit(given, **parts)
    names = {"y": "y", "sample_weight": "w", "offset": "o"}
    frame.assign(**{names[name]: values for name, values in parts.items()}).to_csv(
        tmp_path / "table.csv", index=False
    )
    command_line(
        *["fit", "table.csv", "y", "--weights", "w", "--offset", "o", "--missing", "drop"],
        *["--lambdas", 6, "--lambda-ratio", 0.02, "--out", "run"],
        cwd=tmp_path,
    )
    assert same_model(Model.read(tmp_path / "run" / "model.json"), expected.model_)
    parts[part] = np.full(len(y), np.nan)
    with pytest.raises(ValueError, match="missing"):
        quick(missing="drop").fit(X, **parts)


def test_nothing_of_pyarrow_is_needed():
    program = """
import sys
sys.modules["pyarrow"] = None
import numpy, pandas, polars, lodestone
random = numpy.random.default_rng(0)
a, y = random.normal(size=(2, 60))
columns = {"a": a.tolist(), "c": ["u", "v", "w"] * 20}
class Stream:
    def __arrow_c_stream__(self, requested_schema=None):
        return polars.DataFrame(columns).__arrow_c_stream__(requested_schema)
for table in (pandas.DataFrame(columns), polars.DataFrame(columns), Stream()):
    model = lodestone.LodestoneRegressor(weight_decay=0.05).fit(table, y)
    print(model.model_.columns, model.predict(table).shape)
"""
    assert in_a_process(program) == "['a', 'c=u', 'c=v', 'c=w'] (60,)\n" * 3


@pytest.mark.parametrize("kind", ["Float64", "Int64", "UInt8", "boolean", "float32", "Float32", "int16"])
def test_numbers_of_every_kind_are_taken_at_their_value(kind):
    X, y = ridge_rows()
    X = np.abs(np.round(3 * X))
    if kind == "boolean":
        X = X > 2
    frame = pandas.DataFrame(X, columns=list("abc")).astype(kind)
    model = quick(categories="refuse").fit(frame, y)
    expected = quick().fit(X.astype(float), y)
    assert same_bits(model.predict(frame), expected.predict(X.astype(float)))
    assert model.model_.columns == ["a", "b", "c"]


def test_rare_numbers():
    X, y = ridge_rows()
    X = np.round(X, 2)
    expected = quick().fit(pandas.DataFrame(X, columns=list("abc")), y)
    decimals = pandas.DataFrame([[decimal.Decimal(str(v)) for v in row] for row in X], columns=list("abc"))
    sparse = pandas.DataFrame(X, columns=list("abc")).astype(pandas.SparseDtype("float64", 0.0))
    for frame in (decimals, sparse):
        assert same_bits(quick().fit(frame, y).coef_, expected.coef_)
    half = pandas.DataFrame(X.astype("float16"), columns=list("abc"))
    assert same_bits(quick().fit(half, y).coef_, quick().fit(X.astype("float16"), y).coef_)


def test_targets_weights_and_groups_may_be_series(reference):
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    columns, y = columns_of()
    weights, groups = 0.5 + np.arange(120) % 3, [f"g{i % 7}" for i in range(120)]
    one = quick(cv=GroupKFold(3)).fit(as_pandas(columns), y, weights, groups)
    kinds = [
        lambda v: pandas.Series(v),
        lambda v: pandas.array(v, dtype="Float64") if not isinstance(v[0], str) else pandas.Series(v),
        lambda v: polars.Series("y", v),
        lambda v: pyarrow.chunked_array([v]),
    ]
    for kind in kinds:
        given = kind(y), kind(weights), kind(groups)
        assert same_model(quick(cv=GroupKFold(3)).fit(as_polars(columns), *given).model_, one.model_)


def test_frames_without_text_as_names_are_numbered():
    columns, y = columns_of()
    frame = as_pandas(columns)
    frame.columns = range(5)
    model = quick().fit(frame, y)
    assert model.model_.columns[:2] == ["x0", "x1=blue, dark"]
    assert not hasattr(model, "feature_names_in_")
    assert same_bits(model.predict(frame), model.predict(frame))


# ---- labels


def test_unseen_labels_leave_their_columns_zero(reference, tmp_path):
    later, _ = columns_of(9, seed=2)
    later["colour"][2] = later["colour"][5] = "violet"
    message = r"X: 2 values are not in the training data \(first: 'violet' in column 'colour', row 2\)"
    with pytest.warns(UserWarning, match=message):
        predicted = reference.predict(as_pandas(later))
    row = [later["a"][2], 0, 0, 0, 0, later["wide"][2], not later["new"][2], later["new"][2], later["b"][2]]
    assert predicted[2] == reference.model_.predict(np.array([row], dtype=float))[0]
    as_pandas(later).to_csv(tmp_path / "later.csv", index=False)
    reference.model_.write(tmp_path / "model.json")
    command_line("predict", "model.json", "later.csv", "--out", "predicted.npy", cwd=tmp_path)
    assert same_bits(np.load(tmp_path / "predicted.npy").ravel(), predicted)
    # Categories that are declared and absent are no values.
    frame = as_categories({**later, "colour": ["red"] * 9})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reference.predict(frame)


def test_categories_of_numbers_keep_their_names_beside_a_gap():
    _, y = columns_of()
    sizes = pandas.Series(np.arange(120) % 3 + 9).astype("category")
    frame = pandas.DataFrame({"a": y + np.arange(120) % 7, "size": sizes})
    assert quick().fit(frame, y).model_.columns == ["a", "size=10", "size=11", "size=9"]
    frame.loc[7, "size"] = None
    model = quick(missing="indicator").fit(frame, y)
    assert model.model_.columns == ["a", "size=10", "size=11", "size=9", "size is missing"]
    bins = pandas.DataFrame({"a": frame["a"], "bin": pandas.cut(frame["a"], 3)})
    assert len(quick().fit(bins, y).model_.columns) == 4


def test_refused_categories_name_the_column():
    columns, y = columns_of()
    for form, what in ((as_pandas, "text"), (as_polars, "text"), (as_categories, "categories")):
        with pytest.raises(ValueError, match=f"^X: column 'colour' holds {what}; categories='one-hot'"):
            quick(categories="refuse").fit(form(columns), y)
    del columns["colour"]
    model = quick(categories="refuse").fit(as_polars(columns), y)
    assert model.model_.columns == ["a", "wide", "new", "b"]  # booleans are numbers
    assert same_bits(model.coef_, quick().fit(np.column_stack(list(columns.values())).astype(float), y).coef_)


def test_labels_need_a_table_at_prediction(reference):
    columns, _ = columns_of(5)
    for array in (as_pandas(columns).to_numpy(), np.ones((5, 5)), np.ones((5, 9))):
        with pytest.raises(ValueError, match="column 'colour' held labels in training; give a table"):
            reference.predict(array)
    numbers = as_pandas({**columns, "colour": [1.0] * 5})
    with pytest.raises(ValueError, match="column 'colour' holds numbers, and was a column of text in training"):
        reference.predict(numbers)
    text = as_pandas({**columns, "a": ["x"] * 5})
    with pytest.raises(ValueError, match="column 'a' holds text, and was a column of numbers in training"):
        reference.predict(text)


def test_labels_of_rows_without_weight_count_as_absent():
    columns, y = columns_of()
    columns["colour"][4] = "only here"
    weight = np.ones(120)
    weight[4] = 0.0
    model = quick().fit(as_pandas(columns), y, weight)
    assert "colour=only here" not in model.model_.columns
    others = as_pandas(columns).drop(index=4)
    assert same_bits(model.coef_, quick().fit(others, np.delete(y, 4), np.ones(119)).coef_)


# ---- missing values


GAPS = {"a": [0, 7, 90], "colour": [7, 30], "new": [12]}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("missing", ["refuse", "drop", "indicator"])
def test_missing_values_of_every_kind_of_table(form, missing):
    columns, y = columns_of()
    columns = with_gaps(columns, GAPS)
    model = quick(missing=missing)
    if missing == "refuse":
        says = (r"^X: column 'a' has 3 missing values \(NaN or null, first in row 0 of 120\); "
                "missing='drop' .* missing='indicator'")
        with pytest.raises(ValueError, match=says):
            model.fit(form(columns), y)
        return
    expected = quick(missing=missing).fit(as_pandas(columns), y)
    model.fit(form(columns), y)
    assert same_model(model.model_, expected.model_)
    later = form(with_gaps(columns_of(10, seed=3)[0], {"a": [2]}))
    if missing == "drop":
        with pytest.raises(ValueError, match="column 'a' has 1 missing value .* in training only"):
            model.predict(later)
    else:
        frame = as_pandas(with_gaps(columns_of(10, seed=3)[0], {"a": [2]}))
        assert same_bits(model.predict(later), expected.predict(frame))


def test_dropped_rows_are_absent():
    columns, y = columns_of()
    frame = as_pandas(with_gaps(columns, GAPS))
    whole = frame.notna().all(axis=1).to_numpy()
    short = as_pandas({name: np.array(v)[whole].tolist() for name, v in columns.items()})
    weights = 0.5 + np.arange(120) % 2
    one = quick(missing="drop").fit(frame, y, weights)
    assert same_model(one.model_, quick().fit(short, y[whole], weights[whole]).model_)
    # Splits are numbers of the rows given.
    splits = list(KFold(4, shuffle=True, random_state=0).split(y))
    number = np.cumsum(whole) - 1
    moved = [tuple(number[rows[whole[rows]]] for rows in split) for split in splits]
    for model in (one, quick()):
        model.set_params(cv=splits if model is one else moved)
    one.fit(frame, y)
    other = quick(cv=moved).fit(short, y[whole])
    assert same_model(one.model_, other.model_)


def test_an_indicator_and_the_mean_stand_in_for_a_gap():
    X, y = ridge_rows(80)
    X[[3, 8], 0] = np.nan
    weights = 1.0 + np.arange(80) % 3
    for given in (X, pandas.DataFrame(X, columns=["x0", "x1", "x2"])):
        model = quick(missing="indicator").fit(given, y, weights)
        assert model.model_.columns == ["x0", "x0 is missing", "x1", "x2"]
        known = ~np.isnan(X[:, 0])
        mean = np.average(X[known, 0], weights=weights[known])
        by_hand = np.column_stack([np.where(known, X[:, 0], mean), ~known, X[:, 1:]]).astype(float)
        assert model.predict(given) == pytest.approx(model.model_.predict(by_hand), rel=1e-12)
        assert np.isfinite(model.predict(given[:1])).all()
        again = pickle.loads(pickle.dumps(clone(model).fit(given, y, weights)))
        assert same_bits(again.predict(given), model.predict(given))


def test_gaps_that_training_had_none_of_are_told():
    X, y = ridge_rows()
    model = quick(missing="indicator").fit(X, y)
    assert model.model_.columns == ["x0", "x1", "x2"]
    later = X[:4].copy()
    later[1, 2] = np.nan
    with pytest.warns(UserWarning, match="column 'x2' has missing values and had none in training; its mean"):
        predicted = model.predict(later)
    later[1, 2] = X[:, 2].mean()
    assert predicted == pytest.approx(model.predict(later), rel=1e-12)


def test_gaps_of_arrays():
    X, y = ridge_rows()
    X[5, 1] = np.nan
    dropped = quick(missing="drop").fit(X, y)
    assert same_bits(dropped.coef_, quick().fit(np.delete(X, 5, 0), np.delete(y, 5)).coef_)
    with pytest.raises(ValueError, match="NaN"):
        dropped.predict(X)
    with pytest.raises(ValueError, match="infinity"):
        quick(missing="indicator").fit(np.where(np.isnan(X), np.inf, X), y)
    with pytest.raises(ValueError, match="NaN"):
        quick(missing="indicator").fit(X, np.where(y > 2, np.nan, y))


def test_labels_with_gaps_get_an_indicator():
    columns, y = columns_of()
    model = quick(missing="indicator").fit(as_polars(with_gaps(columns, {"colour": [1, 2]})), y)
    assert model.model_.columns[1:6] == [*(f"colour={v}" for v in sorted(COLOURS)), "colour is missing"]
    later = columns_of(3, seed=4)[0]
    later["colour"] = [None] * 3  # also a column without any value
    rows = [[a, 0, 0, 0, 0, 1, w, not n, n, b] for a, w, n, b in
            zip(later["a"], later["wide"], later["new"], later["b"])]
    assert same_bits(model.predict(as_polars(later)), model.model_.predict(np.array(rows, dtype=float)))
    assert same_bits(model.predict(as_pandas(later)), model.predict(as_pyarrow(later)))


# ---- what is refused, each in one line that names the column


def day(i):
    return datetime.date(2024, 1, 1) + datetime.timedelta(days=i)


ZONE = datetime.timezone.utc
REFUSED = {
    "dates": ([day(i) for i in range(60)], "'odd' holds dates or times .*; make numbers of them: days since"),
    "times": (pandas.date_range("2024", periods=60), "'odd' holds dates or times .*datetime"),
    "zones": (pandas.date_range("2024", periods=60, tz="Europe/Berlin"), "'odd' holds dates .* in one zone"),
    "objects of a zone": (
        pandas.Series([datetime.datetime(2024, 1, 1, tzinfo=ZONE)] * 60, dtype=object),
        "'odd' holds dates or times",
    ),
    "durations": (pandas.to_timedelta(np.arange(60), unit="h"), "'odd' holds dates or times"),
    "periods": (pandas.period_range("2024", periods=60, freq="D"), "'odd' holds dates or times .*period"),
    "mixed": (pandas.Series(["a", 1] * 30, dtype=object), r"'odd' holds values of several types \(int, str\)"),
    "mixed late": (
        pandas.Series(["a"] * 59 + [1.5], dtype=object),
        r"'odd' holds values of several types \(float, str\); make them one",
    ),
    "truth and numbers": (pandas.Series([True, 2] * 30, dtype=object), r"several types \(bool, int\)"),
    "mixed categories": (pandas.Categorical(["a", 1] * 30), r"'odd' holds values of several types \(int, str\)"),
    "all missing": ([None] * 60, "'odd' has no value in any row; leave it out"),
    "all NaN": ([np.nan] * 60, "'odd' has no value in any row; leave it out"),
    "all NA": (pandas.array([None] * 60, dtype="Int64"), "'odd' has no value in any row"),
    "dictionaries": ([{}] * 60, "'odd' holds dict; must be numbers, text, categories or booleans"),
    "bytes": ([b"a"] * 60, "'odd' holds bytes; must be"),
    "complex": (np.arange(60) + 1j, "Complex data not supported .*'odd'"),
    "infinity": ([np.inf] + [0.0] * 59, "'odd' holds infinity .first in row 0.; numbers must be finite"),
    "half a character": (pandas.Series(["\ud800"] * 60, dtype=object), "no valid text"),
}


@pytest.mark.parametrize("missing", ["refuse", "drop", "indicator"])
@pytest.mark.parametrize("case", REFUSED)
def test_columns_that_are_refused(case, missing):
    values, says = REFUSED[case]
    X, y = ridge_rows()
    frame = pandas.DataFrame({"a": X[:, 0], "odd": values, "b": X[:, 1]})
    with pytest.raises(ValueError, match=says) as refused:
        quick(missing=missing).fit(frame, y)
    assert str(refused.value).startswith("X: ") and "\n" not in str(refused.value)


def test_columns_that_are_refused_in_polars_and_pyarrow():
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    X, y = ridge_rows()
    for values, says in (
        ([day(i) for i in range(60)], "'odd' holds dates or times"),
        ([datetime.datetime(2024, 1, 1, tzinfo=ZONE)] * 60, "'odd' holds dates or times"),
        ([datetime.timedelta(hours=1)] * 60, "'odd' holds dates or times"),
        ([None] * 60, "'odd' has no value"),
        ([[1, 2]] * 60, r"'odd' holds [Ll]ist"),
        ([b"a"] * 60, "'odd' holds [Bb]inary"),
        ([{"part": 1.0}] * 60, "'odd' holds [Ss]truct"),
    ):
        for table in (polars.DataFrame, pyarrow.table):
            with pytest.raises(ValueError, match=says):
                quick().fit(table({"a": X[:, 0].tolist(), "odd": values}), y)


def test_ten_thousand_categories_are_refused():
    random = np.random.default_rng(0)
    y = random.normal(size=10_000)
    names = pandas.DataFrame({"a": random.normal(size=10_000), "id": [f"row {i}" for i in range(10_000)]})
    says = "^X: column 'id' holds 10000 different values, and at most 100 become 0/1 columns; is it a name"
    for frame in (names, names.astype({"id": "category"})):
        with pytest.raises(ValueError, match=says):
            quick().fit(frame, y)
    written = names.assign(id=[str(i) for i in range(10_000)])
    with pytest.raises(ValueError, match="they are numbers: make it a column of numbers"):
        quick().fit(written, y)
    at_most = names.assign(id=[f"group {i % 100}" for i in range(10_000)])
    assert len(quick(weight_decay=0.5).fit(at_most, y).model_.columns) == 101


def test_names_that_are_refused():
    columns, y = columns_of()
    frame = as_pandas(columns)
    frame.columns = ["a", "colour", "a", "new", "b"]
    with pytest.raises(ValueError, match="^X: has two columns of the name 'a'; rename one"):
        quick().fit(frame, y)
    pyarrow = pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="two columns of the name 'a'"):
        quick().fit(pyarrow.table([y, y], names=["a", "a"]), y)
    clash = as_pandas(columns).rename(columns={"a": "colour=red"})
    with pytest.raises(ValueError, match="encoding gives two columns of the name 'colour=red'"):
        quick().fit(clash, y)
    some = as_pandas(columns).rename(columns={"a": 1})
    with pytest.raises(TypeError, match="string names"):
        quick().fit(some, y)


def test_tables_that_are_refused(reference):
    polars = pytest.importorskip("polars")
    columns, y = columns_of()
    for table, error, says in (
        (polars.LazyFrame(columns), TypeError, "X: got a lazy frame; collect it first"),
        (as_pandas(columns)[:100], ValueError, "inconsistent numbers of samples"),
        (as_pandas(columns)[:0], ValueError, "0 sample"),
        (as_pandas(columns)[[]], ValueError, "0 feature"),
        (as_pandas(columns)["a"], ValueError, "2D array|2-dimensional"),
        (as_polars(columns)["a"], ValueError, "2D array|2-dimensional"),
        (Stream(as_polars(columns)["a"]), ValueError, "its Arrow stream is no table"),
    ):
        with pytest.raises(error, match=says):
            quick().fit(table, y)
    swapped = as_pandas(columns)[["colour", "a", "wide", "new", "b"]]
    for table, says in (
        (swapped, "feature names should match"),
        (as_pandas(columns)[:0], "0 sample"),
        (as_pandas(columns)[["a", "b"]], "feature names should match|2 features"),
    ):
        with pytest.raises(ValueError, match=says):
            reference.predict(table)
    with pytest.raises(ValueError, match="every row has a missing value, so missing='drop' leaves none"):
        halves = {"a": [None, 1.0] * 60, "b": [1.0, None] * 60}
        quick(missing="drop").fit(as_pandas(halves), y)
    with pytest.raises(ValueError, match="requires y"):
        quick().fit(as_pandas(columns), None)


@pytest.mark.parametrize(
    "parameter, value", [("categories", "auto"), ("categories", None), ("missing", "mean")]
)
def test_bad_parameters_are_refused_by_name(parameter, value):
    columns, y = columns_of()
    with pytest.raises(ValueError, match=f"^{parameter}: got .*; must be one of 'auto|'refuse"):
        quick(**{parameter: value}).fit(as_pandas(columns), y)


# ---- in the ecosystem


def test_scikit_learn_around_a_table():
    columns, y = columns_of()
    frame = as_pandas(with_gaps(columns, GAPS))
    search = GridSearchCV(make_pipeline(quick()), {"lodestoneregressor__missing": ["indicator"]}, cv=3)
    assert search.fit(frame, y).best_score_ > 0.5
    learned = quick(missing="indicator").set_output(transform="pandas").fit_transform(frame, y)
    assert isinstance(learned, pandas.DataFrame) and learned.index.equals(frame.index)


def test_groups_stay_together():
    X, y = ridge_rows(90)
    groups = np.arange(90) // 10
    splits = list(GroupKFold(3).split(X, y, groups))
    expected = quick(cv=splits).fit(X, y)
    for cv in (GroupKFold(3), 3):
        assert same_model(quick(cv=cv).fit(X, y, groups=groups).model_, expected.model_)
    with pytest.raises(ValueError, match="groups"):
        quick(cv=GroupKFold(3)).fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        quick(cv=3).fit(X, y, groups=groups[:-1])
    with pytest.raises(ValueError, match="number of groups"):
        quick(cv=3).fit(X, y, groups=np.zeros(90))


def test_splitters_take_every_kind_of_table(reference):
    columns, y = columns_of()
    splits = list(KFold(3).split(y))
    expected = quick(cv=splits).fit(as_pandas(columns), y)
    for form in FORMS:
        assert same_model(quick(cv=KFold(3)).fit(form(columns), y).model_, expected.model_)


def test_groups_come_through_metadata_routing():
    X, y = ridge_rows(90)
    groups = np.arange(90) // 10
    with sklearn.config_context(enable_metadata_routing=True):
        model = quick(cv=GroupKFold(3)).set_fit_request(groups=True)
        scores = cross_val_score(model, X, y, cv=GroupKFold(3), params={"groups": groups})
        search = GridSearchCV(model, {"select": ["best"]}, cv=GroupKFold(3)).fit(X, y, groups=groups)
    by_hand = []
    for train, test in GroupKFold(3).split(X, y, groups):
        one = quick(cv=GroupKFold(3)).fit(X[train], y[train], groups=groups[train])
        by_hand.append(one.score(X[test], y[test]))
    assert same_bits(scores, by_hand)
    expected = quick(cv=GroupKFold(3)).fit(X, y, groups=groups)
    assert same_model(search.best_estimator_.model_, expected.model_)


def test_weights_may_be_one_number(rows, fitted):
    X, y = rows
    weighted = quick().fit(X, y, sample_weight=2.0)
    assert same_bits(weighted.coef_, quick().fit(X, y, sample_weight=np.full(60, 2.0)).coef_)


# ---- seen to go wrong once: the cases by their names


def cased_rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3))
    w = random.normal(size=3)
    return X, np.maximum(X @ w, 0) + 0.5 * X[:, 0] + 0.05 * random.normal(size=200)


def test_certify_ignores_frame_names():
    X, y = cased_rows()
    frame = pandas.DataFrame(X, columns=list("abc"))
    model = quick().fit(frame, y)
    expected = lodestone.certify(model, frame, y)
    others = frame[["c", "b", "a"]].assign(more="text", when=pandas.Timestamp("2024-01-01"))
    mlp = MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, random_state=0)
    with pytest.warns(UserWarning):
        mlp.fit(frame, y)
    for source in (model, model.model_, model.network_model_, mlp):
        right = lodestone.certify(source, frame, y)
        swapped = lodestone.certify(source, others, y)
        assert swapped.certificate.sup_eta == right.certificate.sup_eta
        assert swapped.model.columns == ["a", "b", "c"]
        assert lodestone.verify(source, others, y, certificate=right).discrepancies == ()
        with pytest.raises(ValueError, match="^X: has no column 'b', which the model has; its columns are 'a', 'c'"):
            lodestone.certify(source, frame[["a", "c"]], y)
    assert lodestone.certify(model, X, y).certificate.gap == expected.certificate.gap
    polars = pytest.importorskip("polars")
    given = polars.DataFrame(X[:, ::-1], schema=["c", "b", "a"]), polars.Series("y", y)
    assert lodestone.certify(model, *given).certificate.gap == expected.certificate.gap
    numbered = quick().fit(X, y)  # knows no names: by position
    assert lodestone.certify(numbered, frame, y).certificate.gap == expected.certificate.gap
    with pytest.raises(ValueError, match="got 2 columns"):
        lodestone.certify(numbered, frame[["a", "c"]], y)


def test_certificates_and_pictures_take_labels(reference):
    columns, y = columns_of()
    frame = as_pandas(columns)
    encoded = reference._encoding.apply(reference._encoding.matched(lodestone._frames.read(frame)))
    expected = lodestone.certify(reference, encoded, y).certificate
    assert expected.gap == pytest.approx(reference.certificate_.gap, rel=1e-6)
    shuffled = as_polars({name: columns[name] for name in ("b", "colour", "new", "wide", "a")})
    for source in (reference, reference.network_model_):
        for table in (frame, shuffled):
            assert lodestone.certify(source, table, y).certificate == expected
    lines = [
        plots.features(source, table, y).axes[0].get_lines()[0].get_ydata()
        for source in (reference, reference.model_)
        for table in (encoded, frame, shuffled)
    ]
    assert all(same_bits(one, lines[0]) for one in lines)
    with pytest.raises(ValueError, match="has no column 'b'"):
        plots.features(reference, frame.drop(columns="b"), y)


def test_train_finds_the_columns_of_its_tables_by_name():
    X, y = cased_rows()
    frame = pandas.DataFrame(X, columns=list("abc"))
    options = dict(width=20, max_epoch_steps=50, weight_decay_start=0.05, weight_decay_end=0.02)
    one = lodestone.train(frame[:150], y[:150], test=(frame[150:], y[150:]), **options)
    other = lodestone.train(frame[:150], y[:150], test=(frame[["b", "c", "a"]][150:], y[150:]), **options)
    assert one.test == other.test
    with pytest.raises(ValueError, match="has no column 'c'"):
        lodestone.train(frame, y, validation=(frame[["a", "b"]], y), **options)
    with pytest.raises(ValueError, match="column 'c' holds text; must be numbers"):
        lodestone.train(frame.assign(c="text"), y, **options)


def test_features_frame_overwritten():
    X, y = cased_rows()
    plain = quick().fit(X, y)
    for bootstrap in (0, 3):
        model = quick(bootstrap=bootstrap).fit(pandas.DataFrame(X, columns=["mass", "bias", "amplitude"]), y)
        features = model.features()
        assert same_bits(features["amplitude"], plain.amplitudes_)
        assert same_bits(features["bias"], plain.biases_)
        assert same_bits(features["mass"], plain.feature_reports_["mass"])
        directions = features[["direction[mass]", "direction[bias]", "direction[amplitude]"]]
        assert same_bits(directions, plain.directions_)
    odd = ["direction[mass]", "mass", "found_share"]
    features = quick().fit(pandas.DataFrame(X, columns=odd), y).features()
    names = ["direction[mass]", "direction[direction[mass]]", "direction[found_share]"]
    assert same_bits(features[names], plain.directions_)


def test_cv_one_split_refused():
    X, y = cased_rows()
    held_out = PredefinedSplit(np.where(np.arange(200) < 150, -1, 0))
    assert LassoCV(cv=held_out).fit(X, y).alpha_ > 0
    model = quick(cv=held_out).fit(X, y)
    again = quick(cv=[(np.arange(150), np.arange(150, 200))]).fit(X, y)
    assert same_model(model.model_, again.model_)
    tried = model.cross_validation()
    assert tried["validation_standard_error"].isna().all() and tried["validation_error"].notna().all()
    assert tried["validation_error"][tried["chosen"]].item() == tried["validation_error"].min()
    # Its errors are those of the same networks on the rows held out, as in any fold.
    two = quick(cv=[(np.arange(150), np.arange(150, 200)), (np.arange(50, 200), np.arange(50))]).fit(X, y)
    assert len(two.cv_results_["validation_error"]) > 0
    # A fold that loses all its rows is told in the word of the caller.
    X[150:, 1] = np.nan
    with pytest.raises(ValueError, match="^cv: got a fold with no rows held out"):
        quick(cv=held_out, missing="drop").fit(X, y)
    X, y = cased_rows()
    with pytest.raises(ValueError, match="^select: got 'one-standard-error'; the single split of cv"):
        quick(cv=held_out, select="one-standard-error").fit(X, y)


def test_duplicate_names_old_sklearn(fitted):
    X, y = cased_rows()
    frame = pandas.DataFrame(X, columns=["a", "a", "b"])
    calls = [
        lambda: quick().fit(frame, y),
        lambda: fitted.predict(frame),
        lambda: fitted.transform(frame),
        lambda: lodestone.certify(fitted, frame, y),
        lambda: lodestone.train(frame, y),
        lambda: plots.features(fitted, frame, y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="^X: has two columns of the name 'a'; rename one"):
            call()
