#pragma once

#include <cstdint>

#include "lodestone/certify/certificate.hpp"

namespace lodestone::search {

// How far a search for sup |η| goes, by what it is for. All of them begin on a sketch where rows
// are many (AscentOptions::sketch).

/// Most flops of the search for a result on rows.
inline constexpr double flops_for_a_result = 2e10;

/// Share of P_λ by which a round has to lower it to be worth another one where only predictions
/// count (docs/math.md, 9.7). Concrete and yacht: errors of cross-validation at 1e-2, 3e-3, 1e-3
/// and 1e-4 differ by less than their standard errors, in either direction, and the first costs
/// half as much as the last.
inline constexpr double least_decrease_of_errors = 1e-2;

/// For births: any direction above 1 will do. On rows many starts take few steps. On populations
/// (`smooth`), where directions are cheap to try, the maxima themselves leave less for later
/// rounds.
AscentOptions for_births(bool smooth, std::uint64_t seed);

/// Before a λ of a path counts as done.
AscentOptions thorough(std::uint64_t seed);

/// For a network that has all the neurons it may have: its gap is large, and is to be known rather
/// than brought below the tolerance.
AscentOptions at_the_bound(std::uint64_t seed);

/// For λ_max, where the network is empty.
AscentOptions for_lambda_max(std::uint64_t seed);

/// For the certificate of a result: all maxima are refined.
AscentOptions for_a_result(std::uint64_t seed);

/// For a model that is judged by itself: as for a result, on all rows from the start.
AscentOptions for_a_certificate(std::uint64_t seed);

/// For the gap of Algorithm 1's fit, which sets λ_start.
AscentOptions for_a_start(std::uint64_t seed);

/// For the gaps that choose a rung of Algorithm 1's ladder: rungs are a factor of 2 apart, so which
/// one is best does not hang on the last digits of a gap.
AscentOptions for_a_rung(std::uint64_t seed);

}  // namespace lodestone::search
