#include "kernels/product.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace lodestone::kernels {

namespace {

// A whole group of columns that lie side by side, each row times its factor where there are some.
// The width is known here: a call of memmove a row took longer than the copy.
template <class T>
void copy_group(Index depth, const T* from, Index stride, const T* row_factors, T* to) {
  constexpr Index width = group_size<T>;
  if (row_factors == nullptr) {
    for (Index k = 0; k < depth; ++k) std::copy_n(from + k * stride, width, to + k * width);
    return;
  }
  for (Index k = 0; k < depth; ++k, from += stride, to += width) {
    for (Index j = 0; j < width; ++j) to[j] = from[j] * row_factors[k];
  }
}

}  // namespace

template <class T>
PackedFactor<T>::PackedFactor(Index depth, Index columns, const MatrixView<T>& B)
    : PackedFactor(depth, columns, B, nullptr) {}

template <class T>
PackedFactor<T>::PackedFactor(Index depth, Index columns, const MatrixView<T>& B,
                              const T* row_factors)
    : PackedFactor(depth, columns, B, row_factors, nullptr) {}

template <class T>
PackedFactor<T>::PackedFactor(Index depth, Index columns, const MatrixView<T>& B,
                              const T* row_factors, T* storage)
    : depth_(depth),
      columns_(columns),
      own_(storage != nullptr ? nullptr
                              : std::make_unique_for_overwrite<T[]>(numbers(depth, columns))),
      values_(storage != nullptr ? storage : own_.get()) {
  constexpr Index width = group_size<T>;
  // Small factors are copied faster than threads wake.
  constexpr Index numbers_at_once = Index{1} << 16;
  const Index groups = groups_of<T>(columns);
  const Index groups_at_once =
      std::max<Index>(1, numbers_at_once / std::max<Index>(1, depth * width));
  for_each_block((groups + groups_at_once - 1) / groups_at_once, [&](Index part) {
    const Index end = std::min(groups, (part + 1) * groups_at_once);
    for (Index g = part * groups_at_once; g < end; ++g) {
      T* to = values_ + g * depth * width;
      const Index first = g * width;
      const Index count = std::min(width, columns - first);
      // In the order in which B lies, so that each of its cache lines is read once.
      if (count < width) std::fill_n(to, depth * width, T{0});
      if (count == width && B.column_stride == 1) {
        copy_group(depth, &B(0, first), B.row_stride, row_factors, to);
        continue;
      }
      for (Index j = 0; j < count; ++j) {
        for (Index k = 0; k < depth; ++k) to[k * width + j] = B(k, first + j);
      }
      if (row_factors == nullptr) continue;
      for (Index k = 0; k < depth; ++k) {
        for (Index j = 0; j < width; ++j) to[k * width + j] *= row_factors[k];
      }
    }
  });
}

template class PackedFactor<double>;
template class PackedFactor<float>;

}  // namespace lodestone::kernels
