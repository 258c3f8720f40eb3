#pragma once

#include <string>
#include <vector>

#include "lodestone/fit/fit.hpp"
#include "lodestone/runs/train.hpp"

namespace lodestone::app {

/// A model's features, largest first, and its linear part.
std::string feature_table(const Model& model, const std::vector<FeatureReport>& reports = {});

/// The path: λ, features, gap, errors; the chosen line marked.
std::string path_table(const FitResult& result);

/// RMSE and R², or what the family's deviance says: for classes log loss and accuracy.
std::string error_in_words(const TestError& error);

/// Errors on held-out rows by number of features; the chosen line marked.
std::string curve_table(const FitResult& result);

}  // namespace lodestone::app
