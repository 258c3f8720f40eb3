#include "lodestone/theory/linearized.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/factorizations.hpp"
#include "core/parallel.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

// E[g_u g_vᵀ] with g_u = Π σ'(u·x) x the affine-free tangent features of a unit direction u, d×d
// (docs/math.md, 7.9).
Eigen::MatrixXd tangent_gram(const Eigen::RowVectorXd& u, const Eigen::RowVectorXd& v) {
  const double t = u.dot(v);
  const Eigen::RowVectorXd across = u - t * v;  // length sin θ
  const double s = across.norm();
  const Index d = u.size();
  Eigen::MatrixXd gram = std::atan2(t, s) * Eigen::MatrixXd::Identity(d, d);
  gram += (s - 1.0) * u.transpose() * v;
  if (s > 0.0) gram -= (t * u - v).transpose() * across / s;
  return gram * (0.5 / std::numbers::pi);
}

}  // namespace

double linearized_floor(const PopulationObjective& objective, const Matrix& U) {
  const Index p = U.rows();
  const Index d = objective.dimension();
  if (p < 1 || U.cols() != d) {
    throw InvalidArgument("U", fmt::format("{}×{}", p, U.cols()),
                          fmt::format("must have a row and {} columns", d));
  }
  if (((U.rowwise().norm().array() - 1.0).abs() > 1e-12).any()) {
    throw InvalidArgument("U", "", "rows must have unit length");
  }
  const Network null = Network::empty(d);
  const Matrix target = -objective.residual(null)->correlate(U).gradient;  // E[y g_u], p×d
  Eigen::MatrixXd gram(p * d, p * d);
  for_each_block(p, [&](Index i) {
    for (Index j = 0; j <= i; ++j) {
      gram.block(i * d, j * d, d, d) = tangent_gram(U.row(i), U.row(j));
    }
  });
  // Nearby directions make the system all but singular; what the shift changes is below 1e-10 of
  // the target's energy, and it can only raise the floor.
  gram.diagonal().array() += 1e-12;
  const Vector right = Eigen::Map<const Vector>(target.data(), p * d);
  const Cholesky factor(gram);
  return std::max(0.0, objective.null_loss() - 0.5 * right.dot(factor.solve(right)));
}

}  // namespace lodestone
