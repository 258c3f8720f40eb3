#include "core/factorizations.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>

namespace lodestone {

Eigenpairs symmetric_eigenpairs(const ColMatrix& A) {
  const Eigen::SelfAdjointEigenSolver<ColMatrix> solver(A);
  return {solver.info() == Eigen::Success, solver.eigenvalues(), solver.eigenvectors()};
}

Vector symmetric_eigenvalues(const ColMatrix& A) {
  return Eigen::SelfAdjointEigenSolver<ColMatrix>(A, Eigen::EigenvaluesOnly).eigenvalues();
}

SingularVectors right_singular_vectors(const ColMatrix& A) {
  const Eigen::JacobiSVD<ColMatrix> svd(A, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {svd.singularValues(), svd.matrixV(), svd.rank()};
}

ColMatrix orthonormal_columns(const ColMatrix& A, Index count) {
  return Eigen::HouseholderQR<ColMatrix>(A).householderQ() * ColMatrix::Identity(A.rows(), count);
}

Vector last_orthonormal_column(const ColMatrix& A) {
  return Eigen::HouseholderQR<ColMatrix>(A).householderQ() * Vector::Unit(A.rows(), A.rows() - 1);
}

ColMatrix triangular_factor(const ColMatrix& A) {
  const Eigen::HouseholderQR<ColMatrix> factorization(A);
  return factorization.matrixQR()
      .topRows(std::min(A.rows(), A.cols()))
      .triangularView<Eigen::Upper>();
}

ColumnSpan column_span(const ColMatrix& A, std::optional<double> threshold, Index more) {
  Eigen::ColPivHouseholderQR<ColMatrix> factorization(A.rows(), A.cols());
  if (threshold) factorization.setThreshold(*threshold);
  factorization.compute(A);
  const Index rank = factorization.rank();
  const Index count = std::min(A.rows(), rank + more);
  return {factorization.householderQ() * ColMatrix::Identity(A.rows(), count), rank};
}

Vector column_pivots(const ColMatrix& A) {
  return Eigen::ColPivHouseholderQR<ColMatrix>(A).matrixR().diagonal().cwiseAbs();
}

Vector least_squares(const ColMatrix& A, const Vector& b) {
  return Eigen::CompleteOrthogonalDecomposition<ColMatrix>(A).solve(b);
}

ColMatrix generalized_inverse(const ColMatrix& A) {
  return Eigen::CompleteOrthogonalDecomposition<ColMatrix>(A).pseudoInverse();
}

Vector solve_symmetric(const ColMatrix& A, const Vector& b) {
  return Eigen::LDLT<ColMatrix>(A).solve(b);
}

Cholesky::Cholesky(const ColMatrix& A) {
  const Eigen::LLT<ColMatrix> factorization(A);
  L_ = factorization.matrixLLT();
  positive_ = factorization.info() == Eigen::Success;
  if (positive_) reciprocal_condition_ = factorization.rcond();
}

Vector Cholesky::solve(const Vector& b) const {
  const auto L = L_.triangularView<Eigen::Lower>();
  Vector x = L.solve(b);
  L.transpose().solveInPlace(x);
  return x;
}

Vector Cholesky::solve_lower(const Vector& b) const {
  return L_.triangularView<Eigen::Lower>().solve(b);
}

Vector Cholesky::solve_upper(const Vector& b) const {
  return L_.transpose().triangularView<Eigen::Upper>().solve(b);
}

Vector Cholesky::inverse_diagonal() const {
  // A⁻¹ = L⁻ᵀ L⁻¹ has the squared lengths of the columns of L⁻¹ on its diagonal.
  ColMatrix half = ColMatrix::Identity(L_.rows(), L_.cols());
  L_.triangularView<Eigen::Lower>().solveInPlace(half);
  return half.colwise().squaredNorm();
}

}  // namespace lodestone
