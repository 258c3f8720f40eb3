#pragma once

#include <vector>

#include "lodestone/fit/fit.hpp"

namespace lodestone::fitting {

/// What the reader of a fit to rows should know about its λ, its certificate, and how sure the
/// choice of features is.
std::vector<Warning> choice_warnings(const FitResult& result, const FitOptions& options);

}  // namespace lodestone::fitting
