#include "lodestone/theory/recovery_bound.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numbers>
#include <optional>

#include "core/factorizations.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/theory/dual_certificate.hpp"
#include "theory/relu_kernel.hpp"

namespace lodestone {
namespace {

using Real = long double;
using RealVector = Eigen::Matrix<Real, Eigen::Dynamic, 1>;
using RealMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A proof of ρ takes seconds up to here (prove_margin).
constexpr Index most_proven_dimensions = 4;

// L is known to this share of it (Objective::loss).
constexpr double loss_accuracy = 1e-6;

// Of the rounding of masses and of the formulas below in float64: sums of up to 20,000 neurons, of
// positive terms.
constexpr double rounding = 1e-11;

// A certificate in the numbers of a proof: p is the one with exactly these amplitudes, the
// teacher's unit directions, and the tangents' parts orthogonal to them (docs/math.md, 7.4).
struct Interpolant {
  Interpolant(const Matrix& teacher_directions, const DualCertificate& certificate)
      : order(certificate.order),
        directions(teacher_directions.cast<Real>()),
        amplitudes(certificate.amplitudes.cast<Real>()),
        tangents(certificate.tangents.cast<Real>()) {
    directions.rowwise().normalize();
    for (Index j = 0; j < directions.rows(); ++j) {
      tangents.row(j) -= tangents.row(j).dot(directions.row(j)) * directions.row(j);
    }
    mass = amplitudes.cwiseAbs().sum() + tangents.rowwise().norm().sum();
    const auto terms = directions.rows() * directions.rows() + directions.cols() + order + 16;
    // A term of the forms below is a product of at most (|α_i| + ‖b_i‖)(|α_j| + ‖b_j‖) with
    // factors of the kernel below 1, each of which loses at most 8 (d + ℓ + 16) rounding errors.
    unit = 8 * static_cast<Real>(terms) * LDBL_EPSILON;
  }

  theory::KernelValues<Real> kernel(Index i, Index j) const {
    if (i == j) return theory::relu_kernel<Real>(order, 1, 0);
    const Real t = directions.row(i).dot(directions.row(j));
    const Real s = (directions.row(j) - t * directions.row(i)).norm();
    return theory::relu_kernel<Real>(order, t, s);
  }

  // An upper bound on ‖p‖² = E p².
  Real squared_norm() const {
    Real sum = 0;
    for (Index i = 0; i < directions.rows(); ++i) {
      for (Index j = 0; j < directions.rows(); ++j) {
        const auto K = kernel(i, j);
        const Real i_along_j = tangents.row(i).dot(directions.row(j));
        const Real j_along_i = tangents.row(j).dot(directions.row(i));
        sum += amplitudes[i] * amplitudes[j] * K.value +
               (amplitudes[j] * i_along_j + amplitudes[i] * j_along_i +
                tangents.row(i).dot(tangents.row(j))) *
                   K.first +
               i_along_j * j_along_i * K.second;
      }
    }
    return std::max<Real>(sum, 0) + unit * mass * mass;
  }

  // An upper bound on |η(w_j) − sign| and on the length of the tangential gradient of η there.
  Real error(Index j, double sign) const {
    Real value = 0;
    RealVector gradient = RealVector::Zero(directions.cols());
    for (Index i = 0; i < directions.rows(); ++i) {
      const auto K = kernel(i, j);
      const Real along = tangents.row(i).dot(directions.row(j));
      const RealVector away =
          directions.row(i) - directions.row(i).dot(directions.row(j)) * directions.row(j);
      value += amplitudes[i] * K.value + along * K.first;
      gradient += (amplitudes[i] * K.first + along * K.second) * away +
                  K.first * (tangents.row(i) - along * directions.row(j)).transpose();
    }
    return std::max(std::abs(value - sign), gradient.norm()) + unit * mass;
  }

  int order;
  RealMatrix directions;
  RealVector amplitudes;
  RealMatrix tangents;
  Real mass = 0;  // Σ |α_j| + ‖b_j‖
  Real unit = 0;
};

Index span_dimension(const Matrix& directions) { return column_span(directions.transpose()).rank; }

// The margin: a share of the estimate that could be proven, or the estimate.
void set_margin(const BestCertificate& best, const RecoveryBoundOptions& options,
                RecoveryBound& bound) {
  bound.rho = best.margin.rho;
  if (span_dimension(best.certificate.directions) > most_proven_dimensions) return;
  // At the infimum itself nothing is left for the bound of a cell.
  constexpr double share = 0.95;
  bound.rho_proven =
      prove_margin(best.certificate, share * best.margin.rho, options.max_cells).proven;
  if (bound.rho_proven) bound.rho = share * best.margin.rho;
}

}  // namespace

RecoveryBound bound_recovery(const Teacher& teacher, const NearOptimum& network,
                             const RecoveryBoundOptions& options) {
  if (!(network.lambda > 0.0)) {
    throw InvalidArgument("lambda", fmt::format("{}", network.lambda),
                          "a bound on the angles needs lambda > 0");
  }
  RecoveryBound bound;
  if (teacher.neurons() > options.most_teachers) {
    bound.reason = fmt::format("a dual certificate is looked for with at most {} teachers",
                               options.most_teachers);
    return bound;
  }
  const Vector signs = teacher.amplitudes.cwiseSign();
  std::optional<BestCertificate> best;
  try {
    best = best_certificate(teacher.directions, signs, options.seed);
  } catch (const InvalidArgument& error) {
    bound.reason =
        fmt::format("the teacher has no dual certificate: its directions' {}", error.rule().text());
    return bound;
  }
  bound.order = best->certificate.order;
  if (!(best->margin.rho > 0.0)) {
    bound.reason = fmt::format(
        "no dual certificate of the teacher was found: |eta| = 1 away from its directions (rho = "
        "{:.3g})",
        best->margin.rho);
    return bound;
  }
  set_margin(*best, options, bound);

  const Interpolant interpolant(teacher.directions, best->certificate);
  const double p = std::sqrt(static_cast<double>(interpolant.squared_norm())) * (1.0 + rounding);
  Real error = 0;
  for (Index j = 0; j < teacher.neurons(); ++j) {
    error = std::max(error, interpolant.error(j, signs[j]));
  }
  // prove_margin looks at the float64 directions and tangents instead of p's.
  const double moved = 8.0 *
                       static_cast<double>(teacher.neurons() + teacher.dimension() + bound.order) *
                       DBL_EPSILON * static_cast<double>(1 + interpolant.mass + bound.rho);
  bound.p_norm = p;
  bound.interpolation_error = static_cast<double>(error) * (1.0 + rounding) + moved;

  // |η(u)| <= 1 + ε − ρδ², with δ <= π/2 for the slope.
  const double epsilon = (1.0 + 0.5 * std::numbers::pi) * bound.interpolation_error;
  const double mass = network.mass;
  const double teacher_mass =
      teacher.amplitudes.cwiseAbs().dot(teacher.directions.rowwise().norm());
  const double lambda = network.lambda;
  const double charged = epsilon * (mass + teacher_mass) * (1.0 + rounding);
  const double gap = std::max(network.gap, 0.0) * (1.0 + rounding);
  const double least_square = 2.0 * network.loss * (1.0 - loss_accuracy);
  const double most_norm = std::sqrt(2.0 * network.loss * (1.0 + loss_accuracy));
  const double from_loss = gap / lambda - least_square / (2.0 * lambda) + p * most_norm;
  const double from_gap = gap / lambda + 0.5 * lambda * p * p;
  // The first one subtracts: its rounding is a share of what is added.
  const double slack = rounding * (gap / lambda + least_square / lambda + p * most_norm);
  const double least = std::min(from_loss + slack, from_gap) + charged;
  const double angle = std::sqrt(std::max(least, 0.0) / (bound.rho * mass)) * (1.0 + rounding);
  // No line is further than 90° from another.
  bound.angle_deg = mass > 0.0 ? std::min(angle * 180.0 / std::numbers::pi, 90.0) : 0.0;
  bound.residual_norm =
      (2.0 * lambda * p + std::sqrt(2.0 * (gap + lambda * charged))) * (1.0 + rounding);
  bound.residual_share = bound.residual_norm / std::sqrt(2.0 * network.null_loss);
  bound.kind = bound.rho_proven && network.gap_kind == Certificate::Kind::rigorous
                   ? Certificate::Kind::rigorous
                   : Certificate::Kind::estimated;
  return bound;
}

std::string in_words(const RecoveryBound& bound) {
  if (!bound.reason.empty()) return "no bound on the angles: " + bound.reason;
  const bool proven = bound.kind == Certificate::Kind::rigorous;
  return fmt::format(
      "{}: mass-weighted angles are at most {:.3g} degrees (rms), ||f - f_*|| at most {:.3g} "
      "({:.3g}% of the teacher's deviation)",
      proven             ? "proven"
      : bound.rho_proven ? "estimated (the gap is not proven)"
                         : "estimated (the margin rho is not proven)",
      bound.angle_deg, bound.residual_norm, 100.0 * bound.residual_share);
}

}  // namespace lodestone
