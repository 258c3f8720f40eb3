"""What users pass in, as the arrays the library takes."""

from __future__ import annotations

import operator
from typing import Any, Optional, Sequence

import numpy as np

from lodestone._frames import names_of, native, numbers_of_series, numbers_of_table, own_names


def matrix(values: Any, name: str) -> np.ndarray:
    """Numbers in two dimensions: float64, row by row. No copy where they are already."""
    return _array(values, name, 2)


def vector(values: Any, name: str) -> np.ndarray:
    """Numbers in one dimension: float64, contiguous. No copy where they are already."""
    return _array(values, name, 1)


def integer(value: Any, name: str) -> int:
    """The integer itself. Raises TypeError for anything but Python's and NumPy's integers."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: got {value}; must be an integer")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: got {value!r}; must be an integer") from None


def optional_vector(values: Any, name: str) -> Optional[np.ndarray]:
    """None, or what `vector` gives."""
    return None if values is None else vector(values, name)


def _array(values: Any, name: str, dimensions: int) -> np.ndarray:
    unmasked(values, name)
    if hasattr(values, "toarray"):
        raise TypeError(f"{name}: got a sparse matrix; use .toarray() to make it dense")
    given = np.asarray(values)
    if given.dtype.kind == "c":
        raise ValueError(f"{name}: got complex numbers; must be real")
    if given.dtype.kind not in "biufO":
        raise TypeError(f"{name}: got {given.dtype}; must be numbers")
    array = np.ascontiguousarray(given, dtype=np.float64)
    if given.ndim != dimensions:
        raise ValueError(f"{name}: got shape {given.shape}; must have {dimensions} dimension"
                         f"{'s' if dimensions > 1 else ''}")
    return array


def unmasked(values: Any, name: str) -> None:
    """Raises ValueError where a masked array, or one in a list, hides values: NumPy would give what
    is behind the mask."""
    rows = values if isinstance(values, (list, tuple)) else (values,)
    if any(isinstance(row, np.ma.MaskedArray) and np.ma.is_masked(row) for row in rows):
        raise ValueError(f"{name}: got masked values; drop their rows or fill them first")


def finite(array: np.ndarray, name: str) -> np.ndarray:
    """The array itself. Raises ValueError where it holds NaN or infinity."""
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got nan or infinity; every number must be finite")
    return array


def option_text(name: str, value: Any) -> str:
    """An option's value as the command line has it, to the last bit for a float."""
    if isinstance(value, (bool, np.bool_)):
        yes, no = ("on", "off") if name == "biases" else ("true", "false")
        return yes if value else no
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    return str(value)


def names_text(names: Any) -> str:
    """A list of names as the command line has it: one with a comma, a quote or blanks around it in
    double quotes."""

    def quoted(name: str) -> str:
        if name and name == name.strip() and not set(name) & set(",\"\n"):
            return name
        return '"' + name.replace('"', '""') + '"'

    return ",".join(quoted(name) for name in names)


def option_texts(options: dict[str, Any]) -> dict[str, str]:
    """Options that were given (not None), with their values as text."""
    return {
        name: option_text(name, value)
        for name, value in options.items()
        if value is not None
    }


def column_names(X: Any, count: int) -> list[str]:
    """Those of a data frame, else x0, x1, ..."""
    frame = native(X)
    return [f"x{j}" for j in range(count)] if frame is None else names_of(frame)


def target_name(y: Any) -> str:
    """That of a series, else y."""
    return series_name(y, "y")


def target_names(y: Any, count: int) -> list[str]:
    """Those of several targets: of a frame's columns, else y0, y1, ..."""
    names = [str(name) for name in own_names(y)]
    return names if len(names) == count else [f"y{k}" for k in range(count)]


def several_targets(y: Any) -> bool:
    """Whether there is more than one target, each a column."""
    shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    return len(shape) == 2 and shape[1] > 1


def series_name(values: Any, otherwise: str) -> str:
    name = getattr(values, "name", None)
    return name if isinstance(name, str) and name else otherwise


def offset_of(given: Any, rows: int, *, allow_nan: bool = False) -> Optional[np.ndarray]:
    """A number for each row, or None. Raises ValueError for another number of them, and for what is
    not finite but, where it is allowed, NaN."""
    if given is None:
        return None
    values = vector(numbers_of_series(given), "offset")
    finite(values[~np.isnan(values)] if allow_nan else values, "offset")
    if len(values) != rows:
        raise ValueError(f"offset: got {len(values)} numbers; X has {rows} rows")
    return values


def table(
    X: Any, y: Any, sample_weight: Any = None, *, columns: Optional[Sequence[str]] = None
) -> tuple[np.ndarray, np.ndarray, Optional[np.ndarray]]:
    """(X, y, weights) of rows, checked for shape; the library checks the rest. A frame must hold
    numbers; `columns` are those wanted of it, found by name."""
    numbers = numbers_of_table(X, columns)
    rows = finite(matrix(X if numbers is None else numbers, "X"), "X")
    target = finite(vector(numbers_of_series(y), "y"), "y")
    return rows, target, optional_vector(sample_weight, "sample_weight")
