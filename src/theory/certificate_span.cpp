#include "theory/certificate_span.hpp"

#include <Eigen/QR>
#include <algorithm>

namespace lodestone::theory {

SpanCertificate in_span(const DualCertificate& certificate) {
  const Index d = certificate.directions.cols();
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> factorization(d, certificate.directions.rows());
  factorization.setThreshold(1e-9);
  factorization.compute(certificate.directions.transpose());
  const Index r = factorization.rank();
  const Index dimension = std::min(d, r + 1);
  SpanCertificate span{certificate,
                       factorization.householderQ() * Eigen::MatrixXd::Identity(d, dimension),
                       dimension > r};
  span.certificate.directions = unit_directions(certificate.directions * span.basis);
  span.certificate.tangents = certificate.tangents * span.basis;
  return span;
}

}  // namespace lodestone::theory
