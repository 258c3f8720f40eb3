// Random numbers: Philox's published answers, streams as pure functions, moments, permutations.

#include "lodestone/core/random.hpp"

#include <Random123/philox.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lodestone {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Philox4x32-10 from the paper's definition, to check the streams against.
Words philox(Words counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57U} * counter[2];
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    counter = {high(second) ^ counter[1] ^ key[0], low(second), high(first) ^ counter[3] ^ key[1],
               low(first)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

struct KnownAnswer {
  Words counter;
  std::array<std::uint32_t, 2> key;
  Words answer;
};

// The three lines "philox4x32 10" of Random123's tests/kat_vectors.
const std::array<KnownAnswer, 3> known_answers = {{
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
}};

TEST(Random, PhiloxKnownAnswers) {
  for (const KnownAnswer& known : known_answers) {
    r123::Philox4x32::ctr_type counter;
    r123::Philox4x32::key_type key;
    std::copy(known.counter.begin(), known.counter.end(), counter.begin());
    std::copy(known.key.begin(), known.key.end(), key.begin());
    const auto raw = r123::Philox4x32()(counter, key);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(raw[i], known.answer[i]);
    EXPECT_EQ(philox(known.counter, known.key), known.answer);
  }
}

// The streams' format, which files with seeds depend on: key = seed, counter = (block, FNV-1a of
// the purpose), two uniforms a block from 52 bits each.
TEST(Random, StreamsArePhiloxOfSeedBlockAndPurpose) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a of "w": one byte, 0x77
  hash = (hash ^ 0x77U) * 0x100000001b3ULL;
  const std::uint64_t seed = 0x0123456789abcdefULL;
  const RandomStream stream(seed, "w");
  for (const std::uint64_t block : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{77},
                                    std::uint64_t{1} << 32, (std::uint64_t{1} << 62) + 5}) {
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const Words words =
        philox({low(block), high(block), low(hash), high(hash)}, {low(seed), high(seed)});
    for (const std::size_t half : {0U, 1U}) {
      const std::uint64_t bits = (std::uint64_t{words[2 * half + 1]} << 32 | words[2 * half]) >> 12;
      const double expected = std::ldexp(static_cast<double>(bits) + 0.5, -52);
      EXPECT_EQ(stream.uniform(2 * block + half), expected);
    }
  }
}

// A number depends on (seed, purpose, index) alone: not on what was drawn before or from where.
TEST(Random, StreamsArePure) {
  const RandomStream stream(7, "rows");
  std::vector<double> forward;
  for (std::uint64_t i = 0; i < 100; ++i) forward.push_back(stream.normal(i));
  for (std::uint64_t i = 100; i-- > 0;) {
    EXPECT_EQ(RandomStream(7, "rows").normal(i), forward[i]) << i;
    EXPECT_EQ(stream.normal(i), forward[i]) << i;
  }
}

TEST(Random, UniformsAreOddMultiplesInsideTheUnitInterval) {
  const RandomStream stream(1, "uniform");
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const double scaled = std::ldexp(stream.uniform(i), 53);
    ASSERT_GT(scaled, 0.0);
    ASSERT_LT(scaled, std::ldexp(1.0, 53));
    ASSERT_EQ(std::fmod(scaled, 2.0), 1.0) << i;
  }
}

// Box-Muller on the uniforms of the same pair.
TEST(Random, NormalsComeFromPairsOfUniforms) {
  const RandomStream stream(3, "normal");
  for (std::uint64_t i = 0; i < 100; i += 2) {
    const double radius = std::sqrt(-2.0 * std::log(stream.uniform(i)));
    const double angle = 2.0 * std::numbers::pi * stream.uniform(i + 1);
    EXPECT_NEAR(stream.normal(i), radius * std::cos(angle), 1e-14);
    EXPECT_NEAR(stream.normal(i + 1), radius * std::sin(angle), 1e-14);
  }
}

// The statistical tests below allow five standard errors: each comparison fails by chance with
// probability 6e-7. The seeds are fixed, so they cannot flicker.
constexpr double errors_allowed = 5.0;
constexpr std::uint64_t draws = 200000;

double standard_error(double variance) { return std::sqrt(variance / static_cast<double>(draws)); }

// Mean over the draws of product(i), whose exact mean and variance are given.
template <class Term>
void expect_mean(const Term& term, double mean, double variance, const std::string& what) {
  double sum = 0.0;
  for (std::uint64_t i = 0; i < draws; ++i) sum += term(i);
  EXPECT_NEAR(sum / static_cast<double>(draws), mean, errors_allowed * standard_error(variance))
      << what;
}

TEST(Random, MomentsOfUniforms) {
  const RandomStream stream(11, "moments");
  const auto u = [&](std::uint64_t i) { return stream.uniform(i) - 0.5; };
  expect_mean(u, 0.0, 1.0 / 12.0, "mean");
  expect_mean([&](auto i) { return u(i) * u(i); }, 1.0 / 12.0, 1.0 / 80.0 - 1.0 / 144.0, "square");
  for (const std::uint64_t lag : {1U, 2U, 3U, 64U}) {
    expect_mean([&](auto i) { return u(i) * u(i + lag); }, 0.0, 1.0 / 144.0,
                "lag " + std::to_string(lag));
  }
}

// 100 equal bins: χ² with 99 degrees of freedom is above 180 with probability 1.2e-6.
TEST(Random, UniformsFillTheInterval) {
  const RandomStream stream(12, "bins");
  std::vector<double> counts(100, 0.0);
  for (std::uint64_t i = 0; i < draws; ++i) {
    counts[static_cast<std::size_t>(100.0 * stream.uniform(i))] += 1.0;
  }
  const double expected = static_cast<double>(draws) / 100.0;
  double chi_square = 0.0;
  for (const double count : counts)
    chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 180.0);
  EXPECT_GT(chi_square, 45.0);  // below with probability 6e-7: too regular to be random
}

TEST(Random, MomentsOfNormals) {
  const RandomStream stream(13, "moments");
  const auto z = [&](std::uint64_t i) { return stream.normal(i); };
  expect_mean(z, 0.0, 1.0, "mean");
  expect_mean([&](auto i) { return z(i) * z(i); }, 1.0, 2.0, "square");
  expect_mean([&](auto i) { return std::pow(z(i), 3); }, 0.0, 15.0, "cube");
  expect_mean([&](auto i) { return std::pow(z(i), 4); }, 3.0, 96.0, "fourth power");
  // Lag 1 pairs the two normals of one block at even i; squares see dependence through the radius.
  for (const std::uint64_t lag : {1U, 2U, 3U}) {
    expect_mean([&](auto i) { return z(i) * z(i + lag); }, 0.0, 1.0, "lag");
    expect_mean([&](auto i) { return (z(i) * z(i) - 1.0) * (z(i + lag) * z(i + lag) - 1.0); }, 0.0,
                4.0, "squares at lag " + std::to_string(lag));
  }
}

// Kolmogorov-Smirnov: √n·D is above 2.7 with probability 9e-7.
TEST(Random, NormalsFollowTheNormalDistribution) {
  const RandomStream stream(14, "distribution");
  std::vector<double> values;
  for (std::uint64_t i = 0; i < 50000; ++i) values.push_back(stream.normal(i));
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double below = 0.5 * std::erfc(-values[i] / std::numbers::sqrt2);
    largest = std::max(
        {largest, below - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - below});
  }
  EXPECT_LT(std::sqrt(n) * largest, 2.7);
}

// Streams that differ in seed or purpose alone share no numbers and are uncorrelated, also for
// seeds and labels that differ in one bit.
TEST(Random, StreamsAreIndependent) {
  const RandomStream base(42, "rows");
  const std::vector<std::pair<std::uint64_t, std::string_view>> others = {
      {43, "rows"}, {42 + (std::uint64_t{1} << 63), "rows"},
      {42, "row"},  {42, "rowt"},
      {42, ""},     {~std::uint64_t{42}, "rows"},
      {42, "noise"}};
  for (const auto& [seed, purpose] : others) {
    const RandomStream other(seed, purpose);
    expect_mean([&](auto i) { return base.normal(i) * other.normal(i); }, 0.0, 1.0,
                std::to_string(seed) + " " + std::string(purpose));
    std::set<double> numbers;
    for (std::uint64_t i = 0; i < 1000; ++i) numbers.insert(base.uniform(i));
    for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_FALSE(numbers.contains(other.uniform(i)));
  }
}

TEST(Random, PermutationIsAPermutation) {
  for (const Index count : {0, 1, 2, 3, 10, 1000}) {
    std::vector<Index> order = RandomStream(5, "split").permutation(count);
    EXPECT_EQ(order, RandomStream(5, "split").permutation(count));
    std::sort(order.begin(), order.end());
    ASSERT_EQ(static_cast<Index>(order.size()), count);
    for (Index i = 0; i < count; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  }
  EXPECT_NE(RandomStream(5, "split").permutation(1000), RandomStream(6, "split").permutation(1000));
}

// All 24 orders of four things over 24000 seeds: χ² with 23 degrees of freedom is above 71 with
// probability 1e-6.
TEST(Random, PermutationsAreUniform) {
  std::map<std::vector<Index>, double> counts;
  for (std::uint64_t seed = 0; seed < 24000; ++seed) {
    counts[RandomStream(seed, "orders").permutation(4)] += 1.0;
  }
  ASSERT_EQ(counts.size(), 24U);
  double chi_square = 0.0;
  for (const auto& [order, count] : counts)
    chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi_square, 71.0);
}

}  // namespace
}  // namespace lodestone
