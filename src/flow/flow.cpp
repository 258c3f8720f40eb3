#include "lodestone/flow/flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/numeric/odeint/stepper/controlled_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/dense_output_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation/generation_dense_output_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation/generation_runge_kutta_dopri5.hpp>
#include <boost/numeric/odeint/stepper/generation/make_dense_output.hpp>
#include <boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp>
#include <cmath>
#include <functional>
#include <numbers>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "core/phrase.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/recovery.hpp"

namespace lodestone {
namespace {

namespace odeint = boost::numeric::odeint;

// a, then W by rows, then ∫‖∇L_λ‖²: what the loss has fallen by, computed apart from the loss.
using State = std::vector<double>;

// The first recorded time after 0. The flow's own time is that of the teacher's amplitudes times
// h(0) = 0.09: nothing happens before.
constexpr double first_time = 0.01;

State state_of(const Network& network) {
  State state(network.a.begin(), network.a.end());
  state.insert(state.end(), network.W.data(), network.W.data() + network.W.size());
  state.push_back(0.0);
  return state;
}

Network network_of(const State& state, Index width) {
  const Index d = (static_cast<Index>(state.size()) - 1) / width - 1;
  return {Eigen::Map<const Vector>(state.data(), width),
          Eigen::Map<const Matrix>(state.data() + width, width, d)};
}

bool finite(const State& state) {
  return std::all_of(state.begin(), state.end(), [](double x) { return std::isfinite(x); });
}

// a_i² − ‖w_i‖², which weight decay multiplies by e^(−2λt) and nothing else changes.
Vector imbalance(const Network& network) {
  return network.a.cwiseAbs2() - network.W.rowwise().squaredNorm();
}

// What one evaluation says of a place.
struct Slope {
  double time = 0.0;
  double penalized_loss = 0.0;
  double squared_gradient = 0.0;

  double logarithmic_rate() const {
    return penalized_loss > 0.0 ? time * squared_gradient / penalized_loss : 0.0;
  }
};

// θ' = −∇L_λ. Keeps the slope of its last evaluation, which after an accepted step is that at its
// end: the last stage of the pair is the first one of the next step.
class System {
 public:
  System(const Objective& objective, Index width, double lambda)
      : objective_(objective), width_(width), lambda_(lambda) {}

  void operator()(const State& state, State& derivative, double time) {
    const Network network = network_of(state, width_);
    const Evaluation evaluation = objective_.evaluate(network);
    const Vector in_a = evaluation.gradient_a + lambda_ * network.a;
    const Matrix in_W = evaluation.gradient_W + lambda_ * network.W;
    derivative.resize(state.size());
    Eigen::Map<Vector>(derivative.data(), width_) = -in_a;
    Eigen::Map<Matrix>(derivative.data() + width_, in_W.rows(), in_W.cols()) = -in_W;
    last_ = {time, evaluation.loss + 0.5 * lambda_ * squared_norm(network),
             in_a.squaredNorm() + in_W.squaredNorm()};
    derivative.back() = last_.squared_gradient;
    ++evaluations_;
  }

  const Slope& last() const { return last_; }
  long evaluations() const { return evaluations_; }

 private:
  const Objective& objective_;
  Index width_;
  double lambda_;
  Slope last_;
  long evaluations_ = 0;
};

// Which neurons have died and which have merged.
class Neurons {
 public:
  Neurons(const Network& start, const FlowOptions& options)
      : options_(options), least_(options.death_share * masses(start)) {
    for (Index i = 0; i < start.width(); ++i) {
      group_.push_back(i);
      dead_.push_back(least_[i] == 0.0 && masses(start)[i] == 0.0);
    }
    // Those that lie on one line from the start are one from the start.
    for (const auto& [i, j] : newly_merged(start)) merge(i, j);
  }

  bool dies(Index i, const Network& network) const {
    return !dead(i) && std::abs(network.a[i]) * network.W.row(i).norm() < least_[i];
  }
  void kill(Index i) { dead_[static_cast<std::size_t>(i)] = true; }

  bool together(Index i, Index j, const Network& network) const {
    return (network.a[i] > 0.0) == (network.a[j] > 0.0) &&
           angle_between_lines_deg(network.W.row(i), network.W.row(j)) < options_.merge_angle_deg;
  }

  // Pairs of living neurons of different groups that have come together, at most one pair for two
  // groups.
  std::vector<std::pair<Index, Index>> newly_merged(const Network& network) const {
    // Whether an angle may be below the limit, without its arcus.
    const double least_cosine =
        std::cos(options_.merge_angle_deg * std::numbers::pi / 180.0) - 1e-12;
    const Matrix U = unit_directions(network.W);
    std::vector<std::pair<Index, Index>> pairs;
    std::vector<Index> group = group_;
    for (Index i = 0; i < U.rows(); ++i) {
      for (Index j = 0; j < i; ++j) {
        if (dead(i) || dead(j) || root(group, i) == root(group, j)) continue;
        if (std::abs(U.row(i).dot(U.row(j))) < least_cosine || !together(i, j, network)) continue;
        group[static_cast<std::size_t>(root(group, i))] = root(group, j);
        pairs.emplace_back(i, j);
      }
    }
    return pairs;
  }
  void merge(Index i, Index j) {
    group_[static_cast<std::size_t>(root(group_, i))] = root(group_, j);
  }

  Index living() const { return std::count(dead_.begin(), dead_.end(), false); }

  Index groups() const {
    std::vector<bool> seen(group_.size(), false);
    for (std::size_t i = 0; i < group_.size(); ++i) {
      if (!dead_[i]) seen[static_cast<std::size_t>(root(group_, static_cast<Index>(i)))] = true;
    }
    return std::count(seen.begin(), seen.end(), true);
  }

 private:
  bool dead(Index i) const { return dead_[static_cast<std::size_t>(i)]; }

  static Index root(const std::vector<Index>& group, Index i) {
    while (group[static_cast<std::size_t>(i)] != i) i = group[static_cast<std::size_t>(i)];
    return i;
  }

  FlowOptions options_;
  Vector least_;
  std::vector<Index> group_;  // a neuron of the same group; the root is its own
  std::vector<bool> dead_;
};

class Run {
 public:
  Run(const Objective& objective, const Network& start, const FlowOptions& options,
      const FlowObserver& observer)
      : objective_(objective),
        options_(options),
        observer_(observer),
        width_(start.width()),
        system_(objective, start.width(), options.lambda),
        neurons_(start, options),
        start_(start),
        imbalance_(imbalance(start)) {}

  Flow run() {
    State state = state_of(start_);
    State derivative;
    system_(state, derivative, 0.0);
    start_loss_ = objective_.loss(start_) + 0.5 * options_.lambda * squared_norm(start_);
    record(state, 0.0);
    if (options_.plateau_rate > 0.0) note({0.0, FlowEvent::Kind::plateau_begins});
    on_plateau_ = true;
    if (std::sqrt(system_.last().squared_gradient) <= options_.tolerance) {
      return ended(Status::converged, Message("the start is stationary"));
    }
    const double first_step =
        1e-3 * std::sqrt(squared_norm(start_) / system_.last().squared_gradient);
    stepper_.initialize(state, 0.0, first_step);
    for (;;) {
      if (const auto end = step()) return *end;
    }
  }

 private:
  using Stepper = odeint::result_of::make_dense_output<odeint::runge_kutta_dopri5<State>>::type;

  // One step of the pair with all that falls into it; the flow where it is at its end.
  std::optional<Flow> step() {
    if (observer_.should_stop && observer_.should_stop()) {
      return recorded_end(Status::interrupted, Message("interrupted"));
    }
    if (flow_.steps >= options_.max_steps) {
      return recorded_end(Status::budget, phrase("the budget of {} steps is used up; give a larger "
                                                 "{max_steps}, or looser tolerances",
                                                 options_.max_steps));
    }
    double from = 0.0;
    double to = 0.0;
    try {
      std::tie(from, to) = stepper_.do_step(std::ref(system_));
    } catch (const odeint::odeint_error&) {
      return ended(Status::diverged,
                   phrase("no step is small enough for the tolerances at time {:.6g}", last_time_));
    }
    if (!finite(stepper_.current_state())) {
      return ended(Status::diverged,
                   phrase("the numbers left float64's range after time {}", last_time_));
    }
    ++flow_.steps;
    const Slope slope = system_.last();
    const double end = std::min(to, options_.time);
    notice(from, end, slope);
    for (; next_time() < end; ++next_) record(at(next_time()), next_time());
    last_time_ = end;
    if (to >= options_.time) {
      record(at(end), end);
      return ended(Status::converged, phrase("the time {} was reached", options_.time));
    }
    if (std::sqrt(slope.squared_gradient) <= options_.tolerance) {
      return recorded_end(Status::converged,
                          phrase("the gradient's norm is below {} at time {}", options_.tolerance,
                                 fmt::format("{:.6g}", end)));
    }
    return std::nullopt;
  }

  double next_time() const {
    return first_time * std::pow(10.0, static_cast<double>(next_) /
                                           static_cast<double>(options_.records_per_decade));
  }

  State at(double time) {
    State state(stepper_.current_state().size());
    stepper_.calc_state(time, state);
    return state;
  }

  // The first time in a step at which something holds that does not hold at its start.
  double first_time_of(double from, double to, const std::function<bool(const Network&)>& holds) {
    // Halvings: to a share of 1e-9 of the step, which is nearer than the step's own error.
    for (int i = 0; i < 30; ++i) {
      const double middle = 0.5 * (from + to);
      (holds(network_of(at(middle), width_)) ? to : from) = middle;
    }
    return to;
  }

  void notice(double from, double to, const Slope& slope) {
    const std::size_t before = flow_.events.size();
    const Network network = network_of(at(to), width_);
    for (Index i = 0; i < width_; ++i) {
      if (!neurons_.dies(i, network)) continue;
      note({first_time_of(from, to, [&](const Network& n) { return neurons_.dies(i, n); }),
            FlowEvent::Kind::death, i});
    }
    for (std::size_t e = before; e < flow_.events.size(); ++e) {
      neurons_.kill(flow_.events[e].neuron);
    }
    for (const auto& [i, j] : neurons_.newly_merged(network)) {
      note({first_time_of(
                from, to,
                [&, i = i, j = j](const Network& n) { return neurons_.together(i, j, n); }),
            FlowEvent::Kind::merge, j, i});
      neurons_.merge(i, j);
    }
    // Of a step that goes beyond the end the slope is not that of the end.
    if (slope.time == to) notice_plateau(to, slope.logarithmic_rate());
    std::stable_sort(
        flow_.events.begin() + static_cast<std::ptrdiff_t>(before), flow_.events.end(),
        [](const FlowEvent& one, const FlowEvent& two) { return one.time < two.time; });
  }

  // A plateau's ends are times of steps: a plateau has many of them.
  void notice_plateau(double time, double rate) {
    if (options_.plateau_rate == 0.0) return;
    if (on_plateau_ ? rate <= 2.0 * options_.plateau_rate : rate >= options_.plateau_rate) return;
    on_plateau_ = !on_plateau_;
    note({time, on_plateau_ ? FlowEvent::Kind::plateau_begins : FlowEvent::Kind::plateau_ends});
  }

  void note(const FlowEvent& event) { flow_.events.push_back(event); }

  void record(const State& state, double time) {
    const Network network = network_of(state, width_);
    State derivative;
    system_(state, derivative, time);
    Slope slope = system_.last();
    FlowRow row;
    row.time = time;
    row.steps = flow_.steps;
    row.loss = objective_.loss(network);
    row.penalized_loss = row.loss + 0.5 * options_.lambda * squared_norm(network);
    slope.penalized_loss = row.penalized_loss;
    row.gradient_norm = std::sqrt(slope.squared_gradient);
    row.logarithmic_rate = slope.logarithmic_rate();
    const Vector mass = masses(network);
    row.mass = mass.sum();
    row.largest_mass = mass.maxCoeff();
    row.living = neurons_.living();
    row.groups = neurons_.groups();
    row.balance_error = (imbalance(network) - std::exp(-2.0 * options_.lambda * time) * imbalance_)
                            .cwiseAbs()
                            .maxCoeff();
    row.energy_error = std::abs(start_loss_ - row.penalized_loss - state.back());
    flow_.history.push_back(row);
    flow_.networks.push_back(network);
    if (observer_.on_record) observer_.on_record(row);
  }

  Flow recorded_end(Status status, Message message) {
    if (flow_.history.back().time < last_time_) record(at(last_time_), last_time_);
    return ended(status, std::move(message));
  }

  Flow ended(Status status, Message message) {
    flow_.status = status;
    flow_.message = std::move(message);
    flow_.evaluations = system_.evaluations();
    return std::move(flow_);
  }

  const Objective& objective_;
  const FlowOptions& options_;
  const FlowObserver& observer_;
  Index width_;
  System system_;
  Neurons neurons_;
  Network start_;
  Vector imbalance_;
  double start_loss_ = 0.0;
  Stepper stepper_ =
      odeint::make_dense_output(options_.absolute_tolerance, options_.relative_tolerance,
                                odeint::runge_kutta_dopri5<State>());
  bool on_plateau_ = true;
  Index next_ = 0;
  double last_time_ = 0.0;
  Flow flow_;
};

}  // namespace

const char* name(FlowEvent::Kind kind) {
  switch (kind) {
    case FlowEvent::Kind::death:
      return "death";
    case FlowEvent::Kind::merge:
      return "merge";
    case FlowEvent::Kind::plateau_begins:
      return "plateau_begins";
    case FlowEvent::Kind::plateau_ends:
      return "plateau_ends";
  }
  return "";
}

void FlowOptions::validate() const {
  require_in(Limits::lambda, "lambda", lambda);
  require_in(Limits::time, "time", time);
  require_in(Limits::tolerance, "tolerance", tolerance);
  require_in(Limits::relative_tolerance, "relative_tolerance", relative_tolerance);
  require_in(Limits::absolute_tolerance, "absolute_tolerance", absolute_tolerance);
  require_in(Limits::max_steps, "max_steps", max_steps);
  require_in(Limits::records_per_decade, "records_per_decade", records_per_decade);
  require_in(Limits::death_share, "death_share", death_share);
  require_in(Limits::merge_angle_deg, "merge_angle_deg", merge_angle_deg);
  require_in(Limits::plateau_rate, "plateau_rate", plateau_rate);
}

Flow gradient_flow(const Objective& objective, const Network& start, const FlowOptions& options,
                   const FlowObserver& observer) {
  options.validate();
  if (start.width() == 0 || start.W.cols() != objective.dimension() || start.outputs() != 1) {
    throw InvalidArgument(
        "start",
        fmt::format("{} neurons on {} inputs, {} outputs", start.width(), start.W.cols(),
                    start.outputs()),
        fmt::format("must have neurons on {} inputs and one output", objective.dimension()));
  }
  return Run(objective, start, options, observer).run();
}

}  // namespace lodestone
