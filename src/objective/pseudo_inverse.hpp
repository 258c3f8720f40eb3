#pragma once

#include "lodestone/core/types.hpp"

namespace lodestone {

struct PseudoInverse {
  Matrix matrix;
  Index rank = 0;
  double condition = 1.0;  // the smallest eigenvalue as a share of the largest
};

// Of a symmetric positive semidefinite matrix. Directions whose eigenvalue is below 1e-10 of the
// largest are treated as absent: collinear, duplicated and constant columns leave rounding noise
// there, nothing else.
PseudoInverse pseudo_inverse(const Matrix& symmetric);

}  // namespace lodestone
