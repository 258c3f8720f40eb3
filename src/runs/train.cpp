#include "lodestone/runs/train.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "certify/search_effort.hpp"
#include "core/collectives.hpp"
#include "core/phrase.hpp"
#include "lodestone/core/stopwatch.hpp"
#include "lodestone/version.hpp"

namespace lodestone {
namespace {

Index active_neurons(const Network& network) {
  const Vector mass = masses(network);
  return (mass.array() > 1e-6 * mass.sum()).count();
}

// Over the rows of a data set, by their weights.
double mean_square(const Vector& values, const Dataset& data) {
  if (data.weights.size() == 0) return values.squaredNorm() / static_cast<double>(values.size());
  return values.cwiseAbs2().dot(data.weights) / data.weights.sum();
}

double mean_squared_error(const Model& model, const Dataset& data) {
  return mean_square(model.predict(data.X) - data.y, data);
}

// Features as a predictor in original units.
Model model_of(const Problem& problem, const Network& network) {
  Model model = to_original_units(network, problem.objective->affine(network), problem.biases,
                                  problem.standardization);
  model.columns = problem.columns;
  model.encodings = problem.encodings;
  model.imputations = problem.imputations;
  model.target = problem.target;
  model.ranges = problem.ranges;
  return model;
}

// Whether the error over the teacher's population can be had in closed form.
bool has_exact_test(const Problem& problem) {
  return problem.teacher && problem.training_rows > 0 && !problem.biases &&
         problem.standardization.kind == Standardization::Kind::none;
}

// E (f − f_*)² over x ~ N(0, I): the part beyond the affine one from the population objective, and
// what α and β miss of their optimum there. The model's features have no biases here.
TestError test_on_population(const Teacher& teacher, const Model& model) {
  const auto count = static_cast<Index>(model.features.size());
  Network network{Vector(count), Matrix(count, teacher.dimension())};
  for (Index i = 0; i < count; ++i) {
    network.a[i] = model.features[static_cast<std::size_t>(i)].amplitude;
    network.W.row(i) = model.features[static_cast<std::size_t>(i)].direction;
  }
  const PopulationObjective population(teacher);
  const Affine best = population.affine(network);
  const double mean_square = 2.0 * population.loss(network) +
                             std::pow(model.affine.alpha - best.alpha, 2) +
                             (model.affine.beta - best.beta).squaredNorm();
  TestError result;
  result.rmse = std::sqrt(mean_square);
  result.relative_error = mean_square / target_variance(teacher);
  result.r2 = 1.0 - result.relative_error;
  return result;
}

// A direction where |η| is above 1 although no neuron is near: what it would teach was lost,
// because neurons that have decayed to zero do not grow again (docs/math.md, 4.5).
std::optional<Warning> lost_direction_warning(const Certificate& certificate,
                                              const Network& network) {
  constexpr double clearly_above = 1.2;
  constexpr double nearby_deg = 10.0;
  if (certificate.sup_eta <= clearly_above) return std::nullopt;
  const Vector mass = masses(network);
  for (Index i = 0; i < network.width(); ++i) {
    if (mass[i] > 1e-4 * mass.sum() &&
        angle_between_lines_deg(network.W.row(i), certificate.direction) < nearby_deg) {
      return std::nullopt;
    }
  }
  return Warning{
      "lost_feature",
      phrase("the target still pulls (|eta| = {} > 1) in a direction more than {} degrees from "
             "every neuron: a feature was probably lost; start from a smaller {lambda_start}, or "
             "use a larger {width}",
             fmt::format("{:.3g}", certificate.sup_eta), nearby_deg)};
}

// Processes have clocks and signals of their own; what one of them saw counts for all.
std::pair<bool, bool> agreed(Communicator* processes, bool stop, bool late) {
  if (processes == nullptr) return {stop, late};
  for (const std::vector<double>& other :
       gather_numbers(*processes, {stop ? 1.0 : 0.0, late ? 1.0 : 0.0})) {
    stop = stop || other[0] > 0.0;
    late = late || other[1] > 0.0;
  }
  return {stop, late};
}

// A bound on the angles that costs a run about a second at the most: the search and the proof of
// the margin grow with the number of teachers.
RecoveryBoundOptions quick_bound(std::uint64_t seed) {
  RecoveryBoundOptions options;
  options.max_cells = 50'000;
  options.most_teachers = 12;
  options.seed = seed;
  return options;
}

}  // namespace

TrainResult train(const Problem& problem, const TrainOptions& options, TrainState& state,
                  const TrainObserver& observer) {
  const Objective& objective = *problem.objective;
  const Stopwatch stopwatch;
  const double seconds_before = state.seconds;
  const auto seconds = [&] { return seconds_before + stopwatch.seconds(); };
  bool out_of_time = false;
  bool out_of_patience = false;

  Algorithm1State& algorithm = state.algorithm;
  if (algorithm.stage == Stage::start) {
    const Index inputs = problem.standardization.map.rows();
    if (problem.training_rows == 0 && objective.dimension() < inputs) {
      // The same start as without the reduction to the span.
      algorithm.network =
          transformed(symmetric_start(options.algorithm.width, inputs, options.algorithm.seed),
                      problem.standardization.map);
      algorithm.stage = Stage::early_features;
    }
  }

  Observer watch;
  watch.on_record = [&](const Algorithm1State& now, const Record& record) {
    HistoryRow row;
    row.step = now.steps;
    row.stage = record.stage;
    row.epoch = now.epoch;
    row.lambda = now.lambda;
    row.loss = record.loss;
    row.penalized_loss = record.penalized_loss;
    row.gradient_norm = record.gradient_norm;
    row.neurons = active_neurons(now.network);
    row.end_of_epoch = record.end_of_epoch;
    if (row.end_of_epoch && !state.history.empty()) {
      // A run taken up at the end of an epoch comes to it once more.
      const HistoryRow& last = state.history.back();
      if (last.end_of_epoch && last.step == row.step && last.epoch == row.epoch &&
          last.stage == row.stage) {
        return true;
      }
    }
    if (problem.teacher) {
      const Recovery recovery = measure_recovery(*problem.teacher, problem.to_inputs(now.network));
      row.mean_angle_deg = recovery.mean_angle_deg;
      row.max_angle_deg = recovery.max_angle_deg;
      row.far_mass = recovery.far_mass;
    }
    if (problem.validation && record.end_of_epoch && row.stage == Stage::late_features) {
      const double unit = problem.standardization.target_scale;
      row.validation_error =
          mean_squared_error(model_of(problem, now.network), *problem.validation) / (unit * unit);
      if (row.validation_error < state.best.validation_error) {
        state.best = {row.validation_error, now.lambda, now.epoch, now.network};
        state.epochs_without_improvement = 0;
      } else if (++state.epochs_without_improvement >= options.patience) {
        out_of_patience = true;
      }
    }
    if (has_exact_test(problem) && record.end_of_epoch) {
      row.test_error =
          test_on_population(*problem.teacher, model_of(problem, now.network)).relative_error;
    }
    row.seconds = seconds();
    state.history.push_back(row);
    if (observer.on_row) observer.on_row(row, now.network);
    return !out_of_patience;
  };
  watch.should_stop = [&] {
    const bool asked = observer.should_stop && observer.should_stop();
    const auto [stop, late] =
        agreed(problem.processes, asked, stopwatch.seconds() >= options.max_seconds);
    out_of_time = late && !stop;
    return stop || late;
  };
  watch.on_step = [&](const Algorithm1State&) {
    state.seconds = seconds();
    if (observer.on_step && !observer.on_step(state)) return false;
    return !watch.should_stop();
  };

  const Algorithm1Result run = run_algorithm1(objective, options.algorithm, algorithm, watch);

  TrainResult result;
  result.warnings = problem.warnings;
  result.status = run.status;
  result.message = run.message;
  if (out_of_time) {
    result.status = Status::budget;
    result.message = phrase("the budget of {} seconds is used up", options.max_seconds);
  }
  result.network = algorithm.network;
  result.lambda = algorithm.lambda;
  const bool chosen = problem.validation && state.best.network.width() > 0;
  if (chosen) {
    result.network = state.best.network;
    result.lambda = state.best.lambda;
  }
  if (out_of_patience) {
    algorithm.stage = Stage::done;
    const std::string why = fmt::format(
        "the validation error was smallest at lambda {:.3g} and has not improved for {} epochs; "
        "that network is kept",
        result.lambda, options.patience);
    algorithm.epochs_cut = run.epochs_cut;
    const Algorithm1Result end = end_of_schedule(why, run.epochs_cut, algorithm, options.algorithm);
    result.status = end.status;
    result.message = end.message;
  }

  const Record last = training_record(objective, result.network, result.lambda);
  result.loss = last.loss;
  result.penalized_loss = last.penalized_loss;
  result.gradient_norm = last.gradient_norm;

  auto [feature_network, angle] = coarsest_merge(objective, result.network);
  result.merge_angle_deg = angle;
  result.model = model_of(problem, feature_network);
  result.model.provenance = {version,
                             "train",
                             problem.source,
                             options.algorithm.seed,
                             result.lambda,
                             result.lambda * problem.standardization.target_scale,
                             problem.training_rows};
  result.neurons = neurons_in_original_units(result.network, objective.affine(result.network),
                                             problem.biases, problem.standardization);
  result.neurons.columns = problem.columns;
  result.neurons.target = problem.target;
  result.neurons.provenance = result.model.provenance;

  if (result.lambda > 0.0 && algorithm.stage >= Stage::late_features) {
    result.certificate = estimate_certificate(objective, result.network, result.lambda,
                                              search::for_a_result(options.algorithm.seed));
    // Away from a stationary point |η| above 1 only says that training is not done.
    const double decay = result.lambda * std::sqrt(squared_norm(result.network));
    const bool stationary = result.gradient_norm <= 2.0 * options.algorithm.epoch_tolerance * decay;
    const auto warning = lost_direction_warning(*result.certificate, result.network);
    if (stationary && warning) result.warnings.push_back(*warning);
    if (result.certificate->search_failed) {
      result.warnings.push_back(
          {"search_failed", "the search for sup |eta| missed it: the gap is not to be trusted"});
    }
  }
  if (problem.training_rows > 0 && !problem.validation && options.validation_share > 0.0) {
    result.warnings.push_back({"few_rows",
                               "too few rows to keep some aside for choosing lambda: the last "
                               "epoch's network is taken"});
  }
  if (problem.teacher) {
    result.recovery = measure_recovery(*problem.teacher, problem.to_inputs(result.network));
    result.early_condition_number = early_condition_number(*problem.teacher);
    if (*result.early_condition_number > 1e6) {
      result.warnings.push_back({"singular_teacher",
                                 "H = sum of a w w^T is (nearly) singular on the teachers' span: "
                                 "one gradient step cannot see every direction of this teacher"});
    }
    if (has_exact_test(problem)) {
      result.test = test_on_population(*problem.teacher, result.model);
    }
  }
  if (problem.teacher && problem.training_rows == 0 && result.certificate) {
    result.recovery_bound = bound_recovery(
        *problem.teacher,
        {result.lambda, result.loss, objective.null_loss(), masses(result.network).sum(),
         result.certificate->gap, result.certificate->kind},
        quick_bound(options.algorithm.seed));
  }
  if (problem.test) result.test = test_error(result.model, *problem.test);
  state.seconds = seconds();
  return result;
}

}  // namespace lodestone
