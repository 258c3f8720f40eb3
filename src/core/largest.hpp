#pragma once

#include <algorithm>
#include <vector>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// Positions of the at most `count` largest positive values, largest first, the earlier of equals
/// first.
inline std::vector<Index> positions_of_largest(const Vector& values, Index count) {
  std::vector<Index> positions;
  for (Index i = 0; i < values.size(); ++i) {
    if (values[i] > 0.0) positions.push_back(i);
  }
  const auto kept = std::min<Index>(count, static_cast<Index>(positions.size()));
  std::partial_sort(
      positions.begin(), positions.begin() + kept, positions.end(),
      [&](Index i, Index j) { return values[i] != values[j] ? values[i] > values[j] : i < j; });
  positions.resize(static_cast<std::size_t>(kept));
  return positions;
}

}  // namespace lodestone
