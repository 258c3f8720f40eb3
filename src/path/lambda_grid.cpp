#include "path/lambda_grid.hpp"

#include <algorithm>
#include <cmath>

namespace lodestone::path {

std::vector<double> lambda_grid(double largest, double ratio, int count) {
  std::vector<double> values;
  const double steps = std::max(1, count - 1);
  for (int i = 0; i < count; ++i) values.push_back(largest * std::pow(ratio, i / steps));
  return values;
}

}  // namespace lodestone::path
