#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "certify/sphere_cells.hpp"
#include "core/factorizations.hpp"
#include "core/parallel.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/theory/dual_certificate.hpp"
#include "theory/certificate_span.hpp"
#include "theory/relu_kernel.hpp"

namespace lodestone {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double scale = 0.5 / std::numbers::pi;

// Bounds of docs/math.md, 6.5, times 2π: of the third derivative of h along a geodesic that stays
// at least θ away from the atom, and of how fast that changes as the atom moves.
constexpr double largest_third = 2.29903;
double third_bound(double theta) {
  if (theta <= 0.3783) return largest_third;
  if (theta >= 0.5 * std::numbers::pi) return 0.0;
  return 2.0 * std::cos(theta) + (0.5 * std::numbers::pi - theta) * std::sin(theta);
}
double moving_third_bound(double theta) {
  if (theta <= 0.0) return infinity;
  return std::max(4.0, 3.0 / std::tan(theta) + 0.5 * std::numbers::pi - theta);
}

// η at a unit vector, to second order on the sphere.
struct Expansion {
  double value = 0.0;
  Vector gradient;          // tangential
  Eigen::MatrixXd hessian;  // tangential, D×D
};

// Angle of the lines through two unit vectors.
double line_angle(const Vector& u, const Vector& v) {
  return 2.0 * std::asin(std::min(1.0, 0.5 * std::min((u - v).norm(), (u + v).norm())));
}

class Prover {
 public:
  Prover(const DualCertificate& certificate, double rho)
      : span_(theory::in_span(certificate)),
        rho_(rho),
        left_out_3_(theory::left_out_moment(certificate.order, 3)),
        left_out_4_(theory::left_out_moment(certificate.order, 4)) {
    const DualCertificate& c = span_.certificate;
    const double mass = c.amplitudes.cwiseAbs().sum() + c.tangents.rowwise().norm().sum();
    // As in docs/math.md, 6.4; |K_ℓ| and |K'_ℓ|, which multiply the masses, are at most 1/4.
    slack_ = static_cast<double>(c.directions.rows() + c.directions.cols() + c.order / 2 + 8) *
             std::numeric_limits<double>::epsilon() * (1.0 + mass);
    // What is outside of the span that is searched: |∂K/∂w| <= π/2 · 1/4, and (u·b) K'(u·w) changes
    // with b by 1/4 and with w by |u·b| |K''| <= ‖b‖/(2π) and ‖b‖/4, both in angles of at most π/2
    // times the distance.
    const Vector b = c.tangents.rowwise().norm();
    slack_ += 0.5 * std::numbers::pi * (0.25 * c.amplitudes.cwiseAbs() + 0.5 * b).dot(span_.moved) +
              0.25 * span_.dropped.sum();
    for (Index j = 0; j < c.directions.rows(); ++j) settled_.push_back(settled_radius(j));
  }

  bool settled_everywhere() const {
    return std::all_of(settled_.begin(), settled_.end(), [](double r) { return r > 0.0; });
  }

  Index dimension() const { return span_.certificate.directions.cols(); }
  bool reflects() const { return span_.reflects; }
  Vector in_full_space(const Vector& u) const { return span_.basis * u; }

  enum class Answer { holds, open, fails };

  Answer ask(const SphereCell& cell) const {
    const Cap cap = cap_around(cell);
    const Matrix& W = span_.certificate.directions;
    double delta = infinity;
    Index nearest = 0;
    double third = 0.0;
    for (Index j = 0; j < W.rows(); ++j) {
      const double angle = line_angle(cap.centre, W.row(j));
      if (angle + cap.radius <= settled_[static_cast<std::size_t>(j)]) return Answer::holds;
      if (angle < delta) {
        delta = angle;
        nearest = j;
      }
      third += third_derivative(j, angle - cap.radius);
    }
    if (delta <= cap.radius) return Answer::open;
    const Expansion eta = expand(cap.centre, -1);
    if (delta > 0.01 && std::abs(eta.value) + rho_ * delta * delta > 1.0 + slack_) {
      return Answer::fails;
    }
    // −∇δ² / 2δ: the direction towards the nearest teacher.
    const double side = W.row(nearest).dot(cap.centre) < 0.0 ? -1.0 : 1.0;
    Vector towards = side * W.row(nearest).transpose();
    towards -= towards.dot(cap.centre) * cap.centre;
    towards.normalize();
    const Vector drift = -2.0 * rho_ * delta * towards;
    const Vector curvatures = symmetric_eigenvalues(eta.hessian);
    const double R = cap.radius;
    for (const double sign : {1.0, -1.0}) {
      const double curvature = sign > 0.0 ? curvatures.maxCoeff() : -curvatures.minCoeff();
      const double most =
          sign * eta.value + rho_ * delta * delta + R * (sign * eta.gradient + drift).norm() +
          0.5 * R * R * std::max(0.0, curvature + 2.0 * rho_) + R * R * R * third / 6.0;
      if (!(most <= 1.0 - slack_)) return Answer::open;
    }
    return Answer::holds;
  }

 private:
  // Bound on |d³/dt³| of atom j's part of η along geodesics at least `theta` away from it.
  double third_derivative(Index j, double theta) const {
    const DualCertificate& c = span_.certificate;
    const double b = c.tangents.row(j).norm();
    double bound = std::abs(c.amplitudes[j]) * (scale * third_bound(theta) + left_out_3_);
    if (b > 0.0) bound += b * (scale * moving_third_bound(theta) + left_out_4_);
    return bound;
  }

  // η without atom `except` (−1: all of it).
  Expansion expand(const Vector& u, Index except) const {
    const DualCertificate& c = span_.certificate;
    const Index D = dimension();
    Expansion result{0.0, Vector::Zero(D), Eigen::MatrixXd::Zero(D, D)};
    double radial = 0.0;
    for (Index j = 0; j < c.directions.rows(); ++j) {
      if (j == except) continue;
      const double t = u.dot(c.directions.row(j));
      const double beta = u.dot(c.tangents.row(j));
      const Vector w = c.directions.row(j).transpose() - t * u;
      const Vector b = c.tangents.row(j).transpose() - beta * u;
      const theory::ReluKernel K = theory::relu_kernel(c.order, t, w.norm());
      const double alpha = c.amplitudes[j];
      result.value += alpha * K.value + beta * K.first;
      result.gradient += (alpha * K.first + beta * K.second) * w + K.first * b;
      result.hessian += (alpha * K.second + beta * K.third) * w * w.transpose() +
                        K.second * (b * w.transpose() + w * b.transpose());
      radial += alpha * K.first * t + beta * (K.first + K.second * t);
    }
    result.hessian -= radial * (Eigen::MatrixXd::Identity(D, D) - u * u.transpose());
    return result;
  }

  // Around teacher j, where the expansion above has nothing to spare, the second derivative along
  // every geodesic from the teacher is bounded instead (docs/math.md, 7.2). Returns the radius
  // within which the claim is settled; 0: nowhere.
  double settled_radius(Index j) const {
    const DualCertificate& c = span_.certificate;
    const Index D = dimension();
    if (D == 1) return 0.1;
    const Vector u = c.directions.row(j);
    const double sign = c.correlate(u.transpose()).value[0] < 0.0 ? -1.0 : 1.0;
    const double b = c.tangents.row(j).norm();
    const double own = sign * c.amplitudes[j] * theory::relu_kernel(c.order, 1.0, 0.0).first;
    const Expansion others = expand(u, j);

    // −sign·η'' at the teacher along a unit tangent τ is own + τᵀAτ + linear·τ.
    const ColMatrix E = orthonormal_columns(u, D).rightCols(D - 1);
    const Eigenpairs eigen = symmetric_eigenpairs(-sign * E.transpose() * others.hessian * E);
    const Vector linear = sign / std::numbers::pi * eigen.vectors.transpose() *
                          (E.transpose() * c.tangents.row(j).transpose());
    const double least = own + least_on_sphere(eigen.values, linear) - slack_;
    const double most = own + eigen.values.maxCoeff() + b / std::numbers::pi;
    if (!(least > 2.0 * rho_)) return 0.0;

    double radius = 0.3;
    for (Index i = 0; i < c.directions.rows(); ++i) {
      if (i != j) radius = std::min(radius, 0.5 * line_angle(u, c.directions.row(i)));
    }
    // |d³/dθ³ sin θ (π/2 − θ)| <= π/2 for θ <= 0.3.
    double third = std::abs(c.amplitudes[j]) * (scale * largest_third + left_out_3_) +
                   b * (0.25 + left_out_4_);
    for (Index i = 0; i < c.directions.rows(); ++i) {
      if (i != j) third += third_derivative(i, line_angle(u, c.directions.row(i)) - radius);
    }
    radius = std::min(radius, (least - 2.0 * rho_) / third);
    // η keeps its sign there, and ρδ² stays below 1.
    radius = std::min(radius, std::sqrt(2.0 / (std::max(most, 0.0) + third * radius)));
    return std::min(radius, std::sqrt(1.0 / rho_));
  }

  // A lower bound on Σ λ_i y_i² + c·y over unit y, by duality: every s > 0 gives
  // λ_min − s − ¼ Σ c_i² / (λ_i − λ_min + s), which is concave in s.
  static double least_on_sphere(const Vector& eigenvalues, const Vector& c) {
    const double least = eigenvalues.minCoeff();
    const double length = c.norm();
    if (length == 0.0) return least;
    const auto bound = [&](double s) {
      return least - s - 0.25 * (c.array().square() / (eigenvalues.array() - least + s)).sum();
    };
    double low = std::log(1e-9 * length);
    double high = std::log(2.0 * length);
    for (int i = 0; i < 60; ++i) {
      const double left = low + (high - low) / 3.0;
      const double right = high - (high - low) / 3.0;
      if (bound(std::exp(left)) < bound(std::exp(right))) {
        low = left;
      } else {
        high = right;
      }
    }
    return bound(std::exp(0.5 * (low + high)));
  }

  theory::SpanCertificate span_;
  double rho_;
  double left_out_3_;
  double left_out_4_;
  double slack_ = 0.0;
  std::vector<double> settled_;  // radians around each teacher
};

}  // namespace

MarginProof prove_margin(const DualCertificate& certificate, double rho, Index max_cells,
                         const std::function<bool()>& should_stop) {
  if (!(rho > 0.0)) throw InvalidArgument("rho", fmt::format("{}", rho), "must be positive");
  if (max_cells < 1) {
    throw InvalidArgument("max_cells", fmt::format("{}", max_cells), "must be at least 1");
  }
  const Prover prover(certificate, rho);
  MarginProof proof;
  if (!prover.settled_everywhere()) return proof;
  const Index D = prover.dimension();
  std::vector<SphereCell> open = sphere_cells(
      D, prover.reflects() && D > 1 ? Symmetry::antipodal_reflection : Symmetry::antipodal);
  constexpr std::size_t batch = 1024;
  constexpr Index block = 32;
  while (!open.empty() && proof.cells < max_cells) {
    if (should_stop && should_stop()) return proof;
    const std::size_t count = std::min(batch, open.size());
    const std::vector<SphereCell> cells(open.end() - static_cast<std::ptrdiff_t>(count),
                                        open.end());
    open.resize(open.size() - count);
    std::vector<Prover::Answer> answers(count);
    const auto total = static_cast<Index>(count);
    for_each_block((total + block - 1) / block, [&](Index part) {
      for (Index i = part * block; i < std::min(total, (part + 1) * block); ++i) {
        answers[static_cast<std::size_t>(i)] = prover.ask(cells[static_cast<std::size_t>(i)]);
      }
    });
    proof.cells += total;
    for (std::size_t i = 0; i < count; ++i) {
      if (answers[i] == Prover::Answer::fails) {
        proof.counterexample = prover.in_full_space(cap_around(cells[i]).centre);
        return proof;
      }
      if (answers[i] == Prover::Answer::open) {
        if (!can_be_halved(cells[i])) return proof;
        auto [first, second] = halves(cells[i]);
        open.push_back(std::move(first));
        open.push_back(std::move(second));
      }
    }
  }
  proof.proven = open.empty();
  return proof;
}

}  // namespace lodestone
