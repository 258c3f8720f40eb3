#include "kernels/cholesky.hpp"

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "kernels/product.hpp"
#include "kernels/triangular.hpp"

namespace lodestone::kernels {
namespace {

// Rows of a block: their triangle is factored by plain loops (n·32²/3 flops in all), what lies
// right of it solved for, and the rest updated by a product.
constexpr Index rows_at_once = triangular_rows;

// Rows of an update that one thread computes.
constexpr Index rows_of_a_block = 96;

// row += factor · other over `count` numbers.
void add_multiple(double factor, const double* other, Index count, double* row) {
  for (Index j = 0; j < count; ++j) row[j] += factor * other[j];
}

// The rows of a block right of its triangle.
void solve_right_of(Matrix& A, Index start, Index depth, Index rest) {
  constexpr Index columns_of_a_block = 256;
  const double* triangle = A.row(start).data() + start;
  double* right = A.row(start).data() + start + depth;
  for_each_block((rest + columns_of_a_block - 1) / columns_of_a_block, [&](Index block) {
    const Index first = block * columns_of_a_block;
    simd::solve_transposed(depth, std::min(columns_of_a_block, rest - first), triangle,
                           right + first, A.cols());
  });
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
      for (Index j = i; j < end; ++j) row[j] /= pivot;
      for (Index k = i + 1; k < end; ++k) {
        add_multiple(-row[k], row + k, end - k, A.row(k).data() + k);
      }
    }
    const Index rest = n - end;
    if (rest == 0) break;
    const Index depth = end - start;
    solve_right_of(A, start, depth, rest);
    // The rest loses the product of the rows just found with themselves.
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
