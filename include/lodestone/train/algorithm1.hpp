#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/message.hpp"
#include "lodestone/core/range.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/train/schedule.hpp"

namespace lodestone {

/// Options of Algorithm 1 (docs/math.md, 4). λ, loss and step are in the objective's units.
struct Algorithm1Options {
  /// What the numbers below may be. Where the program may choose, 0 leaves it to the program.
  struct Limits {
    /// Neurons start in pairs that cancel, and stage 2 takes m² numbers.
    static constexpr Range width = even_between(2, 20000);
    static constexpr Range schedule_value = at_least(0);
    static constexpr Range lambda_start = above(0);
    static constexpr Range lambda_end = at_least(0);
    static constexpr Range lambda_factor = strictly_between(0, 1);
    static constexpr Range lambda_start_factor = above_up_to(0, 1);
    static constexpr Range step = above(0);
    static constexpr Range tolerance = at_least(0);
    static constexpr Range absolute_tolerance = at_least(0);
    static constexpr Range epoch_tolerance = above(0);
    static constexpr Range stagnation = at_least(0);
    static constexpr Range merge_tolerance = from_to_below(0, 1);
    static constexpr Range max_epoch_steps = at_least(1);
    static constexpr Range max_steps = at_least(1);
    static constexpr Range record_every = at_least(1);
  };

  /// Number of neurons m at the symmetric start.
  Index width = 200;

  /// Seed of the start and of the certificate's search.
  std::uint64_t seed = 0;

  Schedule schedule;

  /// λ of the first epoch of stage 3; 0: chosen from the measured optimality gap after stage 2
  /// as lambda_start_factor times the λ at which the relative gap is smallest (docs/math.md, 4.2).
  double lambda_start = 0.0;

  /// Stage 3 ends before λ falls below this.
  double lambda_end = 0.0;

  /// Safety factor of that choice: a smaller λ loses fewer weak teachers.
  double lambda_start_factor = 0.5;

  /// Step size η of stage 3; 0: chosen safely by the program (docs/math.md, 4.4).
  double step = 0.0;

  /// Done when L is at most this share of the null loss (L without neurons) at the end of an epoch.
  double tolerance = 5e-8;

  /// Above 0: done when L itself is at most this, in place of `tolerance`.
  double absolute_tolerance = 0.0;

  /// An epoch ends when ‖∇L_λ‖ <= epoch_tolerance · λ · ‖θ‖ (docs/math.md, 4.3).
  double epoch_tolerance = 0.05;

  /// On a sample, where kinks keep the gradient from vanishing, an epoch also ends when 100 steps
  /// have lowered L_λ by less than this share of it (docs/math.md, 4.3).
  double stagnation = 1e-3;

  /// Between epochs of stage 3 neurons that have come together become one, by as large an angle, at
  /// most 2°, as changes L by at most this share of it (docs/math.md, 4.6). 0: every
  /// neuron goes its own way to the end, as in Algorithm 1.
  double merge_tolerance = 0.0;

  /// An epoch ends after this many steps in any case.
  long max_epoch_steps = 20000;

  /// Budget of gradient steps in all.
  long max_steps = 200000;

  /// A record is made every so many steps, and at the end of each stage and epoch.
  long record_every = 200;

  /// The loss at which a run on the objective is done.
  double target_loss(const Objective& objective) const;

  /// Throws InvalidArgument naming the field, its value and its range.
  void validate() const;
};

enum class Stage {
  start = 0,
  early_features = 1,
  fit_and_balance = 2,
  late_features = 3,
  done = 4
};

enum class Status {
  converged,    ///< the loss tolerance was reached, or the schedule came to its end, and every
                ///< epoch of stage 3 ended by its own criterion
  budget,       ///< a budget of steps or seconds ended the run or one of its epochs
  interrupted,  ///< the observer asked to stop
  diverged,     ///< the loss grew without bound; the state is the last good one
};

/// The name used in files and messages.
const char* name(Status status);

/// Everything Algorithm 1 needs to go on from where it is: saving and restoring it continues the
/// run with the same bits.
struct Algorithm1State {
  Stage stage = Stage::start;
  Network network;            ///< balanced by stage 2
  double lambda = 0.0;        ///< λ of the current epoch
  double lambda_start = 0.0;  ///< given, or chosen after stage 2
  double starting_gap = 0.0;  ///< gap of P_λ after stage 2 at λ_start (estimated)
  double step = 0.0;          ///< current step size η
  long epoch = 0;             ///< epoch of stage 3, from 0
  long epoch_steps = 0;       ///< steps done in it
  long steps = 0;             ///< gradient steps in all
  long evaluations = 0;       ///< gradient evaluations in all

  /// Epochs before it that were ended by max_epoch_steps; of a run that is done, all such epochs.
  std::vector<long> epochs_cut;

  /// L_λ after each of the epoch's last steps, oldest first, at most 100 (samples only).
  std::vector<double> recent;
};

/// One line of a run's history.
struct Record {
  double loss = 0.0;  ///< L, correct to 1e-6 relative
  double penalized_loss = 0.0;
  double gradient_norm = 0.0;  ///< ‖∇L_λ‖
  Stage stage = Stage::start;  ///< the stage the step belongs to
  bool end_of_epoch = false;   ///< also true at the end of stages 1 and 2
};

/// What watches a run. Unset members are not called.
struct Observer {
  /// After the end of a stage or an epoch and every record_every steps. False stops the run.
  std::function<bool(const Algorithm1State&, const Record&)> on_record;

  /// Asked between the parts of stage 2, which may take long. True stops the run.
  std::function<bool()> should_stop;

  /// After every accepted step, with a state that can be saved. False stops the run.
  std::function<bool(const Algorithm1State&)> on_step;
};

struct Algorithm1Result {
  Status status = Status::converged;
  Message message;  ///< one sentence: why it ended, and what to do when that is not good

  /// Epochs that were ended by max_epoch_steps, the last one included, numbered from 0.
  std::vector<long> epochs_cut;
};

/// The result of a run that came to its end for the reason `why`, in the epoch that the state has:
/// converged where no epoch was cut; otherwise budget, and the message says which epochs were.
Algorithm1Result end_of_schedule(const std::string& why, std::vector<long> epochs_cut,
                                 const Algorithm1State& state, const Algorithm1Options& options);

/// Runs Algorithm 1 on an objective from the given state (default: the beginning) to its end.
/// The state is always one that can be saved and resumed. Throws InvalidArgument for bad options.
Algorithm1Result run_algorithm1(const Objective& objective, const Algorithm1Options& options,
                                Algorithm1State& state, const Observer& observer = {});

/// What a record in stage 3 says of a network at λ, to the same bits: the two neurons of a mirrored
/// pair are computed as one (docs/math.md, 4.1).
Record training_record(const Objective& objective, const Network& network, double lambda);

/// Stage 0: m/2 pairs (a, w), (−a, w) with directions uniform on the sphere and |a| = ‖w‖ = m^-1/2,
/// so that f = 0.
Network symmetric_start(Index width, Index dimension, std::uint64_t seed);

}  // namespace lodestone
