#pragma once

#include "lodestone/model/network.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone {

/// L as population_loss_binary128 gives it, in long double. Where that is the 80-bit format of the
/// processor it is over ten times as fast, with a 1/2048 of float64's rounding error
/// (docs/math.md, 2.4).
double population_loss_long_double(const Teacher& teacher, const Network& network);

}  // namespace lodestone
