#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/block_sums.hpp"
#include "kernels/groups.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone::kernels {

/// The rows that a pass visits, in blocks: all n, or all but those of one range. Vectors over rows
/// have n entries in either case. Where rows are with several processes, n is the number here.
class RowBlocks {
 public:
  struct Block {
    Index first;
    Index rows;
  };

  RowBlocks(Index n) : RowBlocks(n, n, 0) {}  // NOLINT: a count says "all of them"
  RowBlocks(Index n, Index left_out_first, Index left_out)
      : n_(n), before_(left_out_first), after_(left_out_first + left_out), share_(n) {}
  explicit RowBlocks(const RowShare& share) : RowBlocks(share.count()) { share_ = share; }

  Index total() const { return n_; }
  Index visited() const { return n_ - (after_ - before_); }
  bool visits(Index t) const { return t < before_ || t >= after_; }
  Index left_out_first() const { return before_; }
  Index left_out() const { return after_ - before_; }

  Index count() const { return blocks_of(before_) + blocks_of(n_ - after_); }
  Block operator[](Index block) const {
    const Index early_blocks = blocks_of(before_);
    const bool early = block < early_blocks;
    const Index first =
        early ? block * rows_per_block : after_ + (block - early_blocks) * rows_per_block;
    return {first, std::min(rows_per_block, (early ? before_ : n_) - first)};
  }

  /// Whose sum is that over all visited rows of all processes.
  BlockShare blocks() const {
    return share_.processes() == nullptr ? BlockShare(count()) : BlockShare(share_);
  }
  /// Which rows the n are.
  const RowShare& share() const { return share_; }

 private:
  Index n_;
  Index before_;  // visited: [0, before_) and [after_, n)
  Index after_;
  RowShare share_;
};

/// The inputs x_t of a sample as the kernels read them. T is double or float; arithmetic within a
/// block of rows is in T, sums over blocks are in double.
template <class T>
struct SampleRows {
  const T* values;        ///< n×columns, row-major
  Index columns;          ///< p
  bool constant = false;  ///< a coordinate 1, not stored, follows the p columns: a neuron's bias
  RowBlocks visited;

  Index dimension() const { return columns + (constant ? 1 : 0); }  ///< d, as W has it
  const T* row(Index t) const { return values + t * columns; }
  T coordinate(Index t, Index j) const { return j < columns ? row(t)[j] : T{1}; }
};

/// Weights as the kernels read them, padded with zeros: groups of neurons, and in each the weights
/// of coordinate 0, then of coordinate 1, ...; with the amplitudes in the same order.
template <class T>
struct PackedNeurons {
  std::size_t groups;
  std::vector<T> W;
  std::vector<T> a;
};

/// Which neurons are on at which rows, 1[w_i·x_t > 0]: one bit a pair. Kept between the two passes
/// of a gradient so that the second needs no inner products.
class Masks {
 public:
  Index rows() const { return rows_; }
  Index neurons() const { return neurons_; }
  Index groups() const { return (neurons_ + 8 * group_bytes_ - 1) / (8 * group_bytes_); }

  /// For rows of type T; the bits are whatever they were.
  template <class T>
  void resize(Index rows, Index neurons) {
    rows_ = rows;
    neurons_ = neurons;
    group_bytes_ = group_size<T> / 8;
    // Vectors of bits are read eight bytes at a time.
    bytes_.resize(static_cast<std::size_t>(groups() * rows_ * group_bytes_ + 8));
  }
  void clear() { std::fill(bytes_.begin(), bytes_.end(), std::uint8_t{0}); }

  bool on(Index t, Index i) const { return (bytes_[byte(t, i)] >> (i % 8) & 1U) != 0; }
  void set_on(Index t, Index i) { bytes_[byte(t, i)] |= static_cast<std::uint8_t>(1U << (i % 8)); }

  /// The bits of group 0 from row t on; those of the next group lie stride() bytes further.
  std::uint8_t* row(Index t) { return bytes_.data() + t * group_bytes_; }
  const std::uint8_t* row(Index t) const { return bytes_.data() + t * group_bytes_; }
  Index stride() const { return rows_ * group_bytes_; }

 private:
  std::size_t byte(Index t, Index i) const {
    const Index in_group = 8 * group_bytes_;
    return static_cast<std::size_t>((i / in_group * rows_ + t) * group_bytes_ + i % in_group / 8);
  }

  Index rows_ = 0;
  Index neurons_ = 0;
  Index group_bytes_ = 1;
  std::vector<std::uint8_t> bytes_;  // groups × rows × group_bytes, and eight more
};

/// The affine columns 1 and x_tj − c_j, j < p, of a sample, with the weights of its rows
/// (docs/math.md, 3.2).
struct AffineColumns {
  const Vector& center;   ///< c, p
  const Vector& weights;  ///< n
};

/// Forward pass (docs/math.md, 3.3): values_t = Σ_i a_i relu(w_i·x_t) − y_t, the masks, and the
/// moments of the values with the affine columns: moments_0 = Σ_t w_t v_t,
/// moments_{1+j} = Σ_t w_t v_t (x_tj − c_j). At rows left out values are 0 and masks undefined.
/// Shapes: X n×d, W m×d, a m, y n; values n, masks n×m, moments 1 + p (outputs).
/// Work: 2nmd + 3nm + 3np flops. Bytes: X once, masks once; activations stay in registers.
namespace reference {
template <class T>
void forward(const SampleRows<T>& X, const Matrix& W, const Vector& a, const Vector& y,
             const AffineColumns& affine, Vector& values, Masks& masks, Vector& moments);
}
namespace simd {
template <class T>
void forward(const SampleRows<T>& X, const Matrix& W, const Vector& a, const Vector& y,
             const AffineColumns& affine, Vector& values, Masks& masks, Vector& moments);
}

/// Backward pass (docs/math.md, 3.3): takes an affine function off the values,
/// v_t −= b_0 + Σ_j b_{1+j} (x_tj − c_j), returns Σ_t w_t v_t², and gives
/// moments_i = Σ_t w_t v_t 1[w_i·x_t > 0] x_t. Then E r relu(w_i·x) = w_i·moments_i.
/// Shapes: X n×d, masks n×m, b 1 + p, values n; moments m×d (output).
/// Work: 2nmd + 3np flops. Bytes: X and masks once.
namespace reference {
template <class T>
double backward(const SampleRows<T>& X, const Masks& masks, const Vector& b,
                const AffineColumns& affine, Vector& values, Matrix& moments);
}
namespace simd {
template <class T>
double backward(const SampleRows<T>& X, const Masks& masks, const Vector& b,
                const AffineColumns& affine, Vector& values, Matrix& moments);
}

/// moments_i = Σ_t r_t 1[u_i·x_t > 0] x_t for directions U (p×d) whose masks are not known, r
/// already times the row weights: forward and backward in one pass over the rows, 4npd flops,
/// without storing masks.
namespace reference {
template <class T>
void masked_moments(const SampleRows<T>& X, const Matrix& U, const Vector& r, Matrix& moments);
}
namespace simd {
template <class T>
void masked_moments(const SampleRows<T>& X, const Matrix& U, const Vector& r, Matrix& moments);
}

/// The affine half of the forward pass alone, for values that are known.
/// Shapes: values n; moments 1 + p (output). Work: 3np flops. Bytes: X once.
namespace reference {
template <class T>
void affine_moments(const SampleRows<T>& X, const AffineColumns& affine, const Vector& values,
                    Vector& moments);
}
namespace simd {
template <class T>
void affine_moments(const SampleRows<T>& X, const AffineColumns& affine, const Vector& values,
                    Vector& moments);
}

/// The affine half of the backward pass alone: values in place, returns Σ_t w_t v_t².
/// Shapes: b 1 + p, values n. Work: 3np flops. Bytes: X once.
namespace reference {
template <class T>
double subtract_affine(const SampleRows<T>& X, const AffineColumns& affine, const Vector& b,
                       Vector& values);
}
namespace simd {
template <class T>
double subtract_affine(const SampleRows<T>& X, const AffineColumns& affine, const Vector& b,
                       Vector& values);
}

/// values_t = b_0 + Σ_j b_{1+j} x_tj + Σ_i a_i relu(w_i·x_t): what a network predicts. A row with
/// infinite or undefined numbers gives NaN or an infinity, whatever b is.
/// Shapes: W m×d, a m, b 1 + p; values n (output). Work: 2nmd + 3nm + 3np flops. Bytes: X once.
namespace simd {
template <class T>
void predictions(const SampleRows<T>& X, const Matrix& W, const Vector& a, const Vector& b,
                 Vector& values);
}

/// Activations relu(u_i·x_t) of rows [first, first + count) for every direction: U p×d, output
/// count×p. Work: 2·count·p·d flops.
namespace reference {
template <class T>
void activations(const SampleRows<T>& X, Index first, Index count, const Matrix& U, Matrix& output);
}
namespace simd {
template <class T>
void activations(const SampleRows<T>& X, Index first, Index count, const Matrix& U, Matrix& output);

/// The same for directions that are packed once, into rows of `output` that are `stride` apart:
/// padded_directions<T>(p) columns, zeros behind the p-th.
template <class T>
void activations(const SampleRows<T>& X, Index first, Index count, const PackedNeurons<T>& U,
                 double* output, Index stride);

template <class T>
Index padded_directions(Index p) {
  return groups_of<T>(p) * group_size<T>;
}

/// Directions U (p×d), or the weights of neurons, as kernels read them.
template <class T>
PackedNeurons<T> packed_directions(const Matrix& U);
}  // namespace simd

}  // namespace lodestone::kernels
