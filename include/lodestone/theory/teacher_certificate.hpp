#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "lodestone/core/range.hpp"
#include "lodestone/core/record.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/model/certificate.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/theory/dual_certificate.hpp"

namespace lodestone {

/// The dual certificate of a teacher and what is proven of it (docs/math.md, 7.1 to 7.4;
/// reconstructed): η = sign(a*_j) at every teacher direction w*_j, and |η(u)| <= 1 − ρ δ(u)² for
/// every direction u, δ its angle to the nearest ±w*_j. NaN stands for a number that there is not.
struct TeacherCertificate {
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();

  /// η at one neuron of the teacher.
  struct Peak {
    double amplitude = 0.0;       ///< a*_j
    double eta = 0.0;             ///< η(w*_j)
    double slope = 0.0;           ///< length of the tangential gradient of η there
    double nearest_deg = none;    ///< angle to the nearest other line; one neuron: none
    double weight = 0.0;          ///< α_j of p
    double tangent_length = 0.0;  ///< ‖b_j‖ of p
  };

  /// Rigorous where ρ is proven, rounding included.
  Certificate::Kind kind = Certificate::Kind::estimated;
  bool found = false;               ///< whether an order with ρ > 0 was found
  std::string reason;               ///< why it was not found, or is not proven; empty: proven
  Index inputs = 0;                 ///< d
  Index teachers = 0;               ///< k
  Index span_dimension = 0;         ///< r, of the span of the w*_j
  double separation_deg = none;     ///< Δ, the least angle between two lines; k = 1: none
  int order = 0;                    ///< ℓ of η
  int smallest_order = 0;           ///< the smallest ℓ tried that has ρ > 0; 0: none has
  double rho = none;                ///< ρ: proven, or found by search; d = 1: infinite
  bool rho_proven = false;          ///< on the whole sphere
  double rho_found = none;          ///< by search; ρ of η is at most this
  double rho_found_at_deg = none;   ///< δ where the search found it
  double p_norm = none;             ///< ‖p‖ is at most this
  double angle_constant = none;     ///< ‖p‖²/(2ρ): ∫δ²d|μ| <= ζ/(λρ) + λ times this
  double residual_constant = none;  ///< 2‖p‖: ‖f − f_*‖ <= λ times this + √(2ζ)

  /// |η(w*_j)| differs from 1 by at most this, and η has no larger slope there.
  double interpolation_error = none;
  Index cells = 0;                ///< cells of the sphere that the proof took
  std::vector<TriedOrder> tried;  ///< every ℓ that was tried, ascending
  std::vector<Peak> peaks;        ///< one for each neuron of the teacher

  Vector rho_found_direction;   ///< unit, d: where the search found ρ; empty: nowhere
  DualCertificate certificate;  ///< η itself, no field of the record; of order ℓ
};

template <RecordOf<TeacherCertificate::Peak> Record, class Visitor>
void visit_fields(Record& peak, Visitor&& visitor) {
  visitor("amplitude", peak.amplitude);
  visitor("eta", peak.eta);
  visitor("slope", peak.slope);
  visitor("nearest_deg", peak.nearest_deg);
  visitor("weight", peak.weight);
  visitor("tangent_length", peak.tangent_length);
}

template <RecordOf<TeacherCertificate> Record, class Visitor>
void visit_fields(Record& found, Visitor&& visitor) {
  visitor("kind", found.kind);
  visitor("found", found.found);
  visitor("reason", found.reason);
  visitor("inputs", found.inputs);
  visitor("teachers", found.teachers);
  visitor("span_dimension", found.span_dimension);
  visitor("separation_deg", found.separation_deg);
  visitor("order", found.order);
  visitor("smallest_order", found.smallest_order);
  visitor("rho", found.rho);
  visitor("rho_proven", found.rho_proven);
  visitor("rho_found", found.rho_found);
  visitor("rho_found_at_deg", found.rho_found_at_deg);
  visitor("p_norm", found.p_norm);
  visitor("angle_constant", found.angle_constant);
  visitor("residual_constant", found.residual_constant);
  visitor("interpolation_error", found.interpolation_error);
  visitor("cells", found.cells);
  visitor("tried", found.tried);
  visitor("peaks", found.peaks);
  visitor("rho_found_direction", found.rho_found_direction);
}

struct TeacherCertificateOptions {
  struct Limits {
    static constexpr Range order = even_between(0, 1000);
    static constexpr Range proof_dimensions = at_least(0);
    static constexpr Range max_cells = at_least(1);
  };

  /// ℓ. 0: that with the smallest ‖p‖²/ρ (best_certificate), or where rounding keeps ρ from being
  /// proven, one for which ‖p‖²/ρ is at most 10% larger and the proof succeeds.
  int order = 0;

  /// ρ is proven where the teacher's span has at most this many dimensions: with more of them a
  /// proof takes minutes. 0: nowhere.
  Index proof_dimensions = 4;

  Index max_cells = 4'000'000;          ///< of the proof: seconds
  std::uint64_t seed = 0;               ///< of the search for ρ
  std::function<bool()> should_stop{};  ///< ends the proof early, which then settles nothing

  /// Throws InvalidArgument for a field out of range.
  void validate() const;
};

/// The dual certificate of a teacher. Whether there is one is a field of the result. Throws
/// InvalidArgument for an option out of range.
TeacherCertificate certify_teacher(const Teacher& teacher,
                                   const TeacherCertificateOptions& options = {});

}  // namespace lodestone
