"""Parquet and Arrow files as the CSV text that the library reads (`TableConverter` in
model/table.hpp): the program asks for it by ``python -m lodestone table``, the package's own module
by `csv_of`."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Iterator

import numpy as np

from lodestone import _frames

_ROWS = 2**14
"""Rows that are text at once: Python's text takes ten times the memory of the numbers."""

_MISSING = "null"

_ONLY = "columns must hold numbers, text, categories or booleans"

_INDEX = "__index_level_"
"""How the name begins that pandas gives an index without a name: it is no column there."""


def csv_of(content: bytes) -> bytes:
    """The text of a file's content at once."""
    return b"".join(pieces(content))


def pieces(content: bytes) -> Iterator[bytes]:
    """The text of a file's content in pieces: a record with what to do about each column's text
    where it is no category, the names, and the rows.

    Numbers have all their digits, integers as well, float32 those of float64. Booleans are False and True;
    dates and what else is none of the above are text with advice. Raises ImportError where nothing reads
    such files, and ValueError for a damaged one, two columns of one name and none at all.
    """
    import narwhals

    try:
        frame: Any = _frames.native(_read(content))
    except ValueError as refused:
        raise ValueError(str(refused).removeprefix("X: ")) from refused
    table = narwhals.from_native(frame, eager_only=True)
    names = [name for name in table.columns if not name.startswith(_INDEX)]
    if not names:
        raise ValueError("holds no columns")
    columns = [_column(name, table[name]) for name in names]
    yield _record(_quoted(column.advice) for column in columns)
    yield _record(map(_quoted, names))
    for first in range(0, len(table), _ROWS):
        rows = slice(first, first + _ROWS)
        yield b"".join(map(_record, zip(*(column.texts(rows) for column in columns))))


@dataclass(frozen=True)
class _Column:
    """A column as text."""

    values: Callable[[slice], list[Any]]
    """Of some rows."""
    write: Callable[[Any], str]
    """The text of a value."""
    advice: str = ""

    def texts(self, rows: slice) -> Iterator[str]:
        return map(self.write, self.values(rows))


def _column(name: str, column: Any) -> _Column:
    if column.dtype.is_integer():
        # As they are: those of groups may be beyond what float64 tells apart.
        return _Column(_list_of(column), lambda value: _MISSING if value is None else str(value))
    if column.dtype.is_temporal():
        return _Column(_list_of(column), _text, _frames.ADVICE_ON_DATES)
    try:
        cells = _frames.cells_of(name, column)
    except ValueError:
        kind = _quoted(str(column.dtype))
        return _Column(_list_of(column.is_null()), lambda null: _MISSING if null else kind, _ONLY)
    if cells.numbers is not None:
        return _Column(_list_of(cells.numbers), repr)
    labels = [*map(_quoted, cells.labels), _MISSING]  # the code of what is missing is -1
    return _Column(_list_of(cells.codes), labels.__getitem__)


def _list_of(values: Any) -> Callable[[slice], list[Any]]:
    """Some of the values of an array of NumPy or a column of narwhals."""
    if isinstance(values, np.ndarray):
        return lambda rows: values[rows].tolist()
    return lambda rows: values[rows].to_list()


def _text(value: Any) -> str:
    return _MISSING if value is None else _quoted(str(value))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _record(fields: Iterable[str]) -> bytes:
    return (",".join(fields) + "\n").encode()


# ---- who reads the file


def _read(content: bytes) -> Any:
    """A frame of pyarrow or polars, whichever is installed first in this order."""
    kind, readers = _readers(content)
    package = _frames.first_installed(readers)
    if package is None:
        raise ImportError(f"is {kind}; to read it: pip install pyarrow")
    try:
        return readers[package](io.BytesIO(content))
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as broken:  # polars panics, which is no Exception
        reason = "".join(str(broken).splitlines()[:1])[:200]
        raise ValueError(f"cannot be read as {kind}, it may be damaged ({package}: {reason})") from broken


def _readers(content: bytes) -> tuple[str, dict[str, Callable[[io.BytesIO], Any]]]:
    """What a content is, and what reads it by package. pyarrow comes first: it takes every type of
    these formats, and polars refuses a whole file for decimals of 256 bits or intervals in one column.
    """
    if content.startswith(b"PAR1"):
        return "a Parquet file", {"pyarrow": _parquet_by_pyarrow, "polars": _parquet_by_polars}
    if content.startswith(b"ARROW1"):
        return "an Arrow file", {"pyarrow": _file_by_pyarrow, "polars": _file_by_polars}
    return "an Arrow stream", {"pyarrow": _stream_by_pyarrow, "polars": _stream_by_polars}


def _parquet_by_pyarrow(file: io.BytesIO) -> Any:
    from pyarrow import parquet

    return _validated(parquet.ParquetFile(file).read())


def _file_by_pyarrow(file: io.BytesIO) -> Any:
    from pyarrow import ipc

    return _validated(ipc.open_file(file).read_all())


def _stream_by_pyarrow(file: io.BytesIO) -> Any:
    from pyarrow import ipc

    return _validated(ipc.open_stream(file).read_all())


def _validated(table: Any) -> Any:
    """pyarrow takes the positions that a file states as they are; wrong ones would end the process."""
    table.validate(full=True)
    return table


def _parquet_by_polars(file: io.BytesIO) -> Any:
    import polars

    return polars.read_parquet(file)


def _file_by_polars(file: io.BytesIO) -> Any:
    import polars

    return polars.read_ipc(file)


def _stream_by_polars(file: io.BytesIO) -> Any:
    import polars

    return polars.read_ipc_stream(file)
