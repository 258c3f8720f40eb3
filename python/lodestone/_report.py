"""One page about a run: what it found, how sure that is, pictures, and how to repeat it."""

from __future__ import annotations

import base64
import csv
import html
import importlib
import io
import json
import math
import os
import sys
from pathlib import Path
from typing import Any, Callable, Optional, Union

import numpy as np

from lodestone import _core, plots
from lodestone._objectives import PopulationObjective
from lodestone._network import Network
from lodestone._onnx import write_whole
from lodestone._teacher import Teacher

# A larger table is not read again for the picture of the features.
_MOST_ROWS = 200_000


def report(
    run: Union[str, os.PathLike],
    out: Optional[Union[str, os.PathLike]] = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Writes one self-contained page about the folder of a `lodestone fit` or `lodestone train`.

    It needs nothing but a browser: pictures are inside, and there are no scripts. Where the run's
    table is still where it was, the learned features are shown beside its rows.

    Parameters
    ----------
    run : str or PathLike
        The run's folder.
    out : str or PathLike, optional
        The page. Default: report.html in the folder.
    overwrite : bool
        Replace a page that is there.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ImportError
        Without matplotlib.
    OSError
        For a folder that holds no finished run, damaged files, and a page that is already there.
    """
    folder = Path(run)
    page = folder / "report.html" if out is None else Path(out)
    summary = _json(folder / "summary.json", folder)
    command = summary.get("command")
    if command not in ("fit", "train"):
        raise OSError(f"{folder}: holds a run of {command!r}; reports are made of fit and train")
    if page.exists() and not overwrite:
        raise FileExistsError(f"{page}: is already there; overwrite it with --overwrite")
    content = _Page(folder, summary).text()
    write_whole(page, content.encode())
    return page


class _Page:
    def __init__(self, folder: Path, summary: dict[str, Any]) -> None:
        self._folder = folder
        self._summary = summary
        self._model = _core.Model.read(str(folder / "model.json"))
        self._notes: list[str] = []
        self._figures = 0

    def text(self) -> str:
        command = self._summary["command"]
        body = [self._headline(), self._warnings(), *self._pictures(), self._certificate()]
        body += [self._recovery(), self._features(), self._how_to_repeat()]
        notes = "".join(f"<p class=note>{html.escape(note)}</p>" for note in self._notes)
        title = f"{command}: {self._summary.get('source', self._folder.name)}"
        return _PAGE.format(
            title=html.escape(title), body="\n".join(part for part in body if part) + notes
        )

    # ---- what was found, in numbers

    def _headline(self) -> str:
        summary = self._summary
        rows = [
            ("target", self._model.target),
            ("features", summary.get("features")),
            ("neurons of the penalized network", summary.get("neurons")),
            ("weight decay λ", summary.get("lambda")),
            ("status", summary.get("status")),
            ("why it ended", summary.get("message")),
            ("rows trained on", summary.get("training_rows")),
            ("loss", summary.get("loss")),
            ("steps", summary.get("steps")),
            ("seconds", summary.get("seconds")),
        ]
        chosen = summary.get("selection", {}).get("chosen", {})
        if chosen.get("validation_error") is not None:
            error = f"{chosen['validation_error']:.4g} ± {chosen['standard_error']:.1g}"
            rows.append(("cross-validated error, share of the variance", error))
        test = summary.get("test")
        if test:
            rows += [("test RMSE", test.get("rmse")), ("test R²", test.get("r2")),
                     ("test rows", test.get("rows") or "exact expectation")]
        return "<h2>Result</h2>" + _table(rows)

    def _warnings(self) -> str:
        warnings = self._summary.get("warnings", [])
        items = "".join(f"<li>{html.escape(str(one))}</li>" for one in warnings)
        return f"<h2>Warnings</h2><ul class=warnings>{items}</ul>" if items else ""

    def _certificate(self) -> str:
        certificate = self._summary.get("certificate")
        if not certificate:
            return ""
        gap = certificate.get("relative_gap", math.nan)
        proven = certificate.get("kind") == "rigorous"
        said = (
            f"The penalized training loss at this λ is within {gap:.2g} (relative) of the least one "
            "that any two-layer network has, however wide and however trained. "
            + ("This is proven." if proven else
               "The largest |η| is the largest one found, not a proven bound.")
            + " It says nothing about how well the model predicts, nor about features merged or "
            "refitted afterwards."
        )
        return f"<h2>Certificate</h2><p>{said}</p>" + _table(list(certificate.items()))

    def _recovery(self) -> str:
        recovery = self._summary.get("recovery")
        if not recovery:
            return ""
        heads = ("hidden direction", "amplitude", "mass found", "angle (°)", "neurons", "recovered")
        lines = [
            (i + 1, one["amplitude"], one["mass"], one["angle_deg"], one["neurons"],
             "yes" if one.get("recovered") else "no")
            for i, one in enumerate(recovery["per_teacher"])
        ]
        return (
            f"<h2>Hidden directions</h2><p>{recovery['recovered']} of {recovery['teachers']} "
            "recovered: angle within 0.1°, amplitude within 1%.</p>" + _table(lines, heads)
        )

    def _features(self) -> str:
        model = self._model
        scale = np.asarray(model.scale)
        lines = []
        for i, (w, b, a) in enumerate(zip(model.directions, model.biases, model.amplitudes)):
            scaled = w * scale
            largest = np.argsort(-np.abs(scaled))[:5]
            words = "  ".join(f"{scaled[j]:+.2f} {model.columns[j]}" for j in largest)
            lines.append((i + 1, float(a), float(b), words))
        heads = ("feature", "amplitude", "bias", "largest loadings (columns by their deviation)")
        return "<h2>Features</h2>" + _table(lines, heads) if lines else ""

    def _how_to_repeat(self) -> str:
        command = self._summary["command"]
        config = self._folder / "config.toml"
        text = config.read_text(encoding="utf-8") if config.exists() else ""
        shown = "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))
        again = f"lodestone {command} --config {config} --out AGAIN"
        return (
            "<h2>How to repeat it</h2><p>The same numbers, to the last bit, come from</p>"
            f"<pre>{html.escape(again)}</pre><p>with lodestone "
            f"{html.escape(str(self._summary.get('lodestone')))} and this configuration:</p>"
            f"<pre>{html.escape(shown)}</pre>"
        )

    # ---- pictures

    def _pictures(self) -> list[str]:
        folder = self._folder
        parts = []
        if (folder / "path.csv").exists():
            path = _columns(folder / "path.csv")
            parts.append(self._figure("The path over the weight decay", lambda: plots.path(path)))
        if (folder / "history.csv").exists():
            history = _columns(folder / "history.csv")
            parts.append(self._figure("The course of training", lambda: plots.timeline(history)))
        if len(self._model.amplitudes) > 0:
            rows = self._rows()
            parts.append(self._figure("Learned features",
                                      lambda: plots.features(self._model, *rows)))
            reports = self._feature_reports()
            parts.append(self._figure("Loadings", lambda: plots.loadings(self._model, reports)))
        parts.append(self._dual_certificate())
        return parts

    def _figure(self, caption: str, draw: Callable[[], Any]) -> str:
        picture = io.BytesIO()
        # The same bytes for the same run.
        draw().savefig(picture, format="png", dpi=130, metadata={"Software": None})
        self._figures += 1
        data = base64.b64encode(picture.getvalue()).decode()
        return (
            f"<figure id=figure-{self._figures}><img alt='{html.escape(caption)}' "
            f"src='data:image/png;base64,{data}'><figcaption>{html.escape(caption)}</figcaption>"
            "</figure>"
        )

    def _feature_reports(self) -> dict[str, np.ndarray]:
        listed = self._summary.get("feature_list", [])
        names = {name for one in listed for name in one}
        return {name: np.array([one.get(name, math.nan) for one in listed]) for name in names}

    def _rows(self) -> tuple[Optional[np.ndarray], Optional[np.ndarray]]:
        """The run's table, where it is still there."""
        options = _configuration(self._folder / "config.toml")
        source = options.get("data")
        if not source or source == "-":
            return None, None
        try:
            X, y, columns = _core.read_rows(options)
        except (OSError, ValueError) as gone:
            self._notes.append(f"Features are shown without rows: {gone}")
            return None, None
        if columns != list(self._model.columns) or len(y) > _MOST_ROWS:
            return None, None
        return X, y

    def _dual_certificate(self) -> str:
        """On a population everything is at hand: the teacher and the network."""
        teacher_file = self._folder / "teacher.json"
        decay = self._summary.get("lambda") or 0.0
        if (
            not teacher_file.exists()
            or self._summary.get("objective") != "population"
            or not decay > 0.0
        ):
            return ""
        objective = PopulationObjective(Teacher.read(str(teacher_file)))
        network = Network.of(_core.Model.read(str(self._folder / "network.json")))
        network = Network(network.a, network.W)
        if not (network.width and network.masses.max() > 0.0):
            return ""
        return self._figure("The dual certificate",
                            lambda: plots.dual_certificate(objective, network, decay))


def _json(file: Path, folder: Path) -> dict[str, Any]:
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


def _columns(file: Path) -> dict[str, np.ndarray]:
    """A CSV file as arrays by name: numbers, NaN for what is empty or text."""

    def number(cell: str) -> float:
        try:
            return float(cell)
        except ValueError:
            return math.nan

    with open(file, newline="", encoding="utf-8") as text:
        lines = list(csv.reader(text))
    if len(lines) < 2:
        raise OSError(f"{file}: damaged: holds no lines")
    values = np.array([[number(cell) for cell in line] for line in lines[1:]])
    return dict(zip(lines[0], values.T))


def _configuration(file: Path) -> dict[str, str]:
    try:
        tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError:
        return {}
    if not file.exists():
        return {}
    with open(file, "rb") as text:
        options = tomllib.load(text)

    def as_text(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            return ",".join(str(one) for one in value)
        return str(value)

    return {name: as_text(value) for name, value in options.items()}


def _table(rows: list[tuple], heads: Optional[tuple[str, ...]] = None) -> str:
    def cell(value: Any) -> str:
        if isinstance(value, float):
            return f"<td class=number>{value:.6g}</td>"
        if isinstance(value, int) and not isinstance(value, bool):
            return f"<td class=number>{value}</td>"
        return f"<td>{html.escape(str(value))}</td>"

    head = ""
    if heads:
        head = "<tr>" + "".join(f"<th>{html.escape(one)}</th>" for one in heads) + "</tr>"
    lines = "".join(
        "<tr>" + "".join(cell(value) for value in row) + "</tr>"
        for row in rows
        if row[-1] is not None
    )
    return f"<table>{head}{lines}</table>"


_PAGE = """<!doctype html>
<html lang=en>
<head>
<meta charset=utf-8>
<meta name=viewport content='width=device-width, initial-scale=1'>
<link rel=icon href='data:,'>
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 56rem;
       margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }}
h2 {{ font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
td, th {{ padding: .2rem 1.2rem .2rem 0; text-align: left; vertical-align: top; }}
th {{ border-bottom: 1px solid #999; font-weight: 600; }}
td.number {{ text-align: right; }}
figure {{ margin: 2rem 0; }}
img {{ max-width: 100%; height: auto; }}
figcaption, .note {{ color: #555; font-size: .9rem; }}
pre {{ background: #f5f5f5; padding: .8rem; overflow-x: auto; font-size: .85rem; }}
ul.warnings {{ border-left: 4px solid #D55E00; padding: .4rem 0 .4rem 1.8rem; }}
</style>
</head>
<body>
<h1>lodestone {title}</h1>
{body}
</body>
</html>
"""
