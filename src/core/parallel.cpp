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

constexpr int most_threads = 1024;

void check_thread_count(const std::string& field, const std::string& value, bool allowed) {
  if (allowed) return;
  throw InvalidArgument(field, value,
                        "must be at least 1 and at most " + std::to_string(most_threads));
}

// What LODESTONE_THREADS says, else the processors available.
int first_thread_count() {
  const char* text = std::getenv("LODESTONE_THREADS");
  if (text == nullptr || *text == '\0') return oneapi::tbb::task_arena().max_concurrency();
  const std::string_view given = text;
  int count = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), count);
  check_thread_count("LODESTONE_THREADS", "'" + std::string(given) + "'",
                     error == std::errc() && end == given.data() + given.size() && count >= 1 &&
                         count <= most_threads);
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
  check_thread_count("threads", std::to_string(count), count >= 1 && count <= most_threads);
  allow(count);
  thread_count() = count;
  worker_arena().terminate();
  worker_arena().initialize(count);
}

int threads() { return thread_count(); }

}  // namespace lodestone
