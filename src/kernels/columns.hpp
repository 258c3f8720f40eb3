#pragma once

#include "lodestone/core/types.hpp"

namespace lodestone::kernels {

/// y_t = Σ_j u_j C_jt for t < rows, j < depth: products of all rows of a table with one direction,
/// where coordinate j of the rows lies at C + j·stride. Sums run over j in order by fused
/// multiply-adds. Work: 2·rows·depth flops for as many numbers read: it runs at the speed of the
/// cache that holds the table.
namespace reference {
void products_of_columns(Index rows, Index depth, const double* C, Index stride, const double* u,
                         double* y);
}
namespace simd {
void products_of_columns(Index rows, Index depth, const double* C, Index stride, const double* u,
                         double* y);
}

}  // namespace lodestone::kernels
