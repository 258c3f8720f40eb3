#pragma once

#include <string>
#include <vector>

#include "lodestone/fit/fit.hpp"

namespace lodestone::app {

/// A model's features, largest first, and its linear part.
std::string feature_table(const Model& model, const std::vector<FeatureReport>& reports = {});

/// The path: λ, features, gap, errors; the chosen line marked.
std::string path_table(const FitResult& result);

/// Errors on held-out rows by number of features; the chosen line marked.
std::string curve_table(const FitResult& result);

}  // namespace lodestone::app
