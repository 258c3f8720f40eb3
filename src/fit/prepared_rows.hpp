#pragma once

#include <memory>

#include "lodestone/fit/fit.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/standardization.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::fitting {

/// Rows made ready: as they were given, how they are standardized, and what is trained on them.
struct PreparedRows {
  Dataset data;
  Standardization standardization;
  std::unique_ptr<const SampleObjective> objective;
};

PreparedRows prepare(Dataset data, const FitOptions& options);

/// Rows in the units of a standardization.
SampleData standardized(const Dataset& data, const Standardization& standardization,
                        const FitOptions& options);

/// A network of the standardized problem in original units, with the names and ranges of the rows.
Model model_of(const Network& network, const PreparedRows& rows, bool biases);

/// The weights of the rows, which sum to 1.
Vector normalized_weights(const Dataset& data);

/// Variance of the target, by the weights of the rows.
double variance(const Dataset& data);

}  // namespace lodestone::fitting
