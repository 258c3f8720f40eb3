#include "core/parallel.hpp"

#include <cblas.h>

#include <string>

#include "lodestone/error.hpp"

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
  if (count < 1) throw InvalidArgument("threads", std::to_string(count), "must be at least 1");
  thread_count() = count;
  worker_arena().terminate();
  worker_arena().initialize(count);
}

int threads() { return thread_count(); }

}  // namespace lodestone
