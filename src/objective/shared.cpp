#include "lodestone/objective/shared.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/block_sums.hpp"
#include "core/factorizations.hpp"
#include "core/parallel.hpp"
#include "kernels/product.hpp"
#include "kernels/sample.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/family.hpp"
#include "objective/affine_basis.hpp"
#include "objective/check_sizes.hpp"
#include "objective/row_sums.hpp"
#include "objective/rows.hpp"

namespace lodestone {
namespace {

// Loss at which nothing is left to explain.
constexpr double separated = 1e-10;

// C(u) = ‖Σ_t r_t relu(u·x_t)‖ for row weights r_t ∈ R^q. Of its touching form only the sum over
// outputs is needed, so a direction costs 6nd + 4nq flops where q fields by themselves cost 4ndq.
template <class T>
class RowsField final : public CorrelationField {
 public:
  /// R is n×q, the derivatives times the rows' own weights; both must stay.
  RowsField(const kernels::SampleRows<T>& rows, const Matrix& R) : rows_(rows), R_(R) {}

  Correlation correlate(const Matrix& U) const override {
    const Matrix C = moments(U);
    return {C.rowwise().norm(), pulled(U, unit_directions(C))};
  }

  /// Σ_t r_t relu(u·x_t), a row for each row u of U, p×q.
  Matrix moments(const Matrix& U) const {
    check_sizes(U, rows_.dimension());
    const Index q = R_.cols();
    const kernels::PackedNeurons<T> directions = kernels::simd::packed_directions<T>(U);
    const Index padded = kernels::simd::padded_directions<T>(U.rows());
    return sum_over(rows_.visited, padded, q,
                    [&](Index first, Index count, auto sum) {
                      const Matrix on = activations(directions, padded, first, count);
                      const kernels::PackedFactor<double> right(
                          count, q, kernels::rows_of(R_.data() + first * q, q));
                      kernels::simd::multiply_add(padded, kernels::transpose_of(on.data(), padded),
                                                  right, sum.data(), q);
                    })
        .topRows(U.rows());
  }

  /// Σ_t (s·r_t) 1[u·x_t > 0] x_t for each row u of U and the row s of S (p×q) beside it, p×d.
  Matrix pulled(const Matrix& U, const Matrix& S) const {
    check_sizes(U, rows_.dimension());
    const Index p = U.rows();
    const Index q = R_.cols();
    const Index d = rows_.dimension();
    const kernels::PackedNeurons<T> directions = kernels::simd::packed_directions<T>(U);
    const Index padded = kernels::simd::padded_directions<T>(p);
    Matrix padded_sides = Matrix::Zero(padded, q);
    padded_sides.topRows(p) = S;
    const kernels::PackedFactor<double> sides(q, padded,
                                              kernels::transpose_of(padded_sides.data(), q));
    return sum_over(
               rows_.visited, padded, d,
               [&](Index first, Index count, auto sum) {
                 const Matrix on = activations(directions, padded, first, count);
                 Matrix weights = Matrix::Zero(count, padded);
                 kernels::simd::multiply_add(count, kernels::rows_of(R_.data() + first * q, q),
                                             sides, weights.data(), padded);
                 weights = (on.array() > 0.0).select(weights, 0.0);
                 const Matrix x = points(first, count);
                 const kernels::PackedFactor<double> right(count, d, kernels::rows_of(x.data(), d));
                 kernels::simd::multiply_add(padded, kernels::transpose_of(weights.data(), padded),
                                             right, sum.data(), d);
               })
        .topRows(p);
  }

 private:
  Matrix activations(const kernels::PackedNeurons<T>& directions, Index padded, Index first,
                     Index count) const {
    Matrix on(count, padded);
    kernels::simd::activations(rows_, first, count, directions, on.data(), padded);
    return on;
  }

  Matrix points(Index first, Index count) const {
    Matrix x = Matrix::Ones(count, rows_.dimension());
    using Values = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    x.leftCols(rows_.columns) =
        Eigen::Map<const Values>(rows_.row(first), count, rows_.columns).template cast<double>();
    return x;
  }

  kernels::SampleRows<T> rows_;
  const Matrix& R_;
};

// The fields of several outputs as one: C(u) = ‖(C_1(u), ..., C_q(u))‖.
class JointField final : public CorrelationField {
 public:
  explicit JointField(std::vector<std::unique_ptr<CorrelationField>> parts)
      : parts_(std::move(parts)) {}

  Correlation correlate(const Matrix& U) const override {
    std::vector<Correlation> each;
    Correlation result{Vector::Zero(U.rows()), Matrix::Zero(U.rows(), U.cols())};
    for (const auto& part : parts_) {
      each.push_back(part->correlate(U));
      result.value += each.back().value.cwiseAbs2();
    }
    result.value = result.value.cwiseSqrt();
    for (const Correlation& one : each) {
      for (Index i = 0; i < U.rows(); ++i) {
        if (result.value[i] > 0.0) {
          result.gradient.row(i) += one.value[i] / result.value[i] * one.gradient.row(i);
        }
      }
    }
    return result;
  }

 private:
  std::vector<std::unique_ptr<CorrelationField>> parts_;
};

void check_network(const Network& network, Index outputs, Index dimension) {
  check_sizes(network, dimension);
  if (network.width() == 0) return;
  if (network.S.rows() != network.width() || network.S.cols() != outputs) {
    throw InvalidArgument(
        "network", "S " + std::to_string(network.S.rows()) + "×" + std::to_string(network.S.cols()),
        "must be m×" + std::to_string(outputs) + ", a row a neuron");
  }
}

// One output of a network, which may be empty without outputs.
Network output_or_empty(const Network& network, Index output) {
  return network.width() == 0 ? Network::empty(network.W.cols()) : output_of(network, output);
}

std::vector<SampleObjective> objectives_of(SampleData data, const Family& family) {
  if (data.offset.size() > 0) {
    throw InvalidArgument("offset", "an offset", "several outputs have none");
  }
  Matrix Y = std::move(data.Y);
  const Index n = data.X.rows();
  if (family.softmax()) {
    data.family.check_target(data.y);
    Y = Matrix::Zero(n, 1);
  } else if (!family.square()) {
    throw InvalidArgument("family", name(family.kind),
                          "several outputs have the square or the softmax loss");
  } else if (Y.cols() < 2) {
    throw InvalidArgument("Y", std::to_string(Y.cols()) + " columns", "must have at least 2");
  }
  if (Y.rows() != n) {
    throw InvalidArgument("Y", std::to_string(Y.rows()) + " rows",
                          "must have one for each of the " + std::to_string(n) + " rows");
  }
  if (!Y.allFinite()) throw InvalidArgument("Y", "", "every number must be finite");
  data.family.kind = Family::Kind::square;
  data.y = Y.col(0);
  std::vector<SampleObjective> targets;
  targets.emplace_back(std::move(data));
  for (Index k = 1; k < Y.cols(); ++k) targets.push_back(targets.front().with_target(Y.col(k)));
  return targets;
}

}  // namespace

SharedObjective::~SharedObjective() = default;

SharedObjective::SharedObjective(SampleData data)
    : outputs_(data.family.softmax() ? data.family.classes : data.Y.cols()), family_(data.family) {
  for (const double y : data.y) classes_.push_back(static_cast<Index>(y));
  if (!family_.softmax()) classes_.clear();
  targets_ = objectives_of(std::move(data), family_);
  settle();
}

SharedObjective::SharedObjective(std::vector<SampleObjective> targets, const Family& family)
    : outputs_(static_cast<Index>(targets.size())), family_(family), targets_(std::move(targets)) {
  settle();
}

void SharedObjective::settle() {
  if (family_.softmax()) {
    constexpr double most_numbers = 4e6;  // 32 MB
    const kernels::RowBlocks& visited = base().data_->visited;
    const double numbers =
        static_cast<double>(visited.total()) * static_cast<double>(base().basis_->size());
    affine_columns_ = nullptr;
    if (numbers <= most_numbers) {
      auto columns = std::make_shared<Matrix>(visited.total(), base().basis_->size());
      for_each_block(visited.count(), [&](Index block) {
        const auto [first, rows] = visited[block];
        columns->middleRows(first, rows) = base().basis_->columns(base().inputs(first, rows));
      });
      affine_columns_ = std::move(columns);
    }
    null_affine_ = {};
    Scores best = best_scores(Network::empty(dimension()), {}, fine_decrement);
    null_loss_ = best.loss;
    null_affine_ = std::move(best.affine);
    return;
  }
  null_loss_ = 0.0;
  for (const SampleObjective& target : targets_) null_loss_ += target.null_loss();
}

std::unique_ptr<const RowObjective> SharedObjective::leaving_out(Index first, Index count) const {
  auto other = std::make_unique<SharedObjective>(*this);
  for (SampleObjective& target : other->targets_) target = target.without_rows(first, count);
  other->settle();
  return other;
}

std::unique_ptr<const RowObjective> SharedObjective::reweighted(Vector weights) const {
  auto other = std::make_unique<SharedObjective>(*this);
  for (SampleObjective& target : other->targets_) target = target.with_weights(weights);
  other->settle();
  return other;
}

// Σ_i a_i s_i relu(w_i·x_t), n×q.
Matrix SharedObjective::contributions(const Network& network) const {
  const SampleObjective::Rows& data = *base().data_;
  Matrix values = Matrix::Zero(data.count(), outputs_);
  if (network.width() == 0) return values;
  data.visit([&]<class T>(const kernels::SampleRows<T>& rows) {
    const kernels::PackedNeurons<T> neurons = kernels::simd::packed_directions<T>(network.W);
    const Index padded = kernels::simd::padded_directions<T>(network.width());
    Matrix A = Matrix::Zero(padded, outputs_);
    A.topRows(network.width()) = output_weights(network);
    const kernels::PackedFactor<double> right(padded, outputs_,
                                              kernels::rows_of(A.data(), outputs_));
    for_each_block(data.visited.count(), [&](Index block) {
      const auto [first, count] = data.visited[block];
      Matrix on(count, padded);
      kernels::simd::activations(rows, first, count, neurons, on.data(), padded);
      kernels::simd::multiply_add(count, kernels::rows_of(on.data(), padded), right,
                                  values.data() + first * outputs_, outputs_);
    });
  });
  return values;
}

double SharedObjective::loss(const Network& network) const {
  check_network(network, outputs_, dimension());
  if (family_.softmax()) return best_scores(network, {}, fine_decrement).loss;
  double sum = 0.0;
  for (Index k = 0; k < outputs_; ++k) {
    sum += targets_[static_cast<std::size_t>(k)].loss(output_or_empty(network, k));
  }
  return sum;
}

Evaluation SharedObjective::evaluate(const Network& network) const {
  check_network(network, outputs_, dimension());
  const Index m = network.width();
  Evaluation result{0.0, {}, Matrix::Zero(m, dimension()), Matrix::Zero(m, outputs_)};
  if (family_.softmax()) {
    add_network_gradient(network, best_scores(network, {}, coarse_decrement), result);
    return result;
  }
  for (Index k = 0; k < outputs_; ++k) {
    const auto residual =
        targets_[static_cast<std::size_t>(k)].residual(output_or_empty(network, k));
    result.loss += residual->loss();
    if (m == 0) continue;
    // ∂L/∂w_i = a_ik E[r_k 1[on] x], the gradient of C_k; ∂L/∂a_ik = C_k(w_i).
    const Correlation moments = residual->correlate(network.W);
    result.gradient_A.col(k) = moments.value;
    result.gradient_W += network.a.cwiseProduct(network.S.col(k)).asDiagonal() * moments.gradient;
  }
  return result;
}

// The loss of these scores of a network, and its gradient in the network.
void SharedObjective::add_network_gradient(const Network& network, const Scores& scores,
                                           Evaluation& to) const {
  to.loss = scores.loss;
  if (network.width() == 0) return;
  const Matrix R = base().weights_.asDiagonal() * scores.derivatives;
  base().data_->visit([&]<class T>(const kernels::SampleRows<T>& rows) {
    const RowsField<T> field(rows, R);
    to.gradient_A = field.moments(network.W);
    to.gradient_W = field.pulled(network.W, output_weights(network));
  });
}

// ∂L/∂coefficients.
Matrix SharedObjective::affine_gradient(const Scores& at) const {
  Matrix gradient = affine_moments(at.derivatives, base().weights_);
  if (family_.linear_ridge > 0.0) {
    const Index slopes = gradient.rows() - 1;
    gradient.bottomRows(slopes) += family_.linear_ridge * at.affine.coefficients.bottomRows(slopes);
  }
  return gradient;
}

class SharedObjective::SharedResidual final : public Residual {
 public:
  SharedResidual(const SharedObjective& objective, const Network& network, const AffineStart& start)
      : objective_(objective) {
    if (!objective.family_.softmax()) {
      for (Index k = 0; k < objective.outputs_; ++k) {
        const SampleObjective& target = objective.targets_[static_cast<std::size_t>(k)];
        parts_.push_back(target.residual(output_or_empty(network, k)));
        loss_ += parts_.back()->loss();
      }
    } else {
      scores_ = objective.best_scores(network, start, fine_decrement);
      loss_ = scores_.loss;
      for (Index k = 0; k < objective.outputs_; ++k) {
        parts_.push_back(objective.base().residual_of(scores_.derivatives.col(k)));
      }
    }
    R_.resize(rows(), objective.outputs_);
    for (Index k = 0; k < objective.outputs_; ++k) R_.col(k) = part(k).row_weights({});
  }

  Correlation correlate(const Matrix& U) const override {
    return objective_.base().data_->visit([&]<class T>(const kernels::SampleRows<T>& rows) {
      return RowsField<T>(rows, R_).correlate(U);
    });
  }

  ResidualMeasure measure() const override {
    throw InvalidArgument("network", std::to_string(outputs()) + " outputs",
                          "only a network with one output can be proven");
  }
  Index outputs() const override { return objective_.outputs_; }
  Index rows() const override { return parts_.front()->rows(); }
  Matrix row_points() const override { return parts_.front()->row_points(); }

  Matrix row_derivatives() const override { return R_; }

  Vector row_weights(const Vector& direction) const override {
    const Vector on = objective_.base().contributions({Vector::Ones(1), direction.transpose()});
    const Vector C = R_.transpose() * on;
    const double length = C.norm();
    if (!(length > 0.0)) return Vector::Zero(rows());
    return R_ * (C / length);
  }

  bool square() const override { return objective_.family_.square(); }
  double loss() const override { return loss_; }
  double energy() const override { return 2.0 * loss_; }
  double target_product() const override {
    double sum = 0.0;
    for (const auto& one : parts_) sum += one->target_product();
    return sum;
  }
  Rounding rounding() const override {
    Rounding all;
    for (const auto& one : parts_) {
      const Rounding own = one->rounding();
      all.correlation = std::hypot(all.correlation, own.correlation);
      all.product += own.product;
    }
    return all;
  }

  double dual_value(double most) const override {
    if (square()) return Residual::dual_value(most);
    return softmax_dual_value(std::min(most, 1.0));
  }

  Matrix suggested_directions(Index count) const override {
    Matrix all(0, objective_.dimension());
    const Index each = (count + outputs() - 1) / outputs();
    for (const auto& one : parts_) {
      const Matrix some = one->suggested_directions(each);
      Matrix both(all.rows() + some.rows(), all.cols());
      both << all, some;
      all = std::move(both);
    }
    return all.topRows(std::min(count, all.rows()));
  }

  std::unique_ptr<CorrelationField> sketch(std::uint64_t seed) const override {
    std::vector<std::unique_ptr<CorrelationField>> fields;
    for (const auto& one : parts_) {
      fields.push_back(one->sketch(seed));
      if (!fields.back()) return nullptr;
    }
    return std::make_unique<JointField>(std::move(fields));
  }

  std::unique_ptr<CorrelationField> in_float32() const override {
    const SampleObjective::Rows& data = *objective_.base().data_;
    const Float32Matrix* X = data.in_float32();
    if (X == nullptr) return nullptr;
    return std::make_unique<RowsField<float>>(
        kernels::SampleRows<float>{X->data(), X->cols(), data.biases, data.visited}, R_);
  }

 private:
  const Residual& part(Index k) const { return *parts_[static_cast<std::size_t>(k)]; }

  // The largest −E Σ_k s_k log s_k − c² ridge over 0 <= c <= most, s = e_y + c r: of class y that
  // is 1 − c o with o = 1 − P(y), of the others c P(k) (docs/math.md, 12.2). It is concave in c.
  double softmax_dual_value(double most) const {
    const Vector& weights = objective_.base().weights_;
    const Matrix& r = scores_.derivatives;
    const auto own = [&](Index t) { return objective_.classes_[static_cast<std::size_t>(t)]; };
    const auto others = [&](Index t) { return -r(t, own(t)); };
    const double miss = sum_over_rows(r.rows(), [&](Index t) { return weights[t] * others(t); });
    const double entropy = sum_over_rows(r.rows(), [&](Index t) {
      double sum = 0.0;
      for (Index k = 0; k < r.cols(); ++k) {
        if (k != own(t) && r(t, k) > 0.0) sum += r(t, k) * std::log(r(t, k));
      }
      return weights[t] * sum;
    });
    // Σ ω o log(1 − c o), or Σ ω (1 − c o) log(1 − c o).
    const auto left = [&](double c, bool slope) {
      return sum_over_rows(r.rows(), [&](Index t) {
        const double o = others(t);
        const double rest = 1.0 - c * o;
        if (!(rest > 0.0)) return 0.0;
        return weights[t] * (slope ? o : rest) * std::log1p(-c * o);
      });
    };
    const auto value = [&](double c) {
      return -(c * entropy + c * std::log(c) * miss + left(c, false)) - c * c * scores_.ridge;
    };
    const auto slope = [&](double c) {
      return -(entropy + std::log(c) * miss - left(c, true)) - 2.0 * c * scores_.ridge;
    };
    if (!(miss > 0.0) || !(most > 0.0)) return 0.0;
    double high = most;
    if (!(slope(high) >= 0.0)) {
      double low = 0.0;
      for (int step = 0; step < 50; ++step) {
        const double middle = 0.5 * (low + high);
        (slope(middle) >= 0.0 ? low : high) = middle;
      }
    }
    return std::max(0.0, value(high));
  }

  const SharedObjective& objective_;
  std::vector<std::unique_ptr<Residual>> parts_;
  Scores scores_;  // softmax
  Matrix R_;       // n×q, derivatives times the rows' weights
  double loss_ = 0.0;
};

std::unique_ptr<Residual> SharedObjective::residual(const Network& network) const {
  return residual(network, {});
}

std::unique_ptr<Residual> SharedObjective::residual(const Network& network,
                                                    const AffineStart& start) const {
  check_network(network, outputs_, dimension());
  return std::make_unique<SharedResidual>(*this, network, start);
}

FeatureGram SharedObjective::feature_gram(const Matrix& U) const {
  if (family_.softmax()) {
    const Scores best = best_scores(Network::empty(dimension()), null_affine_, fine_decrement);
    return quadratic_model(best).objective.feature_gram(U);
  }
  FeatureGram gram = base().feature_gram(U);
  gram.B = target_moments(U);
  gram.b.resize(0);
  return gram;
}

FeatureGram SharedObjective::feature_gram(const Matrix& U, const Matrix& V) const {
  FeatureGram gram = base().feature_gram(U, V);
  gram.B = target_moments(U);
  gram.b.resize(0);
  return gram;
}

std::vector<Affine> SharedObjective::affines(const Network& network) const {
  check_network(network, outputs_, dimension());
  std::vector<Affine> result;
  if (family_.softmax()) {
    const Matrix coefficients = best_scores(network, {}, fine_decrement).affine.coefficients;
    for (Index k = 0; k < outputs_; ++k) {
      result.push_back(base().affine_of(coefficients.col(k)));
    }
    return result;
  }
  for (Index k = 0; k < outputs_; ++k) {
    result.push_back(targets_[static_cast<std::size_t>(k)].affine(output_or_empty(network, k)));
  }
  return result;
}

// E relu(u·x) y_k for targets y_k without their affine part, p×q.
Matrix SharedObjective::target_moments(const Matrix& U) const {
  Matrix moments(U.rows(), outputs_);
  for (Index k = 0; k < outputs_; ++k) {
    const SampleObjective& target = targets_[static_cast<std::size_t>(k)];
    moments.col(k) = target.residual_of(target.y_)->correlate(U).value;
  }
  return moments;
}

// The affine functions of these coefficients at all rows, n×q. Rows that are left out have 0.
Matrix SharedObjective::affine_values(const Matrix& coefficients) const {
  const kernels::RowBlocks& visited = base().data_->visited;
  const Index q = coefficients.cols();
  Matrix values = Matrix::Zero(visited.total(), q);
  const kernels::PackedFactor<double> right(coefficients.rows(), q,
                                            kernels::rows_of(coefficients.data(), q));
  for_each_block(visited.count(), [&](Index block) {
    const auto [first, rows] = visited[block];
    Matrix computed;
    const double* columns = affine_columns(first, rows, computed);
    kernels::simd::multiply_add(rows, kernels::rows_of(columns, coefficients.rows()), right,
                                values.data() + first * q, q);
  });
  return values;
}

// Σ_t weights_t z_t values_tᵀ with the affine columns z_t, a column for each class.
Matrix SharedObjective::affine_moments(const Matrix& values, const Vector& weights) const {
  const Index q = values.cols();
  const Index size = base().basis_->size();
  return sum_over(base().data_->visited, size, q, [&](Index first, Index rows, auto sum) {
    Matrix computed;
    const double* columns = affine_columns(first, rows, computed);
    const kernels::PackedFactor<double> right(
        rows, q, kernels::rows_of(values.data() + first * q, q), weights.data() + first);
    kernels::simd::multiply_add(size, kernels::transpose_of(columns, size), right, sum.data(), q);
  });
}

// The affine columns of some rows, one row after the other: those that are kept, else computed.
const double* SharedObjective::affine_columns(Index first, Index rows, Matrix& computed) const {
  if (affine_columns_) return affine_columns_->data() + first * affine_columns_->cols();
  computed = base().basis_->columns(base().inputs(first, rows));
  return computed.data();
}

SharedObjective::Scores SharedObjective::scores_at(const Matrix& contributions,
                                                   Matrix coefficients) const {
  Scores scores;
  scores.values = contributions + affine_values(coefficients);
  scores.derivatives = Matrix::Zero(scores.values.rows(), outputs_);
  if (family_.linear_ridge > 0.0) {
    const Index slopes = coefficients.rows() - 1;
    scores.ridge = 0.5 * family_.linear_ridge * coefficients.bottomRows(slopes).squaredNorm();
  }
  scores.affine.coefficients = std::move(coefficients);
  const Vector& weights = base().weights_;
  scores.loss = scores.ridge + sum_over_rows(weights.size(), [&](Index t) {
                  if (weights[t] == 0.0) return 0.0;
                  const SoftmaxPoint at =
                      softmax_at(classes_[static_cast<std::size_t>(t)], scores.values.row(t));
                  scores.derivatives.row(t) = at.derivatives.transpose();
                  return weights[t] * at.loss;
                });
  return scores;
}

// The Hessian of one class by itself for each class; of many columns one for all of them, with the
// mean curvature.
class AffinePreconditioner {
 public:
  AffinePreconditioner(const std::function<Matrix(const Vector& curvatures)>& moments,
                       const Matrix& P, const Vector& weights, double ridge, Index columns) {
    constexpr Index most_columns = 200;
    const auto add = [&](const Vector& curvatures) {
      ColMatrix hessian = moments(weights.cwiseProduct(curvatures));
      hessian.diagonal().tail(columns - 1).array() += ridge;
      const double largest = hessian.diagonal().maxCoeff();
      hessian.diagonal().array() += least_share * std::max(largest, least_share);
      factors_.emplace_back(hessian);
    };
    if (columns > most_columns) {
      add((1.0 - P.rowwise().squaredNorm().array()) / static_cast<double>(P.cols() - 1));
      return;
    }
    for (Index k = 0; k < P.cols(); ++k) add(P.col(k).array() * (1.0 - P.col(k).array()));
  }

  // Without what is common to all classes steps stay where the Hessian has a curvature.
  Matrix solve(const Matrix& V) const {
    const Matrix centered = V.colwise() - V.rowwise().mean();
    Matrix result(V.rows(), V.cols());
    for (Index k = 0; k < V.cols(); ++k) result.col(k) = factor(k).solve(centered.col(k));
    result.colwise() -= result.rowwise().mean().eval();
    return result;
  }

  // L⁻ᵀ of each class's Hessian LLᵀ: from units in which it is the identity.
  Matrix from_own_units(const Matrix& change) const {
    Matrix result(change.rows(), change.cols());
    for (Index k = 0; k < change.cols(); ++k) {
      result.col(k) = factor(k).solve_upper(change.col(k));
    }
    return result;
  }
  // L⁻¹ of each: a gradient in those units.
  Matrix gradient_in_own_units(const Matrix& gradient) const {
    Matrix result(gradient.rows(), gradient.cols());
    for (Index k = 0; k < gradient.cols(); ++k) {
      result.col(k) = factor(k).solve_lower(gradient.col(k));
    }
    return result;
  }

 private:
  const Cholesky& factor(Index k) const {
    return factors_[factors_.size() == 1 ? 0 : static_cast<std::size_t>(k)];
  }

  static constexpr double least_share = 1e-10;
  std::vector<Cholesky> factors_;
};

// P of every row and class, n×q.
Matrix SharedObjective::probabilities(const Scores& at) const {
  Matrix P = at.derivatives;
  for (Index t = 0; t < P.rows(); ++t) P(t, classes_[static_cast<std::size_t>(t)]) += 1.0;
  return P;
}

std::shared_ptr<const AffinePreconditioner> SharedObjective::preconditioner(
    const Scores& at) const {
  return std::make_shared<AffinePreconditioner>(
      [&](const Vector& curvatures) { return base().affine_moments(curvatures); },
      probabilities(at), base().weights_, family_.linear_ridge, base().basis_->size());
}

// Solves (Hessian in α and β) direction = gradient by preconditioned conjugate gradients, as far as
// a step of Newton's method can use.
SharedObjective::AffineStep SharedObjective::newton_direction(
    const Scores& at, const Matrix& gradient, const AffinePreconditioner& preconditioner) const {
  constexpr double most_left = 1e-2;  // of the first remainder, in the norm of the preconditioner
  constexpr double least_left = 1e-12;
  constexpr Index most_steps = 200;
  const Vector& weights = base().weights_;
  const double ridge = family_.linear_ridge;
  const Index columns = gradient.rows();
  const Matrix P = probabilities(at);
  const auto hessian_times = [&](const Matrix& direction) {
    Matrix change = affine_values(direction);
    for (Index t = 0; t < change.rows(); ++t) {
      const double mean = P.row(t).dot(change.row(t));
      change.row(t) = P.row(t).cwiseProduct((change.row(t).array() - mean).matrix());
    }
    Matrix result = affine_moments(change, weights);
    if (ridge > 0.0) result.bottomRows(columns - 1) += ridge * direction.bottomRows(columns - 1);
    return result;
  };
  AffineStep step{Matrix::Zero(columns, outputs_), 0};
  Matrix remainder = gradient;
  Matrix scaled = preconditioner.solve(remainder);
  Matrix search = scaled;
  double size = remainder.cwiseProduct(scaled).sum();
  const double first = size;
  // Newton's steps from a decrement of a share of the loss leave one of its square: they are solved
  // as well as that.
  const double left = std::clamp(first / at.loss, least_left, most_left);
  for (; step.products < most_steps && size > left * left * first; ++step.products) {
    const Matrix image = hessian_times(search);
    const double curvature = search.cwiseProduct(image).sum();
    if (!(curvature > 0.0)) break;
    const double length = size / curvature;
    step.direction += length * search;
    remainder -= length * image;
    scaled = preconditioner.solve(remainder);
    const double next = remainder.cwiseProduct(scaled).sum();
    search = scaled + next / size * search;
    size = next;
  }
  return step;
}

SharedObjective::Scores SharedObjective::best_scores(const Network& network,
                                                     const AffineStart& start,
                                                     double decrement) const {
  constexpr int most_steps = 100;
  constexpr int most_halvings = 40;
  // A preconditioner costs about as much as a product with the Hessian for every two columns: one
  // that was made elsewhere serves until steps take so many.
  const Index most_products = std::max<Index>(10, base().basis_->size() / 4);
  const Matrix neurons = contributions(network);
  Matrix coefficients = start.coefficients;
  if (coefficients.size() == 0) {
    // What the neurons contribute is first made up for as by least squares.
    coefficients =
        null_affine_.coefficients.size() > 0 ? null_affine_.coefficients : best_constants();
    for (Index k = 0; k < outputs_ && network.width() > 0; ++k) {
      coefficients.col(k) -= base().fit_affine(neurons.col(k));
    }
  }
  // What is common to all classes changes no probability, and the ridge would charge it.
  coefficients.colwise() -= coefficients.rowwise().mean().eval();
  std::shared_ptr<const AffinePreconditioner> scaling = start.preconditioner;
  Scores best = scores_at(neurons, std::move(coefficients));
  for (int step = 0; step < most_steps && best.loss > separated; ++step) {
    const Matrix gradient = affine_gradient(best);
    if (!scaling) scaling = preconditioner(best);
    const auto [direction, products] = newton_direction(best, gradient, *scaling);
    const double promised = gradient.cwiseProduct(direction).sum();
    if (!(promised > 0.0)) break;
    if (products > most_products) scaling = nullptr;
    // Near the minimum the loss is too coarse to judge by: full steps, while they shrink.
    const double rounding = 1e-14 * best.loss;
    double share = 1.0;
    bool moved = false;
    for (int halving = 0; halving < most_halvings && !moved; ++halving, share *= 0.5) {
      Scores next = scores_at(neurons, best.affine.coefficients - share * direction);
      if (next.loss <= best.loss + rounding) {
        best = std::move(next);
        moved = true;
      }
    }
    if (!moved || promised <= decrement * best.loss) break;
  }
  best.affine.preconditioner = scaling ? std::move(scaling) : preconditioner(best);
  return best;
}

SharedObjective::JointPoint SharedObjective::evaluate_at(const Network& network,
                                                         const AffineStart& origin,
                                                         const Matrix& change) const {
  check_network(network, outputs_, dimension());
  const Index m = network.width();
  JointPoint point{{0.0, {}, Matrix::Zero(m, dimension()), Matrix::Zero(m, outputs_)}, {}};
  const AffinePreconditioner& units = *origin.preconditioner;
  const Scores scores =
      scores_at(contributions(network), origin.coefficients + units.from_own_units(change));
  add_network_gradient(network, scores, point.evaluation);
  point.gradient_change = units.gradient_in_own_units(affine_gradient(scores));
  return point;
}

// The scores that fit the shares of the classes, with mean 0.
Matrix SharedObjective::best_constants() const {
  const Vector& weights = base().weights_;
  Vector shares = Vector::Zero(outputs_);
  for (Index t = 0; t < weights.size(); ++t) {
    shares[classes_[static_cast<std::size_t>(t)]] += weights[t];
  }
  Vector scores = shares.array().log();
  scores.array() -= scores.mean();
  Matrix coefficients(base().basis_->size(), outputs_);
  for (Index k = 0; k < outputs_; ++k) {
    coefficients.col(k) =
        base().affine_coefficients(scores[k] * Vector::Unit(base().input_dimension() + 1, 0));
  }
  return coefficients;
}

SharedQuadraticModel SharedObjective::quadratic_model(const Scores& scores, double share) const {
  constexpr double longest_step = 8.0;  // of a score, that the model may ask for
  const Vector& own = base().weights_;
  Vector weights = Vector::Zero(own.size());
  Matrix targets = Matrix::Zero(own.size(), outputs_);
  for (Index t = 0; t < own.size(); ++t) {
    if (own[t] == 0.0) continue;
    const auto r = scores.derivatives.row(t);
    // The Hessian diag(p) − ppᵀ has no eigenvalue above 2 max p (1 − p) (Gershgorin), and
    // p (1 − p) = |r| (1 − |r|) for every class.
    const double largest = (r.array().abs() * (1.0 - r.array().abs())).maxCoeff();
    const double curvature =
        std::max(share * 2.0 * largest, r.cwiseAbs().maxCoeff() / longest_step);
    weights[t] = own[t] * curvature;
    targets.row(t) = scores.values.row(t);
    if (curvature > 0.0) targets.row(t) -= r / curvature;
  }
  const double curvature = row_sum(weights);
  std::vector<SampleObjective> models;
  models.push_back(base().square_loss(std::move(weights), targets.col(0), curvature));
  for (Index k = 1; k < outputs_; ++k) {
    models.push_back(models.front().with_target(targets.col(k)));
  }
  Family square = models.front().family();
  return {SharedObjective(std::move(models), square), curvature};
}

}  // namespace lodestone
