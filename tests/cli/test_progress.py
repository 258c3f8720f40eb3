"""Progress bars fit the terminal, and elsewhere a line now and then says that work goes on."""

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest
from conftest import PROGRAM, TEACHER

# What each verb that draws a bar does in a second or two.
WORK = {
    "train": [
        *["train", "--teacher", TEACHER, "--width", 40, "--tolerance", 0, "--lambda-end", 1e-9],
        *["--max-epoch-steps", 4000],
    ],
    "train on rows": [
        *["train", "--teacher", TEACHER, "--samples", 800, "--noise", 0.1, "--width", 40],
        *["--max-epoch-steps", 400],
    ],
    "fit": ["fit", "table.csv", "target", "--lambdas", 25, "--bootstrap", 20],
    "lab": ["lab", "--quick", "--only", "mass-bound,lem-6.1"],
    "sweep": [
        *["sweep", "--teacher", TEACHER, "--width", 40, "--grid", "width=20,40", "--seeds", "0:3"],
        *["--out", "sweep", "--jobs", 1],
    ],
}


def drawn_lines(folder, arguments, columns):
    """What a terminal so wide gets to show, redrawing by redrawing."""
    try:
        ours, theirs = pty.openpty()
    except OSError:
        # A bare chroot without /dev/pts; every booted system and container has them.
        pytest.skip("this system has no pseudo-terminals")
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError as error:
            assert error.errno == errno.EIO  # the other side is gone
            break
        if not block:
            break
        shown += block
    os.close(ours)
    # 3: an epoch ended by its budget of steps. The bar is what is looked at.
    assert process.wait() in (0, 3), shown.decode()
    return [line for line in shown.decode().replace("\n", "\r").split("\r") if line != "\033[K"]


@pytest.mark.parametrize("columns", [80, 40, 20])
@pytest.mark.parametrize("work", WORK)
def test_no_drawn_line_is_wider_than_the_terminal(lodestone, table_file, work, columns):
    lines = drawn_lines(lodestone.folder, WORK[work], columns)
    drawn = [line.removeprefix("\033[K") for line in lines if line]
    assert drawn, "nothing was drawn"
    for line in drawn:
        assert "\033" not in line
        assert 0 < len(line) <= columns, line
        if work != "train on rows":
            assert re.match(r"\[#*\.*\] +\d+%", line), line


def test_the_bar_of_a_wide_terminal_tells_everything(lodestone):
    lines = drawn_lines(lodestone.folder, WORK["train"], 120)
    drawn = [line for line in lines if line.startswith("\033[K[")][-1]
    assert re.fullmatch(
        r"\033\[K\[[#.]{24}\] +\d+%(  \d+ s left)?  loss \S+  neurons \d+  step \d+  lambda \S+",
        drawn,
    ), drawn


def test_a_fit_in_a_pipe_says_that_it_works(lodestone, table_file):
    arguments = ["fit", "table.csv", "target", "--lambdas", 12]
    lines = lodestone.done(*arguments).stderr.splitlines()
    assert 2 <= len(lines) <= 12
    for line in lines:
        assert re.fullmatch(r" *\d+%  [a-z-]+ +\d+\.\d s", line), line
    shares = [int(line.split("%")[0]) for line in lines]
    assert shares == sorted(shares)
    for silent in ["--quiet", "--json"]:
        assert lodestone.done(*arguments, silent).stderr == ""
