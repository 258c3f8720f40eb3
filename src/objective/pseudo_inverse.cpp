#include "objective/pseudo_inverse.hpp"

#include "core/factorizations.hpp"

namespace lodestone {

PseudoInverse pseudo_inverse(const Matrix& symmetric) {
  const Eigenpairs pairs = symmetric_eigenpairs(symmetric);
  const Vector& values = pairs.values;
  constexpr double relative_rank_tolerance = 1e-10;
  const double cutoff = relative_rank_tolerance * values.maxCoeff();
  PseudoInverse result;
  Vector inverse = Vector::Zero(values.size());
  for (Index j = 0; j < values.size(); ++j) {
    if (values[j] <= cutoff) continue;
    inverse[j] = 1.0 / values[j];
    ++result.rank;
  }
  result.matrix = pairs.vectors * inverse.asDiagonal() * pairs.vectors.transpose();
  result.condition = values.minCoeff() / values.maxCoeff();
  return result;
}

}  // namespace lodestone
