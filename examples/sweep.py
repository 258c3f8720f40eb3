"""How wide must the student be? Runs over widths and seeds, side by side with joblib. Each works on
one thread, and its numbers do not depend on how many run at once."""

from joblib import Parallel, delayed

import lodestone

WIDTHS = (10, 30, 100)
SEEDS = range(4)


def recovered(width, seed):
    lodestone.set_threads(1)
    teacher = lodestone.Teacher.random(d=10, k=3, min_angle=30, seed=seed)
    result = lodestone.train(teacher, width=width, seed=seed, tolerance=1e-7, max_steps=20_000)
    return result.recovery.recovered == teacher.neurons


grid = [(width, seed) for width in WIDTHS for seed in SEEDS]
outcomes = Parallel(n_jobs=2)(delayed(recovered)(width, seed) for width, seed in grid)
for width in WIDTHS:
    wins = sum(won for (one, _), won in zip(grid, outcomes) if one == width)
    print(f"width {width:4}: all directions recovered in {wins} of {len(SEEDS)} runs")
