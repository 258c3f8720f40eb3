#include "kernels/product.hpp"

#include <algorithm>
#include <cmath>

namespace lodestone::kernels::reference {

template <class T>
void multiply_add(Index rows, const MatrixView<T>& A, const PackedFactor<T>& B, T* C,
                  Index stride_c, Part part, Index above) {
  for (Index start = 0; start < B.depth(); start += product_depth) {
    const Index end = std::min(B.depth(), start + product_depth);
    for (Index i = 0; i < rows; ++i) {
      for (Index j = part == Part::upper ? i + above : 0; j < B.columns(); ++j) {
        const T* column = B.group(j / group_size<T>) + j % group_size<T>;
        T sum{0};
        for (Index k = start; k < end; ++k) {
          sum = std::fma(A(i, k), column[k * group_size<T>], sum);
        }
        C[i * stride_c + j] += sum;
      }
    }
  }
}

template void multiply_add(Index, const MatrixView<double>&, const PackedFactor<double>&, double*,
                           Index, Part, Index);
template void multiply_add(Index, const MatrixView<float>&, const PackedFactor<float>&, float*,
                           Index, Part, Index);

}  // namespace lodestone::kernels::reference
