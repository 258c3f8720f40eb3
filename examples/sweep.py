"""How wide must the student be?

Runs over widths and seeds, side by side with joblib. Each works on one thread, and its numbers do not depend on how
many run at once.
"""

import argparse
from pathlib import Path

from joblib import Parallel, delayed

import lodestone

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--figures", type=Path, help="folder to save the picture in")
figures = parser.parse_args().figures

WIDTHS = (10, 30, 100)
SEEDS = range(4)


def recovered(width, seed):
    lodestone.set_threads(1)
    teacher = lodestone.Teacher.random(d=10, k=3, min_angle=30, seed=seed)
    result = lodestone.train(teacher, width=width, seed=seed, tolerance=1e-7, max_steps=20_000)
    return result.recovery.recovered == teacher.neurons


grid = [(width, seed) for width in WIDTHS for seed in SEEDS]
outcomes = Parallel(n_jobs=2)(delayed(recovered)(width, seed) for width, seed in grid)
wins = {width: sum(won for (one, _), won in zip(grid, outcomes) if one == width) for width in WIDTHS}
for width, count in wins.items():
    print(f"width {width:4}: all directions recovered in {count} of {len(SEEDS)} runs")

if figures:
    from matplotlib import pyplot

    picture, axes = pyplot.subplots(figsize=(4.5, 3), layout="constrained")
    axes.bar([str(width) for width in WIDTHS], wins.values())
    axes.set_xlabel("width of the student")
    axes.set_ylabel(f"runs of {len(SEEDS)} that recover all directions")
    picture.savefig(figures / "sweep.svg")
