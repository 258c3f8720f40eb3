#pragma once

#include <cblas.h>

#include "lodestone/core/types.hpp"

namespace lodestone::kernels {

/// C (rows×columns) = A (rows×depth) · Bᵀ (columns×depth), all row-major with given row strides.
inline void multiply_transposed(Index rows, Index columns, Index depth, const double* A,
                                Index stride_a, const double* B, Index stride_b, double* C,
                                Index stride_c) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(rows),
              static_cast<int>(columns), static_cast<int>(depth), 1.0, A,
              static_cast<int>(stride_a), B, static_cast<int>(stride_b), 0.0, C,
              static_cast<int>(stride_c));
}

/// C (rows×columns) += A (rows×depth) · B (depth×columns).
inline void multiply_add(Index rows, Index columns, Index depth, const double* A, Index stride_a,
                         const double* B, Index stride_b, double* C, Index stride_c) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(rows),
              static_cast<int>(columns), static_cast<int>(depth), 1.0, A,
              static_cast<int>(stride_a), B, static_cast<int>(stride_b), 1.0, C,
              static_cast<int>(stride_c));
}

/// C (rows×columns) += Aᵀ (depth×rows) · B (depth×columns).
inline void transposed_multiply_add(Index rows, Index columns, Index depth, const double* A,
                                    Index stride_a, const double* B, Index stride_b, double* C,
                                    Index stride_c) {
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, static_cast<int>(rows),
              static_cast<int>(columns), static_cast<int>(depth), 1.0, A,
              static_cast<int>(stride_a), B, static_cast<int>(stride_b), 1.0, C,
              static_cast<int>(stride_c));
}

}  // namespace lodestone::kernels
