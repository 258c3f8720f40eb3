#include "path/corrective.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "certify/gap.hpp"
#include "certify/row_search.hpp"
#include "lodestone/core/random.hpp"
#include "path/descent.hpp"

namespace lodestone::path {
namespace {

// Flops of one batch of directions: about a tenth of a second.
constexpr double batch_flops = 3e8;

// Maxima within this chord of each other are one birth.
constexpr double same_birth = 1e-3;

// Ends of climbs that go on along kinks in a round. Before a gap counts as small enough all do.
constexpr Index most_on_kinks = 100;

// Starts near neurons, and elsewhere, for each neuron; fewer neurons than `few` count as so many,
// and start ascents themselves.
constexpr double near_for_each = 1.0;
constexpr double far_for_each = 1.0;
constexpr Index few = 50;
// How many of these quick and thorough searches make in a round.
constexpr double quick_share = 0.5;
constexpr double thorough_share = 2.0;

// Steps of an ascent; of those that bring known maxima to rest between two searches, and how often.
constexpr int search_steps = 30;
constexpr int following_steps = 4;
constexpr int most_followings = 3;

// Shares of the tolerance: excess of |η| over 1 that is worth a neuron; rise of sup |η| that counts
// as something new; fall of P_λ that counts as progress.
constexpr double birth_share = 0.02;
constexpr double news_share = 0.1;
constexpr double progress_share = 1e-3;
constexpr int patience = 10;  // rounds without progress

}  // namespace

CorrectivePath::CorrectivePath(const Objective& objective)
    : features_(row_features(objective)), pool_(0, objective.dimension()) {}

Index CorrectivePath::affordable_batch() const {
  const RowObjective& objective = features_->objective();
  const double flops =
      4.0 * static_cast<double>(objective.rows()) * static_cast<double>(objective.dimension());
  return std::max<Index>(64, static_cast<Index>(batch_flops / flops) / 64 * 64);
}

void CorrectivePath::start_from(const Network& network) { features_->start_from(network); }

void CorrectivePath::remember(const Matrix& directions) { pool_ = rows_below(pool_, directions); }

Matrix CorrectivePath::new_starts(Index near, Index far, std::uint64_t seed) {
  const Index first = starts_used_;
  starts_used_ += near + far;
  return starts_around(rows_below(features_->directions(), pool_), near, far, seed, first);
}

PathPoint CorrectivePath::solve(double lambda, const PathOptions& options,
                                const PathObserver& observer) {
  RowFeatures& features = *features_;
  const RowObjective& objective = features.objective();
  const Matrix& U = features.directions();
  PathPoint point;
  point.lambda = lambda;
  const double tolerance = options.gap_tolerance;
  const double margin = birth_share * tolerance;
  const Index most = std::min(options.max_neurons, objective.rows());
  const Index most_starts =
      affordable_starts(options.search_flops, objective.rows(), objective.dimension());
  const bool thorough = options.thorough && lambda >= options.quick_below;
  ClimbOptions climbing;
  climbing.batch = affordable_batch();
  climbing.should_stop = observer.should_stop;
  climbing.least_rise = std::min(3e-4, 0.1 * tolerance);
  climbing.shortest_step = std::min(1e-3, 0.1 * tolerance);
  climbing.steps = search_steps;
  ClimbOptions following = climbing;
  following.steps = following_steps;

  const auto born = [&](const Matrix& maxima) {
    features.append(maxima.topRows(std::min(maxima.rows(), std::max<Index>(0, most - U.rows()))),
                    observer.should_stop);
    return maxima.rows();
  };
  const auto above = [&](const Ends& ends) {
    return distinct(ends, same_birth, lambda * (1.0 + margin), 2 * most, objective.constraints())
        .directions;
  };
  const auto usual_starts = [&](double effort) {
    const double neurons = static_cast<double>(std::max(U.rows(), few));
    return new_starts(static_cast<Index>(std::ceil(effort * near_for_each * neurons)),
                      static_cast<Index>(std::ceil(effort * far_for_each * neurons)), options.seed);
  };
  // Half of them near neurons.
  const auto starts_in_all = [&](Index count) {
    return new_starts(count / 2, count - count / 2, options.seed);
  };

  const auto corners = [&](const KinkAscents& of, Index count) {
    const Index first = corners_used_;
    corners_used_ += count;
    return of.vertices(count, options.seed, first);
  };

  const Network start = features.network();
  features.settle(lambda, margin, observer.should_stop);
  const double usual = thorough ? thorough_share : quick_share;
  double effort = usual;
  double least = HUGE_VAL;  // P_λ at the last progress
  double last = HUGE_VAL;   // P_λ of the last round
  int progress_round = 0;
  Index needed_starts = 0;  // of the last search that did not find |η| low enough
  while (true) {
    ++point.rounds;
    Network now = features.network();
    auto residual = features.residual(now);
    // Where λ is at the rounding of the targets, features that differ by rounding cancel without
    // bound: the last network that was finite stays.
    const bool finite = std::isfinite(residual->loss() + masses(now).sum());
    if (!finite) {
      now = point.rounds > 1 ? point.network : start;
      features.start_from(now);
      residual = features.residual(now);
    }
    if (!kinks_ && kinks_pay(residual->rows(), objective.dimension())) {
      kinks_.emplace(residual->row_points(), residual->constraints());
    }
    const KinkAscents* kinks = kinks_ ? &*kinks_ : nullptr;
    RowSearch search(*residual, kinks, U, lambda, climbing);
    const auto certified = [&] {
      Supremum supremum;
      supremum.value = search.highest();
      supremum.direction = search.direction();
      supremum.starts = search.starts();
      return estimated_certificate(*residual, now, lambda, supremum);
    };
    Matrix starts = rows_below(pool_, usual_starts(effort));
    if (U.rows() <= few) starts = rows_below(U, starts);
    search.add(std::move(starts), most_on_kinks);
    Certificate certificate = certified();
    // Before a gap counts as small enough the search goes on, each batch of as many starts as all
    // before it, until one finds nothing higher and few maxima can be unseen.
    bool trusted = !thorough;
    if (thorough && certificate.relative_gap <= tolerance && objective.dimension() == 2) {
      search.add(cells_of_plane(residual->row_points()));
      certificate = certified();
    }
    while (thorough && certificate.relative_gap <= tolerance && !stopped(observer)) {
      if (search.starts() >= most_starts) break;
      const double highest = search.highest();
      const Index batch = std::max(search.starts(), needed_starts / 2);
      const Matrix at_corners = kinks != nullptr ? corners(*kinks, batch / 2) : Matrix(0, U.cols());
      search.add(starts_in_all(batch - at_corners.rows()));
      search.add(at_corners);
      certificate = certified();
      const bool news = search.highest() > highest * (1.0 + news_share * tolerance);
      trusted = !news && search.trusted();
      if (trusted) break;
    }
    if (certificate.relative_gap > tolerance) needed_starts = search.starts();
    const double value = residual->loss() + lambda * masses(now).sum();
    if (value <= least * (1.0 - progress_share * tolerance) ||
        certificate.gap <= 0.9 * point.certificate.gap) {
      least = std::min(least, value);
      progress_round = point.rounds;
    }
    // Of two gaps the one that was searched for harder counts.
    if (point.rounds == 1 || certificate.gap <= point.certificate.gap ||
        search.starts() > point.certificate.starts) {
      certificate.distinct_maxima = search.maxima().values.size();
      certificate.unseen_share = search.unseen_share();
      point.network = std::move(now);
      point.certificate = std::move(certificate);
    }
    const Matrix maxima = above(search.ends());
    pool_ =
        distinct(search.ends(), same_birth, lambda, 2 * most, objective.constraints()).directions;
    const auto ended = [&]() -> std::optional<Ending> {
      if (point.certificate.relative_gap <= tolerance) {
        return trusted             ? Ending::tolerance
               : stopped(observer) ? Ending::interrupted
                                   : Ending::search;
      }
      if (stopped(observer)) return Ending::interrupted;
      if (!finite) return Ending::search;
      if (point.rounds >= options.max_rounds) return Ending::rounds;
      if (!thorough && last - value < options.least_decrease * value) return Ending::decrease;
      if (point.rounds >= progress_round + patience) return Ending::search;
      if (U.rows() >= most) return Ending::neurons;
      if (born(maxima) > 0) return std::nullopt;
      return Ending::search;
    }();
    if (ended) {
      point.ending = *ended;
      break;
    }
    last = value;
    effort = (point.certificate.relative_gap > 3.0 * tolerance ? 1.0 : 2.0) * usual;
    features.settle(lambda, margin, observer.should_stop);
    // What is known already is brought to rest before the next search.
    for (int i = 0; i < most_followings && !stopped(observer); ++i) {
      const auto left = features.residual(features.network());
      RowSearch near(*left, kinks, U, lambda, following);
      near.add(U.rows() <= few ? rows_below(U, pool_) : pool_, most_on_kinks);
      pool_ =
          distinct(near.ends(), same_birth, lambda, 2 * most, objective.constraints()).directions;
      if (near.highest() <= lambda * (1.0 + 0.5 * tolerance) || born(above(near.ends())) == 0)
        break;
      features.settle(lambda, margin, observer.should_stop);
    }
  }
  if (options.rigorous) {
    AscentOptions ascent;
    ascent.seed = options.seed;
    point.certificate =
        rigorous_certificate(objective, point.network, lambda, RigorousOptions{}, ascent);
  }
  point.loss = objective.loss(point.network);
  point.penalized_loss = penalized_loss(point.loss, point.network, lambda);
  return point;
}

}  // namespace lodestone::path
