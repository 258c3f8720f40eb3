#include "lodestone/core/random.hpp"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>
#include <numeric>

namespace lodestone {
namespace {

// FNV-1a: only has to send different labels to different 64-bit numbers.
std::uint64_t hash_label(std::string_view label) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char character : label) {
    hash ^= static_cast<unsigned char>(character);
    hash *= 1099511628211ULL;
  }
  return hash;
}

double to_unit_interval(std::uint32_t low, std::uint32_t high) {
  const std::uint64_t bits = (static_cast<std::uint64_t>(high) << 32 | low) >> 12;  // 52 bits
  return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view purpose)
    : seed_(seed), purpose_(hash_label(purpose)) {}

std::pair<double, double> RandomStream::uniform_pair(std::uint64_t block) const {
  using Philox = r123::Philox4x32;
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  const Philox::ctr_type counter = {{low(block), high(block), low(purpose_), high(purpose_)}};
  const Philox::key_type key = {{low(seed_), high(seed_)}};
  const Philox::ctr_type bits = Philox()(counter, key);
  return {to_unit_interval(bits[0], bits[1]), to_unit_interval(bits[2], bits[3])};
}

double RandomStream::uniform(std::uint64_t i) const {
  const auto [first, second] = uniform_pair(i / 2);
  return i % 2 == 0 ? first : second;
}

double RandomStream::normal(std::uint64_t i) const {
  const auto [radius_uniform, angle_uniform] = uniform_pair(i / 2);
  const double radius = std::sqrt(-2.0 * std::log(radius_uniform));
  const double angle = 2.0 * std::numbers::pi * angle_uniform;
  return i % 2 == 0 ? radius * std::cos(angle) : radius * std::sin(angle);
}

std::vector<Index> RandomStream::permutation(Index count) const {
  std::vector<Index> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), Index{0});
  for (Index i = count - 1; i > 0; --i) {
    const double u = uniform(static_cast<std::uint64_t>(i));
    const auto j = static_cast<Index>(u * static_cast<double>(i + 1));
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]);
  }
  return order;
}

}  // namespace lodestone
