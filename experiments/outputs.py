#!/usr/bin/env python3
"""Rows that three outputs need to show four directions they share: one fit of all three beside three
fits of one each, by rows. Prints the table of docs/results.md, "Several outputs".

    pip install . && experiments/outputs.py          (some minutes; --draws N for fewer or more)

d = 10, orthogonal directions, amplitudes of each output a random unit vector, noise of half its
deviation. A direction counts as found where a feature lies within 15 degrees of it; of the separate
fits in any of the three.
"""

import argparse

import numpy as np

from lodestone import LodestoneRegressor


def draw(rows, seed):
    random = np.random.default_rng(seed)
    directions = np.linalg.qr(random.standard_normal((10, 4)))[0].T
    X = random.standard_normal((rows, 10))
    amplitudes = random.standard_normal((4, 3))
    F = np.maximum(X @ directions.T, 0.0) @ (amplitudes / np.linalg.norm(amplitudes, axis=0))
    return X, F + 0.5 * F.std(axis=0) * random.standard_normal(F.shape), directions


def angles(X, Y, directions):
    """Degrees from each direction to the nearest feature, 90 where there is none."""
    model = LodestoneRegressor(weight_decays=15, weight_decay_ratio=1e-2).fit(X, Y)
    W = model.directions_ * model.model_.scale
    if len(W) == 0:
        return np.full(len(directions), 90.0)
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    return np.degrees(np.arccos(np.clip(np.abs(directions @ W.T).max(axis=1), 0.0, 1.0)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=6, help="for each number of rows [6]")
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 150, 200, 300, 450, 600])
    options = parser.parse_args()
    print("| rows | found by one fit | median angle (°) | found by three | median angle (°) |")
    print("|---|---|---|---|---|")
    for rows in options.rows:
        together, apart = [], []
        for seed in range(options.draws):
            X, Y, directions = draw(rows, seed)
            together.append(angles(X, Y, directions))
            apart.append(np.min([angles(X, y, directions) for y in Y.T], axis=0))
        cells = []
        for found in (np.array(together), np.array(apart)):
            cells += [f"{(found < 15).sum()} of {found.size}", f"{np.median(found):.1f}"]
        print(f"| {rows} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
