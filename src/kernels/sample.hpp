#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lodestone/types.hpp"

namespace lodestone::kernels {

/// Which neurons are on at which rows, 1[w_i·x_t > 0]: one bit a pair. Kept between the two passes
/// of a gradient so that the second needs no inner products.
struct Masks {
  Index rows = 0;
  Index neurons = 0;
  std::vector<std::uint8_t> bytes;  ///< groups() × rows; bit i%8 of group(i/8)[t] is neuron i

  Index groups() const { return (neurons + 7) / 8; }
  void resize(Index count, Index width) {
    rows = count;
    neurons = width;
    bytes.resize(static_cast<std::size_t>(groups() * rows));
  }
  /// Eight neurons at row 0, 1, ...
  std::uint8_t* group(Index g) { return bytes.data() + g * rows; }
  const std::uint8_t* group(Index g) const { return bytes.data() + g * rows; }
  bool on(Index t, Index i) const { return (group(i / 8)[t] >> (i % 8) & 1U) != 0; }
};

/// Rows per block: the unit of work and of summation, the same for every thread count.
inline constexpr Index rows_per_block = 128;

/// The rows that a pass visits, in blocks: all n, or all but those of one range. Vectors over rows
/// have n entries in either case.
class RowBlocks {
 public:
  struct Block {
    Index first;
    Index rows;
  };

  RowBlocks(Index n) : RowBlocks(n, n, 0) {}  // NOLINT: a count says "all of them"
  RowBlocks(Index n, Index left_out_first, Index left_out)
      : n_(n), before_(left_out_first), after_(left_out_first + left_out) {}

  Index total() const { return n_; }
  Index visited() const { return n_ - (after_ - before_); }
  bool visits(Index t) const { return t < before_ || t >= after_; }
  Index left_out_first() const { return before_; }
  Index left_out() const { return after_ - before_; }

  Index count() const { return blocks(before_) + blocks(n_ - after_); }
  Block operator[](Index block) const {
    const bool early = block < blocks(before_);
    const Index first =
        early ? block * rows_per_block : after_ + (block - blocks(before_)) * rows_per_block;
    return {first, std::min(rows_per_block, (early ? before_ : n_) - first)};
  }

 private:
  static Index blocks(Index rows) { return (rows + rows_per_block - 1) / rows_per_block; }

  Index n_;
  Index before_;  // visited: [0, before_) and [after_, n)
  Index after_;
};

/// Forward pass (docs/math.md, 3.3): values_t = Σ_i a_i relu(w_i·x_t), and the masks;
/// values are 0 at rows left out, masks there undefined.
/// Shapes: X n×d, W m×d, a m; values n and masks n×m (outputs).
/// Work: 2nmd + 3nm flops. Bytes: X once, masks once; activations stay in registers.
namespace reference {
void forward(const Matrix& X, const RowBlocks& rows, const Matrix& W, const Vector& a,
             Vector& values, Masks& masks);
}
namespace simd {
void forward(const Matrix& X, const RowBlocks& rows, const Matrix& W, const Vector& a,
             Vector& values, Masks& masks);
}

/// Backward pass (docs/math.md, 3.3): moments_i = Σ_t r_t 1[w_i·x_t > 0] x_t, r already times the
/// row weights. Then E r relu(w_i·x) = w_i·moments_i.
/// Shapes: X n×d, masks n×m, r n; moments m×d (output).
/// Work: 2nmd flops. Bytes: X and masks once.
namespace reference {
void backward(const Matrix& X, const RowBlocks& rows, const Masks& masks, const Vector& r,
              Matrix& moments);
}
namespace simd {
void backward(const Matrix& X, const RowBlocks& rows, const Masks& masks, const Vector& r,
              Matrix& moments);
}

/// The same moments for directions U (p×d) whose masks are not known: forward and backward in one
/// pass over the rows, 4npd flops, without storing masks.
namespace reference {
void masked_moments(const Matrix& X, const RowBlocks& rows, const Matrix& U, const Vector& r,
                    Matrix& moments);
}
namespace simd {
void masked_moments(const Matrix& X, const RowBlocks& rows, const Matrix& U, const Vector& r,
                    Matrix& moments);
}

/// Moments with the affine columns (docs/math.md, 3.2): moments_0 = Σ_t w_t v_t and
/// moments_{1+j} = Σ_t w_t v_t (x_tj − c_j) for the first p columns of X.
/// Shapes: X n×d, center c of p <= d, weights and values n; moments 1 + p (output).
/// Work: 3np flops. Bytes: X once.
namespace reference {
void affine_moments(const Matrix& X, const RowBlocks& rows, const Vector& center,
                    const Vector& weights, const Vector& values, Vector& moments);
}
namespace simd {
void affine_moments(const Matrix& X, const RowBlocks& rows, const Vector& center,
                    const Vector& weights, const Vector& values, Vector& moments);
}

/// Takes an affine function off in place, v_t −= b_0 + Σ_j b_{1+j} (x_tj − c_j), and returns what
/// is left of the weighted square, Σ_t w_t v_t². Shapes, work and bytes as above; b of 1 + p.
namespace reference {
double subtract_affine(const Matrix& X, const RowBlocks& rows, const Vector& center,
                       const Vector& b, const Vector& weights, Vector& values);
}
namespace simd {
double subtract_affine(const Matrix& X, const RowBlocks& rows, const Vector& center,
                       const Vector& b, const Vector& weights, Vector& values);
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
