#pragma once

#include <utility>
#include <vector>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// A part of the unit sphere: the directions of the points of a box on a face of the cube
/// (docs/math.md, 6.4), |x_j − middle_j| <= half_j for all j, with half 0 and middle ±1 at the
/// face's own coordinate. Halving a box is exact in floating point while it can be halved.
struct SphereCell {
  Vector middle;  ///< D
  Vector half;    ///< D, >= 0
};

/// The directions within `radius` of a unit centre.
struct Cap {
  Vector centre;        ///< D
  double radius = 0.0;  ///< radians
};

/// A cap that contains the cell, its radius rounded up.
Cap cap_around(const SphereCell& cell);

/// Whether both halves of a cell have edges of at least 2^-52, so that their middles, numbers of at
/// most 1, are exact. Not for D = 1, where a cell is a point.
bool can_be_halved(const SphereCell& cell);

/// The two halves of a cell, cut across the edge that is longest as an angle.
std::pair<SphereCell, SphereCell> halves(const SphereCell& cell);

/// Which directions a function on the sphere tells apart.
enum class Symmetry {
  none,
  antipodal,             ///< u and −u are the same
  antipodal_reflection,  ///< and the sign of the last coordinate does not matter (D >= 2)
};

/// Cells that cover the sphere of R^D up to the symmetry.
std::vector<SphereCell> sphere_cells(Index dimension, Symmetry symmetry);

}  // namespace lodestone
