#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <numeric>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/largest.hpp"
#include "core/parallel.hpp"
#include "kernels/blas.hpp"
#include "kernels/sample.hpp"
#include "lodestone/error.hpp"
#include "lodestone/objective.hpp"
#include "lodestone/random.hpp"
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

const char* name(Precision precision) {
  return precision == Precision::float64 ? "float64" : "float32";
}

Precision parse_precision(const std::string& text) {
  for (const Precision precision : {Precision::float64, Precision::float32}) {
    if (text == name(precision)) return precision;
  }
  throw InvalidArgument("precision", "'" + text + "'", "must be float64 or float32");
}

using Float32Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Inputs in float32 beside those in float64.
struct Float32Copy {
  std::once_flag made;
  Float32Matrix values;
  bool usable = false;
};

// The rows of a table and which of them count. Inputs and targets are shared by objectives that
// leave out different rows.
struct SampleObjective::Rows {
  std::shared_ptr<const std::variant<Matrix, Float32Matrix>> X;  // n×p
  std::shared_ptr<const Vector> y;                               // n
  std::shared_ptr<const Vector> weights;                         // n, or none: equal
  bool biases = false;
  kernels::RowBlocks visited;
  std::shared_ptr<Float32Copy> float32 = std::make_shared<Float32Copy>();

  // The inputs in float32, made when first asked for; none where a number is out of its range.
  const Float32Matrix* in_float32() const {
    if (const auto* stored = std::get_if<Float32Matrix>(X.get())) return stored;
    std::call_once(float32->made, [&] {
      float32->values = std::get<Matrix>(*X).cast<float>();
      float32->usable = float32->values.allFinite();
    });
    return float32->usable ? &float32->values : nullptr;
  }

  Index count() const { return y->size(); }

  // Calls kernel(rows) with the inputs as kernels read them.
  template <class Kernel>
  decltype(auto) visit(const Kernel& kernel) const {
    return std::visit(
        [&]<class M>(const M& values) {
          return kernel(kernels::SampleRows<typename M::Scalar>{values.data(), values.cols(),
                                                                biases, visited});
        },
        *X);
  }
};

SampleObjective::~SampleObjective() = default;

SampleObjective::SampleObjective(SampleData data)
    : SampleObjective([&data] {
        check_data(data);
        const Index n = data.X.rows();
        std::variant<Matrix, Float32Matrix> X;
        if (data.precision == Precision::float64) {
          X = std::move(data.X);
        } else {
          X = Float32Matrix(data.X.cast<float>());
          data.X.resize(0, 0);
          if (!std::get<Float32Matrix>(X).allFinite()) {
            throw InvalidArgument("X", "", "every number must be within the range of float32");
          }
        }
        return std::make_shared<const Rows>(
            Rows{std::make_shared<const std::variant<Matrix, Float32Matrix>>(std::move(X)),
                 std::make_shared<const Vector>(std::move(data.y)),
                 std::make_shared<const Vector>(std::move(data.weights)), data.biases, n});
      }()) {}

SampleObjective SampleObjective::without_rows(Index first, Index count) const {
  const Index n = data_->count();
  if (first < 0 || count < 0 || first > n - count || count == n) {
    throw InvalidArgument("rows", std::to_string(first) + " to " + std::to_string(first + count),
                          "must be within the " + std::to_string(n) + " rows and leave some");
  }
  Rows rows = *data_;
  rows.visited = kernels::RowBlocks(n, first, count);
  return SampleObjective(std::make_shared<const Rows>(std::move(rows)));
}

SampleObjective SampleObjective::with_weights(Vector weights) const {
  check_weights(weights, data_->count());
  Rows rows = *data_;
  rows.weights = std::make_shared<const Vector>(std::move(weights));
  return SampleObjective(std::make_shared<const Rows>(std::move(rows)));
}

SampleObjective::SampleObjective(std::shared_ptr<const Rows> data) : data_(std::move(data)) {
  const Index d = input_dimension();
  const kernels::RowBlocks& visited = data_->visited;
  weights_ = data_->weights->size() == 0 ? Vector::Ones(data_->count()) : *data_->weights;
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
    sum += inputs(first, rows).transpose() * weights_.segment(first, rows);
  });
  // The kernels subtract the centre in the precision of the inputs.
  if (precision() == Precision::float32) {
    affine_center_ = affine_center_.cast<float>().cast<double>().eval();
  }
  const Vector variance = blockwise_sum(visited, zero, [&](Index first, Index rows, Vector& sum) {
    const Matrix centred = inputs(first, rows).rowwise() - affine_center_.transpose();
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
    const Matrix columns = affine_columns(inputs(first, rows));
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
Index SampleObjective::dimension() const { return input_dimension() + (data_->biases ? 1 : 0); }
Index SampleObjective::input_dimension() const {
  return std::visit([](const auto& values) { return values.cols(); }, *data_->X);
}
Precision SampleObjective::precision() const {
  return std::holds_alternative<Matrix>(*data_->X) ? Precision::float64 : Precision::float32;
}

// A residual is off by 2^-24 of the network's value, and errors of many rows average out.
double SampleObjective::loss_rounding() const {
  return precision() == Precision::float64 ? 0.0 : 0x1p-27;
}

// Some rows of the inputs, without a bias coordinate.
Matrix SampleObjective::inputs(Index first, Index rows) const {
  return std::visit(
      [&](const auto& values) -> Matrix {
        return values.middleRows(first, rows).template cast<double>();
      },
      *data_->X);
}

// The columns 1 and (x − centre)·scale of rows x.
Matrix SampleObjective::affine_columns(const Matrix& X) const {
  Matrix columns(X.rows(), X.cols() + 1);
  columns.col(0).setOnes();
  columns.rightCols(X.cols()) =
      (X.rowwise() - affine_center_.transpose()) * affine_scale_.asDiagonal();
  return columns;
}

// Coefficients, in those columns, of the least-squares affine function of values with these
// moments with 1 and x − centre (docs/math.md, 3.2).
Vector SampleObjective::affine_coefficients(Vector moments) const {
  moments.tail(input_dimension()).array() *= affine_scale_.array();
  return affine_inverse_ * moments;
}

Vector SampleObjective::fit_affine(const Vector& values) const {
  Vector moments;
  data_->visit([&](const auto& rows) {
    kernels::simd::affine_moments(rows, {affine_center_, weights_}, values, moments);
  });
  return affine_coefficients(std::move(moments));
}

// The same function as coefficients of 1 and x − centre.
Vector SampleObjective::slopes(Vector coefficients) const {
  coefficients.tail(input_dimension()).array() *= affine_scale_.array();
  return coefficients;
}

// Projects the affine part off the values in place and returns their weighted mean square.
double SampleObjective::remove_affine(Vector& values) const {
  const Vector b = slopes(fit_affine(values));
  return data_->visit([&](const auto& rows) {
    return kernels::simd::subtract_affine(rows, {affine_center_, weights_}, b, values);
  });
}

Evaluation SampleObjective::evaluate(const Network& network) const {
  check_sizes(network, dimension());
  const kernels::AffineColumns affine{affine_center_, weights_};
  return data_->visit([&](const auto& rows) {
    Vector values;
    Vector affine_moments;
    kernels::Masks masks;
    kernels::simd::forward(rows, network.W, network.a, y_, affine, values, masks, affine_moments);
    const Vector b = slopes(affine_coefficients(std::move(affine_moments)));
    Evaluation result;
    Matrix moments;
    result.loss = 0.5 * kernels::simd::backward(rows, masks, b, affine, values, moments);
    result.gradient_a = moments.cwiseProduct(network.W).rowwise().sum();
    result.gradient_W = network.a.asDiagonal() * moments;
    return result;
  });
}

// f − y without its affine part; returns its weighted mean square.
double SampleObjective::residuals(const Network& network, Vector& values) const {
  const kernels::AffineColumns affine{affine_center_, weights_};
  return data_->visit([&](const auto& rows) {
    Vector moments;
    kernels::Masks masks;
    kernels::simd::forward(rows, network.W, network.a, y_, affine, values, masks, moments);
    const Vector b = slopes(affine_coefficients(std::move(moments)));
    return kernels::simd::subtract_affine(rows, affine, b, values);
  });
}

double SampleObjective::loss(const Network& network) const {
  check_sizes(network, dimension());
  Vector values;
  return 0.5 * residuals(network, values);
}

// A residual on some of the rows, which are few enough to keep in float32: it only says where to
// look.
class RowSketch final : public CorrelationField {
 public:
  RowSketch(Float32Matrix rows, bool biases, Vector weighted)
      : rows_(std::move(rows)),
        biases_(biases),
        scale_(weighted.cwiseAbs().maxCoeff()),
        weighted_(std::move(weighted)) {
    if (scale_ > 0.0) weighted_ /= scale_;
  }

  Correlation correlate(const Matrix& U) const override {
    check_sizes(U, dimension());
    const kernels::SampleRows<float> rows{rows_.data(), rows_.cols(), biases_,
                                          kernels::RowBlocks(rows_.rows())};
    Correlation result;
    kernels::simd::masked_moments(rows, U, weighted_, result.gradient);
    result.gradient *= scale_;
    result.value = result.gradient.cwiseProduct(U).rowwise().sum();
    return result;
  }

 private:
  Index dimension() const { return rows_.cols() + (biases_ ? 1 : 0); }

  Float32Matrix rows_;
  bool biases_;
  double scale_;     // of the residuals, which float32 might not hold
  Vector weighted_;  // of largest absolute value 1
};

// A residual on all rows, with the inputs in float32.
class Float32Field final : public CorrelationField {
 public:
  Float32Field(const kernels::SampleRows<float>& rows, const Vector& weighted)
      : rows_(rows), scale_(weighted.cwiseAbs().maxCoeff()), weighted_(weighted) {
    if (scale_ > 0.0) weighted_ /= scale_;
  }

  Correlation correlate(const Matrix& U) const override {
    check_sizes(U, rows_.dimension());
    Correlation result;
    kernels::simd::masked_moments(rows_, U, weighted_, result.gradient);
    result.gradient *= scale_;
    result.value = result.gradient.cwiseProduct(U).rowwise().sum();
    return result;
  }

 private:
  kernels::SampleRows<float> rows_;
  double scale_;     // of the residuals, which float32 might not hold
  Vector weighted_;  // of largest absolute value 1
};

class SampleObjective::RowResidual final : public Residual {
 public:
  RowResidual(const SampleObjective& objective, const Network& network) : objective_(objective) {
    energy_ = objective.residuals(network, weighted_);
    weighted_.array() *= objective.weights_.array();
    target_product_ = -weighted_.dot(objective.y_);
  }

  Correlation correlate(const Matrix& U) const override {
    check_sizes(U, objective_.dimension());
    Correlation result;
    objective_.data_->visit([&](const auto& rows) {
      kernels::simd::masked_moments(rows, U, weighted_, result.gradient);
    });
    result.value = result.gradient.cwiseProduct(U).rowwise().sum();
    return result;
  }
  ResidualMeasure measure() const override {
    std::vector<Index> all(static_cast<std::size_t>(weighted_.size()));
    std::iota(all.begin(), all.end(), Index{0});
    return RowMeasure{rows_at(all), weighted_};
  }
  double energy() const override { return energy_; }
  double target_product() const override { return target_product_; }

  Matrix suggested_directions(Index count) const override {
    // A neuron along a row answers to that row more than to any other.
    Vector pull = weighted_.cwiseAbs();
    const double constant = objective_.data_->biases ? 1.0 : 0.0;
    const kernels::RowBlocks blocks(pull.size());
    for_each_block(blocks.count(), [&](Index block) {
      const auto [first, rows] = blocks[block];
      const Vector length = objective_.inputs(first, rows).rowwise().stableNorm();
      for (Index t = 0; t < rows; ++t) {
        // A row that does not count stays at 0 whatever its length.
        if (pull[first + t] > 0.0) pull[first + t] *= std::hypot(length[t], constant);
      }
    });
    return unit_directions(rows_at(positions_of_largest(pull, count)));
  }

  std::unique_ptr<CorrelationField> in_float32() const override {
    const Float32Matrix* X = objective_.data_->in_float32();
    if (X == nullptr) return nullptr;
    const kernels::SampleRows<float> rows{X->data(), X->cols(), objective_.data_->biases,
                                          objective_.data_->visited};
    return std::make_unique<Float32Field>(rows, weighted_);
  }

  std::unique_ptr<CorrelationField> sketch(std::uint64_t seed) const override {
    constexpr Index kept = 4096;
    const Index p = objective_.input_dimension();
    std::vector<Index> counting;  // rows left out and rows of weight 0 have residual 0
    for (Index t = 0; t < weighted_.size(); ++t) {
      if (weighted_[t] != 0.0) counting.push_back(t);
    }
    const auto n = static_cast<Index>(counting.size());
    if (n < 4 * kept || p > kept / 16) return nullptr;
    // One row from each of so many equal ranges: every row is as likely as any other.
    const RandomStream random(seed, "rows of a sketch");
    const double range = static_cast<double>(n) / kept;
    std::vector<Index> positions(kept);
    for (Index i = 0; i < kept; ++i) {
      const double place = (static_cast<double>(i) + random.uniform(static_cast<std::uint64_t>(i)));
      const Index t = std::min(n - 1, static_cast<Index>(place * range));
      positions[static_cast<std::size_t>(i)] = counting[static_cast<std::size_t>(t)];
    }
    // On all rows Σ r = 0 and Σ r x = 0; what the part has of them is noise, most of it if the
    // columns are not centred. Taken off twice, for what the normal equations leave.
    Float32Matrix values(kept, p);
    Matrix affine(kept, p + 1);
    constexpr Index rows_in_block = 512;
    std::array<Matrix, kept / rows_in_block> grams;  // lower halves, which are all that is read
    for_each_block(kept / rows_in_block, [&](Index block) {
      const Index first = block * rows_in_block;
      const auto chosen = positions.begin() + first;
      const Matrix rows = rows_at({chosen, chosen + rows_in_block}).leftCols(p);
      const Matrix columns = objective_.affine_columns(rows);
      values.middleRows(first, rows_in_block) = rows.cast<float>();
      affine.middleRows(first, rows_in_block) = columns;
      Matrix& gram = grams[static_cast<std::size_t>(block)];
      gram.setZero(p + 1, p + 1);
      gram.selfadjointView<Eigen::Lower>().rankUpdate(columns.transpose());
    });
    if (!values.allFinite()) return nullptr;
    Matrix gram = grams[0];
    for (std::size_t block = 1; block < grams.size(); ++block) gram += grams[block];
    Index rank = 0;
    const Matrix inverse = pseudo_inverse(gram, rank);
    Vector weighted = range * weighted_(positions);
    for (int pass = 0; pass < 2; ++pass) {
      weighted -= affine * (inverse * (affine.transpose() * weighted)).eval();
    }
    return std::make_unique<RowSketch>(std::move(values), objective_.data_->biases,
                                       std::move(weighted));
  }

 private:
  // Those rows with the constant coordinate of a bias.
  Matrix rows_at(const std::vector<Index>& positions) const {
    const Index p = objective_.input_dimension();
    Matrix rows = Matrix::Ones(static_cast<Index>(positions.size()), objective_.dimension());
    std::visit(
        [&](const auto& X) {
          for (Index i = 0; i < rows.rows(); ++i) {
            const Index t = positions[static_cast<std::size_t>(i)];
            rows.row(i).head(p) = X.row(t).template cast<double>();
          }
        },
        *objective_.data_->X);
    return rows;
  }

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
        data_->visit([&](const auto& inputs) {
          kernels::simd::activations(inputs, first, rows, U, features);
        });
        Matrix right(rows, columns);
        right.leftCols(p) = features;
        right.middleCols(p, d + 1) = affine_columns(inputs(first, rows));
        right.col(columns - 1) = y_.segment(first, rows);
        features = weights_.segment(first, rows).asDiagonal() * features;
        kernels::transposed_multiply_add(p, columns, rows, features.data(), p, right.data(),
                                         columns, sum.data(), columns);
      });
  const auto moments = products.middleCols(p, d + 1);
  FeatureGram gram;
  gram.K = products.leftCols(p) - moments * affine_inverse_ * moments.transpose();
  gram.K = 0.5 * (gram.K + gram.K.transpose()).eval();
  gram.b = products.col(columns - 1);
  return gram;
}

FeatureGram SampleObjective::feature_gram(const Matrix& U, const Matrix& V) const {
  check_sizes(U, dimension());
  check_sizes(V, dimension());
  const Index p = U.rows();
  const Index q = V.rows();
  const Index d = input_dimension();
  const auto activations = [&](const Matrix& of, Index first, Index rows) {
    Matrix features;
    data_->visit(
        [&](const auto& inputs) { kernels::simd::activations(inputs, first, rows, of, features); });
    return features;
  };
  // The affine part is taken off the features of U row by row; what is left is orthogonal to that
  // of any other feature.
  const Matrix moments = blockwise_sum(
      data_->visited, Matrix(Matrix::Zero(p, d + 1)), [&](Index first, Index rows, Matrix& sum) {
        const Matrix columns = affine_columns(inputs(first, rows));
        const Matrix features =
            weights_.segment(first, rows).asDiagonal() * activations(U, first, rows);
        kernels::transposed_multiply_add(p, d + 1, rows, features.data(), p, columns.data(), d + 1,
                                         sum.data(), d + 1);
      });
  const Matrix coefficients = affine_inverse_ * moments.transpose();
  const Index columns = p + q + 1;
  const Matrix products = blockwise_sum(
      data_->visited, Matrix(Matrix::Zero(p, columns)), [&](Index first, Index rows, Matrix& sum) {
        Matrix left = activations(U, first, rows);
        left.noalias() -= affine_columns(inputs(first, rows)) * coefficients;
        const Matrix weighted = weights_.segment(first, rows).asDiagonal() * left;
        const auto add_products = [&](const Matrix& with, Index column) {
          kernels::transposed_multiply_add(p, with.cols(), rows, weighted.data(), p, with.data(),
                                           with.cols(), sum.data() + column, columns);
        };
        add_products(left, 0);
        if (q > 0) add_products(activations(V, first, rows), p);
        sum.col(columns - 1) += weighted.transpose() * y_.segment(first, rows);
      });
  FeatureGram gram;
  gram.K = products.leftCols(p + q);
  gram.K.leftCols(p) = 0.5 * (gram.K.leftCols(p) + gram.K.leftCols(p).transpose()).eval();
  gram.b = products.col(columns - 1);
  return gram;
}

ActiveRows SampleObjective::active_rows(const Matrix& U) const {
  check_sizes(U, dimension());
  const auto p = static_cast<std::size_t>(U.rows());
  constexpr Index words_per_block = 4;
  static_assert(kernels::rows_per_block <= 64 * words_per_block);
  const kernels::RowBlocks& visited = data_->visited;
  const auto words = static_cast<std::size_t>(visited.count() * words_per_block);
  ActiveRows result;
  result.bits.assign(p, std::vector<std::uint64_t>(words, 0));
  std::vector<std::uint64_t> counting(words, 0);  // rows with weight
  for_each_block(visited.count(), [&](Index block) {
    const auto [first, rows] = visited[block];
    Matrix features;
    data_->visit([&, first = first, rows = rows](const auto& inputs) {
      kernels::simd::activations(inputs, first, rows, U, features);
    });
    std::vector<std::uint64_t> on(p);
    for (Index start = 0; start < rows; start += 64) {
      std::fill(on.begin(), on.end(), std::uint64_t{0});
      const auto word = static_cast<std::size_t>(block * words_per_block + start / 64);
      for (Index t = start; t < std::min(rows, start + 64); ++t) {
        if (weights_[first + t] == 0.0) continue;
        counting[word] |= std::uint64_t{1} << (t - start);
        const double* row = &features(t, 0);
        for (std::size_t i = 0; i < p; ++i) {
          on[i] |= std::uint64_t{row[i] > 0.0} << (t - start);
        }
      }
      for (std::size_t i = 0; i < p; ++i) result.bits[i][word] = on[i];
    }
  });
  const auto count = [](const std::vector<std::uint64_t>& of) {
    Index sum = 0;
    for (const std::uint64_t word : of) sum += std::popcount(word);
    return sum;
  };
  const Index all = count(counting);
  for (std::vector<std::uint64_t>& own : result.bits) {
    // The mirror is on where the neuron is off; rows on its boundary add nothing to either.
    std::vector<std::uint64_t> mirror = counting;
    for (std::size_t w = 0; w < words; ++w) mirror[w] &= ~own[w];
    const Index own_count = count(own);
    const bool mirrored = 2 * own_count != all ? 2 * own_count > all : mirror < own;
    result.mirrored.push_back(mirrored);
    if (mirrored) own = std::move(mirror);
  }
  return result;
}

Affine SampleObjective::affine(const Network& network) const {
  check_sizes(network, dimension());
  // The affine part of f − y_ is that of f: y_ has none.
  Vector moments;
  data_->visit([&](const auto& rows) {
    Vector values;
    kernels::Masks masks;
    kernels::simd::forward(rows, network.W, network.a, y_, {affine_center_, weights_}, values,
                           masks, moments);
  });
  const Vector coefficients = y_affine_ - affine_coefficients(std::move(moments));
  Affine affine;
  affine.beta = affine_scale_.cwiseProduct(coefficients.tail(input_dimension()));
  affine.alpha = coefficients[0] - affine.beta.dot(affine_center_);
  return affine;
}

}  // namespace lodestone
