#include "kernels/product.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/product.cpp"
#include "core/highway_targets.hpp"
// Highway asks for this order: foreach_target.h before highway.h.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "core/instruction_set.hpp"
#include "kernels/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestone::kernels {
namespace HWY_NAMESPACE {

// Rows of A that are copied together: 192×240 numbers of float64 are 360 KiB, within an L2 cache of
// 512 KiB. With 96 rows the columns of B came from memory twice as often: products of 2048³ ran at
// 58 GF/s instead of 61 on one core of an Intel Xeon. A multiple of the rows of every tile.
constexpr Index rows_at_once = 192;

// C += the product of `Rows` packed rows and Groups groups of B, `depth` deep. `columns` of C are
// written, from the first group's first column on.
template <class T, std::size_t Rows, std::size_t Groups>
HWY_INLINE void ProductTile(Index depth, const T* HWY_RESTRICT A, const T* HWY_RESTRICT B,
                            Index group_stride, Index rows, Index columns, T* HWY_RESTRICT C,
                            Index stride_c) {
  const Tag<T> d;
  constexpr std::size_t vectors = Groups * group_vectors<T>;
  Vec<T> sum[Rows][vectors];
#pragma GCC unroll 24
  for (std::size_t r = 0; r < Rows; ++r) {
    // C comes into the cache while the sums are formed: a group is a cache line.
#pragma GCC unroll 24
    for (std::size_t g = 0; g < Groups; ++g) {
      if (static_cast<Index>(r) < rows) {
        __builtin_prefetch(
            C + static_cast<Index>(r) * stride_c + static_cast<Index>(g) * group_size<T>, 1);
      }
    }
#pragma GCC unroll 24
    for (std::size_t v = 0; v < vectors; ++v) sum[r][v] = hn::Zero(d);
  }
  for (Index k = 0; k < depth; ++k) {
    Vec<T> b[vectors];
#pragma GCC unroll 24
    for (std::size_t v = 0; v < vectors; ++v) {
      b[v] =
          hn::LoadU(d, B + static_cast<Index>(v / group_vectors<T>) * group_stride +
                           k * group_size<T> + static_cast<Index>(v % group_vectors<T> * lanes<T>));
    }
#pragma GCC unroll 24
    for (std::size_t r = 0; r < Rows; ++r) {
      const Vec<T> a = hn::Set(d, A[k * static_cast<Index>(Rows) + static_cast<Index>(r)]);
#pragma GCC unroll 24
      for (std::size_t v = 0; v < vectors; ++v) sum[r][v] = hn::MulAdd(a, b[v], sum[r][v]);
    }
  }
  if (rows == static_cast<Index>(Rows) && columns >= static_cast<Index>(vectors * lanes<T>)) {
#pragma GCC unroll 24
    for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 24
      for (std::size_t v = 0; v < vectors; ++v) {
        T* at = C + static_cast<Index>(r) * stride_c + static_cast<Index>(v * lanes<T>);
        hn::StoreU(hn::Add(hn::LoadU(d, at), sum[r][v]), d, at);
      }
    }
    return;
  }
  T whole[Rows][vectors * lanes<T>];
#pragma GCC unroll 24
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 24
    for (std::size_t v = 0; v < vectors; ++v) hn::StoreU(sum[r][v], d, whole[r] + v * lanes<T>);
  }
  const Index written = std::min(columns, static_cast<Index>(vectors * lanes<T>));
  for (Index r = 0; r < rows; ++r) {
    for (Index j = 0; j < written; ++j) C[r * stride_c + j] += whole[r][j];
  }
}

// Copies columns [start, start + depth) of `count` rows of A: the numbers of the first column, then
// those of the next, ...; rows from `count` to `Rows` are zeros.
template <class T, std::size_t Rows>
void PackTile(const MatrixView<T>& A, Index first, Index count, Index start, Index depth,
              T* HWY_RESTRICT to) {
  constexpr Index height = static_cast<Index>(Rows);
  // In the order in which A lies. Across columns that are a power of two of bytes apart, lines
  // would leave the cache before their next number is read.
  if (A.row_stride == 1 && count == height) {
    for (Index k = 0; k < depth; ++k) {
      const T* from = &A(first, start + k);
#pragma GCC unroll 24
      for (Index r = 0; r < height; ++r) to[k * height + r] = from[r];
    }
    return;
  }
  for (Index r = 0; r < height; ++r) {
    if (r < count) {
      for (Index k = 0; k < depth; ++k) to[k * height + r] = A(first + r, start + k);
    } else {
      for (Index k = 0; k < depth; ++k) to[k * height + r] = T{0};
    }
  }
}

// C += A·B for at most rows_at_once rows of A from row `first` on, and all of B.
template <class T>
void ProductRows(Index first, Index rows, const MatrixView<T>& A, const PackedFactor<T>& B, T* C,
                 Index stride_c, Part part, Index above, T* HWY_RESTRICT packed) {
  constexpr std::size_t tile = tile_rows<T, tile_groups<T>>;
  constexpr Index height = static_cast<Index>(tile);
  static_assert(rows_at_once % height == 0);
  constexpr Index groups_at_once = static_cast<Index>(tile_groups<T>);
  const Index groups = groups_of<T>(B.columns());
  for (Index start = 0; start < B.depth(); start += product_depth) {
    const Index depth = std::min(product_depth, B.depth() - start);
    for (Index i = 0; i < rows; i += height) {
      PackTile<T, tile>(A, first + i, std::min(height, rows - i), start, depth,
                        packed + i * product_depth);
    }
    const Index first_group = part == Part::upper ? (first + above) / group_size<T> : 0;
    for (Index g = first_group; g < groups;) {
      const T* b = B.group(g) + start * group_size<T>;
      const Index stride = B.depth() * group_size<T>;
      const Index column = g * group_size<T>;
      const bool pair = g + groups_at_once <= groups;
      const Index taken = pair ? groups_at_once : 1;
      for (Index i = 0; i < rows; i += height) {
        // All columns of these groups lie before the diagonal.
        if (part == Part::upper && column + taken * group_size<T> <= first + above + i) break;
        const Index count = std::min(height, rows - i);
        const T* a = packed + i * product_depth;
        T* c = C + (first + i) * stride_c + column;
        const Index columns = B.columns() - column;
        if (pair) {
          ProductTile<T, tile, tile_groups<T>>(depth, a, b, stride, count, columns, c, stride_c);
        } else {
          ProductTile<T, tile, 1>(depth, a, b, stride, count, columns, c, stride_c);
        }
      }
      g += taken;
    }
  }
}

template <class T>
void Product(Index rows, const MatrixView<T>& A, const PackedFactor<T>& B, T* C, Index stride_c,
             Part part, Index above) {
  constexpr Index height = static_cast<Index>(tile_rows<T, tile_groups<T>>);
  const Index most = std::min(rows_at_once, (rows + height - 1) / height * height);
  std::vector<T> packed(static_cast<std::size_t>(most * product_depth));
  for (Index first = 0; first < rows; first += rows_at_once) {
    ProductRows(first, std::min(rows_at_once, rows - first), A, B, C, stride_c, part, above,
                packed.data());
  }
}

// Highway exports functions, not templates.
void ProductFloat64(Index rows, const MatrixView<double>& A, const PackedFactor<double>& B,
                    double* C, Index stride_c, Part part, Index above) {
  Product(rows, A, B, C, stride_c, part, above);
}
void ProductFloat32(Index rows, const MatrixView<float>& A, const PackedFactor<float>& B, float* C,
                    Index stride_c, Part part, Index above) {
  Product(rows, A, B, C, stride_c, part, above);
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestone::kernels::simd {

HWY_EXPORT(ProductFloat64);
HWY_EXPORT(ProductFloat32);

template <class T>
void multiply_add(Index rows, const MatrixView<T>& A, const PackedFactor<T>& B, T* C,
                  Index stride_c, Part part, Index above) {
  if (plain_loops()) {
    reference::multiply_add(rows, A, B, C, stride_c, part, above);
  } else if constexpr (std::is_same_v<T, double>) {
    HWY_DYNAMIC_DISPATCH(ProductFloat64)(rows, A, B, C, stride_c, part, above);
  } else {
    HWY_DYNAMIC_DISPATCH(ProductFloat32)(rows, A, B, C, stride_c, part, above);
  }
}

template void multiply_add(Index, const MatrixView<double>&, const PackedFactor<double>&, double*,
                           Index, Part, Index);
template void multiply_add(Index, const MatrixView<float>&, const PackedFactor<float>&, float*,
                           Index, Part, Index);

}  // namespace lodestone::kernels::simd
#endif  // HWY_ONCE
