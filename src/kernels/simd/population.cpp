#include "kernels/population.hpp"

#include <algorithm>
#include <numbers>
#include <utility>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/population.cpp"
#include "core/highway_targets.hpp"
// Highway asks for this order: foreach_target.h before highway.h.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "core/instruction_set.hpp"
#include "core/parallel.hpp"
#include "core/perturbation.hpp"
#include "kernels/population_block.hpp"
#include "kernels/product.hpp"
#include "kernels/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestone::kernels {
namespace HWY_NAMESPACE {

using Lanes = Tag<double>;
using Doubles = Vec<double>;

// asin(x) and sine = sqrt(1 − x²) at x in [−1, 1]. asin|x| is π/2 − asin(sine) beyond 45 degrees,
// so one square root serves both and they come from the same x (docs/math.md, 2.3).
HWY_INLINE Doubles Arcsine(Lanes d, Doubles x, Doubles& sine) {
  const auto one = hn::Set(d, 1.0);
  sine = hn::Sqrt(hn::Mul(hn::Sub(one, x), hn::Add(one, x)));
  const Doubles size = hn::Abs(x);
  const auto steep = hn::Gt(size, sine);
  const Doubles y = hn::Min(size, sine);
  const Doubles z = hn::Mul(y, y);
  Doubles p = hn::Set(d, arcsine_coefficients[0]);
#pragma GCC unroll 18
  for (std::size_t i = 1; i < arcsine_coefficients.size(); ++i) {
    p = hn::MulAdd(p, z, hn::Set(d, arcsine_coefficients[i]));
  }
  const Doubles small = hn::MulAdd(hn::Mul(p, z), y, y);
  const Doubles arc =
      hn::IfThenElse(steep, hn::Sub(hn::Set(d, std::numbers::pi / 2), small), small);
  return hn::CopySign(arc, x);
}

HWY_INLINE Doubles Clip(Lanes d, Doubles x) {
  const auto one = hn::Set(d, 1.0);
  return hn::Clamp(x, hn::Neg(one), one);
}

double WeightedArcs(std::size_t count, const double* c, double* x) {
  const Lanes d;
  constexpr std::size_t vectors = group_vectors<double>;
  const auto one = hn::Set(d, 1.0);
  Doubles sum[vectors];
#pragma GCC unroll 8
  for (std::size_t v = 0; v < vectors; ++v) sum[v] = hn::Zero(d);
  for (std::size_t q = 0; q < count; q += static_cast<std::size_t>(group_size<double>)) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < vectors; ++v) {
      const std::size_t at = q + v * lanes<double>;
      const auto weight = hn::LoadU(d, c + at);
      Doubles sine;
      const Doubles arc = Arcsine(d, Clip(d, hn::LoadU(d, x + at)), sine);
      sum[v] = hn::MulAdd(weight, hn::Sub(sine, one), sum[v]);
      hn::StoreU(hn::Mul(weight, arc), d, x + at);
    }
  }
  double sums[static_cast<std::size_t>(group_size<double>)];
#pragma GCC unroll 8
  for (std::size_t v = 0; v < vectors; ++v) hn::StoreU(sum[v], d, sums + v * lanes<double>);
  return FoldLanes(sums);
}

// Arcsines of 16 rows against columns [from, to), at most 64, into arcs (16×64), with both sides'
// sums of sines. Both ends are multiples of a group. The rows' sums of sines have a lane for each
// column of a group; they lie in memory, which costs a load and a store for some fifty operations.
HWY_INLINE void GroupArcs(const PairInput& in, Index depth, Index first, Index from, Index to,
                          double* HWY_RESTRICT arcs, double* row_sines, double* column_sines) {
  const Lanes d;
  constexpr auto step = static_cast<Index>(lanes<double>);
  constexpr Index group = group_size<double>;
  const auto one = hn::Set(d, 1.0);
  for (Index p = 0; p < pair_rows; p += 4) {
    const double* HWY_RESTRICT rows = in.rows + (first + p) * in.stride;
    const double* c = in.weights + first + p;
    HWY_ALIGN double sums[4 * group] = {};
    for (Index q = from; q < to; q += step) {
      Doubles x0 = hn::Zero(d);
      Doubles x1 = x0;
      Doubles x2 = x0;
      Doubles x3 = x0;
      for (Index j = 0; j < depth; ++j) {
        const Doubles v = hn::LoadU(d, in.columns + j * in.count + q);
        x0 = hn::MulAdd(v, hn::Set(d, rows[j]), x0);
        x1 = hn::MulAdd(v, hn::Set(d, rows[in.stride + j]), x1);
        x2 = hn::MulAdd(v, hn::Set(d, rows[2 * in.stride + j]), x2);
        x3 = hn::MulAdd(v, hn::Set(d, rows[3 * in.stride + j]), x3);
      }
      double* out = arcs + p * pair_columns + (q - from);
      Doubles s0, s1, s2, s3;
      hn::StoreU(Arcsine(d, Clip(d, x0), s0), d, out);
      hn::StoreU(Arcsine(d, Clip(d, x1), s1), d, out + pair_columns);
      hn::StoreU(Arcsine(d, Clip(d, x2), s2), d, out + 2 * pair_columns);
      hn::StoreU(Arcsine(d, Clip(d, x3), s3), d, out + 3 * pair_columns);
      s0 = hn::Sub(s0, one);
      s1 = hn::Sub(s1, one);
      s2 = hn::Sub(s2, one);
      s3 = hn::Sub(s3, one);
      const Doubles weight = hn::LoadU(d, in.weights + q);
      double* HWY_RESTRICT sum = sums + q % group;
      hn::StoreU(hn::MulAdd(weight, s0, hn::LoadU(d, sum)), d, sum);
      hn::StoreU(hn::MulAdd(weight, s1, hn::LoadU(d, sum + group)), d, sum + group);
      hn::StoreU(hn::MulAdd(weight, s2, hn::LoadU(d, sum + 2 * group)), d, sum + 2 * group);
      hn::StoreU(hn::MulAdd(weight, s3, hn::LoadU(d, sum + 3 * group)), d, sum + 3 * group);
      if (column_sines != nullptr) {
        double* sines = column_sines + (q - from);
        Doubles column = hn::LoadU(d, sines);
        column = hn::MulAdd(hn::Set(d, c[0]), s0, column);
        column = hn::MulAdd(hn::Set(d, c[1]), s1, column);
        column = hn::MulAdd(hn::Set(d, c[2]), s2, column);
        column = hn::MulAdd(hn::Set(d, c[3]), s3, column);
        hn::StoreU(column, d, sines);
      }
    }
    for (Index r = 0; r < 4; ++r) row_sines[p + r] += FoldLanes(sums + r * group);
  }
}

// vectors_p += Σ_q arcs_pq c_q v_q for 16 rows: 8 rows by one vector of coordinates in registers.
HWY_INLINE void RowProduct(const PairInput& in, Index depth, Index from, Index to,
                           const double* HWY_RESTRICT arcs, double* HWY_RESTRICT vectors) {
  const Lanes d;
  constexpr auto step = static_cast<Index>(lanes<double>);
  for (Index p = 0; p < pair_rows; p += 8) {
    const double* HWY_RESTRICT a = arcs + p * pair_columns;
    for (Index j = 0; j < depth; j += step) {
      double* out = vectors + p * in.stride + j;
      const double* v = in.weighted + from * in.stride + j;
      Doubles f0 = hn::LoadU(d, out);
      Doubles f1 = hn::LoadU(d, out + in.stride);
      Doubles f2 = hn::LoadU(d, out + 2 * in.stride);
      Doubles f3 = hn::LoadU(d, out + 3 * in.stride);
      Doubles f4 = hn::LoadU(d, out + 4 * in.stride);
      Doubles f5 = hn::LoadU(d, out + 5 * in.stride);
      Doubles f6 = hn::LoadU(d, out + 6 * in.stride);
      Doubles f7 = hn::LoadU(d, out + 7 * in.stride);
      for (Index q = 0; q < to - from; ++q) {
        const Doubles x = hn::LoadU(d, v + q * in.stride);
        f0 = hn::MulAdd(x, hn::Set(d, a[q]), f0);
        f1 = hn::MulAdd(x, hn::Set(d, a[pair_columns + q]), f1);
        f2 = hn::MulAdd(x, hn::Set(d, a[2 * pair_columns + q]), f2);
        f3 = hn::MulAdd(x, hn::Set(d, a[3 * pair_columns + q]), f3);
        f4 = hn::MulAdd(x, hn::Set(d, a[4 * pair_columns + q]), f4);
        f5 = hn::MulAdd(x, hn::Set(d, a[5 * pair_columns + q]), f5);
        f6 = hn::MulAdd(x, hn::Set(d, a[6 * pair_columns + q]), f6);
        f7 = hn::MulAdd(x, hn::Set(d, a[7 * pair_columns + q]), f7);
      }
      hn::StoreU(f0, d, out);
      hn::StoreU(f1, d, out + in.stride);
      hn::StoreU(f2, d, out + 2 * in.stride);
      hn::StoreU(f3, d, out + 3 * in.stride);
      hn::StoreU(f4, d, out + 4 * in.stride);
      hn::StoreU(f5, d, out + 5 * in.stride);
      hn::StoreU(f6, d, out + 6 * in.stride);
      hn::StoreU(f7, d, out + 7 * in.stride);
    }
  }
}

// vectors_q += Σ_p arcs_pq c_p v_p over 16 rows, transposed: 4 coordinates by one vector of columns
// in registers.
HWY_INLINE void ColumnProduct(const PairInput& in, Index depth, Index first, Index columns,
                              const double* HWY_RESTRICT arcs, double* HWY_RESTRICT vectors,
                              Index width) {
  const Lanes d;
  constexpr auto step = static_cast<Index>(lanes<double>);
  const double* HWY_RESTRICT u = in.weighted + first * in.stride;
  for (Index q = 0; q < columns; q += step) {
    for (Index j = 0; j < depth; j += 4) {
      double* out = vectors + j * width + q;
      Doubles f0 = hn::LoadU(d, out);
      Doubles f1 = hn::LoadU(d, out + width);
      Doubles f2 = hn::LoadU(d, out + 2 * width);
      Doubles f3 = hn::LoadU(d, out + 3 * width);
      for (Index p = 0; p < pair_rows; ++p) {
        const Doubles a = hn::LoadU(d, arcs + p * pair_columns + q);
        f0 = hn::MulAdd(a, hn::Set(d, u[p * in.stride + j]), f0);
        f1 = hn::MulAdd(a, hn::Set(d, u[p * in.stride + j + 1]), f1);
        f2 = hn::MulAdd(a, hn::Set(d, u[p * in.stride + j + 2]), f2);
        f3 = hn::MulAdd(a, hn::Set(d, u[p * in.stride + j + 3]), f3);
      }
      hn::StoreU(f0, d, out);
      hn::StoreU(f1, d, out + width);
      hn::StoreU(f2, d, out + 2 * width);
      hn::StoreU(f3, d, out + 3 * width);
    }
  }
}

void PairSums(const PairInput& in, Index depth, Index row_begin, Index row_end, Index column_begin,
              Index column_end, const RowSums& rows, const ColumnSums& columns) {
  HWY_ALIGN double arcs[pair_rows * pair_columns];
  const bool diagonal = row_begin == column_begin;
  for (Index first = row_begin; first < row_end; first += pair_rows) {
    double* row_vectors = rows.vectors + (first - row_begin) * in.stride;
    double* row_sines = rows.sines + (first - row_begin);
    Index from = column_begin;
    if (diagonal) {
      from = first + pair_rows;
      GroupArcs(in, depth, first, first, from, arcs, row_sines, nullptr);
      RowProduct(in, depth, first, from, arcs, row_vectors);
    }
    for (; from < column_end; from += pair_columns) {
      const Index to = std::min(from + pair_columns, column_end);
      const Index place = from - column_begin;
      GroupArcs(in, depth, first, from, to, arcs, row_sines, columns.sines + place);
      RowProduct(in, depth, from, to, arcs, row_vectors);
      ColumnProduct(in, depth, first, to - from, arcs, columns.vectors + place, columns.width);
    }
  }
}

PopulationKernels Kernels() { return {WeightedArcs, PairSums}; }

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestone::kernels {

HWY_EXPORT(Kernels);

namespace {

PopulationKernels population_kernels() {
  return plain_loops() ? reference::population_kernels() : HWY_DYNAMIC_DISPATCH(Kernels)();
}

Index padded_to(Index multiple, Index size) { return (size + multiple - 1) / multiple * multiple; }

}  // namespace

namespace simd {

void population_field(const Matrix& U, const Matrix& V, const Vector& c, Matrix& field) {
  // Rows for whole tiles of the products; 24×480 cosines are 90 KiB, which stay in the L2 cache.
  constexpr Index rows_at_once = 24;
  constexpr Index columns_at_once = 2 * product_depth;
  const Index d = U.cols();
  const Index q = V.rows();
  const PopulationKernels kernels = population_kernels();
  struct Columns {
    Index first;
    Index count;
    PackedFactor<double> transposed;  // d×count
    PackedFactor<double> rows;        // count×d
  };
  std::vector<Columns> parts;
  for (Index first = 0; first < q; first += columns_at_once) {
    const Index count = std::min(columns_at_once, q - first);
    const double* v = V.data() + first * d;
    parts.push_back({first, count, {d, count, transpose_of(v, d)}, {count, d, rows_of(v, d)}});
  }
  Vector weights = Vector::Zero(padded_to(group_size<double>, q));
  weights.head(q) = c;
  const Index stride = std::min(columns_at_once, weights.size());  // of a row of cosines
  field.setZero(U.rows(), d);

  for_each_block((U.rows() + rows_at_once - 1) / rows_at_once, [&](Index block) {
    const Index first = block * rows_at_once;
    const Index rows = std::min(rows_at_once, U.rows() - first);
    std::vector<double> tile(static_cast<std::size_t>(rows * stride));
    double sine_sums[rows_at_once] = {};
    for (const Columns& part : parts) {
      const Index padded = padded_to(group_size<double>, part.count);
      std::fill(tile.begin(), tile.end(), 0.0);
      multiply_add(rows, rows_of(U.data() + first * d, d), part.transposed, tile.data(), stride);
      for (Index p = 0; p < rows; ++p) {
        sine_sums[p] +=
            kernels.weighted_arcs(static_cast<std::size_t>(padded), weights.data() + part.first,
                                  tile.data() + p * stride);
      }
      multiply_add(rows, rows_of<double>(tile.data(), stride), part.rows, field.data() + first * d,
                   d);
    }
    for (Index p = 0; p < rows; ++p) {
      for (Index j = 0; j < d; ++j) {
        double& sum = field(first + p, j);
        sum = (sum + sine_sums[p] * U(first + p, j)) / (2.0 * std::numbers::pi);
      }
    }
  });
  perturb(field.data(), static_cast<std::size_t>(field.size()));
}

void population_self_field(const Matrix& V, const Vector& c, Matrix& field) {
  const Index n = V.rows();
  const Index d = V.cols();
  field.resize(n, d);
  if (n == 0) return;
  const Index stride = padded_to(group_size<double>, d);
  const Index padded = padded_to(pair_rows, n);
  // Parts and what they sum depend on n alone. Part by part, all pairs of parts can run at once.
  constexpr Index most_parts = 8;
  constexpr Index smallest_part = 64;
  const Index wanted = std::clamp<Index>(n / smallest_part, 1, most_parts);
  const Index part = padded_to(pair_rows, (n + wanted - 1) / wanted);
  const Index parts = (n + part - 1) / part;
  const auto begin = [&](Index index) { return index * part; };
  const auto end = [&](Index index) { return std::min((index + 1) * part, padded); };

  // Kept between calls, one per thread that calls. Taken while in use: a thread that waits for
  // others may start a second call.
  thread_local std::vector<double> spare;
  std::vector<double> memory = std::exchange(spare, {});
  // One part's sums: vectors, then sines. Transposed rows are a vector longer than the part, as
  // rows of 4 KiB would all meet in one set of the L1 cache.
  const Index width = part + group_size<double>;
  const Index slot = width * (stride + 1);
  const Index inputs = 3 * padded * stride + padded;
  memory.resize(static_cast<std::size_t>(inputs + parts * (parts + 1) * slot));
  double* rows = memory.data();
  double* weighted = rows + padded * stride;
  double* columns = weighted + padded * stride;
  double* weights = columns + padded * stride;
  double* sums = weights + padded;
  // The sums of part I from its pairs with part J; from those with itself there are two, by rows
  // (J = I) and by columns (J = parts).
  const auto slot_of = [&](Index I, Index J) { return sums + (I * (parts + 1) + J) * slot; };

  std::fill(rows, sums, 0.0);
  for (Index p = 0; p < n; ++p) {
    const double* v = V.data() + p * d;
    weights[p] = c[p];
    for (Index j = 0; j < d; ++j) {
      rows[p * stride + j] = v[j];
      weighted[p * stride + j] = c[p] * v[j];
      columns[j * padded + p] = v[j];
    }
  }
  const PairInput input{stride, padded, rows, weighted, columns, weights};
  const PopulationKernels kernels = population_kernels();

  for_each_block(parts * (parts + 1) / 2, [&](Index block) {
    Index I = 0;
    for (; block >= parts - I; ++I) block -= parts - I;
    const Index J = I + block;
    double* row_side = slot_of(I, J);
    double* column_side = slot_of(J, I == J ? parts : I);
    std::fill(row_side, row_side + slot, 0.0);
    std::fill(column_side, column_side + slot, 0.0);
    kernels.pair_sums(input, d, begin(I), end(I), begin(J), end(J),
                      {row_side, row_side + width * stride},
                      {column_side, column_side + width * stride, width});
  });

  const auto add_up = [&](Index I) {
    double* total = slot_of(I, I);
    for (Index J = 0; J <= parts; ++J) {
      if (J == I) continue;
      const double* other = slot_of(I, J);
      const bool transposed = J < I || J == parts;
      for (Index p = 0; p < end(I) - begin(I); ++p) {
        for (Index j = 0; j < d; ++j) {
          total[p * stride + j] += other[transposed ? j * width + p : p * stride + j];
        }
        total[width * stride + p] += other[width * stride + p];
      }
    }
    for (Index p = 0; p < std::min(part, n - begin(I)); ++p) {
      for (Index j = 0; j < d; ++j) {
        field(begin(I) + p, j) =
            (total[width * stride + p] * V(begin(I) + p, j) + total[p * stride + j]) /
            (2.0 * std::numbers::pi);
      }
    }
  };
  // Few additions (nd for each part) take less than starting a thread for them.
  if (parts < most_parts) {
    for (Index I = 0; I < parts; ++I) add_up(I);
  } else {
    for_each_block(parts, add_up);
  }
  spare = std::move(memory);
  perturb(field.data(), static_cast<std::size_t>(field.size()));
}

}  // namespace simd
}  // namespace lodestone::kernels
#endif  // HWY_ONCE
