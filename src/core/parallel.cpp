#include "core/parallel.hpp"

#include <cblas.h>
#include <oneapi/tbb/global_control.h>

#include <memory>
#include <string>

#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

int& thread_count() {
  static int count = [] {
    // Our blocks are the parallel unit: a matrix product inside one runs on one thread, so its bits
    // do not depend on how many threads there are.
    openblas_set_num_threads(1);
    return oneapi::tbb::task_arena().max_concurrency();
  }();
  return count;
}

}  // namespace

oneapi::tbb::task_arena& worker_arena() {
  static oneapi::tbb::task_arena arena(thread_count());
  return arena;
}

void set_threads(int count) {
  if (count < 1 || count > 1024) {
    throw InvalidArgument("threads", std::to_string(count), "must be at least 1 and at most 1024");
  }
  // More threads than processors are allowed only where they are asked for.
  using oneapi::tbb::global_control;
  static std::unique_ptr<global_control> limit;
  limit = std::make_unique<global_control>(global_control::max_allowed_parallelism,
                                           static_cast<std::size_t>(count));
  thread_count() = count;
  worker_arena().terminate();
  worker_arena().initialize(count);
}

int threads() { return thread_count(); }

}  // namespace lodestone
