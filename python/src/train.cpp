#include "lodestone/runs/train.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <utility>

#include "arrays.hpp"
#include "bindings.hpp"
#include "interpreter.hpp"
#include "lodestone/runs/train_inputs.hpp"
#include "options.hpp"
#include "results.hpp"
#include "teacher.hpp"

namespace lodestone::python {
namespace {

/// A run that can go on: its state, and what it depends on.
struct Run {
  TrainState state;
  std::string fingerprint;
};

using TableTuple = std::tuple<MatrixIn, VectorIn, std::optional<VectorIn>>;

Dataset to_dataset(const TableTuple& table, const std::vector<std::string>& columns,
                   const std::string& target) {
  const auto& [X, y, weights] = table;
  return python::to_dataset(X, y, weights, columns, target);
}

struct Given {
  std::optional<Teacher> teacher;
  std::optional<Dataset> data;
  std::optional<Dataset> validation;
  std::optional<Dataset> test;
};

nb::dict run_training(TrainOptions& options, Given given, const nb::object& earlier,
                      const nb::object& on_row, bool keep_neurons) {
  const AtWork at_work;
  const std::string code = fingerprint(settled_config(options), options.algorithm.schedule,
                                       given.teacher, given.data, given.validation, given.test);
  const Problem problem = make_problem(options, given.teacher, std::move(given.data),
                                       std::move(given.validation), std::move(given.test));
  Run run{{}, code};
  if (!earlier.is_none()) {
    run = nb::cast<const Run&>(earlier);
    if (run.fingerprint != code) {
      throw InvalidArgument("state", "that of another run",
                            "a run goes on with the same data and the same options, budgets and "
                            "tolerance apart");
    }
  }
  LongCall call;
  TrainObserver observer;
  observer.should_stop = [&] { return call.should_stop(); };
  std::vector<std::pair<long, Network>> snapshots;
  observer.on_row = [&](const HistoryRow& row, const Network& network) {
    if (keep_neurons) snapshots.emplace_back(row.step, problem.to_inputs(network));
    if (on_row.is_none()) return;
    call.ask([&] {
      if (nb::cast<bool>(nb::bool_(on_row(as_dict(row))))) call.stop();
    });
  };
  TrainResult result;
  call.run([&] { result = train(problem, options, run.state, observer); });

  nb::list history;
  for (const HistoryRow& row : run.state.history) history.append(as_dict(row));
  nb::list kept;
  for (auto& [step, network] : snapshots) {
    kept.append(
        nb::make_tuple(step, to_numpy(std::move(network.a)), to_numpy(std::move(network.W))));
  }
  nb::dict dict = as_dict(std::move(result));
  dict["snapshots"] = kept;
  dict["history"] = history;
  dict["steps"] = run.state.algorithm.steps;
  dict["evaluations"] = run.state.algorithm.evaluations;
  dict["seconds"] = run.state.seconds;
  dict["weight_decay_start"] = run.state.algorithm.lambda_start;
  dict["null_loss"] = problem.objective->null_loss();
  dict["state"] = std::move(run);
  dict["error"] = call.error();
  return dict;
}

}  // namespace

void bind_train(nb::module_& module) {
  nb::class_<Run>(module, "TrainState",
                  "Where a run of Algorithm 1 stands: give it to `train` again to go on with the\n"
                  "same bits as a run that was never stopped.")
      .def_prop_ro(
          "steps", [](const Run& run) { return run.state.algorithm.steps; }, "Gradient steps done.")
      .def_prop_ro(
          "stage", [](const Run& run) { return static_cast<int>(run.state.algorithm.stage); },
          "0 to 3, or 4 when the run is done.");
  module.def(
      "train",
      [](const std::optional<std::pair<MatrixIn, VectorIn>>& teacher,
         const std::optional<TableTuple>& table, const std::vector<std::string>& columns,
         const std::string& target, const OptionTexts& texts,
         const std::optional<std::vector<double>>& schedule,
         const std::optional<TableTuple>& validation, const std::optional<TableTuple>& test,
         const nb::object& state, const nb::object& on_row, bool keep_neurons) {
        TrainOptions options;
        set_options(texts, train_options(options));
        if (schedule) {
          options.algorithm.schedule.kind = Schedule::Kind::list;
          options.algorithm.schedule.values = *schedule;
        }
        Given given;
        if (teacher) {
          given.teacher = to_teacher(teacher->first, teacher->second);
          options.teacher = "arrays";
        }
        if (table) {
          given.data = to_dataset(*table, columns, target);
          options.data.file = "arrays";
          options.data.target = target;
        }
        if (validation) given.validation = to_dataset(*validation, columns, target);
        if (test) given.test = to_dataset(*test, columns, target);
        return run_training(options, std::move(given), state, on_row, keep_neurons);
      },
      nb::arg("teacher").none(), nb::arg("table").none(), nb::arg("columns"), nb::arg("target"),
      nb::arg("options"), nb::arg("schedule").none(), nb::arg("validation").none(),
      nb::arg("test").none(), nb::arg("state").none(), nb::arg("on_row").none(),
      nb::arg("keep_neurons"));
}

}  // namespace lodestone::python
