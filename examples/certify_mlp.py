"""A network trained elsewhere is judged: how far is its penalized loss from the least that any
two-layer network has, and how much lower does the certified path get at the same weight decay?"""

from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

import lodestone

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
