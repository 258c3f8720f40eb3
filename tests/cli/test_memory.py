"""Training holds the rows once: it runs where a second copy of them would not fit."""

import resource

import numpy as np

MIB = 2**20
ROWS, COLUMNS = 2**18, 48  # 96 MiB

# What the program needs beyond its rows: code, threads, blocks of the kernels.
BESIDES = 64 * MIB

FLAGS = ["--width", 8, "--max-steps", 2, "--threads", 1, "--quiet"]


def test_rows_are_held_once(lodestone):
    random = np.random.default_rng(0)
    table = random.random((ROWS, COLUMNS))
    np.save(lodestone.folder / "X.npy", table)
    np.save(lodestone.folder / "y.npy", np.maximum(table[:, 0], table[:, 1]))
    limit = int(1.2 * table.nbytes) + BESIDES
    result = lodestone(
        *["train", "--data", "X.npy", "--target", "y.npy", *FLAGS],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    assert result.returncode == 3, result.stderr
