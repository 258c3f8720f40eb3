#include "lodestone/model/intervals.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/parallel.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

constexpr Index most_residuals = 1000;

// The share of weight, over all folds, of residuals at which sign·prediction + residual <= value.
class PooledResiduals {
 public:
  PooledResiduals(const std::vector<PredictionIntervals::Fold>& folds,
                  std::vector<double> predictions)
      : folds_(folds), predictions_(std::move(predictions)) {}

  double share_below(double value) const {
    double share = 0.0;
    for (std::size_t k = 0; k < folds_.size(); ++k) {
      const Vector& residuals = folds_[k].residuals;
      const auto below =
          std::upper_bound(residuals.begin(), residuals.end(), value - predictions_[k]) -
          residuals.begin();
      share +=
          folds_[k].weight * static_cast<double>(below) / static_cast<double>(residuals.size());
    }
    return share;
  }

  // The smallest value below which the share is at least `wanted`: one of the sums, to rounding.
  double quantile(double wanted) const {
    if (wanted > 1.0) return std::numeric_limits<double>::infinity();
    double low = HUGE_VAL;
    double high = -HUGE_VAL;
    for (std::size_t k = 0; k < folds_.size(); ++k) {
      const Vector& residuals = folds_[k].residuals;
      low = std::min(low, predictions_[k] + residuals[0]);
      high = std::max(high, predictions_[k] + residuals[residuals.size() - 1]);
    }
    const double slack = 1e-12;  // of the sum of shares
    for (int step = 0; step < 200 && low < high; ++step) {
      const double middle = low + 0.5 * (high - low);
      if (middle == low || middle == high) break;
      (share_below(middle) >= wanted - slack ? high : low) = middle;
    }
    return high;
  }

 private:
  const std::vector<PredictionIntervals::Fold>& folds_;
  std::vector<double> predictions_;
};

}  // namespace

Vector kept_residuals(const Vector& residuals, const Vector& weights) {
  std::vector<Index> order(static_cast<std::size_t>(residuals.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index i, Index j) { return residuals[i] < residuals[j]; });
  const bool equal = weights.size() == 0 || weights.minCoeff() == weights.maxCoeff();
  if (equal && residuals.size() <= most_residuals) return residuals(order);
  // Quantiles (i + 1)/count by weight: the last is the largest.
  const double total = weights.size() == 0 ? static_cast<double>(residuals.size()) : weights.sum();
  Vector kept(most_residuals);
  std::size_t at = 0;
  const auto weight = [&](std::size_t position) {
    return weights.size() == 0 ? 1.0 : weights[order[position]];
  };
  double below = weight(0);
  for (Index i = 0; i < most_residuals; ++i) {
    const double wanted = total * static_cast<double>(i + 1) / most_residuals;
    while (below < wanted * (1.0 - 1e-12) && at + 1 < order.size()) below += weight(++at);
    kept[i] = residuals[order[at]];
  }
  return kept;
}

Matrix PredictionIntervals::around(const Eigen::Ref<const Matrix>& X, double level,
                                   const Vector& offset) const {
  require_in(Limits::level, "interval", level);
  if (folds.empty()) {
    throw InvalidArgument("interval", number_text(level),
                          "this model has no residuals of cross-validation to make intervals from");
  }
  Matrix predictions(X.rows(), static_cast<Index>(folds.size()));
  Index rows = 0;
  for (std::size_t k = 0; k < folds.size(); ++k) {
    predictions.col(static_cast<Index>(k)) = folds[k].model.predict(X, offset);
    rows += folds[k].rows;
  }
  // The ⌈level (n + 1)⌉-th of n ascending sums f + R, and of −f + R.
  const auto n = static_cast<double>(rows);
  const double wanted = std::ceil(level * (n + 1.0) - 1e-9) / n;
  Matrix ends(X.rows(), 2);
  constexpr Index at_once = 256;
  for_each_block((X.rows() + at_once - 1) / at_once, [&](Index block) {
    for (Index t = block * at_once; t < std::min(X.rows(), (block + 1) * at_once); ++t) {
      std::vector<double> up(predictions.row(t).begin(), predictions.row(t).end());
      std::vector<double> down = up;
      for (double& value : down) value = -value;
      ends(t, 0) = -PooledResiduals(folds, std::move(down)).quantile(wanted);
      ends(t, 1) = PooledResiduals(folds, std::move(up)).quantile(wanted);
    }
  });
  return ends;
}

}  // namespace lodestone
