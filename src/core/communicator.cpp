#include "lodestone/core/communicator.hpp"

#include <fmt/format.h>

#include <utility>

#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

// The last byte of what is exchanged.
constexpr char goes_on = 0;
constexpr char has_failed = 1;

}  // namespace

std::vector<std::string> Communicator::gather(std::string own) {
  own.push_back(goes_on);
  std::vector<std::string> all = exchange(own);
  for (std::size_t other = 0; other < all.size(); ++other) {
    const char state = all[other].back();
    all[other].pop_back();
    if (state == goes_on) continue;
    failed_ = true;
    throw Error(fmt::format("process {} of {}: {}", other, size(), all[other]));
  }
  return all;
}

void Communicator::fail(std::string reason) {
  if (failed_) return;
  failed_ = true;
  reason.push_back(has_failed);
  exchange(reason);
}

}  // namespace lodestone
