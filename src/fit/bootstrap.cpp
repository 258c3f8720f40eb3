#include "fit/bootstrap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "core/parallel.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"
#include "path/descent.hpp"

namespace lodestone::fitting {
namespace {

// Directions without the bias coordinate, of unit length.
Matrix input_directions(const Network& network, bool biases) {
  return unit_directions(network.W.leftCols(network.W.cols() - (biases ? 1 : 0)));
}

// The features descended on a resample. Too few different rows for the affine part determine no
// direction: no features then.
Network fitted_again(const SampleObjective& rows, const Vector& resampled,
                     const Network& feature_network, double lambda,
                     const std::function<bool()>& should_stop) {
  std::unique_ptr<SampleObjective> objective;
  try {
    objective = std::make_unique<SampleObjective>(rows.with_weights(resampled));
  } catch (const InvalidArgument&) {
    return Network::empty(feature_network.W.cols());
  }
  path::DescentOptions descent;
  descent.should_stop = should_stop;
  return path::descend(*objective, feature_network, lambda, descent).network;
}

}  // namespace

void bootstrap(const PreparedRows& rows, const FitOptions& options, bool relaxed,
               Progress& progress, FitResult& result) {
  constexpr double counterpart_deg = 30.0;
  const Index n = rows.data.y.size();
  const Index count = result.feature_network.width();
  const Vector weights = normalized_weights(rows.data);
  Vector cumulative(n);
  std::partial_sum(weights.begin(), weights.end(), cumulative.begin());
  const Matrix directions = input_directions(result.feature_network, options.biases);
  Matrix angles(options.bootstrap, count);
  for_each_block(options.bootstrap, [&](Index b) {
    const RandomStream stream(options.seed, fmt::format("bootstrap {}", b));
    Vector resampled = Vector::Zero(n);
    for (Index t = 0; t < n; ++t) {
      const double at = stream.uniform(static_cast<std::uint64_t>(t)) * cumulative[n - 1];
      const auto row =
          std::upper_bound(cumulative.begin(), cumulative.end(), at) - cumulative.begin();
      resampled[std::min<Index>(row, n - 1)] += 1.0;
    }
    const Matrix found = input_directions(
        fitted_again(*rows.objective, resampled, result.feature_network,
                     relaxed ? 0.0 : result.lambda, [&] { return progress.stopped(); }),
        options.biases);
    for (Index i = 0; i < count; ++i) {
      double least = 90.0;
      for (Index j = 0; j < found.rows(); ++j) {
        least = std::min(least, angle_between_lines_deg(directions.row(i), found.row(j)));
      }
      angles(b, i) = least;
    }
    progress.add(1.0, "bootstrap");
  });
  // Resamples cut short stay near the features they started from: no errors rather than small ones.
  if (progress.stopped()) return;
  for (Index i = 0; i < count; ++i) {
    std::vector<double> column(angles.col(i).begin(), angles.col(i).end());
    std::sort(column.begin(), column.end());
    FeatureReport& report = result.reports[static_cast<std::size_t>(i)];
    report.angle_error_deg = std::sqrt(angles.col(i).squaredNorm() / options.bootstrap);
    const auto position = static_cast<std::size_t>(std::ceil(0.95 * options.bootstrap)) - 1;
    report.angle_95_deg = column[position];
    report.found_share =
        static_cast<double>((angles.col(i).array() < counterpart_deg).count()) / options.bootstrap;
  }
}

}  // namespace lodestone::fitting
