#pragma once

#include <string>
#include <vector>

#include "lodestone/fit/fit.hpp"

namespace lodestone {

/// path.csv: a line for each λ. Errors are shares of the target's variance.
std::string path_csv(const FitResult& result);

/// cross_validation.csv: a line for each model that was tried.
std::string cross_validation_csv(const FitResult& result);

/// curve.csv: a line for each point of FitResult::curve.
std::string curve_csv(const FitResult& result);

/// curve.json: the models of the curve.
std::string curve_json(const FitResult& result);

/// The models of a curve.json. Throws FileError for a file that cannot be read or is no curve.
std::vector<Model> read_curve(const std::string& path);

/// path.json: the network at every λ, in the coordinates of training.
std::string path_json(const FitResult& result);

}  // namespace lodestone
