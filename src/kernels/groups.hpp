#pragma once

#include <cstddef>

#include "lodestone/core/types.hpp"

// The shape of sums that all instruction sets share (docs/architecture.md, "Same bits"): numbers
// lie in groups of 64 bytes, one lane a column; each lane is summed in order by fused
// multiply-adds, and the lanes of a group are added by a fixed tree.

namespace lodestone::kernels {

/// Columns that lie side by side: 8 of double, 16 of float, the longest vector of any instruction
/// set.
template <class T>
inline constexpr Index group_size = 64 / static_cast<Index>(sizeof(T));

template <class T>
constexpr Index groups_of(Index columns) {
  return (columns + group_size<T> - 1) / group_size<T>;
}

/// Σ of the lanes of one group, in double: lane i and lane i + half are added until one is left.
template <class T>
double fold_lanes(const T* sums) {
  double lane[group_size<T>];
  for (Index i = 0; i < group_size<T>; ++i) lane[i] = static_cast<double>(sums[i]);
  for (Index half = group_size<T> / 2; half > 0; half /= 2) {
    for (Index i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

}  // namespace lodestone::kernels
