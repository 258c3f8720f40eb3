#pragma once

#include "lodestone/core/types.hpp"

namespace lodestone::kernels {

/// Most rows that solve_transposed takes: a column of them stays in registers and L1 cache.
inline constexpr Index triangular_rows = 32;

/// X := U⁻ᵀ X for an upper triangular U (size×size) and X (size×columns), both row-major with the
/// same stride, size <= triangular_rows. Row i loses Σ_{k<i} U_ki x_k, in order of k by fused
/// multiply-adds, and is divided by U_ii. Work: size²·columns flops, at a load for each
/// multiply-add. X may follow U in the same rows, as in a factorization.
namespace reference {
void solve_transposed(Index size, Index columns, const double* U, double* X, Index stride);
}
namespace simd {
void solve_transposed(Index size, Index columns, const double* U, double* X, Index stride);
}

}  // namespace lodestone::kernels
