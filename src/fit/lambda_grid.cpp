#include "fit/lambda_grid.hpp"

#include <algorithm>
#include <cmath>

#include "path/lambda_grid.hpp"

namespace lodestone::fitting {

std::vector<double> lambda_values(const FitOptions& options, double largest) {
  const PathOptions& path = options.path;
  if (!path.values.empty()) return path.values;
  if (options.lambda == 0.0) return path::lambda_grid(largest, path.lambda_ratio, path.lambdas);
  if (options.lambda >= largest) return {options.lambda};
  const double ratio = options.lambda / largest;
  const double share = std::log(ratio) / std::log(path.lambda_ratio);
  const int count = 1 + static_cast<int>(std::ceil(share * std::max(1, path.lambdas - 1)));
  std::vector<double> values = path::lambda_grid(largest, ratio, count);
  values.back() = options.lambda;
  return values;
}

}  // namespace lodestone::fitting
