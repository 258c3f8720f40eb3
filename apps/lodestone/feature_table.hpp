#pragma once

#include <string>
#include <vector>

#include "lodestone/fit.hpp"

namespace lodestone::app {

/// The columns that matter most in a direction, as "+0.93 speed (+6.2)": by standard deviation,
/// then by the column's own unit.
std::string direction_in_words(const Vector& direction, const Model& model, std::size_t most);

/// A model's features, largest first, and its linear part.
std::string feature_table(const Model& model, const std::vector<FeatureReport>& reports = {});

/// The path: λ, features, gap, errors; the chosen line marked.
std::string path_table(const FitResult& result);

}  // namespace lodestone::app
