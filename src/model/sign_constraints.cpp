#include "lodestone/model/sign_constraints.hpp"

#include <cmath>
#include <utility>

namespace lodestone {
namespace {

// A coordinate of a unit vector that a projection onto kinks leaves at 0 is off by a few roundings.
constexpr double on_bound = 1e-12;

}  // namespace

SignConstraints::SignConstraints(Vector signs) : signs_(std::move(signs)) {
  if (signs_.isZero(0.0)) signs_.resize(0);
}

const SignConstraints& SignConstraints::none() {
  static const SignConstraints unconstrained;
  return unconstrained;
}

bool SignConstraints::untouched(const Eigen::Ref<const Eigen::RowVectorXd>& u) const {
  for (Index j = 0; j < signs_.size(); ++j) {
    if (signs_[j] != 0.0 && u[j] != 0.0) return false;
  }
  return true;
}

bool SignConstraints::allows(const Eigen::Ref<const Eigen::RowVectorXd>& u,
                             double amplitude_sign) const {
  for (Index j = 0; j < signs_.size(); ++j) {
    if (amplitude_sign * signs_[j] * u[j] < 0.0) return false;
  }
  return true;
}

double SignConstraints::amplitude_sign(const Eigen::Ref<const Eigen::RowVectorXd>& u) const {
  if (untouched(u)) return 0.0;
  return allows(u, 1.0) ? 1.0 : -1.0;
}

void SignConstraints::project(Eigen::Ref<Eigen::RowVectorXd> u, double amplitude_sign) const {
  for (Index j = 0; j < signs_.size(); ++j) {
    if (signs_[j] != 0.0 && amplitude_sign * signs_[j] * u[j] <= on_bound) u[j] = 0.0;
  }
}

Network SignConstraints::projected(Network network) const {
  if (!any()) return network;
  for (Index i = 0; i < network.width(); ++i) {
    project(network.W.row(i), network.a[i] < 0.0 ? -1.0 : 1.0);
  }
  balance(network);
  return network;
}

Vector SignConstraints::heights(const Matrix& U, const Vector& values) const {
  Vector result = values.cwiseAbs();
  for (Index i = 0; any() && i < result.size(); ++i) {
    if (!allows(U.row(i), values[i] > 0.0 ? -1.0 : 1.0)) result[i] = 0.0;
  }
  return result;
}

}  // namespace lodestone
