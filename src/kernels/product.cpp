#include "kernels/product.hpp"

#include <algorithm>

namespace lodestone::kernels {

template <class T>
PackedFactor<T>::PackedFactor(Index depth, Index columns, const MatrixView<T>& B)
    : depth_(depth),
      columns_(columns),
      values_(static_cast<std::size_t>(depth * groups_of<T>(columns) * group_size<T>)) {
  // In the order in which B lies, so that each of its cache lines is read once.
  constexpr Index width = group_size<T>;
  for (Index g = 0; g < groups_of<T>(columns); ++g) {
    T* to = values_.data() + g * depth * width;
    const Index first = g * width;
    const Index count = std::min(width, columns - first);
    if (B.column_stride == 1) {
      for (Index k = 0; k < depth; ++k) std::copy_n(&B(k, first), count, to + k * width);
    } else {
      for (Index j = 0; j < count; ++j) {
        for (Index k = 0; k < depth; ++k) to[k * width + j] = B(k, first + j);
      }
    }
  }
}

template class PackedFactor<double>;
template class PackedFactor<float>;

}  // namespace lodestone::kernels
