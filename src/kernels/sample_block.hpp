#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/sample.hpp"

namespace lodestone::kernels {

/// A block of rows: `rows` × `columns` numbers, row-major; with `constant`, a coordinate 1 follows
/// each row.
template <class T>
struct SampleBlock {
  const T* X;
  std::size_t rows;
  std::size_t columns;
  bool constant;

  std::size_t dimension() const { return columns + (constant ? 1 : 0); }
};

/// What one instruction set does with a block of rows.
template <class T>
struct BlockKernels {
  /// values_t = Σ_i a_i relu(w_i·x_t), and the masks unless `masks` is null.
  void (*forward)(const SampleBlock<T>&, const PackedNeurons<T>&, double* values,
                  std::uint8_t* masks, std::size_t mask_stride);
  /// sums += Σ_t r_t 1[on] x_t, packed like the weights.
  void (*backward)(const SampleBlock<T>&, const T* r, const std::uint8_t* masks,
                   std::size_t mask_stride, std::size_t groups, double* sums);
  /// Both, without keeping the masks.
  void (*masked_moments)(const SampleBlock<T>&, const T* r, const PackedNeurons<T>&, double* sums);
  /// output: for each row the activations of all groups; rows are `stride` apart.
  void (*activations)(const SampleBlock<T>&, const PackedNeurons<T>&, T* output,
                      std::size_t stride);
  /// moments += w_t v_t, and w_t v_t (x_t − c).
  void (*affine_moments)(const SampleBlock<T>&, const T* center, const double* weights,
                         const double* values, double* moments);
  /// values −= intercept + slopes·(x_t − c); returns Σ_t w_t v_t².
  double (*subtract_affine)(const SampleBlock<T>&, const T* center, const T* slopes,
                            double intercept, const double* weights, double* values);
};

namespace reference {
/// In plain loops, with the operations of every instruction set that has fused multiply-adds in the
/// same order: the bits of these are the specification.
template <class T>
BlockKernels<T> block_kernels();
}  // namespace reference

}  // namespace lodestone::kernels
