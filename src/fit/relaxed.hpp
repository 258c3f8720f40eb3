#pragma once

#include <vector>

#include "fit/cross_validation.hpp"
#include "fit/progress.hpp"
#include "lodestone/fit/fit.hpp"

namespace lodestone::fitting {

/// Refits of the features found at the best λ and at the largest λ within a standard error of it:
/// neurons that share a direction are merged closely or boldly, and the heaviest 1, 2, 3, ... kept.
void add_relaxed(const CrossValidation& validation, const FitOptions& options, Index dimension,
                 std::vector<Candidate>& candidates, Progress& progress);

}  // namespace lodestone::fitting
