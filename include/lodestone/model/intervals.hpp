#pragma once

#include <string>
#include <vector>

#include "lodestone/core/range.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/model/model.hpp"

namespace lodestone {

/// What intervals around predictions are made of: the chosen model as it was fitted without each
/// fold of the rows, and how far it was from the rows of that fold (docs/math.md, 9.9; the CV+ of
/// Barber, Candès, Ramdas and Tibshirani, Annals of Statistics 49, 2021).
struct PredictionIntervals {
  /// What the numbers below may be.
  struct Limits {
    static constexpr Range level = strictly_between(0, 1);
  };

  struct Fold {
    Model model;       ///< fitted without the fold's rows
    Vector residuals;  ///< |y − prediction| at those rows, ascending; of many rows 1000 quantiles
    double weight = 0.0;  ///< of those rows, as a share of all; shares sum to 1
    Index rows = 0;
  };
  std::vector<Fold> folds;

  bool empty() const { return folds.empty(); }

  /// Lower and upper ends (n×2) for rows X (n×d, the model's columns), of which about a share
  /// `level` contains a new target, and at least 2·level − 1 where rows are exchangeable. Ends are
  /// infinite where there are too few rows for the level. `offset` is that of Model::predict.
  /// Throws InvalidArgument for a level outside (0, 1), another number of columns or offsets, and
  /// where there are no folds.
  Matrix around(const Eigen::Ref<const Matrix>& X, double level, const Vector& offset = {}) const;
};

/// Residuals as they are kept: ascending, and of more than 1000 that many quantiles by weight.
/// `weights` has one number >= 0 a residual.
Vector kept_residuals(const Vector& residuals, const Vector& weights);

/// intervals.json. Writing is whole or not at all; reading throws FileError for a missing, damaged
/// or newer file.
void write_intervals(const std::string& path, const PredictionIntervals& intervals);
PredictionIntervals read_intervals(const std::string& path);

}  // namespace lodestone
