#include "core/instruction_set.hpp"

#include "core/highway_targets.hpp"

#include <hwy/highway.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

constexpr const char* variable = "LODESTONE_INSTRUCTIONS";
constexpr const char* plain = "plain";

bool plain_for_test = false;

bool same_word(const std::string& one, const std::string& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  });
}

// The targets that this processor and this build have, the best first: Highway gives better ones
// lower bits.
std::vector<std::int64_t> supported_targets() {
  std::vector<std::int64_t> targets;
  for (std::int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) {
    targets.push_back(rest & -rest);
  }
  return targets;
}

std::string chosen() {
  const std::vector<std::int64_t> targets = supported_targets();
  const char* asked = std::getenv(variable);
  if (asked == nullptr || *asked == '\0') return hwy::TargetName(targets.front());
  if (same_word(asked, plain)) return plain;
  std::string names;
  std::int64_t better = 0;
  for (const std::int64_t target : targets) {
    const std::string name = hwy::TargetName(target);
    if (same_word(asked, name)) {
      if (better != 0) hwy::DisableTargets(better);
      return name;
    }
    better |= target;
    names += name + ", ";
  }
  throw InvalidArgument(variable, std::string("'") + asked + "'",
                        "must be of " + names + plain + " on this processor");
}

}  // namespace

const std::string& instruction_set() {
  static const std::string name = chosen();
  return name;
}

bool plain_loops() {
  static const bool asked_for = instruction_set() == plain;
  return asked_for || plain_for_test;
}

void set_plain_loops_for_test(bool plain) { plain_for_test = plain; }

}  // namespace lodestone
