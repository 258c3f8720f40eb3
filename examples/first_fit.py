"""Three hidden directions

The target of this table depends on three weighted sums of its ten columns, with some noise. The fit sees
the rows alone. It finds how many sums there are, which columns they weigh, and how each of them acts.
"""

import argparse
from pathlib import Path

import lodestone

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--figures", type=Path, help="folder to save the picture in")
figures = parser.parse_args().figures

X, y = lodestone.Teacher.random(d=10, k=3, r=3, min_angle=30, seed=1).sample(2000, noise=0.1)
model = lodestone.LodestoneRegressor().fit(X, y)
print(model)

if figures:
    lodestone.plots.features(model, X, y).savefig(figures / "first_fit.svg")
