"""A network trained elsewhere is judged

How far is its penalized loss from the least that any two-layer network has, and how much lower does the certified
path get at the same weight decay? At an optimum the dual function |η| is at most 1, and neurons stand only where it
is 1: the picture shows that those of scikit-learn stand elsewhere.
"""

import argparse
from pathlib import Path

from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

import lodestone

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--figures", type=Path, help="folder to save the picture in")
figures = parser.parse_args().figures

teacher = lodestone.Teacher.random(d=6, k=2, min_angle=40, seed=3)
X, y = teacher.sample(1000, noise=0.1, seed=1)
X = StandardScaler().fit_transform(X)

# Its alpha/2 ‖W‖² per row is our λ/2 (‖a‖² + ‖W‖²), biases apart.
decay = 0.01
perceptron = MLPRegressor(
    hidden_layer_sizes=(50,), solver="lbfgs", alpha=decay * len(X), max_iter=3000, random_state=0
).fit(X, y)

judged = lodestone.certify(perceptron, X, y, weight_decay=decay)
print(f"MLPRegressor: penalized loss {judged.penalized_loss:.5f}, "
      f"within {judged.certificate.relative_gap:.2g} of the least (relative)")

fitted = lodestone.LodestoneRegressor(weight_decay=decay, standardize="none").fit(X, y)
best = lodestone.certify(fitted.network_model_, X, y, weight_decay=decay)
print(f"lodestone:    penalized loss {best.penalized_loss:.5f}, "
      f"within {best.certificate.relative_gap:.2g} of the least (relative)")

if figures:
    objective = lodestone.SampleObjective(X, y, biases=True)
    network = lodestone.Network.from_sklearn(perceptron)
    picture = lodestone.plots.dual_certificate(objective, network, decay)
    picture.savefig(figures / "certify_mlp.svg")
