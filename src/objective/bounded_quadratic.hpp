#pragma once

#include <vector>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// Minimizes ½ cᵀHc − bᵀc over c whose signs are given for some coordinates (docs/math.md, 13.2):
/// the free ones are eliminated once, what is left of the few bounded ones is solved by an active
/// set for each b.
class BoundedQuadratic {
 public:
  /// H symmetric, positive semidefinite (k×k); `signs` (k): coordinate l must have
  /// signs_l c_l >= 0, 0 leaves it free.
  BoundedQuadratic(const Matrix& H, const Vector& signs);

  /// Positions of the bounded coordinates, and their signs.
  const std::vector<Index>& bounded() const { return bounded_; }
  const Vector& signs() const { return signs_; }

  /// The pseudo-inverse of H on the free coordinates, zero in the others (k×k).
  const Matrix& free_inverse() const { return free_inverse_; }

  /// H on the bounded coordinates once the free ones are eliminated (q×q).
  const Matrix& reduced() const { return reduced_; }

  /// What products with all coordinates (rows×k) leave of those with the bounded ones once the
  /// free ones are eliminated (rows×q).
  Matrix reduced_products(const Matrix& products) const;

  Vector minimum(const Vector& b) const;

 private:
  std::vector<Index> bounded_;
  Vector signs_;         // q
  Matrix columns_;       // k×q: the bounded columns of H
  Matrix free_inverse_;  // k×k
  Matrix reduced_;       // q×q
};

}  // namespace lodestone
