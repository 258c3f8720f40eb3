#pragma once

#include <vector>

namespace lodestone::path {

/// `count` values of λ in equal ratios, from `largest` down to `ratio` times it
/// (docs/math.md, 9.1).
std::vector<double> lambda_grid(double largest, double ratio, int count);

}  // namespace lodestone::path
