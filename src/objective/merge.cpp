#include "lodestone/objective/objective.hpp"

namespace lodestone {

std::pair<Network, double> coarsest_merge(const Objective& objective, const Network& network) {
  const Mirrors mirrors = mirrors_of(objective);
  const double loss = objective.loss(network);
  for (const double angle : {20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05}) {
    Network candidate = merged(network, angle, mirrors);
    if (objective.loss(candidate) <= 1.01 * loss) return {std::move(candidate), angle};
  }
  return {merged(network, 0.0, mirrors), 0.0};
}

}  // namespace lodestone
