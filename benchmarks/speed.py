#!/usr/bin/env python3
"""`lodestone bench` beside PyTorch, JAX and numpy, in one run; see README.md in this folder.

    benchmarks/speed.py sample        a step on rows
    benchmarks/speed.py population    a step on an exact population
    benchmarks/speed.py recovery      Algorithm 1 until the teachers of a population are found
    benchmarks/speed.py test-error    training on rows until the test error is small
    benchmarks/speed.py products      Gram matrices, ridges and predictions beside BLAS libraries
    benchmarks/speed.py all

Runs of `lodestone bench` and of each peer alternate, every one a process of its own that checks
its numbers before it times them. A ratio is that of two runs in a row; the table has the median of
pairs.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

from parts import products, results_beside
from parts.common import BENCHMARKS, Lodestone, Unavailable, measured, print_table, save, say

SAMPLE_PEERS = [
    "torch eager",
    "torch closed form",
    "torch.compile",
    "jax closed form",
    "jax autograd",
]
POPULATION_PEERS = ["population numpy", "population jax"]
SAMPLE_SIZES = [(20000, 50, 100), (100000, 20, 512), (100000, 64, 256), (50000, 256, 1024)]
POPULATION_SIZES = [(m, 20, 4) for m in (200, 1000, 4000)]


def command_line():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument(
        "--lodestone",
        metavar="FILE",
        default=os.environ.get(
            "LODESTONE", BENCHMARKS.parent / "build/release/apps/lodestone/lodestone"
        ),
        help="the program [$LODESTONE, else build/release/apps/lodestone/lodestone]",
    )
    parser.add_argument(
        "--size",
        metavar="n,d,m",
        type=lambda text: tuple(int(number) for number in text.split(",")),
        help="one size for 'sample' [four sizes]",
    )
    parser.add_argument(
        "--precision",
        dest="precisions",
        metavar="KIND",
        nargs="+",
        choices=["float64", "float32"],
        default=["float32", "float64"],
        help="of steps on rows [both]",
    )
    parser.add_argument("--pairs", metavar="N", type=int, default=5, help="runs of each, or seeds [5]")
    parser.add_argument("--seconds", metavar="S", type=float, default=2, help="for each run [2]")
    parser.add_argument(
        "--threads", metavar="N", type=int, default=os.cpu_count(), help="for every program [all]"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        default=BENCHMARKS.parent / "runs/benchmarks/speed.json",
        help="JSON results",
    )
    return parser.parse_args()


def peer_time(method, size, precision, options):
    """Median seconds of a step, or Unavailable."""
    words = [",".join(map(str, size)), precision, options.threads, options.seconds]
    finished = measured([sys.executable, BENCHMARKS / "parts/peer.py", method, *words])
    if finished.status != 0:
        raise Unavailable((finished.stderr.strip().splitlines() or ["failed"])[-1])
    return json.loads(finished.stdout)["median_seconds"]


def compare(peers, sizes, precision, lodestone_line, options):
    """A line for each peer and size: medians, and the median over pairs of peer / Lodestone."""
    results = []
    for size in sizes:
        for method in peers:
            pairs = []
            try:
                for _ in range(options.pairs):
                    ours = lodestone_line(size)
                    pairs.append((ours, peer_time(method, size, precision, options)))
            except Unavailable as missing:
                say(f"{method}: not measured: {missing}")
                continue
            results.append(
                {
                    "size": size,
                    "precision": precision,
                    "peer": method,
                    "lodestone_ms": 1e3 * statistics.median(o["median_seconds"] for o, _ in pairs),
                    "peer_ms": 1e3 * statistics.median(seconds for _, seconds in pairs),
                    "ratio": statistics.median(s / o["median_seconds"] for o, s in pairs),
                    "share_of_peak": statistics.median(o["share_of_peak"] for o, _ in pairs),
                }
            )
            say(f"{size} {method}: {results[-1]['ratio']:.2f}")
    return results


def bench_line(options, *flags):
    """`lodestone bench` with these flags; its measurements."""
    report, _ = options.lodestone("bench", "--seconds", options.seconds, *flags)
    return report["measurements"]


def sample(options):
    results = []
    for precision in options.precisions:

        def line(size, precision=precision):
            words = [",".join(map(str, size)), "--precision", precision]
            return bench_line(options, "--case", "sample", "--size", *words)[0]

        sizes = [options.size] if options.size else SAMPLE_SIZES
        results += compare(SAMPLE_PEERS, sizes, precision, line, options)
    return results


def population(options):
    def line(size):
        lines = bench_line(options, "--case", "population")
        return next(one for one in lines if one["size"]["m"] == size[0])

    return compare(POPULATION_PEERS, POPULATION_SIZES, "float64", line, options)


STEPS = {"sample": (sample, "n, d, m"), "population": (population, "m, d, k")}
RESULTS = {"recovery": results_beside.recovery, "test-error": results_beside.test_error}
PARTS = [*STEPS, *RESULTS, "products"]


def print_steps(part, options):
    measure, symbols = STEPS[part]
    results = measure(options)
    print_table(
        f"{part} step, {options.threads} threads",
        [symbols, "precision", "beside", "lodestone ms", "peer ms", "peer / lodestone", "share of peak"],
        [
            [
                ", ".join(map(str, one["size"])),
                one["precision"],
                one["peer"],
                f"{one['lodestone_ms']:.3f}",
                f"{one['peer_ms']:.3f}",
                f"{one['ratio']:.2f}",
                f"{one['share_of_peak']:.2f}",
            ]
            for one in results
        ],
    )
    return results


def print_results(part, options):
    results = RESULTS[part](options)
    print_table(
        f"{part}, {options.threads} threads: seconds of training, gradient steps (L-BFGS: evaluations), what was reached",
        ["case", "lodestone", "beside", "s", "peer s", "steps", "peer steps", "reached, peer reached", "peer / lodestone"],
        [
            [
                one["case"],
                one["lodestone"],
                one["beside"],
                f"{one['lodestone_seconds']:.2f}",
                f"{one['peer_seconds']:.2f}",
                one["lodestone_steps"],
                one["peer_steps"],
                one["reached"],
                f"{one['ratio']:.2f}",
            ]
            for one in results
        ],
    )
    print()
    print("\n".join(results_beside.medians(results)))
    return results


def print_products(part, options):
    def run(command, environment):
        finished = measured(command, environment)
        if finished.status != 0:
            raise RuntimeError(finished.stderr)
        return finished.stdout

    results = products.beside(options, run)
    print_table(
        f"{part}, {options.threads} threads: GF/s beside the best product of any library",
        ["case", "size", "precision", "lodestone", "product", "best library", "its GF/s", "lodestone / best"],
        [
            [
                one["case"],
                one["size"],
                one["precision"],
                f"{one['gigaflops']:.1f}",
                " x ".join(map(str, one["product"])),
                one["best_library"],
                f"{one['best_gigaflops']:.1f}",
                f"{one['ratio']:.2f}",
            ]
            for one in results
        ],
    )
    return results


def printer_of(part):
    if part == "products":
        return print_products
    return print_steps if part in STEPS else print_results


def main():
    options = command_line()
    options.lodestone = Lodestone(Path(options.lodestone), options.threads)
    try:
        options.lodestone.require("bench")
    except Unavailable as missing:
        return str(missing)
    for part in PARTS if options.part == "all" else [options.part]:
        results = printer_of(part)(part, options)
        save(options.out, part, {"results": results}, options.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
