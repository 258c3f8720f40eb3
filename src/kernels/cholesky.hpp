#pragma once

#include "lodestone/core/types.hpp"

namespace lodestone::kernels {

/// The factor U of A = UᵀU, upper triangular, of a symmetric positive definite matrix, in place.
/// What lies below the diagonal is neither read nor of any use afterwards. False where a pivot is
/// not positive: A is then not positive definite to rounding, and its content is undefined. Work:
/// n³/3 flops, nearly all in products (kernels/product.hpp).
bool cholesky(Matrix& A);

/// x with UᵀU x = b for a factor of cholesky. Work: 2n² flops.
Vector solve_cholesky(const Matrix& U, Vector b);

}  // namespace lodestone::kernels
