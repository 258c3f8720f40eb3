#include "kernels/columns.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/columns.cpp"
#include "core/highway_targets.hpp"
// Highway asks for this order: foreach_target.h before highway.h.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "core/instruction_set.hpp"
#include "kernels/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestone::kernels {
namespace HWY_NAMESPACE {

// Vectors of rows that are summed side by side: as many as hide the latency of a multiply-add.
constexpr std::size_t side_by_side = 8;

template <std::size_t Vectors>
HWY_INLINE void ProductsOfRows(Index depth, const double* HWY_RESTRICT C, Index stride,
                               const double* HWY_RESTRICT u, double* HWY_RESTRICT y) {
  const Tag<double> d;
  Vec<double> sum[Vectors];
#pragma GCC unroll 8
  for (std::size_t v = 0; v < Vectors; ++v) sum[v] = hn::Zero(d);
  for (Index j = 0; j < depth; ++j) {
    const Vec<double> factor = hn::Set(d, u[j]);
    const double* HWY_RESTRICT row = C + j * stride;
#pragma GCC unroll 8
    for (std::size_t v = 0; v < Vectors; ++v) {
      sum[v] = hn::MulAdd(factor, hn::LoadU(d, row + v * lanes<double>), sum[v]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t v = 0; v < Vectors; ++v) hn::StoreU(sum[v], d, y + v * lanes<double>);
}

void ProductsOfColumns(Index rows, Index depth, const double* C, Index stride, const double* u,
                       double* y) {
  constexpr Index vector = static_cast<Index>(lanes<double>);
  constexpr Index many = static_cast<Index>(side_by_side) * vector;
  Index t = 0;
  for (; t + many <= rows; t += many) {
    ProductsOfRows<side_by_side>(depth, C + t, stride, u, y + t);
  }
  for (; t + vector <= rows; t += vector) ProductsOfRows<1>(depth, C + t, stride, u, y + t);
  if (t < rows) {
    // The last rows, in vectors of one lane.
    const hn::CappedTag<double, 1> one;
    for (; t < rows; ++t) {
      auto sum = hn::Zero(one);
      for (Index j = 0; j < depth; ++j) {
        sum = hn::MulAdd(hn::Set(one, u[j]), hn::Set(one, C[j * stride + t]), sum);
      }
      y[t] = hn::GetLane(sum);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestone::kernels::simd {

HWY_EXPORT(ProductsOfColumns);

void products_of_columns(Index rows, Index depth, const double* C, Index stride, const double* u,
                         double* y) {
  if (plain_loops()) {
    reference::products_of_columns(rows, depth, C, stride, u, y);
  } else {
    HWY_DYNAMIC_DISPATCH(ProductsOfColumns)(rows, depth, C, stride, u, y);
  }
}

}  // namespace lodestone::kernels::simd
#endif  // HWY_ONCE
