#include "certify/cap_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/factorizations.hpp"

namespace lodestone {

Matrix dominant_span(const Matrix& vectors, const Vector& costs, double budget) {
  const Index d = vectors.cols();
  Matrix basis(d, 0);
  // What is left of a vector after d projections is rounding when it is this small.
  const double rounding = 16.0 * static_cast<double>(d) * std::numeric_limits<double>::epsilon();
  const double least = rounding * costs.dot(vectors.rowwise().norm());
  Matrix rest = vectors;
  while (true) {
    const Vector cost = costs.cwiseProduct(rest.rowwise().norm());
    const Index s = basis.cols();
    if (!(cost.sum() > std::max(budget, least)) || s == d) return basis;
    Index largest = 0;
    cost.maxCoeff(&largest);
    Vector column = rest.row(largest).normalized();
    for (int pass = 0; pass < 2; ++pass) {  // twice is enough for orthogonality to rounding
      column -= basis * (basis.transpose() * column);
      column.normalize();
    }
    rest -= (rest * column) * column.transpose();
    basis.conservativeResize(d, s + 1);
    basis.col(s) = column;
  }
}

double orthonormality_defect(const Matrix& basis) {
  const Index s = basis.cols();
  const double measured = (basis.transpose() * basis - Matrix::Identity(s, s)).norm();
  // Each of the s² products, of unit vectors, is off by at most d/2 + 1 roundings.
  return measured +
         static_cast<double>(s * (basis.rows() + 2)) * std::numeric_limits<double>::epsilon();
}

Matrix tangent_basis(const Vector& u) {
  // The Householder reflection that takes ∓e_0 to u takes the other axes to the tangent space.
  const Index D = u.size();
  Vector normal = u;
  normal[0] += u[0] < 0.0 ? -1.0 : 1.0;
  const double scale = 2.0 / normal.squaredNorm();
  Matrix basis = -scale * normal.tail(D - 1) * normal.transpose();
  for (Index j = 1; j < D; ++j) basis(j - 1, j) += 1.0;
  return basis;
}

double quadratic_maximum(const Vector& eigenvalues, const Vector& b, double radius) {
  // For every μ >= max(0, largest eigenvalue) the maximum is at most
  // ½ Σ b_i²/(μ − λ_i) + ½ μ R², so any μ found below is safe. The best one puts the maximizer
  // x_i = b_i/(μ − λ_i) on the sphere, or is 0 with the maximizer inside.
  const double R2 = radius * radius;
  double mu = 0.0;
  for (Index i = 0; i < b.size(); ++i) {
    mu = std::max({mu, eigenvalues[i], eigenvalues[i] + std::abs(b[i]) / radius});
  }
  const double largest = eigenvalues.cwiseAbs().maxCoeff();
  if (eigenvalues.maxCoeff() < 0.0) {
    const double norm2 = (b.array() / eigenvalues.array()).square().sum();
    if (norm2 <= R2) return 0.5 * (-b.array().square() / eigenvalues.array()).sum();
  }
  mu += 4.0 * std::numeric_limits<double>::epsilon() * largest;  // no division by zero
  // Newton's method on 1/‖x(μ)‖ − 1/R, which is concave and increasing: from the left it stays on
  // the left.
  for (int step = 0; step < 6; ++step) {
    double norm2 = 0.0;
    double slope = 0.0;
    for (Index i = 0; i < b.size(); ++i) {
      if (b[i] == 0.0) continue;
      const double x = b[i] / (mu - eigenvalues[i]);
      norm2 += x * x;
      slope += x * x / (mu - eigenvalues[i]);
    }
    if (!(norm2 > R2 * (1.0 + 1e-6)) || !(slope > 0.0)) break;
    mu += norm2 / slope * (std::sqrt(norm2) / radius - 1.0);
  }
  double result = 0.5 * mu * R2;
  for (Index i = 0; i < b.size(); ++i) {
    if (b[i] != 0.0) result += 0.5 * b[i] * b[i] / (mu - eigenvalues[i]);
  }
  return result;
}

double quadratic_maximum_of(const Matrix& A, const Vector& b, double radius) {
  const Eigenpairs pairs = symmetric_eigenpairs(A);
  if (!pairs.converged) return std::numeric_limits<double>::infinity();
  return quadratic_maximum(pairs.values, pairs.vectors.transpose() * b, radius);
}

}  // namespace lodestone
