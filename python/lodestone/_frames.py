"""Tables of columns (pandas, polars, pyarrow, Arrow streams) as the numbers that the library takes.

A table is read column by column (`read`) into numbers or labels. Training settles what becomes of
each column (`TableEncoding.learn`), and every later table goes through the same steps
(`TableEncoding.apply`). Text gets the 0/1 columns of ``lodestone fit --categories one-hot``: one for each value
in the order of its bytes, named ``column=value``, in the column's place.
"""

from __future__ import annotations

import datetime
import decimal
import importlib
import math
import numbers
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any, Iterable, Literal, NoReturn, Optional, Sequence, TypeVar

import numpy as np

from lodestone import _core

# Of an encoded column, as in src/io/tables/dataset_file.cpp.
_MOST_VALUES = 100

_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
_NUMBERS = (numbers.Real, decimal.Decimal)

# Who reads an Arrow stream: the first of these that is installed.
_ARROW_READERS: tuple[Literal["polars", "pyarrow", "pandas"], ...] = ("polars", "pyarrow", "pandas")

_Package = TypeVar("_Package", bound=str)

ADVICE_ON_DATES = (
    "make numbers of them: days since a fixed day, and the month, weekday or hour where the target "
    "follows the calendar (times with a zone in one zone first)"
)


@dataclass(frozen=True)
class Cells:
    """A column of a table as it came, n cells."""

    name: str
    kind: str
    """"number", "boolean", "text", "category" or "missing": without any value."""
    numbers: Optional[np.ndarray] = None
    """(n,) float64, NaN where missing. Of a column of numbers."""
    codes: Optional[np.ndarray] = None
    """(n,) integers into `labels`, -1 where missing. Of any other column."""
    labels: tuple[str, ...] = ()

    @property
    def missing(self) -> np.ndarray:
        """(n,) of bool."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        assert self.codes is not None
        return self.codes < 0


@dataclass(frozen=True)
class Table:
    """A table as it came: columns of one length."""

    columns: tuple[Cells, ...]
    rows: int
    named: bool
    """Whether the names are the table's own; else they are x0, x1, ..."""
    matrix: Optional[np.ndarray] = None
    """(rows, columns) of float64, where the table came as one."""

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


# ---- tables as they come


def native(X: Any) -> Optional[Any]:
    """The frame behind `X` where it is a table of columns, None for arrays and everything else.

    An object that only offers its columns as an Arrow stream is read into a frame of polars,
    pyarrow or pandas. Raises ImportError where none of them is installed, TypeError for a lazy
    frame, ValueError for two columns of one name.
    """
    if X is None or isinstance(X, (np.ndarray, list, tuple, str, bytes, numbers.Number)):
        return None
    if not any(hasattr(type(X), name) for name in ("columns", "__arrow_c_stream__")):
        return None
    import narwhals

    try:
        found = narwhals.from_native(X, pass_through=True, allow_series=True)
    except narwhals.exceptions.DuplicateError:
        _refuse_equal_names(own_names(X))
        raise
    if isinstance(found, narwhals.DataFrame):
        _refuse_equal_names(own_names(X))
        return X
    if hasattr(X, "__arrow_c_stream__") and not isinstance(found, narwhals.Series):
        return _from_arrow(X)
    if isinstance(found, narwhals.LazyFrame):
        raise TypeError("X: got a lazy frame; collect it first")
    return None


def read(frame: Any, wanted: Sequence[str] = ()) -> Table:
    """The columns of a frame that `native` gave; only those that are wanted, in that order, where it
    has all of them. Raises ValueError, naming the column, for dates, values of several types in one
    column, and whatever is neither number, text, category nor boolean."""
    import narwhals

    whole = narwhals.from_native(frame, eager_only=True)
    if wanted and set(wanted) <= set(whole.columns):
        whole = whole.select(list(wanted))
    names = list(whole.columns)
    named = all(isinstance(name, str) for name in names)
    for name in names:
        _require_unicode(str(name))
    if not named:
        names = [f"x{j}" for j in range(len(names))]
    matrix = _matrix_of_pandas(whole.to_native())
    if matrix is not None:
        return of_array(matrix, names, named)
    return Table(tuple(map(cells_of, names, whole.iter_columns())), whole.shape[0], named)


def _matrix_of_pandas(frame: Any) -> Optional[np.ndarray]:
    """The numbers of a pandas frame that has nothing but NumPy's, at once: a column at a time takes
    7 s for 20,000 columns. None for any other frame."""
    if type(frame).__module__.split(".")[0] != "pandas":
        return None
    types = frame.dtypes.unique()
    if len(types) == 0 or not all(isinstance(t, np.dtype) and t.kind in "iuf" for t in types):
        return None
    return np.asarray(frame.to_numpy(dtype=np.float64))


def of_array(
    X: np.ndarray, names: Optional[Sequence[str]] = None, named: bool = False
) -> Table:
    """A matrix of numbers (n, d) as a table: NaN is missing. Columns are x0, x1, ... by default."""
    if names is None:
        names = [f"x{j}" for j in range(X.shape[1])]
    columns = tuple(Cells(name, "number", numbers=X[:, j]) for j, name in enumerate(names))
    return Table(columns, X.shape[0], named, X)


def names_of(frame: Any) -> list[str]:
    """The names of a frame's columns as a model has them: x0, x1, ... where they are no text."""
    names = own_names(frame)
    named = all(isinstance(name, str) for name in names)
    return list(names) if named else [f"x{j}" for j in range(len(names))]


def numbers_of_series(y: Any) -> Any:
    """A series of numbers as an array (n,) of float64 with NaN where it is missing, a frame of several
    such columns as an array (n, columns); anything else as it is."""
    if y is None or isinstance(y, (np.ndarray, list, tuple, str, bytes, numbers.Number)):
        return y
    import narwhals

    table = native(y)
    if table is not None:
        columns = narwhals.from_native(table)
        if all(dtype.is_numeric() for dtype in columns.schema.values()):
            return np.column_stack([_numbers(columns[name]) for name in columns.columns])
        return y
    found = narwhals.from_native(y, pass_through=True, series_only=True)
    if isinstance(found, narwhals.Series) and found.dtype.is_numeric():
        return _numbers(found)
    return y


def labels_of(y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels of rows as an array of NumPy, and which of them are missing (n,): None, NaN or null."""
    import narwhals

    found = narwhals.from_native(y, pass_through=True, allow_series=True)
    if isinstance(found, narwhals.Series):
        labels, missing = np.asarray(found.to_native()), np.asarray(found.is_null().to_numpy())
    else:
        labels = np.asarray(y)
        missing = np.zeros(len(labels) if labels.ndim else 0, dtype=bool)
    if labels.dtype.kind == "f" and labels.ndim == 1:
        missing = missing | np.isnan(labels)
    if labels.dtype == object and labels.ndim == 1:
        # NaN is the one value that differs from itself.
        missing = missing | np.array([
            value is None or (isinstance(value, (float, np.floating)) and value != value)
            for value in labels
        ], dtype=bool)
        # What is left may be numbers or booleans that only a gap made objects.
        types = {type(value) for value in labels[~missing]}
        if missing.any() and len(types) == 1 and issubclass(types.pop(), (int, float, bool, np.generic)):
            filled = np.array(labels[~missing].tolist())
            labels = np.zeros(len(labels), dtype=filled.dtype)
            labels[~missing] = filled
    return labels, missing


def codes_of(y: Any, classes: np.ndarray) -> np.ndarray:
    """Labels (n,) as 0, 1, ... Raises ValueError for one that is not of the classes."""
    labels, missing = labels_of(y)
    place = {label: float(code) for code, label in enumerate(classes.tolist())}
    values = labels.tolist()
    for row, label in enumerate(values):
        if missing[row] or label not in place:
            raise ValueError(f"y: got {label!r} in row {row}; must be one of the classes "
                             + " and ".join(map(repr, place)))
    return np.array([place[label] for label in values])


def own_names(frame: Any) -> list[Any]:
    """Names of a frame's columns; none of what has no columns."""
    names: Any = getattr(frame, "column_names", None)  # pyarrow, whose columns are the data
    if names is None:
        names = getattr(frame, "columns", ())
    return list(names() if callable(names) else names)


def _refuse_equal_names(names: Iterable[Any], reason: str = "") -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"X: {reason or 'has'} two columns of the name {_shown(twice[0])}; rename one")


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"X: {text!r} is no valid text (UTF-8); correct it") from None


def _from_arrow(X: Any) -> Any:
    import narwhals

    package = first_installed(_ARROW_READERS)
    if package is None:
        raise ImportError(f"X: got {type(X).__name__}, an Arrow stream; to read it: pip install polars")
    try:
        return narwhals.from_arrow(X, backend=package).to_native()
    except Exception as broken:
        reason = str(broken).splitlines()[:1]
        raise ValueError(f"X: its Arrow stream is no table: {''.join(reason)}") from broken


def first_installed(packages: Iterable[_Package]) -> Optional[_Package]:
    """The first of these packages that can be imported."""
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError:
            continue
        return package
    return None


# ---- one column


def cells_of(name: str, column: Any) -> Cells:
    """The cells of a column of narwhals. Raises ValueError for what `read` refuses."""
    import narwhals

    dtype = column.dtype
    if dtype.is_temporal():
        _refuse_dates(name, _native_type(column))
    if dtype.is_numeric():
        return Cells(name, "number", numbers=_numbers(column))
    if isinstance(dtype, (narwhals.Categorical, narwhals.Enum)):
        return _category_cells(name, column)
    if isinstance(dtype, (narwhals.Boolean, narwhals.String, narwhals.Object)):
        return _cells_of_values(name, column.to_list(), column.is_null().to_numpy())
    return _cells_of_another_type(name, column)


def _numbers(column: Any) -> np.ndarray:
    import narwhals

    null = column.is_null()
    if null.any():
        values = column.fill_null(0).cast(narwhals.Float64).to_numpy()
        return np.where(null.to_numpy(), np.nan, values).astype(np.float64)
    return np.asarray(column.cast(narwhals.Float64).to_numpy(), dtype=np.float64)


def _category_cells(name: str, column: Any) -> Cells:
    own = column.to_native()
    if not hasattr(own, "cat") or not hasattr(own.cat, "categories"):
        return _cells_of_values(name, column.to_list(), column.is_null().to_numpy(), "category")
    # pandas: beside a missing value its list has 1.0 for the category 1.
    categories = own.cat.categories.tolist()
    codes = np.asarray(own.cat.codes.to_numpy(), dtype=np.int64)
    used = sorted(set(codes[codes >= 0].tolist()))
    _one_type(name, {type(categories[code]) for code in used})
    labels = [_label(categories[code]) for code in used]
    position = np.full(len(categories) + 1, -1, dtype=np.int64)  # the last one is that of code -1
    order = sorted(range(len(used)), key=labels.__getitem__)
    for place, i in enumerate(order):
        position[used[i]] = place
    return _labelled(name, "category", [labels[i] for i in order], position[codes])


def _cells_of_another_type(name: str, column: Any) -> Cells:
    null = column.is_null().to_numpy()
    if null.all():
        return _labelled(name, "missing", [], np.full(len(column), -1, dtype=np.int64))
    own = column.to_native()
    values = np.asarray(own)
    if values.ndim == 1 and values.dtype.kind in "biuf":  # sparse columns of pandas, and rare kinds of numbers
        return Cells(name, "number", numbers=np.where(null, np.nan, values.astype(np.float64)))
    if values.dtype.kind in "mM" or "period" in str(getattr(own, "dtype", "")):
        _refuse_dates(name, _native_type(column))
    _refuse_type(name, _native_type(column))
    raise AssertionError


def _native_type(column: Any) -> str:
    own = column.to_native()
    return str(getattr(own, "dtype", getattr(own, "type", column.dtype)))


def _cells_of_values(
    name: str, values: list[Any], null: np.ndarray, kind: Optional[str] = None
) -> Cells:
    """Cells of Python objects: what they are is told by their types."""
    present = [value for value, absent in zip(values, null.tolist()) if not absent]
    if not present:
        return _labelled(name, kind or "missing", [], np.full(len(values), -1, dtype=np.int64))
    found = _one_type(name, set(map(type, present)))
    if found == "number" and kind is None:
        cells = np.full(len(values), np.nan)
        cells[~null] = [float(value) for value in present]
        return Cells(name, "number", numbers=cells)
    if found == "other" and kind is None:
        _refuse_type(name, type(present[0]).__name__)
    texts = [_label(value) for value in present]
    labels = sorted(set(texts))
    place = {label: code for code, label in enumerate(labels)}
    codes = np.full(len(values), -1, dtype=np.int64)
    codes[~null] = [place[text] for text in texts]
    return _labelled(name, kind or found, labels, codes)


def _labelled(name: str, kind: str, labels: Sequence[str], codes: np.ndarray) -> Cells:
    for label in labels:
        _require_unicode(label)
    return Cells(name, kind, codes=codes, labels=tuple(labels))


def _label(value: Any) -> str:
    """A value's name: the text itself, False or True, a number as Python writes it."""
    if isinstance(value, np.generic):
        value = value.item()
    return str(value)


def _one_type(name: str, types: set[type]) -> str:
    """What values of these types are: "text", "boolean", "number" or "other"."""

    def group(one: type) -> str:
        if issubclass(one, str):
            return "text"
        if issubclass(one, (bool, np.bool_)):
            return "boolean"
        if issubclass(one, _DATES) or one.__name__ == "Period":
            return "date"
        return "number" if issubclass(one, _NUMBERS) else "other"

    groups = {group(one) for one in types}
    names = sorted(one.__name__ for one in types)
    if len(groups) > 1 or (groups == {"other"} and len(types) > 1):
        raise ValueError(f"X: column {_shown(name)} holds values of several types "
                         f"({', '.join(names)}); make them one: all numbers or all text")
    found = groups.pop() if groups else "other"
    if found == "date":
        _refuse_dates(name, names[0])
    return found


def _refuse_dates(name: str, what: str) -> NoReturn:
    raise ValueError(f"X: column {_shown(name)} holds dates or times ({what}); {ADVICE_ON_DATES}")


def _refuse_type(name: str, what: str) -> NoReturn:
    if "complex" in what:
        raise ValueError(f"X: Complex data not supported (column {_shown(name)}); use real and "
                         "imaginary parts")
    raise ValueError(f"X: column {_shown(name)} holds {what}; must be numbers, text, categories or "
                     "booleans")


def _shown(name: Any) -> str:
    text = repr(name)
    return text if len(text) <= 60 else text[:57] + "..."


# ---- what training makes of the columns, and what later tables become


@dataclass(frozen=True)
class Column:
    """What training made of a column of the table."""

    name: str
    kind: str
    """Of its cells in training."""
    values: Optional[tuple[str, ...]] = None
    """Of its 0/1 columns; None: it is a column of numbers."""
    mean: float = math.nan
    """In the place of a missing number."""
    indicated: bool = False
    """A 0/1 column tells where it is missing."""

    @property
    def outputs(self) -> list[str]:
        """The names of its columns of numbers, in their order."""
        if self.values is None:
            names = [self.name]
        else:
            names = [f"{self.name}={value}" for value in self.values]
        return names + ([f"{self.name} is missing"] if self.indicated else [])


@dataclass(frozen=True)
class TableEncoding:
    """From a table to a matrix of numbers: settled by training, the same for every later table."""

    columns: tuple[Column, ...]
    missing: str = "refuse"

    @classmethod
    def learn(
        cls, table: Table, categories: str, missing: str, counted: np.ndarray
    ) -> tuple[TableEncoding, np.ndarray]:
        """The encoding of a training table, and which rows it keeps (n,).

        `counted` (n,) holds the weights of the rows; those of weight 0 count as absent: they give
        no value, no mean and no indicator. Raises ValueError for what the parameters refuse, a
        column without any value, and more than 100 values in a column of labels.
        """
        kept = np.ones(table.rows, dtype=bool)
        for cells in table.columns:
            if categories == "refuse" and cells.kind in ("text", "category"):
                raise ValueError(f"X: column {_shown(cells.name)} holds {_PLURAL[cells.kind]}; "
                                 "categories='one-hot' turns such columns into 0/1 columns")
            if table.rows > 0 and cells.missing[counted > 0].all():
                raise ValueError(f"X: column {_shown(cells.name)} has no value in any row; leave it "
                                 "out")
            if missing == "refuse":
                _refuse_missing(cells, "missing='drop' leaves out such rows of training, "
                                "missing='indicator' keeps them")
            elif missing == "drop":
                kept &= ~cells.missing
        if table.rows > 0 and not (kept & (counted > 0)).any():
            raise ValueError("X: every row has a missing value, so missing='drop' leaves none")
        within = kept & (counted > 0)
        weights = counted[within]
        columns = [_learned(cells, categories, missing, within, weights) for cells in table.columns]
        encoding = cls(tuple(columns), missing)
        _refuse_equal_names(encoding.outputs, "encoding gives")
        return encoding, kept

    @classmethod
    def of_model(
        cls,
        columns: Sequence[str],
        encodings: Sequence[tuple[str, Sequence[str]]] = (),
        imputations: Sequence[tuple[str, Optional[float], bool]] = (),
    ) -> TableEncoding:
        """That of a model: its d columns, (column, values) of those that held labels, and (column,
        mean, has_indicator) of each where missing values are kept."""
        values_of = {column: tuple(values) for column, values in encodings}
        told = {column: (mean, indicated) for column, mean, indicated in imputations}
        source = {f"{column}={value}": column for column in values_of for value in values_of[column]}
        source.update({f"{column} is missing": column for column in told if told[column][1]})
        found: dict[str, Column] = {}
        for name in dict.fromkeys(source.get(name, name) for name in columns):
            values = values_of.get(name)
            mean, indicated = told.get(name, (None, False))
            found[name] = Column(name, "number" if values is None else "text", values,
                                 math.nan if mean is None else mean, indicated)
        encoding = cls(tuple(found.values()), "indicator" if imputations else "refuse")
        if encoding.outputs != list(columns):
            raise ValueError("model: the 0/1 columns of its encodings and imputations are not beside "
                             "each other")
        return encoding

    @property
    def outputs(self) -> list[str]:
        """The names of the columns of numbers, "column=value" for labels."""
        return [name for column in self.columns for name in column.outputs]

    @property
    def encodings(self) -> list[tuple[str, list[str]]]:
        """(column, values) of those that held labels, as a Model keeps them."""
        return [(one.name, list(one.values)) for one in self.columns if one.values is not None]

    @property
    def imputations(self) -> list[tuple[str, Optional[float], bool]]:
        """(column, mean, has_indicator) of all where missing values are kept, as a Model keeps
        them."""
        if self.missing != "indicator":
            return []
        return [(one.name, one.mean if one.values is None else None, one.indicated)
                for one in self.columns]

    @property
    def plain(self) -> bool:
        """Whether a matrix of numbers is taken as it is."""
        return self.missing != "indicator" and all(one.values is None for one in self.columns)

    def matched(self, table: Table) -> Table:
        """A table with the encoding's columns in their order, found by name; by position where
        the table or the encoding has no names of its own. Raises ValueError for a missing one."""
        wanted = [column.name for column in self.columns]
        cells = dict(zip(table.names, table.columns))
        if wanted == table.names:
            return table
        if all(name in cells for name in wanted):
            return Table(tuple(cells[name] for name in wanted), table.rows, True)
        if table.named and wanted != [f"x{j}" for j in range(len(wanted))]:
            absent = next(name for name in wanted if name not in cells)
            raise ValueError(f"X: has no column {_shown(absent)}, which the model has; its columns are "
                             + _listed(table.names))
        if len(table.columns) != len(wanted):
            raise ValueError(f"X: got {len(table.columns)} columns; the model has {len(wanted)}")
        return table

    def apply(self, table: Table, *, in_training: bool = False) -> np.ndarray:
        """The matrix (n, d) of a table with the same columns in the same order: float64, NaN only in
        rows that training leaves out; perhaps the table's own, not to be written to.

        Labels that training did not see leave their 0/1 columns 0, with a UserWarning. Raises
        ValueError for missing values where there is no indicator, and columns of another kind.
        """
        if self.plain and table.matrix is not None and np.isfinite(table.matrix).all():
            return table.matrix
        X = np.zeros((table.rows, len(self.outputs)))
        unseen: list[tuple[int, int, str, str]] = []  # count, first row, label, column
        first = 0
        for column, cells in zip(self.columns, table.columns):
            into = X[:, first : first + len(column.outputs)]
            first += into.shape[1]
            if not in_training:
                _refuse_another_kind(column, cells)
                if self.missing != "indicator":
                    _refuse_missing(cells, _ADVICE_LATER[self.missing])
                elif not column.indicated and cells.missing.any():
                    _warn_of_new_gaps(column, cells)
            _refuse_infinite(cells)
            missing = cells.missing
            if column.indicated:
                into[:, -1] = missing
            if column.values is None:
                into[:, 0] = _as_numbers(cells)
                if self.missing == "indicator":
                    into[missing, 0] = column.mean
            else:
                unseen += _set_values(column, cells, into)
                if in_training and self.missing == "drop":
                    into[missing] = np.nan
        if unseen and not in_training:
            count = sum(one[0] for one in unseen)
            _, row, label, name = min(unseen, key=lambda one: one[1])
            warnings.warn(
                f"X: {count} {'value is' if count == 1 else 'values are'} not in the training data "
                f"(first: {_shown(label)} in column {_shown(name)}, row {row}); the 0/1 columns are "
                "all 0 there",
                UserWarning,
                stacklevel=3,
            )
        return X


_PLURAL = {"text": "text", "category": "categories", "boolean": "booleans", "number": "numbers"}

_ADVICE_LATER = {
    "refuse": "fill them first, or train with missing='indicator'",
    "drop": "rows are left out in training only: fill them, or train with missing='indicator'",
}


def _learned(
    cells: Cells, categories: str, missing: str, within: np.ndarray, weights: np.ndarray
) -> Column:
    absent = cells.missing[within]
    indicated = bool(missing == "indicator" and absent.any())
    as_numbers = cells.kind == "number" or (cells.kind == "boolean" and categories == "refuse")
    if as_numbers:
        mean = math.nan
        if missing == "indicator":
            mean = _core.mean_of_present(_as_numbers(cells)[within], weights)
        return Column(cells.name, cells.kind, None, mean, indicated)
    assert cells.codes is not None
    used = np.unique(cells.codes[within])
    labels = tuple(cells.labels[code] for code in used[used >= 0])
    if len(labels) > _MOST_VALUES:
        advice = "is it a name of each row? Leave it out"
        if all(map(_is_number, labels)):
            advice = "they are numbers: make it a column of numbers"
        raise ValueError(f"X: column {_shown(cells.name)} holds {len(labels)} different values, and at "
                         f"most {_MOST_VALUES} become 0/1 columns; {advice}")
    return Column(cells.name, cells.kind, labels, math.nan, indicated)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_numbers(cells: Cells) -> np.ndarray:
    """Numbers, and booleans as 0 and 1; NaN where missing."""
    if cells.numbers is not None:
        return cells.numbers
    assert cells.codes is not None
    worth = np.array([*(float(label == "True") for label in cells.labels), math.nan])
    return worth[cells.codes]  # -1, missing, is the last


def _set_values(column: Column, cells: Cells, into: np.ndarray) -> list[tuple[int, int, str, str]]:
    """Sets the 0/1 columns of labels; what was not among them: (count, first row, label, column)."""
    assert column.values is not None and cells.codes is not None
    place = {value: j for j, value in enumerate(column.values)}
    target = np.array([*(place.get(label, -1) for label in cells.labels), -1])[cells.codes]
    known = np.flatnonzero(target >= 0)
    into[known, target[known]] = 1.0
    new = np.flatnonzero((target < 0) & ~cells.missing)
    if not len(new):
        return []
    return [(len(new), int(new[0]), cells.labels[cells.codes[new[0]]], column.name)]


def _refuse_missing(cells: Cells, advice: str) -> None:
    rows = np.flatnonzero(cells.missing)
    if len(rows):
        raise ValueError(f"X: column {_shown(cells.name)} has {len(rows)} missing "
                         f"{'value' if len(rows) == 1 else 'values'} (NaN or null, first in row "
                         f"{rows[0]} of {len(cells.missing)}); {advice}")


def _refuse_infinite(cells: Cells) -> None:
    if cells.numbers is None:
        return
    rows = np.flatnonzero(np.isinf(cells.numbers))
    if len(rows):
        raise ValueError(f"X: column {_shown(cells.name)} holds infinity (first in row {rows[0]}); "
                         "numbers must be finite")


def _warn_of_new_gaps(column: Column, cells: Cells) -> None:
    stands_in = "its mean stands in" if column.values is None else "its 0/1 columns are all 0 there"
    warnings.warn(f"X: column {_shown(column.name)} has missing values and had none in training; "
                  f"{stands_in}", UserWarning, stacklevel=4)


def _refuse_another_kind(column: Column, cells: Cells) -> None:
    numeric = cells.kind in ("number", "boolean") if column.values is None else cells.kind == "number"
    if cells.kind == "missing" or numeric == (column.values is None):
        return
    raise ValueError(f"X: column {_shown(column.name)} holds {_PLURAL[cells.kind]}, and was a column of "
                     f"{_PLURAL[column.kind]} in training")


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(map(_shown, names[:most]))
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"


# ---- tables for a model that somebody else trained


def rows_for(source: Any, X: Any) -> Optional[tuple[np.ndarray, list[str]]]:
    """The rows (n, d) of a table for a model, in the model's own columns, found by name, and the
    names of these columns; None where `X` is no table. `source` is a fitted estimator, a Model, or
    anything that holds one.

    Raises ValueError for a column of the model that the table does not have.
    """
    frame = native(X)
    if frame is None:
        return None
    encoding = _encoding_of(source)
    if encoding is None:
        encoding = TableEncoding.of_model(names_of(frame))
    table = read(frame, [column.name for column in encoding.columns])
    matched = encoding.matched(table)
    by_name = all(column.name in table.names for column in encoding.columns)
    return encoding.apply(matched), encoding.outputs if by_name else table.names


def numbers_of_table(X: Any, columns: Optional[Sequence[str]] = None) -> Optional[np.ndarray]:
    """The rows (n, d) of a table of numbers and booleans; None where `X` is no table. `columns` are
    those wanted, found by name. Raises ValueError for any other column."""
    frame = native(X)
    if frame is None:
        return None
    encoding = TableEncoding.of_model(names_of(frame) if columns is None else columns)
    table = encoding.matched(read(frame, columns or ()))
    for cells in table.columns:
        if cells.kind in ("text", "category"):
            raise ValueError(f"X: column {_shown(cells.name)} holds {_PLURAL[cells.kind]}; must be numbers "
                             "(LodestoneRegressor makes 0/1 columns of such columns)")
    return encoding.apply(table)


def _encoding_of(source: Any) -> Optional[TableEncoding]:
    own = getattr(source, "_encoding", None)
    if isinstance(own, TableEncoding):
        return own
    for holder in (source, *(getattr(source, name, None) for name in ("model_", "neurons", "model"))):
        if hasattr(holder, "encodings") and hasattr(holder, "columns"):
            return TableEncoding.of_model(holder.columns, holder.encodings, holder.imputations)
    names = getattr(source, "feature_names_in_", None)
    return None if names is None else TableEncoding.of_model([str(name) for name in names])
