#pragma once

#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::fitting {

/// The same function with other signs of its directions: relu(z) = z + relu(−z), so that a feature
/// and its mirror differ by a linear part. Chosen so that the linear part of the whole model, ‖β‖
/// in the objective's coordinates, is smallest: over all choices for at most 16 features, else by
/// flips of one or two features for as long as they lower it (docs/math.md, 9.5).
Network with_smallest_linear_part(const Objective& objective, Network network);

}  // namespace lodestone::fitting
