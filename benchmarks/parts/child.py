"""Runs a command and reports its status, wall seconds, CPU seconds and peak memory as JSON:

    python -I -S child.py REPORT.json COMMAND...

A process of its own because on Linux a child's peak memory starts at its parent's size when it was
forked: measured from a program with numpy loaded, every child would seem to need 100 MiB.
"""

import json
import os
import sys
import time


def main():
    report, *command = sys.argv[1:]
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    with open(report, "w") as file:
        json.dump(
            {
                "status": os.waitstatus_to_exitcode(status),
                "seconds": seconds,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "peak_mib": usage.ru_maxrss / 1024,  # Linux counts in KiB
            },
            file,
        )


if __name__ == "__main__":
    main()
