#include "certify/sphere_cells.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lodestone {

Cap cap_around(const SphereCell& cell) {
  const double length = cell.middle.norm();
  Cap cap{cell.middle / length, 0.0};
  // The farthest corner, in closed form (docs/math.md, 6.4): with p the component of x − middle
  // along the centre, tan² of the angle is (‖half‖² − p²) / (length + p)², largest at the least p
  // that a corner has or at the p where any point of that distance would be farthest.
  const double square = cell.half.squaredNorm();
  const double p = std::max(-cell.half.dot(cap.centre.cwiseAbs()), -square / length);
  // The D-term sums are off by D/2 roundings; square − p², at least square/D, and its root lose a
  // factor D/2 more of them, and the centre and the sine of the radius a few (docs/math.md, 6.8).
  const auto D = static_cast<double>(cell.middle.size());
  const double rounding = (16.0 * (D + 4.0) + D * D) * std::numeric_limits<double>::epsilon();
  cap.radius = std::atan2(std::sqrt(std::max(0.0, square - p * p)), length + p) + rounding;
  return cap;
}

namespace {

// The edge that is longest as an angle: edge j, seen from the origin, is foreshortened by the sine
// of its angle to the centre.
Index longest_edge(const SphereCell& cell) {
  const Vector shortened =
      cell.half.array().square() *
      (1.0 - cell.middle.array().square() / cell.middle.squaredNorm()).max(0.0);
  Index longest = 0;
  shortened.maxCoeff(&longest);
  return longest;
}

}  // namespace

bool can_be_halved(const SphereCell& cell) { return cell.half[longest_edge(cell)] >= 0x1p-51; }

std::pair<SphereCell, SphereCell> halves(const SphereCell& cell) {
  const Index longest = longest_edge(cell);
  std::pair<SphereCell, SphereCell> result{cell, cell};
  const double quarter = 0.5 * cell.half[longest];
  result.first.half[longest] = result.second.half[longest] = quarter;
  result.first.middle[longest] -= quarter;
  result.second.middle[longest] += quarter;
  return result;
}

std::vector<SphereCell> sphere_cells(Index dimension, Symmetry symmetry) {
  std::vector<SphereCell> cells;
  for (Index axis = 0; axis < dimension; ++axis) {
    SphereCell cell{Vector::Zero(dimension), Vector::Ones(dimension)};
    cell.half[axis] = 0.0;
    cell.middle[axis] = 1.0;
    if (symmetry == Symmetry::antipodal_reflection) {
      // Mirroring leaves one more sign free: that of the last coordinate or, on the face where the
      // last coordinate is 1, that of all the others together.
      const Index positive = axis == dimension - 1 ? 0 : dimension - 1;
      cell.middle[positive] = 0.5;
      cell.half[positive] = 0.5;
    }
    cells.push_back(cell);
    if (symmetry == Symmetry::none) {
      cell.middle[axis] = -1.0;
      cells.push_back(cell);
    }
  }
  return cells;
}

}  // namespace lodestone
