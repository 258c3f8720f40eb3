#pragma once

#include "path/row_features.hpp"

namespace lodestone::path {

/// Features of one output: amplitudes by the active set of solve_active_set, for other families
/// than the square loss by proximal Newton steps (docs/math.md, 9.7 and 11.3). Under sign
/// constraints the constrained columns of the linear part are features without penalty (13.2).
class SingleFeatures final : public RowFeatures {
 public:
  explicit SingleFeatures(const SampleObjective& objective);

  Network network() const override;
  void settle(double lambda, double tolerance, const std::function<bool()>& should_stop) override;

 private:
  void set_amplitudes(const Network& network) override;
  void clear_amplitudes() override;
  void extend(const Matrix& part) override;
  void keep_amplitudes(const std::vector<Index>& features) override;

  void keep_support();
  bool merge_cells();
  void solve_amplitudes(double lambda, double tolerance, const std::function<bool()>& should_stop);
  Vector solved(const Matrix& K, const Vector& b, double lambda, double tolerance,
                const std::function<bool()>& should_stop);
  bool newton_step(double lambda, double tolerance, const std::function<bool()>& should_stop);

  const SampleObjective& rows_;
  Vector b_;                // p, beside the Gram matrix
  Vector a_;                // p, signed masses
  BoundedColumns bounded_;  // of the linear part, beside the features; products p×c
  Vector slopes_;           // c, their coefficients when amplitudes were last solved for
};

}  // namespace lodestone::path
