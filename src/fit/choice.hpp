#pragma once

#include <utility>
#include <vector>

#include "lodestone/fit/fit.hpp"

namespace lodestone::fitting {

/// Standard error of a mean over these parts.
double standard_error(const Vector& parts);

/// Where the smallest validation error is among the refits, or among the others; -1 without any.
int position_of_least(const std::vector<Candidate>& candidates, bool relaxed);

/// The best candidate and the one that is taken, which the one-standard-error rule makes simpler.
/// A refit is best only where validation clearly says that it helps, unless refits were asked for.
std::pair<int, int> choose(const std::vector<Candidate>& candidates, const FitOptions& options);

/// Where λ is given, there is one model: the last point's, refitted on request.
std::vector<Candidate> last_point_only(int points, bool relaxed);

}  // namespace lodestone::fitting
