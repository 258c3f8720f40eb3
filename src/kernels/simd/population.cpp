#include "kernels/population.hpp"

#include <algorithm>
#include <numbers>
#include <utility>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/population.cpp"
#include <hwy/foreach_target.h>
// Highway asks for this order: foreach_target.h before highway.h.
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "kernels/blas.hpp"

#ifndef LODESTONE_KERNELS_SIMD_POPULATION_SHAPES
#define LODESTONE_KERNELS_SIMD_POPULATION_SHAPES
namespace lodestone::kernels {
namespace {

constexpr Index group_rows = 16;
constexpr Index lane_multiple = 8;  // the longest vector of any target, in doubles
constexpr Index chunk = 64;         // 16×64 arcsines are 8 KiB: they stay in the L1 cache

Index padded_to(Index multiple, Index size) { return (size + multiple - 1) / multiple * multiple; }

// Directions in the three forms that the pair kernel reads, zeros behind the last row and column.
struct PairInput {
  Index stride;            // padded d: row stride of rows and weighted
  Index count;             // padded number of directions: row stride of columns
  const double* rows;      // v_p
  const double* weighted;  // c_p v_p
  const double* columns;   // the transpose of rows
  const double* weights;   // c_p
};

// Sums of one side of the pairs: Σ c_q asin(x_pq) v_q and Σ c_q (sqrt(1 − x_pq²) − 1).
struct RowSums {
  double* vectors;  // a row of length stride per direction
  double* sines;
};
struct ColumnSums {
  double* vectors;  // transposed: d rows of length `width`
  double* sines;
  Index width;
};

}  // namespace
}  // namespace lodestone::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lodestone::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Lanes8 = hn::CappedTag<double, 8>;  // paddings are multiples of this
using Vec = hn::Vec<Lanes8>;

// asin(x) and sine = sqrt(1 − x²) at x in [−1, 1]. asin|x| is π/2 − asin(sine) beyond 45 degrees,
// so one square root serves both and they come from the same x (docs/math.md, 2.3). Up to there
// asin y = y + y³ P(y²), P interpolating at the Chebyshev points of [0, 0.5] with relative error
// 1.4e-16, of which y² P reaches the result.
HWY_INLINE Vec Arcsine(Lanes8 d, Vec x, Vec& sine) {
  const auto one = hn::Set(d, 1.0);
  sine = hn::Sqrt(hn::Mul(hn::Sub(one, x), hn::Add(one, x)));
  const Vec size = hn::Abs(x);
  const auto steep = hn::Gt(size, sine);
  const Vec y = hn::Min(size, sine);
  const Vec z = hn::Mul(y, y);
  Vec p = hn::Set(d, 0x1.53e39742556e9p-1);
  p = hn::MulAdd(p, z, hn::Set(d, -0x1.240e0713c18f5p+1));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.de8883ee3126bp+1));
  p = hn::MulAdd(p, z, hn::Set(d, -0x1.dfeb4393d5053p+1));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.4a299b0a514c1p+1));
  p = hn::MulAdd(p, z, hn::Set(d, -0x1.4308a862e7f15p+0));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.de44d9137552ap-2));
  p = hn::MulAdd(p, z, hn::Set(d, -0x1.e2b0479a24933p-4));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.15bd59aa63cdbp-5));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.81499d62a6591p-8));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.88cb12f83c0f4p-7));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.c872bb803eb27p-7));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.1c570c85dd694p-6));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.6e8b546dd6435p-6));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.f1c71e34c5e86p-6));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.6db6db6b0dafdp-5));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.3333333334c9bp-4));
  p = hn::MulAdd(p, z, hn::Set(d, 0x1.5555555555553p-3));
  const Vec small = hn::MulAdd(hn::Mul(p, z), y, y);
  const Vec arc = hn::IfThenElse(steep, hn::Sub(hn::Set(d, std::numbers::pi / 2), small), small);
  return hn::CopySign(arc, x);
}

HWY_INLINE Vec Clip(Lanes8 d, Vec x) {
  const auto one = hn::Set(d, 1.0);
  return hn::Clamp(x, hn::Neg(one), one);
}

// One row of cosines x becomes c·asin(x), in place; returns Σ c (sqrt(1 − x²) − 1). The count is a
// multiple of the vector length, padded with c = 0.
double WeightedArcs(std::size_t count, const double* c, double* x) {
  const Lanes8 d;
  const auto one = hn::Set(d, 1.0);
  auto sum = hn::Zero(d);
  for (std::size_t q = 0; q < count; q += hn::Lanes(d)) {
    const auto weight = hn::LoadU(d, c + q);
    Vec sine;
    const Vec arc = Arcsine(d, Clip(d, hn::LoadU(d, x + q)), sine);
    sum = hn::MulAdd(weight, hn::Sub(sine, one), sum);
    hn::StoreU(hn::Mul(weight, arc), d, x + q);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// Arcsines of 16 rows against columns [from, to), to − from <= chunk, into arcs (16×chunk), with
// both sides' sums of sines.
HWY_INLINE void GroupArcs(const PairInput& in, Index depth, Index first, Index from, Index to,
                          double* HWY_RESTRICT arcs, double* row_sines, double* column_sines) {
  const Lanes8 d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0);
  for (Index p = 0; p < group_rows; p += 4) {
    const double* HWY_RESTRICT rows = in.rows + (first + p) * in.stride;
    const double* c = in.weights + first + p;
    Vec sum0 = hn::Zero(d);
    Vec sum1 = sum0;
    Vec sum2 = sum0;
    Vec sum3 = sum0;
    for (Index q = from; q < to; q += lanes) {
      Vec x0 = hn::Zero(d);
      Vec x1 = x0;
      Vec x2 = x0;
      Vec x3 = x0;
      for (Index j = 0; j < depth; ++j) {
        const Vec v = hn::LoadU(d, in.columns + j * in.count + q);
        x0 = hn::MulAdd(v, hn::Set(d, rows[j]), x0);
        x1 = hn::MulAdd(v, hn::Set(d, rows[in.stride + j]), x1);
        x2 = hn::MulAdd(v, hn::Set(d, rows[2 * in.stride + j]), x2);
        x3 = hn::MulAdd(v, hn::Set(d, rows[3 * in.stride + j]), x3);
      }
      double* out = arcs + p * chunk + (q - from);
      Vec s0, s1, s2, s3;
      hn::StoreU(Arcsine(d, Clip(d, x0), s0), d, out);
      hn::StoreU(Arcsine(d, Clip(d, x1), s1), d, out + chunk);
      hn::StoreU(Arcsine(d, Clip(d, x2), s2), d, out + 2 * chunk);
      hn::StoreU(Arcsine(d, Clip(d, x3), s3), d, out + 3 * chunk);
      s0 = hn::Sub(s0, one);
      s1 = hn::Sub(s1, one);
      s2 = hn::Sub(s2, one);
      s3 = hn::Sub(s3, one);
      const Vec weight = hn::LoadU(d, in.weights + q);
      sum0 = hn::MulAdd(weight, s0, sum0);
      sum1 = hn::MulAdd(weight, s1, sum1);
      sum2 = hn::MulAdd(weight, s2, sum2);
      sum3 = hn::MulAdd(weight, s3, sum3);
      if (column_sines != nullptr) {
        double* sines = column_sines + (q - from);
        Vec sum = hn::LoadU(d, sines);
        sum = hn::MulAdd(hn::Set(d, c[0]), s0, sum);
        sum = hn::MulAdd(hn::Set(d, c[1]), s1, sum);
        sum = hn::MulAdd(hn::Set(d, c[2]), s2, sum);
        sum = hn::MulAdd(hn::Set(d, c[3]), s3, sum);
        hn::StoreU(sum, d, sines);
      }
    }
    row_sines[p] += hn::GetLane(hn::SumOfLanes(d, sum0));
    row_sines[p + 1] += hn::GetLane(hn::SumOfLanes(d, sum1));
    row_sines[p + 2] += hn::GetLane(hn::SumOfLanes(d, sum2));
    row_sines[p + 3] += hn::GetLane(hn::SumOfLanes(d, sum3));
  }
}

// vectors_p += Σ_q arcs_pq c_q v_q for 16 rows: 8 rows by one vector of coordinates in registers.
HWY_INLINE void RowProduct(const PairInput& in, Index depth, Index from, Index to,
                           const double* HWY_RESTRICT arcs, double* HWY_RESTRICT vectors) {
  const Lanes8 d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  for (Index p = 0; p < group_rows; p += 8) {
    const double* HWY_RESTRICT a = arcs + p * chunk;
    for (Index j = 0; j < depth; j += lanes) {
      double* out = vectors + p * in.stride + j;
      const double* v = in.weighted + from * in.stride + j;
      Vec f0 = hn::LoadU(d, out);
      Vec f1 = hn::LoadU(d, out + in.stride);
      Vec f2 = hn::LoadU(d, out + 2 * in.stride);
      Vec f3 = hn::LoadU(d, out + 3 * in.stride);
      Vec f4 = hn::LoadU(d, out + 4 * in.stride);
      Vec f5 = hn::LoadU(d, out + 5 * in.stride);
      Vec f6 = hn::LoadU(d, out + 6 * in.stride);
      Vec f7 = hn::LoadU(d, out + 7 * in.stride);
      for (Index q = 0; q < to - from; ++q) {
        const Vec x = hn::LoadU(d, v + q * in.stride);
        f0 = hn::MulAdd(x, hn::Set(d, a[q]), f0);
        f1 = hn::MulAdd(x, hn::Set(d, a[chunk + q]), f1);
        f2 = hn::MulAdd(x, hn::Set(d, a[2 * chunk + q]), f2);
        f3 = hn::MulAdd(x, hn::Set(d, a[3 * chunk + q]), f3);
        f4 = hn::MulAdd(x, hn::Set(d, a[4 * chunk + q]), f4);
        f5 = hn::MulAdd(x, hn::Set(d, a[5 * chunk + q]), f5);
        f6 = hn::MulAdd(x, hn::Set(d, a[6 * chunk + q]), f6);
        f7 = hn::MulAdd(x, hn::Set(d, a[7 * chunk + q]), f7);
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
  const Lanes8 d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const double* HWY_RESTRICT u = in.weighted + first * in.stride;
  for (Index q = 0; q < columns; q += lanes) {
    for (Index j = 0; j < depth; j += 4) {
      double* out = vectors + j * width + q;
      Vec f0 = hn::LoadU(d, out);
      Vec f1 = hn::LoadU(d, out + width);
      Vec f2 = hn::LoadU(d, out + 2 * width);
      Vec f3 = hn::LoadU(d, out + 3 * width);
      for (Index p = 0; p < group_rows; ++p) {
        const Vec a = hn::LoadU(d, arcs + p * chunk + q);
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

// Adds all pairs of rows [row_begin, row_end) and columns [column_begin, column_end) to the sums of
// both. Where the ranges are one, the pairs above the diagonal, and 16×16 squares on it by rows.
void PairSums(const PairInput& in, Index depth, Index row_begin, Index row_end, Index column_begin,
              Index column_end, const RowSums& rows, const ColumnSums& columns) {
  HWY_ALIGN double arcs[group_rows * chunk];
  const bool diagonal = row_begin == column_begin;
  for (Index first = row_begin; first < row_end; first += group_rows) {
    double* row_vectors = rows.vectors + (first - row_begin) * in.stride;
    double* row_sines = rows.sines + (first - row_begin);
    Index from = column_begin;
    if (diagonal) {
      from = first + group_rows;
      GroupArcs(in, depth, first, first, from, arcs, row_sines, nullptr);
      RowProduct(in, depth, first, from, arcs, row_vectors);
    }
    for (; from < column_end; from += chunk) {
      const Index to = std::min(from + chunk, column_end);
      const Index place = from - column_begin;
      GroupArcs(in, depth, first, from, to, arcs, row_sines, columns.sines + place);
      RowProduct(in, depth, from, to, arcs, row_vectors);
      ColumnProduct(in, depth, first, to - from, arcs, columns.vectors + place, columns.width);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestone::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestone::kernels {

HWY_EXPORT(WeightedArcs);
HWY_EXPORT(PairSums);

namespace simd {

void population_field(const Matrix& U, const Matrix& V, const Vector& c, Matrix& field) {
  constexpr Index block_rows = 16;
  const Index d = U.cols();
  const Index padded = padded_to(lane_multiple, V.rows());
  // 16×512 cosines are 64 KiB: they stay in the L2 cache.
  const Index tile_columns = std::min<Index>(512, padded);
  Vector weights = Vector::Zero(padded);
  weights.head(V.rows()) = c;
  field.setZero(U.rows(), d);

  for_each_block((U.rows() + block_rows - 1) / block_rows, [&](Index block) {
    const Index first = block * block_rows;
    const Index rows = std::min(block_rows, U.rows() - first);
    std::vector<double> tile(static_cast<std::size_t>(block_rows * tile_columns), 0.0);
    Vector sine_sums = Vector::Zero(rows);
    for (Index start = 0; start < V.rows(); start += tile_columns) {
      const Index columns = std::min(tile_columns, V.rows() - start);
      const Index vector_columns = std::min(tile_columns, padded - start);
      if (columns < vector_columns) std::fill(tile.begin(), tile.end(), 0.0);
      multiply_transposed(rows, columns, d, U.row(first).data(), d, V.row(start).data(), d,
                          tile.data(), tile_columns);
      for (Index p = 0; p < rows; ++p) {
        sine_sums[p] += HWY_DYNAMIC_DISPATCH(WeightedArcs)(static_cast<std::size_t>(vector_columns),
                                                           weights.data() + start,
                                                           tile.data() + p * tile_columns);
      }
      multiply_add(rows, d, columns, tile.data(), tile_columns, V.row(start).data(), d,
                   field.row(first).data(), d);
    }
    for (Index p = 0; p < rows; ++p) {
      field.row(first + p) += sine_sums[p] * U.row(first + p);
      field.row(first + p) /= 2.0 * std::numbers::pi;
    }
  });
}

void population_self_field(const Matrix& V, const Vector& c, Matrix& field) {
  const Index n = V.rows();
  const Index d = V.cols();
  field.resize(n, d);
  if (n == 0) return;
  const Index stride = padded_to(lane_multiple, d);
  const Index padded = padded_to(group_rows, n);
  // Parts and what they sum depend on n alone. Part by part, all pairs of parts can run at once.
  constexpr Index most_parts = 8;
  constexpr Index smallest_part = 64;
  const Index wanted = std::clamp<Index>(n / smallest_part, 1, most_parts);
  const Index part = padded_to(group_rows, (n + wanted - 1) / wanted);
  const Index parts = (n + part - 1) / part;
  const auto begin = [&](Index index) { return index * part; };
  const auto end = [&](Index index) { return std::min((index + 1) * part, padded); };

  // Kept between calls, one per thread that calls. Taken while in use: a thread that waits for
  // others may start a second call.
  thread_local std::vector<double> spare;
  std::vector<double> memory = std::exchange(spare, {});
  // One part's sums: vectors, then sines. Transposed rows are a vector longer than the part, as
  // rows of 4 KiB would all meet in one set of the L1 cache.
  const Index width = part + lane_multiple;
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

  for_each_block(parts * (parts + 1) / 2, [&](Index block) {
    Index I = 0;
    for (; block >= parts - I; ++I) block -= parts - I;
    const Index J = I + block;
    double* row_side = slot_of(I, J);
    double* column_side = slot_of(J, I == J ? parts : I);
    std::fill(row_side, row_side + slot, 0.0);
    std::fill(column_side, column_side + slot, 0.0);
    HWY_DYNAMIC_DISPATCH(PairSums)
    (input, d, begin(I), end(I), begin(J), end(J), {row_side, row_side + width * stride},
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
}

}  // namespace simd
}  // namespace lodestone::kernels
#endif  // HWY_ONCE
