"""A network recovered from its function

A network hides four directions in twenty dimensions. Algorithm 1 sees only the exact population
of its outputs, and finds the directions again.
"""

import argparse
from pathlib import Path

import lodestone

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--figures", type=Path, help="folder to save the picture in")
figures = parser.parse_args().figures

teacher = lodestone.Teacher.random(d=20, k=4, min_angle=25, seed=0)
result = lodestone.train(teacher, width=200, tolerance=1e-8)

print(result.message)
for hidden, found in zip(teacher.amplitudes, result.recovery.per_teacher):
    print(
        f"amplitude {hidden:+.3f}: found {found.mass:+.4f} in {found.neurons} neurons, "
        f"{found.angle_deg:.4f} degrees off"
    )
print(f"{result.recovery.recovered} of {teacher.neurons} hidden directions recovered")
print(f"within {result.certificate.relative_gap:.1e} of the least penalized loss of any network")

if figures:
    lodestone.plots.timeline(result).savefig(figures / "recover_teacher.svg")
