#include "fit/bootstrap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <vector>

#include "core/indices.hpp"
#include "core/parallel.hpp"
#include "fit/refit.hpp"
#include "fit/shapes.hpp"
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
Network fitted_again(const RowObjective& rows, const Vector& resampled,
                     const Network& feature_network, double lambda,
                     const std::function<bool()>& should_stop) {
  std::unique_ptr<const RowObjective> objective;
  try {
    objective = rows.reweighted(resampled);
  } catch (const InvalidArgument&) {
    return Network::empty(feature_network.W.cols());
  }
  path::DescentOptions descent;
  descent.should_stop = should_stop;
  return path::descend(*objective, feature_network, lambda, descent).network;
}

// Directions of smooth ridge functions refined on a resample, from those they have; none where too
// few different rows are in it.
Matrix ridges_again(const SampleObjective& rows, const Vector& resampled, const Matrix& directions,
                    const std::function<bool()>& should_stop) {
  try {
    RidgePursuit pursuit(rows.with_weights(resampled).counted_rows(), Matrix(0, directions.cols()),
                         should_stop);
    std::vector<Vector> start;
    for (Index k = 0; k < directions.rows(); ++k) start.emplace_back(directions.row(k));
    pursuit.refine(start);
    Matrix found(directions.rows(), directions.cols());
    for (Index k = 0; k < found.rows(); ++k) {
      found.row(k) = pursuit.sum().ridges[static_cast<std::size_t>(k)].direction.transpose();
    }
    return found;
  } catch (const InvalidArgument&) {
    return Matrix(0, directions.cols());
  }
}

// n rows drawn by their weights, with replacement: how often each came.
Vector resampled_rows(const Vector& cumulative, const RandomStream& stream) {
  const Index n = cumulative.size();
  Vector resampled = Vector::Zero(n);
  for (Index t = 0; t < n; ++t) {
    const double at = stream.uniform(static_cast<std::uint64_t>(t)) * cumulative[n - 1];
    const auto row =
        std::upper_bound(cumulative.begin(), cumulative.end(), at) - cumulative.begin();
    resampled[std::min<Index>(row, n - 1)] += 1.0;
  }
  return resampled;
}

// As many groups as there are, with replacement: each row's weight times how often its group came.
Vector resampled_groups(const std::vector<Index>& groups, const Vector& weights,
                        const RandomStream& stream) {
  const std::set<Index> present(groups.begin(), groups.end());
  const std::vector<Index> different(present.begin(), present.end());
  const auto count = static_cast<double>(different.size());
  std::map<Index, double> times;
  for (std::size_t i = 0; i < different.size(); ++i) {
    const auto drawn = static_cast<std::size_t>(stream.uniform(i) * count);
    times[different[std::min(drawn, different.size() - 1)]] += 1.0;
  }
  Vector resampled = Vector::Zero(weights.size());
  for (Index t = 0; t < weights.size(); ++t) {
    const auto found = times.find(groups[static_cast<std::size_t>(t)]);
    if (found != times.end()) resampled[t] = found->second * weights[t];
  }
  return resampled;
}

}  // namespace

void bootstrap(const PreparedRows& rows, const FitOptions& options, bool relaxed,
               Progress& progress, FitResult& result) {
  constexpr double counterpart_deg = 30.0;
  const Index n = rows.data.y.size();
  // Of a smooth model one direction stands for all features of a ridge function.
  std::vector<Index> first(static_cast<std::size_t>(result.feature_network.width()));
  std::iota(first.begin(), first.end(), Index{0});
  const std::vector<Ridge>& ridges = result.model.ridges;
  if (!ridges.empty()) {
    first.clear();
    for (const Ridge& ridge : ridges) first.push_back(ridge.first);
  }
  const auto count = static_cast<Index>(first.size());
  const Vector weights = normalized_weights(rows.data);
  Vector cumulative(n);
  std::partial_sum(weights.begin(), weights.end(), cumulative.begin());
  const Matrix directions =
      input_directions(result.feature_network, options.biases)(first, indices::all);
  Matrix angles(options.bootstrap, count);
  for_each_block(options.bootstrap, [&](Index b) {
    const RandomStream stream(options.seed, fmt::format("bootstrap {}", b));
    const Vector resampled = rows.data.groups.empty()
                                 ? resampled_rows(cumulative, stream)
                                 : resampled_groups(rows.data.groups, weights, stream);
    const auto stopped = [&] { return progress.stopped(); };
    const Matrix found =
        ridges.empty()
            ? input_directions(
                  fitted_again(*rows.objective, resampled, result.feature_network,
                               relaxed ? decay_of_refits(*rows.objective) : result.lambda, stopped),
                  options.biases)
            : ridges_again(*rows.objective->sample(), resampled, directions, stopped);
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
    const auto position = static_cast<std::size_t>(std::ceil(0.95 * options.bootstrap)) - 1;
    const Index begin = first[static_cast<std::size_t>(i)];
    const Index end =
        ridges.empty() ? begin + 1 : begin + ridges[static_cast<std::size_t>(i)].count;
    for (Index feature = begin; feature < end; ++feature) {
      FeatureReport& report = result.reports[static_cast<std::size_t>(feature)];
      report.angle_error_deg = std::sqrt(angles.col(i).squaredNorm() / options.bootstrap);
      report.angle_95_deg = column[position];
      report.found_share = static_cast<double>((angles.col(i).array() < counterpart_deg).count()) /
                           options.bootstrap;
    }
  }
}

}  // namespace lodestone::fitting
