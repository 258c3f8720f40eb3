#pragma once

#include <cstdint>
#include <vector>

#include "lodestone/types.hpp"

namespace lodestone::kernels {

/// Which neurons are on at which rows, 1[w_i·x_t > 0]: one bit a pair. Kept between the two passes
/// of a gradient so that the second needs no inner products.
struct Masks {
  Index neurons = 0;
  std::vector<std::uint8_t> bytes;  ///< n rows of stride() bytes; bit i%8 of byte i/8 is neuron i

  Index stride() const { return (neurons + 7) / 8; }
  void resize(Index rows, Index width) {
    neurons = width;
    bytes.resize(static_cast<std::size_t>(rows * stride()));
  }
  std::uint8_t* row(Index t) { return bytes.data() + t * stride(); }
  const std::uint8_t* row(Index t) const { return bytes.data() + t * stride(); }
};

/// Rows per block: the unit of work and of summation, the same for every thread count.
inline constexpr Index rows_per_block = 128;

/// Forward pass (docs/math.md, 3.3): values_t = Σ_i a_i relu(w_i·x_t), and the masks.
/// Shapes: X n×d, W m×d, a m; values n and masks n×m (outputs).
/// Work: 2nmd + 3nm flops. Bytes: X once, masks once; activations stay in cache.
namespace reference {
void forward(const Matrix& X, const Matrix& W, const Vector& a, Vector& values, Masks& masks);
}
namespace simd {
void forward(const Matrix& X, const Matrix& W, const Vector& a, Vector& values, Masks& masks);
}

/// Backward pass (docs/math.md, 3.3): moments_i = Σ_t r_t 1[w_i·x_t > 0] x_t, r already times the
/// row weights. Then E r relu(w_i·x) = w_i·moments_i.
/// Shapes: X n×d, masks n×m, r n; moments m×d (output).
/// Work: 2nmd flops. Bytes: X and masks once.
namespace reference {
void backward(const Matrix& X, const Masks& masks, const Vector& r, Matrix& moments);
}
namespace simd {
void backward(const Matrix& X, const Masks& masks, const Vector& r, Matrix& moments);
}

/// The same moments for directions U (p×d) whose masks are not known: forward and backward in one
/// pass over the rows, 4npd flops, without storing masks.
namespace reference {
void masked_moments(const Matrix& X, const Matrix& U, const Vector& r, Matrix& moments);
}
namespace simd {
void masked_moments(const Matrix& X, const Matrix& U, const Vector& r, Matrix& moments);
}

/// Activations relu(u_i·x_t) of rows [first, first + count) for every direction: U p×d, output
/// count×p. Work: 2·count·p·d flops.
namespace reference {
void activations(const Matrix& X, Index first, Index count, const Matrix& U, Matrix& output);
}
namespace simd {
void activations(const Matrix& X, Index first, Index count, const Matrix& U, Matrix& output);
}

}  // namespace lodestone::kernels
