// Lanes as the kernels of every instruction set see them. Included once for each target, within
// HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE of its own.

#if defined(LODESTONE_KERNELS_SIMD_LANES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LODESTONE_KERNELS_SIMD_LANES_INL
#undef LODESTONE_KERNELS_SIMD_LANES_INL
#else
#define LODESTONE_KERNELS_SIMD_LANES_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "kernels/groups.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestone::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Columns come in groups of 64 bytes (kernels/groups.hpp); a group is one vector or a few, so that
// every target adds up the same lanes.
template <class T>
using Tag = hn::CappedTag<T, static_cast<std::size_t>(group_size<T>)>;
template <class T>
using Vec = hn::Vec<Tag<T>>;
template <class T>
constexpr std::size_t lanes = hn::MaxLanes(Tag<T>());
template <class T>
constexpr std::size_t group_vectors = static_cast<std::size_t>(group_size<T>) / lanes<T>;

// Tiles fill the registers with sums: 24 of 32 where there are so many (AVX-512, NEON), 12 of 16
// (AVX2) or 8 of 16 (SSE, whose instructions take a register more) elsewhere.
constexpr std::size_t sums_in_registers = HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON ? 24
                                          : lanes<float> == 8                              ? 12
                                                                                           : 8;
template <class T>
constexpr std::size_t tile_groups = group_vectors<T> == 1 ? 2 : 1;
template <class T, std::size_t Groups>
constexpr std::size_t tile_rows = std::max<std::size_t>(1, sums_in_registers /
                                                               (Groups * group_vectors<T>));

// Σ of a vector's lanes: the upper half is added to the lower one until one lane is left.
template <class D>
HWY_INLINE double FoldVector([[maybe_unused]] D d, hn::Vec<D> v) {
#if HWY_TARGET != HWY_SCALAR  // whose vectors have no halves
  if constexpr (hn::MaxLanes(d) > 1) {
    const hn::Half<D> half;
    return FoldVector(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
#endif
  return hn::GetLane(v);
}

// fold_lanes (kernels/groups.hpp) of the lane sums of one group, in vectors.
HWY_INLINE double FoldLanes(const double* HWY_RESTRICT sums) {
  const Tag<double> d;
  constexpr std::size_t vectors = group_vectors<double>;
  Vec<double> v[vectors];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < vectors; ++i) v[i] = hn::LoadU(d, sums + i * lanes<double>);
#pragma GCC unroll 8
  for (std::size_t count = vectors / 2; count > 0; count /= 2) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < count; ++i) v[i] = hn::Add(v[i], v[i + count]);
  }
  return FoldVector(d, v[0]);
}
HWY_INLINE double FoldLanes(const float* HWY_RESTRICT sums) {
  double both[static_cast<std::size_t>(group_size<double>)];
  constexpr std::size_t half = static_cast<std::size_t>(group_size<float>) / 2;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < half; ++i) both[i] = double{sums[i]} + double{sums[i + half]};
  return FoldLanes(both);
}

// Adds a vector to sums in double.
HWY_INLINE void AddTo(double* sums, Vec<double> v) {
  const Tag<double> d;
  hn::StoreU(hn::Add(hn::LoadU(d, sums), v), d, sums);
}
HWY_INLINE void AddTo(double* sums, Vec<float> v) {
#if HWY_TARGET == HWY_SCALAR
  *sums += double{v.raw};
#else
  const hn::Half<Tag<float>> half;
  const hn::Rebind<double, decltype(half)> d;
  constexpr std::size_t count = lanes<float> / 2;
  const auto low = hn::PromoteTo(d, hn::LowerHalf(half, v));
  const auto high = hn::PromoteTo(d, hn::UpperHalf(half, v));
  hn::StoreU(hn::Add(hn::LoadU(d, sums), low), d, sums);
  hn::StoreU(hn::Add(hn::LoadU(d, sums + count), high), d, sums + count);
#endif
}

// x·y + z as a vector of this target forms it: with one rounding where it has the instruction.
template <class T>
HWY_INLINE T MulAddOne(T x, T y, T z) {
  const hn::CappedTag<T, 1> d;
  return hn::GetLane(hn::MulAdd(hn::Set(d, x), hn::Set(d, y), hn::Set(d, z)));
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#endif
