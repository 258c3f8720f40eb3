#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "lodestone/core/record.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/model/certificate.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone {

/// A network on a teacher's population at λ, as far as the bounds of docs/math.md, 7.4 look at it.
/// Numbers are in the teacher's units.
struct NearOptimum {
  double lambda = 0.0;     ///< λ
  double loss = 0.0;       ///< L, correct to 1e-6 relative
  double null_loss = 0.0;  ///< L without neurons
  double mass = 0.0;       ///< |μ| = Σ |a_i|‖w_i‖
  double gap = 0.0;        ///< ζ: P_λ less its minimum is at most this
  Certificate::Kind gap_kind = Certificate::Kind::estimated;
};

/// What a small gap implies for the neurons' directions, by a dual certificate of the teacher
/// (docs/math.md, 7.4). Rounding is charged to every number. NaN stands for a bound that there is
/// not.
struct RecoveryBound {
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();

  /// Rigorous where ρ and the gap are proven. An estimate may be too small.
  Certificate::Kind kind = Certificate::Kind::estimated;
  std::string reason;       ///< why there are no bounds; empty where there are
  double angle_deg = none;  ///< √(∫δ²d|μ| / |μ|) is at most this, δ the angle to the teacher
  double residual_norm = none;   ///< ‖f − f_*‖ without affine parts is at most this
  double residual_share = none;  ///< of the standard deviation of f_* without its affine part
  int order = 0;                 ///< ℓ of the certificate
  double rho = none;             ///< its margin ρ
  bool rho_proven = false;       ///< over the whole sphere
  double p_norm = none;          ///< ‖p‖ is at most this

  /// |η(w_j)| differs from 1 by at most this, and η at a teacher has no larger slope.
  double interpolation_error = none;
};

template <RecordOf<RecoveryBound> Record, class Visitor>
void visit_fields(Record& bound, Visitor&& visitor) {
  visitor("kind", bound.kind);
  visitor("reason", bound.reason);
  visitor("angle_deg", bound.angle_deg);
  visitor("residual_norm", bound.residual_norm);
  visitor("residual_share", bound.residual_share);
  visitor("order", bound.order);
  visitor("rho", bound.rho);
  visitor("rho_proven", bound.rho_proven);
  visitor("p_norm", bound.p_norm);
  visitor("interpolation_error", bound.interpolation_error);
}

struct RecoveryBoundOptions {
  /// ρ is proven in at most so many cells, and only where the teacher's span has at most 4
  /// dimensions: beyond that a proof takes minutes. 4 million cells take seconds.
  Index max_cells = 4'000'000;

  /// No certificate is looked for with more teachers than this: the search takes a time of order
  /// k³d.
  Index most_teachers = 64;

  std::uint64_t seed = 0;  ///< of the search for ρ
};

/// The bounds for one network. Throws InvalidArgument when λ is not positive.
RecoveryBound bound_recovery(const Teacher& teacher, const NearOptimum& network,
                             const RecoveryBoundOptions& options = {});

/// In one line, without a line's end.
std::string in_words(const RecoveryBound& bound);

}  // namespace lodestone
