#pragma once

#include <vector>

#include "lodestone/core/types.hpp"

/// Tables that shrink where they lie: a second copy of the rows may not fit into memory.
namespace lodestone {

/// Gives a table other sizes, with no more numbers than it has: the first rows·columns of them, as
/// they lie in memory, stay. The rest of the memory is given back.
void reshape(Matrix& table, Index rows, Index columns);

/// Keeps these rows and columns, both in ascending order, of a table.
void keep(Matrix& table, const std::vector<Index>& rows, const std::vector<Index>& columns);

/// Keeps these rows, in ascending order.
void keep_rows(Matrix& table, const std::vector<Index>& rows);
void keep_rows(Vector& values, const std::vector<Index>& rows);

}  // namespace lodestone
