#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/largest.hpp"
#include "core/parallel.hpp"
#include "kernels/sample.hpp"
#include "lodestone/error.hpp"
#include "lodestone/objective.hpp"
#include "objective/check_sizes.hpp"

namespace lodestone {
namespace {

// Directions of the inputs whose variance is below this share of the largest are treated as
// absent: collinear, duplicated and constant columns leave rounding noise there, nothing else.
constexpr double relative_rank_tolerance = 1e-10;
constexpr double constant_tolerance = 1e-12;

void check_data(const SampleData& data) {
  const auto count = [](Index n) { return std::to_string(n); };
  if (data.X.rows() == 0) throw InvalidArgument("rows", "0", "at least one row is needed");
  if (data.y.size() != data.X.rows()) {
    throw InvalidArgument("y", count(data.y.size()) + " values",
                          "must have one value for each of the " + count(data.X.rows()) + " rows");
  }
  if (data.weights.size() != 0 && data.weights.size() != data.X.rows()) {
    throw InvalidArgument("weights", count(data.weights.size()) + " values",
                          "must have one value for each of the " + count(data.X.rows()) + " rows");
  }
  if (!data.X.allFinite()) throw InvalidArgument("X", "", "every number must be finite");
  if (!data.y.allFinite()) throw InvalidArgument("y", "", "every number must be finite");
  if (data.weights.size() != 0) {
    if (!data.weights.allFinite() || data.weights.minCoeff() < 0.0) {
      throw InvalidArgument("weights", "", "must be finite and not negative");
    }
    if (data.weights.maxCoeff() == 0.0) {
      throw InvalidArgument("weights", "all zero", "at least one row must have weight");
    }
  }
}

// Runs add(first, rows, sum) over blocks of rows and adds the blocks' sums in order.
template <class Sum, class AddBlock>
Sum blockwise_sum(Index rows, const Sum& zero, const AddBlock& add) {
  const Index blocks = (rows + kernels::rows_per_block - 1) / kernels::rows_per_block;
  const Index chunks = std::min<Index>(blocks, 32);
  std::vector<Sum> partial(static_cast<std::size_t>(chunks), zero);
  for_each_block(chunks, [&](Index chunk) {
    Sum& sum = partial[static_cast<std::size_t>(chunk)];
    for (Index block = chunk * blocks / chunks; block < (chunk + 1) * blocks / chunks; ++block) {
      const Index first = block * kernels::rows_per_block;
      add(first, std::min(kernels::rows_per_block, rows - first), sum);
    }
  });
  Sum total = zero;
  for (const Sum& sum : partial) total += sum;
  return total;
}

Matrix pseudo_inverse(const Matrix& symmetric, Index& rank) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver{Eigen::MatrixXd(symmetric)};
  const Vector& values = solver.eigenvalues();
  const double cutoff = relative_rank_tolerance * values.maxCoeff();
  Vector inverse = Vector::Zero(values.size());
  rank = 0;
  for (Index j = 0; j < values.size(); ++j) {
    if (values[j] <= cutoff) continue;
    inverse[j] = 1.0 / values[j];
    ++rank;
  }
  return solver.eigenvectors() * inverse.asDiagonal() * solver.eigenvectors().transpose();
}

}  // namespace

SampleObjective::SampleObjective(SampleData data) : biases_(data.biases) {
  check_data(data);
  const Index n = data.X.rows();
  const Index d = data.X.cols();
  weights_ = data.weights.size() == 0 ? Vector::Constant(n, 1.0 / static_cast<double>(n))
                                      : Vector(data.weights / data.weights.sum());
  if (biases_) {
    X_.resize(n, d + 1);
    X_.leftCols(d) = data.X;
    X_.col(d).setOnes();
    data.X.resize(0, 0);
  } else {
    X_ = std::move(data.X);
  }
  y_ = std::move(data.y);

  // The affine part is fitted to centred and scaled columns: 1 and a column of years would
  // otherwise look parallel.
  const Vector zero = Vector::Zero(d);
  affine_center_ = blockwise_sum(n, zero, [&](Index first, Index rows, Vector& sum) {
    sum += X_.block(first, 0, rows, d).transpose() * weights_.segment(first, rows);
  });
  const Vector variance = blockwise_sum(n, zero, [&](Index first, Index rows, Vector& sum) {
    const Matrix centred = X_.block(first, 0, rows, d).rowwise() - affine_center_.transpose();
    sum += centred.cwiseAbs2().transpose() * weights_.segment(first, rows);
  });
  affine_scale_.resize(d);
  for (Index j = 0; j < d; ++j) {
    const double deviation = std::sqrt(variance[j]);
    // A column that is constant up to rounding gets no coefficient of its own.
    const bool varies = deviation > constant_tolerance * std::abs(affine_center_[j]);
    affine_scale_[j] = varies ? 1.0 / deviation : 0.0;
  }
  const Matrix empty = Matrix::Zero(d + 1, d + 1);
  const Matrix gram = blockwise_sum(n, empty, [&](Index first, Index rows, Matrix& sum) {
    const Matrix columns = affine_columns(first, rows);
    sum += columns.transpose() * weights_.segment(first, rows).asDiagonal() * columns;
  });
  Index rank = 0;
  affine_inverse_ = pseudo_inverse(gram, rank);
  const Index rows_with_weight = (weights_.array() > 0.0).count();
  if (rows_with_weight <= rank) {
    throw InvalidArgument(
        "rows", std::to_string(rows_with_weight),
        "the linear part alone has " + std::to_string(rank) +
            " coefficients and would interpolate; give more rows than that or fewer columns");
  }
  // Twice: the second pass takes off what rounding left of the first.
  y_affine_ = fit_affine(y_);
  remove_affine(y_);
  remove_affine(y_);
  null_loss_ = 0.5 * y_.cwiseAbs2().dot(weights_);
}

// The columns 1 and (x − centre)·scale of some rows, without a bias coordinate.
Matrix SampleObjective::affine_columns(Index first, Index rows) const {
  const Index d = input_dimension();
  Matrix columns(rows, d + 1);
  columns.col(0).setOnes();
  columns.rightCols(d) = (X_.block(first, 0, rows, d).rowwise() - affine_center_.transpose()) *
                         affine_scale_.asDiagonal();
  return columns;
}

// Coefficients, in those columns, of the least-squares affine function of the values
// (docs/math.md, 3.2).
Vector SampleObjective::fit_affine(const Vector& values) const {
  Vector moments;
  kernels::simd::affine_moments(X_, affine_center_, weights_, values, moments);
  moments.tail(input_dimension()).array() *= affine_scale_.array();
  return affine_inverse_ * moments;
}

// Projects the affine part off the values in place and returns their weighted mean square.
double SampleObjective::remove_affine(Vector& values) const {
  Vector coefficients = fit_affine(values);
  coefficients.tail(input_dimension()).array() *= affine_scale_.array();
  return kernels::simd::subtract_affine(X_, affine_center_, coefficients, weights_, values);
}

Evaluation SampleObjective::evaluate(const Network& network) const {
  check_sizes(network, dimension());
  Vector r;
  kernels::Masks masks;
  kernels::simd::forward(X_, network.W, network.a, r, masks);
  r -= y_;
  Evaluation result;
  result.loss = 0.5 * remove_affine(r);
  r.array() *= weights_.array();
  Matrix moments;
  kernels::simd::backward(X_, masks, r, moments);
  result.gradient_a = moments.cwiseProduct(network.W).rowwise().sum();
  result.gradient_W = network.a.asDiagonal() * moments;
  return result;
}

double SampleObjective::loss(const Network& network) const {
  check_sizes(network, dimension());
  Vector r;
  kernels::Masks masks;
  kernels::simd::forward(X_, network.W, network.a, r, masks);
  r -= y_;
  return 0.5 * remove_affine(r);
}

class SampleObjective::RowResidual final : public Residual {
 public:
  RowResidual(const SampleObjective& objective, const Network& network) : objective_(objective) {
    kernels::Masks masks;
    kernels::simd::forward(objective.X_, network.W, network.a, weighted_, masks);
    weighted_ -= objective.y_;
    energy_ = objective.remove_affine(weighted_);
    weighted_.array() *= objective.weights_.array();
    target_product_ = -weighted_.dot(objective.y_);
  }

  Correlation correlate(const Matrix& U) const override {
    check_sizes(U, objective_.dimension());
    Correlation result;
    kernels::simd::masked_moments(objective_.X_, U, weighted_, result.gradient);
    result.value = result.gradient.cwiseProduct(U).rowwise().sum();
    return result;
  }
  ResidualMeasure measure() const override { return RowMeasure{objective_.X_, weighted_}; }
  double energy() const override { return energy_; }
  double target_product() const override { return target_product_; }

  Matrix suggested_directions(Index count) const override {
    // A neuron along a row answers to that row more than to any other.
    const Vector pull = weighted_.cwiseAbs().cwiseProduct(objective_.X_.rowwise().stableNorm());
    return unit_directions(objective_.X_(positions_of_largest(pull, count), Eigen::all));
  }

 private:
  const SampleObjective& objective_;
  Vector weighted_;
  double energy_ = 0.0;
  double target_product_ = 0.0;
};

std::unique_ptr<Residual> SampleObjective::residual(const Network& network) const {
  check_sizes(network, dimension());
  return std::make_unique<RowResidual>(*this, network);
}

FeatureGram SampleObjective::feature_gram(const Matrix& U) const {
  check_sizes(U, dimension());
  const Index p = U.rows();
  const Index d = input_dimension();
  // One product per block gives K, the moments with (1, x) and those with y: columns [σ, 1, x, y].
  const Index columns = p + d + 2;
  const Matrix products = blockwise_sum(
      X_.rows(), Matrix(Matrix::Zero(p, columns)), [&](Index first, Index rows, Matrix& sum) {
        Matrix features;
        kernels::simd::activations(X_, first, rows, U, features);
        Matrix right(rows, columns);
        right.leftCols(p) = features;
        right.middleCols(p, d + 1) = affine_columns(first, rows);
        right.col(columns - 1) = y_.segment(first, rows);
        features = weights_.segment(first, rows).asDiagonal() * features;
        sum.noalias() += features.transpose() * right;
      });
  const auto moments = products.middleCols(p, d + 1);
  FeatureGram gram;
  gram.K = products.leftCols(p) - moments * affine_inverse_ * moments.transpose();
  gram.K = 0.5 * (gram.K + gram.K.transpose()).eval();
  gram.b = products.col(columns - 1);
  return gram;
}

Affine SampleObjective::affine(const Network& network) const {
  check_sizes(network, dimension());
  Vector values;
  kernels::Masks masks;
  kernels::simd::forward(X_, network.W, network.a, values, masks);
  const Vector coefficients = y_affine_ - fit_affine(values);
  Affine affine;
  affine.beta = affine_scale_.cwiseProduct(coefficients.tail(input_dimension()));
  affine.alpha = coefficients[0] - affine.beta.dot(affine_center_);
  return affine;
}

}  // namespace lodestone
