#pragma once

#include <functional>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// The columns that the affine part of rows is fitted with (docs/math.md, 3.2), as combinations of
/// 1 and x − centre: these themselves, the inputs in units of their deviations; an orthonormal
/// basis of them, where inputs nearly depend on each other; 1 alone, where there is no linear part.
/// Coefficients and moments of a function are those of its columns, size() of them.
class AffineBasis {
 public:
  AffineBasis() = default;

  /// 1 and (x − centre)·scale; the scale of a constant column is 0.
  AffineBasis(Vector centre, Vector scale);

  /// The combinations S (d+1)×size of 1 and x − centre.
  AffineBasis(Vector centre, Matrix S);

  /// 1 alone. The centre is that of all d inputs.
  static AffineBasis constant(Vector centre);

  Index size() const { return general() ? S_.cols() : centre_.size() + 1; }
  const Vector& centre() const { return centre_; }
  /// Of the inputs; all zero where combinations are given.
  const Vector& scale() const { return scale_; }

  /// The columns of some rows: rows × size().
  Matrix columns(const Matrix& X) const;

  /// The largest coefficient of an input in units of its deviation that a column has.
  double largest_coefficient(const Vector& deviations) const {
    return (deviations.asDiagonal() * S_.bottomRows(deviations.size())).cwiseAbs().maxCoeff();
  }

  /// Moments with the columns, from the d+1 moments with 1 and x − centre.
  Vector moments(Vector with_inputs) const;

  /// Coefficients of 1 and x − centre, d+1 of them, for the function of these coefficients.
  Vector of_inputs(Vector coefficients) const;

 private:
  bool general() const { return S_.rows() > 0; }

  Vector centre_;
  Vector scale_;
  Matrix S_;  // where the columns are not 1 and the scaled inputs
};

/// S, (d+1)×rank, for which (√ω [1, x − centre]) S has nearly orthonormal columns, by orthogonal
/// factorizations of the rows, block by block. `inputs(first, count)` gives rows of the table, of
/// which the weights ω ≥ 0 need no certain sum. A column whose part independent of the others is
/// below 1e-13 of its length about 0 depends on them but for the rounding of the table, and lowers
/// the rank by one. How near to orthonormal the columns are is for the caller to measure.
Matrix orthonormal_combinations(Index rows,
                                const std::function<Matrix(Index first, Index count)>& inputs,
                                const Vector& weights, const Vector& centre);

}  // namespace lodestone
