#include "lodestone/runs/flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/phrase.hpp"
#include "io/csv_record.hpp"
#include "io/json_record.hpp"
#include "io/json_text.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/instruction_set.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/core/stopwatch.hpp"
#include "lodestone/io/config/option.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/table.hpp"
#include "lodestone/version.hpp"

namespace lodestone {
namespace {

std::unique_ptr<Objective> flow_objective(const FlowRequest& request, const Teacher& teacher) {
  if (request.samples == 0) return std::make_unique<PopulationObjective>(teacher);
  Dataset rows = draw_samples(teacher, request.samples, request.noise, request.seed);
  SampleData data;
  data.X = std::move(rows.X);
  data.y = std::move(rows.y);
  return std::make_unique<SampleObjective>(std::move(data));
}

Index count_of(const Flow& flow, FlowEvent::Kind kind) {
  return std::count_if(flow.events.begin(), flow.events.end(),
                       [&](const FlowEvent& event) { return event.kind == kind; });
}

FlowSummary summary_of(const FlowProblem& problem, const FlowRequest& request, const Flow& flow) {
  const FlowRow& last = flow.history.back();
  FlowSummary summary;
  summary.status = flow.status;
  summary.objective = request.samples > 0 ? "sample" : "population";
  summary.samples = request.samples;
  summary.seed = request.seed;
  summary.lambda = request.how.lambda;
  summary.time = last.time;
  summary.loss = last.loss;
  summary.penalized_loss = last.penalized_loss;
  summary.null_loss = problem.objective->null_loss();
  summary.gradient_norm = last.gradient_norm;
  summary.steps = flow.steps;
  summary.evaluations = flow.evaluations;
  summary.neurons = problem.start.width();
  summary.living = last.living;
  summary.groups = last.groups;
  summary.deaths = count_of(flow, FlowEvent::Kind::death);
  summary.merges = count_of(flow, FlowEvent::Kind::merge);
  summary.plateaus = count_of(flow, FlowEvent::Kind::plateau_begins);
  for (const FlowRow& row : flow.history) {
    summary.balance_error = std::max(summary.balance_error, row.balance_error);
    summary.energy_error = std::max(summary.energy_error, row.energy_error);
  }
  return summary;
}

NamedArray array_of(const std::string& name, std::vector<Index> shape) {
  NamedArray array{name, std::move(shape), {}};
  Index size = 1;
  for (const Index extent : array.shape) size *= extent;
  array.values.reserve(static_cast<std::size_t>(size));
  return array;
}

void append(NamedArray& array, const Matrix& values) {
  array.values.insert(array.values.end(), values.data(), values.data() + values.size());
}

// What order.npz holds.
std::vector<NamedArray> order_arrays(const FlowProblem& problem, const Flow& flow) {
  const auto R = static_cast<Index>(flow.history.size());
  const Index m = problem.start.width();
  const Index d = problem.start.W.cols();
  NamedArray time = array_of("time", {R});
  NamedArray a = array_of("a", {R, m});
  NamedArray W = array_of("W", {R, m, d});
  NamedArray mass = array_of("mass", {R, m});
  NamedArray Q = array_of("Q", {R, m, m});
  NamedArray M = array_of("M", {R, m, problem.teacher.neurons()});
  for (std::size_t i = 0; i < flow.history.size(); ++i) {
    const Network& network = flow.networks[i];
    time.values.push_back(flow.history[i].time);
    append(a, network.a);
    append(W, network.W);
    append(mass, masses(network));
    append(Q, network.W * network.W.transpose());
    append(M, network.W * problem.teacher.directions.transpose());
  }
  return {std::move(time), std::move(a), std::move(W), std::move(mass), std::move(Q), std::move(M)};
}

}  // namespace

void FlowRequest::validate() const {
  if (teacher.empty()) {
    throw InvalidArgument("teacher", "nothing", "give a teacher.json or random:d=8,k=3");
  }
  require_in(Limits::samples, "samples", samples);
  require_in(Limits::noise, "noise", noise);
  if (noise > 0.0 && samples == 0) {
    throw InvalidArgument("noise", number_text(noise),
                          Message::pattern("a population has no noise; give {samples} as well"));
  }
  require_in(Limits::width, "width", width);
  require_in(Limits::init_scale, "init_scale", init_scale);
  require_in(Limits::max_seconds, "max_seconds", max_seconds);
  how.validate();
}

Network read_start(const std::string& file) {
  const Model model = file.ends_with(".npz") ? read_network_arrays(file) : read_model(file);
  if (model.biases || model.output_count() > 1) {
    throw InvalidArgument("init", "'" + file + "'",
                          "a teacher's network has no biases and one output");
  }
  return to_standardized(model).network;
}

FlowProblem make_flow_problem(const FlowRequest& request, const Teacher& teacher,
                              std::optional<Network> start) {
  request.validate();
  FlowProblem problem{teacher, flow_objective(request, teacher), {}};
  if (start) {
    problem.start = std::move(*start);
    if (problem.start.W.cols() != teacher.dimension()) {
      throw InvalidArgument("init", fmt::format("a network on {} inputs", problem.start.W.cols()),
                            fmt::format("the teacher has {}", teacher.dimension()));
    }
  } else {
    problem.start = symmetric_start(request.width, teacher.dimension(), request.seed);
    problem.start.a *= request.init_scale;
    problem.start.W *= request.init_scale;
  }
  return problem;
}

FlowResult run_flow(const FlowProblem& problem, const FlowRequest& request,
                    const FlowObserver& observer) {
  request.validate();
  const Stopwatch stopwatch;
  bool out_of_time = false;
  FlowObserver watch = observer;
  watch.should_stop = [&] {
    if (observer.should_stop && observer.should_stop()) return true;
    out_of_time = stopwatch.seconds() >= request.max_seconds;
    return out_of_time;
  };
  FlowResult result;
  result.flow = gradient_flow(*problem.objective, problem.start, request.how, watch);
  if (out_of_time) {
    result.flow.status = Status::budget;
    result.flow.message = phrase("the budget of {} seconds is used up", request.max_seconds);
  }
  for (std::size_t i = 0; i < result.flow.history.size(); ++i) {
    const Recovery recovery = measure_recovery(problem.teacher, result.flow.networks[i]);
    FlowRow& row = result.flow.history[i];
    row.mean_angle_deg = recovery.mean_angle_deg;
    row.max_angle_deg = recovery.max_angle_deg;
    row.far_mass = recovery.far_mass;
    result.recovery = recovery;
  }
  result.summary = summary_of(problem, request, result.flow);
  result.seconds = stopwatch.seconds();
  return result;
}

std::string flow_json_text(const FlowRequest& request, const FlowResult& result) {
  nlohmann::ordered_json json = {{"lodestone", version},
                                 {"command", "flow"},
                                 {"message", result.flow.message.spelled(config_key)},
                                 {"source", request.teacher}};
  json.update(io::json_of(result.summary));
  if (!request.init.empty()) json["init"] = request.init;
  json["recovery"] = io::json_of(result.recovery);
  json["threads"] = threads();
  json["backend"] = "cpu (" + instruction_set() + ")";
  json["seconds"] = result.seconds;
  return io::readable(json);
}

void write_flow(const RunFolder& folder, const FlowRequest& request, const FlowProblem& problem,
                const FlowResult& result) {
  const Flow& flow = result.flow;
  write_teacher(folder.file("teacher.json"), problem.teacher);
  write_file_atomically(folder.file("history.csv"), io::csv_of(flow.history));
  write_file_atomically(folder.file("events.csv"), io::csv_of(flow.events));
  write_npz(folder.file("order.npz"), order_arrays(problem, flow));
  const Network& end = flow.networks.back();
  const Affine affine = problem.objective->affine(end);
  Model model = model_of_network(end.a, end.W, {}, affine.alpha, affine.beta);
  model.provenance = {
      version,        "flow", request.teacher, request.seed, request.how.lambda, request.how.lambda,
      request.samples};
  write_model(folder.file("network.json"), model);
  write_file_atomically(folder.file("result.json"), flow_json_text(request, result));
}

}  // namespace lodestone
