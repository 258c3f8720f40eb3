#include "lodestone/theory/descent_direction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/model/recovery.hpp"

namespace lodestone {
namespace {

// √E[(v·x)² 1{sign(v·x) ≠ sign(w·x)}] for unit v at angle δ to w: what a linear function loses
// where the activation patterns differ (docs/math.md, 7.5).
double pattern_distance(double delta) {
  const double square = (delta - 0.5 * std::sin(2.0 * delta)) / std::numbers::pi;
  return std::sqrt(std::max(0.0, square));
}

// The teacher that a neuron improves towards.
struct Assignment {
  Index teacher = -1;  // -1: none
  double angle = 0.0;  // radians, up to sign
  double side = 1.0;
};

Assignment assign(const Teacher& teacher, double a, const Vector& w, double near_deg) {
  Assignment result;
  if (a == 0.0 || w.stableNorm() == 0.0) return result;
  double least = HUGE_VAL;
  Index nearest = 0;
  for (Index j = 0; j < teacher.neurons(); ++j) {
    const double angle = angle_between_lines_deg(teacher.directions.row(j), w);
    if (angle < least) {
      least = angle;
      nearest = j;
    }
  }
  if (least > near_deg || a * teacher.amplitudes[nearest] <= 0.0) return result;
  result.teacher = nearest;
  result.angle = least * std::numbers::pi / 180.0;
  result.side = teacher.directions.row(nearest).dot(w) < 0.0 ? -1.0 : 1.0;
  return result;
}

}  // namespace

DescentDirection descent_direction(const PopulationObjective& objective, const Network& network,
                                   double lambda, double near_deg) {
  if (!(lambda >= 0.0)) {
    throw InvalidArgument("lambda", fmt::format("{}", lambda), "must be 0 or positive");
  }
  if (!(near_deg > 0.0 && near_deg <= 90.0)) {
    throw InvalidArgument("near_deg", fmt::format("{}", near_deg),
                          "must be above 0 and at most 90 degrees");
  }
  const Teacher& teacher = objective.teacher();
  const Evaluation evaluation = objective.evaluate(network);
  const Index m = network.width();
  std::vector<Assignment> assignments;
  Vector squares = Vector::Zero(teacher.neurons());  // Σ a_i² over each teacher's neurons
  for (Index i = 0; i < m; ++i) {
    assignments.push_back(assign(teacher, network.a[i], network.W.row(i), near_deg));
    const Assignment& to = assignments.back();
    if (to.teacher >= 0) squares[to.teacher] += network.a[i] * network.a[i];
  }
  DescentDirection direction{Matrix::Zero(m, network.W.cols()), network.W, 0.0, 0.0};
  double pattern = 0.0;
  for (Index i = 0; i < m; ++i) {
    const Assignment& to = assignments[static_cast<std::size_t>(i)];
    if (to.teacher < 0) continue;
    const double share =
        teacher.amplitudes[to.teacher] * network.a[i] / squares[to.teacher];  // q_i > 0
    direction.goals.row(i) = share * to.side * teacher.directions.row(to.teacher);
    pattern += std::abs(network.a[i]) * share * pattern_distance(to.angle);
  }
  direction.from_goals -= direction.goals;
  const Matrix gradient = evaluation.gradient_W + lambda * network.W;
  direction.inner_product = gradient.cwiseProduct(direction.from_goals).sum();

  // Teachers that no neuron improves towards are missing from Σ a_i σ(goal_i·x)
  // (docs/math.md, 7.5).
  double missing = 0.0;
  for (Index j = 0; j < teacher.neurons(); ++j) {
    if (squares[j] == 0.0) missing += std::abs(teacher.amplitudes[j]);
  }
  const double h0 = 0.25 - 0.5 / std::numbers::pi;
  const double residual = std::sqrt(2.0 * std::max(0.0, evaluation.loss));
  direction.lower_bound = residual * residual - residual * (pattern + missing * std::sqrt(h0)) +
                          lambda * network.W.cwiseProduct(direction.from_goals).sum();
  return direction;
}

}  // namespace lodestone
