#include "lodestone/objective/objective.hpp"

namespace lodestone {

Network merged_for(const Objective& objective, const Network& network, double angle_deg) {
  return objective.constraints().projected(merged(network, angle_deg, mirrors_of(objective)));
}

std::pair<Network, double> coarsest_merge(const Objective& objective, const Network& network) {
  const double loss = objective.loss(network);
  for (const double angle : {20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05}) {
    Network candidate = merged_for(objective, network, angle);
    if (objective.loss(candidate) <= 1.01 * loss) return {std::move(candidate), angle};
  }
  return {merged_for(objective, network, 0.0), 0.0};
}

}  // namespace lodestone
