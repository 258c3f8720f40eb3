#include "core/parallel.hpp"

#include <cblas.h>
#include <omp.h>

#include <atomic>
#include <string>

#include "lodestone/error.hpp"

namespace lodestone {
namespace {

std::atomic<int>& thread_count() {
  static std::atomic<int> count{[] {
    // Our blocks are the parallel unit: a matrix product inside one runs on one thread, so its bits
    // do not depend on how many threads there are.
    openblas_set_num_threads(1);
    return omp_get_num_procs();
  }()};
  return count;
}

}  // namespace

void set_threads(int count) {
  if (count < 1) throw InvalidArgument("threads", std::to_string(count), "must be at least 1");
  thread_count() = count;
}

int threads() { return thread_count(); }

}  // namespace lodestone
