#pragma once

#include <optional>
#include <string>

#include "lodestone/runs/requests.hpp"
#include "lodestone/runs/train.hpp"

namespace lodestone {

/// summary.json of a run of `train`, as text.
std::string summary_text(const Problem& problem, const TrainOptions& options,
                         const TrainState& state, const TrainResult& result);

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

}  // namespace lodestone
