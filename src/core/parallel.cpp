#include "core/parallel.hpp"

#include <oneapi/tbb/global_control.h>

#include <charconv>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

// What LODESTONE_THREADS says, else the processors available.
int first_thread_count() {
  const char* text = std::getenv("LODESTONE_THREADS");
  if (text == nullptr || *text == '\0') return oneapi::tbb::task_arena().max_concurrency();
  const std::string_view given = text;
  int count = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), count);
  const bool whole = error == std::errc() && end == given.data() + given.size();
  if (!whole || !thread_range.contains(count)) {
    throw InvalidArgument("LODESTONE_THREADS", "'" + std::string(given) + "'",
                          "must be a whole number, " + thread_range.text());
  }
  return count;
}

int& thread_count() {
  static int count = first_thread_count();
  return count;
}

// More threads than processors run only where they are asked for.
void allow(int count) {
  using oneapi::tbb::global_control;
  static std::unique_ptr<global_control> limit;
  limit = std::make_unique<global_control>(global_control::max_allowed_parallelism,
                                           static_cast<std::size_t>(count));
}

}  // namespace

oneapi::tbb::task_arena& worker_arena() {
  static oneapi::tbb::task_arena arena = [] {
    allow(thread_count());
    return oneapi::tbb::task_arena(thread_count());
  }();
  return arena;
}

void set_threads(int count) {
  require_in(thread_range, "threads", count);
  allow(count);
  thread_count() = count;
  worker_arena().terminate();
  worker_arena().initialize(count);
}

int threads() { return thread_count(); }

}  // namespace lodestone
