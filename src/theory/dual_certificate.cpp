#include "lodestone/theory/dual_certificate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/factorizations.hpp"
#include "lodestone/core/error.hpp"
#include "theory/relu_kernel.hpp"

namespace lodestone {
namespace {

constexpr int highest_order = 1000;
constexpr double least_reciprocal_condition = 1e-11;

void check(const Matrix& directions, const Vector& values, int l) {
  if (l < 2 || l > highest_order || l % 2 != 0) {
    throw InvalidArgument("l", fmt::format("{}", l),
                          fmt::format("must be even and between 2 and {}", highest_order));
  }
  if (directions.rows() < 1 || directions.cols() < 1) {
    throw InvalidArgument("directions", fmt::format("{}×{}", directions.rows(), directions.cols()),
                          "must have at least one row and one column");
  }
  if (values.size() != directions.rows()) {
    throw InvalidArgument("values", fmt::format("{} numbers", values.size()),
                          fmt::format("must be one for each of {} directions", directions.rows()));
  }
  if (!directions.allFinite()) throw InvalidArgument("directions", "", "must be finite");
  if (!values.allFinite()) throw InvalidArgument("values", "", "must be finite");
  for (Index j = 0; j < directions.rows(); ++j) {
    if (directions.row(j).stableNorm() == 0.0) {
      throw InvalidArgument("directions", "", fmt::format("row {} is zero; remove it", j + 1));
    }
  }
}

[[noreturn]] void throw_parallel(const Matrix& units) {
  Index first = 0;
  Index second = 0;
  double least = 2.0;
  for (Index i = 0; i < units.rows(); ++i) {
    for (Index j = 0; j < i; ++j) {
      const double chord =
          std::min((units.row(i) - units.row(j)).norm(), (units.row(i) + units.row(j)).norm());
      if (chord < least) {
        least = chord;
        first = j;
        second = i;
      }
    }
  }
  throw InvalidArgument(
      "directions", "",
      fmt::format("rows {} and {} are parallel up to sign, or too nearly so for float64 ({:.2g} "
                  "radians); merge them into one",
                  first + 1, second + 1, 2.0 * std::asin(0.5 * least)));
}

// Columns that complete each unit row of V (k×q) to an orthonormal basis: k matrices q×(q−1).
std::vector<Eigen::MatrixXd> tangent_bases(const Matrix& V) {
  const Index q = V.cols();
  std::vector<Eigen::MatrixXd> bases;
  for (Index j = 0; j < V.rows(); ++j) {
    bases.emplace_back(orthonormal_columns(V.row(j).transpose(), q).rightCols(q - 1));
  }
  return bases;
}

// Inner products, in the kernel's space, of the functionals to interpolate: for each row v_i of V
// the value there and then the derivatives along its tangent basis.
Eigen::MatrixXd gram_of(const Matrix& V, const std::vector<Eigen::MatrixXd>& bases, int l) {
  const Index k = V.rows();
  const Index q = V.cols();
  Eigen::MatrixXd gram(k * q, k * q);
  for (Index i = 0; i < k; ++i) {
    const Eigen::MatrixXd& E = bases[static_cast<std::size_t>(i)];
    for (Index j = 0; j < k; ++j) {
      const Eigen::MatrixXd& F = bases[static_cast<std::size_t>(j)];
      const double t = i == j ? 1.0 : V.row(i).dot(V.row(j));
      const double s = i == j ? 0.0 : (V.row(j) - t * V.row(i)).norm();
      const theory::ReluKernel kernel = theory::relu_kernel(l, t, s);
      const Vector e = E.transpose() * V.row(j).transpose();
      const Vector f = F.transpose() * V.row(i).transpose();
      gram(i * q, j * q) = kernel.value;
      gram.block(i * q, j * q + 1, 1, q - 1) = kernel.first * f.transpose();
      gram.block(i * q + 1, j * q, q - 1, 1) = kernel.first * e;
      gram.block(i * q + 1, j * q + 1, q - 1, q - 1) =
          kernel.second * e * f.transpose() + kernel.first * E.transpose() * F;
    }
  }
  return gram;
}

}  // namespace

double DualCertificate::value(const Vector& u) const { return correlate(u.transpose()).value[0]; }

Correlation DualCertificate::correlate(const Matrix& U) const {
  if (U.cols() != directions.cols()) {
    throw InvalidArgument("u", fmt::format("{} coordinates", U.cols()),
                          fmt::format("must have {}", directions.cols()));
  }
  Correlation result{Vector::Zero(U.rows()), Matrix::Zero(U.rows(), U.cols())};
  for (Index i = 0; i < U.rows(); ++i) {
    Eigen::RowVectorXd u = U.row(i);
    const double norm = u.stableNorm();
    if (norm == 0.0) continue;
    u /= norm;
    double eta = 0.0;
    Eigen::RowVectorXd gradient = Eigen::RowVectorXd::Zero(U.cols());  // of η, tangential
    for (Index j = 0; j < directions.rows(); ++j) {
      const double t = u.dot(directions.row(j));
      const Eigen::RowVectorXd tangent = directions.row(j) - t * u;
      const theory::ReluKernel kernel = theory::relu_kernel(order, t, tangent.norm());
      const double along = u.dot(tangents.row(j));
      eta += amplitudes[j] * kernel.value + along * kernel.first;
      gradient += (amplitudes[j] * kernel.first + along * kernel.second) * tangent +
                  kernel.first * (tangents.row(j) - along * u);
    }
    result.value[i] = norm * eta;
    result.gradient.row(i) = gradient + eta * u;
  }
  return result;
}

DualCertificate interpolate(const Matrix& directions, const Vector& values, int l) {
  check(directions, values, l);
  const Index k = directions.rows();
  const Index q = std::min(k, directions.cols());
  DualCertificate result{l, unit_directions(directions), Vector(k), Matrix(k, directions.cols()),
                         0.0};

  // The solution lives in a space of dimension q that holds all directions (docs/math.md, 2.6):
  // derivatives across it vanish by symmetry.
  const ColMatrix span = orthonormal_columns(result.directions.transpose(), q);
  const Matrix V = unit_directions(result.directions * span);
  const std::vector<Eigen::MatrixXd> bases = tangent_bases(V);

  const Cholesky gram(gram_of(V, bases, l));
  if (!(gram.reciprocal_condition() >= least_reciprocal_condition)) {
    throw_parallel(result.directions);
  }
  Vector target = Vector::Zero(k * q);
  for (Index j = 0; j < k; ++j) target[j * q] = values[j];
  const Vector solution = gram.solve(target);
  for (Index j = 0; j < k; ++j) {
    result.amplitudes[j] = solution[j * q];
    result.tangents.row(j) =
        span * (bases[static_cast<std::size_t>(j)] * solution.segment(j * q + 1, q - 1));
  }
  result.squared_norm = target.dot(solution);
  return result;
}

}  // namespace lodestone
