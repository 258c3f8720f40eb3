#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "lodestone/core/range.hpp"
#include "lodestone/core/record.hpp"
#include "lodestone/flow/flow.hpp"
#include "lodestone/io/runs/run_folder.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

/// What `lodestone flow` does: the objective, the start, and how the flow is solved.
struct FlowRequest {
  struct Limits {
    static constexpr Range samples = at_least(0);
    static constexpr Range noise = at_least(0);
    static constexpr Range width = Algorithm1Options::Limits::width;
    static constexpr Range init_scale = above(0);
    static constexpr Range max_seconds = above_or_infinite(0);
  };

  std::string teacher;  ///< as read_teacher takes it
  Index samples = 0;    ///< rows drawn from it; 0: its exact population
  double noise = 0.0;   ///< as draw_samples takes it

  /// A network as its file: network.json of a run, or an NPZ file as read_network_arrays takes it;
  /// empty: the symmetric start of `train`, of this width, seed and scale.
  std::string init;
  Index width = 50;
  std::uint64_t seed = 0;   ///< of the start, and of the rows
  double init_scale = 1.0;  ///< |a_i| = ‖w_i‖ = init_scale · m^-1/2 at the symmetric start

  double max_seconds = std::numeric_limits<double>::infinity();
  FlowOptions how;

  /// Throws InvalidArgument for fields out of range or at odds with each other.
  void validate() const;
};

/// The network in a file that FlowRequest::init names. Throws FileError for a file that cannot be
/// read, InvalidArgument for a network with biases.
Network read_start(const std::string& file);

struct FlowProblem {
  Teacher teacher;
  std::unique_ptr<Objective> objective;
  Network start;
};

/// Builds the problem; `start` is the content of request.init where that names a file. Throws
/// InvalidArgument.
FlowProblem make_flow_problem(const FlowRequest& request, const Teacher& teacher,
                              std::optional<Network> start = std::nullopt);

/// What a flow came to, in numbers.
struct FlowSummary {
  Status status = Status::converged;
  std::string objective;  ///< population or sample
  Index samples = 0;      ///< rows; 0: a population
  std::uint64_t seed = 0;
  double lambda = 0.0;
  double time = 0.0;
  double loss = 0.0;
  double penalized_loss = 0.0;
  double null_loss = 0.0;
  double gradient_norm = 0.0;
  long steps = 0;        ///< of the integrator, accepted
  long evaluations = 0;  ///< of the gradient
  Index neurons = 0;     ///< m
  Index living = 0;
  Index groups = 0;
  Index deaths = 0;
  Index merges = 0;
  Index plateaus = 0;          ///< that began
  double balance_error = 0.0;  ///< the largest of the history
  double energy_error = 0.0;   ///< the largest of the history
};

template <RecordOf<FlowSummary> Record, class Visitor>
void visit_fields(Record& summary, Visitor&& visitor) {
  visitor("status", summary.status);
  visitor("objective", summary.objective);
  visitor("samples", summary.samples);
  visitor("seed", summary.seed);
  visitor("lambda", summary.lambda);
  visitor("time", summary.time);
  visitor("loss", summary.loss);
  visitor("penalized_loss", summary.penalized_loss);
  visitor("null_loss", summary.null_loss);
  visitor("gradient_norm", summary.gradient_norm);
  visitor("steps", summary.steps);
  visitor("evaluations", summary.evaluations);
  visitor("neurons", summary.neurons);
  visitor("living", summary.living);
  visitor("groups", summary.groups);
  visitor("deaths", summary.deaths);
  visitor("merges", summary.merges);
  visitor("plateaus", summary.plateaus);
  visitor("balance_error", summary.balance_error);
  visitor("energy_error", summary.energy_error);
}

struct FlowResult {
  Flow flow;
  FlowSummary summary;
  Recovery recovery;     ///< at the end
  double seconds = 0.0;  ///< of wall clock
};

/// Runs the flow of a problem; rows of its history have the angles to the teacher.
FlowResult run_flow(const FlowProblem& problem, const FlowRequest& request,
                    const FlowObserver& observer = {});

/// result.json as text.
std::string flow_json_text(const FlowRequest& request, const FlowResult& result);

/// Writes teacher.json, history.csv, events.csv, order.npz (time R, a R×m, W R×m×d, mass R×m,
/// Q = W Wᵀ R×m×m and M = W W*ᵀ R×m×k at the R recorded times), network.json of the end and
/// result.json. Throws FileError.
void write_flow(const RunFolder& folder, const FlowRequest& request, const FlowProblem& problem,
                const FlowResult& result);

}  // namespace lodestone
