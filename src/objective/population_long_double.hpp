#pragma once

#include "lodestone/model/network.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone {

/// L as population_loss_binary128 gives it, in long double. Where that is the 80-bit format of the
/// processor it is over ten times as fast, with a 1/2048 of float64's rounding error
/// (docs/math.md, 2.4).
double population_loss_long_double(const Teacher& teacher, const Network& network);

/// E (f − y)² and E (y − f) y with their rounding on the safe side (docs/math.md, 6.8): in long
/// double, or in binary128 where that leaves more than a ten-millionth of E (f − y)².
struct PopulationMoments {
  double energy;   ///< E (f − y)² is at most this
  double product;  ///< E (y − f) y has this sign and is at least as large
};
PopulationMoments population_moments(const Teacher& teacher, const Network& network);

}  // namespace lodestone
