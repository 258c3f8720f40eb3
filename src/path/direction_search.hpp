#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::path {

struct ClimbOptions {
  int steps = 30;               ///< most steps of each ascent; >= 1
  double least_rise = 1e-4;     ///< an ascent ends that rose by less than this share of the highest
                                ///< |C| in four steps
  double shortest_step = 1e-3;  ///< and one whose step fell below this share of the way
  double height = 0.0;          ///< and one that at its pace would stay below this
  Index batch = 4096;           ///< directions between two questions whether to stop; >= 1
  std::function<bool()> should_stop;  ///< optional
};

/// Ends of ascents, and C there with its sign.
struct Ends {
  Matrix directions;  ///< unit rows
  Vector values;
  Vector counts;  ///< how many ascents ended there
};

/// Ascends |C| from unit directions, many at once: each goes towards the gradient of its cell,
/// where C would be largest if there were no kinks, by a share of the way that grows where C rises
/// and shrinks where it does not (docs/math.md, 9.2). No step lowers |C|.
Ends climb(const CorrelationField& field, Matrix starts, const ClimbOptions& options);

/// The highest of each group of ends that lie within `chord` of each other, up to sign, with the
/// counts of the group; highest first, at most `most`, and only those above `least`.
Ends distinct(const Ends& ends, double chord, double least, Index most);

/// So many unit directions, uniform; those of one seed, label and position are the same always.
Matrix random_directions(Index count, Index dimension, std::uint64_t seed, std::uint64_t first);

}  // namespace lodestone::path
