#include "core/in_place.hpp"

#include <algorithm>

namespace lodestone {

void reshape(Matrix& table, Index rows, Index columns) {
  // As one column, because Eigen reallocates a row-major matrix in place only when its columns
  // stay; a resize that keeps the number of coefficients touches nothing.
  table.resize(table.size(), 1);
  table.conservativeResize(rows * columns, 1);
  table.resize(rows, columns);
}

void keep(Matrix& table, const std::vector<Index>& rows, const std::vector<Index>& columns) {
  // Every number stays or moves forward, so none is overwritten before it is read.
  double* to = table.data();
  for (const Index row : rows) {
    const double* const from = table.data() + row * table.cols();
    for (const Index column : columns) *to++ = from[column];
  }
  reshape(table, static_cast<Index>(rows.size()), static_cast<Index>(columns.size()));
}

void keep_rows(Matrix& table, const std::vector<Index>& rows) {
  const Index columns = table.cols();
  double* to = table.data();
  for (const Index row : rows) {
    const double* const from = table.data() + row * columns;
    if (to != from) std::copy(from, from + columns, to);
    to += columns;
  }
  table.conservativeResize(static_cast<Index>(rows.size()), columns);
}

void keep_rows(Vector& values, const std::vector<Index>& rows) {
  Index kept = 0;
  for (const Index row : rows) values[kept++] = values[row];
  values.conservativeResize(kept);
}

}  // namespace lodestone
