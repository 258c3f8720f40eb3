#include "fit/feature_report.hpp"

#include <algorithm>

#include "fit/prepared_rows.hpp"

namespace lodestone::fitting {

std::vector<FeatureReport> report_features(const Objective& objective, const Network& network,
                                           const Network& feature_network, double lambda) {
  std::vector<FeatureReport> reports(static_cast<std::size_t>(feature_network.width()));
  const Vector mass = masses(feature_network);
  const Correlation correlation =
      objective.residual(network)->correlate(unit_directions(feature_network.W));
  for (Index i = 0; i < feature_network.width(); ++i) {
    FeatureReport& report = reports[static_cast<std::size_t>(i)];
    report.mass = mass[i];
    report.share = mass[i] / mass.sum();
    // Of several outputs ‖η_λ‖.
    report.eta = (objective.outputs() > 1 ? 1.0 : -1.0) * correlation.value[i] / lambda;
  }
  return reports;
}

double active_share(const Feature& feature, const Dataset& data) {
  const Vector z = (data.X * feature.direction).array() + feature.bias;
  return normalized_weights(data).dot((z.array() > 0.0).cast<double>().matrix());
}

}  // namespace lodestone::fitting
