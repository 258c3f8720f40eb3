#pragma once

#include <functional>

#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::fitting {

/// At most `count` features of a network, neurons within merge_angle_deg being one, refitted
/// without penalty: those that lower the loss most, one after the other, with amplitudes by least
/// squares, then all weights together down L from there (docs/math.md, 9.5). Balanced.
Network refit_best(const Objective& objective, const Network& network, double merge_angle_deg,
                   Index count, const std::function<bool()>& should_stop);

}  // namespace lodestone::fitting
