#include "kernels/columns.hpp"

#include <cmath>

namespace lodestone::kernels::reference {

void products_of_columns(Index rows, Index depth, const double* C, Index stride, const double* u,
                         double* y) {
  for (Index t = 0; t < rows; ++t) {
    double sum = 0.0;
    for (Index j = 0; j < depth; ++j) sum = std::fma(u[j], C[j * stride + t], sum);
    y[t] = sum;
  }
}

}  // namespace lodestone::kernels::reference
