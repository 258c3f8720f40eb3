#!/usr/bin/env python3
"""`lodestone fit` beside the programs people would use instead; see README.md in this folder.

    benchmarks/fit.py directions    are the hidden directions found? beside R's ppr
    benchmarks/fit.py noise         what noise costs, beside least squares that is told the truth
    benchmarks/fit.py tables        real tables: test error and time beside scikit-learn and R
    benchmarks/fit.py gaps          relative gaps on real and drawn tables, searched twice
    benchmarks/fit.py convex        the same convex problem solved by pyscnn
    benchmarks/fit.py growth        time and memory against rows, columns, features, path length
    benchmarks/fit.py global        rigorous gaps on exact populations
    benchmarks/fit.py intervals     coverage of 90% intervals around predictions
    benchmarks/fit.py families      directions under a link, gaps of other losses than the square
    benchmarks/fit.py wide          fewer rows than columns, beside the lasso and an MLP
    benchmarks/fit.py targets       classes and counts on twelve tables, beside scikit-learn and EBM
    benchmarks/fit.py subspace      is their span found? beside xRFM, SIR, SAVE, PHD, ppr, an MLP
    benchmarks/fit.py all

Tables go to standard output, everything that was measured to the JSON file --out.
"""

import argparse
import importlib
import os
import shlex
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# A part's module is loaded when it runs: none needs the packages of the others.
PARTS = {
    "directions": "directions",
    "noise": "noise",
    "tables": "tables",
    "gaps": "gaps",
    "convex": "convex",
    "growth": "growth",
    "global": "global_gap",
    "families": "families",
    "intervals": "intervals",
    "wide": "wide",
    "targets": "targets",
    "subspace": "subspace",
}


class Options(argparse.Namespace):
    """The command line, with the questions that parts ask of it."""

    def wants(self, method):
        """Whether this method is to be measured (--only)."""
        return not self.only or method in self.only

    def variants(self, name):
        """(name, flags) of each variant of `lodestone fit` to measure: one without name, or one for
        each --fit-flags. Empty when --only leaves Lodestone out."""
        if not self.wants("lodestone"):
            return []
        variants = []
        for text in self.fit_flags or [""]:
            label, _, flags = text.partition(":") if _is_named(text) else ("", "", text)
            variants.append((f"{name} {label}".strip(), shlex.split(flags)))
        return variants


def _is_named(text):
    """'NAME: --flag ...' names a variant; flags alone do not."""
    label, colon, _ = text.partition(":")
    return bool(colon) and not label.lstrip().startswith("-")


def _names(text):
    return set(text.split(","))


def shared_arguments(parser, out):
    """What fit.py and peers.py both ask for; `out` is the name of the results."""
    parser.add_argument(
        "--lodestone",
        metavar="FILE",
        default=os.environ.get("LODESTONE", HERE.parent / "build/release/apps/lodestone/lodestone"),
        help="the program [$LODESTONE, else build/release/apps/lodestone/lodestone]",
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        type=Path,
        default=HERE.parent.parent / "shared/data",
        help="folder of NAME.csv and NAME.splits.json for 'tables' [../shared/data]",
    )
    parser.add_argument(
        "--only",
        "--methods",
        metavar="METHOD,...",
        type=_names,
        default=set(),
        help="measure these alone: lodestone, ppr, least-squares, mlp, boosting, floor [all];"
        " of 'targets' also logistic and ebm, of 'subspace' xrfm, sir, save, phd and variants"
        " (parts/subspace.py)",
    )
    parser.add_argument("--splits", metavar="N", type=int, default=10, help="splits a table [10]")
    parser.add_argument("--threads", metavar="N", type=int, default=1, help="for every method [1]")
    parser.add_argument(
        "--out", metavar="FILE", default=HERE.parent / "runs/benchmarks" / out, help="JSON results"
    )


def limit_threads(count):
    """For a BLAS that is not loaded yet: it reads these once, so call this before importing numpy."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(count)


def command_line():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, "all"])
    shared_arguments(parser, "fit.json")
    parser.add_argument(
        "--fit-flags",
        metavar="[NAME:] FLAGS",
        action="append",
        help="flags passed on to `lodestone fit`; given several times, each is a variant of its"
        ' own, as in --fit-flags "relu: --shape relu" --fit-flags "spline: --shape spline"',
    )
    parser.add_argument(
        "--before", metavar="PROGRAM", help="for 'gaps': another lodestone to measure beside"
    )
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=20, help="teachers a setting [20]"
    )
    parser.add_argument(
        "--tables",
        metavar="TABLE,...",
        type=_names,
        default=set(),
        help="for 'targets': these alone [all]",
    )
    parser.add_argument(
        "--settings",
        metavar="NAME,...",
        type=lambda text: text.split(","),
        help="for 'subspace': these alone: relu, sine, square, product, mixed, heavy [all]",
    )
    parser.add_argument(
        "--rows",
        metavar="N,...",
        type=lambda text: [int(number) for number in text.split(",")],
        default=[500, 5000],
        help="for 'subspace': numbers of rows [500,5000]",
    )
    parser.add_argument(
        "--problems", metavar="N", type=int, default=20, help="for 'subspace': a cell [20]"
    )
    return parser.parse_args(namespace=Options())


def main():
    options = command_line()
    limit_threads(options.threads)
    from parts.common import Lodestone, Unavailable, save, say

    options.lodestone = Lodestone(options.lodestone, options.threads)
    try:
        if options.wants("lodestone"):
            options.lodestone.require("fit")
    except Unavailable as missing:
        return str(missing)
    for part in PARTS if options.part == "all" else [options.part]:
        try:
            results = importlib.import_module(f"parts.{PARTS[part]}").run(options)
        except (Unavailable, ImportError) as missing:
            say(f"{part}: not measured: {missing}")
            continue
        save(options.out, part, results, options.threads)
        say(f"{part}: saved in {options.out}")


if __name__ == "__main__":
    sys.exit(main())
