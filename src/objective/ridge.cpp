#include "core/factorizations.hpp"
#include "core/parallel.hpp"
#include "kernels/cholesky.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

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
