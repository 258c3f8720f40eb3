#include "benchmark/problems.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/parallel.hpp"
#include "core/statistics.hpp"
#include "kernels/population.hpp"
#include "lodestone/core/random.hpp"

namespace lodestone {
namespace {

// What evaluate() should give, by plain loops (docs/math.md, 3.2), and Σ_t r_t relu(u·x_t).
class PlainSample {
 public:
  PlainSample(const SampleData& data, const Network& network)
      : X_(data.X.rows(), data.X.cols() + (data.biases ? 1 : 0)) {
    X_.leftCols(data.X.cols()) = data.X;
    if (data.biases) X_.col(data.X.cols()).setOnes();
    const Index n = X_.rows();
    Vector error = -data.y;
    for (Index t = 0; t < n; ++t) {
      for (Index i = 0; i < network.width(); ++i) {
        error[t] += network.a[i] * std::max(0.0, inner(network.W, i, t));
      }
    }
    Eigen::MatrixXd columns(n, data.X.cols() + 1);
    columns << Vector::Ones(n), data.X;
    error -= columns * columns.colPivHouseholderQr().solve(error);
    residual_ = error / static_cast<double>(n);
    evaluation_.loss = 0.5 * error.squaredNorm() / static_cast<double>(n);
    const Matrix moments = correlate(network.W).gradient;
    evaluation_.gradient_a = moments.cwiseProduct(network.W).rowwise().sum();
    evaluation_.gradient_W = network.a.asDiagonal() * moments;
  }

  const Evaluation& evaluation() const { return evaluation_; }

  Correlation correlate(const Matrix& U) const {
    Correlation result{Vector::Zero(U.rows()), Matrix::Zero(U.rows(), U.cols())};
    for (Index p = 0; p < U.rows(); ++p) {
      for (Index t = 0; t < X_.rows(); ++t) {
        const double product = inner(U, p, t);
        if (product <= 0.0) continue;
        result.value[p] += residual_[t] * product;
        for (Index j = 0; j < U.cols(); ++j) result.gradient(p, j) += residual_[t] * X_(t, j);
      }
    }
    return result;
  }

 private:
  double inner(const Matrix& U, Index p, Index t) const {
    double sum = 0.0;
    for (Index j = 0; j < U.cols(); ++j) sum += U(p, j) * X_(t, j);
    return sum;
  }

  Matrix X_;         // with the constant coordinate of a bias
  Vector residual_;  // r_t / n
  Evaluation evaluation_;
};

}  // namespace

Matrix normal_matrix(Index rows, Index columns, std::string_view purpose) {
  const RandomStream stream(0, purpose);
  Matrix result(rows, columns);
  for_each_block(rows, [&](Index i) {
    for (Index j = 0; j < columns; ++j) {
      result(i, j) = stream.normal(static_cast<std::uint64_t>(i * columns + j));
    }
  });
  return result;
}

SampleData normal_rows(Index n, Index d) {
  SampleData data;
  data.X = normal_matrix(n, d, "benchmark rows");
  data.y = data.X.col(0).cwiseAbs();
  return data;
}

Network normal_network(Index m, Index d) {
  return {normal_matrix(m, 1, "benchmark output weights") / static_cast<double>(m),
          normal_matrix(m, d, "benchmark weights") / std::sqrt(static_cast<double>(d))};
}

SampleData prefix(const SampleData& data) {
  const Index rows = std::min(data.X.rows(), 2 * data.X.cols() + 256);
  SampleData result;
  result.X = data.X.topRows(rows);
  result.y = data.y.head(rows);
  result.biases = data.biases;
  result.precision = data.precision;
  return result;
}

double step_flops(const SampleSize& size) {
  return 4.0 * static_cast<double>(size.n) * static_cast<double>(size.d) *
         static_cast<double>(size.m);
}

double gram_flops(const SampleSize& size) {
  const auto n = static_cast<double>(size.n);
  const auto d = static_cast<double>(size.d);
  const auto p = static_cast<double>(size.m);
  return 2.0 * n * p * d + 2.0 * n * p * (d + 2.0) + n * p * (p + 1.0);
}

double population_flops(Index m, const Teacher& teacher) {
  const double atoms = static_cast<double>(m + teacher.neurons());
  return 4.0 * atoms * atoms * static_cast<double>(teacher.dimension());
}

Correlation plain_correlation(const SampleData& data, const Network& network, const Matrix& U) {
  return PlainSample(data, network).correlate(U);
}

double relative_error(const Matrix& value, const Matrix& expected) {
  return (value - expected).norm() / expected.norm();
}

double allowed_error(Precision precision) { return precision == Precision::float64 ? 1e-9 : 1e-4; }

void check_error(const std::string& name, const std::string& quantity, double error,
                 double allowed) {
  if (error <= allowed) return;
  throw BenchmarkMismatch(
      fmt::format("{}: {} differs from plain loops by {:.3g} relative, at most {:.3g} is "
                  "rounding; nothing was timed",
                  name, quantity, error, allowed));
}

void check_step(const std::string& name, const SampleData& data, const Network& network) {
  const Evaluation expected = PlainSample(data, network).evaluation();
  const Evaluation value = SampleObjective(data).evaluate(network);
  const double allowed = allowed_error(data.precision);
  check_error(name, "the loss", std::abs(value.loss - expected.loss) / expected.loss, allowed);
  check_error(name, "the gradient in a", relative_error(value.gradient_a, expected.gradient_a),
              allowed);
  // In float32 an inner product may round to the other side of 0: one neuron in thousands then
  // differs by a whole row, the others by rounding. So there 19 neurons in 20 must agree.
  std::vector<double> errors;
  for (Index i = 0; i < network.width(); ++i) {
    errors.push_back(relative_error(value.gradient_W.row(i), expected.gradient_W.row(i)));
  }
  check_error(name, "the gradient in W",
              quantile(errors, data.precision == Precision::float64 ? 1.0 : 0.95), allowed);
}

void check_correlation(const std::string& name, const SampleData& data, const Network& network,
                       const Matrix& U) {
  const Correlation expected = plain_correlation(data, network, U);
  const SampleObjective objective(data);
  const Correlation value = objective.residual(network)->correlate(U);
  const double allowed = allowed_error(data.precision);
  check_error(name, "the value", relative_error(value.value, expected.value), allowed);
  check_error(name, "the gradient", relative_error(value.gradient, expected.gradient), allowed);
}

void check_gram(const std::string& name, const SampleData& data, const Matrix& U) {
  // What is left of features and target beside the columns 1 and x, by a QR of these.
  const Index n = data.X.rows();
  Eigen::MatrixXd affine(n, data.X.cols() + 1);
  affine << Eigen::VectorXd::Ones(n), data.X;
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(affine);
  const auto rest = [&](const Eigen::MatrixXd& values) -> Matrix {
    Eigen::MatrixXd rotated = qr.householderQ().adjoint() * values;
    rotated.topRows(affine.cols()).setZero();
    return qr.householderQ() * rotated;
  };
  const Matrix features = rest((data.X * U.transpose()).cwiseMax(0.0));
  const Matrix target = rest(data.y);
  const FeatureGram gram = SampleObjective(data).feature_gram(U);
  const auto count = static_cast<double>(n);
  check_error(name, "the Gram matrix",
              relative_error(gram.K, features.transpose() * features / count), 1e-9);
  check_error(name, "the product with the target",
              relative_error(gram.b, features.transpose() * target / count), 1e-9);
}

void check_prediction(const std::string& name, const Model& model, const Matrix& X) {
  Vector expected(X.rows());
  for (Index t = 0; t < X.rows(); ++t) {
    expected[t] = model.affine.alpha + X.row(t).dot(model.affine.beta);
    for (const Feature& feature : model.features) {
      expected[t] +=
          feature.amplitude * std::max(0.0, X.row(t).dot(feature.direction) + feature.bias);
    }
  }
  check_error(name, "the prediction", relative_error(model.predict(X), expected), 1e-9);
}

void check_population(const std::string& name, const PopulationObjective& objective,
                      const Network& network) {
  const Teacher& teacher = objective.teacher();
  const Index m = network.width();
  Matrix atoms(m + teacher.neurons(), teacher.dimension());
  atoms << unit_directions(network.W), teacher.directions;
  Vector weights(atoms.rows());
  weights << network.a.cwiseProduct(network.W.rowwise().norm()), -teacher.amplitudes;
  Matrix field;
  kernels::reference::population_field(atoms, atoms, weights, field);
  const Vector values = field.cwiseProduct(atoms).rowwise().sum();
  const Evaluation value = objective.evaluate(network);
  const double loss = 0.5 * weights.dot(values);
  check_error(name, "the loss", std::abs(value.loss - loss) / loss, 1e-9);
  check_error(
      name, "the gradient in a",
      relative_error(value.gradient_a, values.head(m).cwiseProduct(network.W.rowwise().norm())),
      1e-9);
  check_error(name, "the gradient in W",
              relative_error(value.gradient_W, network.a.asDiagonal() * field.topRows(m)), 1e-9);
}

void check_same_bits(const std::string& name, const Evaluation& one_thread,
                     const Evaluation& all_threads) {
  if (one_thread.loss == all_threads.loss && one_thread.gradient_a == all_threads.gradient_a &&
      one_thread.gradient_W == all_threads.gradient_W) {
    return;
  }
  throw BenchmarkMismatch(name +
                          ": one thread gives other bits than all of them; nothing was timed");
}

}  // namespace lodestone
