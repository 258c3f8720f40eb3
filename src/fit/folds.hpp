#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "fit/prepared_rows.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::fitting {

/// Rows that lie one after the other.
struct RowRange {
  Index first;
  Index count;
};

/// A fold as the caller deals it: its rows may overlap with those of other folds.
struct GivenFold {
  Dataset training;
  Dataset held_out;
};

/// The rows of a fit, and how they are held out. Ranges and given folds are empty where nothing is
/// cross-validated on these rows.
struct DealtRows {
  Dataset data;                  ///< rows of weight 0 left out
  std::vector<RowRange> ranges;  ///< folds that lie one after the other in `data`
  std::vector<GivenFold> given;  ///< FitOptions::splits, or those of rows in the order of time
};

/// Deals the rows into folds: those that the options name, else forward ones or random ones (of
/// whole groups where rows have groups), where λ is to be chosen without validation rows. Throws
/// InvalidArgument for splits, a number of folds or of features, groups, or validation rows that do
/// not go with the rows.
DealtRows deal_folds(Dataset all, const std::optional<Dataset>& validation,
                     const FitOptions& options);

/// One fold: what it is trained on, and the rows that it is judged by. Both may belong to somebody
/// else, who must stay.
struct Fold {
  std::shared_ptr<const RowObjective> training;
  std::shared_ptr<const Dataset> table;  ///< original units
  RowRange held_out;                     ///< of the table
};

/// The folds to choose λ by, in the units of the standardization of all rows, so that λ means the
/// same in each: given folds, else a single one of all rows judged by the validation rows, else the
/// ranges one after the other. `rows` and `validation` must stay.
std::vector<Fold> make_folds(const PreparedRows& rows, const std::vector<RowRange>& ranges,
                             std::vector<GivenFold> given, const std::optional<Dataset>& validation,
                             const FitOptions& options);

}  // namespace lodestone::fitting
