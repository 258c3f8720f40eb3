#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/model/certificate.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/family.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/model/teacher.hpp"

/// A second opinion on the numbers of a run. Everything here is computed from a model in original
/// units and the data, by plain loops in extended precision that share no code with the objectives,
/// the kernels, the solvers or the certificates, and by other formulas where there are any.
namespace lodestone {

struct VerifierOptions {
  Index random_directions = 500;  ///< where |η| is looked at before searching; >= 0
  int searches = 8;               ///< pattern searches, from the largest |η| found so far; >= 0
  std::uint64_t seed = 0;

  /// More directions to look at and search from, such as the one a certificate names; q×p in
  /// standardized coordinates, the bias last where the model has them. Any length; q may be 0.
  Matrix directions;
};

/// The numbers of a network at weight decay λ, in units of the standardized problem. Of several
/// outputs η is the length ‖η‖, and energy and target_product are sums over them (docs/math.md,
/// 12.1).
struct VerifiedNumbers {
  double lambda = 0.0;
  double loss = 0.0;            ///< L, with α and β at their optimum
  double loss_as_given = 0.0;   ///< with the model's own α and β
  double null_loss = 0.0;       ///< L without neurons
  double mass = 0.0;            ///< Σ |a_i|‖w_i‖
  double squared_norm = 0.0;    ///< ‖a‖² + ‖W‖_F²
  double penalty = 0.0;         ///< λ · mass
  double penalized_loss = 0.0;  ///< L + λ/2 (‖a‖² + ‖W‖_F²), the L_λ of θ as it is
  double balanced_loss = 0.0;   ///< L + λ · mass, the P_λ of θ at balance
  double energy = 0.0;          ///< E (f − y)²
  double target_product = 0.0;  ///< E (y − f) y, y without its affine part

  // The same for the dual function of a rigorous certificate (docs/math.md, 6.7): on a population
  // f with its neurons projected to the teachers' span; on rows f itself.
  double dual_energy = 0.0;
  double dual_product = 0.0;
  double dual_shift = 0.0;  ///< by how much sup |E[(f − y) relu(u·x)]| may be larger than its own

  // Of other families than the square, what the dual value is made of (docs/math.md, 11.4), one a
  // row; empty for the square loss and populations.
  Family family;
  Vector targets;               ///< y
  Vector shares;                ///< ω, which sum to 1
  Matrix derivatives;           ///< ∂ℓ/∂F, a column for each class, or one
  double ridge = 0.0;           ///< ½ν‖β‖², part of the loss
  double offset_product = 0.0;  ///< Σ ω ∂ℓ/∂F times the offset, part of the dual value

  // The certificate's part; NaN where λ = 0.

  /// The largest |η| found, by looking at neurons, the given and random directions and by pattern
  /// search: a lower bound on sup |η|.
  double sup_eta = 0.0;
  Vector worst_direction;         ///< unit, where it is, in standardized coordinates, bias last
  Vector neuron_eta;              ///< η of each feature; NaN for one without direction
  Vector given_eta;               ///< η of each of VerifierOptions::directions, NaN for a zero row
  double condition = 1.0;         ///< of the columns of the affine part, which multiplies rounding
  double target_deviation = 0.0;  ///< of what that part is taken off
  double gap = 0.0;               ///< gap_at(sup_eta); a lower bound on the certificate's
  double relative_gap = 0.0;

  /// By how much signs of Model::constraints are violated, in standardized columns: the largest
  /// wrong −s_j a_i w_ij or −s_j β_j, or what a bound holds of β_j in vain; 0 where all are kept.
  double sign_violation = 0.0;

  std::optional<Recovery> recovery;  ///< where there is a teacher

  /// The gap of docs/math.md 6.2 (rigorous: 6.7; other families: 11.4) when sup |η| is reported to
  /// be `supremum`.
  double gap_at(double supremum, Certificate::Kind kind = Certificate::Kind::estimated) const;
};

/// Rows of a data file (or of a sample), columns in the model's order, with weights (empty: equal)
/// and their offset, which a model that was trained with one needs. Several targets are in
/// Dataset::Y, classes in y. `teacher` is what the rows of a model with one output were drawn from,
/// where that is known. Throws InvalidArgument for sizes that do not match, λ < 0 or not finite, a
/// model whose standardization is not its own, and classes that no row has.
VerifiedNumbers verify_model(const Model& model, const Dataset& rows, const Vector& weights,
                             double lambda, const VerifierOptions& options = {},
                             const std::optional<Teacher>& teacher = std::nullopt);

/// The exact population of a teacher. The model must have no biases and no standardization but a
/// unit for the target: throws InvalidArgument otherwise.
VerifiedNumbers verify_model(const Model& model, const Teacher& teacher, double lambda,
                             const VerifierOptions& options = {});

/// What was reported of a bound on the angles (docs/math.md, 7.4).
struct ReportedBound {
  int order = 0;
  double rho = 0.0;
  double p_norm = 0.0;
  double interpolation_error = 0.0;
  double angle_deg = 0.0;
  double residual_norm = 0.0;
  double residual_share = 0.0;
};

/// What a run said of itself; absent fields were not reported.
struct ReportedNumbers {
  std::optional<double> loss;
  std::optional<double> penalized_loss;
  bool balanced =
      false;  ///< the penalized loss is P_λ at balance, not L_λ of the layers as they are
  std::optional<double> sup_eta;
  std::optional<double> attained;  ///< |η| at the first of VerifierOptions::directions
  std::optional<double> gap;
  std::optional<double> relative_gap;
  Certificate::Kind kind = Certificate::Kind::estimated;
  double unseen_share = 0.0;  ///< of the maxima, as the run itself estimates it
  std::optional<Recovery> recovery;
  std::optional<ReportedBound> recovery_bound;
};

/// Reads them from a run's summary.json. Throws FileError.
ReportedNumbers read_reported_numbers(const std::string& path);

struct Discrepancy {
  std::string field;  ///< as in summary.json, such as "certificate.sup_eta"
  double reported = 0.0;
  double recomputed = 0.0;
  double tolerance = 0.0;  ///< on their difference
};

/// Reported numbers that the recomputed ones contradict. A loss must agree to a part in 10^6,
/// angles to 10^-6 degrees, everything else to a part in 10^9, beyond what rounding of the weights
/// leaves open. A reported supremum must not lie below what was found: by more than a part in 10^9
/// when it is rigorous; when it is estimated by more than a part in 10^4, or, by up to a part in
/// 100, where the gap becomes larger by no more than a quarter; where the run says that a share s
/// of the maxima is unseen, by up to (1 + 4s)/100 and a gap larger by 1/4 + 2s. The gap must be
/// that of the reported supremum.
std::vector<Discrepancy> discrepancies(const ReportedNumbers& reported,
                                       const VerifiedNumbers& verified);

/// The same for a bound on the angles that was reported with a gap, on the population of a teacher
/// in units of `unit`: its formulas from the reported ρ, ‖p‖ and error and the network's recomputed
/// loss and mass; ‖p‖ against a certificate of the verifier's own, in extended precision; and ρ in
/// hundreds of directions, where that certificate may not exceed 1 − ρδ².
std::vector<Discrepancy> discrepancies(const ReportedBound& reported, double gap,
                                       const Teacher& teacher, double unit,
                                       const VerifiedNumbers& verified, std::uint64_t seed = 0);

}  // namespace lodestone
