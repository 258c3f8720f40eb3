#pragma once

#include <memory>

#include "kernels/groups.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone::kernels {

/// A rows×columns matrix where it lies: element (i, k) at data[i·row_stride + k·column_stride].
template <class T>
struct MatrixView {
  const T* data;
  Index row_stride;
  Index column_stride;

  const T& operator()(Index i, Index k) const { return data[i * row_stride + k * column_stride]; }
};

/// A matrix whose rows lie one after the other, and the transpose of one.
template <class T>
MatrixView<T> rows_of(const T* data, Index stride) {
  return {data, stride, 1};
}
template <class T>
MatrixView<T> transpose_of(const T* data, Index stride) {
  return {data, 1, stride};
}

/// The right factor of products, copied as they read it: groups of columns, and in each the numbers
/// of row 0, then of row 1, ...; padded with zeros. Groups are copied by all threads.
template <class T>
class PackedFactor {
 public:
  PackedFactor(Index depth, Index columns, const MatrixView<T>& B);

  /// The same with each row times a number: row_factors has `depth` of them.
  PackedFactor(Index depth, Index columns, const MatrixView<T>& B, const T* row_factors);

  /// The same in `storage`, numbers(depth, columns) of the caller's that outlive the factor.
  PackedFactor(Index depth, Index columns, const MatrixView<T>& B, const T* row_factors,
               T* storage);

  /// How many numbers a factor is copied to.
  static std::size_t numbers(Index depth, Index columns) {
    return static_cast<std::size_t>(depth * groups_of<T>(columns) * group_size<T>);
  }

  Index depth() const { return depth_; }
  Index columns() const { return columns_; }
  const T* group(Index g) const { return values_ + g * depth_ * group_size<T>; }

 private:
  Index depth_;
  Index columns_;
  std::unique_ptr<T[]> own_;
  T* values_;
};

/// Rows of the right factor that one sum in registers runs over.
inline constexpr Index product_depth = 240;

/// Which elements of C are wanted.
enum class Part {
  all,
  upper,  ///< (i, j) with j >= i + above; what else is in their tiles is written too, or not
};

/// C += A·B with A rows×depth and C rows×columns, row-major. Each element is a sum of sums over
/// product_depth numbers, in order, by fused multiply-adds.
/// Work: 2·rows·columns·depth flops, half of it for Part::upper. Bytes: A is copied once, in tiles
/// that stay in the L2 cache; C is read and written once for product_depth rows of B.
namespace reference {
template <class T>
void multiply_add(Index rows, const MatrixView<T>& A, const PackedFactor<T>& B, T* C,
                  Index stride_c, Part part = Part::all, Index above = 0);
}
namespace simd {
template <class T>
void multiply_add(Index rows, const MatrixView<T>& A, const PackedFactor<T>& B, T* C,
                  Index stride_c, Part part = Part::all, Index above = 0);
}

}  // namespace lodestone::kernels
