#include "core/factorizations.hpp"
#include "core/parallel.hpp"
#include "kernels/cholesky.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

FeatureGram with_bounded_columns(const FeatureGram& gram) {
  const Index p = gram.b.size();
  const BoundedColumns& columns = gram.bounded;
  const Index c = columns.signs.size();
  if (c == 0) return {gram.K, gram.b, {}, {}};
  FeatureGram both{Matrix(p + c, p + c), Vector(p + c), {}, {}};
  both.K.topLeftCorner(p, p) = gram.K;
  both.K.topRightCorner(p, c) = columns.products;
  both.K.bottomLeftCorner(c, p) = columns.products.transpose();
  both.K.bottomRightCorner(c, c) = columns.gram;
  both.b << gram.b, columns.target;
  return both;
}

Vector solve_ridge(const FeatureGram& gram, double ridge) {
  Matrix system = gram.K;
  system.diagonal().array() += ridge;
  Matrix factor = system;
  if (kernels::cholesky(factor)) return kernels::solve_cholesky(factor, gram.b);
  // A ridge below the rounding of K: the pivots that are not positive count as zero.
  return solve_symmetric(system, gram.b);
}

std::vector<Vector> solve_ridges(const FeatureGram& gram, const std::vector<double>& ridges) {
  std::vector<Vector> amplitudes(ridges.size());
  for_each_block(static_cast<Index>(ridges.size()), [&](Index i) {
    const auto at = static_cast<std::size_t>(i);
    amplitudes[at] = solve_ridge(gram, ridges[at]);
  });
  return amplitudes;
}

}  // namespace lodestone
