#include "theory/certificate_span.hpp"

#include <algorithm>
#include <limits>

#include "core/factorizations.hpp"

namespace lodestone::theory {

SpanCertificate in_span(const DualCertificate& certificate) {
  const Index d = certificate.directions.cols();
  // Parts of directions that are rounding of the others': d of them to a coordinate at the most.
  const double rounding = 16.0 * static_cast<double>(d) * std::numeric_limits<double>::epsilon();
  const ColumnSpan spanned = column_span(certificate.directions.transpose(), rounding, 1);
  SpanCertificate span{certificate, spanned.basis, spanned.basis.cols() > spanned.rank};
  span.certificate.directions = unit_directions(certificate.directions * span.basis);
  span.certificate.tangents = certificate.tangents * span.basis;
  const Eigen::MatrixXd from_basis = span.basis.transpose();
  span.moved = (certificate.directions - span.certificate.directions * from_basis).rowwise().norm();
  span.dropped = (certificate.tangents - span.certificate.tangents * from_basis).rowwise().norm();
  return span;
}

}  // namespace lodestone::theory
