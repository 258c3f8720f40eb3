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

void check_weights(const Vector& weights, Index rows) {
  if (weights.size() == 0) return;
  if (weights.size() != rows) {
    throw InvalidArgument("weights", std::to_string(weights.size()) + " values",
                          "must have one value for each of the " + std::to_string(rows) + " rows");
  }
  if (!weights.allFinite() || weights.minCoeff() < 0.0) {
    throw InvalidArgument("weights", "", "must be finite and not negative");
  }
  if (weights.maxCoeff() == 0.0) {
    throw InvalidArgument("weights", "all zero", "at least one row must have weight");
  }
}

void check_data(const SampleData& data) {
  const auto count = [](Index n) { return std::to_string(n); };
  if (data.X.rows() == 0) throw InvalidArgument("rows", "0", "at least one row is needed");
  if (data.y.size() != data.X.rows()) {
    throw InvalidArgument("y", count(data.y.size()) + " values",
                          "must have one value for each of the " + count(data.X.rows()) + " rows");
  }
  if (!data.X.allFinite()) throw InvalidArgument("X", "", "every number must be finite");
  if (!data.y.allFinite()) throw InvalidArgument("y", "", "every number must be finite");
  check_weights(data.weights, data.X.rows());
}

// Runs add(first, rows, sum) over blocks of rows and adds the blocks' sums in order.
template <class Sum, class AddBlock>
Sum blockwise_sum(const kernels::RowBlocks& rows, const Sum& zero, const AddBlock& add) {
  const Index blocks = rows.count();
  const Index chunks = std::min<Index>(blocks, 32);
  std::vector<Sum> partial(static_cast<std::size_t>(chunks), zero);
  for_each_block(chunks, [&](Index chunk) {
    Sum& sum = partial[static_cast<std::size_t>(chunk)];
    for (Index block = chunk * blocks / chunks; block < (chunk + 1) * blocks / chunks; ++block) {
      add(rows[block].first, rows[block].rows, sum);
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

// The rows of a table and which of them count. Inputs and targets are shared by objectives that
// leave out different rows.
struct SampleObjective::Rows {
  std::shared_ptr<const Matrix> X;  // n×d, the constant coordinate last when there are biases
  std::shared_ptr<const Vector> y;  // n
  std::shared_ptr<const Vector> weights;  // n, or none: equal
  bool biases = false;
  kernels::RowBlocks visited;
};

SampleObjective::~SampleObjective() = default;

SampleObjective::SampleObjective(SampleData data)
    : SampleObjective([&data] {
        check_data(data);
        const Index n = data.X.rows();
        const Index d = data.X.cols();
        if (data.biases) {
          Matrix with_constant(n, d + 1);
          with_constant.leftCols(d) = data.X;
          with_constant.col(d).setOnes();
          data.X = std::move(with_constant);
        }
        return std::make_shared<const Rows>(
            Rows{std::make_shared<const Matrix>(std::move(data.X)),
                 std::make_shared<const Vector>(std::move(data.y)),
                 std::make_shared<const Vector>(std::move(data.weights)), data.biases, n});
      }()) {}

SampleObjective SampleObjective::without_rows(Index first, Index count) const {
  const Index n = data_->X->rows();
  if (first < 0 || count < 0 || first > n - count || count == n) {
    throw InvalidArgument("rows", std::to_string(first) + " to " + std::to_string(first + count),
                          "must be within the " + std::to_string(n) + " rows and leave some");
  }
  Rows rows = *data_;
  rows.visited = kernels::RowBlocks(n, first, count);
  return SampleObjective(std::make_shared<const Rows>(std::move(rows)));
}

SampleObjective SampleObjective::with_weights(Vector weights) const {
  check_weights(weights, data_->X->rows());
  Rows rows = *data_;
  rows.weights = std::make_shared<const Vector>(std::move(weights));
  return SampleObjective(std::make_shared<const Rows>(std::move(rows)));
}

SampleObjective::SampleObjective(std::shared_ptr<const Rows> data) : data_(std::move(data)) {
  const Matrix& X = *data_->X;
  const Index d = input_dimension();
  const kernels::RowBlocks& visited = data_->visited;
  weights_ = data_->weights->size() == 0 ? Vector::Ones(X.rows()) : *data_->weights;
  weights_.segment(visited.left_out_first(), visited.left_out()).setZero();
  if (weights_.maxCoeff() == 0.0) {
    throw InvalidArgument("weights", "all zero", "at least one row must have weight");
  }
  weights_ /= weights_.sum();
  y_ = *data_->y;

  // The affine part is fitted to centred and scaled columns: 1 and a column of years would
  // otherwise look parallel.
  const Vector zero = Vector::Zero(d);
  affine_center_ = blockwise_sum(visited, zero, [&](Index first, Index rows, Vector& sum) {
    sum += X.block(first, 0, rows, d).transpose() * weights_.segment(first, rows);
  });
  const Vector variance = blockwise_sum(visited, zero, [&](Index first, Index rows, Vector& sum) {
    const Matrix centred = X.block(first, 0, rows, d).rowwise() - affine_center_.transpose();
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
  const Matrix gram = blockwise_sum(visited, empty, [&](Index first, Index rows, Matrix& sum) {
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

Index SampleObjective::rows() const { return data_->visited.visited(); }
Index SampleObjective::dimension() const { return data_->X->cols(); }
Index SampleObjective::input_dimension() const { return dimension() - (data_->biases ? 1 : 0); }

// The columns 1 and (x − centre)·scale of some rows, without a bias coordinate.
Matrix SampleObjective::affine_columns(Index first, Index rows) const {
  const Matrix& X = *data_->X;
  const Index d = input_dimension();
  Matrix columns(rows, d + 1);
  columns.col(0).setOnes();
  columns.rightCols(d) = (X.block(first, 0, rows, d).rowwise() - affine_center_.transpose()) *
                         affine_scale_.asDiagonal();
  return columns;
}

// Coefficients, in those columns, of the least-squares affine function of the values
// (docs/math.md, 3.2).
Vector SampleObjective::fit_affine(const Vector& values) const {
  Vector moments;
  kernels::simd::affine_moments(*data_->X, data_->visited, affine_center_, weights_, values,
                                moments);
  moments.tail(input_dimension()).array() *= affine_scale_.array();
  return affine_inverse_ * moments;
}

// Projects the affine part off the values in place and returns their weighted mean square.
double SampleObjective::remove_affine(Vector& values) const {
  Vector coefficients = fit_affine(values);
  coefficients.tail(input_dimension()).array() *= affine_scale_.array();
  return kernels::simd::subtract_affine(*data_->X, data_->visited, affine_center_, coefficients,
                                        weights_, values);
}

Evaluation SampleObjective::evaluate(const Network& network) const {
  check_sizes(network, dimension());
  Vector r;
  kernels::Masks masks;
  kernels::simd::forward(*data_->X, data_->visited, network.W, network.a, r, masks);
  r -= y_;
  Evaluation result;
  result.loss = 0.5 * remove_affine(r);
  r.array() *= weights_.array();
  Matrix moments;
  kernels::simd::backward(*data_->X, data_->visited, masks, r, moments);
  result.gradient_a = moments.cwiseProduct(network.W).rowwise().sum();
  result.gradient_W = network.a.asDiagonal() * moments;
  return result;
}

double SampleObjective::loss(const Network& network) const {
  check_sizes(network, dimension());
  Vector r;
  kernels::Masks masks;
  kernels::simd::forward(*data_->X, data_->visited, network.W, network.a, r, masks);
  r -= y_;
  return 0.5 * remove_affine(r);
}

class SampleObjective::RowResidual final : public Residual {
 public:
  RowResidual(const SampleObjective& objective, const Network& network) : objective_(objective) {
    kernels::Masks masks;
    kernels::simd::forward(*objective.data_->X, objective.data_->visited, network.W, network.a,
                           weighted_, masks);
    weighted_ -= objective.y_;
    energy_ = objective.remove_affine(weighted_);
    weighted_.array() *= objective.weights_.array();
    target_product_ = -weighted_.dot(objective.y_);
  }

  Correlation correlate(const Matrix& U) const override {
    check_sizes(U, objective_.dimension());
    Correlation result;
    kernels::simd::masked_moments(*objective_.data_->X, objective_.data_->visited, U, weighted_,
                                  result.gradient);
    result.value = result.gradient.cwiseProduct(U).rowwise().sum();
    return result;
  }
  ResidualMeasure measure() const override { return RowMeasure{*objective_.data_->X, weighted_}; }
  double energy() const override { return energy_; }
  double target_product() const override { return target_product_; }

  Matrix suggested_directions(Index count) const override {
    // A neuron along a row answers to that row more than to any other.
    const Vector pull =
        weighted_.cwiseAbs().cwiseProduct(objective_.data_->X->rowwise().stableNorm());
    return unit_directions((*objective_.data_->X)(positions_of_largest(pull, count), Eigen::all));
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
      data_->visited, Matrix(Matrix::Zero(p, columns)), [&](Index first, Index rows, Matrix& sum) {
        Matrix features;
        kernels::simd::activations(*data_->X, first, rows, U, features);
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
  kernels::simd::forward(*data_->X, data_->visited, network.W, network.a, values, masks);
  const Vector coefficients = y_affine_ - fit_affine(values);
  Affine affine;
  affine.beta = affine_scale_.cwiseProduct(coefficients.tail(input_dimension()));
  affine.alpha = coefficients[0] - affine.beta.dot(affine_center_);
  return affine;
}

}  // namespace lodestone
