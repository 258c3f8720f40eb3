#pragma once

#include <array>
#include <cstddef>

#include "kernels/groups.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone::kernels {

/// Rows of pairs that are computed together, and columns: 16×64 arcsines are 8 KiB, which stay in
/// the L1 cache.
inline constexpr Index pair_rows = 16;
inline constexpr Index pair_columns = 64;

/// asin y = y + y³ P(y²) for y in [0, √½]; P interpolates at the Chebyshev points of [0, 0.5] with
/// relative error 1.4e-16, of which y² P reaches the result. The highest power first.
inline constexpr std::array<double, 18> arcsine_coefficients = {
    0x1.53e39742556e9p-1, -0x1.240e0713c18f5p+1, 0x1.de8883ee3126bp+1, -0x1.dfeb4393d5053p+1,
    0x1.4a299b0a514c1p+1, -0x1.4308a862e7f15p+0, 0x1.de44d9137552ap-2, -0x1.e2b0479a24933p-4,
    0x1.15bd59aa63cdbp-5, 0x1.81499d62a6591p-8,  0x1.88cb12f83c0f4p-7, 0x1.c872bb803eb27p-7,
    0x1.1c570c85dd694p-6, 0x1.6e8b546dd6435p-6,  0x1.f1c71e34c5e86p-6, 0x1.6db6db6b0dafdp-5,
    0x1.3333333334c9bp-4, 0x1.5555555555553p-3};

/// Directions in the three forms that the kernel of pairs reads, zeros behind the last row and
/// column.
struct PairInput {
  Index stride;            // padded d: row stride of rows and weighted
  Index count;             // padded number of directions: row stride of columns
  const double* rows;      // v_p
  const double* weighted;  // c_p v_p
  const double* columns;   // the transpose of rows
  const double* weights;   // c_p
};

/// Sums of one side of the pairs: Σ c_q asin(x_pq) v_q and Σ c_q (sqrt(1 − x_pq²) − 1).
struct RowSums {
  double* vectors;  // a row of length stride per direction
  double* sines;
};
struct ColumnSums {
  double* vectors;  // transposed: d rows of length `width`
  double* sines;
  Index width;
};

/// What one instruction set does for populations.
struct PopulationKernels {
  /// A row of cosines x becomes c·asin(x), in place; returns Σ c (sqrt(1 − x²) − 1). The count is a
  /// multiple of group_size<double>, padded with c = 0.
  double (*weighted_arcs)(std::size_t count, const double* c, double* x);

  /// Adds all pairs of rows [row_begin, row_end) and columns [column_begin, column_end) to the sums
  /// of both. Where the ranges are one, the pairs above the diagonal, and 16×16 squares on it by
  /// rows.
  void (*pair_sums)(const PairInput&, Index depth, Index row_begin, Index row_end,
                    Index column_begin, Index column_end, const RowSums&, const ColumnSums&);
};

namespace reference {
PopulationKernels population_kernels();
}

}  // namespace lodestone::kernels
