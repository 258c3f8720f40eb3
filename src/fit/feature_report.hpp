#pragma once

#include <string>
#include <vector>

#include "lodestone/fit/fit.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::fitting {

/// Mass, share and η of each feature; `network` is the penalized network at λ.
std::vector<FeatureReport> report_features(const Objective& objective, const Network& network,
                                           const Network& feature_network, double lambda);

/// Share of the rows, by their weights, on which the feature's relu is above zero.
double active_share(const Feature& feature, const Dataset& data);

}  // namespace lodestone::fitting
