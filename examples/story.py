"""How gradient descent learns features

After Zhou and Ge, "How Does Gradient Descent Learn Features" (NeurIPS 2024). Everything is exact:
the loss is that of the whole population, not of rows drawn from it. The story has seven cells and six
pictures. The one shown here is of its end: neurons stand where the dual function |η| is 1, and in their plane it
is nowhere larger.
"""

# %% A network hides three directions in a plane of ten dimensions.
import argparse
from pathlib import Path

import lodestone
from lodestone import plots

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--figures", type=Path, help="folder to save the pictures in")
figures = parser.parse_known_args()[0].figures


def show(name, figure):
    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
        figure.savefig(figures / f"story_{name}.svg")


teacher = lodestone.Teacher.random(d=10, k=3, r=2, min_angle=40, seed=2)
print(f"{teacher}: target variance {teacher.target_variance:.3f}")

# %% Without weight decay the loss falls, and the neurons stay where they were.
plain = lodestone.train(teacher, width=100, schedule="none", tolerance=1e-8, max_steps=20_000)
print(f"no weight decay:         loss {plain.loss:.1e}, "
      f"mean angle {plain.recovery.mean_angle_deg:6.2f}°")

# %% With a fixed one they turn, but a loss of about λ remains.
fixed = lodestone.train(teacher, width=100, schedule="constant", weight_decay_start=1e-2,
                        tolerance=1e-8, max_steps=20_000)
print(f"fixed weight decay:      loss {fixed.loss:.1e}, "
      f"mean angle {fixed.recovery.mean_angle_deg:6.2f}°")

# %% Let it fall slowly, and every neuron ends at a hidden direction.
falling = lodestone.train(teacher, width=100, tolerance=1e-8, keep_neurons=True, record_every=20)
print(f"decreasing weight decay: loss {falling.loss:.1e}, "
      f"mean angle {falling.recovery.mean_angle_deg:6.2f}°, "
      f"{falling.recovery.recovered} of {teacher.neurons} recovered")
show("timeline", plots.timeline(falling))
show("neurons", plots.neurons(falling.snapshots, teacher))

# %% Why: at an optimum |η| is at most 1 everywhere, and neurons may stand only where it is 1.
objective = lodestone.PopulationObjective(teacher)
network = lodestone.Network(falling.network.a, falling.network.W)
certificate = objective.certificate(network, falling.weight_decay)
print(f"sup |η| = {certificate.sup_eta:.6f} ({certificate.kind}), "
      f"relative gap {certificate.relative_gap:.1e}")
show("certificate", plots.dual_certificate(objective, network, falling.weight_decay))

# %% From rows the same works up to their noise.
X, y = teacher.sample(2000, noise=0.1, seed=0)
regressor = lodestone.LodestoneRegressor(weight_decays=15, weight_decay_ratio=1e-2).fit(X, y)
print(f"from 2000 noisy rows: {len(regressor.amplitudes_)} features, "
      f"validation error {regressor.cv_results_['validation_error'].min():.4f} of the variance")
show("path", plots.path(regressor))

# %% And this is what they look like.
show("features", plots.features(regressor, X, y))
show("loadings", plots.loadings(regressor))
