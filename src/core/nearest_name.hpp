#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lodestone {

/// The candidate with the smallest edit distance to a mistyped name, or "" when none is close.
std::string nearest_name(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace lodestone
