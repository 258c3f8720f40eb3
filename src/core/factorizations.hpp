#pragma once

#include <optional>

#include "lodestone/core/types.hpp"

// Factorizations of small dense matrices by Eigen, compiled once: each takes a compiler seconds in
// every file that uses Eigen's templates itself (docs/performance.md, Building).

namespace lodestone {

using ColMatrix = Eigen::MatrixXd;

struct Eigenpairs {
  bool converged = false;  // otherwise the numbers mean nothing: entries are not finite
  Vector values;           // ascending
  ColMatrix vectors;       // a column for each
};

// Of a symmetric matrix; its lower triangle is read.
Eigenpairs symmetric_eigenpairs(const ColMatrix& A);
Vector symmetric_eigenvalues(const ColMatrix& A);  // ascending

struct SingularVectors {
  Vector values;   // descending
  ColMatrix V;     // a column for each
  Index rank = 0;  // by the threshold of Eigen: rounding of the largest
};

SingularVectors right_singular_vectors(const ColMatrix& A);

// The first `count` columns of Q in A = QR: an orthonormal basis that begins with that of A's
// columns, in their order.
ColMatrix orthonormal_columns(const ColMatrix& A, Index count);
// The last column of Q in A = QR: for d − 1 columns of d numbers, orthogonal to all of them.
Vector last_orthonormal_column(const ColMatrix& A);
// R in A = QR, without its rows of zeros.
ColMatrix triangular_factor(const ColMatrix& A);

struct ColumnSpan {
  ColMatrix basis;  // orthonormal
  Index rank = 0;   // the basis' leading columns that span those of A
};

// By QR with column pivots; pivots below `threshold` as a share of the largest count as zero
// [rounding]. The basis has rank + `more` columns, at most as many as A has rows.
ColumnSpan column_span(const ColMatrix& A, std::optional<double> threshold = {}, Index more = 0);
// The absolute values of the pivots.
Vector column_pivots(const ColMatrix& A);

// The shortest of the vectors x that minimize ‖Ax − b‖.
Vector least_squares(const ColMatrix& A, const Vector& b);
ColMatrix generalized_inverse(const ColMatrix& A);

// Solves Ax = b for symmetric A whose pivots may be zero or of either sign.
Vector solve_symmetric(const ColMatrix& A, const Vector& b);

// A = LLᵀ of a symmetric positive definite matrix; its lower triangle is read.
class Cholesky {
 public:
  explicit Cholesky(const ColMatrix& A);

  bool positive() const { return positive_; }
  const ColMatrix& L() const { return L_; }  // lower triangle; what is above it means nothing
  // An estimate of the reciprocal condition number.
  double reciprocal_condition() const { return reciprocal_condition_; }
  Vector solve(const Vector& b) const;
  // L⁻¹b and L⁻ᵀb: halves of a solution.
  Vector solve_lower(const Vector& b) const;
  Vector solve_upper(const Vector& b) const;
  // The diagonal of A⁻¹.
  Vector inverse_diagonal() const;

 private:
  ColMatrix L_;
  bool positive_ = false;
  double reciprocal_condition_ = 0.0;
};

}  // namespace lodestone
