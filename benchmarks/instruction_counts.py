"""Instructions of small fixed computations beside those recorded: a guard against code that became slower.

    ./run instructions            # builds, counts, compares; ends with an error where a count grew or fell
    ./run instructions --write    # records the counts of now

valgrind's callgrind counts what runs inside counted_region of build/release's lodestone_counted_cases, on one
thread. It pretends to have a processor without AVX-512, the same whatever it runs on, so that counts of the
same program repeat. Another compiler or library gives another program: then differences are shown, and
judged by nobody.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PROGRAM = REPOSITORY / "build/release/benchmarks/micro/lodestone_counted_cases"
RECORD = Path(__file__).resolve().parent / "instruction_counts.json"

# Nothing else of the environment reaches the program: its size moves the stack, its settings the libraries.
ENVIRONMENT = {
    # glibc fills and copies memory by string instructions, which are counted once for every byte.
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-ERMS",
    "LC_ALL": "C",
}


class Failure(Exception):
    """What went wrong, and what to do about it, in one line."""


def valgrind(*arguments, tool):
    """Standard output of a program under valgrind."""
    command = ["valgrind", f"--tool={tool}", "-q", *map(str, arguments)]
    environment = {**ENVIRONMENT, "PATH": os.environ.get("PATH", os.defpath)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        raise Failure("valgrind was not found: ./run need valgrind installs it") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise Failure(f"failed with status {done.returncode}: {' '.join(command)}: {last}")
    return done.stdout


def about(program):
    """The program's cases, and all that its counts depend on besides the source."""
    answer = json.loads(valgrind(program, tool="none"))
    version = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True)
    return answer["cases"], {**answer["built_with"], "valgrind": version.stdout.strip().removeprefix("valgrind-")}


def count(program, case):
    """Instructions of one run of a case."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "counts"
        valgrind(
            f"--callgrind-out-file={output}",
            "--toggle-collect=counted_region",
            program,
            case,
            tool="callgrind",
        )
        total = re.search(r"^(?:totals|summary): (\d+)", output.read_text(), re.MULTILINE)
    if total is None or int(total[1]) == 0:
        raise Failure(f"{case}: nothing was counted; was {program} stripped? ./run instructions builds it")
    return int(total[1])


def count_all(program, cases):
    """Counts by case; as many at once as there are processors, which changes no count."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(cases, pool.map(lambda case: count(program, case), cases)))


def differing(now, recorded):
    """Lines that name what the counts of now and the recorded ones were built with, where that differs."""
    keys = list(dict.fromkeys([*recorded, *now]))
    return [
        f"{key}: {now.get(key, 'none')} (recorded: {recorded.get(key, 'none')})"
        for key in keys
        if now.get(key) != recorded.get(key)
    ]


def compare(now, recorded, tolerance):
    """Lines of the table, and the cases whose count is not the recorded one, within the tolerance."""
    width = max(map(len, ["case", *now, *recorded]))
    lines = [f"{'case':{width}} {'now':>15} {'recorded':>15} {'ratio':>8}"]
    outside = []
    for case in dict.fromkeys([*recorded, *now]):
        counts = [now.get(case), recorded.get(case)]
        shown = [f"{number:,}" if number is not None else "none" for number in counts]
        ratio = counts[0] / counts[1] if None not in counts else None
        lines.append(f"{case:{width}} {shown[0]:>15} {shown[1]:>15} {f'{ratio:.4f}' if ratio else '':>8}".rstrip())
        if ratio is None or abs(ratio - 1.0) > tolerance:
            outside.append(case)
    return lines, outside


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=PROGRAM, help="lodestone_counted_cases [in build/release]")
    parser.add_argument("--write", action="store_true", help=f"record the counts in benchmarks/{RECORD.name}")
    parser.add_argument("--tolerance", type=float, default=0.01, help="relative difference that is let pass [0.01]")
    options = parser.parse_args()
    if not options.program.exists():
        raise Failure(f"no program {options.program}: ./run instructions builds it")
    cases, built_with = about(options.program)
    counts = count_all(options.program, cases)
    if options.write:
        record = {"built_with": built_with, "instructions": counts}
        RECORD.write_text(json.dumps(record, indent=2) + "\n")
        print("\n".join(compare(counts, counts, 0.0)[0]))
        print(f"recorded in benchmarks/{RECORD.name}")
        return 0
    if not RECORD.exists():
        raise Failure(f"nothing is recorded in benchmarks/{RECORD.name}: ./run instructions --write records it")
    record = json.loads(RECORD.read_text())
    lines, outside = compare(counts, record["instructions"], options.tolerance)
    print("\n".join(lines))
    differences = differing(built_with, record["built_with"])
    if differences:
        print("Not judged: the recorded counts were built with something else.")
        print("\n".join(f"  {line}" for line in differences))
        return 0
    if outside:
        print(
            f"More than {100 * options.tolerance:g} % from what is recorded: {', '.join(outside)}. If that is meant, "
            "./run instructions --write records the new counts; say why in CHANGELOG.md."
        )
        return 1
    print(f"All within {100 * options.tolerance:g} % of what is recorded.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"instruction_counts: {failure}")
