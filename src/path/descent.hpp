#pragma once

#include <functional>

#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::path {

struct DescentOptions {
  double gradient_tolerance = 1e-4;  ///< done when ‖∇L_λ‖ <= this · max(λ, 1e-6) · ‖θ‖
  int stagnation_window = 20;        ///< or, on rows, when this number of iterations ...
  double stagnation = 2e-5;          ///< ... lowered L_λ by less than this share of it
  int max_iterations = 500;
  std::function<bool()> should_stop;  ///< optional
};

struct Descended {
  Network network;  ///< balanced
  long evaluations = 0;
};

/// All weights (a, W) together from `start` down L_λ, λ >= 0, by L-BFGS (docs/math.md, 9.2).
/// Neurons without mass stay where they are.
Descended descend(const Objective& objective, const Network& start, double lambda,
                  const DescentOptions& options);

/// P_λ = L + λ Σ masses, L_λ of the balanced network (docs/math.md, 1.2).
double penalized_loss(double loss, const Network& network, double lambda);

/// The `count` heaviest neurons (docs/math.md, 1.2), heaviest first.
Network heaviest(const Network& network, Index count);

}  // namespace lodestone::path
