#pragma once

#include "lodestone/objective/shared.hpp"
#include "path/row_features.hpp"

namespace lodestone::path {

/// Features that several outputs share: amplitudes in R^q by solve_groups, for classes by proximal
/// Newton steps with one curvature a row (docs/math.md, 12.3).
class SharedFeatures final : public RowFeatures {
 public:
  explicit SharedFeatures(const SharedObjective& objective);

  Network network() const override;
  std::unique_ptr<Residual> residual(const Network& network) const override {
    return rows_.residual(network, affine_);
  }
  void settle(double lambda, double tolerance, const std::function<bool()>& should_stop) override;

 private:
  void set_amplitudes(const Network& network) override;
  void clear_amplitudes() override;
  void extend(const Matrix& part) override;
  void keep_amplitudes(const std::vector<Index>& features) override;

  void keep_support();
  double solve_amplitudes(double lambda, double tolerance,
                          const std::function<bool()>& should_stop);
  bool join_cells();
  void settle_square(double lambda, double tolerance, const std::function<bool()>& should_stop);
  bool newton_step(double lambda, double tolerance, const std::function<bool()>& should_stop);

  const SharedObjective& rows_;
  Matrix B_;  // p×q, beside the Gram matrix
  Matrix A_;  // p×q

  // Classes: the affine part at the last step, where the next begins, and the share of the bound on
  // the curvature that steps take.
  AffineStart affine_;
  double curvature_share_ = 1.0;
};

}  // namespace lodestone::path
