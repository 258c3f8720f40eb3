#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lodestone {

// Bounds on the derivatives of 2π h(∠(u, v)), rounded up (docs/math.md, 6.5).

/// On the gradient in u or v: max (π/2 − θ) sin θ = 0.56109….
inline constexpr double arc_slope_bound = 0.5612;

/// On the third derivative along any unit-speed geodesic of u, and on how fast the second one
/// changes as v moves at unit speed: 2.29902….
inline constexpr double arc_third_bound = 2.2991;

/// On the same third derivative where u is at least `angle` from v and from −v. Any angle up to
/// π/2; negative: nothing is known.
inline double arc_third_bound_beyond(double angle) {
  constexpr double of_maximum = 0.379;  // it falls from here on
  if (angle <= of_maximum) return arc_third_bound;
  return 2.0 * std::cos(angle) + std::sin(angle) * (std::numbers::pi / 2.0 - angle);
}

/// On how fast that third derivative changes as v moves at unit speed and stays that far away;
/// infinite for angles that are not positive.
inline double arc_fourth_bound_beyond(double angle) {
  if (angle <= 0.0) return HUGE_VAL;
  return std::max(4.0, 3.0 / std::tan(angle) + std::numbers::pi / 2.0 - angle);
}

}  // namespace lodestone
