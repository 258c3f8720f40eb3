#include "path/descent.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "path/lbfgs.hpp"

namespace lodestone::path {
namespace {

Vector flattened(const Network& network) {
  const Index m = network.width();
  Vector point(m + network.W.size());
  point.head(m) = network.a;
  point.tail(network.W.size()) = Eigen::Map<const Vector>(network.W.data(), network.W.size());
  return point;
}

Network unflattened(const Vector& point, Index m, Index dimension) {
  Network network{point.head(m), Matrix(m, dimension)};
  Eigen::Map<Vector>(network.W.data(), network.W.size()) = point.tail(network.W.size());
  return network;
}

// L_λ of the network in a flat point, and its gradient.
double value_and_gradient(const Objective& objective, double lambda, Index m, const Vector& point,
                          Vector& gradient) {
  const Index dimension = objective.dimension();
  const Evaluation evaluation = objective.evaluate(unflattened(point, m, dimension));
  gradient.resize(point.size());
  gradient.head(m) = evaluation.gradient_a;
  gradient.tail(m * dimension) =
      Eigen::Map<const Vector>(evaluation.gradient_W.data(), m * dimension);
  gradient += lambda * point;
  return evaluation.loss + 0.5 * lambda * point.squaredNorm();
}

}  // namespace

Descended descend(const Objective& objective, const Network& start, double lambda,
                  const DescentOptions& options) {
  const Index m = start.width();
  if (m == 0) return {start, 0};
  const Index dimension = objective.dimension();
  const auto function = [&](const Vector& point, Vector& gradient) {
    return value_and_gradient(objective, lambda, m, point, gradient);
  };
  const Vector point = flattened(start);
  LbfgsOptions lbfgs;
  lbfgs.max_iterations = options.max_iterations;
  lbfgs.gradient_norm = options.gradient_tolerance * std::max(lambda, 1e-6) * point.norm();
  lbfgs.stagnation_window = options.stagnation_window;
  if (!objective.smooth()) lbfgs.least_relative_decrease = options.stagnation;
  lbfgs.value_rounding = objective.loss_rounding();
  lbfgs.should_stop = options.should_stop;
  LbfgsResult result = minimize_lbfgs(function, point, lbfgs);
  Descended descended{unflattened(result.point, m, dimension), result.evaluations};
  balance(descended.network);
  return descended;
}

double penalized_loss(double loss, const Network& network, double lambda) {
  return loss + lambda * masses(network).sum();
}

Network heaviest(const Network& network, Index count) {
  const Vector mass = masses(network);
  std::vector<Index> order(static_cast<std::size_t>(network.width()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return mass[i] > mass[j]; });
  order.resize(static_cast<std::size_t>(std::min(count, network.width())));
  return {network.a(order), network.W(order, Eigen::all)};
}

}  // namespace lodestone::path
