#!/usr/bin/env python3
"""LodestoneRegressor beside scikit-learn's regressors and R's ppr on real tables, all from Python.

    benchmarks/peers.py --check

Tables, splits and peers are those of `fit.py tables`, which runs the program `lodestone fit` instead.
With --check the program runs too, on the files of every split, and the script stops with an error
where its model or a prediction differs from LodestoneRegressor's in a bit.
"""

import argparse
import sys

from fit import Options, limit_threads, shared_arguments


def command_line():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared_arguments(parser, "peers.json")
    parser.add_argument("--check", action="store_true", help="compare with the program's bits")
    return parser.parse_args(namespace=Options(fit_flags=None))


def main():
    options = command_line()
    limit_threads(options.threads)
    from parts.common import Lodestone, Unavailable, save, say
    from parts.regressor import by_regressor
    from parts.tables import run

    options.lodestone = Lodestone(options.lodestone, options.threads)
    try:
        if options.check:
            options.lodestone.require("fit")
        results = run(options, by_regressor)
    except Unavailable as missing:
        return str(missing)
    if options.check:
        print("\nLodestoneRegressor and the program: the same bits on every split")
    save(options.out, "peers", results, options.threads)
    say(f"saved in {options.out}")


if __name__ == "__main__":
    sys.exit(main())
