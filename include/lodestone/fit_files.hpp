#pragma once

#include <optional>
#include <string>

#include "lodestone/fit.hpp"
#include "lodestone/options.hpp"
#include "lodestone/train.hpp"

namespace lodestone {

/// What a run of `fit` adds to its result.
struct FitRun {
  Status status = Status::converged;
  double seconds = 0.0;
  Index rows = 0;          ///< that were fitted; 0: a population
  Index dropped_rows = 0;  ///< left out for missing values
  std::string source;
  std::optional<Recovery> recovery;  ///< of the model's features, where the teacher is known
  std::optional<TestError> test;
};

/// summary.json of a fit, as text.
std::string fit_summary_text(const FitRequest& request, const FitResult& result, const FitRun& run);

/// path.csv: a line for each λ. Errors are shares of the target's variance.
std::string path_csv(const FitResult& result);

/// cross_validation.csv: a line for each model that was tried.
std::string cross_validation_csv(const FitResult& result);

/// path.json: the network at every λ, in the coordinates of training.
std::string path_json(const FitResult& result);

}  // namespace lodestone
