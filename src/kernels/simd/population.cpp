#include "kernels/population.hpp"

#include <algorithm>
#include <numbers>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/population.cpp"
#include <hwy/foreach_target.h>
// Highway asks for this order: foreach_target.h before highway.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "kernels/blas.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestone::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// One row of cosines x becomes c·asin(x), in place; returns Σ c (sqrt(1 − x²) − 1). Both come from
// the same rounded cosine, which keeps the field accurate at 0 and 180 degrees (docs/math.md, 2.3).
// The count is a multiple of the vector length, padded with c = 0.
double WeightedArcs(std::size_t count, const double* c, double* x) {
  const hn::CappedTag<double, 8> d;  // the padding below is a multiple of this
  const auto one = hn::Set(d, 1.0);
  auto sum = hn::Zero(d);
  for (std::size_t q = 0; q < count; q += hn::Lanes(d)) {
    const auto cosine = hn::Clamp(hn::LoadU(d, x + q), hn::Neg(one), one);
    const auto weight = hn::LoadU(d, c + q);
    const auto sine = hn::Sqrt(hn::Mul(hn::Sub(one, cosine), hn::Add(one, cosine)));
    sum = hn::MulAdd(weight, hn::Sub(sine, one), sum);
    hn::StoreU(hn::Mul(weight, hn::Asin(d, cosine)), d, x + q);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestone::kernels {

HWY_EXPORT(WeightedArcs);

namespace simd {

void population_field(const Matrix& U, const Matrix& V, const Vector& c, Matrix& field) {
  constexpr Index block_rows = 16;
  constexpr Index tile_columns = 512;  // 16×512 cosines are 64 KiB: they stay in the L2 cache
  constexpr Index lane_multiple = 8;   // the longest vector of any target, in doubles
  const Index d = U.cols();
  const Index padded = (V.rows() + lane_multiple - 1) / lane_multiple * lane_multiple;
  Vector weights = Vector::Zero(padded);
  weights.head(V.rows()) = c;
  field.setZero(U.rows(), d);

  for_each_block((U.rows() + block_rows - 1) / block_rows, [&](Index block) {
    const Index first = block * block_rows;
    const Index rows = std::min(block_rows, U.rows() - first);
    std::vector<double> tile(static_cast<std::size_t>(block_rows * tile_columns), 0.0);
    Vector sine_sums = Vector::Zero(rows);
    for (Index start = 0; start < V.rows(); start += tile_columns) {
      const Index columns = std::min(tile_columns, V.rows() - start);
      const Index vector_columns = std::min(tile_columns, padded - start);
      if (columns < vector_columns) std::fill(tile.begin(), tile.end(), 0.0);
      multiply_transposed(rows, columns, d, U.row(first).data(), d, V.row(start).data(), d,
                          tile.data(), tile_columns);
      for (Index p = 0; p < rows; ++p) {
        sine_sums[p] += HWY_DYNAMIC_DISPATCH(WeightedArcs)(static_cast<std::size_t>(vector_columns),
                                                           weights.data() + start,
                                                           tile.data() + p * tile_columns);
      }
      multiply_add(rows, d, columns, tile.data(), tile_columns, V.row(start).data(), d,
                   field.row(first).data(), d);
    }
    for (Index p = 0; p < rows; ++p) {
      field.row(first + p) += sine_sums[p] * U.row(first + p);
      field.row(first + p) /= 2.0 * std::numbers::pi;
    }
  });
}

}  // namespace simd
}  // namespace lodestone::kernels
#endif  // HWY_ONCE
