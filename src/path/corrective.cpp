#include "path/corrective.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "certify/gap.hpp"
#include "certify/row_search.hpp"
#include "lodestone/core/random.hpp"
#include "path/active_set.hpp"
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

// Steps of Newton's method between two searches, for other families than the square loss, and the
// share of the tolerance by which P_λ must fall for another one; halvings of a step that raises
// P_λ.
constexpr int most_newton_steps = 10;
constexpr double newton_share = 0.1;
constexpr int most_halvings = 30;

// Features whose Gram matrix is computed at once.
constexpr Index gram_features = 64;

}  // namespace

CorrectivePath::CorrectivePath(const SampleObjective& objective)
    : objective_(objective),
      U_(0, objective.dimension()),
      K_(0, 0),
      b_(0),
      a_(0),
      pool_(0, objective.dimension()) {}

Index CorrectivePath::affordable_batch() const {
  const double flops =
      4.0 * static_cast<double>(objective_.rows()) * static_cast<double>(objective_.dimension());
  return std::max<Index>(64, static_cast<Index>(batch_flops / flops) / 64 * 64);
}

Network CorrectivePath::network() const {
  Network result{a_, U_};
  balance(result);
  return result;
}

void CorrectivePath::start_from(const Network& network) {
  const Vector mass = masses(network);
  std::vector<Index> with_mass;
  for (Index i = 0; i < mass.size(); ++i) {
    if (mass[i] > 0.0) with_mass.push_back(i);
  }
  U_.resize(0, objective_.dimension());
  K_.resize(0, 0);
  b_.resize(0);
  a_.resize(0);
  append(unit_directions(network.W(with_mass, Eigen::all)), {});
  for (std::size_t k = 0; k < with_mass.size(); ++k) {
    a_[static_cast<Index>(k)] = std::copysign(mass[with_mass[k]], network.a[with_mass[k]]);
  }
}

void CorrectivePath::remember(const Matrix& directions) { pool_ = rows_below(pool_, directions); }

// New features with amplitude 0: only their rows of the Gram matrix are computed.
void CorrectivePath::append(const Matrix& born, const PathObserver& observer) {
  for (Index first = 0; first < born.rows(); first += gram_features) {
    if (stopped(observer)) return;
    const Index count = std::min(gram_features, born.rows() - first);
    const Matrix part = born.middleRows(first, count);
    const Index p = U_.rows();
    if (objective_.family().square()) {
      const FeatureGram gram = objective_.feature_gram(part, U_);
      Matrix K(p + count, p + count);
      K.topLeftCorner(p, p) = K_;
      K.bottomLeftCorner(count, p) = gram.K.rightCols(p);
      K.topRightCorner(p, count) = gram.K.rightCols(p).transpose();
      K.bottomRightCorner(count, count) = gram.K.leftCols(count);
      K_ = std::move(K);
      b_.conservativeResize(p + count);
      b_.tail(count) = gram.b;
    }
    U_ = rows_below(U_, part);
    a_.conservativeResize(p + count);
    a_.tail(count).setZero();
  }
}

void CorrectivePath::keep(const std::vector<Index>& features) {
  if (static_cast<Index>(features.size()) == U_.rows()) return;
  U_ = U_(features, Eigen::all).eval();
  if (K_.rows() > 0) {
    K_ = K_(features, features).eval();
    b_ = b_(features).eval();
  }
  a_ = a_(features).eval();
}

void CorrectivePath::solve_amplitudes(double lambda, double tolerance,
                                      const PathObserver& observer) {
  ActiveSetOptions options;
  options.violation = tolerance;
  options.should_stop = observer.should_stop;
  a_ = solve_active_set(K_, b_, lambda, a_, options).amplitudes;
  keep_support();
}

void CorrectivePath::keep_support() {
  std::vector<Index> support;
  for (Index i = 0; i < a_.size(); ++i) {
    if (a_[i] != 0.0) support.push_back(i);
  }
  keep(support);
}

// Neurons of one sign with the same rows switched on become one: f stays, the mass falls. The Gram
// matrix follows without a look at the rows. Returns whether there were any.
bool CorrectivePath::merge_cells() {
  const ActiveRows active = objective_.active_rows(U_);
  std::map<std::pair<bool, std::vector<std::uint64_t>>, std::vector<Index>> cells;
  for (Index i = 0; i < U_.rows(); ++i) {
    cells[{a_[i] > 0.0, active.bits[static_cast<std::size_t>(i)]}].push_back(i);
  }
  if (static_cast<Index>(cells.size()) == U_.rows()) return false;
  std::vector<Index> kept;
  std::vector<Index> gone;
  for (const auto& [cell, members] : cells) {
    kept.push_back(members.front());
    if (members.size() == 1) continue;
    Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(U_.cols());
    for (const Index i : members) {
      const bool mirrored = active.mirrored[static_cast<std::size_t>(i)];
      sum += (mirrored ? -1.0 : 1.0) * std::abs(a_[i]) * U_.row(i);
    }
    const double mass = sum.norm();
    const Index to = members.front();
    const auto combine = [&](auto&& of) {
      auto result = ((std::abs(a_[to]) / mass) * of(to)).eval();
      for (std::size_t k = 1; k < members.size(); ++k) {
        result += (std::abs(a_[members[k]]) / mass) * of(members[k]);
      }
      return result;
    };
    K_.row(to) = combine([&](Index i) { return K_.row(i); });
    K_.col(to) = combine([&](Index i) { return K_.col(i); });
    double product = 0.0;
    for (const Index i : members) product += std::abs(a_[i]) / mass * b_[i];
    b_[to] = product;
    U_.row(to) = sum / mass;
    a_[to] = cell.first ? mass : -mass;
  }
  std::sort(kept.begin(), kept.end());
  keep(kept);
  return true;
}

void CorrectivePath::settle(double lambda, double tolerance, const PathObserver& observer) {
  if (objective_.family().square()) {
    settle_square(lambda, tolerance, observer);
    return;
  }
  for (int step = 0; step < most_newton_steps && !stopped(observer); ++step) {
    if (!newton_step(lambda, tolerance, observer)) break;
  }
}

// The quadratic model at the present network is solved; the amplitudes move towards its solution as
// far as P_λ falls. Returns whether another step may lower P_λ by more than the tolerance asks.
bool CorrectivePath::newton_step(double lambda, double tolerance, const PathObserver& observer) {
  if (U_.rows() == 0) return false;
  const auto value_of = [&](const Network& network) {
    return penalized_loss(objective_.loss(network), network, lambda);
  };
  const double before = value_of(network());
  const QuadraticModel model = objective_.quadratic_model(network());
  FeatureGram gram = model.objective.feature_gram(U_);
  K_ = std::move(gram.K);
  b_ = std::move(gram.b);
  ActiveSetOptions options;
  options.violation = tolerance;
  options.should_stop = observer.should_stop;
  const Vector from = a_;
  const Vector to = solve_active_set(K_, b_, lambda / model.curvature, a_, options).amplitudes;
  double after = before;
  bool moved = false;
  double share = 1.0;
  for (int halving = 0; halving < most_halvings && !moved; ++halving, share *= 0.5) {
    a_ = share == 1.0 ? to : Vector(from + share * (to - from));
    after = value_of(network());
    moved = after <= before;
  }
  if (!moved) {
    a_ = from;
    after = before;
  }
  keep_support();
  while (merge_cells()) {
  }
  K_.resize(0, 0);
  b_.resize(0);
  return before - after > newton_share * tolerance * after;
}

void CorrectivePath::settle_square(double lambda, double tolerance, const PathObserver& observer) {
  if (U_.rows() == 0) return;
  solve_amplitudes(lambda, tolerance, observer);
  for (int i = 0; i < 10 && merge_cells() && !stopped(observer); ++i) {
    solve_amplitudes(lambda, tolerance, observer);
  }
}

Matrix CorrectivePath::new_starts(Index near, Index far, std::uint64_t seed) {
  const Index first = starts_used_;
  starts_used_ += near + far;
  return starts_around(rows_below(U_, pool_), near, far, seed, first);
}

PathPoint CorrectivePath::solve(double lambda, const PathOptions& options,
                                const PathObserver& observer) {
  PathPoint point;
  point.lambda = lambda;
  const double tolerance = options.gap_tolerance;
  const double margin = birth_share * tolerance;
  const Index most = std::min(options.max_neurons, objective_.rows());
  const Index most_starts =
      affordable_starts(options.search_flops, objective_.rows(), objective_.dimension());
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
    append(maxima.topRows(std::min(maxima.rows(), std::max<Index>(0, most - U_.rows()))), observer);
    return maxima.rows();
  };
  const auto above = [&](const Ends& ends) {
    return distinct(ends, same_birth, lambda * (1.0 + margin), 2 * most).directions;
  };
  const auto usual_starts = [&](double effort) {
    const double neurons = static_cast<double>(std::max(U_.rows(), few));
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

  const Network start = network();
  settle(lambda, margin, observer);
  const double usual = thorough ? thorough_share : quick_share;
  double effort = usual;
  double least = HUGE_VAL;  // P_λ at the last progress
  double last = HUGE_VAL;   // P_λ of the last round
  int progress_round = 0;
  Index needed_starts = 0;  // of the last search that did not find |η| low enough
  while (true) {
    ++point.rounds;
    Network now = network();
    auto residual = objective_.residual(now);
    // Where λ is at the rounding of the targets, features that differ by rounding cancel without
    // bound: the last network that was finite stays.
    const bool finite = std::isfinite(residual->loss() + masses(now).sum());
    if (!finite) {
      now = point.rounds > 1 ? point.network : start;
      start_from(now);
      residual = objective_.residual(now);
    }
    if (!kinks_ && kinks_pay(residual->rows(), objective_.dimension())) {
      kinks_.emplace(std::get<RowMeasure>(residual->measure()).rows);
    }
    const KinkAscents* kinks = kinks_ ? &*kinks_ : nullptr;
    RowSearch search(*residual, kinks, U_, lambda, climbing);
    const auto certified = [&] {
      Supremum supremum;
      supremum.value = search.highest();
      supremum.direction = search.direction();
      supremum.starts = search.starts();
      return estimated_certificate(*residual, now, lambda, supremum);
    };
    Matrix starts = rows_below(pool_, usual_starts(effort));
    if (U_.rows() <= few) starts = rows_below(U_, starts);
    search.add(std::move(starts), most_on_kinks);
    Certificate certificate = certified();
    // Before a gap counts as small enough the search goes on, each batch of as many starts as all
    // before it, until one finds nothing higher and few maxima can be unseen.
    bool trusted = !thorough;
    if (thorough && certificate.relative_gap <= tolerance && objective_.dimension() == 2) {
      search.add(cells_of_plane(std::get<RowMeasure>(residual->measure()).rows));
      certificate = certified();
    }
    while (thorough && certificate.relative_gap <= tolerance && !stopped(observer)) {
      if (search.starts() >= most_starts) break;
      const double highest = search.highest();
      const Index batch = std::max(search.starts(), needed_starts / 2);
      const Matrix at_corners =
          kinks != nullptr ? corners(*kinks, batch / 2) : Matrix(0, U_.cols());
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
    pool_ = distinct(search.ends(), same_birth, lambda, 2 * most).directions;
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
      if (U_.rows() >= most) return Ending::neurons;
      if (born(maxima) > 0) return std::nullopt;
      return Ending::search;
    }();
    if (ended) {
      point.ending = *ended;
      break;
    }
    last = value;
    effort = (point.certificate.relative_gap > 3.0 * tolerance ? 1.0 : 2.0) * usual;
    settle(lambda, margin, observer);
    // What is known already is brought to rest before the next search.
    for (int i = 0; i < most_followings && !stopped(observer); ++i) {
      const auto left = objective_.residual(network());
      RowSearch near(*left, kinks, U_, lambda, following);
      near.add(U_.rows() <= few ? rows_below(U_, pool_) : pool_, most_on_kinks);
      pool_ = distinct(near.ends(), same_birth, lambda, 2 * most).directions;
      if (near.highest() <= lambda * (1.0 + 0.5 * tolerance) || born(above(near.ends())) == 0)
        break;
      settle(lambda, margin, observer);
    }
  }
  if (options.rigorous) {
    AscentOptions ascent;
    ascent.seed = options.seed;
    point.certificate =
        rigorous_certificate(objective_, point.network, lambda, RigorousOptions{}, ascent);
  }
  point.loss = objective_.loss(point.network);
  point.penalized_loss = penalized_loss(point.loss, point.network, lambda);
  return point;
}

}  // namespace lodestone::path
