#pragma once

#include <vector>

#include "core/block_sums.hpp"
#include "core/buffer_pool.hpp"
#include "kernels/product.hpp"
#include "kernels/sample.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone {

// Σ over blocks of rows of the rows×columns matrix that add(first, count, sum) adds to.
template <class AddRows>
Matrix sum_over(const kernels::RowBlocks& visited, Index rows, Index columns, const AddRows& add,
                kernels::Part part = kernels::Part::all) {
  SumShape shape{static_cast<std::size_t>(rows * columns)};
  if (part == kernels::Part::upper) {
    shape.rows = static_cast<std::size_t>(rows);
    shape.columns = static_cast<std::size_t>(columns);
  }
  const std::vector<double> sums =
      sum_over_blocks(visited.blocks(), shape, [&](Index block, double* to) {
        const auto [first, count] = visited[block];
        add(first, count, Eigen::Map<Matrix>(to, rows, columns));
      });
  return Eigen::Map<const Matrix>(sums.data(), rows, columns);
}

// Sums over blocks of rows of the upper half of Fᵀ diag(weights) F, and Fᵀ diag(weights) G beside
// it, for F and G side by side in `width` columns. Blocks share the buffers of their columns and of
// the factors that are copied from them.
class GramBlocks {
 public:
  explicit GramBlocks(Index width)
      : width_(width),
        columns_(static_cast<std::size_t>(rows_per_block * width)),
        packed_(kernels::PackedFactor<double>::numbers(rows_per_block, width)) {}

  // fill(columns) writes the rows×width columns of a block; sum is p wide, for the first p columns.
  // then(columns) may use them for more.
  template <class Fill, class Then>
  void add(Index rows, const Eigen::Ref<const Vector>& weights, Eigen::Map<Matrix> sum,
           const Fill& fill, const Then& then) {
    const BufferPool<double>::Buffer buffer(columns_);
    Eigen::Map<Matrix> columns(buffer.data(), rows, width_);
    fill(columns);
    const BufferPool<double>::Buffer packed(packed_);
    const kernels::PackedFactor<double> right(rows, width_, kernels::rows_of(buffer.data(), width_),
                                              weights.data(), packed.data());
    kernels::simd::multiply_add(sum.rows(), kernels::transpose_of(buffer.data(), width_), right,
                                sum.data(), sum.cols(), kernels::Part::upper);
    then(columns);
  }
  template <class Fill>
  void add(Index rows, const Eigen::Ref<const Vector>& weights, Eigen::Map<Matrix> sum,
           const Fill& fill) {
    add(rows, weights, sum, fill, [](const Eigen::Map<Matrix>&) {});
  }

 private:
  Index width_;
  BufferPool<double> columns_;
  BufferPool<double> packed_;
};

// The upper half of a square matrix on both sides.
inline Matrix symmetrized(Matrix upper) {
  upper.triangularView<Eigen::StrictlyLower>() = upper.transpose();
  return upper;
}

}  // namespace lodestone
