#include "kernels/sample.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

// The tiles below are arrays of vectors, which vectors of unknown length cannot form; such machines
// use NEON.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/sample.cpp"
#include <hwy/foreach_target.h>
// Highway asks for this order: foreach_target.h before highway.h.
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "kernels/blas.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestone::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Neurons come in groups of eight, a byte of mask bits; a group is one vector or a few.
using Tag = hn::CappedTag<double, 8>;
using Vec = hn::Vec<Tag>;
constexpr std::size_t group_size = 8;
constexpr std::size_t lanes = hn::MaxLanes(Tag());
constexpr std::size_t group_vectors = group_size / lanes;

// Tiles fill the registers: 32 with AVX-512, 16 below. Rows by groups of inner products on the way
// forward, features by groups of moments on the way back.
constexpr std::size_t tile_rows = lanes == 8 ? 8 : lanes;
constexpr std::size_t tile_groups = lanes == 8 ? 2 : 1;
constexpr std::size_t tile_features = lanes == 8 ? 12 : 5;

// z[r][v]: inner products of Rows rows with Groups groups of neurons. W is packed: a group holds
// its eight weights of feature 0, then of feature 1, ...
template <std::size_t Rows, std::size_t Groups>
HWY_INLINE void InnerProducts(const double* HWY_RESTRICT X, std::size_t depth,
                              const double* HWY_RESTRICT W,
                              Vec (&z)[Rows][Groups * group_vectors]) {
  const Tag d;
#pragma GCC unroll 16
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v < Groups * group_vectors; ++v) z[r][v] = hn::Zero(d);
  }
  for (std::size_t j = 0; j < depth; ++j) {
    Vec w[Groups * group_vectors];
#pragma GCC unroll 16
    for (std::size_t v = 0; v < Groups * group_vectors; ++v) {
      w[v] = hn::LoadU(
          d, W + (v / group_vectors * depth + j) * group_size + v % group_vectors * lanes);
    }
#pragma GCC unroll 16
    for (std::size_t r = 0; r < Rows; ++r) {
      const Vec x = hn::Set(d, X[r * depth + j]);
#pragma GCC unroll 16
      for (std::size_t v = 0; v < Groups * group_vectors; ++v) {
        z[r][v] = hn::MulAdd(x, w[v], z[r][v]);
      }
    }
  }
}

// The byte of one group: bit i is set where inner product i is positive.
HWY_INLINE std::uint8_t PositiveBits(const Vec* z) {
  const Tag d;
  unsigned byte = 0;
#pragma GCC unroll 16
  for (std::size_t v = 0; v < group_vectors; ++v) {
    std::uint8_t bits[8];
    hn::StoreMaskBits(d, hn::Gt(z[v], hn::Zero(d)), bits);
    byte |= static_cast<unsigned>(bits[0]) << (v * lanes);
  }
  return static_cast<std::uint8_t>(byte);
}

// Adds a relu(z) of some rows and groups to `sums` (eight lanes a row) and writes the mask bytes.
template <std::size_t Rows, std::size_t Groups>
HWY_INLINE void ForwardTile(const double* X, std::size_t depth, const double* W, const double* a,
                            double* HWY_RESTRICT sums, std::uint8_t* masks,
                            std::size_t mask_stride) {
  const Tag d;
  Vec z[Rows][Groups * group_vectors];
  InnerProducts<Rows, Groups>(X, depth, W, z);
#pragma GCC unroll 16
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (std::size_t g = 0; g < Groups; ++g) {
      masks[g * mask_stride + r] = PositiveBits(z[r] + g * group_vectors);
    }
#pragma GCC unroll 16
    for (std::size_t v = 0; v < group_vectors; ++v) {
      Vec sum = hn::LoadU(d, sums + r * group_size + v * lanes);
#pragma GCC unroll 16
      for (std::size_t g = 0; g < Groups; ++g) {
        const Vec amplitude = hn::LoadU(d, a + g * group_size + v * lanes);
        sum = hn::MulAdd(amplitude, hn::Max(z[r][g * group_vectors + v], hn::Zero(d)), sum);
      }
      hn::StoreU(sum, d, sums + r * group_size + v * lanes);
    }
  }
}

template <std::size_t Rows, std::size_t Groups>
HWY_INLINE void MaskTile(const double* X, std::size_t depth, const double* W, std::uint8_t* masks,
                         std::size_t mask_stride) {
  Vec z[Rows][Groups * group_vectors];
  InnerProducts<Rows, Groups>(X, depth, W, z);
#pragma GCC unroll 16
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (std::size_t g = 0; g < Groups; ++g) {
      masks[g * mask_stride + r] = PositiveBits(z[r] + g * group_vectors);
    }
  }
}

template <std::size_t Groups>
void ForwardGroups(const double* X, std::size_t rows, std::size_t depth, const double* W,
                   const double* a, double* sums, std::uint8_t* masks, std::size_t mask_stride) {
  std::size_t t = 0;
  for (; t + tile_rows <= rows; t += tile_rows) {
    ForwardTile<tile_rows, Groups>(X + t * depth, depth, W, a, sums + t * group_size, masks + t,
                                   mask_stride);
  }
  for (; t < rows; ++t) {
    ForwardTile<1, Groups>(X + t * depth, depth, W, a, sums + t * group_size, masks + t,
                           mask_stride);
  }
}

template <std::size_t Groups>
void MaskGroups(const double* X, std::size_t rows, std::size_t depth, const double* W,
                std::uint8_t* masks, std::size_t mask_stride) {
  std::size_t t = 0;
  for (; t + tile_rows <= rows; t += tile_rows) {
    MaskTile<tile_rows, Groups>(X + t * depth, depth, W, masks + t, mask_stride);
  }
  for (; t < rows; ++t) MaskTile<1, Groups>(X + t * depth, depth, W, masks + t, mask_stride);
}

// Adds Σ_t r_t 1[on] x_t of a few features to `sums`, which is packed like the weights.
template <std::size_t Features, std::size_t Groups>
void MomentTile(const double* HWY_RESTRICT X, std::size_t rows, std::size_t depth,
                const double* HWY_RESTRICT r, const std::uint8_t* HWY_RESTRICT masks,
                std::size_t mask_stride, double* HWY_RESTRICT sums) {
  const Tag d;
  constexpr std::size_t vectors = Groups * group_vectors;
  const auto at = [&](std::size_t j, std::size_t v) HWY_ATTR {
    return sums + (v / group_vectors * depth + j) * group_size + v % group_vectors * lanes;
  };
  Vec sum[Features][vectors];
#pragma GCC unroll 16
  for (std::size_t j = 0; j < Features; ++j) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v < vectors; ++v) sum[j][v] = hn::LoadU(d, at(j, v));
  }
  for (std::size_t t = 0; t < rows; ++t) {
    const Vec residual = hn::Set(d, r[t]);
    Vec masked[vectors];
#pragma GCC unroll 16
    for (std::size_t v = 0; v < vectors; ++v) {
      const unsigned byte = masks[v / group_vectors * mask_stride + t];
      // Eight bytes are readable, as LoadMaskBits asks.
      const std::uint8_t bits[8] = {static_cast<std::uint8_t>(byte >> (v % group_vectors * lanes))};
      masked[v] = hn::IfThenElseZero(hn::LoadMaskBits(d, bits), residual);
    }
#pragma GCC unroll 16
    for (std::size_t j = 0; j < Features; ++j) {
      const Vec x = hn::Set(d, X[t * depth + j]);
#pragma GCC unroll 16
      for (std::size_t v = 0; v < vectors; ++v) sum[j][v] = hn::MulAdd(x, masked[v], sum[j][v]);
    }
  }
#pragma GCC unroll 16
  for (std::size_t j = 0; j < Features; ++j) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v < vectors; ++v) hn::StoreU(sum[j][v], d, at(j, v));
  }
}

using MomentFunction = void (*)(const double*, std::size_t, std::size_t, const double*,
                                const std::uint8_t*, std::size_t, double*);

// MomentTile for 1, 2, ... features.
template <std::size_t Groups, std::size_t... Less>
constexpr std::array<MomentFunction, sizeof...(Less)> MomentTiles(std::index_sequence<Less...>) {
  return {MomentTile<Less + 1, Groups>...};
}

// All features, in tiles of nearly equal size.
template <std::size_t Groups>
void MomentGroups(const double* X, std::size_t rows, std::size_t depth, const double* r,
                  const std::uint8_t* masks, std::size_t mask_stride, double* sums) {
  static constexpr auto tile = MomentTiles<Groups>(std::make_index_sequence<tile_features>());
  const std::size_t tiles = (depth + tile_features - 1) / tile_features;
  for (std::size_t i = 0; i < tiles; ++i) {
    const std::size_t first = i * depth / tiles;
    const std::size_t features = (i + 1) * depth / tiles - first;
    tile[features - 1](X + first, rows, depth, r, masks, mask_stride, sums + first * group_size);
  }
}

void ForwardBlock(const double* X, std::size_t rows, std::size_t depth, const double* W,
                  const double* a, std::size_t groups, double* values, std::uint8_t* masks,
                  std::size_t mask_stride) {
  const Tag d;
  double sums[rows_per_block * group_size];
  std::fill_n(sums, rows * group_size, 0.0);
  std::size_t g = 0;
  for (; g + tile_groups <= groups; g += tile_groups) {
    ForwardGroups<tile_groups>(X, rows, depth, W + g * depth * group_size, a + g * group_size, sums,
                               masks + g * mask_stride, mask_stride);
  }
  for (; g < groups; ++g) {
    ForwardGroups<1>(X, rows, depth, W + g * depth * group_size, a + g * group_size, sums,
                     masks + g * mask_stride, mask_stride);
  }
  for (std::size_t t = 0; t < rows; ++t) {
    Vec sum = hn::LoadU(d, sums + t * group_size);
    for (std::size_t v = 1; v < group_vectors; ++v) {
      sum = hn::Add(sum, hn::LoadU(d, sums + t * group_size + v * lanes));
    }
    values[t] = hn::GetLane(hn::SumOfLanes(d, sum));
  }
}

void BackwardBlock(const double* X, std::size_t rows, std::size_t depth, const double* r,
                   const std::uint8_t* masks, std::size_t mask_stride, std::size_t groups,
                   double* sums) {
  std::size_t g = 0;
  for (; g + tile_groups <= groups; g += tile_groups) {
    MomentGroups<tile_groups>(X, rows, depth, r, masks + g * mask_stride, mask_stride,
                              sums + g * depth * group_size);
  }
  for (; g < groups; ++g) {
    MomentGroups<1>(X, rows, depth, r, masks + g * mask_stride, mask_stride,
                    sums + g * depth * group_size);
  }
}

void MaskedMomentsBlock(const double* X, std::size_t rows, std::size_t depth, const double* r,
                        const double* W, std::size_t groups, double* sums) {
  std::uint8_t masks[tile_groups * rows_per_block];
  std::size_t g = 0;
  for (; g + tile_groups <= groups; g += tile_groups) {
    MaskGroups<tile_groups>(X, rows, depth, W + g * depth * group_size, masks, rows_per_block);
    MomentGroups<tile_groups>(X, rows, depth, r, masks, rows_per_block,
                              sums + g * depth * group_size);
  }
  for (; g < groups; ++g) {
    MaskGroups<1>(X, rows, depth, W + g * depth * group_size, masks, rows_per_block);
    MomentGroups<1>(X, rows, depth, r, masks, rows_per_block, sums + g * depth * group_size);
  }
}

// Adds w_t v_t to moments[0] and w_t v_t (x_t − c) to the rest; rows of X are `stride` long.
void AffineMomentsBlock(const double* X, std::size_t rows, std::size_t stride,
                        const double* HWY_RESTRICT center, std::size_t columns,
                        const double* weights, const double* values, double* HWY_RESTRICT moments) {
  const Tag d;
  double products[rows_per_block];
  for (std::size_t t = 0; t < rows; ++t) {
    products[t] = weights[t] * values[t];
    moments[0] += products[t];
  }
  std::size_t j = 0;
  for (; j + lanes <= columns; j += lanes) {
    const Vec c = hn::LoadU(d, center + j);
    // Two sums, so that one addition need not wait for the other.
    Vec even = hn::LoadU(d, moments + 1 + j);
    Vec odd = hn::Zero(d);
    std::size_t t = 0;
    for (; t + 2 <= rows; t += 2) {
      const double* x = X + t * stride + j;
      even = hn::MulAdd(hn::Set(d, products[t]), hn::Sub(hn::LoadU(d, x), c), even);
      odd = hn::MulAdd(hn::Set(d, products[t + 1]), hn::Sub(hn::LoadU(d, x + stride), c), odd);
    }
    if (t < rows) {
      const Vec x = hn::Sub(hn::LoadU(d, X + t * stride + j), c);
      even = hn::MulAdd(hn::Set(d, products[t]), x, even);
    }
    hn::StoreU(hn::Add(even, odd), d, moments + 1 + j);
  }
  for (; j < columns; ++j) {
    double sum = 0.0;
    for (std::size_t t = 0; t < rows; ++t) sum += products[t] * (X[t * stride + j] - center[j]);
    moments[1 + j] += sum;
  }
}

// Returns the weighted square of what is left.
double SubtractAffineBlock(const double* X, std::size_t rows, std::size_t stride,
                           const double* HWY_RESTRICT center, std::size_t columns,
                           const double* HWY_RESTRICT b, const double* weights,
                           double* HWY_RESTRICT values) {
  const Tag d;
  double square = 0.0;
  for (std::size_t t = 0; t < rows; ++t, X += stride) {
    Vec sum = hn::Zero(d);
    double rest = b[0];
    std::size_t j = 0;
    for (; j + lanes <= columns; j += lanes) {
      const Vec x = hn::Sub(hn::LoadU(d, X + j), hn::LoadU(d, center + j));
      sum = hn::MulAdd(hn::LoadU(d, b + 1 + j), x, sum);
    }
    for (; j < columns; ++j) rest += b[1 + j] * (X[j] - center[j]);
    values[t] -= rest + hn::GetLane(hn::SumOfLanes(d, sum));
    square += weights[t] * values[t] * values[t];
  }
  return square;
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestone::kernels {

HWY_EXPORT(ForwardBlock);
HWY_EXPORT(BackwardBlock);
HWY_EXPORT(MaskedMomentsBlock);
HWY_EXPORT(AffineMomentsBlock);
HWY_EXPORT(SubtractAffineBlock);

namespace {

constexpr Index group_size = 8;

Index group_count(Index neurons) { return (neurons + group_size - 1) / group_size; }

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

// Weights as the kernels read them, padded with zeros: groups of eight neurons, feature by feature.
std::vector<double> packed(const Matrix& W) {
  const Index d = W.cols();
  std::vector<double> result(size(group_count(W.rows()) * group_size * d), 0.0);
  for (Index i = 0; i < W.rows(); ++i) {
    double* group = result.data() + i / group_size * group_size * d + i % group_size;
    for (Index j = 0; j < d; ++j) group[j * group_size] = W(i, j);
  }
  return result;
}

void unpack(const std::vector<double>& sums, Matrix& moments) {
  const Index d = moments.cols();
  for (Index i = 0; i < moments.rows(); ++i) {
    const double* group = sums.data() + i / group_size * group_size * d + i % group_size;
    for (Index j = 0; j < d; ++j) moments(i, j) = group[j * group_size];
  }
}

std::size_t packed_size(const Matrix& moments) {
  return size(group_count(moments.rows()) * group_size * moments.cols());
}

// Sums over blocks of rows: the blocks are dealt to at most 32 chunks by number alone, each chunk
// adds up its own blocks in order, and the chunks are added in order. The sums are the same for
// every thread count, and the memory is bounded.
template <class AddBlock>
std::vector<double> sums_over_blocks(const RowBlocks& rows, std::size_t length,
                                     const AddBlock& add_block) {
  const Index blocks = rows.count();
  const Index chunks = std::min<Index>(blocks, 32);
  std::vector<std::vector<double>> partial(size(chunks));
  for_each_block(chunks, [&](Index chunk) {
    std::vector<double>& sums = partial[size(chunk)];
    sums.assign(length, 0.0);
    for (Index block = chunk * blocks / chunks; block < (chunk + 1) * blocks / chunks; ++block) {
      add_block(rows[block].first, size(rows[block].rows), sums.data());
    }
  });
  std::vector<double> total(length, 0.0);
  for (const std::vector<double>& sums : partial) {
    for (std::size_t i = 0; i < length; ++i) total[i] += sums[i];
  }
  return total;
}

}  // namespace

namespace simd {

void forward(const Matrix& X, const RowBlocks& rows, const Matrix& W, const Vector& a,
             Vector& values, Masks& masks) {
  const Index n = X.rows();
  const Index m = W.rows();
  const Index groups = group_count(m);
  values.resize(n);
  masks.resize(n, m);
  if (m == 0) {
    values.setZero();
    return;
  }
  const std::vector<double> weights = packed(W);
  Vector amplitudes = Vector::Zero(groups * group_size);
  amplitudes.head(m) = a;
  values.segment(rows.left_out_first(), rows.left_out()).setZero();
  for_each_block(rows.count(), [&](Index block) {
    const auto [first, count] = rows[block];
    HWY_DYNAMIC_DISPATCH(ForwardBlock)
    (X.row(first).data(), size(count), size(X.cols()), weights.data(), amplitudes.data(),
     size(groups), values.data() + first, masks.group(0) + first, size(n));
  });
}

void backward(const Matrix& X, const RowBlocks& rows, const Masks& masks, const Vector& r,
              Matrix& moments) {
  moments.resize(masks.neurons, X.cols());
  if (masks.neurons == 0) return;
  const auto add = [&](Index first, std::size_t count, double* sums) {
    HWY_DYNAMIC_DISPATCH(BackwardBlock)
    (X.row(first).data(), count, size(X.cols()), r.data() + first, masks.group(0) + first,
     size(masks.rows), size(masks.groups()), sums);
  };
  unpack(sums_over_blocks(rows, packed_size(moments), add), moments);
}

void masked_moments(const Matrix& X, const RowBlocks& rows, const Matrix& U, const Vector& r,
                    Matrix& moments) {
  moments.resize(U.rows(), X.cols());
  if (U.rows() == 0) return;
  const std::vector<double> weights = packed(U);
  const auto add = [&](Index first, std::size_t count, double* sums) {
    HWY_DYNAMIC_DISPATCH(MaskedMomentsBlock)
    (X.row(first).data(), count, size(X.cols()), r.data() + first, weights.data(),
     size(group_count(U.rows())), sums);
  };
  unpack(sums_over_blocks(rows, packed_size(moments), add), moments);
}

void affine_moments(const Matrix& X, const RowBlocks& rows, const Vector& center,
                    const Vector& weights, const Vector& values, Vector& moments) {
  const auto add = [&](Index first, std::size_t count, double* sums) {
    HWY_DYNAMIC_DISPATCH(AffineMomentsBlock)
    (X.row(first).data(), count, size(X.cols()), center.data(), size(center.size()),
     weights.data() + first, values.data() + first, sums);
  };
  const std::vector<double> sums = sums_over_blocks(rows, size(1 + center.size()), add);
  moments = Eigen::Map<const Vector>(sums.data(), 1 + center.size());
}

double subtract_affine(const Matrix& X, const RowBlocks& rows, const Vector& center,
                       const Vector& b, const Vector& weights, Vector& values) {
  const auto add = [&](Index first, std::size_t count, double* square) {
    *square += HWY_DYNAMIC_DISPATCH(SubtractAffineBlock)(
        X.row(first).data(), count, size(X.cols()), center.data(), size(center.size()), b.data(),
        weights.data() + first, values.data() + first);
  };
  return sums_over_blocks(rows, 1, add).front();
}

void activations(const Matrix& X, Index first, Index count, const Matrix& U, Matrix& output) {
  output.resize(count, U.rows());
  if (U.rows() == 0) return;
  multiply_transposed(count, U.rows(), X.cols(), X.row(first).data(), X.cols(), U.data(), X.cols(),
                      output.data(), U.rows());
  output = output.cwiseMax(0.0);
}

}  // namespace simd
}  // namespace lodestone::kernels
#endif  // HWY_ONCE
