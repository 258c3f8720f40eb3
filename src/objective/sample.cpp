#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>
#include <cmath>
#include <mutex>
#include <numeric>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/block_sums.hpp"
#include "core/collectives.hpp"
#include "core/factorizations.hpp"
#include "core/indices.hpp"
#include "core/largest.hpp"
#include "core/parallel.hpp"
#include "kernels/product.hpp"
#include "kernels/sample.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/objective/objective.hpp"
#include "objective/affine_basis.hpp"
#include "objective/bounded_quadratic.hpp"
#include "objective/check_sizes.hpp"
#include "objective/pseudo_inverse.hpp"
#include "objective/row_sums.hpp"
#include "objective/rows.hpp"
#include "objective/sample_moments.hpp"

namespace lodestone {
namespace {

constexpr double constant_tolerance = 1e-12;
// Below this share, more than half of the digits of a coefficient would be lost in the normal
// equations: the columns are made orthonormal by a QR factorization of the rows instead.
constexpr double ill_conditioned_share = 1e-6;

// Newton decrements, as shares of the loss, from which one more step ends the search for the best
// affine part: to rounding, and to what a descent can tell.
constexpr double fine_decrement = 1e-12;
constexpr double coarse_decrement = 1e-6;

// u·x_t below this share of ‖u‖‖x_t‖ is on the boundary of u: rounding decides its sign.
constexpr double boundary_share = 1e-13;

void check_weights(const Vector& weights, Index rows) {
  if (weights.size() == 0) return;
  if (weights.size() != rows) {
    throw InvalidArgument("weights", std::to_string(weights.size()) + " values",
                          "must have one value for each of the " + std::to_string(rows) + " rows");
  }
  if (!weights.allFinite() || weights.minCoeff() < 0.0) {
    throw InvalidArgument("weights", "", "must be finite and not negative");
  }
}

// What sums over rows of several processes do not cover.
void check_share(const SampleData& data) {
  if (!data.share || data.share->processes() == nullptr) return;
  const auto fail = [](const std::string& field, const std::string& value) {
    throw InvalidArgument(field, value,
                          "rows on several processes have the square loss of one output with a "
                          "free linear part and no constraints");
  };
  if (!data.family.square()) fail("family", "another than square");
  if (!data.family.has_linear_part() || data.family.linear_ridge > 0.0) {
    fail("linear", "not free");
  }
  if (data.constraints.any()) fail("constraints", "signs");
}

void check_data(const SampleData& data) {
  const auto count = [](Index n) { return std::to_string(n); };
  const Index rows = data.share ? data.share->total() : data.X.rows();
  if (rows == 0) throw InvalidArgument("rows", "0", "at least one row is needed");
  if (data.share && data.share->count() != data.X.rows()) {
    throw InvalidArgument("X", count(data.X.rows()) + " rows",
                          "must be the " + count(data.share->count()) + " of the share");
  }
  check_share(data);
  if (data.y.size() != data.X.rows()) {
    throw InvalidArgument("y", count(data.y.size()) + " values",
                          "must have one value for each of the " + count(data.X.rows()) + " rows");
  }
  if (!data.X.allFinite()) throw InvalidArgument("X", "", "every number must be finite");
  if (!data.y.allFinite()) throw InvalidArgument("y", "", "every number must be finite");
  if (data.offset.size() > 0 && data.offset.size() != data.X.rows()) {
    throw InvalidArgument("offset", count(data.offset.size()) + " values",
                          "must have one value for each of the " + count(data.X.rows()) + " rows");
  }
  if (!data.offset.allFinite()) throw InvalidArgument("offset", "", "every number must be finite");
  check_weights(data.weights, data.X.rows());
  if (data.constraints.any() && data.constraints.signs().size() != data.X.cols()) {
    throw InvalidArgument("constraints", count(data.constraints.signs().size()) + " signs",
                          "must have one for each of the " + count(data.X.cols()) + " columns");
  }
  data.family.check_target(data.y);
}

void refuse_interpolation(Index rows, Index rank) {
  if (rows > rank) return;
  throw InvalidArgument(
      "rows", std::to_string(rows),
      "the linear part alone has " + std::to_string(rank) +
          " coefficients and would interpolate; give more rows than that or fewer columns");
}

}  // namespace

SampleObjective::~SampleObjective() = default;

SampleObjective::SampleObjective(SampleData data)
    : SampleObjective([&data] {
        check_data(data);
        const RowShare share = data.share.value_or(data.X.rows());
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
        if (data.family.square() && data.offset.size() > 0) {
          data.y -= data.offset;
          data.offset.resize(0);
        }
        return std::make_shared<const Rows>(
            Rows{std::make_shared<const std::variant<Matrix, Float32Matrix>>(std::move(X)),
                 std::make_shared<const Vector>(std::move(data.y)),
                 std::make_shared<const Vector>(std::move(data.weights)), data.biases, data.family,
                 kernels::RowBlocks(share), std::make_shared<const Vector>(std::move(data.offset)),
                 std::move(data.constraints)});
      }()) {}

SampleObjective SampleObjective::without_rows(Index first, Index count) const {
  const Index n = data_->count();
  refuse_several_processes("rows left out");
  if (first < 0 || count < 0 || first > n - count || count == n) {
    throw InvalidArgument("rows", std::to_string(first) + " to " + std::to_string(first + count),
                          "must be within the " + std::to_string(n) + " rows and leave some");
  }
  Rows rows = *data_;
  rows.visited = kernels::RowBlocks(n, first, count);
  return SampleObjective(std::make_shared<const Rows>(std::move(rows)));
}

// What needs rows of other processes.
void SampleObjective::refuse_several_processes(const std::string& what) const {
  if (data_->visited.share().processes() == nullptr) return;
  throw InvalidArgument("rows", what, "rows on several processes do not have this");
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
  const RowShare& share = visited.share();
  const double total_weight = row_sum(share, weights_);
  if (total_weight == 0.0) {
    throw InvalidArgument("weights", "all zero", "at least one row must have weight");
  }
  weights_ /= total_weight;

  // The affine part is fitted to centred and scaled columns: 1 and a column of years would
  // otherwise look parallel.
  Vector centre = sum_over(visited, d, 1, [&](Index first, Index rows, auto sum) {
    sum += inputs(first, rows).transpose() * weights_.segment(first, rows);
  });
  // The kernels subtract the centre in the precision of the inputs.
  if (precision() == Precision::float32) {
    centre = centre.cast<float>().cast<double>().eval();
  }
  const Vector variance = sum_over(visited, d, 1, [&](Index first, Index rows, auto sum) {
    const Matrix centred = inputs(first, rows).rowwise() - centre.transpose();
    sum += centred.cwiseAbs2().transpose() * weights_.segment(first, rows);
  });
  Vector scale(d);
  for (Index j = 0; j < d; ++j) {
    const double deviation = std::sqrt(variance[j]);
    // A column that is constant up to rounding gets no coefficient of its own.
    const bool varies = deviation > constant_tolerance * std::abs(centre[j]);
    scale[j] = varies ? 1.0 / deviation : 0.0;
  }
  row_length_ = std::sqrt(centre.squaredNorm() + variance.sum() + (data_->biases ? 1.0 : 0.0));
  const double ridge = family().linear_ridge;
  basis_ = std::make_shared<const AffineBasis>(family().has_linear_part()
                                                   ? AffineBasis(centre, std::move(scale))
                                                   : AffineBasis::constant(centre));
  const auto rows_with_weight = static_cast<Index>(
      sum_over_rows(share, [&](Index t) { return weights_[t] > 0.0 ? 1.0 : 0.0; }));
  if (basis_->size() > rows_with_weight) {
    refuse_several_processes("fewer than columns");
    // Decided by the products of rows: those of the columns may be too many to hold.
    std::vector<Index> counting;
    for (Index t = 0; t < weights_.size(); ++t) {
      if (weights_[t] > 0.0) counting.push_back(t);
    }
    Matrix rows(rows_with_weight, d);
    for (Index i = 0; i < rows_with_weight; ++i) {
      rows.row(i) = inputs(counting[static_cast<std::size_t>(i)], 1);
    }
    const Matrix columns = basis_->columns(rows);
    refuse_interpolation(rows_with_weight, pseudo_inverse(columns * columns.transpose()).rank);
  }
  Matrix moments = affine_moments(weights_);
  PseudoInverse inverse = pseudo_inverse(moments);
  const bool bounded = data_->constraints.any() && family().has_linear_part();
  // Rows in float32 leave nothing to resolve in columns that nearly depend on each other. Signs are
  // those of the columns' own coefficients, which combinations of columns do not keep.
  if (inverse.condition < ill_conditioned_share && ridge == 0.0 && !bounded &&
      precision() == Precision::float64) {
    refuse_several_processes("columns that nearly depend on each other");
    const auto rows = [&](Index first, Index count) { return inputs(first, count); };
    basis_ = std::make_shared<const AffineBasis>(
        centre, orthonormal_combinations(data_->count(), rows, weights_, centre));
    // Coefficients of the columns in units of their deviations cancel in what they make.
    linear_rounding_ = basis_->largest_coefficient(variance.cwiseSqrt()) * 16.0 * DBL_EPSILON;
    linear_rounding_ *= linear_rounding_;
    inverse = pseudo_inverse(affine_moments(weights_));
  }
  const Index rank = inverse.rank;
  if (ridge > 0.0) {
    // A quadratic model has weights and so deviations of its own; the ridge is that of the family.
    if (data_->slope_ridge.size() > 0) {
      moments.diagonal().tail(d) += data_->slope_ridge.cwiseProduct(basis_->scale().cwiseAbs2());
    } else {
      moments.diagonal().tail(d).array() += ridge;
    }
    inverse = pseudo_inverse(moments);
  }
  if (bounded) {
    Vector signs = Vector::Zero(d + 1);
    // A constant column has no coefficient.
    signs.tail(d) = (basis_->scale().array() > 0.0).select(-data_->constraints.signs(), 0.0);
    bounds_ = std::make_shared<const BoundedQuadratic>(moments, signs);
    affine_inverse_ = bounds_->free_inverse();
  } else {
    affine_inverse_ = std::move(inverse.matrix);
  }
  refuse_interpolation(rows_with_weight, rank);
  settle_target();
}

// What the targets alone make: their affine part, or the best affine scores, and the loss without
// neurons.
void SampleObjective::settle_target() {
  y_ = *data_->y;
  if (!family().square()) {
    Scores best = best_scores(Vector::Zero(y_.size()), fine_decrement);
    y_affine_ = std::move(best.coefficients);
    null_loss_ = best.loss;
    return;
  }
  // Twice: the second pass takes off what rounding left of the first.
  y_affine_ = fit_affine(y_);
  remove_affine(y_);
  if (family().linear_ridge == 0.0) remove_affine(y_);
  if (bounds_) {
    null_loss_ = loss(Network::empty(dimension()));
    return;
  }
  null_loss_ = 0.5 * sum_over_rows(data_->visited.share(),
                                   [&](Index t) { return y_[t] * y_[t] * weights_[t]; });
}

SampleObjective SampleObjective::with_target(Vector y) const {
  Rows rows = *data_;
  rows.y = std::make_shared<const Vector>(std::move(y));
  SampleObjective other = *this;
  other.data_ = std::make_shared<const Rows>(std::move(rows));
  other.settle_target();
  return other;
}

std::unique_ptr<const RowObjective> SampleObjective::leaving_out(Index first, Index count) const {
  return std::make_unique<const SampleObjective>(without_rows(first, count));
}

std::unique_ptr<const RowObjective> SampleObjective::reweighted(Vector weights) const {
  return std::make_unique<const SampleObjective>(with_weights(std::move(weights)));
}

Index SampleObjective::rows() const {
  const kernels::RowBlocks& visited = data_->visited;
  return visited.share().total() - visited.left_out();
}

SampleData SampleObjective::counted_rows() const {
  refuse_several_processes("a copy");
  SampleData rows;
  const Index count = (weights_.array() > 0.0).count();
  rows.X.resize(count, input_dimension());
  rows.y.resize(count);
  rows.weights.resize(count);
  rows.biases = data_->biases;
  rows.family = family();
  rows.offset.resize(data_->has_offset() ? count : 0);
  Index to = 0;
  for (Index t = 0; t < weights_.size(); ++t) {
    if (weights_[t] <= 0.0) continue;
    rows.X.row(to) = inputs(t, 1);
    rows.y[to] = y_[t];
    if (data_->has_offset()) rows.offset[to] = (*data_->offset)[t];
    rows.weights[to++] = weights_[t];
  }
  return rows;
}

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

// Second moments of the affine columns, rows counted by these weights.
Matrix SampleObjective::affine_moments(const Vector& weights) const {
  const Index k = basis_->size();
  GramBlocks blocks(k);
  const auto add = [&](Index first, Index rows, auto sum) {
    blocks.add(rows, weights.segment(first, rows), sum,
               [&](auto columns) { columns = basis_->columns(inputs(first, rows)); });
  };
  return symmetrized(sum_over(data_->visited, k, k, add, kernels::Part::upper));
}

// Coefficients, in the affine columns, of the least-squares affine function of values with these
// moments with 1 and x − centre (docs/math.md, 3.2).
Vector SampleObjective::affine_coefficients(Vector moments) const {
  return affine_inverse_ * basis_->moments(std::move(moments));
}

// The same of f − y from its moments, with the signs that the linear part must have.
Vector SampleObjective::best_coefficients(Vector moments) const {
  if (!bounds_) return affine_coefficients(std::move(moments));
  return bounds_->minimum(basis_->moments(std::move(moments)));
}

// What stands beside features whose products with the affine columns are `moments` (p×k).
BoundedColumns SampleObjective::bounded_columns(const Matrix& moments) const {
  if (!bounds_) return {};
  Vector of_target;
  data_->visit([&](const auto& rows) {
    kernels::simd::affine_moments(rows, {basis_->centre(), weights_}, y_, of_target);
  });
  const Matrix with_target = basis_->moments(std::move(of_target)).transpose();
  return {bounds_->reduced_products(moments), bounds_->reduced(),
          bounds_->reduced_products(with_target).transpose(), -bounds_->signs()};
}

Vector SampleObjective::fit_affine(const Vector& values) const {
  Vector moments;
  data_->visit([&](const auto& rows) {
    kernels::simd::affine_moments(rows, {basis_->centre(), weights_}, values, moments);
  });
  return affine_coefficients(std::move(moments));
}

// Projects the affine part off the values in place and returns their weighted mean square.
double SampleObjective::remove_affine(Vector& values) const {
  const Vector b = basis_->of_inputs(fit_affine(values));
  return data_->visit([&](const auto& rows) {
    return kernels::simd::subtract_affine(rows, {basis_->centre(), weights_}, b, values);
  });
}

const Family& SampleObjective::family() const { return data_->family; }

const SignConstraints& SampleObjective::constraints() const { return data_->constraints; }

// α and β from coefficients of the affine columns.
Affine SampleObjective::affine_of(const Vector& coefficients) const {
  Affine affine;
  const Vector of_inputs = basis_->of_inputs(coefficients);
  affine.beta = of_inputs.tail(input_dimension());
  affine.alpha = of_inputs[0] - affine.beta.dot(basis_->centre());
  return affine;
}

Evaluation SampleObjective::evaluate(const Network& network) const {
  check_sizes(network, dimension());
  if (!family().square()) return evaluate_family(network);
  const kernels::AffineColumns affine{basis_->centre(), weights_};
  return data_->visit([&](const auto& rows) {
    Vector values;
    Vector affine_moments;
    kernels::Masks masks;
    kernels::simd::forward(rows, network.W, network.a, y_, affine, values, masks, affine_moments);
    const Vector b = basis_->of_inputs(best_coefficients(std::move(affine_moments)));
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
  const kernels::AffineColumns affine{basis_->centre(), weights_};
  return data_->visit([&](const auto& rows) {
    Vector moments;
    kernels::Masks masks;
    kernels::simd::forward(rows, network.W, network.a, y_, affine, values, masks, moments);
    const Vector b = basis_->of_inputs(best_coefficients(std::move(moments)));
    return kernels::simd::subtract_affine(rows, affine, b, values);
  });
}

double SampleObjective::loss(const Network& network) const {
  check_sizes(network, dimension());
  if (!family().square()) return best_scores(contributions(network), fine_decrement).loss;
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
      : rows_(rows),
        scale_(largest(rows.visited.share(), weighted.lpNorm<Eigen::Infinity>())),
        weighted_(weighted) {
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
  RowResidual(const SampleObjective& objective, const Network& network)
      : objective_(objective), network_(network) {
    if (objective.family().square()) {
      energy_ = objective.residuals(network, weighted_);
      loss_ = 0.5 * energy_;
    } else {
      Scores best = objective.best_scores(objective.contributions(network), fine_decrement);
      loss_ = best.loss;
      ridge_ = best.ridge;
      weighted_ = std::move(best.derivatives);
    }
    weighted_.array() *= objective.weights_.array();
    target_product_ = -row_dot(share(), weighted_, objective.y_);
  }

  /// The field of these derivatives ∂ℓ/∂F (n), whatever they come from.
  RowResidual(const SampleObjective& objective, Vector derivatives)
      : objective_(objective),
        network_(Network::empty(objective.dimension())),
        weighted_(std::move(derivatives)) {
    weighted_.array() *= objective.weights_.array();
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
    return RowMeasure{gather_rows(share(), rows_at(all)), gather_rows(share(), weighted_)};
  }
  const SignConstraints& constraints() const override { return objective_.constraints(); }
  Index rows() const override { return share().total(); }
  Vector row_weights(const Vector&) const override { return gather_rows(share(), weighted_); }

  double energy() const override { return energy_; }
  double target_product() const override { return target_product_; }
  bool square() const override { return objective_.family().square(); }
  double loss() const override { return loss_; }

  Rounding rounding() const override {
    if (!objective_.family().square()) return {};
    const double target = std::sqrt(2.0 * objective_.null_loss_);
    const double terms = masses(network_).sum() * objective_.row_length_ + target;
    constexpr double few = 4.0 * DBL_EPSILON;
    return {few * terms * objective_.row_length_, few * terms * target};
  }

  double dual_value(double most) const override {
    if (objective_.family().square()) return Residual::dual_value(most);
    return objective_.dual_value(weighted_, ridge_, std::min(most, 1.0));
  }

  MomentBounds moment_bounds() const override {
    if (!objective_.family().square()) return {};
    objective_.refuse_several_processes("bounds on rounding");
    const Rows& data = *objective_.data_;
    const kernels::RowBlocks& visited = data.visited;
    Vector weights = data.weights->size() == 0 ? Vector::Ones(data.count()) : *data.weights;
    weights.segment(visited.left_out_first(), visited.left_out()).setZero();
    const auto inputs = [&](Index first, Index rows) { return objective_.inputs(first, rows); };
    return lodestone::moment_bounds(
        {data.count(), inputs, data.biases, data.family.has_linear_part(), *data.y,
         std::move(weights), objective_.basis_->centre(), weighted_},
        network_);
  }

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
    const std::vector<Index> here = positions_of_largest(pull, count);
    const Matrix rows = gather_rows(share(), rows_at(here));
    if (share().processes() == nullptr) return unit_directions(rows);
    const Vector pulls = gather_rows(share(), pull(here));
    return unit_directions(rows(positions_of_largest(pulls, count), indices::all));
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
    const auto [before, n] = among_all(static_cast<Index>(counting.size()));
    if (n < 4 * kept || p > kept / 16) return nullptr;
    // One row from each of so many equal ranges: every row is as likely as any other.
    const RandomStream random(seed, "rows of a sketch");
    const double range = static_cast<double>(n) / kept;
    std::vector<Index> here;
    for (Index i = 0; i < kept; ++i) {
      const double place = (static_cast<double>(i) + random.uniform(static_cast<std::uint64_t>(i)));
      const Index t = std::min(n - 1, static_cast<Index>(place * range)) - before;
      if (t < 0 || t >= static_cast<Index>(counting.size())) continue;
      here.push_back(counting[static_cast<std::size_t>(t)]);
    }
    const Matrix chosen = gather_rows(share(), rows_at(here).leftCols(p));
    Vector weighted = range * gather_rows(share(), weighted_(here));
    // On all rows Σ r = 0 and Σ r x = 0; what the part has of them is noise, most of it if the
    // columns are not centred. Taken off twice, for what the normal equations leave. Of a column
    // whose coefficient has a sign Σ r x need not be 0.
    Float32Matrix values(kept, p);
    Matrix affine(kept, objective_.basis_->size());
    constexpr Index rows_in_block = 512;
    std::array<Matrix, kept / rows_in_block> grams;  // lower halves, which are all that is read
    for_each_block(kept / rows_in_block, [&](Index block) {
      const Index first = block * rows_in_block;
      const Matrix rows = chosen.middleRows(first, rows_in_block);
      Matrix columns = objective_.basis_->columns(rows);
      if (objective_.bounds_) columns(indices::all, objective_.bounds_->bounded()).setZero();
      values.middleRows(first, rows_in_block) = rows.cast<float>();
      affine.middleRows(first, rows_in_block) = columns;
      Matrix& gram = grams[static_cast<std::size_t>(block)];
      gram.setZero(affine.cols(), affine.cols());
      gram.selfadjointView<Eigen::Lower>().rankUpdate(columns.transpose());
    });
    if (!values.allFinite()) return nullptr;
    Matrix gram = grams[0];
    for (std::size_t block = 1; block < grams.size(); ++block) gram += grams[block];
    const Matrix inverse = pseudo_inverse(gram).matrix;
    for (int pass = 0; pass < 2; ++pass) {
      weighted -= affine * (inverse * (affine.transpose() * weighted)).eval();
    }
    return std::make_unique<RowSketch>(std::move(values), objective_.data_->biases,
                                       std::move(weighted));
  }

 private:
  const RowShare& share() const { return objective_.data_->visited.share(); }

  // Of so many things here: how many the processes before have, and all of them together.
  std::pair<Index, Index> among_all(Index here) const {
    Communicator* processes = share().processes();
    if (processes == nullptr) return {0, here};
    const std::vector<std::vector<double>> counts =
        gather_numbers(*processes, {static_cast<double>(here)});
    Index before = 0;
    Index all = 0;
    for (std::size_t rank = 0; rank < counts.size(); ++rank) {
      const auto count = static_cast<Index>(counts[rank].front());
      if (static_cast<Index>(rank) < processes->rank()) before += count;
      all += count;
    }
    return {before, all};
  }

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
  Network network_;
  Vector weighted_;
  double energy_ = 0.0;
  double target_product_ = 0.0;
  double loss_ = 0.0;
  double ridge_ = 0.0;
};

// Σ a_i relu(w_i·x_t).
Vector SampleObjective::contributions(const Network& network) const {
  if (network.width() == 0) return Vector::Zero(data_->count());
  const Vector none = Vector::Zero(input_dimension() + 1);
  Vector values;
  data_->visit([&](const auto& rows) {
    kernels::simd::predictions(rows, network.W, network.a, none, values);
  });
  return values;
}

// Scores with these coefficients, and what the family says of them.
SampleObjective::Scores SampleObjective::scores_at(const Vector& contributions,
                                                   Vector coefficients) const {
  const Family& family = data_->family;
  const Vector& y = *data_->y;
  const kernels::AffineColumns affine{basis_->centre(), weights_};
  Scores scores{std::move(coefficients), contributions, Vector::Zero(y.size()),
                Vector::Zero(y.size()),  0.0,           0.0};
  data_->visit([&](const auto& rows) {
    kernels::simd::subtract_affine(rows, affine, -basis_->of_inputs(scores.coefficients),
                                   scores.values);
  });
  if (data_->has_offset()) scores.values += *data_->offset;
  if (family.linear_ridge > 0.0) {
    scores.ridge =
        0.5 * family.linear_ridge * scores.coefficients.tail(input_dimension()).squaredNorm();
  }
  scores.loss = scores.ridge + sum_over_rows(y.size(), [&](Index t) {
                  if (weights_[t] == 0.0) return 0.0;
                  const Family::Point at = family.at(y[t], scores.values[t]);
                  scores.derivatives[t] = at.derivative;
                  scores.curvatures[t] = weights_[t] * at.curvature;
                  return weights_[t] * at.loss;
                });
  return scores;
}

// Newton's method on α and β with halved steps. A step from a decrement of a share s of the loss
// leaves one of about s²: it ends after the first from at most `decrement` (docs/math.md, 11.2).
SampleObjective::Scores SampleObjective::best_scores(const Vector& contributions,
                                                     double decrement) const {
  constexpr int most_steps = 100;
  constexpr int most_halvings = 40;
  constexpr double separated = 1e-10;  // loss at which nothing is left to explain
  const Index d = input_dimension();
  const kernels::AffineColumns affine{basis_->centre(), weights_};
  Vector start;
  if (y_affine_.size() > 0) {
    // What the neurons contribute is first made up for as by least squares.
    start = y_affine_ - fit_affine(contributions);
  } else {
    // Of a constant: its moment with 1, and none with what is centred.
    const double constant = data_->family.constant_score(*data_->y, weights_, *data_->offset);
    start = affine_coefficients(constant * Vector::Unit(d + 1, 0));
  }
  const double ridge = family().linear_ridge;
  // Huber's steps converge by the factor of its least curvature, not quadratically.
  const bool quadratic = family().kind != Family::Kind::huber;
  const double enough = quadratic ? decrement : decrement * decrement;
  Vector signs = Vector::Zero(basis_->size());  // of the coefficients of F
  if (bounds_) signs(bounds_->bounded()) = -bounds_->signs();
  Scores best = scores_at(contributions, std::move(start));
  double least = HUGE_VAL;
  int without_progress = 0;
  for (int step = 0; step < most_steps && best.loss > separated; ++step) {
    Vector gradient;
    data_->visit([&](const auto& rows) {
      kernels::simd::affine_moments(rows, affine, best.derivatives, gradient);
    });
    gradient = basis_->moments(std::move(gradient));
    Matrix hessian = affine_moments(best.curvatures);
    if (ridge > 0.0) {
      gradient.tail(d) += ridge * best.coefficients.tail(d);
      hessian.diagonal().tail(d).array() += ridge;
    }
    Vector direction;
    if (bounds_) {
      const Vector to =
          BoundedQuadratic(hessian, signs).minimum(hessian * best.coefficients - gradient);
      direction = best.coefficients - to;
    } else {
      direction = pseudo_inverse(hessian).matrix * gradient;
    }
    const double promised = gradient.dot(direction);
    if (!(promised > 0.0)) break;
    // Near the minimum the loss is too coarse to judge by: full steps, while they shrink.
    const double rounding = 1e-14 * best.loss;
    const double before = best.loss;
    double share = 1.0;
    bool moved = false;
    for (int halving = 0; halving < most_halvings && !moved; ++halving, share *= 0.5) {
      Scores next = scores_at(contributions, best.coefficients - share * direction);
      if (next.loss <= best.loss + rounding) {
        best = std::move(next);
        moved = true;
      }
    }
    if (!moved || promised <= enough * best.loss) break;
    const bool progress = before - best.loss > 1e3 * rounding || promised < 0.5 * least;
    without_progress = progress ? 0 : without_progress + 1;
    least = std::min(least, promised);
    if (without_progress >= 5) break;
  }
  return best;
}

// As evaluate(), with the derivatives for residuals.
Evaluation SampleObjective::evaluate_family(const Network& network) const {
  const kernels::AffineColumns affine{basis_->centre(), weights_};
  const Vector no_target = Vector::Zero(data_->count());
  const Vector none = Vector::Zero(input_dimension() + 1);
  return data_->visit([&](const auto& rows) {
    Vector values;
    Vector affine_moments;
    kernels::Masks masks;
    kernels::simd::forward(rows, network.W, network.a, no_target, affine, values, masks,
                           affine_moments);
    Scores best = best_scores(values, coarse_decrement);
    Evaluation result;
    result.loss = best.loss;
    values = std::move(best.derivatives);
    Matrix moments;
    kernels::simd::backward(rows, masks, none, affine, values, moments);
    result.gradient_a = moments.cwiseProduct(network.W).rowwise().sum();
    result.gradient_W = network.a.asDiagonal() * moments;
    return result;
  });
}

QuadraticModel SampleObjective::quadratic_model(const Network& network) const {
  check_sizes(network, dimension());
  constexpr double least_share = 1e-3;  // of the secant, so that no row's target runs away
  const Family& family = data_->family;
  const Vector& y = *data_->y;
  const Scores best = best_scores(contributions(network), fine_decrement);
  Vector weights = Vector::Zero(y.size());
  Vector targets = Vector::Zero(y.size());
  for (Index t = 0; t < y.size(); ++t) {
    if (weights_[t] == 0.0) continue;
    const double score = best.values[t];
    const double curvature =
        std::max(best.curvatures[t] / weights_[t], least_share * family.secant(y[t], score));
    weights[t] = weights_[t] * curvature;
    targets[t] = score - best.derivatives[t] / curvature;
  }
  if (data_->has_offset()) targets -= *data_->offset;
  const double curvature = row_sum(weights);
  return {square_loss(std::move(weights), std::move(targets), curvature), curvature};
}

// The square loss of other weights and targets; the ridge is in units of the curvature.
SampleObjective SampleObjective::square_loss(Vector weights, Vector targets,
                                             double curvature) const {
  const Family& family = data_->family;
  Rows rows = *data_;
  rows.family = Family::Kind::square;
  rows.family.linear = family.linear;
  rows.family.linear_ridge = family.linear_ridge / curvature;
  if (family.linear_ridge > 0.0) {
    rows.slope_ridge = basis_->scale().unaryExpr([&](double scale) {
      return scale > 0.0 ? rows.family.linear_ridge / (scale * scale) : 0.0;
    });
  }
  rows.y = std::make_shared<const Vector>(std::move(targets));
  rows.offset = std::make_shared<const Vector>();
  rows.weights = std::make_shared<const Vector>(std::move(weights));
  return SampleObjective(std::make_shared<const Rows>(std::move(rows)));
}

// The largest −Σ ω ℓ*(y, c r) + c Σ ω r o − c² ridge, 0 <= c <= most <= 1, for weighted = ω r and
// offsets o. It is concave in c.
double SampleObjective::dual_value(const Vector& weighted, double ridge, double most) const {
  const Family& family = data_->family;
  const Vector& y = *data_->y;
  const auto over_rows = [&](const auto& term) {
    return sum_over_rows(y.size(), [&](Index t) {
      return weights_[t] == 0.0 ? 0.0 : term(t, weighted[t] / weights_[t]);
    });
  };
  const double of_offset = data_->has_offset() ? row_dot(weighted, *data_->offset) : 0.0;
  const auto value = [&](double c) {
    return c * of_offset - c * c * ridge - over_rows([&](Index t, double r) {
             return weights_[t] * family.conjugate(y[t], c * r);
           });
  };
  const auto slope = [&](double c) {
    return of_offset - 2.0 * c * ridge - over_rows([&](Index t, double r) {
             return weighted[t] * family.score_of_derivative(y[t], c * r);
           });
  };
  double high = most;
  if (!(slope(high) >= 0.0)) {
    double low = 0.0;
    for (int step = 0; step < 50; ++step) {
      const double middle = 0.5 * (low + high);
      (slope(middle) >= 0.0 ? low : high) = middle;
    }
  }
  return value(high);
}

std::unique_ptr<Residual> SampleObjective::residual(const Network& network) const {
  check_sizes(network, dimension());
  return std::make_unique<RowResidual>(*this, network);
}

std::unique_ptr<Residual> SampleObjective::residual_of(Vector derivatives) const {
  return std::make_unique<RowResidual>(*this, std::move(derivatives));
}

FeatureGram SampleObjective::feature_gram(const Matrix& U) const {
  check_sizes(U, dimension());
  if (!family().square()) {
    return quadratic_model(Network::empty(dimension())).objective.feature_gram(U);
  }
  const Index p = U.rows();
  const Index affine = basis_->size();
  return data_->visit([&]<class T>(const kernels::SampleRows<T>& input) {
    // One product per block gives K, the moments with the affine columns and those with y: columns
    // [σ, affine, y], the activations σ padded with zeros.
    const kernels::PackedNeurons<T> directions = kernels::simd::packed_directions<T>(U);
    const Index padded = kernels::simd::padded_directions<T>(p);
    const Index width = padded + affine + 1;
    GramBlocks blocks(width);
    const auto add = [&](Index first, Index rows, auto sum) {
      blocks.add(rows, weights_.segment(first, rows), sum, [&](auto columns) {
        kernels::simd::activations(input, first, rows, directions, columns.data(), width);
        columns.middleCols(padded, affine) = basis_->columns(inputs(first, rows));
        columns.col(width - 1) = y_.segment(first, rows);
      });
    };
    const Matrix products = sum_over(data_->visited, p, width, add, kernels::Part::upper);
    const Matrix moments = products.middleCols(padded, affine);
    FeatureGram gram;
    gram.K = symmetrized(products.leftCols(p) - moments * affine_inverse_ * moments.transpose());
    gram.b = products.col(products.cols() - 1);
    gram.bounded = bounded_columns(moments);
    return gram;
  });
}

FeatureGram SampleObjective::feature_gram(const Matrix& U, const Matrix& V) const {
  check_sizes(U, dimension());
  check_sizes(V, dimension());
  const Index p = U.rows();
  const Index q = V.rows();
  const Index affine = basis_->size();
  return data_->visit([&]<class T>(const kernels::SampleRows<T>& input) {
    // Columns [σ(U), σ(V), affine, y], the activations padded with zeros. The features of U meet
    // all of them, those of V the affine ones alone.
    const kernels::PackedNeurons<T> of_u = kernels::simd::packed_directions<T>(U);
    const kernels::PackedNeurons<T> of_v = kernels::simd::packed_directions<T>(V);
    const Index u_columns = kernels::simd::padded_directions<T>(p);
    const Index v_columns = kernels::simd::padded_directions<T>(q);
    const Index first_affine = u_columns + v_columns;
    const Index width = first_affine + affine + 1;
    GramBlocks blocks(width);
    const std::vector<double> sums = sum_over_blocks(
        data_->visited.blocks(),
        SumShape{static_cast<std::size_t>(p * width + q * affine), static_cast<std::size_t>(p),
                 static_cast<std::size_t>(width)},
        [&](Index block, double* to) {
          const auto [first, rows] = data_->visited[block];
          const auto fill = [&, first = first, rows = rows](auto columns) {
            kernels::simd::activations(input, first, rows, of_u, columns.data(), width);
            kernels::simd::activations(input, first, rows, of_v, columns.data() + u_columns, width);
            columns.middleCols(first_affine, affine) = basis_->columns(inputs(first, rows));
            columns.col(width - 1) = y_.segment(first, rows);
          };
          const auto add_v_moments = [&, first = first, rows = rows](const auto& columns) {
            const kernels::PackedFactor<double> right(
                rows, affine, kernels::rows_of(columns.data() + first_affine, width),
                weights_.data() + first);
            kernels::simd::multiply_add(q, kernels::transpose_of(columns.data() + u_columns, width),
                                        right, to + p * width, affine);
          };
          blocks.add(rows, weights_.segment(first, rows), Eigen::Map<Matrix>(to, p, width), fill,
                     add_v_moments);
        });
    const Eigen::Map<const Matrix> products(sums.data(), p, width);
    const Eigen::Map<const Matrix> v_moments(sums.data() + p * width, q, affine);
    const Matrix u_moments = products.middleCols(first_affine, affine) * affine_inverse_;
    FeatureGram gram{Matrix(p, p + q), products.col(width - 1), {}, {}};
    gram.K.leftCols(p) = symmetrized(
        products.leftCols(p) - u_moments * products.middleCols(first_affine, affine).transpose());
    gram.K.rightCols(q) = products.middleCols(u_columns, q) - u_moments * v_moments.transpose();
    gram.bounded = bounded_columns(products.middleCols(first_affine, affine));
    return gram;
  });
}

ActiveRows SampleObjective::active_rows(const Matrix& U) const {
  check_sizes(U, dimension());
  refuse_several_processes("cells of neurons");
  const auto p = static_cast<std::size_t>(U.rows());
  constexpr Index words_per_block = 4;
  static_assert(rows_per_block <= 64 * words_per_block);
  const kernels::RowBlocks& visited = data_->visited;
  const auto words = static_cast<std::size_t>(visited.count() * words_per_block);
  ActiveRows result;
  result.bits.assign(p, std::vector<std::uint64_t>(words, 0));
  std::vector<std::uint64_t> counting(words, 0);  // rows with weight
  const Vector norms = U.rowwise().norm();
  for_each_block(visited.count(), [&](Index block) {
    const auto [first, rows] = visited[block];
    Matrix features;
    data_->visit([&, first = first, rows = rows](const auto& inputs) {
      kernels::simd::activations(inputs, first, rows, U, features);
    });
    // On the boundary but for rounding is off.
    const Vector lengths = (inputs(first, rows).rowwise().squaredNorm().array() + 1.0).sqrt();
    std::vector<std::uint64_t> on(p);
    for (Index start = 0; start < rows; start += 64) {
      std::fill(on.begin(), on.end(), std::uint64_t{0});
      const auto word = static_cast<std::size_t>(block * words_per_block + start / 64);
      for (Index t = start; t < std::min(rows, start + 64); ++t) {
        if (weights_[first + t] == 0.0) continue;
        counting[word] |= std::uint64_t{1} << (t - start);
        const double* row = &features(t, 0);
        for (std::size_t i = 0; i < p; ++i) {
          const double least = boundary_share * lengths[t] * norms[static_cast<Index>(i)];
          on[i] |= std::uint64_t{row[i] > least} << (t - start);
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
  const bool linear_is_free = family().has_linear_part() && family().linear_ridge == 0.0;
  for (std::size_t i = 0; i < p; ++i) {
    std::vector<std::uint64_t>& own = result.bits[i];
    // The mirror is on where the neuron is off; rows on its boundary add nothing to either.
    std::vector<std::uint64_t> mirror = counting;
    for (std::size_t w = 0; w < words; ++w) mirror[w] &= ~own[w];
    const Index own_count = count(own);
    const bool mirrored = linear_is_free && constraints().untouched(U.row(static_cast<Index>(i))) &&
                          (2 * own_count != all ? 2 * own_count > all : mirror < own);
    result.mirrored.push_back(mirrored);
    if (mirrored) own = std::move(mirror);
  }
  return result;
}

Affine SampleObjective::affine(const Network& network) const {
  check_sizes(network, dimension());
  if (!family().square())
    return affine_of(best_scores(contributions(network), fine_decrement).coefficients);
  // The affine part of f − y_ is that of f: y_ has none.
  Vector moments;
  data_->visit([&](const auto& rows) {
    Vector values;
    kernels::Masks masks;
    kernels::simd::forward(rows, network.W, network.a, y_, {basis_->centre(), weights_}, values,
                           masks, moments);
  });
  return affine_of(y_affine_ - best_coefficients(std::move(moments)));
}

}  // namespace lodestone
