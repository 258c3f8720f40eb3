#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <vector>

#include "lodestone/core/random.hpp"
#include "lodestone/verifier/verifier.hpp"
#include "verifier/real.hpp"

// The bound of docs/math.md, 7.4 from the reported ρ and ‖p‖, and a dual certificate of the
// verifier's own: solved for in extended precision, in another basis than the library's.

namespace lodestone {
namespace {

using verifying::pi;
using verifying::Real;
using verifying::RealMatrix;
using verifying::RealVector;

// An estimate of ρ may be too large by so much: a descent stops short of the infimum.
constexpr Real rho_tolerance = 1e-4L;

// A system of more unknowns takes minutes in extended precision.
constexpr Index most_unknowns = 400;

// K_ℓ, K'_ℓ and K''_ℓ of two unit vectors (docs/math.md, 2.7).
struct Kernel {
  Real value;
  Real first;
  Real second;
};

Kernel kernel_of(int order, const RealVector& u, const RealVector& v) {
  const Real half = std::atan2((u - v).norm(), (u + v).norm());  // of the angle
  const Real theta = 2 * half;
  const Real t = std::cos(theta);
  const Real s = std::sin(theta);
  Kernel kernel{(s + (pi / 2 - theta) * t - 1) / (2 * pi), (pi / 2 - theta) / (2 * pi),
                s > 0 ? 1 / (2 * pi * s) : 0};
  Real square = 1 / (4 * pi);  // c_2²
  for (int k = 2; k < order; k += 2) {
    if (k > 2) square *= static_cast<Real>(k - 3) * (k - 3) / (static_cast<Real>(k) * (k - 1));
    kernel.value -= square * std::pow(t, k);
    kernel.first -= square * k * std::pow(t, k - 1);
    if (s > 0) kernel.second -= square * k * (k - 1) * std::pow(t, k - 2);
  }
  return kernel;
}

// Σ_j α_j K(u·w_j) + (u·b_j) K'(u·w_j) of least norm with the values ±1 and no slope at the w_j.
class OwnCertificate {
 public:
  OwnCertificate(int order, const RealMatrix& units, const RealVector& signs)
      : order_(order), units_(units) {
    const Index k = units.rows();
    const Index q = units.cols();
    std::vector<RealMatrix> tangents;
    for (Index j = 0; j < k; ++j) {
      RealMatrix columns(q, q);
      columns.col(0) = units.row(j).transpose();
      // Of the axes the one that is nearest to w_j is left out.
      Index nearest = 0;
      units.row(j).cwiseAbs().maxCoeff(&nearest);
      Index column = 1;
      for (Index axis = 0; axis < q; ++axis) {
        if (axis != nearest) columns.col(column++) = RealMatrix::Identity(q, q).col(axis);
      }
      for (Index c = 1; c < q; ++c) {  // Gram and Schmidt, twice
        for (int pass = 0; pass < 2; ++pass) {
          for (Index before = 0; before < c; ++before) {
            columns.col(c) -= columns.col(before).dot(columns.col(c)) * columns.col(before);
          }
          columns.col(c).normalize();
        }
      }
      tangents.push_back(columns.rightCols(q - 1));
    }
    RealMatrix gram(k * q, k * q);
    RealVector target = RealVector::Zero(k * q);
    for (Index i = 0; i < k; ++i) {
      target[i * q] = signs[i];
      const RealVector u = units.row(i);
      const RealMatrix& E = tangents[static_cast<std::size_t>(i)];
      for (Index j = 0; j < k; ++j) {
        const RealVector v = units.row(j);
        const RealMatrix& F = tangents[static_cast<std::size_t>(j)];
        const Kernel K = kernel_of(order, u, v);
        const RealVector e = E.transpose() * v;
        const RealVector f = F.transpose() * u;
        gram(i * q, j * q) = K.value;
        gram.block(i * q, j * q + 1, 1, q - 1) = K.first * f.transpose();
        gram.block(i * q + 1, j * q, q - 1, 1) = K.first * e;
        gram.block(i * q + 1, j * q + 1, q - 1, q - 1) =
            K.second * e * f.transpose() + K.first * E.transpose() * F;
      }
    }
    const RealVector solution = Eigen::LDLT<RealMatrix>(gram).solve(target);
    squared_norm_ = target.dot(solution);
    amplitudes_.resize(k);
    tangents_.resize(k, q);
    for (Index j = 0; j < k; ++j) {
      amplitudes_[j] = solution[j * q];
      tangents_.row(j) =
          (tangents[static_cast<std::size_t>(j)] * solution.segment(j * q + 1, q - 1)).transpose();
    }
  }

  Real norm() const { return std::sqrt(std::max<Real>(squared_norm_, 0)); }

  Real value(const RealVector& u) const {
    Real sum = 0;
    for (Index j = 0; j < units_.rows(); ++j) {
      const Kernel K = kernel_of(order_, u, units_.row(j));
      sum += amplitudes_[j] * K.value + tangents_.row(j).dot(u) * K.first;
    }
    return sum;
  }

  // The angle to the nearest of the teachers' lines.
  Real distance(const RealVector& u) const {
    Real nearest = pi;
    for (Index j = 0; j < units_.rows(); ++j) {
      const RealVector w = units_.row(j);
      const Real plus = (u + w).norm();
      const Real minus = (u - w).norm();
      nearest = std::min(nearest, 2 * std::atan2(std::min(plus, minus), std::max(plus, minus)));
    }
    return nearest;
  }

 private:
  int order_;
  RealMatrix units_;
  RealVector amplitudes_;
  RealMatrix tangents_;
  Real squared_norm_ = 0;
};

// Unit directions in the span: random ones, and some on the way from each teacher to each other.
std::vector<RealVector> looked_at(const RealMatrix& units, std::uint64_t seed) {
  constexpr int random_directions = 500;
  std::vector<RealVector> result;
  const RandomStream stream(seed, "verifier of a recovery bound");
  std::uint64_t next = 0;
  for (int i = 0; i < random_directions; ++i) {
    RealVector u(units.cols());
    for (Index c = 0; c < u.size(); ++c) u[c] = stream.normal(next++);
    result.push_back(u.normalized());
  }
  for (Index i = 0; i < units.rows(); ++i) {
    for (Index j = 0; j < i; ++j) {
      for (const Real sign : {1.0L, -1.0L}) {
        for (int step = 1; step < 16; ++step) {
          const Real share = step / 16.0L;
          const RealVector u = (1 - share) * units.row(i) + share * sign * units.row(j);
          result.push_back(u.normalized());
        }
      }
    }
  }
  return result;
}

}  // namespace

std::vector<Discrepancy> discrepancies(const ReportedBound& reported, double gap,
                                       const Teacher& teacher, double unit,
                                       const VerifiedNumbers& verified, std::uint64_t seed) {
  std::vector<Discrepancy> found;
  const auto compare = [&](const char* field, double number, Real recomputed, Real tolerance) {
    const auto is = static_cast<double>(recomputed);
    if (!(std::abs(number - is) <= static_cast<double>(tolerance))) {
      found.push_back({field, number, is, static_cast<double>(tolerance)});
    }
  };
  // The formulas, from what was reported of the certificate and recomputed of the network.
  const Real lambda = verified.lambda;
  const Real p = reported.p_norm;
  const Real energy = 2 * static_cast<Real>(verified.loss);
  Real teacher_mass = 0;
  for (Index j = 0; j < teacher.neurons(); ++j) {
    teacher_mass += std::abs(teacher.amplitudes[j] / static_cast<Real>(unit)) *
                    teacher.directions.row(j).cast<Real>().norm();
  }
  const Real charged = (1 + pi / 2) * reported.interpolation_error * (verified.mass + teacher_mass);
  const Real zeta = gap;
  const Real right = std::min(zeta / lambda - energy / (2 * lambda) + p * std::sqrt(energy),
                              zeta / lambda + lambda * p * p / 2) +
                     charged;
  const Real angle =
      verified.mass > 0
          ? std::min<Real>(
                90, 180 / pi * std::sqrt(std::max<Real>(right, 0) / (reported.rho * verified.mass)))
          : 0;
  // L is known to a part in a million on both sides: the bound may be larger by what that does.
  const Real loss_error = 1e-6L * (energy / lambda + p * std::sqrt(energy));
  const Real more = right > 0 ? 1 + loss_error / right : 1;
  compare("recovery_bound.angle_deg", reported.angle_deg, angle,
          angle * (1e-6L + std::min<Real>(more - 1, 1)) + 1e-9L);
  if (!(reported.angle_deg >= static_cast<double>(angle) * (1 - 1e-9))) {
    found.push_back(
        {"recovery_bound.angle_deg", reported.angle_deg, static_cast<double>(angle), 0});
  }
  const Real residual = 2 * lambda * p + std::sqrt(2 * (zeta + lambda * charged));
  compare("recovery_bound.residual_norm", reported.residual_norm, residual, 1e-6L * residual);
  const Real deviation = std::sqrt(2 * static_cast<Real>(verified.null_loss));
  compare("recovery_bound.residual_share", reported.residual_share, residual / deviation,
          1e-6L * residual / deviation);

  // The certificate, in the teachers' span and one dimension more for all others.
  const RealMatrix W = teacher.directions.cast<Real>();
  const Index q = std::min(W.rows() + 1, W.cols());
  if (W.rows() * q > most_unknowns) return found;
  const RealMatrix basis = Eigen::HouseholderQR<RealMatrix>(W.transpose()).householderQ() *
                           RealMatrix::Identity(W.cols(), q);
  RealMatrix units = W * basis;
  for (Index j = 0; j < units.rows(); ++j) units.row(j).normalize();
  const OwnCertificate own(reported.order, units, teacher.amplitudes.cwiseSign().cast<Real>());
  // Float64 solves for p to some digits less; how many, its interpolation error tells.
  const Real norm_tolerance = own.norm() * (1e-6L + 1e3L * reported.interpolation_error);
  compare("recovery_bound.p_norm", reported.p_norm, own.norm(), norm_tolerance);
  Real worst = 0;
  for (const RealVector& u : looked_at(units, seed)) {
    const Real delta = own.distance(u);
    if (delta > 0.01L) {
      worst = std::max(worst, reported.rho * delta * delta / (1 - std::abs(own.value(u))));
      if (std::abs(own.value(u)) >= 1) worst = HUGE_VALL;
    }
  }
  // Where ρδ² exceeds 1 − |η|, ρ is too large.
  if (worst > 1 + rho_tolerance) {
    const auto least = static_cast<double>(reported.rho / worst);
    found.push_back({"recovery_bound.rho", reported.rho, least,
                     static_cast<double>(rho_tolerance) * reported.rho});
  }
  return found;
}

}  // namespace lodestone
