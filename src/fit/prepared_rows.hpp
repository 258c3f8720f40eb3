#pragma once

#include <memory>

#include "fit/shapes.hpp"
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
  SignConstraints constraints;  ///< of the columns as they were given
  double null_deviance = 0.0;   ///< of the best constant, in the target's own unit
  std::unique_ptr<const RowObjective> objective;

  /// What 2L is to be divided by for a share of the null deviance.
  double deviance_unit() const {
    return null_deviance / (standardization.target_scale * standardization.target_scale);
  }
};

PreparedRows prepare(Dataset data, const FitOptions& options);

/// The signs of FitOptions::increasing and decreasing, one a column of the rows. Throws
/// InvalidArgument for a column that is not there, or is text with 0/1 columns in its place.
SignConstraints constraints_of(const Dataset& data, const FitOptions& options);

/// The objective of rows in the units of a standardization, with one output or several.
std::unique_ptr<const RowObjective> objective_of(const Dataset& data,
                                                 const Standardization& standardization,
                                                 const FitOptions& options);

/// A network of the standardized problem in original units, with the names and ranges of the rows.
Model model_of(const Network& network, const PreparedRows& rows, bool biases);

/// The same for a sum of smooth ridge functions: its features follow each other ridge by ridge.
Model model_of(const RidgeSum& sum, const PreparedRows& rows);

/// The weights of the rows, which sum to 1.
Vector normalized_weights(const Dataset& data);

/// Mean deviance of the best constant score beside the offset, by the weights of the rows: for the
/// square loss the variance of the target without its offset, of several targets the sum of the
/// variances in units of themselves, their number.
double null_deviance(const Dataset& data, const Family& family);

/// The unit deviance 2ℓ of each of these rows of a table: for the square loss the squared error, of
/// several targets the sum of the squared errors in units of the target's deviations.
Vector deviances(const Model& model, const Dataset& table, Index first, Index count);

}  // namespace lodestone::fitting
