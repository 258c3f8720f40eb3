#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lodestone {

/// The candidate that a mistyped name begins ("res" begins "resistance"; case does not matter),
/// else the one with the smallest edit distance to it, or "" when none is close.
std::string nearest_name(std::string_view name, const std::vector<std::string_view>& candidates);

/// "; did you mean 'NAME'?" with that candidate, or "".
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace lodestone
