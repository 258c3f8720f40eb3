#include "kernels/triangular.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/triangular.cpp"
#include "core/highway_targets.hpp"
// Highway asks for this order: foreach_target.h before highway.h.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "core/instruction_set.hpp"
#include "kernels/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestone::kernels {
namespace HWY_NAMESPACE {

// Vectors of one row that are solved together: as many sums as hide the latency of a multiply-add.
constexpr std::size_t strip_vectors = 8;

// `Vectors` vectors of every row of X.
template <std::size_t Vectors>
HWY_INLINE void SolveStrip(Index size, const double* HWY_RESTRICT U, Index stride_u,
                           double* HWY_RESTRICT X, Index stride_x) {
  const Tag<double> d;
  for (Index i = 0; i < size; ++i) {
    double* HWY_RESTRICT row = X + i * stride_x;
    Vec<double> value[Vectors];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < Vectors; ++v) value[v] = hn::LoadU(d, row + v * lanes<double>);
    for (Index k = 0; k < i; ++k) {
      const Vec<double> factor = hn::Set(d, U[k * stride_u + i]);
      const double* HWY_RESTRICT solved = X + k * stride_x;
#pragma GCC unroll 8
      for (std::size_t v = 0; v < Vectors; ++v) {
        value[v] = hn::NegMulAdd(factor, hn::LoadU(d, solved + v * lanes<double>), value[v]);
      }
    }
    const Vec<double> pivot = hn::Set(d, U[i * stride_u + i]);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < Vectors; ++v) {
      hn::StoreU(hn::Div(value[v], pivot), d, row + v * lanes<double>);
    }
  }
}

void SolveTransposed(Index size, Index columns, const double* U, double* X, Index stride) {
  constexpr Index strip = static_cast<Index>(strip_vectors * lanes<double>);
  constexpr Index vector = static_cast<Index>(lanes<double>);
  Index j = 0;
  for (; j + strip <= columns; j += strip)
    SolveStrip<strip_vectors>(size, U, stride, X + j, stride);
  for (; j + vector <= columns; j += vector) SolveStrip<1>(size, U, stride, X + j, stride);
  if (j == columns) return;
  // The last columns, in a copy that a vector fits into.
  const Index count = columns - j;
  double rest[triangular_rows * vector] = {};
  for (Index i = 0; i < size; ++i) {
    for (Index l = 0; l < count; ++l) rest[i * vector + l] = X[i * stride + j + l];
  }
  SolveStrip<1>(size, U, stride, rest, vector);
  for (Index i = 0; i < size; ++i) {
    for (Index l = 0; l < count; ++l) X[i * stride + j + l] = rest[i * vector + l];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestone::kernels::simd {

HWY_EXPORT(SolveTransposed);

void solve_transposed(Index size, Index columns, const double* U, double* X, Index stride) {
  if (plain_loops()) {
    reference::solve_transposed(size, columns, U, X, stride);
  } else {
    HWY_DYNAMIC_DISPATCH(SolveTransposed)(size, columns, U, X, stride);
  }
}

}  // namespace lodestone::kernels::simd
#endif  // HWY_ONCE
