#pragma once

#include <cstddef>

namespace lodestone {

/// Moves each number by at most one unit in its last place, up or down by a hash of its bits, its
/// place and the environment's LODESTONE_PERTURBATION (a whole number; absent or 0: nothing moves).
/// Only builds with the CMake option LODESTONE_PERTURB do this, in others nothing happens: they
/// tell how often a test that judges a statement would fail for other last bits
/// (tests/perturbation.py). Sums over rows and fields of populations pass through here.
void perturb(double* values, std::size_t count);

}  // namespace lodestone
