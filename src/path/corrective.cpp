#include "path/corrective.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "certify/ascent.hpp"
#include "certify/gap.hpp"
#include "lodestone/core/random.hpp"
#include "path/active_set.hpp"
#include "path/descent.hpp"
#include "path/direction_search.hpp"

namespace lodestone::path {
namespace {

Matrix rows_below(const Matrix& above, const Matrix& below) {
  Matrix all(above.rows() + below.rows(), below.cols());
  all << above, below;
  return all;
}

// Flops of one batch of directions: about a tenth of a second.
constexpr double batch_flops = 3e8;

// Ends of ascents within this chord of each other are one birth; for counting, one maximum.
constexpr double same_birth = 1e-3;
constexpr double same_maximum = 1e-2;

// Ends of ascents below this share of λ are forgotten.
constexpr double kept_share = 0.995;

// Rise at which ascents end from which on float32 is fine enough.
constexpr double float32_least_rise = 1e-4;

// Most ends of one batch that go on along ridges.
constexpr Index most_on_ridges = 200;

// Starts near neurons for each neuron, at distances between these shares of their length, and
// starts anywhere. Fewer neurons than `few` count as so many, and start ascents themselves.
constexpr double near_for_each = 1.0;
constexpr double random_for_each = 0.3;
constexpr double nearest = 0.1;
constexpr double farthest = 0.6;
constexpr Index few = 50;
// Without a thorough search at the end of each λ, the share of them that is made.
constexpr double quick_share = 0.5;

// Fewest starts of the search before a gap counts as small enough.
constexpr Index least_starts = 1000;

// Steps of an ascent; of those that bring known maxima to rest between two searches, and how often;
// and of those along ridges.
constexpr int search_steps = 30;
constexpr int following_steps = 4;
constexpr int most_followings = 3;
constexpr int ridge_steps = 8;

// On very many rows ascents go on a sketch first, and so many of the highest ends on all rows.
constexpr Index finalists = 64;

// Shares of the tolerance: excess of |η| over 1 that is worth a neuron; rise of sup |η| that counts
// as something new; fall of P_λ that counts as progress.
constexpr double birth_share = 0.02;
constexpr double news_share = 0.1;
constexpr double progress_share = 1e-3;
constexpr int patience = 10;  // rounds without progress

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
    const FeatureGram gram = objective_.feature_gram(part, U_);
    const Index p = U_.rows();
    Matrix K(p + count, p + count);
    K.topLeftCorner(p, p) = K_;
    K.bottomLeftCorner(count, p) = gram.K.rightCols(p);
    K.topRightCorner(p, count) = gram.K.rightCols(p).transpose();
    K.bottomRightCorner(count, count) = gram.K.leftCols(count);
    K_ = std::move(K);
    U_ = rows_below(U_, part);
    b_.conservativeResize(p + count);
    b_.tail(count) = gram.b;
    a_.conservativeResize(p + count);
    a_.tail(count).setZero();
  }
}

void CorrectivePath::keep(const std::vector<Index>& features) {
  if (static_cast<Index>(features.size()) == U_.rows()) return;
  U_ = U_(features, Eigen::all).eval();
  K_ = K_(features, features).eval();
  b_ = b_(features).eval();
  a_ = a_(features).eval();
}

void CorrectivePath::solve_amplitudes(double lambda, double tolerance,
                                      const PathObserver& observer) {
  ActiveSetOptions options;
  options.violation = tolerance;
  options.should_stop = observer.should_stop;
  a_ = solve_active_set(K_, b_, lambda, a_, options).amplitudes;
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
  if (U_.rows() == 0) return;
  solve_amplitudes(lambda, tolerance, observer);
  for (int i = 0; i < 10 && merge_cells() && !stopped(observer); ++i) {
    solve_amplitudes(lambda, tolerance, observer);
  }
}

// What a search has found so far.
struct CorrectivePath::Findings {
  Ends ends;  // above the share of λ that is kept, several of one maximum included
  double highest = 0.0;
  Vector direction;
  Index starts = 0;
};

// One batch of ascents, added to what is found.
void CorrectivePath::search(const Residual& residual, const Matrix& starts, double lambda,
                            const ClimbOptions& options, int along_ridges, Findings& found) const {
  Matrix remaining = starts;
  if (const auto sketch = residual.sketch(random_used_)) {
    const Ends rough = climb(*sketch, std::move(remaining), options);
    remaining = distinct(rough, same_birth, 0.0, finalists).directions;
  }
  // Where the tolerance allows, ascents are made in float32 and their ends measured in float64. The
  // first ones stop where kinks meet; ascents that know kinks take the highest further.
  const auto quick = options.least_rise >= float32_least_rise ? residual.in_float32() : nullptr;
  const CorrelationField& field = quick ? *quick : static_cast<const CorrelationField&>(residual);
  const Ends low = distinct(climb(field, std::move(remaining), options), same_birth,
                            kept_share * lambda, most_on_ridges);
  Ends ends = low;
  if (along_ridges > 0) ends.directions = ascend_each(field, low.directions, along_ridges).gradient;
  ends.values = residual.correlate(ends.directions).value;
  std::vector<Index> kept;
  for (Index i = 0; i < ends.values.size(); ++i) {
    const double height = std::abs(ends.values[i]);
    if (height >= kept_share * lambda) kept.push_back(i);
    if (height > found.highest) {
      found.highest = height;
      found.direction = ends.directions.row(i);
    }
  }
  found.starts += starts.rows();
  found.ends.directions = rows_below(found.ends.directions, ends.directions(kept, Eigen::all));
  const auto joined = [](const Vector& above, const Vector& below) {
    Vector all(above.size() + below.size());
    all << above, below;
    return all;
  };
  found.ends.values = joined(found.ends.values, ends.values(kept));
  found.ends.counts = joined(found.ends.counts, ends.counts(kept));
}

// Directions near neurons, at distances from a twentieth to half of their length, where most of
// what is missing lies; and a few anywhere.
Matrix CorrectivePath::new_starts(Index near, Index random, std::uint64_t seed) {
  if (U_.rows() == 0) {
    random += near;
    near = 0;
  }
  Matrix starts = random_directions(near + random, objective_.dimension(), seed, random_used_);
  const RandomStream stream(seed, "distances from neurons");
  for (Index i = 0; i < near; ++i) {
    const double share = stream.uniform(random_used_ + static_cast<std::uint64_t>(i));
    const double distance = nearest * std::pow(farthest / nearest, share);
    const Index neuron = static_cast<Index>((random_used_ + static_cast<std::uint64_t>(i)) %
                                            static_cast<std::uint64_t>(U_.rows()));
    starts.row(i) = U_.row(neuron) + distance * starts.row(i);
  }
  random_used_ += static_cast<std::uint64_t>(near + random);
  return unit_directions(starts);
}

PathPoint CorrectivePath::solve(double lambda, const PathOptions& options,
                                const PathObserver& observer) {
  PathPoint point;
  point.lambda = lambda;
  const double tolerance = options.gap_tolerance;
  const double margin = birth_share * tolerance;
  const Index most = std::min(options.max_neurons, objective_.rows());
  const Index d = objective_.dimension();
  ClimbOptions climbing;
  climbing.batch = affordable_batch();
  climbing.should_stop = observer.should_stop;
  climbing.height = lambda;
  climbing.least_rise = std::min(3e-4, 0.1 * tolerance);
  climbing.shortest_step = std::min(1e-3, 0.1 * tolerance);

  const auto born = [&](const Ends& maxima) {
    const Index room = std::max<Index>(0, most - U_.rows());
    const Ends above = distinct(maxima, same_birth, lambda * (1.0 + margin), room);
    append(above.directions, observer);
    return above.values.size();
  };
  // Starts of a search with so many times the usual effort.
  const auto fresh_starts = [&](double effort) {
    const double neurons = static_cast<double>(std::max(U_.rows(), few));
    return new_starts(static_cast<Index>(std::ceil(effort * near_for_each * neurons)),
                      static_cast<Index>(std::ceil(effort * random_for_each * neurons)),
                      options.seed);
  };

  settle(lambda, margin, observer);
  const double usual = options.thorough ? 1.0 : quick_share;
  double effort = usual;
  double least = HUGE_VAL;  // P_λ at the last progress
  int progress_round = 0;
  while (true) {
    ++point.rounds;
    Network now = network();
    const auto residual = objective_.residual(now);
    Findings found{{Matrix(0, d), Vector(0), Vector(0)}, 0.0, Vector(), 0};
    if (U_.rows() > 0) {
      const Vector at_neurons = residual->correlate(U_).value.cwiseAbs();
      Index strongest = 0;
      found.highest = at_neurons.maxCoeff(&strongest);
      found.direction = U_.row(strongest);
    }
    const auto certified = [&] {
      Supremum supremum;
      supremum.value = found.highest;
      supremum.direction = found.direction;
      return estimated_certificate(*residual, now, lambda, supremum);
    };
    climbing.steps = search_steps;
    Matrix starts = rows_below(pool_, fresh_starts(effort));
    if (U_.rows() <= few) starts = rows_below(U_, starts);
    search(*residual, starts, lambda, climbing, ridge_steps, found);
    Certificate certificate = certified();
    // Before a gap counts as small enough the search goes on, each batch of as many starts as all
    // before it, until one finds nothing higher.
    while (options.thorough && certificate.relative_gap <= tolerance && !stopped(observer)) {
      const double highest = found.highest;
      const double neurons = static_cast<double>(std::max(U_.rows(), few));
      search(*residual,
             fresh_starts(std::max<double>(1.0, static_cast<double>(found.starts) /
                                                    ((near_for_each + random_for_each) * neurons))),
             lambda, climbing, ridge_steps, found);
      certificate = certified();
      if (found.starts >= least_starts &&
          found.highest <= highest * (1.0 + news_share * tolerance)) {
        break;
      }
    }
    const double value = 0.5 * residual->energy() + lambda * masses(now).sum();
    if (value <= least * (1.0 - progress_share * tolerance) ||
        certificate.gap <= 0.9 * point.certificate.gap) {
      least = std::min(least, value);
      progress_round = point.rounds;
    }
    if (point.rounds == 1 || certificate.gap <= point.certificate.gap) {
      const Ends maxima = distinct(found.ends, same_maximum, 0.0, found.ends.values.size());
      certificate.maxima = maxima.values.size();
      point.search.starts = found.starts;
      point.search.maxima = maxima.values.size();
      const double ends = maxima.counts.sum();
      const auto alone = static_cast<double>((maxima.counts.array() == 1.0).count());
      point.search.unseen_share = ends > 0.0 ? alone / ends : 0.0;
      point.network = std::move(now);
      point.certificate = std::move(certificate);
    }
    const Ends maxima = distinct(found.ends, same_birth, lambda, 2 * most);
    pool_ = maxima.directions;
    const auto ended = [&]() -> std::optional<Ending> {
      if (point.certificate.relative_gap <= tolerance) return Ending::tolerance;
      if (stopped(observer)) return Ending::interrupted;
      if (point.rounds >= options.max_rounds) return Ending::rounds;
      if (point.rounds >= progress_round + patience) return Ending::search;
      if (born(maxima) > 0) return std::nullopt;
      return U_.rows() >= most ? Ending::neurons : Ending::search;
    }();
    if (ended) {
      point.ending = *ended;
      break;
    }
    effort = (point.certificate.relative_gap > 3.0 * tolerance ? 1.0 : 2.0) * usual;
    settle(lambda, margin, observer);
    // What is known already is brought to rest before the next search.
    climbing.steps = following_steps;
    for (int i = 0; i < most_followings && !stopped(observer); ++i) {
      const auto left = objective_.residual(network());
      Findings near{{Matrix(0, d), Vector(0), Vector(0)}, 0.0, Vector(), 0};
      search(*left, U_.rows() <= few ? rows_below(U_, pool_) : pool_, lambda, climbing, 0, near);
      const Ends again = distinct(near.ends, same_birth, lambda, 2 * most);
      pool_ = again.directions;
      if (near.highest <= lambda * (1.0 + 0.5 * tolerance) || born(again) == 0) break;
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
