#include "path/corrective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "certify/gap.hpp"
#include "lodestone/error.hpp"
#include "lodestone/random.hpp"
#include "path/active_set.hpp"
#include "path/descent.hpp"
#include "path/direction_search.hpp"

namespace lodestone::path {
namespace {

double knob(const char* name, double value) {
  const char* text = std::getenv(name);
  return text ? std::atof(text) : value;
}

Matrix rows_below(const Matrix& above, const Matrix& below) {
  Matrix all(above.rows() + below.rows(), below.cols());
  all << above, below;
  return all;
}

// Flops of one batch of directions: about a tenth of a second.
constexpr double batch_flops = 3e8;

// Ends of ascents within this chord of each other are one maximum.
constexpr double same_chord = 1e-3;

// Ends of ascents below this share of λ are forgotten.
constexpr double kept_share = 0.95;

// Distances from neurons, as shares of their length, at which ascents start.
const double nearest = knob("L_NEAREST", 0.1);
const double farthest = knob("L_FARTHEST", 0.6);

// Fewest ascents before a gap counts as small enough.
const Index least_starts = static_cast<Index>(knob("L_LEAST", 500));

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
  Ends ends;  // above the share of λ that is kept
  double highest = 0.0;
  Vector direction;
  Index starts = 0;
};

// One batch of ascents, added to what is found.
void CorrectivePath::search(const Residual& residual, const Matrix& starts, double lambda,
                            const ClimbOptions& options, Findings& found) const {
  const Ends ends = climb(residual, starts, options);
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
  Vector values(found.ends.values.size() + static_cast<Index>(kept.size()));
  values << found.ends.values, ends.values(kept);
  found.ends.values = std::move(values);
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
  static const int inner_rounds = static_cast<int>(knob("L_INNER", 3));
  static const int inner_steps = static_cast<int>(knob("L_INNER_STEPS", 6));
  static const int steps = static_cast<int>(knob("L_STEPS", 30));
  static const double near_share = knob("L_NEAR", 1);
  static const double random_share = knob("L_RANDOM", 0.3);
  static const double least_rise = knob("L_RISE", 1e-4);
  static const Index few = static_cast<Index>(knob("L_FEW", 50));
  static const int verbose = static_cast<int>(knob("L_VERBOSE", 0));

  PathPoint point;
  point.lambda = lambda;
  const double tolerance = options.gap_tolerance;
  const double margin = 0.02 * tolerance;
  const Index most = std::min(options.max_neurons, objective_.rows());
  const Index d = objective_.dimension();
  ClimbOptions climbing;
  climbing.batch = affordable_batch();
  climbing.should_stop = observer.should_stop;
  climbing.height = lambda;
  climbing.least_rise = least_rise;

  const auto born_from = [&](const Ends& ends) -> Index {
    const Index room = std::max<Index>(0, most - U_.rows());
    const Ends above = distinct(ends, same_chord, lambda * (1.0 + margin), room);
    append(above.directions, observer);
    return above.values.size();
  };
  const auto near_count = [&](double effort) {
    return static_cast<Index>(std::ceil(effort * near_share * double(std::max<Index>(U_.rows(), few))));
  };
  const auto random_count = [&](double effort) {
    return static_cast<Index>(std::ceil(effort * random_share * double(std::max<Index>(U_.rows(), few))));
  };

  settle(lambda, margin, observer);
  double effort = 1.0;
  while (true) {
    ++point.rounds;
    Network now = network();
    const auto residual = objective_.residual(now);
    Findings found{{Matrix(0, d), Vector(0)}, U_.rows() > 0 ? lambda : 0.0, Vector(), 0};
    if (U_.rows() > 0) found.direction = U_.row(0);
    const auto certified = [&] {
      Supremum supremum;
      supremum.value = found.highest;
      supremum.direction = found.direction;
      supremum.maxima = found.ends.values.size();
      return estimated_certificate(*residual, now, lambda, supremum);
    };
    climbing.steps = steps;
    Matrix starts = rows_below(pool_, new_starts(near_count(effort), random_count(effort), options.seed));
    if (U_.rows() <= few) starts = rows_below(starts, U_);
    search(*residual, starts, lambda, climbing, found);
    Certificate certificate = certified();
    // Before a gap counts as small enough the search goes on, each batch as many starts as all
    // before it, until one does not raise the highest.
    while (options.thorough && certificate.relative_gap <= tolerance && !stopped(observer)) {
      const double highest = found.highest;
      const double more = std::max(1.0, double(found.starts) / double(near_count(1.0) + random_count(1.0)));
      search(*residual, new_starts(near_count(more), random_count(more), options.seed), lambda,
             climbing, found);
      certificate = certified();
      if (found.highest <= highest * (1.0 + 0.1 * tolerance) && found.starts >= least_starts) break;
    }
    if (verbose) {
      fmt::print("   round {} neurons {} starts {} sup {:.5f} gap {:.2e}\n", point.rounds,
                 U_.rows(), found.starts, certificate.sup_eta, certificate.relative_gap);
    }
    if (point.rounds == 1 || certificate.gap <= point.certificate.gap) {
      point.network = std::move(now);
      point.certificate = certificate;
      point.search.starts = found.starts;
    }
    const Ends maxima = distinct(found.ends, same_chord, lambda, 2 * most);
    pool_ = maxima.directions;
    if (certificate.relative_gap <= tolerance) {
      point.ending = Ending::tolerance;
      break;
    }
    if (stopped(observer)) {
      point.ending = Ending::interrupted;
      break;
    }
    if (point.rounds >= options.max_rounds) {
      point.ending = Ending::rounds;
      break;
    }
    if (born_from(maxima) == 0) {
      point.ending = U_.rows() >= most ? Ending::neurons : Ending::search;
      break;
    }
    effort = certificate.relative_gap > 3.0 * tolerance ? 1.0 : 2.0;
    settle(lambda, margin, observer);
    // What is known already is brought to rest before the next search.
    for (int inner = 0; inner < inner_rounds && !stopped(observer); ++inner) {
      const auto left = objective_.residual(network());
      climbing.steps = inner_steps;
      Findings near{{Matrix(0, d), Vector(0)}, 0.0, Vector(), 0};
      search(*left, U_.rows() <= few ? rows_below(pool_, U_) : pool_, lambda, climbing, near);
      const Ends again = distinct(near.ends, same_chord, lambda, 2 * most);
      if (verbose > 1) {
        fmt::print("      inner neurons {} starts {} sup {:.5f}\n", U_.rows(), near.starts,
                   near.highest / lambda);
      }
      pool_ = again.directions;
      if (near.highest <= lambda * (1.0 + 0.5 * tolerance) || born_from(again) == 0) break;
      settle(lambda, margin, observer);
    }
  }
  point.loss = objective_.loss(point.network);
  point.penalized_loss = penalized_loss(point.loss, point.network, lambda);
  return point;
}

}  // namespace lodestone::path
