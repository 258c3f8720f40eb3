"""A network hides four directions in twenty dimensions. Algorithm 1 sees only the exact population
of its outputs, and finds them again."""

import lodestone

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
