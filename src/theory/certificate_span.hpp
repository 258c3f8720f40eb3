#pragma once

#include "lodestone/theory/dual_certificate.hpp"

namespace lodestone::theory {

/// A certificate in the fewest dimensions that show all of it: its directions' span, and one more
/// dimension that stands for all others where there are any (η is symmetric there).
struct SpanCertificate {
  DualCertificate certificate;  ///< in R^D
  Eigen::MatrixXd basis;        ///< d×D, orthonormal columns: u in R^D is basis·u in R^d
  bool reflects = false;        ///< whether the last coordinate is that one more dimension
  Vector moved = {};            ///< how far each direction is from the one in its place,
  Vector dropped = {};          ///< and what each tangent has outside of the D dimensions
};

SpanCertificate in_span(const DualCertificate& certificate);

}  // namespace lodestone::theory
