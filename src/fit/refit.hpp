#pragma once

#include <functional>

#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::fitting {

/// The weight decay of refits: the family's ridge on the linear part, 0 for the square loss.
/// Without it features that separate classes would grow without end (docs/math.md, 11.5).
double decay_of_refits(const Objective& objective);

/// At most `count` features of a network, neurons within merge_angle_deg being one, refitted
/// without penalty: those that lower the loss most, one after the other, with amplitudes by least
/// squares, then all weights together down L from there (docs/math.md, 9.5). Balanced.
Network refit_best(const Objective& objective, const Network& network, double merge_angle_deg,
                   Index count, const std::function<bool()>& should_stop);

}  // namespace lodestone::fitting
