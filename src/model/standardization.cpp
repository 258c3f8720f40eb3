#include "lodestone/model/standardization.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/block_sums.hpp"
#include "core/factorizations.hpp"
#include "core/in_place.hpp"
#include "lodestone/core/error.hpp"
#include "model/distinct_rows.hpp"

namespace lodestone {
namespace {

// A column whose deviation is this small against its size is constant up to rounding.
constexpr double constant_tolerance = 1e-12;
// Whitening leaves out directions whose deviation is below this share of the largest one: what the
// rounding of a table leaves of columns that depend on each other, each as a share of its length
// about 0.
constexpr double collinear_tolerance = 1e-13;

// A direction in which rows have less than this share of their largest square tells none apart.
constexpr double span_tolerance = 1e-12;

struct Deviation {
  Vector mean;
  Vector deviation;
};

// Means and deviations of columns, rows counted by their shares.
Deviation deviations(const Eigen::Ref<const Matrix>& X, const Vector& shares) {
  const Index n = X.rows();
  const Index d = X.cols();
  const auto column_sums = [&](const auto& term) {
    const std::vector<double> sums =
        sum_over_blocks(blocks_of(n), static_cast<std::size_t>(d), [&](Index block, double* to) {
          const Index end = std::min(n, (block + 1) * rows_per_block);
          for (Index t = block * rows_per_block; t < end; ++t) {
            for (Index j = 0; j < d; ++j) to[j] += shares[t] * term(t, j);
          }
        });
    return Vector(Eigen::Map<const Vector>(sums.data(), d));
  };
  Deviation result{column_sums([&](Index t, Index j) { return X(t, j); }), Vector(d)};
  // Squares are taken in units of the largest one, so that neither 1e200 nor 1e-200 leaves the
  // range of float64.
  Vector largest = Vector::Zero(d);
  for (Index t = 0; t < n; ++t) {
    if (shares[t] == 0.0) continue;
    largest = largest.cwiseMax((X.row(t).transpose() - result.mean).cwiseAbs());
  }
  const Vector unit = (largest.array() > 0.0).select(largest, 1.0);
  const Vector squares = column_sums([&](Index t, Index j) {
    const double share = (X(t, j) - result.mean[j]) / unit[j];
    return share * share;
  });
  result.deviation = unit.cwiseProduct(squares.cwiseSqrt());
  return result;
}

// An orthonormal basis (d×r) of what few rows span: no other part of a direction is ever seen. Its
// directions are those of largest mean square by the shares, so that a row of weight two gives the
// basis of two rows.
Matrix span_of(Matrix rows, const Vector& shares) {
  rows = shares.cwiseSqrt().asDiagonal() * rows;
  const Eigenpairs pairs = symmetric_eigenpairs(rows * rows.transpose());
  const Vector& squares = pairs.values;
  // Eigenvalues come in ascending order: the kept ones are the last.
  const Index kept = (squares.array() > span_tolerance * squares.maxCoeff()).count();
  // Once more: lengths of small ones are known to half of the digits.
  Matrix span = orthonormal_columns(rows.transpose() * pairs.vectors.rightCols(kept), kept);
  for (Index i = 0; i < kept; ++i) {
    Index largest = 0;
    span.col(i).cwiseAbs().maxCoeff(&largest);
    if (span(largest, i) < 0.0) span.col(i) *= -1.0;
  }
  return span;
}

// The map (p×r) that gives centred rows unit variance in every direction that they have. `offset`
// is the largest length of a column about 0.
Eigen::MatrixXd whitener(const Matrix& rows, const Vector& shares, double offset) {
  // By the rows themselves, not their covariance, which squares the condition.
  const SingularVectors svd =
      right_singular_vectors(triangular_factor(shares.cwiseSqrt().asDiagonal() * rows));
  const Vector& deviations = svd.values;
  const double least = collinear_tolerance * std::max(offset, deviations[0]);
  const Index kept = (deviations.array() > least).count();
  return svd.V.leftCols(kept) * deviations.head(kept).cwiseInverse().asDiagonal();
}

}  // namespace

namespace {

Vector shares_of(const Vector& weights, Index n) {
  return weights.size() == 0 ? Vector::Constant(n, 1.0 / static_cast<double>(n))
                             : Vector(weights / row_sum(weights));
}

Vector scales_of_targets(const Matrix& Y, const Vector& shares) {
  const Deviation targets = deviations(Y, shares);
  for (Index k = 0; k < Y.cols(); ++k) {
    if (targets.deviation[k] > constant_tolerance * std::abs(targets.mean[k])) continue;
    throw InvalidArgument("target", "a constant column", "there is nothing to learn from it");
  }
  return targets.deviation;
}

Standardization fit_inputs(Standardization::Kind kind, const Matrix& X, const Vector& shares,
                           Standardization::Columns columns = Standardization::Columns::any);

}  // namespace

Standardization Standardization::fit(Kind kind, const Matrix& X, const Vector& y,
                                     const Vector& weights, Columns columns) {
  const Vector shares = shares_of(weights, X.rows());
  const double target_scale = scales_of_targets(y, shares)[0];
  Standardization result = fit_inputs(kind, X, shares, columns);
  result.target_scale = target_scale;
  return result;
}

Standardization Standardization::fit_several(Kind kind, const Matrix& X, const Matrix& Y,
                                             const Vector& weights) {
  const Vector shares = shares_of(weights, X.rows());
  Vector scales = scales_of_targets(Y, shares);
  Standardization result = fit_inputs(kind, X, shares);
  result.target_scales = std::move(scales);
  return result;
}

namespace {

Standardization fit_inputs(Standardization::Kind kind, const Matrix& X, const Vector& shares,
                           Standardization::Columns columns) {
  using Kind = Standardization::Kind;
  const Index d = X.cols();
  Standardization result;
  result.kind = kind;
  const Deviation inputs = deviations(X, shares);
  result.center = inputs.mean;
  result.scale.resize(d);
  std::vector<Index> varying;
  for (Index j = 0; j < d; ++j) {
    const double spread = inputs.deviation[j];
    const bool varies = spread > constant_tolerance * std::abs(result.center[j]);
    result.scale[j] = varies ? spread : 1.0;
    if (varies) varying.push_back(j);
  }
  if (varying.empty()) {
    throw InvalidArgument("inputs", "only constant columns", "at least one column must vary");
  }
  const Index different =
      columns == Standardization::Columns::apart ? d + 1 : distinct_rows(X, d + 1);
  if (kind == Kind::none) {
    result.center = Vector::Zero(d);
    result.scale = Vector::Ones(d);
    result.map = d <= different ? Matrix(Matrix::Identity(d, d)) : span_of(X, shares);
    return result;
  }

  // Of a column that varies its deviation, of another one nothing.
  Vector inverse_scale = Vector::Zero(d);
  for (const Index column : varying) inverse_scale[column] = 1.0 / result.scale[column];
  if (static_cast<Index>(varying.size()) > different) {
    result.map =
        inverse_scale.asDiagonal() *
        span_of((X.rowwise() - result.center.transpose()) * inverse_scale.asDiagonal(), shares);
  } else {
    const auto p = static_cast<Index>(varying.size());
    result.map = Matrix::Zero(d, p);
    for (Index j = 0; j < p; ++j) {
      const Index column = varying[static_cast<std::size_t>(j)];
      result.map(column, j) = inverse_scale[column];
    }
  }
  if (kind == Kind::scale) return result;

  const double offset = result.center.cwiseProduct(inverse_scale).cwiseAbs().maxCoeff();
  result.map = (result.map * whitener(result.apply(X), shares, std::hypot(1.0, offset))).eval();
  return result;
}

}  // namespace

Matrix Standardization::apply(Matrix X) const {
  // Block by block, each written to where it and the blocks before it have been read: p <= d.
  constexpr Index rows_at_once = 1024;
  const Index n = X.rows();
  const Index p = map.cols();
  Matrix block;
  for (Index first = 0; first < n; first += rows_at_once) {
    const Index rows = std::min(rows_at_once, n - first);
    block.resize(rows, p);
    block.noalias() = (X.middleRows(first, rows).rowwise() - center.transpose()) * map;
    std::copy(block.data(), block.data() + block.size(), X.data() + first * p);
  }
  reshape(X, n, p);
  return X;
}

const char* name(Standardization::Kind kind) {
  switch (kind) {
    case Standardization::Kind::none:
      return "none";
    case Standardization::Kind::scale:
      return "scale";
    case Standardization::Kind::whiten:
      return "whiten";
  }
  return "";
}

Standardization::Kind parse_standardization(const std::string& text) {
  for (const auto kind :
       {Standardization::Kind::none, Standardization::Kind::scale, Standardization::Kind::whiten}) {
    if (text == name(kind)) return kind;
  }
  throw InvalidArgument("standardize", "'" + text + "'", "must be none, scale or whiten");
}

}  // namespace lodestone
