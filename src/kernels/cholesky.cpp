#include "kernels/cholesky.hpp"

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "kernels/product.hpp"

namespace lodestone::kernels {
namespace {

// Rows that are eliminated one by one before the rest is updated by a product. At n = 500 the
// single eliminations are n²·32 of n³/3 flops, a fifth, at the rate of plain loops.
constexpr Index rows_at_once = 32;

// Rows of an update that one thread computes.
constexpr Index rows_of_a_block = 96;

// row += factor · other over `count` numbers.
void add_multiple(double factor, const double* other, Index count, double* row) {
  for (Index j = 0; j < count; ++j) row[j] += factor * other[j];
}

}  // namespace

bool cholesky(Matrix& A) {
  const Index n = A.rows();
  Matrix negative;
  for (Index start = 0; start < n; start += rows_at_once) {
    const Index end = std::min(n, start + rows_at_once);
    for (Index i = start; i < end; ++i) {
      double* row = A.row(i).data();
      if (!(row[i] > 0.0)) return false;
      const double pivot = std::sqrt(row[i]);
      for (Index j = i; j < n; ++j) row[j] /= pivot;
      for (Index k = i + 1; k < end; ++k) {
        add_multiple(-row[k], row + k, n - k, A.row(k).data() + k);
      }
    }
    const Index rest = n - end;
    if (rest == 0) break;
    // The rest loses the product of the rows just found with themselves.
    const Index depth = end - start;
    negative = -A.block(start, end, depth, rest);
    const PackedFactor<double> right(depth, rest, rows_of(A.row(start).data() + end, n));
    for_each_block((rest + rows_of_a_block - 1) / rows_of_a_block, [&](Index block) {
      const Index first = block * rows_of_a_block;
      const Index rows = std::min(rows_of_a_block, rest - first);
      simd::multiply_add(rows, transpose_of<double>(negative.data() + first, rest), right,
                         A.row(end + first).data() + end, n, Part::upper, first);
    });
  }
  return true;
}

Vector solve_cholesky(const Matrix& U, Vector b) {
  const Index n = U.rows();
  for (Index i = 0; i < n; ++i) {
    b[i] /= U(i, i);
    add_multiple(-b[i], U.row(i).data() + i + 1, n - i - 1, b.data() + i + 1);
  }
  for (Index i = n - 1; i >= 0; --i) {
    double sum = b[i];
    const double* row = U.row(i).data();
    for (Index j = i + 1; j < n; ++j) sum -= row[j] * b[j];
    b[i] = sum / row[i];
  }
  return b;
}

}  // namespace lodestone::kernels
