#pragma once

#include "lodestone/model/network.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

/// Where every neuron should go if features were to improve (docs/math.md, 7.5; reconstructed from
/// Lemma 5.1): neuron i near ±w*_j, with the sign of a*_j, to its share of that teacher,
/// q_i s_i w*_j with q_i = a*_j a_i / Σ a_i² over such neurons and s_i = ±1 for the side w_i is on;
/// every other neuron to 0. So Σ a_i q_i = a*_j for each teacher that has such neurons.
struct DescentDirection {
  Matrix goals;  ///< m×d, a row a neuron

  /// D_i = w_i − goal_i: minus the direction in which neuron i should move, m×d.
  Matrix from_goals;

  /// Σ_i ⟨∇_{w_i} L_λ, D_i⟩: the rate at which a step of gradient descent approaches the goals.
  double inner_product = 0.0;

  /// A lower bound on the inner product that uses no gradient (docs/math.md, 7.5).
  double lower_bound = 0.0;
};

/// The descent direction of a population network at λ >= 0. A neuron is near a teacher when its
/// angle to it, up to sign, is at most near_deg, in (0, 90]. Throws InvalidArgument for other
/// values, and when network and objective differ in dimension.
DescentDirection descent_direction(const PopulationObjective& objective, const Network& network,
                                   double lambda, double near_deg = 90.0);

}  // namespace lodestone
