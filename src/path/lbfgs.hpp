#pragma once

#include <functional>

#include "lodestone/core/types.hpp"

namespace lodestone::path {

struct LbfgsOptions {
  int memory = 20;             ///< pairs of steps and gradient changes kept; >= 1
  int max_iterations = 500;    ///< >= 0
  double gradient_norm = 0.0;  ///< done when ‖g‖ is at most this

  /// Done when the last `stagnation_window` iterations together lowered the value by at most this
  /// share.
  double least_relative_decrease = 0.0;
  int stagnation_window = 20;

  /// Relative error of the values: done when the model of the function, or a step tried, promises a
  /// decrease that they cannot show.
  double value_rounding = 0.0;

  std::function<bool()> should_stop;  ///< optional; true ends it after the current iteration
};

struct LbfgsResult {
  Vector point;
  double value = 0.0;
  Vector gradient;
  int iterations = 0;
  long evaluations = 0;
};

/// Returns the value at a point and writes the gradient.
using ValueAndGradient = std::function<double(const Vector& point, Vector& gradient)>;

/// Minimizes a function by limited-memory BFGS with a weak Wolfe line search by bisection, the
/// search under which BFGS works on functions with kinks too (Lewis and Overton 2013; docs/math.md,
/// 9.2). The value never rises. It ends where no step along the last direction lowers the value.
LbfgsResult minimize_lbfgs(const ValueAndGradient& function, const Vector& start,
                           const LbfgsOptions& options);

}  // namespace lodestone::path
