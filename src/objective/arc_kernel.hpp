#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lodestone {

/// h(0) = ‖σ_{≥2}(u·x)‖² for unit u, the largest value of h (docs/math.md, 2.2).
inline constexpr double h_0 = 0.25 - 0.5 / std::numbers::pi;

/// h(∠(u, v)) for unit vectors u and v, 0 when one of them is the zero vector (docs/math.md, 2.2).
template <class U, class V>
double arc_kernel(const U& u, const V& v) {
  const double cosine = std::clamp(u.dot(v), -1.0, 1.0);
  const double sine = std::sqrt((1.0 - cosine) * (1.0 + cosine));
  return (sine + cosine * std::asin(cosine) - 1.0) / (2.0 * std::numbers::pi);
}

}  // namespace lodestone
