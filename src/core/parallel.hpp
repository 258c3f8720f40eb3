#pragma once

#include "lodestone/parallel.hpp"
#include "lodestone/types.hpp"

namespace lodestone {

/// Runs body(block) once for every block in [0, count). Each block writes to its own output, and
/// the caller reduces the outputs in block order: that keeps results free of the thread count.
/// The body must not throw.
template <class Body>
void for_each_block(Index count, const Body& body) {
  const int team = static_cast<int>(count < threads() ? count : threads());
  if (team <= 1) {
    for (Index block = 0; block < count; ++block) body(block);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
  for (Index block = 0; block < count; ++block) body(block);
}

}  // namespace lodestone
