#!/usr/bin/env python3
"""How often do tests fail for other last bits, or other seeds?

    cmake --preset release -B build/perturb -DLODESTONE_PERTURB=ON -DLODESTONE_BUILD_TESTS=ON
    cmake --build build/perturb
    python3 tests/perturbation.py build/perturb --runs 40

Every unit test program runs once for each perturbation: sums over rows and fields of populations have their
last bits moved (src/core/perturbation.hpp). The table lists each test that failed, and each number that a
statistical test recorded with its bounds: its mean and spread over the runs, the distance from the nearest
bound in units of the spread, and the rate of failure that a normal distribution has there.
"""

import argparse
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

# What is no statement but a comparison of bits: perturbed sums cannot keep them.
COMPARE_BITS = re.compile(r"BitsOf|SameBits|same_bits|Resum|Instruction", re.IGNORECASE)


def run_program(program, perturbation, pattern):
    """Reports of all tests of one program under one perturbation."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [str(program), f"--gtest_output=json:{report.name}", "--gtest_brief=1"]
        if pattern:
            command.append(f"--gtest_filter={pattern}")
        subprocess.run(
            command,
            env={**os.environ, "LODESTONE_PERTURBATION": str(perturbation)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
        suites = json.loads(pathlib.Path(report.name).read_text() or "{}").get("testsuites", [])
    for suite in suites:
        for test in suite["testsuite"]:
            yield f"{suite['name']}.{test['name']}", test


def recorded(test):
    """Numbers with their bounds, which tests record as 'value in [low, high]'."""
    for name, text in test.items():
        found = re.fullmatch(r"(\S+) in \[(\S+), (\S+)\]", str(text))
        if found:
            yield name, [float(number) for number in found.groups()]


def normal_tail(distance):
    return 0.5 * math.erfc(distance / math.sqrt(2.0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="a build with -DLODESTONE_PERTURB=ON")
    parser.add_argument("--runs", type=int, default=20, help="perturbations, 1 to this one [20]")
    parser.add_argument("--programs", default="*_test", help="which test programs [*_test]")
    parser.add_argument("--filter", default="", help="which tests, as --gtest_filter takes it")
    parser.add_argument("--all", action="store_true", help="also tests that compare bits")
    options = parser.parse_args()
    programs = sorted(
        path
        for path in (options.build / "tests").glob(options.programs)
        if path.is_file() and os.access(path, os.X_OK)
    )
    if not programs:
        parser.error(f"no test programs in {options.build / 'tests'}")
    runs = {}
    failures = {}
    numbers = {}
    for perturbation in range(1, options.runs + 1):
        for program in programs:
            for name, test in run_program(program.resolve(), perturbation, options.filter):
                if COMPARE_BITS.search(name) and not options.all:
                    continue
                runs[name] = runs.get(name, 0) + 1
                if test.get("failures"):
                    failures.setdefault(name, []).append(perturbation)
                for quantity, value in recorded(test):
                    numbers.setdefault((name, quantity), []).append(value)
        print(f"perturbation {perturbation} of {options.runs}: {len(failures)} tests have failed", file=sys.stderr)
    print(f"{len(runs)} tests, {sum(runs.values())} runs")
    for name, which in sorted(failures.items()):
        print(f"{len(which):4} of {runs[name]} failed  {name}  (perturbations {which[:8]})")
    print(f"{'distance':>9} {'rate':>8} {'mean':>12} {'spread':>10}  bounds, test, quantity")
    lines = []
    for (name, quantity), values in numbers.items():
        measured = [value for value, _, _ in values]
        low, high = values[0][1:]
        spread = statistics.stdev(measured) if len(measured) > 1 else math.nan
        mean = statistics.fmean(measured)
        margin = min(mean - low, high - mean)
        distance = margin / spread if spread > 0 else math.inf
        lines.append((distance, f"{distance:9.3g} {normal_tail(distance):8.1g} {mean:12.5g} {spread:10.2g}  [{low:g}, {high:g}] {name}, {quantity}"))
    for _, line in sorted(lines):
        print(line)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
