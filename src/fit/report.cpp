#include "fit/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/phrase.hpp"
#include "fit/prepared_rows.hpp"

namespace lodestone {
namespace fitting {

std::vector<FeatureReport> report_features(const Objective& objective, const Network& network,
                                           const Network& features, double lambda) {
  std::vector<FeatureReport> reports(static_cast<std::size_t>(features.width()));
  const Vector mass = masses(features);
  const Correlation correlation =
      objective.residual(network)->correlate(unit_directions(features.W));
  for (Index i = 0; i < features.width(); ++i) {
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
         fmt::format(
             "lambda {:.4g} is not below lambda_max {:.4g}: no feature pays, and the model is "
             "the linear one",
             result.lambda, result.path.lambda_max)});
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

std::vector<Warning> feature_warnings(const Network& features,
                                      const std::vector<FeatureReport>& reports) {
  constexpr double nearly_parallel_deg = 5.0;
  constexpr double nearly_linear = 0.005;
  std::vector<Warning> warnings;
  for (Index i = 0; i < features.width(); ++i) {
    for (Index j = 0; j < i; ++j) {
      const double angle = angle_between_lines_deg(features.W.row(i), features.W.row(j));
      if (angle >= nearly_parallel_deg) continue;
      const bool opposite = (features.a[i] > 0.0) != (features.a[j] > 0.0);
      const FeatureReport& one = reports[static_cast<std::size_t>(i)];
      const FeatureReport& other = reports[static_cast<std::size_t>(j)];
      if (opposite && std::abs(one.mass - other.mass) < 0.2 * (one.mass + other.mass)) {
        warnings.push_back(
            {"cancelling_features",
             fmt::format("features {} and {} are {:.2g} degrees apart with amplitudes of opposite "
                         "sign that "
                         "nearly cancel: their difference is what matters, not either of them",
                         j + 1, i + 1, angle)});
      } else {
        warnings.push_back(
            {"parallel_features", fmt::format("features {} and {} are nearly parallel ({:.2g} "
                                              "degrees): read them as one direction",
                                              j + 1, i + 1, angle)});
      }
    }
    const double active = reports[static_cast<std::size_t>(i)].active_share;
    if (active < nearly_linear || active > 1.0 - nearly_linear) {
      warnings.push_back(
          {"linear_feature",
           fmt::format(
               "feature {} is {} on {:.1f} % of the rows: there it belongs to the linear part",
               i + 1, active < 0.5 ? "off" : "on", 100.0 * std::max(active, 1.0 - active))});
    }
  }
  return warnings;
}

}  // namespace lodestone
