#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace lodestone {

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double last = static_cast<double>(values.size() - 1);
  const auto rank = static_cast<std::ptrdiff_t>(std::lround(q * last));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

double fitted_exponent(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double sum_x = 0.0;
  double sum_y = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum_x += std::log(x[i]);
    sum_y += std::log(y[i]);
  }
  double variance = 0.0;
  double covariance = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double deviation = std::log(x[i]) - sum_x / n;
    variance += deviation * deviation;
    covariance += deviation * (std::log(y[i]) - sum_y / n);
  }
  return variance > 0.0 ? covariance / variance : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace lodestone
