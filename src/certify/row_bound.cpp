// Cell bounds for a sample's residual (docs/math.md, 6.6).

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

constexpr double ulp_of_one = std::numeric_limits<double>::epsilon();

// Rows whose sign is settled on a cell are linear there: their sum, and who is left.
struct RowState final : CellState {
  Vector moment;                   // Σ w_t x_t over the rows that are on
  std::vector<std::int32_t> open;  // rows of either sign
};

// An upper bound on ±g over a cap with centre c: constant + linear·u + u·Q u, Q = Σ_t q_t x_t x_tᵀ.
struct Majorant {
  explicit Majorant(Index D) : linear(Vector::Zero(D)), quadratic(Matrix::Zero(D, D)) {}

  double constant = 0.0;
  Vector linear;
  Matrix quadratic;

  // c·Qc = Σ q_t z_t² and Qc = Σ q_t z_t x_t with z_t = c·x_t. q_t is of order 1/R and z_t of order
  // R: these sums are of order R and 1. Products with the entries of Q, of order 1/R, would be off
  // by ε/R.
  double square = 0.0;
  Vector image;
};

// Its maximum over the cap, rounded up by what is of third order in the radius.
double maximum(const Majorant& f, const Cap& cap, const Matrix& tangents) {
  // u = √(1 − |y|²) c + y with y in the tangent space; √(1 − |y|²) lies between
  // 1 − |y|²/(1 + cos R) and 1 − |y|²/2.
  const double sine = std::sin(cap.radius);
  const double steepest = 1.0 / (1.0 + std::cos(cap.radius));
  const double along = f.linear.dot(cap.centre);
  const Vector cross = tangents * f.image;
  Matrix curvature = 2.0 * tangents * f.quadratic * tangents.transpose();
  curvature.diagonal().array() += -(along >= 0.0 ? along : 2.0 * steepest * along) - 2.0 * f.square;
  const Vector slope = tangents * f.linear + 2.0 * cross;
  const double third_order = 2.0 * steepest * sine * sine * sine * cross.norm();
  return f.constant + along + f.square + third_order + quadratic_maximum_of(curvature, slope, sine);
}

// Rows x_t = 2^e_t x'_t with a largest entry of x'_t in [1/2, 1) and weights
// w_t = 2^(unit − e_t) w'_t, the largest of them in [1, 2). Exact, but for what lies below the
// largest by more than 2^-1022 of it. Squares and products of these neither overflow nor vanish.
struct ScaledRows {
  Matrix rows;
  Vector weights;
  int unit = 0;
};

ScaledRows scaled(const RowMeasure& measure) {
  ScaledRows result{measure.rows, measure.weights, 0};
  const Index n = result.rows.rows();
  std::vector<int> exponents(static_cast<std::size_t>(n), 0);
  result.unit = std::numeric_limits<int>::min();
  for (Index t = 0; t < n; ++t) {
    const double largest = result.rows.cols() > 0 ? result.rows.row(t).cwiseAbs().maxCoeff() : 0.0;
    if (largest == 0.0 || result.weights[t] == 0.0) {
      result.rows.row(t).setZero();
      result.weights[t] = 0.0;
      continue;
    }
    int& exponent = exponents[static_cast<std::size_t>(t)];
    std::frexp(largest, &exponent);
    for (Index j = 0; j < result.rows.cols(); ++j) {
      result.rows(t, j) = std::ldexp(result.rows(t, j), -exponent);
    }
    result.unit = std::max(result.unit, std::ilogb(result.weights[t]) + exponent);
  }
  if (result.unit == std::numeric_limits<int>::min()) result.unit = 0;  // no row has weight
  for (Index t = 0; t < n; ++t) {
    result.weights[t] =
        std::ldexp(result.weights[t], exponents[static_cast<std::size_t>(t)] - result.unit);
  }
  return result;
}

class RowCorrelation final : public ReducedCorrelation {
 public:
  RowCorrelation(const RowMeasure& measure, double budget) {
    const Index n = measure.rows.rows();
    const Index d = measure.rows.cols();
    if (n > std::numeric_limits<std::int32_t>::max()) {
      throw InvalidArgument("rows", std::to_string(n), "a rigorous bound takes at most 2^31 - 1");
    }
    const ScaledRows given = scaled(measure);
    unit_ = given.unit;
    budget = std::ldexp(budget, -unit_);
    const Vector costs = given.weights.cwiseAbs();
    basis_ = dominant_span(given.rows, costs, 0.5 * budget);
    const Index s = basis_.cols();
    if (s == d) basis_ = Matrix::Identity(d, d);
    directions_ = given.rows * basis_;
    const Vector norms = directions_.rowwise().norm();
    weights_ = given.weights.cwiseProduct(norms);
    const double mass = weights_.cwiseAbs().sum();
    if (s < d) {
      // u·x_t = (Bᵀu)·z_t + u·(x_t − B z_t) for the z_t that were computed, whatever B is.
      const Matrix outside = given.rows - directions_ * basis_.transpose();
      // What is outside is a difference of numbers that are off by (s + 2)/2 roundings of |x_t|.
      const double rounding =
          4.0 * static_cast<double>(s + 4) * ulp_of_one * costs.dot(given.rows.rowwise().norm());
      error_ =
          costs.dot(outside.rowwise().norm()) + rounding + orthonormality_defect(basis_) * mass;
    }
    auto root = std::make_shared<RowState>();
    root->moment = Vector::Zero(s);
    for (Index t = 0; t < n; ++t) {
      if (weights_[t] == 0.0) continue;
      directions_.row(t) /= norms[t];
      root->open.push_back(static_cast<std::int32_t>(t));
    }
    // What a cell's bound may be too low by (docs/math.md, 6.8, has the count): sums over n rows of
    // terms of in all six masses, (D + 4) roundings for each z_t, and 16 D ε of the curvature for
    // its eigenvalues. The factor 16 is more than three times that, and leaves a tenth of the
    // whole above the 16(D + 4) + D² roundings by which caps are widened: cells of that size are
    // settled.
    error_ += 16.0 * static_cast<double>(n + 4 * d + 2 * d * d + 64) * ulp_of_one * mass;
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
  double error() const override { return unscaled(error_); }
  double anywhere() const override { return unscaled(anywhere_); }
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
    Vector heights(most);  // z
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
      heights[count] = z;
      for (Index j = 0; j < D; ++j) open(count, j) = x[j];
      inner->open.push_back(t);
      ++count;
    }
    const auto rows = open.topRows(count);
    above.linear = inner->moment + rows.transpose() * linear.col(0).head(count);
    below.linear = -inner->moment + rows.transpose() * linear.col(1).head(count);
    above.quadratic = rows.transpose() * (quadratic.col(0).head(count).asDiagonal() * rows);
    below.quadratic = rows.transpose() * (quadratic.col(1).head(count).asDiagonal() * rows);
    const auto z = heights.head(count);
    const Matrix pulls = quadratic.topRows(count).array().colwise() * z.array();  // q_t z_t
    above.image = rows.transpose() * pulls.col(0);
    below.image = rows.transpose() * pulls.col(1);
    above.square = pulls.col(0).dot(z);
    below.square = pulls.col(1).dot(z);
    CapBound result;
    const double at_centre = std::abs(inner->moment.dot(c) + open_value);
    result.centre_value = unscaled(at_centre);
    if (D == 1) {
      result.upper = result.centre_value;
      return result;
    }
    const Matrix tangents = tangent_basis(c);
    result.upper = unscaled(std::max(bounded(maximum(above, cap, tangents), anywhere_),
                                     bounded(maximum(below, cap, tangents), anywhere_)));
    // Lists are kept for others only when they save half of the work: that bounds the memory.
    if (2 * inner->open.size() <= around->open.size()) {
      result.state = std::move(inner);
    } else {
      result.state = outer;
    }
    return result;
  }

 private:
  // A number of the scaled rows in the unit of those that were given, rounded up where it is too
  // small for all of its digits.
  double unscaled(double value) const {
    const double result = std::ldexp(value, unit_);
    const bool exact = result >= std::numeric_limits<double>::min() || value == 0.0;
    return exact ? result : std::nextafter(result, HUGE_VAL);
  }

  Matrix basis_;       // d×s
  Matrix directions_;  // n×s, unit
  Vector weights_;     // n, residual times row weight times length of the row, scaled
  int unit_ = 0;       // of these weights, as an exponent of 2
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
