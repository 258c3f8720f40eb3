"""Verbs of the command line that are made in Python: ``python -m lodestone report RUN`` and
``export MODEL``. The program ``lodestone`` hands them on to here, and asks ``table`` to read Parquet
and Arrow files."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Callable, Optional, Sequence

_EXIT = "Exit status: 0 done, 2 unusable input, 130 interrupted."


class _Parser(argparse.ArgumentParser):
    """Complains in one line, as the other verbs do."""

    def error(self, message: str) -> Any:
        raise ValueError(f"{message} ({self.prog} --help explains)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="lodestone", description=__doc__.splitlines()[0], epilog=_EXIT)
    verbs = parser.add_subparsers(dest="verb", required=True, parser_class=_Parser)
    report = verbs.add_parser(
        "report",
        help="one self-contained page about a run",
        description="Write one self-contained page about the folder of a fit or train run: what "
        "the target depends on, how well and how surely, the model, pictures, certificate, and how "
        "to repeat it.",
        epilog=_EXIT,
    )
    report.add_argument("run", metavar="RUN", help="the run's folder")
    report.add_argument("--out", metavar="FILE", help="page to write [report.html in the folder]")
    export = verbs.add_parser(
        "export",
        help="a model as ONNX, SQL, Python or C",
        description="Write a model as an ONNX graph: input x (rows, columns in the model's order), "
        "output y (rows), opset 13. Of classes and counts y is the probability of 1 or the mean, and a "
        "second output is the score. Or as text to paste: an expression of SQL over the table's columns, "
        "or a function of Python or C.",
        epilog=_EXIT,
    )
    export.add_argument("model", metavar="MODEL", help="model.json of a run, or the run's folder")
    export.add_argument(
        "--format",
        choices=("onnx", "sql", "python", "c"),
        default="onnx",
        help="what to write: a graph; an expression for SQLite and PostgreSQL; a function [onnx]",
    )
    export.add_argument(
        "--out",
        metavar="FILE",
        help="file to write; text also to - (standard output) [model.onnx, .sql, .py or .c beside the "
        "model]",
    )
    export.add_argument(
        "--precision",
        choices=("float64", "float32"),
        default="float64",
        help="numbers of the ONNX graph, its input and output [float64]",
    )
    verbs.add_parser(
        "table",
        description="Turn the Parquet or Arrow file on standard input into the text on standard output "
        "that the program reads.",
        epilog=_EXIT,
    )
    for verb in (report, export):
        verb.add_argument("--overwrite", action="store_true", help="replace a file that is there")
        verb.add_argument("--quiet", action="store_true", help="say nothing")
        verb.add_argument("--json", action="store_true", help="print what was written as JSON")
    return parser


def _report(options: argparse.Namespace) -> dict[str, Any]:
    from lodestone._report import report

    page = report(options.run, options.out, overwrite=options.overwrite)
    return {"command": "report", "file": str(page)}


def _export(options: argparse.Namespace) -> Optional[dict[str, Any]]:
    from lodestone import Model
    from lodestone._formula import ENDINGS, inputs_of, to_formula
    from lodestone._onnx import INPUT, OPSET, OUTPUT, outputs_of, to_onnx

    text = options.format != "onnx"
    if text and options.precision != "float64":
        raise ValueError(f"precision: got '{options.precision}'; is for --format onnx: text has all digits")
    shown = options.out == "-"
    if shown and not text:
        raise ValueError("out: got '-'; an ONNX graph is no text: it goes to a file")
    if shown and options.json:
        raise ValueError("json: the text goes to standard output; give a file by --out")
    source = options.model
    if os.path.isdir(source):
        source = os.path.join(source, "model.json")
    ending = ENDINGS[options.format] if text else ".onnx"
    out = options.out or os.path.join(os.path.dirname(source), "model" + ending)
    if not shown and os.path.exists(out) and not options.overwrite:
        raise FileExistsError(f"{out}: is already there; overwrite it with --overwrite")
    model = Model.read(source)
    if text:
        formula = to_formula(model, None if shown else out, language=options.format)
        if shown:
            sys.stdout.write(formula)
            return None
        return {"command": "export", "file": out, "format": options.format, "columns": inputs_of(model)}
    to_onnx(model, out, dtype=options.precision)
    return {
        "command": "export",
        "file": out,
        "format": "onnx",
        "opset": OPSET,
        "input": INPUT,
        "output": OUTPUT,
        "outputs": outputs_of(model),
        "precision": options.precision,
        "columns": list(model.columns),
    }


def _table(_: argparse.Namespace) -> None:
    from lodestone._tables import pieces

    sys.stdout.buffer.writelines(pieces(sys.stdin.buffer.read()))


_VERBS: dict[str, Callable[[argparse.Namespace], Optional[dict[str, Any]]]] = {
    "report": _report,
    "export": _export,
    "table": _table,
}


def main(arguments: Optional[Sequence[str]] = None) -> int:
    try:
        options = _parser().parse_args(arguments)
        done = _VERBS[options.verb](options)
        if done is None:
            pass  # what was asked for has been printed
        elif options.json:
            print(json.dumps(done, indent=2))
        elif not options.quiet:
            print(f"file: {done['file']}")
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("lodestone: interrupted", file=sys.stderr)
        return 130
    except Exception as error:  # whatever goes wrong, and wherever: one line
        message = str(error)
        if not isinstance(error, (ImportError, OSError, TypeError, ValueError)) or not message:
            message = f"{type(error).__name__}: {message}" if message else type(error).__name__
        if isinstance(error, OSError) and error.errno is not None and error.filename:
            message = f"{error.filename}: {error.strerror}"
        print("lodestone: error: " + " ".join(message.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
