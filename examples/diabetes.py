"""What does the progress of diabetes depend on?

A table of 442 patients, few readable features, and an error that was measured on rows the fit has not seen.
Ridge regression stands beside it, and the warnings say how far the features are to be trusted.
"""

import argparse
from pathlib import Path

from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score

import lodestone

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--figures", type=Path, help="folder to save the picture in")
figures = parser.parse_args().figures

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
regressor = lodestone.LodestoneRegressor(weight_decays=15)

for name, model in (("lodestone", regressor), ("ridge", RidgeCV())):
    r2 = cross_val_score(model, X, y, cv=5)
    print(f"{name:10} R² {r2.mean():.3f} ± {r2.std() / len(r2) ** 0.5:.3f} on rows held out")

regressor.fit(X, y)
print(f"features: {len(regressor.amplitudes_)}, at lambda {regressor.weight_decay_:.3g}")
loadings = regressor.directions_ * regressor.model_.scale
for amplitude, direction in zip(regressor.amplitudes_, loadings):
    largest = sorted(zip(-abs(direction), direction, X.columns))[:4]
    words = "  ".join(f"{weight:+.2f} {column}" for _, weight, column in largest)
    print(f"amplitude {amplitude:+7.1f}: {words}")
for warning in regressor.warnings_:
    print("warning:", warning)

if figures:
    lodestone.plots.importance(regressor, X).savefig(figures / "diabetes.svg")
