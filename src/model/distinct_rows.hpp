#pragma once

#include "lodestone/core/types.hpp"

namespace lodestone {

/// How many rows of a matrix differ in a bit, counted up to `most`.
Index distinct_rows(const Matrix& X, Index most);

}  // namespace lodestone
