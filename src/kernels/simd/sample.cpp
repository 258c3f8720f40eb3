#include "kernels/sample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/sample.cpp"
#include "core/highway_targets.hpp"
// Highway asks for this order: foreach_target.h before highway.h.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "core/block_sums.hpp"
#include "core/instruction_set.hpp"
#include "kernels/sample_block.hpp"
#include "kernels/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestone::kernels {
namespace HWY_NAMESPACE {

template <class T>
constexpr std::size_t group_bytes = static_cast<std::size_t>(group_size<T>) / 8;
template <class T>
constexpr std::size_t group_width = static_cast<std::size_t>(group_size<T>);

// One feature less than there is room for: the sums of the constant coordinate take its place.
template <class T>
constexpr std::size_t tile_features = std::max<std::size_t>(2, tile_rows<T, tile_groups<T>>) - 1;

// z[r][v]: inner products of Rows rows with Groups groups of neurons. W is packed: a group holds
// its weights of feature 0, then of feature 1, ..., those of the constant coordinate last.
template <class T, std::size_t Rows, std::size_t Groups>
HWY_INLINE void InnerProducts(const SampleBlock<T>& block, const T* HWY_RESTRICT X,
                              const T* HWY_RESTRICT W,
                              Vec<T> (&z)[Rows][Groups * group_vectors<T>]) {
  const Tag<T> d;
  constexpr std::size_t vectors = Groups * group_vectors<T>;
  const auto weight = [&](std::size_t j, std::size_t v) HWY_ATTR {
    return hn::LoadU(d, W + (v / group_vectors<T> * block.dimension() + j) * group_width<T> +
                            v % group_vectors<T> * lanes<T>);
  };
#pragma GCC unroll 24
  for (std::size_t v = 0; v < vectors; ++v) {
    const Vec<T> start = block.constant ? weight(block.columns, v) : hn::Zero(d);
#pragma GCC unroll 24
    for (std::size_t r = 0; r < Rows; ++r) z[r][v] = start;
  }
  const std::size_t columns = block.columns;
  for (std::size_t j = 0; j < columns; ++j) {
    Vec<T> w[vectors];
#pragma GCC unroll 24
    for (std::size_t v = 0; v < vectors; ++v) w[v] = weight(j, v);
#pragma GCC unroll 24
    for (std::size_t r = 0; r < Rows; ++r) {
      const Vec<T> x = hn::Set(d, X[r * columns + j]);
#pragma GCC unroll 24
      for (std::size_t v = 0; v < vectors; ++v) z[r][v] = hn::MulAdd(x, w[v], z[r][v]);
    }
  }
}

// The bits of one group: set where an inner product is positive.
template <class T>
HWY_INLINE void StorePositive(const Vec<T>* z, std::uint8_t* bits) {
  const Tag<T> d;
  std::uint8_t stored[8];
  if constexpr (lanes<T> >= 8) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < group_vectors<T>; ++v) {
      hn::StoreMaskBits(d, hn::Gt(z[v], hn::Zero(d)), stored);
      std::copy_n(stored, lanes<T> / 8, bits + v * lanes<T> / 8);
    }
  } else {
    unsigned word = 0;
#pragma GCC unroll 8
    for (std::size_t v = 0; v < group_vectors<T>; ++v) {
      hn::StoreMaskBits(d, hn::Gt(z[v], hn::Zero(d)), stored);
      word |= static_cast<unsigned>(stored[0]) << (v * lanes<T>);
    }
    for (std::size_t i = 0; i < group_bytes<T>; ++i) {
      bits[i] = static_cast<std::uint8_t>(word >> (8 * i));
    }
  }
}

// The v-th vector of a group's bits; eight bytes are readable, as LoadMaskBits asks.
template <class T>
HWY_INLINE auto LoadBits(const std::uint8_t* bits, std::size_t v) {
  const Tag<T> d;
  if constexpr (lanes<T> >= 8) {
    return hn::LoadMaskBits(d, bits + v * lanes<T> / 8);
  } else {
    const std::uint8_t shifted[8] = {
        static_cast<std::uint8_t>(bits[v * lanes<T> / 8] >> (v * lanes<T> % 8))};
    return hn::LoadMaskBits(d, shifted);
  }
}

// What becomes of the inner products of a tile.
enum class Use { sums, sums_and_masks, masks, activations };

// Where it goes, for the first row and group: `sums` has one vector's worth of lanes of a group a
// row, masks as in Masks, `output` a row of activations for each row.
template <class T>
struct ForwardOutput {
  const T* a = nullptr;
  T* sums = nullptr;
  std::uint8_t* masks = nullptr;
  std::size_t mask_stride = 0;
  T* output = nullptr;
  std::size_t output_stride = 0;
};

template <Use use, class T, std::size_t Rows, std::size_t Groups>
HWY_INLINE void ForwardTile(const SampleBlock<T>& block, std::size_t t, const T* W,
                            const ForwardOutput<T>& out) {
  const Tag<T> d;
  constexpr std::size_t of_group = group_vectors<T>;
  Vec<T> z[Rows][Groups * of_group];
  InnerProducts<T, Rows, Groups>(block, block.X + t * block.columns, W, z);
#pragma GCC unroll 24
  for (std::size_t r = 0; r < Rows; ++r) {
    if constexpr (use == Use::sums_and_masks || use == Use::masks) {
#pragma GCC unroll 24
      for (std::size_t g = 0; g < Groups; ++g) {
        StorePositive<T>(z[r] + g * of_group,
                         out.masks + g * out.mask_stride + (t + r) * group_bytes<T>);
      }
    }
    if constexpr (use == Use::sums || use == Use::sums_and_masks) {
#pragma GCC unroll 24
      for (std::size_t v = 0; v < of_group; ++v) {
        T* at = out.sums + (t + r) * group_width<T> + v * lanes<T>;
        Vec<T> sum = hn::LoadU(d, at);
#pragma GCC unroll 24
        for (std::size_t g = 0; g < Groups; ++g) {
          const Vec<T> amplitude = hn::LoadU(d, out.a + g * group_width<T> + v * lanes<T>);
          sum = hn::MulAdd(amplitude, hn::Max(z[r][g * of_group + v], hn::Zero(d)), sum);
        }
        hn::StoreU(sum, d, at);
      }
    }
    if constexpr (use == Use::activations) {
#pragma GCC unroll 24
      for (std::size_t v = 0; v < Groups * of_group; ++v) {
        hn::StoreU(hn::Max(z[r][v], hn::Zero(d)), d,
                   out.output + (t + r) * out.output_stride + v * lanes<T>);
      }
    }
  }
}

template <Use use, class T, std::size_t Groups>
void ForwardGroups(const SampleBlock<T>& block, const T* W, const ForwardOutput<T>& out) {
  constexpr std::size_t most = tile_rows<T, Groups>;
  constexpr std::size_t some = std::max<std::size_t>(1, most / 3);
  std::size_t t = 0;
  for (; t + most <= block.rows; t += most) ForwardTile<use, T, most, Groups>(block, t, W, out);
  for (; t + some <= block.rows; t += some) ForwardTile<use, T, some, Groups>(block, t, W, out);
  for (; t < block.rows; ++t) ForwardTile<use, T, 1, Groups>(block, t, W, out);
}

// Adds Σ_t r_t 1[on] x_t of a few features to `sums`, which is packed like the weights; with
// Constant, that of the constant coordinate too.
template <class T, std::size_t Features, std::size_t Groups, bool Constant>
void MomentTile(const SampleBlock<T>& block, std::size_t first, const T* HWY_RESTRICT r,
                const std::uint8_t* masks, std::size_t mask_stride, double* HWY_RESTRICT sums) {
  const Tag<T> d;
  constexpr std::size_t vectors = Groups * group_vectors<T>;
  Vec<T> sum[Features][vectors];
  Vec<T> constant_sum[vectors];
#pragma GCC unroll 24
  for (std::size_t v = 0; v < vectors; ++v) {
    constant_sum[v] = hn::Zero(d);
#pragma GCC unroll 24
    for (std::size_t j = 0; j < Features; ++j) sum[j][v] = hn::Zero(d);
  }
  const std::size_t columns = block.columns;
  const T* HWY_RESTRICT X = block.X + first;
  for (std::size_t t = 0; t < block.rows; ++t, X += columns) {
    const Vec<T> residual = hn::Set(d, r[t]);
    Vec<T> masked[vectors];
#pragma GCC unroll 24
    for (std::size_t v = 0; v < vectors; ++v) {
      const std::uint8_t* bits = masks + v / group_vectors<T> * mask_stride + t * group_bytes<T>;
      masked[v] = hn::IfThenElseZero(LoadBits<T>(bits, v % group_vectors<T>), residual);
      if constexpr (Constant) constant_sum[v] = hn::Add(constant_sum[v], masked[v]);
    }
#pragma GCC unroll 24
    for (std::size_t j = 0; j < Features; ++j) {
      const Vec<T> x = hn::Set(d, X[j]);
#pragma GCC unroll 24
      for (std::size_t v = 0; v < vectors; ++v) sum[j][v] = hn::MulAdd(x, masked[v], sum[j][v]);
    }
  }
  const auto at = [&](std::size_t j, std::size_t v) HWY_ATTR {
    return sums + (v / group_vectors<T> * block.dimension() + j) * group_width<T> +
           v % group_vectors<T> * lanes<T>;
  };
#pragma GCC unroll 24
  for (std::size_t v = 0; v < vectors; ++v) {
#pragma GCC unroll 24
    for (std::size_t j = 0; j < Features; ++j) AddTo(at(first + j, v), sum[j][v]);
    if constexpr (Constant) AddTo(at(columns, v), constant_sum[v]);
  }
}

template <class T>
using MomentFunction = void (*)(const SampleBlock<T>&, std::size_t, const T*, const std::uint8_t*,
                                std::size_t, double*);

// MomentTile for 1, 2, ... features.
template <class T, std::size_t Groups, bool Constant, std::size_t... Less>
constexpr std::array<MomentFunction<T>, sizeof...(Less)> MomentTiles(std::index_sequence<Less...>) {
  return {MomentTile<T, Less + 1, Groups, Constant>...};
}

// All features, in tiles of nearly equal size.
template <class T, std::size_t Groups>
void MomentGroups(const SampleBlock<T>& block, const T* r, const std::uint8_t* masks,
                  std::size_t mask_stride, double* sums) {
  using Sizes = std::make_index_sequence<tile_features<T>>;
  static constexpr auto plain = MomentTiles<T, Groups, false>(Sizes());
  static constexpr auto with_constant = MomentTiles<T, Groups, true>(Sizes());
  const std::size_t tiles = (block.columns + tile_features<T> - 1) / tile_features<T>;
  for (std::size_t i = 0; i < tiles; ++i) {
    const std::size_t first = i * block.columns / tiles;
    const std::size_t features = (i + 1) * block.columns / tiles - first;
    const auto& tile = block.constant && i + 1 == tiles ? with_constant : plain;
    tile[features - 1](block, first, r, masks, mask_stride, sums);
  }
}

// Calls body(groups, g) for tiles of groups from g on.
template <class T, class Body>
HWY_INLINE void ForTiles(std::size_t groups, const Body& body) {
  std::size_t g = 0;
  for (; g + tile_groups<T> <= groups; g += tile_groups<T>) {
    body(std::integral_constant<std::size_t, tile_groups<T>>(), g);
  }
  for (; g < groups; ++g) body(std::integral_constant<std::size_t, 1>(), g);
}

template <class T>
void ForwardBlock(const SampleBlock<T>& block, const PackedNeurons<T>& neurons, double* values,
                  std::uint8_t* masks, std::size_t mask_stride) {
  T sums[rows_per_block * group_width<T>];
  std::fill_n(sums, block.rows * group_width<T>, T{0});
  const std::size_t group_weights = block.dimension() * group_width<T>;
  ForTiles<T>(neurons.groups, [&](auto count, std::size_t g) HWY_ATTR {
    ForwardOutput<T> out;
    out.a = neurons.a.data() + g * group_width<T>;
    out.sums = sums;
    if (masks != nullptr) out.masks = masks + g * mask_stride;
    out.mask_stride = mask_stride;
    const T* W = neurons.W.data() + g * group_weights;
    if (masks == nullptr) {
      ForwardGroups<Use::sums, T, count()>(block, W, out);
    } else {
      ForwardGroups<Use::sums_and_masks, T, count()>(block, W, out);
    }
  });
  for (std::size_t t = 0; t < block.rows; ++t) values[t] = FoldLanes(sums + t * group_width<T>);
}

template <class T>
void BackwardBlock(const SampleBlock<T>& block, const T* r, const std::uint8_t* masks,
                   std::size_t mask_stride, std::size_t groups, double* sums) {
  ForTiles<T>(groups, [&](auto count, std::size_t g) HWY_ATTR {
    MomentGroups<T, count()>(block, r, masks + g * mask_stride, mask_stride,
                             sums + g * block.dimension() * group_width<T>);
  });
}

template <class T>
void MaskedMomentsBlock(const SampleBlock<T>& block, const T* r, const PackedNeurons<T>& neurons,
                        double* sums) {
  constexpr std::size_t stride = static_cast<std::size_t>(rows_per_block) * group_bytes<T>;
  std::uint8_t masks[tile_groups<T> * stride + 8];
  const std::size_t group_weights = block.dimension() * group_width<T>;
  ForTiles<T>(neurons.groups, [&](auto count, std::size_t g) HWY_ATTR {
    ForwardOutput<T> out;
    out.masks = masks;
    out.mask_stride = stride;
    ForwardGroups<Use::masks, T, count()>(block, neurons.W.data() + g * group_weights, out);
    MomentGroups<T, count()>(block, r, masks, stride, sums + g * group_weights);
  });
}

template <class T>
void ActivationsBlock(const SampleBlock<T>& block, const PackedNeurons<T>& neurons, T* output,
                      std::size_t stride) {
  const std::size_t group_weights = block.dimension() * group_width<T>;
  ForTiles<T>(neurons.groups, [&](auto count, std::size_t g) HWY_ATTR {
    ForwardOutput<T> out;
    out.output = output + g * group_width<T>;
    out.output_stride = stride;
    ForwardGroups<Use::activations, T, count()>(block, neurons.W.data() + g * group_weights, out);
  });
}

// Adds Σ_t products_t (x_t − c) of a few vectors of columns, from column j on, to `moments`.
template <class T, std::size_t Vectors>
HWY_INLINE void AffineTile(const SampleBlock<T>& block, std::size_t j, const T* HWY_RESTRICT center,
                           const T* HWY_RESTRICT products, double* moments) {
  const Tag<T> d;
  Vec<T> sum[Vectors];
  Vec<T> c[Vectors];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < Vectors; ++v) {
    sum[v] = hn::Zero(d);
    c[v] = hn::LoadU(d, center + j + v * lanes<T>);
  }
  for (std::size_t t = 0; t < block.rows; ++t) {
    const Vec<T> product = hn::Set(d, products[t]);
    const T* x = block.X + t * block.columns + j;
#pragma GCC unroll 4
    for (std::size_t v = 0; v < Vectors; ++v) {
      sum[v] = hn::MulAdd(product, hn::Sub(hn::LoadU(d, x + v * lanes<T>), c[v]), sum[v]);
    }
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < Vectors; ++v) AddTo(moments + j + v * lanes<T>, sum[v]);
}

// Adds w_t v_t to moments[0] and w_t v_t (x_t − c) to the rest. Columns in vectors, four at a time
// so that one addition need not wait for another, the last ones one by one: every column has one
// sum, in the order of the rows.
template <class T>
void AffineMomentsBlock(const SampleBlock<T>& block, const T* HWY_RESTRICT center,
                        const double* weights, const double* values, double* moments) {
  T products[rows_per_block];
  double total = 0.0;
  for (std::size_t t = 0; t < block.rows; ++t) {
    const double product = weights[t] * values[t];
    products[t] = static_cast<T>(product);
    total += product;
  }
  moments[0] += total;
  const std::size_t columns = block.columns;
  std::size_t j = 0;
  for (; j + 4 * lanes<T> <= columns; j += 4 * lanes<T>) {
    AffineTile<T, 4>(block, j, center, products, moments + 1);
  }
  for (; j + lanes<T> <= columns; j += lanes<T>) {
    AffineTile<T, 1>(block, j, center, products, moments + 1);
  }
  for (; j < columns; ++j) {
    T sum{0};
    for (std::size_t t = 0; t < block.rows; ++t) {
      sum = MulAddOne(products[t], block.X[t * columns + j] - center[j], sum);
    }
    moments[1 + j] += double{sum};
  }
}

// Returns the weighted square of what is left. The products of a row are summed in the lanes of a
// group: column j in lane j % group_size.
template <class T>
double SubtractAffineBlock(const SampleBlock<T>& block, const T* HWY_RESTRICT center,
                           const T* HWY_RESTRICT slopes, double intercept, const double* weights,
                           double* HWY_RESTRICT values) {
  const Tag<T> d;
  const std::size_t columns = block.columns;
  double square = 0.0;
  for (std::size_t t = 0; t < block.rows; ++t) {
    const T* x = block.X + t * columns;
    T sums[group_width<T>] = {};
    std::size_t j = 0;
    for (; j + lanes<T> <= columns; j += lanes<T>) {
      T* at = sums + j % group_width<T>;
      const Vec<T> centred = hn::Sub(hn::LoadU(d, x + j), hn::LoadU(d, center + j));
      hn::StoreU(hn::MulAdd(hn::LoadU(d, slopes + j), centred, hn::LoadU(d, at)), d, at);
    }
    for (; j < columns; ++j) {
      T& sum = sums[j % group_width<T>];
      sum = MulAddOne(slopes[j], x[j] - center[j], sum);
    }
    values[t] -= intercept + FoldLanes(sums);
    square += weights[t] * values[t] * values[t];
  }
  return square;
}

template <class T>
BlockKernels<T> AllKernels() {
  return {ForwardBlock<T>,     BackwardBlock<T>,      MaskedMomentsBlock<T>,
          ActivationsBlock<T>, AffineMomentsBlock<T>, SubtractAffineBlock<T>};
}

// Highway exports functions, not templates.
BlockKernels<double> KernelsFloat64() { return AllKernels<double>(); }
BlockKernels<float> KernelsFloat32() { return AllKernels<float>(); }

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestone::kernels {

HWY_EXPORT(KernelsFloat64);
HWY_EXPORT(KernelsFloat32);

namespace {

template <class T>
BlockKernels<T> block_kernels() {
  if (plain_loops()) return reference::block_kernels<T>();
  if constexpr (std::is_same_v<T, double>) {
    return HWY_DYNAMIC_DISPATCH(KernelsFloat64)();
  } else {
    return HWY_DYNAMIC_DISPATCH(KernelsFloat32)();
  }
}

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

template <class T>
std::size_t group_count(Index neurons) {
  return size(groups_of<T>(neurons));
}

template <class T>
SampleBlock<T> block_of(const SampleRows<T>& X, Index first, Index rows) {
  return {X.row(first), size(rows), size(X.columns), X.constant};
}

template <class T>
std::vector<T> in_precision(const auto& values) {
  std::vector<T> result(size(values.size()));
  for (Index j = 0; j < values.size(); ++j) result[size(j)] = static_cast<T>(values[j]);
  return result;
}

template <class T>
PackedNeurons<T> packed(const Matrix& W, const Vector& a) {
  constexpr Index in_group = group_size<T>;
  const Index d = W.cols();
  const std::size_t groups = group_count<T>(W.rows());
  PackedNeurons<T> result{groups, std::vector<T>(groups * size(in_group * d)),
                          std::vector<T>(groups * size(in_group))};
  for (Index i = 0; i < W.rows(); ++i) {
    T* group = result.W.data() + i / in_group * in_group * d + i % in_group;
    for (Index j = 0; j < d; ++j) group[j * in_group] = static_cast<T>(W(i, j));
  }
  for (Index i = 0; i < a.size(); ++i) result.a[size(i)] = static_cast<T>(a[i]);
  return result;
}

template <class T>
void unpack(const std::vector<double>& sums, Matrix& moments) {
  constexpr Index in_group = group_size<T>;
  const Index d = moments.cols();
  for (Index i = 0; i < moments.rows(); ++i) {
    const double* group = sums.data() + i / in_group * in_group * d + i % in_group;
    for (Index j = 0; j < d; ++j) moments(i, j) = group[j * in_group];
  }
}

template <class T>
std::size_t packed_size(const Matrix& moments) {
  return group_count<T>(moments.rows()) * size(group_size<T> * moments.cols());
}

// Σ over blocks of rows of what add(first, rows, sums) adds to `length` sums.
template <class AddRows>
std::vector<double> sums_over_rows(const RowBlocks& visited, std::size_t length,
                                   const AddRows& add) {
  return sum_over_blocks(visited.blocks(), length, [&](Index block, double* sums) {
    const auto [first, rows] = visited[block];
    add(first, rows, sums);
  });
}

// Σ over blocks of what add(first, rows, moments) adds to the affine moments.
template <class AddBlock>
Vector affine_sums(const RowBlocks& rows, Index columns, const AddBlock& add_block) {
  const std::vector<double> sums = sums_over_rows(rows, size(1 + columns), add_block);
  return Eigen::Map<const Vector>(sums.data(), 1 + columns);
}

}  // namespace

namespace simd {

template <class T>
void forward(const SampleRows<T>& X, const Matrix& W, const Vector& a, const Vector& y,
             const AffineColumns& affine, Vector& values, Masks& masks, Vector& moments) {
  const BlockKernels<T> kernels = block_kernels<T>();
  const RowBlocks& visited = X.visited;
  const PackedNeurons<T> neurons = packed<T>(W, a);
  const std::vector<T> center = in_precision<T>(affine.center);
  values.resize(visited.total());
  values.segment(visited.left_out_first(), visited.left_out()).setZero();
  masks.resize<T>(visited.total(), W.rows());
  moments = affine_sums(visited, X.columns, [&](Index first, Index rows, double* sums) {
    const SampleBlock<T> block = block_of(X, first, rows);
    double* v = values.data() + first;
    kernels.forward(block, neurons, v, masks.row(first), size(masks.stride()));
    for (Index t = 0; t < rows; ++t) v[t] -= y[first + t];
    kernels.affine_moments(block, center.data(), affine.weights.data() + first, v, sums);
  });
}

template <class T>
double backward(const SampleRows<T>& X, const Masks& masks, const Vector& b,
                const AffineColumns& affine, Vector& values, Matrix& moments) {
  const BlockKernels<T> kernels = block_kernels<T>();
  const std::vector<T> center = in_precision<T>(affine.center);
  const std::vector<T> slopes = in_precision<T>(b.tail(X.columns));
  moments.resize(masks.neurons(), X.dimension());
  const std::size_t length = packed_size<T>(moments);
  // The square travels behind the moments.
  const auto add = [&](Index first, Index rows, double* sums) {
    const SampleBlock<T> block = block_of(X, first, rows);
    const double* weights = affine.weights.data() + first;
    double* v = values.data() + first;
    sums[length] += kernels.subtract_affine(block, center.data(), slopes.data(), b[0], weights, v);
    T r[rows_per_block];
    for (Index t = 0; t < rows; ++t) r[t] = static_cast<T>(weights[t] * v[t]);
    kernels.backward(block, r, masks.row(first), size(masks.stride()), size(masks.groups()), sums);
  };
  const std::vector<double> sums = sums_over_rows(X.visited, length + 1, add);
  unpack<T>(sums, moments);
  return sums[length];
}

template <class T>
void masked_moments(const SampleRows<T>& X, const Matrix& U, const Vector& r, Matrix& moments) {
  moments.resize(U.rows(), X.dimension());
  if (U.rows() == 0) return;
  const BlockKernels<T> kernels = block_kernels<T>();
  const PackedNeurons<T> neurons = packed<T>(U, Vector());
  const auto add = [&](Index first, Index rows, double* sums) {
    T residual[rows_per_block];
    for (Index t = 0; t < rows; ++t) residual[t] = static_cast<T>(r[first + t]);
    kernels.masked_moments(block_of(X, first, rows), residual, neurons, sums);
  };
  unpack<T>(sums_over_rows(X.visited, packed_size<T>(moments), add), moments);
}

template <class T>
void affine_moments(const SampleRows<T>& X, const AffineColumns& affine, const Vector& values,
                    Vector& moments) {
  const BlockKernels<T> kernels = block_kernels<T>();
  const std::vector<T> center = in_precision<T>(affine.center);
  moments = affine_sums(X.visited, X.columns, [&](Index first, Index rows, double* sums) {
    kernels.affine_moments(block_of(X, first, rows), center.data(), affine.weights.data() + first,
                           values.data() + first, sums);
  });
}

template <class T>
double subtract_affine(const SampleRows<T>& X, const AffineColumns& affine, const Vector& b,
                       Vector& values) {
  const BlockKernels<T> kernels = block_kernels<T>();
  const std::vector<T> center = in_precision<T>(affine.center);
  const std::vector<T> slopes = in_precision<T>(b.tail(X.columns));
  const auto add = [&](Index first, Index rows, double* square) {
    *square += kernels.subtract_affine(block_of(X, first, rows), center.data(), slopes.data(), b[0],
                                       affine.weights.data() + first, values.data() + first);
  };
  return sums_over_rows(X.visited, 1, add).front();
}

template <class T>
void predictions(const SampleRows<T>& X, const Matrix& W, const Vector& a, const Vector& b,
                 Vector& values) {
  const BlockKernels<T> kernels = block_kernels<T>();
  const PackedNeurons<T> neurons = packed<T>(W, a);
  const std::vector<T> center(size(X.columns));
  const std::vector<T> slopes = in_precision<T>(-b.tail(X.columns));
  values.resize(X.visited.total());
  for_each_block(X.visited.count(), [&](Index number) {
    const auto [first, rows] = X.visited[number];
    const SampleBlock<T> block = block_of(X, first, rows);
    const double weights[rows_per_block] = {};
    double* v = values.data() + first;
    kernels.forward(block, neurons, v, nullptr, 0);
    kernels.subtract_affine(block, center.data(), slopes.data(), -b[0], weights, v);
  });
}

template <class T>
PackedNeurons<T> packed_directions(const Matrix& U) {
  return packed<T>(U, Vector());
}

template <class T>
void activations(const SampleRows<T>& X, Index first, Index count, const PackedNeurons<T>& U,
                 double* output, Index stride) {
  const SampleBlock<T> block = block_of(X, first, count);
  if constexpr (std::is_same_v<T, double>) {
    block_kernels<T>().activations(block, U, output, size(stride));
  } else {
    const std::size_t width = U.groups * size(group_size<T>);
    std::vector<T> in_float(block.rows * width);
    block_kernels<T>().activations(block, U, in_float.data(), width);
    for (std::size_t t = 0; t < block.rows; ++t) {
      std::copy_n(in_float.data() + t * width, width, output + t * size(stride));
    }
  }
}

template <class T>
void activations(const SampleRows<T>& X, Index first, Index count, const Matrix& U,
                 Matrix& output) {
  output.resize(count, U.rows());
  if (output.size() == 0) return;
  Matrix padded(count, padded_directions<T>(U.rows()));
  activations(X, first, count, packed_directions<T>(U), padded.data(), padded.cols());
  output = padded.leftCols(U.rows());
}

template void forward(const SampleRows<double>&, const Matrix&, const Vector&, const Vector&,
                      const AffineColumns&, Vector&, Masks&, Vector&);
template void forward(const SampleRows<float>&, const Matrix&, const Vector&, const Vector&,
                      const AffineColumns&, Vector&, Masks&, Vector&);
template double backward(const SampleRows<double>&, const Masks&, const Vector&,
                         const AffineColumns&, Vector&, Matrix&);
template double backward(const SampleRows<float>&, const Masks&, const Vector&,
                         const AffineColumns&, Vector&, Matrix&);
template void masked_moments(const SampleRows<double>&, const Matrix&, const Vector&, Matrix&);
template void masked_moments(const SampleRows<float>&, const Matrix&, const Vector&, Matrix&);
template void affine_moments(const SampleRows<double>&, const AffineColumns&, const Vector&,
                             Vector&);
template void affine_moments(const SampleRows<float>&, const AffineColumns&, const Vector&,
                             Vector&);
template double subtract_affine(const SampleRows<double>&, const AffineColumns&, const Vector&,
                                Vector&);
template double subtract_affine(const SampleRows<float>&, const AffineColumns&, const Vector&,
                                Vector&);
template void predictions(const SampleRows<double>&, const Matrix&, const Vector&, const Vector&,
                          Vector&);
template void predictions(const SampleRows<float>&, const Matrix&, const Vector&, const Vector&,
                          Vector&);
template PackedNeurons<double> packed_directions(const Matrix&);
template PackedNeurons<float> packed_directions(const Matrix&);
template void activations(const SampleRows<double>&, Index, Index, const PackedNeurons<double>&,
                          double*, Index);
template void activations(const SampleRows<float>&, Index, Index, const PackedNeurons<float>&,
                          double*, Index);
template void activations(const SampleRows<double>&, Index, Index, const Matrix&, Matrix&);
template void activations(const SampleRows<float>&, Index, Index, const Matrix&, Matrix&);

}  // namespace simd
}  // namespace lodestone::kernels
#endif  // HWY_ONCE
