#include "kernels/population_block.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

// The kernels of populations in plain loops, with the operations of every instruction set that has
// fused multiply-adds in the same order: their bits are the specification.

namespace lodestone::kernels::reference {
namespace {

constexpr Index width = group_size<double>;

// asin(x) and sine = sqrt(1 − x²) (docs/math.md, 2.3).
double arcsine(double x, double& sine) {
  sine = std::sqrt((1.0 - x) * (1.0 + x));
  const double size = std::abs(x);
  const double y = std::min(size, sine);
  const double z = y * y;
  double p = arcsine_coefficients[0];
  for (std::size_t i = 1; i < arcsine_coefficients.size(); ++i) {
    p = std::fma(p, z, arcsine_coefficients[i]);
  }
  const double small = std::fma(p * z, y, y);
  return std::copysign(size > sine ? std::numbers::pi / 2 - small : small, x);
}

double weighted_arcs(std::size_t count, const double* c, double* x) {
  double sums[width] = {};
  for (std::size_t q = 0; q < count; ++q) {
    double sine;
    const double arc = arcsine(std::clamp(x[q], -1.0, 1.0), sine);
    double& sum = sums[q % static_cast<std::size_t>(width)];
    sum = std::fma(c[q], sine - 1.0, sum);
    x[q] = c[q] * arc;
  }
  return fold_lanes(sums);
}

// The pairs of 16 rows from `first` on and columns [from, to), at most 64.
void add_group(const PairInput& in, Index depth, Index first, Index from, Index to,
               double* row_vectors, double* row_sines, const ColumnSums* columns) {
  double arcs[pair_rows][pair_columns];
  for (Index p = 0; p < pair_rows; ++p) {
    const double* row = in.rows + (first + p) * in.stride;
    double sums[width] = {};
    for (Index q = from; q < to; ++q) {
      double cosine = 0.0;
      for (Index j = 0; j < depth; ++j) {
        cosine = std::fma(in.columns[j * in.count + q], row[j], cosine);
      }
      double sine;
      arcs[p][q - from] = arcsine(std::clamp(cosine, -1.0, 1.0), sine);
      sums[q % width] = std::fma(in.weights[q], sine - 1.0, sums[q % width]);
      if (columns != nullptr) {
        double& sum = columns->sines[q - from];
        sum = std::fma(in.weights[first + p], sine - 1.0, sum);
      }
    }
    row_sines[p] += fold_lanes(sums);
  }
  for (Index p = 0; p < pair_rows; ++p) {
    for (Index j = 0; j < depth; ++j) {
      double& sum = row_vectors[p * in.stride + j];
      for (Index q = from; q < to; ++q) {
        sum = std::fma(in.weighted[q * in.stride + j], arcs[p][q - from], sum);
      }
    }
  }
  if (columns == nullptr) return;
  for (Index q = 0; q < to - from; ++q) {
    for (Index j = 0; j < depth; ++j) {
      double& sum = columns->vectors[j * columns->width + q];
      for (Index p = 0; p < pair_rows; ++p) {
        sum = std::fma(arcs[p][q], in.weighted[(first + p) * in.stride + j], sum);
      }
    }
  }
}

void pair_sums(const PairInput& in, Index depth, Index row_begin, Index row_end, Index column_begin,
               Index column_end, const RowSums& rows, const ColumnSums& columns) {
  const bool diagonal = row_begin == column_begin;
  for (Index first = row_begin; first < row_end; first += pair_rows) {
    double* row_vectors = rows.vectors + (first - row_begin) * in.stride;
    double* row_sines = rows.sines + (first - row_begin);
    Index from = column_begin;
    if (diagonal) {
      from = first + pair_rows;
      add_group(in, depth, first, first, from, row_vectors, row_sines, nullptr);
    }
    for (; from < column_end; from += pair_columns) {
      const Index place = from - column_begin;
      const ColumnSums there{columns.vectors + place, columns.sines + place, columns.width};
      add_group(in, depth, first, from, std::min(from + pair_columns, column_end), row_vectors,
                row_sines, &there);
    }
  }
}

}  // namespace

PopulationKernels population_kernels() { return {weighted_arcs, pair_sums}; }

}  // namespace lodestone::kernels::reference
