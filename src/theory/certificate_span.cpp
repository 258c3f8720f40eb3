#include "theory/certificate_span.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <limits>

namespace lodestone::theory {

SpanCertificate in_span(const DualCertificate& certificate) {
  const Index d = certificate.directions.cols();
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> factorization(d, certificate.directions.rows());
  // Parts of directions that are rounding of the others': d of them to a coordinate at the most.
  factorization.setThreshold(16.0 * static_cast<double>(d) *
                             std::numeric_limits<double>::epsilon());
  factorization.compute(certificate.directions.transpose());
  const Index r = factorization.rank();
  const Index dimension = std::min(d, r + 1);
  SpanCertificate span{certificate,
                       factorization.householderQ() * Eigen::MatrixXd::Identity(d, dimension),
                       dimension > r};
  span.certificate.directions = unit_directions(certificate.directions * span.basis);
  span.certificate.tangents = certificate.tangents * span.basis;
  const Eigen::MatrixXd from_basis = span.basis.transpose();
  span.moved = (certificate.directions - span.certificate.directions * from_basis).rowwise().norm();
  span.dropped = (certificate.tangents - span.certificate.tangents * from_basis).rowwise().norm();
  return span;
}

}  // namespace lodestone::theory
