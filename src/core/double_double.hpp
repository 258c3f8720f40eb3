#pragma once

#include <cmath>
#include <compare>

namespace lodestone {

/// The unevaluated sum high + low of two float64 numbers, where low is at most half a unit in the
/// last place of high: 106 bits, in the range of float64. It stands for binary128 where the
/// compiler has none.
///
/// With u = 2^-53 the relative errors are at most 3u² of a sum, 6u² of a product, 15u² of a
/// quotient and 25/8 u² of a square root (algorithms 6, 11 and 17 of Joldes, Muller and Popescu,
/// ACM TOMS 44(2), 2017; Lefèvre, Louvet, Muller, Picot and Rideau, ACM TOMS 49(1), 2023), as long
/// as low parts stay normal: a product below 2^-968 loses bits. What leaves the range becomes NaN.
class DoubleDouble {
 public:
  // NOLINTBEGIN(google-explicit-constructor): numbers, as they are for built-in types
  constexpr DoubleDouble() = default;
  constexpr DoubleDouble(int value) : high_(value) {}
  constexpr DoubleDouble(double value) : high_(value) {}
  constexpr DoubleDouble(long double value)
      : high_(static_cast<double>(value)),
        low_(static_cast<double>(value - static_cast<long double>(high_))) {}
  // NOLINTEND(google-explicit-constructor)

  /// Of parts whose sum rounds to the first of them.
  static constexpr DoubleDouble of_parts(double high, double low) {
    DoubleDouble result(high);
    result.low_ = low;
    return result;
  }

  /// a + b and a·b of float64 numbers, exactly.
  static DoubleDouble sum(double a, double b) {
    const double total = a + b;
    const double from_b = total - a;
    return of_parts(total, (a - (total - from_b)) + (b - from_b));
  }
  static DoubleDouble product(double a, double b) {
    const double rounded = a * b;
    return of_parts(rounded, std::fma(a, b, -rounded));
  }

  double high() const { return high_; }
  double low() const { return low_; }
  explicit operator double() const { return high_; }
  explicit operator long double() const { return static_cast<long double>(high_) + low_; }

  DoubleDouble operator-() const { return of_parts(-high_, -low_); }

  friend DoubleDouble operator+(const DoubleDouble& x, const DoubleDouble& y) {
    const DoubleDouble high = sum(x.high_, y.high_);
    const DoubleDouble low = sum(x.low_, y.low_);
    const DoubleDouble both = normalized(high.high_, high.low_ + low.high_);
    return normalized(both.high_, low.low_ + both.low_);
  }

  friend DoubleDouble operator-(const DoubleDouble& x, const DoubleDouble& y) { return x + -y; }

  friend DoubleDouble operator*(const DoubleDouble& x, const DoubleDouble& y) {
    const DoubleDouble high = product(x.high_, y.high_);
    const double crossed = std::fma(x.low_, y.high_, x.high_ * y.low_);
    return normalized(high.high_, high.low_ + crossed);
  }

  friend DoubleDouble operator/(const DoubleDouble& x, const DoubleDouble& y) {
    const double quotient = x.high_ / y.high_;
    const DoubleDouble back = y * DoubleDouble(quotient);
    const double rest = (x.high_ - back.high_) + (x.low_ - back.low_);
    return normalized(quotient, rest / y.high_);
  }

  DoubleDouble& operator+=(const DoubleDouble& other) { return *this = *this + other; }
  DoubleDouble& operator-=(const DoubleDouble& other) { return *this = *this - other; }
  DoubleDouble& operator*=(const DoubleDouble& other) { return *this = *this * other; }
  DoubleDouble& operator/=(const DoubleDouble& other) { return *this = *this / other; }

  // The parts of a number are unique, so their order is that of the numbers.
  friend std::partial_ordering operator<=>(const DoubleDouble&, const DoubleDouble&) = default;
  friend bool operator==(const DoubleDouble&, const DoubleDouble&) = default;

 private:
  // high + low, where |high| >= |low| or high is 0.
  static DoubleDouble normalized(double high, double low) {
    const double total = high + low;
    return of_parts(total, low - (total - high));
  }

  double high_ = 0.0;
  double low_ = 0.0;
};

/// The root of x, which is 0 for 0 and NaN below.
inline DoubleDouble square_root(const DoubleDouble& x) {
  if (x == 0) return 0;
  const double root = std::sqrt(x.high());
  const double rest = std::fma(-root, root, x.high()) + x.low();
  return DoubleDouble::sum(root, rest / (2.0 * root));
}

namespace double_double {

constexpr DoubleDouble pi = DoubleDouble::of_parts(0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53);

/// sin of a float64 angle, |angle| <= π/4, by its series up to the power 27: the next term is below
/// 2^-112 of it.
inline DoubleDouble sine(double angle) {
  const DoubleDouble square = DoubleDouble::product(angle, angle);
  DoubleDouble sum = 1;
  for (int k = 26; k >= 2; k -= 2) sum = 1 - square / (k * (k + 1)) * sum;
  return sum * angle;
}

/// arcsin x, |x| <= 0.7: the float64 value and Newton's step with the second-order term. What is
/// left is the rounding of that step to float64, a few u².
inline DoubleDouble small_arcsine(const DoubleDouble& x) {
  const double angle = std::asin(x.high());
  const double step = static_cast<double>(x - sine(angle)) / std::cos(angle);
  return DoubleDouble::sum(angle, step + 0.5 * step * step * std::tan(angle));
}

}  // namespace double_double

/// arcsin x, |x| <= 1, in [−π/2, π/2], with a relative error of at most 64u².
inline DoubleDouble arcsine(const DoubleDouble& x) {
  const DoubleDouble size = x < 0 ? -x : x;
  if (size.high() <= 0.7) return double_double::small_arcsine(x);
  // Near 1 the slope grows without bound: from the half-angle, 1 − x = 2 sin²(½ arccos x).
  const DoubleDouble half = double_double::small_arcsine(square_root((1 - size) / 2));
  const DoubleDouble angle = double_double::pi / 2 - 2 * half;
  return x < 0 ? -angle : angle;
}

/// The angle of the point (x, y) in (−π, π], 0 for the origin: as std::atan2, where x² + y² neither
/// leaves the range of float64 nor comes within 2^106 of its smallest number.
inline DoubleDouble angle_of(const DoubleDouble& y, const DoubleDouble& x) {
  const DoubleDouble length = square_root(x * x + y * y);
  if (length == 0) return 0;
  const DoubleDouble up = y < 0 ? -y : y;
  const DoubleDouble along = x < 0 ? -x : x;
  DoubleDouble angle =
      up <= along ? arcsine(up / length) : double_double::pi / 2 - arcsine(along / length);
  if (x < 0) angle = double_double::pi - angle;
  return y < 0 ? -angle : angle;
}

}  // namespace lodestone
