#pragma once

#include <functional>

#include "lodestone/core/types.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

/// A table as a proof reads it, all of it as it was given, and a residual on its rows.
struct TableOfAProof {
  Index rows = 0;
  std::function<Matrix(Index first, Index rows)> inputs;  ///< some of the rows, without biases
  bool biases = false;                                    ///< a constant coordinate follows
  bool linear = true;                                     ///< the affine part has a linear one
  const Vector& y;
  Vector weights;          ///< >= 0, of any sum; 0 for rows that do not count
  const Vector& centre;    ///< of the columns, near their means
  const Vector& residual;  ///< w_t, residual times row weight: what RowMeasure has
};

/// What a proof needs to know of the residual of a network on rows (docs/math.md, 6.8): the affine
/// part is fitted anew by an orthogonal factorization of the columns, and everything is summed in
/// long double with bounds on its rounding.
MomentBounds moment_bounds(const TableOfAProof& table, const Network& network);

}  // namespace lodestone
