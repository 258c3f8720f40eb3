#include "certify/row_search.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/indices.hpp"
#include "core/largest.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/model/network.hpp"

namespace lodestone {
namespace {

constexpr int look_steps = 4;           // between two looks at how much an ascent rose
constexpr double pace_allowance = 1.0;  // how much of its last pace an ascent is trusted to keep

// Ends of ascents within this chord of each other are one end; for counting, one maximum. Ends
// below the height within this chord of a neuron are the neuron's.
constexpr double same_end = 1e-3;
constexpr double same_maximum = 1e-2;
constexpr double at_neuron = 2e-2;

// Ends below this share of the height are forgotten; climbs below this one are not followed. Along
// kinks ends rose by 4% at most and by 2% where most did (concrete, yacht: 4,000 starts each).
constexpr double kept_share = 0.995;
constexpr double promising_share = 0.97;

// Rise at which climbs end from which on float32 is fine enough.
constexpr double float32_least_rise = 1e-4;

// Distances of starts from known directions.
constexpr double nearest = 0.1;
constexpr double farthest = 0.6;

// When a search may be trusted, and when it ends at the latest.
constexpr double trusted_share = 0.05;
constexpr Index least_starts = 1000;
constexpr double flops_per_start = 240.0;  // for each row and coordinate
constexpr Index least_limit = 1000;
constexpr Index rows_of_sketch = 4096;

// Numbers of a table, rows times coordinates, up to which ascents go on along kinks: 32 MB.
constexpr double most_kink_numbers = 4e6;

// On very many rows climbs go on a sketch first, and so many of the highest ends on all rows.
constexpr Index finalists = 64;

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

// Starts within what the constraints allow, four for each: for C > 0 and for C < 0, projected,
// which tells what a bound leaves of a start, and mirrored in the coordinates that leave, which
// spreads starts over the inside. Returns the signs of C. Where the linear part is held by its
// bounds C has the wrong sign almost everywhere: ascents must come from there, too.
Vector take_inside(const SignConstraints& constraints, Matrix& starts) {
  const Index n = starts.rows();
  const Vector& signs = constraints.signs();
  Matrix inside(4 * n, starts.cols());
  inside << starts, starts, starts, starts;
  Vector sides(4 * n);
  sides << Vector::Ones(2 * n), -Vector::Ones(2 * n);
  for (Index i = 0; i < inside.rows(); ++i) {
    const double amplitude = -sides[i];
    const bool mirrored = i / n % 2 == 1;
    for (Index j = 0; mirrored && j < signs.size(); ++j) {
      if (amplitude * signs[j] * inside(i, j) < 0.0) inside(i, j) = -inside(i, j);
    }
    constraints.project(inside.row(i), amplitude);
  }
  starts = unit_directions(inside);
  return sides;
}

}  // namespace

Ends climb(const CorrelationField& field, Matrix starts, const ClimbOptions& options) {
  Ends ends;
  Vector sides;
  if (options.constraints.any()) sides = take_inside(options.constraints, starts);
  const Correlation first = correlate(field, starts, options);
  // C is climbed where it is positive, −C elsewhere.
  if (sides.size() == 0) {
    sides = first.value.unaryExpr([](double value) { return value < 0.0 ? -1.0 : 1.0; });
  }
  ends.directions = std::move(starts);
  ends.values = first.value;
  ends.counts = Vector::Ones(first.value.size());
  // What still climbs: positions among the ends, gradients turned uphill, heights, steps.
  std::vector<Index> climbing;
  for (Index i = 0; i < ends.values.size(); ++i) {
    if (ends.values[i] != 0.0) climbing.push_back(i);
  }
  Matrix G = first.gradient(climbing, indices::all);
  for (std::size_t k = 0; k < climbing.size(); ++k) {
    if (sides[climbing[k]] < 0.0) G.row(static_cast<Index>(k)) *= -1.0;
  }
  Vector share = Vector::Ones(G.rows());
  Vector earlier = Vector::Zero(G.rows());
  for (std::size_t k = 0; k < climbing.size(); ++k) {
    earlier[static_cast<Index>(k)] = sides[climbing[k]] * ends.values[climbing[k]];
  }
  for (int step = 1; step <= options.steps && !climbing.empty(); ++step) {
    if (options.should_stop && options.should_stop()) break;
    Matrix trial(G.rows(), G.cols());
    for (Index k = 0; k < G.rows(); ++k) {
      const double length = G.row(k).norm();
      trial.row(k) = (1.0 - share[k]) * ends.directions.row(climbing[static_cast<std::size_t>(k)]) +
                     share[k] / std::max(length, 1e-300) * G.row(k);
      if (options.constraints.any()) {
        const Index i = climbing[static_cast<std::size_t>(k)];
        options.constraints.project(trial.row(k), -sides[i]);
      }
    }
    trial = unit_directions(trial);
    const Correlation next = correlate(field, trial, options);
    for (Index k = 0; k < G.rows(); ++k) {
      const Index i = climbing[static_cast<std::size_t>(k)];
      if (sides[i] * next.value[k] > sides[i] * ends.values[i]) {
        ends.directions.row(i) = trial.row(k);
        ends.values[i] = next.value[k];
        G.row(k) = sides[i] * next.gradient.row(k);
        share[k] = std::min(1.0, 1.5 * share[k]);
      } else {
        share[k] *= 0.4;
      }
    }
    // Those that have come to rest, and those that will not come high enough, are done.
    const bool look = step % look_steps == 0;
    const double highest = sides.cwiseProduct(ends.values).maxCoeff();
    const double looks_left = static_cast<double>(options.steps - step) / look_steps;
    std::vector<Index> going;
    for (Index k = 0; k < G.rows(); ++k) {
      if (share[k] < options.shortest_step) continue;
      if (look) {
        const Index i = climbing[static_cast<std::size_t>(k)];
        const double height = sides[i] * ends.values[i];
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
      G = G(going, indices::all).eval();
      share = share(going).eval();
      earlier = earlier(going).eval();
    }
  }
  // An ascent that has not come out of the wrong sign has found nothing.
  ends.values = (sides.cwiseProduct(ends.values).array() > 0.0).select(ends.values, 0.0);
  return ends;
}

Ends distinct(const Ends& ends, double chord, double least, Index most,
              const SignConstraints& constraints) {
  std::vector<Index> apart;
  std::vector<double> counts;
  const Vector heights = ends.values.cwiseAbs();
  const double close = 1.0 - 0.5 * chord * chord;
  for (const Index i : positions_of_largest(heights, heights.size())) {
    if (heights[i] <= least) break;
    // Up to sign where a mirror image is the same feature.
    const bool mirrors = !constraints.any() || constraints.untouched(ends.directions.row(i));
    const auto known =
        mirrors
            ? std::find_if(apart.begin(), apart.end(),
                           [&](Index j) {
                             return std::abs(ends.directions.row(i).dot(ends.directions.row(j))) >=
                                    close;
                           })
            : std::find_if(apart.begin(), apart.end(), [&](Index j) {
                return ends.directions.row(i).dot(ends.directions.row(j)) >= close &&
                       (ends.values[i] > 0.0) == (ends.values[j] > 0.0);
              });
    if (known != apart.end()) {
      counts[static_cast<std::size_t>(known - apart.begin())] += ends.counts[i];
    } else if (static_cast<Index>(apart.size()) < most) {
      apart.push_back(i);
      counts.push_back(ends.counts[i]);
    }
  }
  return {ends.directions(apart, indices::all), ends.values(apart),
          Eigen::Map<const Vector>(counts.data(), static_cast<Index>(counts.size()))};
}

Matrix random_directions(Index count, Index dimension, std::uint64_t seed, std::uint64_t first) {
  const RandomStream stream(seed, "directions of a search");
  Matrix U(count, dimension);
  const std::uint64_t before = first * static_cast<std::uint64_t>(dimension);
  for (Index i = 0; i < U.size(); ++i) {
    U.data()[i] = stream.normal(before + static_cast<std::uint64_t>(i));
  }
  return unit_directions(U);
}

Matrix starts_around(const Matrix& known, Index near, Index far, std::uint64_t seed, Index first) {
  Matrix starts =
      random_directions(near + far, known.cols(), seed, static_cast<std::uint64_t>(first));
  if (known.rows() == 0) return starts;
  const RandomStream stream(seed, "starts of a search");
  const auto uniform = [&](Index i, std::uint64_t number) {
    return stream.uniform(3 * static_cast<std::uint64_t>(first + i) + number);
  };
  const auto any_known = [&](Index i, std::uint64_t number) {
    const double position = uniform(i, number) * static_cast<double>(known.rows());
    return known.row(std::min(known.rows() - 1, static_cast<Index>(position)));
  };
  for (Index i = 0; i < near; ++i) {
    const double distance = nearest * std::pow(farthest / nearest, uniform(i, 0));
    starts.row(i) = known.row((first + i) % known.rows()) + distance * starts.row(i);
  }
  for (Index i = near; i < near + far / 2; ++i) {
    const double side = uniform(i, 0) < 0.5 ? -1.0 : 1.0;
    starts.row(i) = any_known(i, 1) + side * any_known(i, 2) + nearest * starts.row(i);
  }
  return unit_directions(starts);
}

Matrix cells_of_plane(const Matrix& rows) {
  constexpr Index most_rows = 2000;
  if (rows.cols() != 2 || rows.rows() > most_rows) return Matrix(0, rows.cols());
  std::vector<double> kinks;  // angles of u·x = 0, up to a half turn
  for (Index t = 0; t < rows.rows(); ++t) {
    if (rows.row(t).isZero(0.0)) continue;
    const double angle = std::atan2(rows(t, 0), -rows(t, 1));
    kinks.push_back(angle < 0.0 ? angle + std::numbers::pi : angle);
  }
  std::sort(kinks.begin(), kinks.end());
  const auto count = static_cast<Index>(kinks.size());
  Matrix directions(2 * count, 2);
  for (Index k = 0; k < count; ++k) {
    const double next =
        k + 1 < count ? kinks[static_cast<std::size_t>(k + 1)] : kinks.front() + std::numbers::pi;
    const double middle = 0.5 * (kinks[static_cast<std::size_t>(k)] + next);
    directions.row(2 * k) << std::cos(middle), std::sin(middle);
    directions.row(2 * k + 1) = -directions.row(2 * k);
  }
  return directions;
}

bool kinks_pay(Index rows, Index dimension) {
  return static_cast<double>(rows) * static_cast<double>(dimension) <= most_kink_numbers;
}

Index affordable_starts(double flops, Index rows, Index dimension) {
  const Index seen = std::min(rows, rows_of_sketch);
  const double each = flops_per_start * static_cast<double>(seen) * static_cast<double>(dimension);
  return std::max(least_limit, static_cast<Index>(flops / each));
}

Matrix rows_below(const Matrix& above, const Matrix& below) {
  Matrix all(above.rows() + below.rows(), below.cols());
  all << above, below;
  return all;
}

Vector joined(const Vector& first, const Vector& second) {
  Vector all(first.size() + second.size());
  all << first, second;
  return all;
}

RowSearch::RowSearch(const Residual& residual, const KinkAscents* kinks, const Matrix& neurons,
                     double height, ClimbOptions options)
    : residual_(residual),
      kinks_(kinks),
      neurons_(neurons),
      height_(height),
      options_(std::move(options)),
      ends_{Matrix(0, neurons.cols()), Vector(0), Vector(0)} {
  options_.height = promising_share * height;
  options_.constraints = residual.constraints();
  // Where the rise at which they end allows, climbs are made in float32.
  if (options_.least_rise >= float32_least_rise) float32_ = residual.in_float32();
  if (neurons.rows() > 0) {
    Index strongest = 0;
    const Vector values = residual.correlate(neurons).value;
    highest_ = options_.constraints.heights(neurons, values).maxCoeff(&strongest);
    direction_ = neurons.row(strongest);
  }
}

// Of a neuron, up to sign where a mirror image is the same feature.
double RowSearch::nearest_cosine(const Eigen::RowVectorXd& direction) const {
  const Vector cosines = neurons_ * direction.transpose();
  const SignConstraints& constraints = options_.constraints;
  const bool mirrors = !constraints.any() || constraints.untouched(direction);
  return mirrors ? cosines.cwiseAbs().maxCoeff() : cosines.maxCoeff();
}

// Without those that are the end at a neuron.
Ends RowSearch::unknown(const Ends& ends, Index most) const {
  std::vector<Index> kept;
  for (Index i = 0; i < ends.values.size(); ++i) {
    if (static_cast<Index>(kept.size()) == most) break;
    const bool above = std::abs(ends.values[i]) > height_;
    if (above || neurons_.rows() == 0 ||
        nearest_cosine(ends.directions.row(i)) < 1.0 - 0.5 * at_neuron * at_neuron) {
      kept.push_back(i);
    }
  }
  return {ends.directions(kept, indices::all), ends.values(kept), ends.counts(kept)};
}

void RowSearch::add(Matrix starts, Index most_on_kinks) {
  starts_ += starts.rows();
  if (const auto sketch = residual_.sketch(static_cast<std::uint64_t>(starts_))) {
    const Ends rough = climb(*sketch, std::move(starts), options_);
    starts = distinct(rough, same_end, 0.0, finalists, options_.constraints).directions;
  }
  const CorrelationField& field =
      float32_ ? *float32_ : static_cast<const CorrelationField&>(residual_);
  const Ends climbed = distinct(climb(field, std::move(starts), options_), same_end,
                                promising_share * height_, 2 * most_on_kinks, options_.constraints);
  Ends ends = unknown(climbed, most_on_kinks);
  if (kinks_ != nullptr) ends.directions = kink_ends(residual_, *kinks_, ends.directions);
  ends.values = residual_.correlate(ends.directions).value;
  const Vector heights = options_.constraints.heights(ends.directions, ends.values);
  std::vector<Index> kept;
  for (Index i = 0; i < ends.values.size(); ++i) {
    const double value = heights[i];
    if (value >= kept_share * height_) kept.push_back(i);
    if (value > highest_) {
      highest_ = value;
      direction_ = ends.directions.row(i);
    }
  }
  ends_ = {rows_below(ends_.directions, ends.directions(kept, indices::all)),
           joined(ends_.values, ends.values(kept)), joined(ends_.counts, ends.counts(kept))};
}

Ends RowSearch::maxima() const {
  return distinct(ends_, same_maximum, 0.0, ends_.values.size(), options_.constraints);
}

double RowSearch::unseen_share() const {
  const Vector counts = maxima().counts;
  if (counts.size() == 0) return starts_ > 0 ? 0.0 : 1.0;
  return static_cast<double>((counts.array() == 1.0).count()) / counts.sum();
}

bool RowSearch::trusted() const {
  return starts_ >= least_starts && unseen_share() <= trusted_share;
}

}  // namespace lodestone
