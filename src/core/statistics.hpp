#pragma once

#include <vector>

namespace lodestone {

/// q-quantile of numbers, 0 <= q <= 1, the nearest rank; NaN of none.
double quantile(std::vector<double> values, double q);

/// Exponent b of the power law y ≈ c·x^b fitted to positive numbers by least squares in logarithms.
/// NaN for fewer than two different x.
double fitted_exponent(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace lodestone
