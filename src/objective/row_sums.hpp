#pragma once

#include <vector>

#include "core/block_sums.hpp"
#include "kernels/product.hpp"
#include "kernels/sample.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone {

// Σ over blocks of rows of the rows×columns matrix that add(first, count, sum) adds to.
template <class AddRows>
Matrix sum_over(const kernels::RowBlocks& visited, Index rows, Index columns, const AddRows& add) {
  const std::vector<double> sums = sum_over_blocks(
      visited.count(), static_cast<std::size_t>(rows * columns), [&](Index block, double* to) {
        const auto [first, count] = visited[block];
        add(first, count, Eigen::Map<Matrix>(to, rows, columns));
      });
  return Eigen::Map<const Matrix>(sums.data(), rows, columns);
}

// The upper half of sum += Fᵀ diag(weights) F, and Fᵀ diag(weights) G beside it, for F and G side
// by side in `columns`: F has the first p columns, sum is p wide and as long as columns has
// columns.
inline void add_gram(const Matrix& columns, const Eigen::Ref<const Vector>& weights,
                     Eigen::Map<Matrix> sum) {
  const Index stride = columns.cols();
  const kernels::PackedFactor<double> right(
      columns.rows(), stride, kernels::rows_of(columns.data(), stride), weights.data());
  kernels::simd::multiply_add(sum.rows(), kernels::transpose_of(columns.data(), stride), right,
                              sum.data(), sum.cols(), kernels::Part::upper);
}

// The upper half of a square matrix on both sides.
inline Matrix symmetrized(Matrix upper) {
  upper.triangularView<Eigen::StrictlyLower>() = upper.transpose();
  return upper;
}

}  // namespace lodestone
