// Pairs of float64 numbers against binary128, where the compiler has it, and against themselves.

#include "core/double_double.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "lodestone/core/random.hpp"
#include "quad.hpp"

namespace lodestone {
namespace {

using quad::Quad;

constexpr double unit = 0x1p-106;  // u²

// What the references round: 113 bits, and some forty operations for an angle.
constexpr double reference_unit = 0x1p-112;

Quad exact(const DoubleDouble& x) { return Quad(x.high()) + Quad(x.low()); }

// The relative error in units of u².
double error_of(const DoubleDouble& x, const Quad& expected) {
  if (expected == 0) return x == 0 ? 0.0 : std::numeric_limits<double>::infinity();
  const Quad error = (exact(x) - expected) / expected;
  return static_cast<double>(error < 0 ? -error : error) / unit;
}

bool is_normalized(const DoubleDouble& x) { return x.high() + x.low() == x.high(); }

// A number whose bits end at 2^-106 of its first one, so that binary128 has it exactly.
DoubleDouble random_number(const RandomStream& random, std::uint64_t i, int exponent) {
  const double high = std::ldexp(1.0 + random.uniform(3 * i), exponent);
  const double low = std::ldexp(random.uniform(3 * i + 1) - 0.5, exponent - 52);
  const DoubleDouble size = DoubleDouble::sum(high, low);
  return random.uniform(3 * i + 2) < 0.5 ? -size : size;
}

// Borders of binades, halves of a last place, numbers that nearly cancel, and sizes far apart.
std::vector<DoubleDouble> awkward_numbers() {
  std::vector<DoubleDouble> numbers;
  for (const double high : {1.0, 1.0 - 0x1p-53, 1.0 + 0x1p-52, 2.0 - 0x1p-52, 3.0, 0.1}) {
    for (const double low : {0.0, 0x1p-54, -0x1p-54, 0x1p-55, 0x1p-105, -0x1p-106}) {
      for (const int exponent : {0, 1, 30, -52, -53, -54, -106, 200, -200}) {
        const DoubleDouble number =
            DoubleDouble::sum(std::ldexp(high, exponent), std::ldexp(low, exponent));
        numbers.push_back(number);
        numbers.push_back(-number);
      }
    }
  }
  const RandomStream random(1, "numbers");
  for (std::uint64_t i = 0; i < 60; ++i) {
    numbers.push_back(random_number(random, i, static_cast<int>(i % 8) - 4));
  }
  return numbers;
}

class AgainstBinary128 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::is_same_v<Quad, DoubleDouble>) GTEST_SKIP() << "this build has no binary128";
  }
};

// The bounds of the class's comment.
TEST_F(AgainstBinary128, OperationsAreWithinTheirBounds) {
  const std::vector<DoubleDouble> numbers = awkward_numbers();
  double sum = 0.0;
  double product = 0.0;
  double quotient = 0.0;
  for (const DoubleDouble& x : numbers) {
    for (const DoubleDouble& y : numbers) {
      sum = std::max(sum, error_of(x + y, exact(x) + exact(y)));
      sum = std::max(sum, error_of(x - y, exact(x) - exact(y)));
      product = std::max(product, error_of(x * y, exact(x) * exact(y)));
      quotient = std::max(quotient, error_of(x / y, exact(x) / exact(y)));
      ASSERT_TRUE(is_normalized(x + y) && is_normalized(x * y) && is_normalized(x / y));
      ASSERT_EQ(x < y, exact(x) < exact(y));
      ASSERT_EQ(x == y, exact(x) == exact(y));
    }
  }
  constexpr double rounding = reference_unit / unit;
  EXPECT_LE(sum, 3.0 + rounding);
  EXPECT_LE(product, 6.0 + rounding);
  EXPECT_LE(quotient, 15.0 + rounding);
}

TEST_F(AgainstBinary128, RootsAreWithinTheirBound) {
  for (const DoubleDouble& x : awkward_numbers()) {
    if (x < 0) continue;
    EXPECT_LE(error_of(square_root(x), quad::newton_root(exact(x))), 3.2) << x.high();
    EXPECT_LE(error_of(square_root(x * x), exact(x)), 7.0) << x.high();
  }
}

// Small, beside the change of formula at 0.7, and as near to 1 as 106 bits come.
TEST_F(AgainstBinary128, ArcsinesAreWithinTheirBound) {
  std::vector<DoubleDouble> sines = {1e-280, 1e-30, 1e-8, 0.5, 0.7, 0.7 + 0x1p-53};
  for (int i = 1; i < 106; i += 3) {
    sines.push_back(DoubleDouble(1) - std::ldexp(1.0, -i));
    sines.push_back(std::ldexp(1.0, -i));
  }
  const RandomStream random(2, "sines");
  for (std::uint64_t i = 0; i < 300; ++i) {
    const DoubleDouble number = random_number(random, i, -1 - static_cast<int>(i % 3));
    sines.push_back(number < 0 ? -number : number);
  }
  double worst = 0.0;
  for (const DoubleDouble& x : sines) {
    const Quad s = exact(x);
    const Quad expected = quad::angle_by_halving(quad::newton_root((1 - s) * (1 + s)), s);
    worst = std::max(worst, error_of(arcsine(x), expected));
    EXPECT_EQ(arcsine(-x), -arcsine(x));
  }
  EXPECT_LE(worst, 64.0);
}

TEST_F(AgainstBinary128, AnglesAreWithinTheirBound) {
  const RandomStream random(3, "points");
  double worst = 0.0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    // Every tenth as near to an axis as 2^-100.
    const int turned = i % 10 == 0 ? -static_cast<int>(i) / 3 : 0;
    const DoubleDouble x = random_number(random, 2 * i, i % 20 == 0 ? turned : 0);
    DoubleDouble y = random_number(random, 2 * i + 1, i % 20 == 10 ? turned : 0);
    if (y < 0) y = -y;
    const Quad expected = quad::angle_by_halving(exact(x), exact(y));
    worst = std::max(worst, error_of(angle_of(y, x), expected));
    EXPECT_EQ(angle_of(-y, x), -angle_of(y, x));
  }
  EXPECT_LE(worst, 64.0);
}

TEST(DoubleDouble, KnownAngles) {
  const DoubleDouble pi = double_double::pi;
  const auto angle = [](const DoubleDouble& y, const DoubleDouble& x) { return angle_of(y, x); };
  const auto off = [&](const DoubleDouble& x) { return std::abs(static_cast<double>(x - pi)); };
  EXPECT_EQ(angle(0, -1), pi);
  EXPECT_EQ(angle(0, 1), 0);
  EXPECT_EQ(angle(0, 0), 0);
  EXPECT_EQ(2 * arcsine(DoubleDouble(1)), pi);
  EXPECT_EQ(2 * angle(-1, 0), -pi);
  EXPECT_LT(off(6 * arcsine(DoubleDouble(0.5))), 256.0 * unit);
  EXPECT_LT(off(4 * angle(1, 1)), 256.0 * unit);
  EXPECT_LT(off(16 * angle(1, 5) - 4 * angle(1, 239)), 256.0 * unit);  // Machin's formula
}

TEST(DoubleDouble, ExactWhereTheResultFits) {
  EXPECT_EQ(DoubleDouble(0.1) - 0.1, 0);
  const DoubleDouble square = DoubleDouble(1.0 + 0x1p-52) * DoubleDouble(1.0 + 0x1p-52);
  EXPECT_EQ(square.high(), 1.0 + 0x1p-51);
  EXPECT_EQ(square.low(), 0x1p-104);
  EXPECT_EQ(square_root(square), 1.0 + 0x1p-52);
  EXPECT_EQ(square / (1.0 + 0x1p-52), 1.0 + 0x1p-52);
  EXPECT_EQ(square_root(DoubleDouble(0)), 0);
  EXPECT_TRUE(std::isnan(square_root(DoubleDouble(-1)).high()));
  // Powers of two round nothing.
  for (const DoubleDouble& x : awkward_numbers()) EXPECT_EQ(x / 0x1p100 * 0x1p100, x);
}

TEST(DoubleDouble, NumbersOfOtherTypes) {
  EXPECT_EQ(static_cast<double>(DoubleDouble(0.1)), 0.1);
  const long double third = 1.0L / 3.0L;
  EXPECT_NEAR(static_cast<double>(static_cast<long double>(DoubleDouble(third)) - third), 0.0,
              0x1p-108);
  EXPECT_LT(1, DoubleDouble(1) + 0x1p-105);
  EXPECT_LT(DoubleDouble(1) - 0x1p-105, 1);
  const DoubleDouble not_a_number = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(not_a_number < 0);
  EXPECT_FALSE(not_a_number >= 0);
  EXPECT_FALSE(not_a_number == not_a_number);
}

}  // namespace
}  // namespace lodestone
