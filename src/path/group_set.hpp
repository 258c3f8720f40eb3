#pragma once

#include <functional>

#include "lodestone/core/types.hpp"

namespace lodestone::path {

struct GroupOptions {
  /// Optimality conditions of groups with amplitude hold to this share of λ; > 0.
  double tolerance = 1e-7;

  /// A group without amplitude enters where ‖(B − K A)_i‖ exceeds λ by more than this share; > 0.
  double violation = 1e-7;

  std::function<bool()> should_stop;  ///< optional, asked at every step
};

struct GroupResult {
  Matrix amplitudes;  ///< p×q
  double value = 0.0;
  bool settled = false;  ///< the optimality conditions hold to the tolerance
};

/// Minimizes ½ tr(Aᵀ K A) − tr(Bᵀ A) + λ Σ_i ‖A_i‖ over A (p×q), its rows A_i the groups, for a
/// positive semidefinite K (p×p), B (p×q) and λ > 0, from the given start: sweeps of exact
/// minimization over one group, which set groups to zero, and Newton's method on the others, by
/// preconditioned conjugate gradients (docs/math.md, 12.3). Settled: (B − K A)_i = λ A_i/‖A_i‖
/// where A_i ≠ 0, and ‖(B − K A)_i‖ <= λ elsewhere, to the tolerance. The value never rises.
GroupResult solve_groups(const Matrix& K, const Matrix& B, double lambda, const Matrix& start,
                         const GroupOptions& options = {});

/// What solve_groups minimizes.
double group_value(const Matrix& K, const Matrix& B, double lambda, const Matrix& A);

}  // namespace lodestone::path
