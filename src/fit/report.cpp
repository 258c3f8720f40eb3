#include "fit/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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

std::vector<std::string> choice_warnings(const FitResult& result, const PathOptions& path) {
  std::vector<std::string> warnings;
  if (result.lambda >= result.path.lambda_max) {
    warnings.push_back(fmt::format(
        "lambda {:.4g} is not below lambda_max {:.4g}: no feature pays, and the model is "
        "the linear one",
        result.lambda, result.path.lambda_max));
  }
  const auto chosen = static_cast<std::size_t>(result.chosen().index);
  const Ending ending = result.path.points[chosen].ending;
  if (ending == Ending::neurons) {
    warnings.push_back(
        fmt::format("the gap is that of a network of at most {} neurons; --max-features raises the "
                    "bound",
                    path.max_neurons));
  } else if (ending == Ending::rounds) {
    warnings.push_back(
        fmt::format("the gap is above its tolerance after {} rounds of births", path.max_rounds));
  } else if (ending == Ending::search) {
    const Certificate& certificate = result.certificate;
    warnings.push_back(
        certificate.relative_gap > path.gap_tolerance
            ? fmt::format("the gap is above its tolerance: births no longer lower it")
            : fmt::format("the gap may be understated: after {} starts new ones still find new "
                          "maxima of |eta| (estimated share unseen {:.0f}%)",
                          certificate.starts, 100.0 * certificate.unseen_share));
  }
  return warnings;
}

}  // namespace fitting

namespace {

// The texts one by one where they are few, else the first and how many there are like it.
void add_few(const std::vector<std::string>& texts, std::vector<std::string>& warnings) {
  constexpr std::size_t most_told = 5;
  if (texts.size() <= most_told) {
    warnings.insert(warnings.end(), texts.begin(), texts.end());
  } else {
    warnings.push_back(fmt::format("{} (and {} more like this)", texts.front(), texts.size() - 1));
  }
}

}  // namespace

std::vector<std::string> feature_warnings(const Network& feature_network,
                                          const std::vector<FeatureReport>& reports) {
  constexpr double nearly_parallel_deg = 5.0;
  constexpr double nearly_linear = 0.005;
  std::vector<std::string> cancelling;
  std::vector<std::string> parallel;
  std::vector<std::string> linear;
  for (Index i = 0; i < feature_network.width(); ++i) {
    for (Index j = 0; j < i; ++j) {
      const double angle =
          angle_between_lines_deg(feature_network.W.row(i), feature_network.W.row(j));
      if (angle >= nearly_parallel_deg) continue;
      const bool opposite = (feature_network.a[i] > 0.0) != (feature_network.a[j] > 0.0);
      const FeatureReport& one = reports[static_cast<std::size_t>(i)];
      const FeatureReport& other = reports[static_cast<std::size_t>(j)];
      if (opposite && std::abs(one.mass - other.mass) < 0.2 * (one.mass + other.mass)) {
        cancelling.push_back(fmt::format(
            "features {} and {} are {:.2g} degrees apart with amplitudes of opposite sign that "
            "nearly cancel: their difference is what matters, not either of them",
            j + 1, i + 1, angle));
      } else {
        parallel.push_back(fmt::format(
            "features {} and {} are nearly parallel ({:.2g} degrees): read them as one direction",
            j + 1, i + 1, angle));
      }
    }
    const double active = reports[static_cast<std::size_t>(i)].active_share;
    if (active < nearly_linear || active > 1.0 - nearly_linear) {
      linear.push_back(fmt::format(
          "feature {} is {} on {:.1f} % of the rows: there it belongs to the linear part", i + 1,
          active < 0.5 ? "off" : "on", 100.0 * std::max(active, 1.0 - active)));
    }
  }
  std::vector<std::string> warnings;
  for (const auto& texts : {cancelling, parallel, linear}) add_few(texts, warnings);
  return warnings;
}

}  // namespace lodestone
