#include "kernels/sample.hpp"

#include <algorithm>
#include <vector>

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

// At most eight lanes, so that a byte of mask bits is a whole number of vectors.
using Tag = hn::CappedTag<double, 8>;

// One row of inner products z: returns Σ a relu(z) and writes the mask bits. The count is a
// multiple of 8, padded with zeros.
double ForwardRow(std::size_t count, const double* z, const double* a, std::uint8_t* bits) {
  const Tag d;
  const auto zero = hn::Zero(d);
  auto sum = zero;
  for (std::size_t i = 0; i < count; i += 8) {
    unsigned byte = 0;
    for (std::size_t j = 0; j < 8; j += hn::Lanes(d)) {
      const auto product = hn::LoadU(d, z + i + j);
      std::uint8_t lanes[8];
      hn::StoreMaskBits(d, hn::Gt(product, zero), lanes);
      byte |= static_cast<unsigned>(lanes[0]) << j;
      sum = hn::MulAdd(hn::LoadU(d, a + i + j), hn::Max(product, zero), sum);
    }
    bits[i / 8] = static_cast<std::uint8_t>(byte);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// One row of masked residuals: r where the bit is set, 0 elsewhere. The count is a multiple of 8.
void MaskedRow(std::size_t count, const std::uint8_t* bits, double r, double* masked) {
  const Tag d;
  const auto value = hn::Set(d, r);
  for (std::size_t i = 0; i < count; i += 8) {
    for (std::size_t j = 0; j < 8; j += hn::Lanes(d)) {
      std::uint8_t lanes[8] = {static_cast<std::uint8_t>(bits[i / 8] >> j)};
      hn::StoreU(hn::IfThenElseZero(hn::LoadMaskBits(d, lanes), value), d, masked + i + j);
    }
  }
}

// In place: r where z > 0, 0 elsewhere. The count is a multiple of 8.
void StepRow(std::size_t count, double r, double* z) {
  const Tag d;
  const auto value = hn::Set(d, r);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto on = hn::Gt(hn::LoadU(d, z + i), hn::Zero(d));
    hn::StoreU(hn::IfThenElseZero(on, value), d, z + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestone::kernels {

HWY_EXPORT(ForwardRow);
HWY_EXPORT(MaskedRow);
HWY_EXPORT(StepRow);

namespace {

Index padded_to_bytes(Index count) { return (count + 7) / 8 * 8; }

Index block_count(Index rows) { return (rows + rows_per_block - 1) / rows_per_block; }

// Sums a matrix over blocks of rows: the blocks are dealt to at most 32 chunks by number alone,
// each chunk adds up its own blocks in order, and the chunks are added in order. The sum is the
// same for every thread count, and the memory is bounded.
template <class AddBlock>
void sum_over_blocks(Index rows, Matrix& total, const AddBlock& add_block) {
  const Index blocks = block_count(rows);
  const Index chunks = std::min<Index>(blocks, 32);
  std::vector<Matrix> partial(static_cast<std::size_t>(chunks));
  for_each_block(chunks, [&](Index chunk) {
    Matrix& sum = partial[static_cast<std::size_t>(chunk)];
    sum.setZero(total.rows(), total.cols());
    for (Index block = chunk * blocks / chunks; block < (chunk + 1) * blocks / chunks; ++block) {
      const Index first = block * rows_per_block;
      add_block(first, std::min(rows_per_block, rows - first), sum);
    }
  });
  total.setZero();
  for (const Matrix& sum : partial) total += sum;
}

}  // namespace

namespace simd {

void forward(const Matrix& X, const Matrix& W, const Vector& a, Vector& values, Masks& masks) {
  const Index n = X.rows();
  const Index m = W.rows();
  const Index d = X.cols();
  const Index padded = padded_to_bytes(m);
  Vector amplitudes = Vector::Zero(padded);
  amplitudes.head(m) = a;
  values.resize(n);
  masks.resize(n, m);
  if (m == 0) {
    values.setZero();
    return;
  }
  for_each_block(block_count(n), [&](Index block) {
    const Index first = block * rows_per_block;
    const Index rows = std::min(rows_per_block, n - first);
    std::vector<double> products(static_cast<std::size_t>(rows * padded), 0.0);
    multiply_transposed(rows, m, d, X.row(first).data(), d, W.data(), d, products.data(), padded);
    for (Index t = 0; t < rows; ++t) {
      values[first + t] = HWY_DYNAMIC_DISPATCH(ForwardRow)(static_cast<std::size_t>(padded),
                                                           products.data() + t * padded,
                                                           amplitudes.data(), masks.row(first + t));
    }
  });
}

void backward(const Matrix& X, const Masks& masks, const Vector& r, Matrix& moments) {
  const Index m = masks.neurons;
  const Index d = X.cols();
  const Index padded = padded_to_bytes(m);
  moments.resize(m, d);
  if (m == 0) return;
  sum_over_blocks(X.rows(), moments, [&](Index first, Index rows, Matrix& sum) {
    std::vector<double> masked(static_cast<std::size_t>(rows * padded));
    for (Index t = 0; t < rows; ++t) {
      HWY_DYNAMIC_DISPATCH(MaskedRow)
      (static_cast<std::size_t>(padded), masks.row(first + t), r[first + t],
       masked.data() + t * padded);
    }
    transposed_multiply_add(m, d, rows, masked.data(), padded, X.row(first).data(), d, sum.data(),
                            d);
  });
}

void masked_moments(const Matrix& X, const Matrix& U, const Vector& r, Matrix& moments) {
  const Index p = U.rows();
  const Index d = X.cols();
  const Index padded = padded_to_bytes(p);
  moments.resize(p, d);
  if (p == 0) return;
  sum_over_blocks(X.rows(), moments, [&](Index first, Index rows, Matrix& sum) {
    std::vector<double> products(static_cast<std::size_t>(rows * padded), 0.0);
    multiply_transposed(rows, p, d, X.row(first).data(), d, U.data(), d, products.data(), padded);
    for (Index t = 0; t < rows; ++t) {
      HWY_DYNAMIC_DISPATCH(StepRow)
      (static_cast<std::size_t>(padded), r[first + t], products.data() + t * padded);
    }
    transposed_multiply_add(p, d, rows, products.data(), padded, X.row(first).data(), d, sum.data(),
                            d);
  });
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
