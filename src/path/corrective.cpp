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

PathPoint CorrectivePath::solve(double lambda, const PathOptions& options,
                                const PathObserver& observer) {
  static const int inner_rounds = static_cast<int>(knob("L_INNER", 3));
  static const int inner_steps = static_cast<int>(knob("L_INNER_STEPS", 6));
  static const int steps = static_cast<int>(knob("L_STEPS", 30));
  static const Index random_count = static_cast<Index>(knob("L_RANDOM", 200));
  static const double near_share = knob("L_NEAR", 0.5);
  static const Index screened = static_cast<Index>(knob("L_SCREEN", 1));
  static const double least_rise = knob("L_RISE", 1e-4);
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

  const auto born_from = [&](const Ends& ends) -> Index {
    const Index room = std::max<Index>(0, most - U_.rows());
    const Ends above = distinct(ends, same_chord, lambda * (1.0 + margin), room);
    append(above.directions, observer);
    return above.values.size();
  };
  const auto near_neurons = [&](Index count) {
    Matrix near = random_directions(count, d, options.seed ^ 0x5eedU, random_used_);
    for (Index i = 0; i < count; ++i) {
      near.row(i) = U_.row((i * U_.rows()) / count) + 0.1 * std::sqrt(double(d)) * near.row(i);
    }
    return unit_directions(near);
  };

  settle(lambda, margin, observer);
  while (true) {
    ++point.rounds;
    Network now = network();
    const auto residual = objective_.residual(now);
    // Directions that are known, near neurons, and at random.
    Matrix starts = rows_below(U_, pool_);
    if (U_.rows() > 0) {
      starts = rows_below(starts, near_neurons(static_cast<Index>(near_share * double(U_.rows()))));
    }
    Matrix random = random_directions(screened * random_count, d, options.seed, random_used_);
    random_used_ += static_cast<std::uint64_t>(random.rows());
    if (screened > 1) {
      const Correlation at = residual->correlate(random);
      Ends ends{random, at.gradient.rowwise().norm()};
      random = distinct(ends, 1e-9, 0.0, random_count).directions;
    }
    starts = rows_below(starts, random);
    climbing.steps = steps;
    climbing.least_rise = least_rise;
    climbing.height = lambda;
    const Ends ends = climb(*residual, starts, climbing);
    const Ends maxima = distinct(ends, 1e-2, 0.9 * lambda, 2 * most);
    pool_ = maxima.directions;
    Supremum supremum;
    supremum.maxima = maxima.values.size();
    if (maxima.values.size() > 0) {
      supremum.value = std::abs(maxima.values[0]);
      supremum.direction = maxima.directions.row(0);
    } else {
      supremum.value = ends.values.size() ? ends.values.lpNorm<Eigen::Infinity>() : 0.0;
    }
    Certificate certificate = estimated_certificate(*residual, now, lambda, supremum);
    if (point.rounds == 1 || certificate.gap <= point.certificate.gap) {
      point.network = now;
      point.certificate = certificate;
    }
    if (verbose) {
      fmt::print("   round {} neurons {} starts {} sup {:.5f} gap {:.2e}\n", point.rounds,
                 U_.rows(), starts.rows(), certificate.sup_eta, certificate.relative_gap);
    }
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
    if (born_from(ends) == 0) {
      point.ending = U_.rows() >= most ? Ending::neurons : Ending::search;
      break;
    }
    settle(lambda, margin, observer);
    for (int inner = 0; inner < inner_rounds; ++inner) {
      if (stopped(observer)) break;
      const auto left = objective_.residual(network());
      climbing.steps = inner_steps;
      climbing.height = lambda;
      const Ends near = climb(*left, rows_below(U_, pool_), climbing);
      if (verbose > 1) {
        fmt::print("      inner neurons {} starts {} sup {:.5f}\n", U_.rows(), near.values.size(),
                   near.values.lpNorm<Eigen::Infinity>() / lambda);
      }
      pool_ = distinct(near, 1e-2, 0.9 * lambda, 2 * most).directions;
      if (near.values.lpNorm<Eigen::Infinity>() <= lambda * (1.0 + 0.5 * tolerance)) break;
      if (born_from(near) == 0) break;
      settle(lambda, margin, observer);
    }
  }
  point.loss = objective_.loss(point.network);
  point.penalized_loss = penalized_loss(point.loss, point.network, lambda);
  return point;
}

}  // namespace lodestone::path
