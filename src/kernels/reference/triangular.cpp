#include "kernels/triangular.hpp"

#include <cmath>

namespace lodestone::kernels::reference {

void solve_transposed(Index size, Index columns, const double* U, double* X, Index stride) {
  for (Index i = 0; i < size; ++i) {
    for (Index j = 0; j < columns; ++j) {
      double value = X[i * stride + j];
      for (Index k = 0; k < i; ++k) {
        value = std::fma(-U[k * stride + i], X[k * stride + j], value);
      }
      X[i * stride + j] = value / U[i * stride + i];
    }
  }
}

}  // namespace lodestone::kernels::reference
