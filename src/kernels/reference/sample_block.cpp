#include "kernels/sample_block.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/block_sums.hpp"
#include "kernels/groups.hpp"

namespace lodestone::kernels::reference {
namespace {

template <class T>
constexpr std::size_t group_width = static_cast<std::size_t>(group_size<T>);

bool is_on(const std::uint8_t* masks, std::size_t stride, std::size_t group, std::size_t bytes,
           std::size_t t, std::size_t lane) {
  return (masks[group * stride + t * bytes + lane / 8] >> (lane % 8) & 1U) != 0;
}

// w·x_t of one neuron: the constant coordinate's weight first.
template <class T>
T inner_product(const SampleBlock<T>& block, const PackedNeurons<T>& neurons, std::size_t group,
                std::size_t lane, std::size_t t) {
  const T* w = neurons.W.data() + group * block.dimension() * group_width<T> + lane;
  T z = block.constant ? w[block.columns * group_width<T>] : T{0};
  for (std::size_t j = 0; j < block.columns; ++j) {
    z = std::fma(block.X[t * block.columns + j], w[j * group_width<T>], z);
  }
  return z;
}

template <class T>
void forward(const SampleBlock<T>& block, const PackedNeurons<T>& neurons, double* values,
             std::uint8_t* masks, std::size_t mask_stride) {
  for (std::size_t t = 0; t < block.rows; ++t) {
    T sums[group_width<T>] = {};
    for (std::size_t g = 0; g < neurons.groups; ++g) {
      std::uint8_t none[group_width<T> / 8];
      std::uint8_t* bits =
          masks == nullptr ? none : masks + g * mask_stride + t * (group_width<T> / 8);
      std::fill_n(bits, group_width<T> / 8, std::uint8_t{0});
      for (std::size_t i = 0; i < group_width<T>; ++i) {
        const T z = inner_product(block, neurons, g, i, t);
        if (z > T{0}) bits[i / 8] |= static_cast<std::uint8_t>(1U << (i % 8));
        sums[i] = std::fma(neurons.a[g * group_width<T> + i], std::max(z, T{0}), sums[i]);
      }
    }
    values[t] = fold_lanes(sums);
  }
}

template <class T>
void backward(const SampleBlock<T>& block, const T* r, const std::uint8_t* masks,
              std::size_t mask_stride, std::size_t groups, double* sums) {
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t j = 0; j < block.dimension(); ++j) {
      for (std::size_t i = 0; i < group_width<T>; ++i) {
        T sum{0};
        for (std::size_t t = 0; t < block.rows; ++t) {
          const T masked = is_on(masks, mask_stride, g, group_width<T> / 8, t, i) ? r[t] : T{0};
          sum = j < block.columns ? std::fma(block.X[t * block.columns + j], masked, sum)
                                  : sum + masked;
        }
        sums[(g * block.dimension() + j) * group_width<T> + i] += double{sum};
      }
    }
  }
}

template <class T>
void masked_moments(const SampleBlock<T>& block, const T* r, const PackedNeurons<T>& neurons,
                    double* sums) {
  const std::size_t stride = block.rows * (group_width<T> / 8);
  std::vector<std::uint8_t> masks(neurons.groups * stride);
  std::vector<double> values(block.rows);
  forward(block, neurons, values.data(), masks.data(), stride);
  backward(block, r, masks.data(), stride, neurons.groups, sums);
}

template <class T>
void activations(const SampleBlock<T>& block, const PackedNeurons<T>& neurons, T* output,
                 std::size_t stride) {
  for (std::size_t t = 0; t < block.rows; ++t) {
    for (std::size_t i = 0; i < neurons.groups * group_width<T>; ++i) {
      output[t * stride + i] =
          std::max(inner_product(block, neurons, i / group_width<T>, i % group_width<T>, t), T{0});
    }
  }
}

template <class T>
void affine_moments(const SampleBlock<T>& block, const T* center, const double* weights,
                    const double* values, double* moments) {
  std::vector<T> products(block.rows);
  double total = 0.0;
  for (std::size_t t = 0; t < block.rows; ++t) {
    const double product = weights[t] * values[t];
    products[t] = static_cast<T>(product);
    total += product;
  }
  moments[0] += total;
  for (std::size_t j = 0; j < block.columns; ++j) {
    T sum{0};
    for (std::size_t t = 0; t < block.rows; ++t) {
      sum = std::fma(products[t], block.X[t * block.columns + j] - center[j], sum);
    }
    moments[1 + j] += double{sum};
  }
}

template <class T>
double subtract_affine(const SampleBlock<T>& block, const T* center, const T* slopes,
                       double intercept, const double* weights, double* values) {
  double square = 0.0;
  for (std::size_t t = 0; t < block.rows; ++t) {
    T sums[group_width<T>] = {};
    for (std::size_t j = 0; j < block.columns; ++j) {
      T& sum = sums[j % group_width<T>];
      sum = std::fma(slopes[j], block.X[t * block.columns + j] - center[j], sum);
    }
    values[t] -= intercept + fold_lanes(sums);
    square += weights[t] * values[t] * values[t];
  }
  return square;
}

}  // namespace

template <class T>
BlockKernels<T> block_kernels() {
  return {forward<T>,     backward<T>,       masked_moments<T>,
          activations<T>, affine_moments<T>, subtract_affine<T>};
}

template BlockKernels<double> block_kernels();
template BlockKernels<float> block_kernels();

}  // namespace lodestone::kernels::reference
