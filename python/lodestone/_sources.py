"""What users hold: a model, an estimator, a pipeline or a search that ends in one, or a run's folder."""

from __future__ import annotations

import csv
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

from lodestone import _core
from lodestone._arrays import finite, matrix
from lodestone._frames import codes_of, rows_for
from lodestone._network import Network, model_of

_WHAT = (
    "must be a run's folder, a fitted LodestoneRegressor or LodestoneClassifier, a Pipeline or search "
    "that ends in one, a Model or a Network"
)


@dataclass(frozen=True)
class Source:
    """A model with what is around it."""

    model: _core.Model
    estimator: Any = None
    """The fitted estimator (or TrainResult) it belongs to."""
    steps: Any = None
    """The fitted steps before it, where it is the end of a pipeline."""
    folder: Optional[Path] = None
    columns: tuple[str, ...] = ()
    """Names of the model's columns, as the steps before it call them where it has none itself."""

    def rows(self, X: Any) -> np.ndarray:
        """Rows as the model takes them: through the steps before it, columns by their names."""
        if self.steps is not None:
            X = self.steps.transform(X)
        table = None if self.steps is not None else rows_for(self.estimator or self.model, X)
        if table is not None:
            return table[0]
        rows = finite(matrix(X, "X"), "X")
        if rows.shape[1] != len(self.model.columns):
            raise ValueError(
                f"X: got {rows.shape[1]} columns; the model has {len(self.model.columns)}"
            )
        return rows

    def targets(self, y: Any) -> np.ndarray:
        """Targets (n,) as numbers: labels of a classifier as 0 and 1."""
        classes = getattr(self.estimator, "classes_", None)
        return np.asarray(y, dtype=np.float64) if classes is None else codes_of(y, classes)

    @property
    def labels(self) -> tuple[str, str]:
        """The two classes, "0" and "1" where their names are not known. Of a model of one output."""
        classes = getattr(self.estimator, "classes_", None)
        known = (self.model.classes or ["0", "1"]) if classes is None else classes.tolist()
        first, second = known
        return str(first), str(second)


def source_of(given: Any) -> Source:
    """Raises TypeError for what holds no model, NotFittedError for an estimator before its fit."""
    if isinstance(given, Source):
        return given
    if isinstance(given, (str, os.PathLike)):
        folder = Path(given)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: is no folder of a run")
        model = _core.Model.read(str(folder / "model.json"))
        return Source(model, folder=folder, columns=tuple(model.columns))
    estimator, steps = unwrapped(given)
    try:
        model = model_of(estimator)
    except TypeError:
        raise TypeError(f"got {type(given).__name__}; {_WHAT}") from None
    columns = tuple(model.columns)
    if steps is not None and _numbered(columns):
        columns = _names_after(steps, columns)
    kept = None if isinstance(estimator, (_core.Model, Network)) else estimator
    return Source(model, kept, steps, None, columns)


def unwrapped(given: Any) -> tuple[Any, Any]:
    """(the estimator at the end of searches and pipelines, the steps before it or None)."""
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    steps: list[Any] = []
    while True:
        if isinstance(given, BaseEstimator) and hasattr(given, "param_grid") or hasattr(
            given, "param_distributions"
        ):
            if not hasattr(given, "best_estimator_"):
                if getattr(given, "refit", True) is False:
                    raise TypeError(f"got {type(given).__name__} without its best model; fit it "
                                    "with refit=True")
                check_is_fitted(given)
            given = given.best_estimator_
        elif isinstance(given, Pipeline):
            check_is_fitted(given)
            if len(given.steps) > 1:
                steps.append(given[:-1])
            given = given.steps[-1][1]
        else:
            break
    if isinstance(given, BaseEstimator):
        check_is_fitted(given)
    if not steps:
        return given, None
    return given, steps[0] if len(steps) == 1 else Pipeline(
        [(f"steps{i}", one) for i, one in enumerate(steps)]
    )


def _numbered(names: Any) -> bool:
    return all(name == f"x{j}" for j, name in enumerate(names))


def _names_after(steps: Any, columns: tuple[str, ...]) -> tuple[str, ...]:
    try:
        names = tuple(str(name) for name in steps.get_feature_names_out())
    except Exception:  # steps of others may know no names, and say so in any way
        return columns
    return names if len(names) == len(columns) else columns


# ---- files of a run


def read_json(file: Path, folder: Path) -> dict[str, Any]:
    try:
        with open(file, encoding="utf-8") as text:
            content = json.load(text)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder}: holds no {file.name}; must be the folder of a finished run"
        ) from None
    except ValueError as broken:
        raise OSError(f"{file}: damaged: {broken}") from broken
    if not isinstance(content, dict):
        raise OSError(f"{file}: damaged: must hold an object")
    return content


def read_columns(file: Path) -> dict[str, np.ndarray]:
    """A CSV file as arrays by name: of text where a column holds any, else numbers (NaN: empty)."""
    with open(file, newline="", encoding="utf-8") as text:
        lines = list(csv.reader(text))
    if len(lines) < 2:
        raise OSError(f"{file}: damaged: holds no lines")
    heads = lines[0]
    if any(len(cells) != len(heads) for cells in lines):
        raise OSError(f"{file}: damaged: its lines differ in length")
    return {name: _cells([cells[j] for cells in lines[1:]]) for j, name in enumerate(heads)}


def _cells(cells: list[str]) -> np.ndarray:
    try:
        return np.array([float(cell) if cell else math.nan for cell in cells])
    except ValueError:
        return np.array(cells)


def columns_for(given: Any, attribute: str, file: str) -> dict[str, np.ndarray]:
    """The table that an estimator keeps as `attribute` and a run's folder as `file`; mappings are
    taken as they are."""
    if isinstance(given, (str, os.PathLike)):
        path = Path(given) / file
        if not path.exists():
            raise FileNotFoundError(f"{Path(given)}: holds no {file}")
        return read_columns(path)
    if not hasattr(given, attribute) and not hasattr(given, "keys"):
        given = unwrapped(given)[0]
    held = getattr(given, attribute, given)
    if not hasattr(held, "items"):
        raise TypeError(f"got {type(given).__name__}, which has no {attribute}")
    return {name: np.asarray(values) for name, values in held.items()}


def truth(values: np.ndarray) -> np.ndarray:
    """A column of yes and no, however it was written."""
    if values.dtype.kind in "US":
        return np.isin(np.char.lower(values), ["true", "1", "yes", "1.0"])
    return np.nan_to_num(values.astype(float)) != 0.0
