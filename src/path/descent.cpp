#include "path/descent.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "lodestone/objective/shared.hpp"
#include "path/lbfgs.hpp"

namespace lodestone::path {
namespace {

// How many numbers a network has, and where: output weights, m×q, then W.
struct Shape {
  Index m;
  Index outputs;
  Index dimension;
};

Vector flattened(const Network& network) {
  const Matrix A = output_weights(network);
  Vector point(A.size() + network.W.size());
  point.head(A.size()) = Eigen::Map<const Vector>(A.data(), A.size());
  point.tail(network.W.size()) = Eigen::Map<const Vector>(network.W.data(), network.W.size());
  return point;
}

Network unflattened(const Vector& point, const Shape& shape) {
  const auto& [m, outputs, dimension] = shape;
  Matrix W = Eigen::Map<const Matrix>(point.data() + m * outputs, m, dimension);
  if (outputs == 1) return {point.head(m), std::move(W)};
  return with_outputs(Eigen::Map<const Matrix>(point.data(), m, outputs), std::move(W));
}

// The gradient of L_λ in a flat point.
void add_gradient(const Evaluation& evaluation, double lambda, const Shape& shape,
                  const Vector& point, Eigen::Ref<Vector> gradient) {
  const Index amplitudes = shape.m * shape.outputs;
  const double* of_amplitudes =
      shape.outputs == 1 ? evaluation.gradient_a.data() : evaluation.gradient_A.data();
  gradient.head(amplitudes) = Eigen::Map<const Vector>(of_amplitudes, amplitudes);
  gradient.tail(shape.m * shape.dimension) =
      Eigen::Map<const Vector>(evaluation.gradient_W.data(), shape.m * shape.dimension);
  gradient += lambda * point;
}

// L_λ of the network in a flat point, and its gradient.
double value_and_gradient(const Objective& objective, double lambda, const Shape& shape,
                          const Vector& point, Vector& gradient) {
  const Evaluation evaluation = objective.evaluate(unflattened(point, shape));
  gradient.resize(point.size());
  add_gradient(evaluation, lambda, shape, point, gradient);
  return evaluation.loss + 0.5 * lambda * point.squaredNorm();
}

// Of several classes: L_λ of a network and of the affine part's change together.
class JointDescent {
 public:
  JointDescent(const SharedObjective& objective, double lambda, const Network& start,
               const Shape& shape)
      : objective_(objective),
        lambda_(lambda),
        shape_(shape),
        origin_(objective.best_scores(start, {}, SharedObjective::coarse_decrement).affine) {}

  Vector start(const Vector& network) const {
    Vector point = Vector::Zero(network.size() + origin_.coefficients.size());
    point.head(network.size()) = network;
    return point;
  }

  double operator()(const Vector& point, Vector& gradient) const {
    const Index columns = origin_.coefficients.rows();
    const Index changes = origin_.coefficients.size();
    const Vector network = point.head(point.size() - changes);
    const Eigen::Map<const Matrix> change(point.data() + network.size(), columns, shape_.outputs);
    const SharedObjective::JointPoint at =
        objective_.evaluate_at(unflattened(network, shape_), origin_, change);
    gradient.resize(point.size());
    add_gradient(at.evaluation, lambda_, shape_, network, gradient.head(network.size()));
    gradient.tail(changes) = Eigen::Map<const Vector>(at.gradient_change.data(), changes);
    return at.evaluation.loss + 0.5 * lambda_ * network.squaredNorm();
  }

 private:
  const SharedObjective& objective_;
  double lambda_;
  Shape shape_;
  AffineStart origin_;
};

// Numbers whose sign must stay as the square of another, with that sign: the layers that sign
// constraints speak of (docs/math.md, 13.4). A number that is 0 stays 0.
class Squares {
 public:
  Squares(const Objective& objective, const Network& start, const Vector& point) {
    const SignConstraints& constraints = objective.constraints();
    if (!constraints.any()) return;
    signs_ = Vector::Zero(point.size());
    const Index m = start.width();
    const Index d = start.W.cols();
    for (Index i = 0; i < m; ++i) {
      const double sign = start.a[i] < 0.0 ? -1.0 : 1.0;
      if (!constraints.untouched(start.W.row(i))) signs_[i] = sign;
      for (Index j = 0; j < constraints.signs().size(); ++j) {
        signs_[m + i * d + j] = sign * constraints.signs()[j];
      }
    }
  }

  Vector roots_of(Vector point) const {
    for (Index k = 0; k < signs_.size(); ++k) {
      if (signs_[k] != 0.0) point[k] = std::sqrt(std::abs(point[k]));
    }
    return point;
  }

  Vector point_of(Vector roots) const {
    for (Index k = 0; k < signs_.size(); ++k) {
      if (signs_[k] != 0.0) roots[k] *= signs_[k] * roots[k];
    }
    return roots;
  }

  // Of the roots, from that of the point.
  void take_gradient(const Vector& roots, Vector& gradient) const {
    for (Index k = 0; k < signs_.size(); ++k) {
      if (signs_[k] != 0.0) gradient[k] *= 2.0 * signs_[k] * roots[k];
    }
  }

 private:
  Vector signs_;  // 0 where a number is free; empty where all are
};

}  // namespace

Descended descend(const Objective& objective, const Network& start, double lambda,
                  const DescentOptions& options) {
  const Index m = start.width();
  if (m == 0) return {start, 0};
  const Shape shape{m, objective.outputs(), objective.dimension()};
  const Vector point = flattened(start);
  LbfgsOptions lbfgs;
  lbfgs.max_iterations = options.max_iterations;
  lbfgs.gradient_norm = options.gradient_tolerance * std::max(lambda, 1e-6) * point.norm();
  lbfgs.stagnation_window = options.stagnation_window;
  if (!objective.smooth()) lbfgs.least_relative_decrease = options.stagnation;
  lbfgs.value_rounding = objective.loss_rounding();
  lbfgs.should_stop = options.should_stop;
  const SharedObjective* shared = objective.shared();
  Vector end;
  long evaluations = 0;
  if (shared != nullptr && shared->family().softmax()) {
    const JointDescent joint(*shared, lambda, start, shape);
    const LbfgsResult result = minimize_lbfgs(joint, joint.start(point), lbfgs);
    end = result.point.head(point.size());
    evaluations = result.evaluations;
  } else {
    const Squares squares(objective, start, point);
    const auto function = [&](const Vector& roots, Vector& gradient) {
      const double value =
          value_and_gradient(objective, lambda, shape, squares.point_of(roots), gradient);
      squares.take_gradient(roots, gradient);
      return value;
    };
    const LbfgsResult result = minimize_lbfgs(function, squares.roots_of(point), lbfgs);
    end = squares.point_of(result.point);
    evaluations = result.evaluations;
  }
  Descended descended{unflattened(end, shape), evaluations};
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
  return chosen_neurons(network, order);
}

}  // namespace lodestone::path
