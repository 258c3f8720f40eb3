#pragma once

#include <utility>

#include "lodestone/objective/objective.hpp"

namespace lodestone::support {

/// Rows and weights as they are given, without an objective that would change them. Nothing is
/// known of energies.
class BareRows final : public Residual {
 public:
  BareRows(Matrix rows, Vector weights) : rows_(std::move(rows)), weights_(std::move(weights)) {}

  Correlation correlate(const Matrix& U) const override {
    Correlation result{Vector::Zero(U.rows()), Matrix::Zero(U.rows(), U.cols())};
    for (Index i = 0; i < U.rows(); ++i) {
      for (Index t = 0; t < rows_.rows(); ++t) {
        if (rows_.row(t).dot(U.row(i)) > 0.0) result.gradient.row(i) += weights_[t] * rows_.row(t);
      }
      result.value[i] = result.gradient.row(i).dot(U.row(i));
    }
    return result;
  }
  ResidualMeasure measure() const override { return RowMeasure{rows_, weights_}; }
  Index rows() const override { return rows_.rows(); }
  double energy() const override { return 0.0; }
  double target_product() const override { return 0.0; }
  Matrix suggested_directions(Index) const override { return Matrix(0, rows_.cols()); }

 private:
  Matrix rows_;
  Vector weights_;
};

}  // namespace lodestone::support
