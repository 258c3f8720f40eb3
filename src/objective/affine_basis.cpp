#include "objective/affine_basis.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/block_sums.hpp"
#include "core/factorizations.hpp"
#include "core/parallel.hpp"

namespace lodestone {
namespace {

// The independent part of a column, as a share of it, below which it is rounding: entries of a
// table have 1.1e-16 of relative rounding, sums of a few columns of it some more.
constexpr double triangle_rank_tolerance = 1e-13;
constexpr double constant_share = 1e-12;  // of a deviation, as a share of the mean

// Parts of the table that are factorized by themselves: work for the threads, the same for any
// number of them.
constexpr Index most_factors = 64;

// The triangular factor of two matrices of equally many columns on top of each other.
Matrix triangle_of(const Matrix& above, const Matrix& below) {
  if (above.rows() == 0 && below.rows() == 0) return below;
  Eigen::MatrixXd both(above.rows() + below.rows(), below.cols());
  if (above.rows() > 0) both.topRows(above.rows()) = above;
  both.bottomRows(below.rows()) = below;
  return triangular_factor(both);
}

// The rank of 1 and x − centre but for rounding, from their triangular factor.
Index independent_columns(Matrix R, const Vector& centre) {
  // Each column in the unit of its length about 0, of which its rounding is a share. Columns of
  // small variance about a large mean would come last, whatever they have of their own: pivots are
  // compared to the units, not to each other.
  Vector units = R.colwise().norm().transpose();
  units.tail(centre.size()) =
      (units.tail(centre.size()).cwiseAbs2() + centre.cwiseAbs2()).cwiseSqrt();
  for (Index j = 0; j < units.size(); ++j) {
    if (units[j] > 0.0) R.col(j) /= units[j];
  }
  return (column_pivots(R).array() > triangle_rank_tolerance).count();
}

}  // namespace

AffineBasis::AffineBasis(Vector centre, Vector scale)
    : centre_(std::move(centre)), scale_(std::move(scale)) {}

AffineBasis::AffineBasis(Vector centre, Matrix S)
    : centre_(std::move(centre)), scale_(Vector::Zero(centre_.size())), S_(std::move(S)) {}

AffineBasis AffineBasis::constant(Vector centre) {
  Matrix S = Matrix::Zero(centre.size() + 1, 1);
  S(0, 0) = 1.0;
  return {std::move(centre), std::move(S)};
}

Matrix AffineBasis::columns(const Matrix& X) const {
  const Matrix centred = X.rowwise() - centre_.transpose();
  if (general()) {
    Matrix columns = centred * S_.bottomRows(X.cols());
    columns.rowwise() += S_.row(0);
    return columns;
  }
  Matrix columns(X.rows(), X.cols() + 1);
  columns.col(0).setOnes();
  columns.rightCols(X.cols()) = centred * scale_.asDiagonal();
  return columns;
}

Vector AffineBasis::moments(Vector with_inputs) const {
  if (general()) return S_.transpose() * with_inputs;
  with_inputs.tail(scale_.size()).array() *= scale_.array();
  return with_inputs;
}

Vector AffineBasis::of_inputs(Vector coefficients) const {
  if (general()) return S_ * coefficients;
  coefficients.tail(scale_.size()).array() *= scale_.array();
  return coefficients;
}

Matrix orthonormal_combinations(Index rows,
                                const std::function<Matrix(Index first, Index count)>& inputs,
                                const Vector& weights, const Vector& centre) {
  const Index k = centre.size() + 1;
  const double total = row_sum(weights);
  const Index chunks = std::clamp<Index>(blocks_of(rows), 1, most_factors);
  std::vector<Matrix> factors(static_cast<std::size_t>(chunks));
  for_each_block(chunks, [&](Index number) {
    Matrix& factor = factors[static_cast<std::size_t>(number)];
    const Index end = (number + 1) * rows / chunks;
    for (Index first = number * rows / chunks; first < end; first += rows_per_block) {
      const Index count = std::min(rows_per_block, end - first);
      Matrix part(count, k);
      part.col(0).setOnes();
      part.rightCols(k - 1) = inputs(first, count).rowwise() - centre.transpose();
      part = (weights.segment(first, count) / total).cwiseSqrt().asDiagonal() * part;
      factor = triangle_of(factor, part);
    }
  });
  Matrix R(0, k);
  for (const Matrix& factor : factors) R = triangle_of(R, factor);
  // The coefficients that S gives are the smallest ones, of columns in units of their deviations.
  Vector inverse_deviations = Vector::Zero(k);
  for (Index j = 0; j < k; ++j) {
    const double deviation = R.col(j).norm();
    // A column that is constant up to rounding has no part in any.
    const bool varies = j == 0 || deviation > constant_share * std::abs(centre[j - 1]);
    if (varies) inverse_deviations[j] = 1.0 / deviation;
  }
  const SingularVectors svd = right_singular_vectors(R * inverse_deviations.asDiagonal());
  // Columns that are constant up to rounding may be independent; they count for nothing here.
  const Index rank = std::min<Index>(independent_columns(R, centre), svd.rank);
  return inverse_deviations.asDiagonal() * svd.V.leftCols(rank) *
         svd.values.head(rank).cwiseInverse().asDiagonal();
}

}  // namespace lodestone
