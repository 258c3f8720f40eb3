#pragma once

#include "lodestone/core/types.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

/// The least population loss of a network linearized at unit directions U (p×d) of its neurons
/// (docs/math.md, 7.9; reconstructed): the distance of the target, halved and squared, to the span
/// of the tangent features σ'(u_i·x) x_c, c = 1..d, with which output weights and directions can
/// change to first order. Directions move by nothing. At a neuron and its mirror image the features
/// are the same; give one of them. Solves a system of p·d unknowns: (pd)³/3 flops, (pd)² numbers.
/// Throws InvalidArgument when U has no rows, another dimension, or rows that are not of unit
/// length.
double linearized_floor(const PopulationObjective& objective, const Matrix& U);

}  // namespace lodestone
