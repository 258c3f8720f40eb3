#include "fit/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/phrase.hpp"
#include "fit/prepared_rows.hpp"

namespace lodestone {
namespace fitting {

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
    report.eta = -correlation.value[i] / lambda;
  }
  return reports;
}

double active_share(const Feature& feature, const Dataset& data) {
  const Vector z = (data.X * feature.direction).array() + feature.bias;
  return normalized_weights(data).dot((z.array() > 0.0).cast<double>().matrix());
}

std::vector<Warning> choice_warnings(const FitResult& result, const PathOptions& path) {
  std::vector<Warning> warnings;
  if (result.lambda >= result.path.lambda_max) {
    warnings.push_back(
        {"no_feature_pays",
         phrase("lambda {} is not below lambda_max {}: no feature pays, and the model is the "
                "linear one",
                fmt::format("{:.4g}", result.lambda),
                fmt::format("{:.4g}", result.path.lambda_max))});
  }
  if (result.network.width() >= path.max_neurons &&
      result.certificate.relative_gap > path.gap_tolerance) {
    warnings.push_back({"most_neurons",
                        phrase("the gap is that of a network of at most {} neurons; {max_features} "
                               "raises the bound",
                               path.max_neurons)});
  }
  return warnings;
}

}  // namespace fitting

std::vector<Warning> feature_warnings(const Network& feature_network,
                                      const std::vector<FeatureReport>& reports) {
  constexpr double nearly_parallel_deg = 5.0;
  constexpr double nearly_linear = 0.005;
  std::vector<Warning> warnings;
  for (Index i = 0; i < feature_network.width(); ++i) {
    for (Index j = 0; j < i; ++j) {
      const double angle =
          angle_between_lines_deg(feature_network.W.row(i), feature_network.W.row(j));
      if (angle >= nearly_parallel_deg) continue;
      const bool opposite = (feature_network.a[i] > 0.0) != (feature_network.a[j] > 0.0);
      const FeatureReport& one = reports[static_cast<std::size_t>(i)];
      const FeatureReport& other = reports[static_cast<std::size_t>(j)];
      if (opposite && std::abs(one.mass - other.mass) < 0.2 * (one.mass + other.mass)) {
        warnings.push_back(
            {"cancelling_features",
             phrase("features {} and {} are {} degrees apart with amplitudes of opposite sign that "
                    "nearly cancel: their difference is what matters, not either of them",
                    j + 1, i + 1, fmt::format("{:.2g}", angle))});
      } else {
        warnings.push_back(
            {"parallel_features",
             phrase("features {} and {} are nearly parallel ({} degrees): read them as one "
                    "direction",
                    j + 1, i + 1, fmt::format("{:.2g}", angle))});
      }
    }
    const double active = reports[static_cast<std::size_t>(i)].active_share;
    if (active < nearly_linear || active > 1.0 - nearly_linear) {
      warnings.push_back(
          {"linear_feature",
           phrase("feature {} is {} on {} % of the rows: there it belongs to the linear part",
                  i + 1, active < 0.5 ? "off" : "on",
                  fmt::format("{:.1f}", 100.0 * std::max(active, 1.0 - active)))});
    }
  }
  return warnings;
}

}  // namespace lodestone
