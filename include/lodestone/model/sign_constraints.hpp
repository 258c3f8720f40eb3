#pragma once

#include "lodestone/core/types.hpp"
#include "lodestone/model/network.hpp"

namespace lodestone {

/// Signs under which a prediction is monotone in some columns (docs/math.md, 13): with the sign
/// s_j of column j, every neuron has s_j a_i w_ij >= 0 and the linear part s_j β_j >= 0. A vector u
/// is allowed for amplitudes of sign σ where σ s_j u_j >= 0 for all j: for σ = 1 that is the cone
/// K, for σ = −1 its mirror image. Coordinates beyond the columns, such as a bias, are free.
class SignConstraints {
 public:
  /// None: every vector is allowed.
  SignConstraints() = default;

  /// One sign a column: 1 for increasing, −1 for decreasing, 0 for free. All 0 is none.
  explicit SignConstraints(Vector signs);

  /// No constraint at all, for whoever refers to one.
  static const SignConstraints& none();

  bool any() const { return signs_.size() > 0; }

  /// The signs, one a column, or empty where there is no constraint.
  const Vector& signs() const { return signs_; }

  /// Whether u (a row) has no part in a constrained column. Such a u and −u are allowed for
  /// amplitudes of both signs, and differ by a function of the free columns alone.
  bool untouched(const Eigen::Ref<const Eigen::RowVectorXd>& u) const;

  /// Whether u is allowed for amplitudes of this sign (1 or −1).
  bool allows(const Eigen::Ref<const Eigen::RowVectorXd>& u, double amplitude_sign) const;

  /// The sign that amplitudes of u must have: 1 or −1; 0 where both are allowed.
  double amplitude_sign(const Eigen::Ref<const Eigen::RowVectorXd>& u) const;

  /// The nearest vector that is allowed for amplitudes of this sign: coordinates of the wrong sign
  /// become 0, and so do those of at most 1e-12, which are the rounding of a bound.
  void project(Eigen::Ref<Eigen::RowVectorXd> u, double amplitude_sign) const;

  /// The network with every neuron projected for the sign of its a_i, balanced.
  Network projected(Network network) const;

  /// |C| at unit directions U (rows) with C = `values`, where a neuron that is allowed would answer
  /// to it, else 0: C > 0 asks for a negative amplitude.
  Vector heights(const Matrix& U, const Vector& values) const;

 private:
  Vector signs_;
};

}  // namespace lodestone
