#pragma once

#include <Eigen/Core>
#include <functional>

#include "lodestone/core/types.hpp"

namespace lodestone::path {

/// Cholesky factor L of a symmetric matrix M = L Lᵀ whose rows and columns come and go. Adding one
/// or removing one costs O(n²), not the O(n³) of a new factor.
class CholeskyFactor {
 public:
  /// The share of a diagonal element below which the square of a pivot counts as rounding: the row
  /// depends on the ones before it, and the pivot is raised to this (a ridge on that row alone).
  static constexpr double least_pivot_share = 1e-12;

  Index size() const { return size_; }

  /// Whether L Lᵀ = M to rounding: no pivot was raised since the factor was made anew.
  bool exact() const { return exact_; }

  /// The factor of a whole matrix, made anew; false, and the factor of nothing, where a pivot falls
  /// below that share.
  bool factorize(const Eigen::MatrixXd& M);

  /// Adds a last row and column to M: `column` holds the elements with the rows there are. False
  /// where the pivot is further below zero than rounding explains: the factor is of no more use.
  bool append(const Vector& column, double diagonal);

  /// Removes row and column `position` of M.
  void remove(Index position);

  /// M⁻¹ v.
  Vector solve(const Vector& v) const;

 private:
  void reserve(Index rows);

  Eigen::MatrixXd L_;  // its first size_ rows and columns count, and of these the lower half
  Index size_ = 0;
  bool exact_ = true;
};

struct ActiveSetOptions {
  /// Optimality conditions of features with amplitude hold to this share of λ; > 0.
  double tolerance = 1e-9;

  /// A feature without amplitude enters where |b − K a| exceeds λ by more than this share; > 0.
  double violation = 1e-9;

  /// Features that may enter the active set at once; >= 1. One at a time where that fails.
  Index entering = 64;

  /// Signs that amplitudes must have, 1 or −1, 0 where either will do (p); empty: all are free.
  Vector signs = {};

  /// How many features, the last ones, cost nothing: their |a_i| are left out of the sum.
  Index unpenalized = 0;

  std::function<bool()> should_stop;  ///< optional, asked at every step
};

struct ActiveSetResult {
  Vector amplitudes;
  long steps = 0;        ///< line searches
  bool settled = false;  ///< the optimality conditions hold to the tolerance
};

/// Minimizes ½ aᵀ K a − bᵀ a + λ Σ|a_i| for a positive semidefinite K (p×p), λ > 0, from the given
/// start, by an active set of signs with an updated Cholesky factor and an exact line search over
/// sign changes (docs/math.md, 9.3 and 9.7). Settled: (b − K a)_i = λ sign(a_i) where a_i ≠ 0, and
/// |b − K a| <= λ elsewhere, to the tolerance; where an amplitude has a sign s to keep, only
/// s (b − K a) <= λ, and without a penalty 0 takes the place of λ (13.2). The value never rises.
ActiveSetResult solve_active_set(const Matrix& K, const Vector& b, double lambda,
                                 const Vector& start, const ActiveSetOptions& options = {});

}  // namespace lodestone::path
