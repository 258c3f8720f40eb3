// Cell bounds for a sample's residual (docs/math.md, 6.6).

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "certify/cap_bound.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

// Rows whose sign is settled on a cell are linear there: their sum, and who is left.
struct RowState final : CellState {
  Vector moment;                   // Σ w_t x_t over the rows that are on
  std::vector<std::int32_t> open;  // rows of either sign
};

// An upper bound on ±g over a cap: constant + linear·u + u·quadratic u.
struct Majorant {
  explicit Majorant(Index D) : linear(Vector::Zero(D)), quadratic(Matrix::Zero(D, D)) {}

  double constant = 0.0;
  Vector linear;
  Matrix quadratic;
};

// Its maximum over the cap, rounded up by what is of third order in the radius.
double maximum(const Majorant& f, const Cap& cap, const Matrix& tangents) {
  // u = √(1 − |y|²) c + y with y in the tangent space; √(1 − |y|²) lies between
  // 1 − |y|²/(1 + cos R) and 1 − |y|²/2.
  const Vector& c = cap.centre;
  const double sine = std::sin(cap.radius);
  const double steepest = 1.0 / (1.0 + std::cos(cap.radius));
  const double along = f.linear.dot(c);
  const Vector product = f.quadratic * c;
  const double square = product.dot(c);
  const Vector cross = tangents * product;
  Matrix curvature = 2.0 * tangents * f.quadratic * tangents.transpose();
  curvature.diagonal().array() += -(along >= 0.0 ? along : 2.0 * steepest * along) - 2.0 * square;
  const Vector slope = tangents * f.linear + 2.0 * cross;
  const double third_order = 2.0 * steepest * sine * sine * sine * cross.norm();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(Eigen::MatrixXd{curvature});
  return f.constant + along + square + third_order +
         quadratic_maximum(solver.eigenvalues(), solver.eigenvectors().transpose() * slope, sine);
}

class RowCorrelation final : public ReducedCorrelation {
 public:
  RowCorrelation(const RowMeasure& measure, double budget) {
    const Index n = measure.rows.rows();
    const Index d = measure.rows.cols();
    if (n > std::numeric_limits<std::int32_t>::max()) {
      throw InvalidArgument("rows", std::to_string(n), "a rigorous bound takes at most 2^31 - 1");
    }
    DominantSpan span = dominant_span(measure.rows, measure.weights.cwiseAbs(), 0.5 * budget);
    const Index s = span.basis.cols();
    if (s == d) {
      basis_ = Matrix::Identity(d, d);
    } else {
      basis_ = std::move(span.basis);
      error_ = span.leftover;
    }
    directions_ = measure.rows * basis_;
    const Vector norms = directions_.rowwise().norm();
    weights_ = measure.weights.cwiseProduct(norms);
    auto root = std::make_shared<RowState>();
    root->moment = Vector::Zero(s);
    for (Index t = 0; t < n; ++t) {
      if (weights_[t] == 0.0) continue;
      directions_.row(t) /= norms[t];
      root->open.push_back(static_cast<std::int32_t>(t));
    }
    const double mass = weights_.cwiseAbs().sum();
    error_ +=
        16.0 * static_cast<double>(n + 4 * d + 64) * std::numeric_limits<double>::epsilon() * mass;
    // g(u) − g(−u) = u·Σ w_t x_t, zero for a residual without affine part: half of the sphere is
    // enough when that is affordable.
    const double odd = (directions_.transpose() * weights_).norm();
    symmetric_ = odd <= 0.5 * budget;
    if (symmetric_) error_ += odd;
    const double positive = weights_.cwiseMax(0.0).sum();
    anywhere_ = std::max(positive, mass - positive);
    root_ = std::move(root);
  }

  Index dimension() const override { return basis_.cols(); }
  Symmetry symmetry() const override { return symmetric_ ? Symmetry::antipodal : Symmetry::none; }
  double error() const override { return error_; }
  double anywhere() const override { return anywhere_; }
  Vector lift(const Vector& direction) const override { return (basis_ * direction).normalized(); }

  CapBound bound(const Cap& cap, const std::shared_ptr<const CellState>& outer) const override {
    const Index D = dimension();
    const Vector& c = cap.centre;
    const double sine = std::sin(cap.radius);
    const double cosine = std::cos(cap.radius);
    const auto around = outer ? std::static_pointer_cast<const RowState>(outer) : root_;

    auto inner = std::make_shared<RowState>();
    inner->moment = around->moment;
    const auto most = static_cast<Index>(around->open.size());
    Matrix open(most, D);    // the rows of either sign
    Matrix linear(most, 2);  // their coefficients in the majorants of g and −g
    Matrix quadratic(most, 2);
    Majorant above(D);
    Majorant below(D);
    double open_value = 0.0;
    Index count = 0;
    for (const std::int32_t t : around->open) {
      const double* x = directions_.data() + t * D;
      const double w = weights_[t];
      double z = 0.0;
      for (Index j = 0; j < D; ++j) z += x[j] * c[j];
      // On the cap u·x ranges over cos(θ ± R), cos θ = z: of one sign when |z| > sin R.
      if (z < -sine) continue;
      if (z > sine) {
        for (Index j = 0; j < D; ++j) inner->moment[j] += w * x[j];
        continue;
      }
      if (z > 0.0) open_value += w * z;
      const double tangent = std::sqrt(std::max(0.0, (1.0 - z) * (1.0 + z)));
      const double high = z >= cosine ? 1.0 : std::max(0.0, z * cosine + tangent * sine);
      const double low = z <= -cosine ? -1.0 : std::min(0.0, z * cosine - tangent * sine);
      // On [low, high], with γ the slope of the chord,
      //   relu(z) <= γ (z − low) − upper (z − low)(high − z)   and   relu(z) >= γ z + lower z².
      // The first bounds w relu(z) from above for w > 0, the second for w < 0.
      const double width = high - low;
      const double slope = high / width;
      const double upper = std::min(high, -low) / (width * width);
      const double lower = (high < -low ? high / -low : -low / high) / width;
      const double rising = slope - upper * (low + high);
      const bool positive = w > 0.0;
      (positive ? above : below).constant += std::abs(w) * low * (upper * high - slope);
      linear(count, 0) = w * (positive ? rising : slope);
      linear(count, 1) = -w * (positive ? slope : rising);
      quadratic(count, 0) = w * (positive ? upper : lower);
      quadratic(count, 1) = -w * (positive ? lower : upper);
      for (Index j = 0; j < D; ++j) open(count, j) = x[j];
      inner->open.push_back(t);
      ++count;
    }
    const auto rows = open.topRows(count);
    above.linear = inner->moment + rows.transpose() * linear.col(0).head(count);
    below.linear = -inner->moment + rows.transpose() * linear.col(1).head(count);
    above.quadratic = rows.transpose() * (quadratic.col(0).head(count).asDiagonal() * rows);
    below.quadratic = rows.transpose() * (quadratic.col(1).head(count).asDiagonal() * rows);
    CapBound result;
    result.centre_value = std::abs(inner->moment.dot(c) + open_value);
    if (D == 1) {
      result.upper = result.centre_value;
      return result;
    }
    const Matrix tangents = tangent_basis(c);
    result.upper =
        std::min(anywhere_, std::max(maximum(above, cap, tangents), maximum(below, cap, tangents)));
    // Lists are kept for others only when they save half of the work: that bounds the memory.
    if (2 * inner->open.size() <= around->open.size()) {
      result.state = std::move(inner);
    } else {
      result.state = outer;
    }
    return result;
  }

 private:
  Matrix basis_;       // d×s
  Matrix directions_;  // n×s, unit
  Vector weights_;     // n, residual times row weight times length of the row
  std::shared_ptr<const RowState> root_;
  bool symmetric_ = false;
  double error_ = 0.0;
  double anywhere_ = 0.0;
};

}  // namespace

std::unique_ptr<ReducedCorrelation> reduce(const RowMeasure& measure, double budget) {
  return std::make_unique<RowCorrelation>(measure, budget);
}

}  // namespace lodestone
