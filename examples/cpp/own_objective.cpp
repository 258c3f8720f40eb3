// An objective of one's own: rows in the order of time whose errors are correlated,
// e_t = rho·e_{t-1} + fresh noise. Least squares of what is new in each row, y_t − rho·y_{t-1},
// takes that into account. The path solver and the certificates work on it as on any other.

#include <Eigen/QR>
#include <cmath>
#include <cstdint>
#include <exception>
#include <iostream>
#include <lodestone/lodestone.hpp>
#include <memory>
#include <utility>

using namespace lodestone;

class CorrelatedErrors final : public Objective {
 public:
  CorrelatedErrors(Matrix X, const Vector& y, double rho)
      : X_(std::move(X)), rho_(rho), n_(static_cast<double>(X_.rows())) {
    Matrix linear(X_.rows(), X_.cols() + 1);
    linear << Vector::Ones(X_.rows()), X_;
    // The affine part is free: what it explains is taken off everything else.
    affine_columns_ = innovations(linear);
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(affine_columns_);
    affine_basis_ = qr.householderQ() * Eigen::MatrixXd::Identity(X_.rows(), linear.cols());
    target_ = innovations(y);
    y_ = affine_free(target_);
  }

  Index dimension() const override { return X_.cols(); }
  bool smooth() const override { return false; }
  double null_loss() const override { return 0.5 * y_.squaredNorm() / n_; }
  double loss(const Network& network) const override {
    return 0.5 * errors(network).squaredNorm() / n_;
  }

  Evaluation evaluate(const Network& network) const override {
    const auto found = residual(network);
    const Correlation inner = found->correlate(network.W);
    return {0.5 * found->energy(), inner.value, network.a.asDiagonal() * inner.gradient};
  }

  FeatureGram feature_gram(const Matrix& U) const override {
    const Matrix columns = features(U);
    return {columns.transpose() * columns / n_, columns.transpose() * y_ / n_};
  }

  Affine affine(const Network& network) const override {
    const Vector left = target_ - innovations(activations(network.W)) * network.a;
    const Vector c = Eigen::MatrixXd(affine_columns_).householderQr().solve(left);
    return {c[0], c.tail(dimension())};
  }

  std::unique_ptr<lodestone::Residual> residual(const Network& network) const override {
    const Vector error = errors(network);
    // E error·(innovations of a feature) = Σ_t weight_t relu(u·x_t), the adjoint of innovations().
    Vector weights = error / n_;
    weights[0] *= std::sqrt(1.0 - rho_ * rho_);
    weights.head(error.size() - 1) -= rho_ / n_ * error.tail(error.size() - 1);
    return std::make_unique<Errors>(*this, error, std::move(weights));
  }

 private:
  struct Errors final : lodestone::Residual {
    Errors(const CorrelatedErrors& from, Vector error, Vector weights)
        : of(from), s(std::move(error)), w(std::move(weights)) {}
    Correlation correlate(const Matrix& U) const override {
      const Matrix inner = of.X_ * U.transpose();
      const Matrix on = (inner.array() > 0.0).cast<double>();
      return {inner.cwiseMax(0.0).transpose() * w, on.transpose() * w.asDiagonal() * of.X_};
    }
    ResidualMeasure measure() const override { return RowMeasure{of.X_, w}; }
    double energy() const override { return s.squaredNorm() / of.n_; }
    double target_product() const override { return -s.dot(of.y_) / of.n_; }
    Matrix suggested_directions(Index) const override { return Matrix(0, of.dimension()); }
    const CorrelatedErrors& of;
    Vector s, w;
  };

  Matrix activations(const Matrix& U) const { return (X_ * U.transpose()).cwiseMax(0.0); }
  Matrix innovations(const Matrix& values) const {
    Matrix fresh = values;
    fresh.row(0) *= std::sqrt(1.0 - rho_ * rho_);
    fresh.bottomRows(values.rows() - 1) -= rho_ * values.topRows(values.rows() - 1);
    return fresh;
  }
  Matrix affine_free(const Matrix& values) const {
    return values - affine_basis_ * (affine_basis_.transpose() * values);
  }
  Matrix features(const Matrix& U) const { return affine_free(innovations(activations(U))); }
  Vector errors(const Network& network) const { return features(network.W) * network.a - y_; }

  Matrix X_;
  double rho_;
  double n_;
  Matrix affine_columns_, affine_basis_;
  Vector target_, y_;
};

int main() try {
  // Two hidden directions, and errors that wander slowly.
  const Teacher teacher{Matrix::Identity(2, 4), Vector::Ones(2)};
  Dataset rows = draw_samples(teacher, 400, 0.0, 1);
  const RandomStream noise(1, "errors");
  double error = 0.0;
  for (Index t = 0; t < rows.y.size(); ++t) {
    error = 0.95 * error + 0.05 * noise.normal(static_cast<std::uint64_t>(t));
    rows.y[t] += error;
  }
  const CorrelatedErrors objective(rows.X, rows.y, 0.95);
  PathOptions options;
  options.lambdas = 6;
  options.lambda_ratio = 0.02;
  options.gap_tolerance = 1e-2;
  options.max_neurons = 20;
  const PathResult path = solve_path(objective, options);
  for (const PathPoint& point : path.points) {
    std::cout << "lambda " << point.lambda << ": " << merged(point.network, 10.0) << ", gap "
              << (point.certificate.relative_gap < 0.05 ? "below" : "above") << " 5 %\n";
  }
  std::cout << measure_recovery(teacher, path.points.back().network) << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
