#include "path/direction_search.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/largest.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/model/network.hpp"

namespace lodestone::path {
namespace {

constexpr int rise_steps = 4;           // between two looks at how much an ascent rose
constexpr double pace_allowance = 1.0;  // how much of its last pace an ascent is trusted to keep

// C and its gradient for a batch of directions, in parts between which the caller may stop it.
Correlation correlate(const CorrelationField& field, const Matrix& U, const ClimbOptions& options) {
  if (U.rows() <= options.batch) return field.correlate(U);
  Correlation all{Vector::Zero(U.rows()), Matrix::Zero(U.rows(), U.cols())};
  for (Index first = 0; first < U.rows(); first += options.batch) {
    if (options.should_stop && options.should_stop()) break;
    const Index count = std::min(options.batch, U.rows() - first);
    const Correlation part = field.correlate(U.middleRows(first, count));
    all.value.segment(first, count) = part.value;
    all.gradient.middleRows(first, count) = part.gradient;
  }
  return all;
}

}  // namespace

Ends climb(const CorrelationField& field, Matrix starts, const ClimbOptions& options) {
  Ends ends;
  const Correlation first = correlate(field, starts, options);
  ends.directions = std::move(starts);
  ends.values = first.value;
  ends.counts = Vector::Ones(first.value.size());
  // What still climbs: positions among the ends, gradients turned uphill, heights, steps.
  std::vector<Index> climbing;
  for (Index i = 0; i < ends.values.size(); ++i) {
    if (ends.values[i] != 0.0) climbing.push_back(i);
  }
  Matrix G = first.gradient(climbing, Eigen::all);
  for (std::size_t k = 0; k < climbing.size(); ++k) {
    if (ends.values[climbing[k]] < 0.0) G.row(static_cast<Index>(k)) *= -1.0;
  }
  Vector share = Vector::Ones(G.rows());
  Vector earlier = Vector::Zero(G.rows());
  for (std::size_t k = 0; k < climbing.size(); ++k) {
    earlier[static_cast<Index>(k)] = std::abs(ends.values[climbing[k]]);
  }
  for (int step = 1; step <= options.steps && !climbing.empty(); ++step) {
    if (options.should_stop && options.should_stop()) break;
    Matrix trial(G.rows(), G.cols());
    for (Index k = 0; k < G.rows(); ++k) {
      const double length = G.row(k).norm();
      trial.row(k) = (1.0 - share[k]) * ends.directions.row(climbing[static_cast<std::size_t>(k)]) +
                     share[k] / std::max(length, 1e-300) * G.row(k);
    }
    trial = unit_directions(trial);
    const Correlation next = correlate(field, trial, options);
    for (Index k = 0; k < G.rows(); ++k) {
      const Index i = climbing[static_cast<std::size_t>(k)];
      if (std::abs(next.value[k]) > std::abs(ends.values[i]) &&
          (next.value[k] > 0.0) == (ends.values[i] > 0.0)) {
        ends.directions.row(i) = trial.row(k);
        ends.values[i] = next.value[k];
        G.row(k) = (next.value[k] > 0.0 ? 1.0 : -1.0) * next.gradient.row(k);
        share[k] = std::min(1.0, 1.5 * share[k]);
      } else {
        share[k] *= 0.4;
      }
    }
    // Those that have come to rest, and those that will not come high enough, are done.
    const bool look = step % rise_steps == 0;
    const double highest = ends.values.lpNorm<Eigen::Infinity>();
    const double looks_left = static_cast<double>(options.steps - step) / rise_steps;
    std::vector<Index> going;
    for (Index k = 0; k < G.rows(); ++k) {
      if (share[k] < options.shortest_step) continue;
      if (look) {
        const double height = std::abs(ends.values[climbing[static_cast<std::size_t>(k)]]);
        const double rise = height - earlier[k];
        if (rise < options.least_rise * highest) continue;
        if (height + pace_allowance * looks_left * rise < options.height) continue;
        earlier[k] = height;
      }
      going.push_back(k);
    }
    if (going.size() < climbing.size()) {
      std::vector<Index> still;
      for (const Index k : going) still.push_back(climbing[static_cast<std::size_t>(k)]);
      climbing = std::move(still);
      G = G(going, Eigen::all).eval();
      share = share(going).eval();
      earlier = earlier(going).eval();
    }
  }
  return ends;
}

Ends distinct(const Ends& ends, double chord, double least, Index most) {
  std::vector<Index> apart;
  std::vector<double> counts;
  const Vector heights = ends.values.cwiseAbs();
  const double close = 1.0 - 0.5 * chord * chord;
  for (const Index i : positions_of_largest(heights, heights.size())) {
    if (heights[i] <= least) break;
    const auto known = std::find_if(apart.begin(), apart.end(), [&](Index j) {
      return std::abs(ends.directions.row(i).dot(ends.directions.row(j))) >= close;
    });
    if (known != apart.end()) {
      counts[static_cast<std::size_t>(known - apart.begin())] += ends.counts[i];
    } else if (static_cast<Index>(apart.size()) < most) {
      apart.push_back(i);
      counts.push_back(ends.counts[i]);
    }
  }
  return {ends.directions(apart, Eigen::all), ends.values(apart),
          Eigen::Map<const Vector>(counts.data(), static_cast<Index>(counts.size()))};
}

Matrix random_directions(Index count, Index dimension, std::uint64_t seed, std::uint64_t first) {
  const RandomStream stream(seed, "directions of a path");
  Matrix U(count, dimension);
  const std::uint64_t before = first * static_cast<std::uint64_t>(dimension);
  for (Index i = 0; i < U.size(); ++i) {
    U.data()[i] = stream.normal(before + static_cast<std::uint64_t>(i));
  }
  return unit_directions(U);
}

}  // namespace lodestone::path
