#pragma once

#include <functional>
#include <limits>
#include <vector>

#include "lodestone/core/message.hpp"
#include "lodestone/core/range.hpp"
#include "lodestone/core/record.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/train/algorithm1.hpp"

namespace lodestone {

/// How θ' = −∇L_λ(θ) is solved in time, and what is noticed on the way (docs/math.md, 4.7).
struct FlowOptions {
  struct Limits {
    static constexpr Range lambda = at_least(0);
    static constexpr Range time = above_or_infinite(0);
    static constexpr Range tolerance = at_least(0);
    /// A relative error below a few roundings of float64 cannot be had.
    static constexpr Range relative_tolerance = between(1e-14, 0.1);
    static constexpr Range absolute_tolerance = above(0);
    static constexpr Range max_steps = at_least(1);
    static constexpr Range records_per_decade = between(1, 10000);
    static constexpr Range death_share = between(0, 1);
    static constexpr Range merge_angle_deg = between(0, 90);
    static constexpr Range plateau_rate = at_least(0);
  };

  double lambda = 0.0;                                    ///< λ
  double time = std::numeric_limits<double>::infinity();  ///< at which the flow ends
  double tolerance = 1e-6;           ///< it also ends where ‖∇L_λ‖ is at most this
  double relative_tolerance = 1e-8;  ///< of the error of a step, for each number of θ
  double absolute_tolerance = 1e-10;
  long max_steps = 1'000'000;  ///< budget of accepted steps

  /// Records are made at 0, at the times 10^(i/records_per_decade) from 0.01 on, and at the end.
  Index records_per_decade = 10;

  /// A neuron dies when its mass falls below this share of what it had at the start.
  double death_share = 0.01;

  /// Two living neurons whose a have one sign merge when their lines come nearer than this.
  double merge_angle_deg = 1.0;

  /// A plateau begins where −d log L_λ/d log t falls below this, and ends where it exceeds twice
  /// this: the factor keeps one plateau from being counted many times.
  double plateau_rate = 0.1;

  /// Throws InvalidArgument for a field out of range.
  void validate() const;
};

/// One line of a flow's history. NaN where a quantity does not apply.
struct FlowRow {
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();
  double time = 0.0;
  long steps = 0;     ///< accepted so far
  double loss = 0.0;  ///< L
  double penalized_loss = 0.0;
  double gradient_norm = 0.0;     ///< ‖∇L_λ‖
  double logarithmic_rate = 0.0;  ///< −d log L_λ/d log t = t‖∇L_λ‖²/L_λ
  double mass = 0.0;              ///< Σ |a_i|‖w_i‖
  double largest_mass = 0.0;      ///< of one neuron
  Index living = 0;               ///< neurons that have not died
  Index groups = 0;               ///< of living neurons that have merged; a lone one is a group
  double mean_angle_deg = none;   ///< to the teacher, as in Recovery
  double max_angle_deg = none;
  double far_mass = none;

  /// max_i |(a_i² − ‖w_i‖²) − e^(−2λt) (a_i² − ‖w_i‖²)(0)|: exactly 0 along the flow.
  double balance_error = 0.0;

  /// |L_λ(0) − L_λ(t) − ∫‖∇L_λ‖²|: exactly 0 along the flow.
  double energy_error = 0.0;
};

template <RecordOf<FlowRow> Record, class Visitor>
void visit_fields(Record& row, Visitor&& visitor) {
  visitor("time", row.time);
  visitor("steps", row.steps);
  visitor("loss", row.loss);
  visitor("penalized_loss", row.penalized_loss);
  visitor("gradient_norm", row.gradient_norm);
  visitor("logarithmic_rate", row.logarithmic_rate);
  visitor("mass", row.mass);
  visitor("largest_mass", row.largest_mass);
  visitor("living", row.living);
  visitor("groups", row.groups);
  visitor("mean_angle_deg", row.mean_angle_deg);
  visitor("max_angle_deg", row.max_angle_deg);
  visitor("far_mass", row.far_mass);
  visitor("balance_error", row.balance_error);
  visitor("energy_error", row.energy_error);
}

/// Something that happened on the way.
struct FlowEvent {
  enum class Kind { death, merge, plateau_begins, plateau_ends };
  double time = 0.0;
  Kind kind = Kind::death;
  Index neuron = -1;  ///< that died, or merged; −1: none
  Index other = -1;   ///< that it merged with; −1: none
};

/// The name used in files.
const char* name(FlowEvent::Kind kind);

template <RecordOf<FlowEvent> Record, class Visitor>
void visit_fields(Record& event, Visitor&& visitor) {
  visitor("time", event.time);
  visitor("kind", event.kind);
  visitor("neuron", event.neuron);
  visitor("other", event.other);
}

struct Flow {
  Status status = Status::converged;
  Message message;                ///< why it ended
  std::vector<FlowRow> history;   ///< one for each recorded time
  std::vector<Network> networks;  ///< θ at these times
  std::vector<FlowEvent> events;  ///< by time
  long steps = 0;                 ///< accepted
  long evaluations = 0;           ///< of the gradient
};

/// What watches a flow. Unset members are not called.
struct FlowObserver {
  std::function<void(const FlowRow&)> on_record;
  std::function<bool()> should_stop;  ///< asked after every step; true ends the flow
};

/// The gradient flow of L_λ from a network, both layers at once and α, β at their optimum at every
/// time, by the Runge–Kutta pair of Dormand and Prince (5(4)) with error control. Numbers at the
/// times of records and events come from the pair's interpolant. Throws InvalidArgument for options
/// out of range and for a network of another dimension, or of several outputs.
Flow gradient_flow(const Objective& objective, const Network& start, const FlowOptions& options,
                   const FlowObserver& observer = {});

}  // namespace lodestone
