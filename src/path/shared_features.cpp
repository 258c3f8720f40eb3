#include "path/shared_features.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "certify/row_search.hpp"
#include "core/indices.hpp"
#include "path/descent.hpp"
#include "path/group_set.hpp"

namespace lodestone::path {
namespace {

// Features of one cell come together whose output directions have at least this cosine.
constexpr double same_side = 0.95;

// Newton decrement, as a share of the tolerance, to which scores are computed during a step.
constexpr double decrement_share = 1e-4;

// The share of the bound on the curvature that steps take: the least, its changes, and the share of
// the promised fall of P_λ below which a step was too long.
constexpr double least_curvature_share = 0.1;
constexpr double growing = 0.7;
constexpr double shrinking = 2.0;
constexpr double least_kept = 0.5;

}  // namespace

SharedFeatures::SharedFeatures(const SharedObjective& objective)
    : RowFeatures(objective),
      rows_(objective),
      B_(0, objective.outputs()),
      A_(0, objective.outputs()) {}

Network SharedFeatures::network() const {
  Network result = with_outputs(A_, U_);
  balance(result);
  return result;
}

void SharedFeatures::clear_amplitudes() {
  B_.resize(0, rows_.outputs());
  A_.resize(0, rows_.outputs());
}

void SharedFeatures::set_amplitudes(const Network& network) {
  if (network.width() == 0) return;
  A_ = masses(network).asDiagonal() * network.S;
}

void SharedFeatures::extend(const Matrix& part) {
  if (rows_.family().square()) {
    const FeatureGram gram = rows_.feature_gram(part, U_);
    extend_gram(gram.K);
    B_ = rows_below(B_, gram.B);
  }
  U_ = rows_below(U_, part);
  A_ = rows_below(A_, Matrix::Zero(part.rows(), A_.cols()));
}

void SharedFeatures::keep_amplitudes(const std::vector<Index>& features) {
  if (B_.rows() > 0) B_ = B_(features, indices::all).eval();
  A_ = A_(features, indices::all).eval();
}

void SharedFeatures::keep_support() {
  std::vector<Index> support;
  for (Index i = 0; i < A_.rows(); ++i) {
    if (!A_.row(i).isZero(0.0)) support.push_back(i);
  }
  keep(support);
}

double SharedFeatures::solve_amplitudes(double lambda, double tolerance,
                                        const std::function<bool()>& should_stop) {
  GroupOptions options;
  options.violation = tolerance;
  options.tolerance = std::min(1e-3, 0.1 * tolerance);
  options.should_stop = should_stop;
  GroupResult result = solve_groups(K_, B_, lambda, A_, options);
  A_ = std::move(result.amplitudes);
  keep_support();
  return result.value;
}

// Features of one cell whose output directions nearly agree become one. On the cell's rows they are
// Σ A_i (u_i·x), and the one has the best multiple A of its direction u, the mean of theirs: exact
// where the output directions agree. Returns whether there were any.
bool SharedFeatures::join_cells() {
  std::vector<bool> kept(static_cast<std::size_t>(U_.rows()), true);
  bool any = false;
  const Vector lengths = A_.rowwise().norm();
  for (const Cell& cell : cells([](Index) { return 0; })) {
    std::vector<bool> taken(cell.members.size(), false);
    for (std::size_t lead = 0; lead < cell.members.size(); ++lead) {
      if (taken[lead]) continue;
      std::vector<std::size_t> together;
      const Eigen::RowVectorXd side = A_.row(cell.members[lead]).normalized();
      for (std::size_t k = lead; k < cell.members.size(); ++k) {
        if (!taken[k] && A_.row(cell.members[k]).normalized().dot(side) >= same_side) {
          together.push_back(k);
        }
      }
      if (together.size() < 2) continue;
      any = true;
      Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(U_.cols());
      for (const std::size_t k : together) {
        taken[k] = true;
        sum += cell.sides[k] * lengths[cell.members[k]] * U_.row(cell.members[k]);
      }
      const double mass = sum.norm();
      const Eigen::RowVectorXd direction = sum / mass;
      std::vector<Index> members;
      std::vector<double> shares;
      Eigen::RowVectorXd amplitude = Eigen::RowVectorXd::Zero(A_.cols());
      Eigen::RowVectorXd product = Eigen::RowVectorXd::Zero(A_.cols());
      for (const std::size_t k : together) {
        const Index i = cell.members[k];
        members.push_back(i);
        shares.push_back(lengths[i] / mass);
        amplitude += cell.sides[k] * U_.row(i).dot(direction) * A_.row(i);
        if (B_.rows() > 0) product += shares.back() * B_.row(i);
        if (k != lead) kept[static_cast<std::size_t>(i)] = false;
      }
      if (K_.rows() > 0) {
        combine(members, shares, direction);
        B_.row(members.front()) = product;
      } else {
        U_.row(members.front()) = direction;
      }
      A_.row(members.front()) = amplitude;
    }
  }
  std::vector<Index> features;
  for (Index i = 0; i < U_.rows(); ++i) {
    if (kept[static_cast<std::size_t>(i)]) features.push_back(i);
  }
  keep(features);
  return any;
}

void SharedFeatures::settle(double lambda, double tolerance,
                            const std::function<bool()>& should_stop) {
  if (U_.rows() == 0) return;
  if (rows_.family().square()) {
    settle_square(lambda, tolerance, should_stop);
    return;
  }
  for (int step = 0; step < most_newton_steps && !(should_stop && should_stop()); ++step) {
    if (!newton_step(lambda, tolerance, should_stop)) break;
  }
}

void SharedFeatures::settle_square(double lambda, double tolerance,
                                   const std::function<bool()>& should_stop) {
  double value = solve_amplitudes(lambda, tolerance, should_stop);
  for (int round = 0; round < 10 && !(should_stop && should_stop()); ++round) {
    const auto before = std::tuple(U_, K_, B_, A_);
    if (!join_cells()) return;
    const double joined = solve_amplitudes(lambda, tolerance, should_stop);
    // What joins is exact where output directions agree, and may cost where they do not.
    if (joined > value + 1e-12 * std::abs(value)) {
      std::tie(U_, K_, B_, A_) = before;
      return;
    }
    value = joined;
  }
}

// As SingleFeatures has it: the quadratic model is solved, and the amplitudes move towards its
// solution as far as P_λ falls. Returns whether another step may lower P_λ by more than the
// tolerance asks.
bool SharedFeatures::newton_step(double lambda, double tolerance,
                                 const std::function<bool()>& should_stop) {
  if (U_.rows() == 0) return false;
  const double decrement = decrement_share * tolerance;
  const auto scores_of = [&](const Network& network) {
    return rows_.best_scores(network, affine_, decrement);
  };
  const auto value_of = [&](const SharedObjective::Scores& scores, const Network& network) {
    return penalized_loss(scores.loss, network, lambda);
  };
  const Network now = network();
  SharedObjective::Scores scores = scores_of(now);
  affine_ = scores.affine;
  const double before = value_of(scores, now);
  const SharedQuadraticModel model = rows_.quadratic_model(scores, curvature_share_);
  const FeatureGram gram = model.objective.feature_gram(U_);
  GroupOptions options;
  options.violation = tolerance;
  options.tolerance = std::min(1e-3, 0.1 * tolerance);
  options.should_stop = should_stop;
  const Matrix from = A_;
  const double model_lambda = lambda / model.curvature;
  const GroupResult solved = solve_groups(gram.K, gram.B, model_lambda, A_, options);
  const Matrix& to = solved.amplitudes;
  const double promised =
      model.curvature * (group_value(gram.K, gram.B, model_lambda, from) - solved.value);
  double after = before;
  bool moved = false;
  double share = 1.0;
  for (int halving = 0; halving < most_halvings && !moved; ++halving, share *= 0.5) {
    A_ = share == 1.0 ? to : Matrix(from + share * (to - from));
    scores = scores_of(network());
    after = value_of(scores, network());
    moved = after <= before;
  }
  // The bound counts every class of a row as uncertain as the most uncertain one: mostly a part of
  // it is right, and steps grow while P_λ falls by more than the model promised.
  if (!moved || before - after < least_kept * promised) {
    curvature_share_ = std::min(1.0, shrinking * curvature_share_);
  } else if (before - after > promised) {
    curvature_share_ = std::max(least_curvature_share, growing * curvature_share_);
  }
  if (!moved) {
    A_ = from;
    return false;
  }
  affine_ = scores.affine;
  keep_support();
  const auto apart = std::pair(U_, A_);
  if (join_cells()) {
    const double joined = value_of(scores_of(network()), network());
    if (joined > after) {
      std::tie(U_, A_) = apart;
    } else {
      after = joined;
    }
  }
  return before - after > newton_share * tolerance * after;
}

}  // namespace lodestone::path
