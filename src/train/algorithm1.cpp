#include "lodestone/train/algorithm1.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "certify/search_effort.hpp"
#include "core/phrase.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/core/random.hpp"

namespace lodestone {
namespace {

// θ in neurons (A, w) that each stand for `copies` neurons (A / copies, ±w) of one network:
// mirrored pairs are moved as one (docs/math.md, 4.1). Sums over θ are sums over these, times
// copies.
struct Neurons {
  Network one;
  double copies = 1.0;

  double squared_norm() const {
    return one.a.squaredNorm() / copies + copies * one.W.squaredNorm();
  }
};

// ∇L_λ = ∇L + λθ for each of the copies, with what its tests need.
struct Gradient {
  Vector a;
  Matrix W;
  double copies;

  Gradient(const Evaluation& evaluation, const Neurons& neurons, double lambda)
      : a(evaluation.gradient_a + lambda / neurons.copies * neurons.one.a),
        W(evaluation.gradient_W / neurons.copies + lambda * neurons.one.W),
        copies(neurons.copies) {}

  double dot(const Gradient& other) const {
    return copies * (a.dot(other.a) + W.cwiseProduct(other.W).sum());
  }
  double squared_norm() const { return copies * (a.squaredNorm() + W.squaredNorm()); }
};

double penalized_loss(double loss, double squared_norm, double lambda) {
  return loss + 0.5 * lambda * squared_norm;
}

// Whether neurons 2i and 2i + 1 are mirror images for every i, to the last bit. A symmetric start
// leads there in stage 1, and no later step tells the two apart (docs/math.md, 4.1).
bool in_mirrored_pairs(const Network& network) {
  if (network.width() % 2 != 0) return false;
  for (Index i = 0; i < network.width(); i += 2) {
    if (network.a[i] != network.a[i + 1]) return false;
    if ((network.W.row(i).array() != -network.W.row(i + 1).array()).any()) return false;
  }
  return true;
}

// Whether what is left of the target beside its affine part is rounding: there is nothing then of
// which a loss could be a share.
bool target_is_affine(const Objective& objective) {
  const Affine affine = objective.affine(Network::empty(objective.dimension()));
  const double energy = affine.alpha * affine.alpha + affine.beta.squaredNorm();
  return objective.null_loss() <= 1e-26 * energy;
}

// Row 2i of W for each pair.
Matrix first_of_each_pair(const Matrix& W) {
  return Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>(W.data(), W.rows() / 2, W.cols(),
                                                           Eigen::OuterStride<>(2 * W.cols()));
}

// One neuron for each mirrored pair, twice as strong: up to its affine part the same function.
Network one_of_each_pair(const Network& pairs) {
  Network network{Vector(pairs.width() / 2), first_of_each_pair(pairs.W)};
  for (Index i = 0; i < network.width(); ++i) network.a[i] = 2.0 * pairs.a[2 * i];
  return network;
}

// Pairs (a, w), (a, −w) from output weights and the pairs' first directions, in the network's
// memory.
void set_mirrored_pairs(Network& network, const Eigen::Ref<const Vector>& a, const Matrix& W) {
  network.a.resize(2 * a.size());
  network.W.resize(2 * W.rows(), W.cols());
  for (Index i = 0; i < a.size(); ++i) {
    network.a.segment<2>(2 * i).setConstant(a[i]);
    network.W.row(2 * i) = W.row(i);
    network.W.row(2 * i + 1) = -W.row(i);
  }
}

Network mirrored_pairs(const Vector& a, const Matrix& W) {
  Network network;
  set_mirrored_pairs(network, a, W);
  return network;
}

Neurons moved(const Neurons& neurons, const Gradient& gradient, double step) {
  return {{neurons.one.a - (step * neurons.copies) * gradient.a, neurons.one.W - step * gradient.W},
          neurons.copies};
}

// Each group of neurons within the angle as one (merge_groups), with the mass of the group's sum
// and the proportion of Σ |a_i| to Σ ‖w_i‖: parallel neurons then go on as they would have gone
// (docs/math.md, 4.6), which balancing would change. Neurons without mass are left out.
Neurons merged_in_proportion(const Neurons& neurons, double angle_deg) {
  const Network& network = neurons.one;
  const std::vector<MergeGroup> groups = merge_groups(network, angle_deg);
  const auto count = static_cast<Index>(groups.size());
  Network result{Vector(count), Matrix(count, network.W.cols())};
  for (Index g = 0; g < count; ++g) {
    const auto& [members, sum] = groups[static_cast<std::size_t>(g)];
    double sum_a = 0.0;
    double sum_w = 0.0;
    for (const Index i : members) {
      sum_a += std::abs(network.a[i]);
      sum_w += network.W.row(i).stableNorm();
    }
    const double mass = sum.stableNorm();
    const double proportion = sum_a / sum_w;
    result.a[g] = std::copysign(std::sqrt(mass * proportion), network.a[members.front()]);
    result.W.row(g) = sum.transpose() / std::sqrt(mass * proportion);
  }
  return {std::move(result), neurons.copies};
}

// What a step moves of a network: one neuron of each mirrored pair, or every neuron.
Neurons as_moved(const Network& network) {
  if (in_mirrored_pairs(network)) return {one_of_each_pair(network), 2.0};
  return {network, 1.0};
}

// What the steps of stage 3 know of a place they came to.
struct Point {
  Neurons neurons;
  Evaluation evaluation;
  double squared_norm;  // ‖θ‖²

  Point(const Objective& objective, Neurons at)
      : neurons(std::move(at)),
        evaluation(objective.evaluate(neurons.one)),
        squared_norm(neurons.squared_norm()) {}

  double loss() const { return evaluation.loss; }
};

Record record_at(const Objective& objective, const Point& point, double lambda) {
  Record record;
  record.loss = objective.loss(point.neurons.one);
  record.penalized_loss = penalized_loss(record.loss, point.squared_norm, lambda);
  record.gradient_norm =
      std::sqrt(Gradient(point.evaluation, point.neurons, lambda).squared_norm());
  return record;
}

// Rising whole numbers in words: "0 to 2, 5".
std::string ranges_text(const std::vector<long>& numbers) {
  std::string text;
  for (std::size_t first = 0; first < numbers.size();) {
    std::size_t last = first;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += ", ";
    text += last == first ? fmt::format("{}", numbers[first])
                          : fmt::format("{} to {}", numbers[first], numbers[last]);
    first = last + 1;
  }
  return text;
}

// The run of one algorithm: the stages below read as in docs/math.md, section 4.
class Run {
 public:
  Run(const Objective& objective, const Algorithm1Options& options, Algorithm1State& state,
      const Observer& observer)
      : objective_(objective),
        options_(options),
        state_(state),
        observer_(observer),
        target_loss_(options.target_loss(objective)),
        epochs_cut_(state.epochs_cut) {}

  Algorithm1Result operator()() {
    if (state_.stage == Stage::done) finish_schedule("the run had come to its end");
    if (state_.stage == Stage::start) {
      state_.network = symmetric_start(options_.width, objective_.dimension(), options_.seed);
      state_.stage = Stage::early_features;
    }
    if (state_.stage == Stage::early_features && target_is_affine(objective_)) {
      finish_without_neurons("the target is its linear part, up to rounding: it has no features");
    } else if (state_.stage == Stage::early_features && objective_.null_loss() <= target_loss_) {
      finish_without_neurons(
          phrase("the linear part alone reaches the loss {}: no features are needed (a smaller "
                 "{tolerance} or {absolute_tolerance} would look for some)",
                 fmt::format("{:.3g}", target_loss_)));
    }
    if (state_.stage == Stage::early_features && !stopped_) early_feature_learning();
    if (state_.stage == Stage::fit_and_balance && !stopped_) fit_and_balance();
    if (state_.stage == Stage::late_features && !stopped_) late_feature_learning();
    result_.epochs_cut = epochs_cut_;
    return result_;
  }

 private:
  // Stage 1: one gradient step on W with weight decay λ_0 = 1/η_0, which leaves W¹ = −η_0 ∇_W
  // L(θ⁰). Stage 2 uses the rows' directions alone; η_0 makes the longest row a unit vector.
  void early_feature_learning() {
    // f = 0, so the gradient of neuron i is a_i times the target's field at its direction: opposite
    // for the two of a pair, which have one direction and opposite output weights.
    const Network& start = state_.network;
    const Network nothing = Network::empty(objective_.dimension());
    Matrix gradient = objective_.residual(nothing)->correlate(first_of_each_pair(start.W)).gradient;
    for (Index i = 0; i < gradient.rows(); ++i) gradient.row(i) *= start.a[2 * i];
    ++state_.evaluations;
    const double longest = gradient.rowwise().norm().maxCoeff();
    if (!(longest > 0.0)) {
      finish_without_neurons("the target has no part beyond its linear part that one step can see");
      return;
    }
    state_.network.W = mirrored_pairs(Vector::Zero(gradient.rows()), -gradient / longest).W;
    state_.lambda = longest;
    ++state_.steps;
    state_.stage = Stage::fit_and_balance;
    record(evaluate({state_.network}), Stage::early_features, true);
  }

  // Stage 2: the output weights of unit directions by ridge regression, then balance. Where λ_start
  // is not given it comes from the measured gap.
  void fit_and_balance() {
    const Matrix directions = unit_directions(first_of_each_pair(state_.network.W));
    const FeatureGram gram = objective_.feature_gram(directions);
    const auto fit = [&](const std::vector<double>& lambdas) {
      std::vector<Network> fitted;
      for (Vector& a : pair_amplitudes(gram, lambdas)) {
        // Balanced before it is mirrored: a norm's last bit may depend on where its row lies.
        Network half{std::move(a), directions};
        balance(half);
        fitted.push_back(mirrored_pairs(half.a, half.W));
      }
      return fitted;
    };
    const AscentOptions ascent = search::for_a_start(options_.seed);

    double lambda = options_.lambda_start;
    if (lambda == 0.0) {
      const double best = best_rung(fit, directions, ascent);
      if (stopped_) return;
      lambda = options_.lambda_start_factor * best;
    }
    Network network = std::move(fit({lambda}).front());
    const double gap =
        estimate_certificate(objective_, one_of_each_pair(network), lambda, ascent).gap;
    state_.network = std::move(network);
    state_.lambda_start = lambda;
    state_.starting_gap = gap;
    state_.lambda = lambda;
    state_.stage = Stage::late_features;
    record(evaluate(as_moved(state_.network)), Stage::fit_and_balance, true);
    state_.lambda = options_.schedule.lambda(0, state_.lambda_start).value();
  }

  // The rung of the ladder λ_max / 2, λ_max / 4, ... where the fit's relative gap is smallest.
  // Above it the penalty hides what the target holds, below it the fit is far from the optimum of
  // P_λ.
  template <class Fit>
  double best_rung(const Fit& fit, const Matrix& directions, const AscentOptions& ascent) {
    const Network zero{Vector::Zero(directions.rows()), directions};
    const double lambda_max = estimate_supremum(*objective_.residual(zero), zero, ascent).value;
    const AscentOptions quick = search::for_a_rung(options_.seed);
    double smallest_gap = HUGE_VAL;
    double best = lambda_max;
    std::vector<double> lambdas;
    std::vector<Network> fitted;
    for (int rung = 1; rung <= 30; ++rung) {
      if (observer_.should_stop && observer_.should_stop()) {
        finish(Status::interrupted, "stopped on request");
        break;
      }
      if (lambdas.empty()) {
        // One for each thread, up to four: the last ones may turn out not to be needed.
        for (int i = 0; i < std::min(threads(), most_rungs_at_once); ++i) {
          lambdas.push_back(std::ldexp(lambda_max, -(rung + i)));
        }
        fitted = fit(lambdas);
        std::reverse(lambdas.begin(), lambdas.end());
        std::reverse(fitted.begin(), fitted.end());
      }
      const double lambda = lambdas.back();
      const double gap =
          estimate_certificate(objective_, one_of_each_pair(fitted.back()), lambda, quick)
              .relative_gap;
      lambdas.pop_back();
      fitted.pop_back();
      if (gap < smallest_gap) {
        smallest_gap = gap;
        best = lambda;
      } else if (rung > 3 && lambda < 0.25 * best) {
        break;
      }
    }
    return best;
  }

  // Stage 3: gradient descent on both layers, epoch after epoch with less weight decay.
  void late_feature_learning() {
    Point current(objective_, as_moved(state_.network));
    if (state_.step == 0.0) {
      state_.step = options_.step > 0.0 ? options_.step : first_step(current.squared_norm);
    }
    while (!stopped_) {
      epochs_cut_ = state_.epochs_cut;
      if (descend(current)) epochs_cut_.push_back(state_.epoch);
      // The state counts the epoch when the next one begins: a run that goes on from here comes to
      // the same end of it once more.
      if (stopped_) return;
      const double loss = record(current, Stage::late_features, true);
      if (stopped_) return;
      if (loss <= target_loss_) {
        finish_schedule(fmt::format("the loss reached {:.3g}", target_loss_));
        break;
      }
      const std::optional<double> next =
          options_.schedule.lambda(state_.epoch + 1, state_.lambda_start);
      if (!next || *next < options_.lambda_end) {
        finish_schedule("the schedule of weight decay came to its end");
        break;
      }
      if (options_.schedule.kind == Schedule::Kind::halving &&
          *next < smallest_lambda_share * state_.lambda_start) {
        finish_schedule(
            "the weight decay came down to where rounding hides its effect on the gradient");
        break;
      }
      if (options_.merge_tolerance > 0.0) merge(current, loss);
      ++state_.epoch;
      state_.epochs_cut = epochs_cut_;
      state_.epoch_steps = 0;
      state_.recent.clear();
      state_.lambda = *next;
    }
    state_.epochs_cut = epochs_cut_;
    state_.stage = Stage::done;
  }

  void finish_schedule(const std::string& why) {
    stopped_ = true;
    result_ = end_of_schedule(why, epochs_cut_, state_, options_);
  }

  // One epoch: gradient steps at constant λ until the gradient is small against the weight decay.
  // True where its budget of steps ended it.
  bool descend(Point& current) {
    Gradient gradient(current.evaluation, current.neurons, state_.lambda);
    while (true) {
      if (epoch_is_over(gradient, current)) return false;
      if (state_.epoch_steps >= single_epoch_steps()) return true;
      if (state_.steps >= options_.max_steps) {
        finish(Status::budget,
               phrase("the budget of {} gradient steps is used up; raise it with {max_steps}",
                      options_.max_steps));
        return false;
      }
      if (!step(current, gradient)) return false;
      // The record comes before on_step, which may save the state: a resumed run must not miss it.
      if (state_.steps % options_.record_every == 0) record(current, Stage::late_features, false);
      if (stopped_) return false;
      if (observer_.on_step && !observer_.on_step(state_)) {
        finish(Status::interrupted, "stopped on request");
        return false;
      }
    }
  }

  // By its own criterion.
  bool epoch_is_over(const Gradient& gradient, const Point& current) const {
    if (options_.schedule.kind == Schedule::Kind::none || state_.lambda == 0.0) {
      return current.loss() <= target_loss_;
    }
    const double norm = std::sqrt(gradient.squared_norm());
    const double decay = state_.lambda * std::sqrt(current.squared_norm);
    const bool constant = options_.schedule.kind == Schedule::Kind::constant;
    // A constant schedule has no next epoch to hurry to: it goes on to a stationary point.
    const double tolerance = constant ? 1e-7 * options_.epoch_tolerance : options_.epoch_tolerance;
    return norm <= tolerance * decay || (!constant && stagnates());
  }

  bool stagnates() const {
    if (state_.recent.size() < memory) return false;
    const double now = state_.recent.back();
    return state_.recent.front() - now <= options_.stagnation * now;
  }

  long single_epoch_steps() const {
    const bool single = options_.schedule.kind == Schedule::Kind::constant ||
                        options_.schedule.kind == Schedule::Kind::none;
    return single ? options_.max_steps : options_.max_epoch_steps;
  }

  // θ ← θ − η∇L_λ. With the automatic step, a trial that fails the approximate Wolfe condition is
  // taken back and η shrinks (docs/math.md, 4.4). False when the run cannot go on.
  bool step(Point& current, Gradient& gradient) {
    const bool automatic = options_.step == 0.0;
    const double squared = gradient.squared_norm();
    for (int attempt = 0; attempt < 60; ++attempt) {
      Point trial = evaluate(moved(current.neurons, gradient, state_.step));
      Gradient next_gradient(trial.evaluation, trial.neurons, state_.lambda);
      const double slope = next_gradient.dot(gradient);
      const double after = penalized_loss(trial.loss(), trial.squared_norm, state_.lambda);
      const bool finite = std::isfinite(slope) && std::isfinite(trial.loss());
      if (!automatic && !(finite && stays_bounded(after))) break;
      const bool steep = slope >= -(1.0 - 2.0 * sufficient_decrease) * squared;
      const double before = penalized_loss(current.loss(), current.squared_norm, state_.lambda);
      if (!automatic || (finite && descends(before, after, steep, squared))) {
        remember(after);
        current = std::move(trial);
        gradient = std::move(next_gradient);
        publish(current.neurons);
        ++state_.steps;
        ++state_.epoch_steps;
        if (automatic) state_.step *= step_growth;
        return true;
      }
      state_.step *= step_shrink;
    }
    const Message advice =
        automatic ? "no step size decreases the loss any more; the last good state is kept"
                  : phrase(
                        "the loss left the range of float64 with step {}; use {step} auto or a "
                        "smaller step",
                        fmt::format("{:.3g}", options_.step));
    finish(Status::diverged, advice);
    return false;
  }

  // Neurons that have come together go on as one, by the largest of a ladder of angles that hardly
  // changes L (docs/math.md, 4.6).
  void merge(Point& current, double loss) {
    for (double angle_deg = largest_merge_deg; angle_deg > 0.005; angle_deg *= 0.5) {
      Neurons candidate = merged_in_proportion(current.neurons, angle_deg);
      const Index width = candidate.one.width();
      if (width == 0 || width == current.neurons.one.width()) return;
      if (std::abs(objective_.loss(candidate.one) - loss) <= options_.merge_tolerance * loss) {
        current = evaluate(std::move(candidate));
        publish(current.neurons);
        return;
      }
    }
  }

  // Whether a trial is good enough. A smooth objective asks for the slope test and, against far
  // jumps that happen to pass it, for a loss that does not grow beyond rounding. With kinks the
  // slope at the trial says little, and a step that crosses one may rise for once: there the loss
  // must be below the largest of the last few.
  bool descends(double before, double after, bool slope_test, double squared_gradient) const {
    if (objective_.smooth()) return slope_test && after <= before + 1e-10 * objective_.null_loss();
    double reference = before;
    const std::size_t count = std::min(state_.recent.size(), nonmonotone);
    for (std::size_t i = state_.recent.size() - count; i < state_.recent.size(); ++i) {
      reference = std::max(reference, state_.recent[i]);
    }
    return after <= reference - sufficient_decrease * state_.step * squared_gradient;
  }

  // A step set by hand has blown up once the loss is far above that of a network without neurons.
  bool stays_bounded(double penalized_loss) const {
    return penalized_loss <= blow_up_factor * objective_.null_loss();
  }

  void remember(double penalized_loss) {
    if (objective_.smooth()) return;
    if (state_.recent.size() == memory) state_.recent.erase(state_.recent.begin());
    state_.recent.push_back(penalized_loss);
  }

  // 1/(a bound on the largest curvature): ‖J‖² <= ½ Σ (a_i² + ‖w_i‖²) for whitened inputs.
  static double first_step(double squared_norm) {
    return squared_norm > 0.0 ? 1.0 / squared_norm : 1.0;
  }

  // For each λ the output weights of pairs whose first directions `gram` is of. Two neurons with
  // output weight a count as one with 2a, at the price λ/2 (2a²): a ridge of λ/2 for 2a.
  static std::vector<Vector> pair_amplitudes(const FeatureGram& gram,
                                             const std::vector<double>& lambdas) {
    std::vector<double> ridges;
    for (const double lambda : lambdas) ridges.push_back(0.5 * lambda);
    std::vector<Vector> amplitudes = solve_ridges(gram, ridges);
    for (Vector& a : amplitudes) a *= 0.5;
    return amplitudes;
  }

  // Back into the state, where the network is whole.
  void publish(const Neurons& neurons) {
    if (neurons.copies == 1.0) {
      state_.network = neurons.one;
    } else {
      set_mirrored_pairs(state_.network, 0.5 * neurons.one.a, neurons.one.W);
    }
  }

  Point evaluate(Neurons neurons) {
    ++state_.evaluations;
    return {objective_, std::move(neurons)};
  }

  // Reports the state, which is at the point; returns the loss that was reported.
  double record(const Point& point, Stage stage, bool end_of_epoch) {
    Record line = record_at(objective_, point, state_.lambda);
    line.stage = stage;
    line.end_of_epoch = end_of_epoch;
    if (observer_.on_record && !observer_.on_record(state_, line)) {
      finish(Status::interrupted, "stopped on request");
    }
    return line.loss;
  }

  void finish_without_neurons(Message message) {
    state_.network.a.setZero();
    state_.network.W.setZero();
    state_.stage = Stage::done;
    finish(Status::converged, std::move(message));
  }

  void finish(Status status, Message message) {
    stopped_ = true;
    result_ = {status, std::move(message), {}};
  }

  // δ of the sufficient decrease, and how the automatic step grows and shrinks.
  static constexpr double sufficient_decrease = 0.1;
  static constexpr double step_growth = 1.02;
  static constexpr double step_shrink = 0.7;
  static constexpr int most_rungs_at_once = 4;
  static constexpr double smallest_lambda_share = 1e-11;
  static constexpr double blow_up_factor = 10.0;
  static constexpr double largest_merge_deg = 2.0;  // what L does not show yet may part further
  static constexpr std::size_t nonmonotone = 10;    // losses a step over kinks is compared with
  static constexpr std::size_t memory = 100;        // losses that show whether an epoch stagnates

  const Objective& objective_;
  const Algorithm1Options& options_;
  Algorithm1State& state_;
  const Observer& observer_;
  double target_loss_;
  std::vector<long> epochs_cut_;
  Algorithm1Result result_;
  bool stopped_ = false;
};

}  // namespace

Algorithm1Result end_of_schedule(const std::string& why, std::vector<long> epochs_cut,
                                 const Algorithm1State& state, const Algorithm1Options& options) {
  if (epochs_cut.empty()) return {Status::converged, why, {}};
  Message message = phrase(
      "{}, but {} of {} epochs ({}, counted from 0) ended by their budget of {} steps before their "
      "gradient was small; raise it with {max_epoch_steps}",
      why, epochs_cut.size(), state.epoch + 1, ranges_text(epochs_cut), options.max_epoch_steps);
  return {Status::budget, std::move(message), std::move(epochs_cut)};
}

double Algorithm1Options::target_loss(const Objective& objective) const {
  return absolute_tolerance > 0.0 ? absolute_tolerance : tolerance * objective.null_loss();
}

void Algorithm1Options::validate() const {
  require_in(Limits::width, "width", width);
  if (schedule.kind == Schedule::Kind::list && schedule.values.empty()) {
    throw InvalidArgument("schedule", "a list", "must hold at least one weight decay");
  }
  for (const double value : schedule.values) {
    require_in(Limits::schedule_value, "schedule", value);
  }
  require_in_or_zero(Limits::lambda_start, "lambda_start", lambda_start);
  require_in(Limits::lambda_end, "lambda_end", lambda_end);
  require_in(Limits::lambda_factor, "lambda_factor", schedule.factor);
  require_in(Limits::lambda_start_factor, "lambda_start_factor", lambda_start_factor);
  require_in_or_zero(Limits::step, "step", step);
  require_in(Limits::tolerance, "tolerance", tolerance);
  require_in(Limits::absolute_tolerance, "absolute_tolerance", absolute_tolerance);
  require_in(Limits::epoch_tolerance, "epoch_tolerance", epoch_tolerance);
  require_in(Limits::stagnation, "stagnation", stagnation);
  require_in(Limits::merge_tolerance, "merge_tolerance", merge_tolerance);
  if (merge_tolerance > 0.0 &&
      (schedule.kind == Schedule::Kind::constant || schedule.kind == Schedule::Kind::none)) {
    throw InvalidArgument("merge_tolerance", number_text(merge_tolerance),
                          "must be 0 with a schedule of one epoch: neurons merge between epochs");
  }
  require_in(Limits::max_epoch_steps, "max_epoch_steps", max_epoch_steps);
  require_in(Limits::max_steps, "max_steps", max_steps);
  require_in(Limits::record_every, "record_every", record_every);
}

Network symmetric_start(Index width, Index dimension, std::uint64_t seed) {
  Network network{Vector(width), Matrix(width, dimension)};
  const RandomStream stream(seed, "start");
  const double scale = 1.0 / std::sqrt(static_cast<double>(width));
  Matrix directions(width / 2, dimension);
  for (Index i = 0; i < directions.size(); ++i) {
    directions.data()[i] = stream.normal(static_cast<std::uint64_t>(i));
  }
  directions = scale * unit_directions(directions);
  for (Index i = 0; i < width / 2; ++i) {
    network.a[2 * i] = scale;
    network.a[2 * i + 1] = -scale;
    network.W.row(2 * i) = directions.row(i);
    network.W.row(2 * i + 1) = directions.row(i);
  }
  return network;
}

Record training_record(const Objective& objective, const Network& network, double lambda) {
  Record record = record_at(objective, Point(objective, as_moved(network)), lambda);
  record.stage = Stage::late_features;
  return record;
}

Algorithm1Result run_algorithm1(const Objective& objective, const Algorithm1Options& options,
                                Algorithm1State& state, const Observer& observer) {
  options.validate();
  return Run(objective, options, state, observer)();
}

}  // namespace lodestone
