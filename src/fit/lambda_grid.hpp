#pragma once

#include <vector>

#include "lodestone/fit/fit.hpp"

namespace lodestone::fitting {

/// The values of λ of a fit whose largest useful one is `largest`; where FitOptions::lambda is
/// given, the path ends there and is about as dense as without.
std::vector<double> lambda_values(const FitOptions& options, double largest);

}  // namespace lodestone::fitting
