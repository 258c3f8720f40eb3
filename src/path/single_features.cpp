#include "path/single_features.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "certify/row_search.hpp"
#include "core/indices.hpp"
#include "path/active_set.hpp"
#include "path/descent.hpp"

namespace lodestone::path {

SingleFeatures::SingleFeatures(const SampleObjective& objective)
    : RowFeatures(objective), rows_(objective), b_(0), a_(0) {}

Network SingleFeatures::network() const {
  Network result{a_, U_};
  balance(result);
  return result;
}

void SingleFeatures::clear_amplitudes() {
  b_.resize(0);
  a_.resize(0);
  bounded_ = {};
  slopes_.resize(0);
}

void SingleFeatures::set_amplitudes(const Network& network) {
  const Vector mass = masses(network);
  for (Index i = 0; i < mass.size(); ++i) a_[i] = std::copysign(mass[i], network.a[i]);
}

void SingleFeatures::extend(const Matrix& part) {
  if (rows_.family().square()) {
    const FeatureGram gram = rows_.feature_gram(part, U_);
    extend_gram(gram.K);
    b_ = joined(b_, gram.b);
    const Matrix before = bounded_.products;
    bounded_ = gram.bounded;
    if (before.size() > 0) bounded_.products = rows_below(before, gram.bounded.products);
  }
  U_ = rows_below(U_, part);
  a_ = joined(a_, Vector::Zero(part.rows()));
}

void SingleFeatures::keep_amplitudes(const std::vector<Index>& features) {
  if (b_.size() > 0) b_ = b_(features).eval();
  if (bounded_.products.size() > 0) {
    bounded_.products = bounded_.products(features, indices::all).eval();
  }
  a_ = a_(features).eval();
}

void SingleFeatures::solve_amplitudes(double lambda, double tolerance,
                                      const std::function<bool()>& should_stop) {
  a_ = solved(K_, b_, lambda, tolerance, should_stop);
  keep_support();
}

// The best amplitudes from the present ones on; with them the constrained part of the linear one.
Vector SingleFeatures::solved(const Matrix& K, const Vector& b, double lambda, double tolerance,
                              const std::function<bool()>& should_stop) {
  ActiveSetOptions options;
  options.violation = tolerance;
  options.should_stop = should_stop;
  if (!rows_.constraints().any()) {
    return solve_active_set(K, b, lambda, a_, options).amplitudes;
  }
  const Index p = b.size();
  const Index c = bounded_.signs.size();
  if (slopes_.size() != c) slopes_ = Vector::Zero(c);
  Vector signs(p);
  for (Index i = 0; i < p; ++i) signs[i] = rows_.constraints().amplitude_sign(U_.row(i));
  options.signs = joined(signs, bounded_.signs);
  options.unpenalized = c;
  const FeatureGram all = with_bounded_columns({K, b, {}, bounded_});
  const Vector found =
      solve_active_set(all.K, all.b, lambda, joined(a_, slopes_), options).amplitudes;
  slopes_ = found.tail(c);
  return found.head(p);
}

void SingleFeatures::keep_support() {
  std::vector<Index> support;
  for (Index i = 0; i < a_.size(); ++i) {
    if (a_[i] != 0.0) support.push_back(i);
  }
  keep(support);
}

// Neurons of one sign with the same rows switched on become one: f stays, the mass falls. Returns
// whether there were any.
bool SingleFeatures::merge_cells() {
  const std::vector<Cell> shared = cells([&](Index i) { return a_[i] > 0.0 ? 1 : 0; });
  if (shared.empty()) return false;
  std::vector<bool> kept(static_cast<std::size_t>(U_.rows()), true);
  for (const Cell& cell : shared) {
    Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(U_.cols());
    for (std::size_t k = 0; k < cell.members.size(); ++k) {
      const Index i = cell.members[k];
      sum += cell.sides[k] * std::abs(a_[i]) * U_.row(i);
      if (k > 0) kept[static_cast<std::size_t>(i)] = false;
    }
    const double mass = sum.norm();
    const Index to = cell.members.front();
    std::vector<double> shares;
    double product = 0.0;
    for (const Index i : cell.members) {
      shares.push_back(std::abs(a_[i]) / mass);
      product += shares.back() * b_[i];
    }
    if (bounded_.products.size() > 0) {
      Eigen::RowVectorXd with_columns = Eigen::RowVectorXd::Zero(bounded_.products.cols());
      for (std::size_t k = 0; k < cell.members.size(); ++k) {
        with_columns += shares[k] * bounded_.products.row(cell.members[k]);
      }
      bounded_.products.row(to) = with_columns;
    }
    combine(cell.members, shares, sum / mass);
    b_[to] = product;
    a_[to] = a_[to] > 0.0 ? mass : -mass;
  }
  std::vector<Index> features;
  for (Index i = 0; i < U_.rows(); ++i) {
    if (kept[static_cast<std::size_t>(i)]) features.push_back(i);
  }
  keep(features);
  return true;
}

void SingleFeatures::settle(double lambda, double tolerance,
                            const std::function<bool()>& should_stop) {
  const auto stopped = [&] { return should_stop && should_stop(); };
  if (!rows_.family().square()) {
    for (int step = 0; step < most_newton_steps && !stopped(); ++step) {
      if (!newton_step(lambda, tolerance, should_stop)) break;
    }
    return;
  }
  if (U_.rows() == 0) return;
  solve_amplitudes(lambda, tolerance, should_stop);
  for (int i = 0; i < 10 && merge_cells() && !stopped(); ++i) {
    solve_amplitudes(lambda, tolerance, should_stop);
  }
}

// The quadratic model at the present network is solved; the amplitudes move towards its solution as
// far as P_λ falls. Returns whether another step may lower P_λ by more than the tolerance asks.
bool SingleFeatures::newton_step(double lambda, double tolerance,
                                 const std::function<bool()>& should_stop) {
  if (U_.rows() == 0) return false;
  const auto value_of = [&](const Network& network) {
    return penalized_loss(rows_.loss(network), network, lambda);
  };
  const double before = value_of(network());
  const QuadraticModel model = rows_.quadratic_model(network());
  FeatureGram gram = model.objective.feature_gram(U_);
  K_ = std::move(gram.K);
  b_ = std::move(gram.b);
  bounded_ = std::move(gram.bounded);
  const Vector from = a_;
  const Vector to = solved(K_, b_, lambda / model.curvature, tolerance, should_stop);
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
  bounded_ = {};
  return before - after > newton_share * tolerance * after;
}

}  // namespace lodestone::path
