#pragma once

#include <utility>
#include <vector>

#include "lodestone/fit/fit.hpp"

namespace lodestone::fitting {

/// Standard error of a mean over these parts.
double standard_error(const Vector& parts);

/// Where the smallest validation error is among the refits, or among the penalized
/// networks; -1 without any.
int position_of_least(const std::vector<Candidate>& candidates, bool relaxed);

/// The candidates of the curve (docs/math.md, 9.5), by number of features: the linear model, then
/// of every number of features that was refitted the one with the smallest error.
std::vector<int> curve_candidates(const std::vector<Candidate>& candidates);

/// Into candidates: where the curve of log(error) over log(1 + features) lies deepest below the
/// line from its first point to its last one; its lowest point where it does not bend. The curve
/// must not be empty.
int elbow(const std::vector<Candidate>& candidates);

/// The best candidate and the one that is taken, which the one-standard-error rule makes simpler.
/// A refit is best only where validation clearly says that it helps, unless refits were asked for;
/// smooth ridge functions only where they are clearly better than relus, or, where they were asked
/// for, than the linear model.
std::pair<int, int> choose(const std::vector<Candidate>& candidates, const FitOptions& options);

/// The fewest and the most features that choose() takes when one fold after the other is left out.
/// Twice what it takes from all folds where there are fewer than three, or a single set of rows.
std::pair<Index, Index> range_of_choices(const std::vector<Candidate>& candidates,
                                         const FitOptions& options, int folds);

/// Where λ is given, there is one model: the last point's, refitted on request.
std::vector<Candidate> last_point_only(int points, bool relaxed);

}  // namespace lodestone::fitting
