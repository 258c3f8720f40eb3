#include "lodestone/theory/teacher_certificate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include "core/factorizations.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/recovery.hpp"
#include "theory/relu_kernel.hpp"

namespace lodestone {
namespace {

using Real = long double;
using RealVector = Eigen::Matrix<Real, Eigen::Dynamic, 1>;
using RealMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

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

// η of order ℓ with its margin.
BestCertificate certificate_of_order(const Teacher& teacher, int l, std::uint64_t seed) {
  BestCertificate only{interpolate(teacher.directions, teacher.amplitudes.cwiseSign(), l), {}, {}};
  only.margin = estimate_margin(only.certificate, seed);
  only.tried = {{l, only.margin.rho, std::sqrt(only.certificate.squared_norm)}};
  return only;
}

BestCertificate certificate_of(const Teacher& teacher, const TeacherCertificateOptions& options) {
  return options.order == 0
             ? best_certificate(teacher.directions, teacher.amplitudes.cwiseSign(), options.seed)
             : certificate_of_order(teacher, options.order, options.seed);
}

// Angle of the line through u to the nearest line through a row other than `except`, in degrees.
double nearest_deg(const Matrix& rows, const Vector& u, Index except = -1) {
  double nearest = TeacherCertificate::none;
  for (Index j = 0; j < rows.rows(); ++j) {
    if (j != except) nearest = std::fmin(nearest, angle_between_lines_deg(u, rows.row(j)));
  }
  return nearest;
}

std::vector<TeacherCertificate::Peak> peaks_of(const Teacher& teacher,
                                               const DualCertificate& certificate) {
  const Correlation eta = certificate.correlate(certificate.directions);
  std::vector<TeacherCertificate::Peak> peaks;
  for (Index j = 0; j < teacher.neurons(); ++j) {
    const Eigen::RowVectorXd w = certificate.directions.row(j);
    peaks.push_back({teacher.amplitudes[j], eta.value[j],
                     (eta.gradient.row(j) - eta.value[j] * w).norm(),
                     nearest_deg(teacher.directions, w, j), certificate.amplitudes[j],
                     certificate.tangents.row(j).norm()});
  }
  return peaks;
}

void set_place(const Vector& direction, TeacherCertificate& found) {
  found.rho_found_direction = direction;
  found.rho_found_at_deg = nearest_deg(found.certificate.directions, direction);
}

// Takes over a direction in which the margin is smaller than what the search found.
void lower_margin(const Vector& direction, TeacherCertificate& found) {
  set_place(direction, found);
  const double delta = found.rho_found_at_deg * std::numbers::pi / 180.0;
  const double eta = found.certificate.value(direction);
  found.rho_found = std::min(found.rho_found, (1.0 - std::abs(eta)) / (delta * delta));
}

// Proves a share of the margin that the search found. A direction in which the claim does not hold
// is a better estimate, with which the proof begins anew.
void prove(const TeacherCertificateOptions& options, TeacherCertificate& found) {
  // At the infimum itself nothing is left for the bound of a cell.
  constexpr double share = 0.95;
  // Each refutation lowers the estimate by 5% at least, and is rare: searches miss no more.
  constexpr int most_refutations = 8;
  for (int i = 0; i < most_refutations && found.rho_found > 0.0; ++i) {
    const double claim = share * found.rho_found;
    const MarginProof proof =
        prove_margin(found.certificate, claim, options.max_cells, options.should_stop);
    found.cells += proof.cells;
    if (proof.proven) {
      found.rho = claim;
      found.rho_proven = true;
      found.kind = Certificate::Kind::rigorous;
      return;
    }
    if (proof.counterexample.size() == 0) break;
    lower_margin(proof.counterexample, found);
  }
  found.rho = found.rho_found;
  found.reason = options.should_stop && options.should_stop()
                     ? std::string("the proof was interrupted")
                     : fmt::format("the proof is not settled after {} cells", found.cells);
}

std::string no_margin(const TeacherCertificate& found) {
  return fmt::format(
      "no dual certificate of the teacher was found: |eta| = 1 away from its directions (rho = "
      "{:.3g})",
      found.rho_found);
}

// Takes η and its margin over.
void set_function(const Teacher& teacher, BestCertificate certificate, TeacherCertificate& found) {
  found.certificate = std::move(certificate.certificate);
  found.order = found.certificate.order;
  found.peaks = peaks_of(teacher, found.certificate);
  found.rho = found.rho_found = certificate.margin.rho;
  if (std::isfinite(found.rho)) set_place(certificate.margin.direction, found);
}

// The other orders that are nearly as good as the best one, in the order of ‖p‖²/ρ.
std::vector<int> nearly_as_good(const TeacherCertificate& found) {
  // What a proof is worth in the bounds of 7.4, whose angles are the square root of this.
  constexpr double most_more = 1.1;
  const auto cost = [](const TriedOrder& tried) { return tried.p_norm * tried.p_norm / tried.rho; };
  std::vector<TriedOrder> others;
  double least = std::numeric_limits<double>::infinity();
  for (const TriedOrder& tried : found.tried) {
    if (tried.rho > 0.0) least = std::min(least, cost(tried));
  }
  for (const TriedOrder& tried : found.tried) {
    if (tried.order != found.order && tried.rho > 0.0 && cost(tried) <= most_more * least) {
      others.push_back(tried);
    }
  }
  std::stable_sort(others.begin(), others.end(), [&](const TriedOrder& one, const TriedOrder& two) {
    return cost(one) < cost(two);
  });
  std::vector<int> orders;
  for (const TriedOrder& tried : others) orders.push_back(tried.order);
  return orders;
}

// Where float64 cannot tell the margin of the best order from what rounding takes (two teachers of
// opposite signs 5° apart, ℓ = 2), one that is nearly as good may be proven.
void prove_another(const Teacher& teacher, const TeacherCertificateOptions& options,
                   TeacherCertificate& found) {
  for (const int order : nearly_as_good(found)) {
    if (found.rho_proven || (options.should_stop && options.should_stop())) return;
    TeacherCertificate other = found;
    other.reason.clear();
    set_function(teacher, certificate_of_order(teacher, order, options.seed), other);
    prove(options, other);
    if (other.rho_proven) found = std::move(other);
  }
}

// ‖p‖ and the error of the interpolation, rounding charged, and what they imply (7.4).
void set_norms(const Teacher& teacher, TeacherCertificate& found) {
  // Of the formulas here in float64, after sums in extended precision.
  constexpr double of_formulas = 1e-11;
  const Interpolant interpolant(teacher.directions, found.certificate);
  found.p_norm = std::sqrt(static_cast<double>(interpolant.squared_norm())) * (1.0 + of_formulas);
  found.angle_constant = 0.5 * found.p_norm * found.p_norm / found.rho;
  found.residual_constant = 2.0 * found.p_norm;
  Real error = 0;
  for (Index j = 0; j < teacher.neurons(); ++j) {
    error = std::max(error, interpolant.error(j, teacher.amplitudes[j] < 0.0 ? -1.0 : 1.0));
  }
  // prove_margin looks at the float64 directions and tangents instead of p's. With one input it has
  // nothing but the teacher to look at, and ρ is infinite.
  const double rho = std::isfinite(found.rho) ? found.rho : 0.0;
  const double moved = 8.0 *
                       static_cast<double>(teacher.neurons() + teacher.dimension() + found.order) *
                       DBL_EPSILON * static_cast<double>(1 + interpolant.mass + rho);
  found.interpolation_error = static_cast<double>(error) * (1.0 + of_formulas) + moved;
}

}  // namespace

void TeacherCertificateOptions::validate() const {
  require_in(Limits::order, "order", order);
  require_in(Limits::proof_dimensions, "proof_dimensions", proof_dimensions);
  require_in(Limits::max_cells, "max_cells", max_cells);
}

TeacherCertificate certify_teacher(const Teacher& teacher,
                                   const TeacherCertificateOptions& options) {
  options.validate();
  TeacherCertificate found;
  found.inputs = teacher.dimension();
  found.teachers = teacher.neurons();
  found.span_dimension = column_span(teacher.directions.transpose()).rank;
  for (Index j = 0; j < teacher.neurons(); ++j) {
    found.separation_deg = std::fmin(found.separation_deg,
                                     nearest_deg(teacher.directions, teacher.directions.row(j), j));
  }
  std::optional<BestCertificate> best;
  try {
    best = certificate_of(teacher, options);
  } catch (const InvalidArgument& error) {
    found.reason =
        fmt::format("the teacher has no dual certificate: its directions' {}", error.rule().text());
    return found;
  }
  found.tried = std::move(best->tried);
  for (const TriedOrder& tried : found.tried) {
    if (tried.rho > 0.0 && found.smallest_order == 0) found.smallest_order = tried.order;
  }
  set_function(teacher, std::move(*best), found);
  if (!(found.rho_found > 0.0)) {
    found.reason = no_margin(found);
    return found;
  }
  if (found.span_dimension <= options.proof_dimensions) {
    prove(options, found);
    if (!found.rho_proven && found.rho > 0.0 && found.cells < options.max_cells) {
      prove_another(teacher, options, found);
    }
  } else {
    found.reason = fmt::format(
        "a proof is tried where the teacher's span has at most {} dimensions; it has {}",
        options.proof_dimensions, found.span_dimension);
  }
  found.found = found.rho > 0.0;
  if (!found.found) found.reason = no_margin(found);
  set_norms(teacher, found);
  return found;
}

}  // namespace lodestone
