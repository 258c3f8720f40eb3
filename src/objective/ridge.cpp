#include "core/factorizations.hpp"
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

}  // namespace lodestone
