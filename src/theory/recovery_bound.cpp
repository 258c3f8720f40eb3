#include "lodestone/theory/recovery_bound.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "lodestone/core/error.hpp"
#include "lodestone/theory/teacher_certificate.hpp"

namespace lodestone {
namespace {

// L is known to this share of it (Objective::loss).
constexpr double loss_accuracy = 1e-6;

// Of the rounding of masses and of the formulas below in float64: sums of up to 20,000 neurons, of
// positive terms.
constexpr double rounding = 1e-11;

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
  TeacherCertificateOptions search;
  search.max_cells = options.max_cells;
  search.seed = options.seed;
  const TeacherCertificate certificate = certify_teacher(teacher, search);
  bound.order = certificate.order;
  if (!certificate.found) {
    bound.reason = certificate.reason;
    return bound;
  }
  bound.rho = certificate.rho;
  bound.rho_proven = certificate.rho_proven;
  bound.p_norm = certificate.p_norm;
  bound.interpolation_error = certificate.interpolation_error;
  const double p = bound.p_norm;

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
