#pragma once

#include <vector>

#include "lodestone/core/record.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone {

/// What became of one teacher neuron (docs/math.md, 5).
struct TeacherRecovery {
  double amplitude = 0.0;        ///< a*_j
  double mass = 0.0;             ///< Σ a_i‖w_i‖ over T_j, the neurons nearest to ±w*_j
  double angle_deg = 90.0;       ///< average neuron to w*_j, in [0, 90]; 90 without neurons
  double mean_angle_deg = 90.0;  ///< of T_j, weighted by |a_i|‖w_i‖; 90 without neurons
  double far_mass = 1.0;  ///< share of Σ|a_i|‖w_i‖ over T_j further than 10° from ±w*_j
  Index neurons = 0;      ///< how many of T_j hold more than 1e-4 of the total mass
  /// The average neuron is within 0.1° and the mass within 1%. True whenever f = f_*, also of a
  /// network whose neurons point elsewhere.
  bool matched = false;
  /// Matched by neurons that sit on the direction: far_mass at most 1%, mean_angle_deg at most 1°.
  bool recovered = false;
};

template <RecordOf<TeacherRecovery> Record, class Visitor>
void visit_fields(Record& teacher, Visitor&& visitor) {
  visitor("amplitude", teacher.amplitude);
  visitor("mass", teacher.mass);
  visitor("angle_deg", teacher.angle_deg);
  visitor("mean_angle_deg", teacher.mean_angle_deg);
  visitor("far_mass", teacher.far_mass);
  visitor("neurons", teacher.neurons);
  visitor("matched", teacher.matched);
  visitor("recovered", teacher.recovered);
}

/// How well a network's neurons sit on a teacher's directions (docs/math.md, 5). Angles in degrees,
/// up to sign.
struct Recovery {
  Index teachers = 0;
  Index matched = 0;
  Index recovered = 0;
  double max_angle_deg = 0.0;   ///< over neurons holding more than 1e-4 of the total mass
  double mean_angle_deg = 0.0;  ///< mass-weighted
  double far_mass = 0.0;        ///< share of mass further than 10° from every teacher
  double subspace_share = 0.0;  ///< mass-weighted ‖P_S* ŵ_i‖², 1 when all neurons lie in the span
  std::vector<TeacherRecovery> per_teacher;
};

template <RecordOf<Recovery> Record, class Visitor>
void visit_fields(Record& recovery, Visitor&& visitor) {
  visitor("teachers", recovery.teachers);
  visitor("matched", recovery.matched);
  visitor("recovered", recovery.recovered);
  visitor("max_angle_deg", recovery.max_angle_deg);
  visitor("mean_angle_deg", recovery.mean_angle_deg);
  visitor("far_mass", recovery.far_mass);
  visitor("subspace_share", recovery.subspace_share);
  visitor("per_teacher", recovery.per_teacher);
}

/// Throws InvalidArgument when the dimensions of network and teacher differ. For a network without
/// mass, angles are 90° and far mass is 1.
Recovery measure_recovery(const Teacher& teacher, const Network& network);

/// Angle between the lines through u and v, in degrees in [0, 90], accurate near 0 (from chords);
/// 90 when one of them is zero.
double angle_between_lines_deg(const Vector& u, const Vector& v);

}  // namespace lodestone
