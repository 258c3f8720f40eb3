#pragma once

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include "lodestone/core/parallel.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone {

/// The threads the library works on.
oneapi::tbb::task_arena& worker_arena();

/// Runs body(block) once for every block in [0, count). Each block writes to its own output, and
/// the caller reduces the outputs in block order: that keeps results free of the thread count.
template <class Body>
void for_each_block(Index count, const Body& body) {
  if (count <= 1 || threads() == 1) {
    for (Index block = 0; block < count; ++block) body(block);
    return;
  }
  worker_arena().execute([&] { oneapi::tbb::parallel_for(Index{0}, count, body); });
}

}  // namespace lodestone
