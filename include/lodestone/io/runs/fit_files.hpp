#pragma once

#include <string>

#include "lodestone/fit/fit.hpp"

namespace lodestone {

/// path.csv: a line for each λ. Errors are shares of the target's variance.
std::string path_csv(const FitResult& result);

/// cross_validation.csv: a line for each model that was tried.
std::string cross_validation_csv(const FitResult& result);

/// path.json: the network at every λ, in the coordinates of training.
std::string path_json(const FitResult& result);

}  // namespace lodestone
