#include "core/perturbation.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#ifdef LODESTONE_PERTURB
namespace lodestone {
namespace {

// The finalizer of SplitMix64: every bit of the result depends on every bit of x.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* text = std::getenv("LODESTONE_PERTURBATION");
    return text == nullptr ? std::uint64_t{0} : std::strtoull(text, nullptr, 10);
  }();
  return value;
}

}  // namespace

void perturb(double* values, std::size_t count) {
  if (seed() == 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    if (values[i] == 0.0) continue;
    const auto bits = std::bit_cast<std::uint64_t>(values[i]);
    const std::uint64_t hash = mixed(bits + mixed(seed() + 0x9e3779b97f4a7c15U * i));
    if (hash % 3 == 1) values[i] = std::nextafter(values[i], HUGE_VAL);
    if (hash % 3 == 2) values[i] = std::nextafter(values[i], -HUGE_VAL);
  }
}

}  // namespace lodestone
#else
namespace lodestone {
void perturb(double* /*values*/, std::size_t /*count*/) {}
}  // namespace lodestone
#endif
