#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "feature_table.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/intervals.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/runs/train.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

// Where the table holds the target too, a person wants to know how good the predictions are. Rows
// without one do not count.
std::optional<TestError> measured_error(const Model& model, const Vector& scores,
                                        const Dataset& data) {
  const Vector& target = data.y;
  if (target.size() == 0) return std::nullopt;
  std::vector<Index> known;
  for (Index t = 0; t < target.size(); ++t) {
    const bool complete = data.Y.size() == 0 || data.Y.row(t).allFinite();
    if (complete && !std::isnan(target[t])) known.push_back(t);
  }
  if (!model.outputs.empty()) {
    if (known.empty()) return std::nullopt;
    return test_error(model, take_rows(data, known));
  }
  const Vector offset = data.offset.size() == 0 ? Vector() : Vector(data.offset(known));
  return test_error(model.family, scores(known), target(known), {}, offset);
}

// One column of predictions for each output: of a class its probability.
Table predictions_of(const Model& model, const Vector& scores, const Dataset& data) {
  Table table;
  table.has_names = true;
  if (model.outputs.empty()) {
    table.names = {model.classes.empty() ? model.target : "probability_of_" + model.classes[1]};
    table.values = model.family.response(scores);
    return table;
  }
  for (const Output& output : model.outputs) {
    table.names.push_back((model.family.softmax() ? "probability_of_" : "") + output.name);
  }
  table.values = model.predict_outputs(data.X, data.offset);
  return table;
}

class Predict final : public Verb {
 public:
  explicit Predict(CLI::App& parent) {
    app = parent.add_subcommand("predict", "Predict a data file's target with a model");
    app->add_option("MODEL", model_, "model.json of a run, or the run's folder")->required();
    app->add_option("DATA", data_,
                    "Table with the model's columns (others are ignored where columns have names; "
                    "text and missing values get the 0/1 columns of training): CSV, NPY, NPZ, "
                    "Parquet or Arrow; - is standard input")
        ->required();
    common_.out = "-";
    std::vector<Option> options = predict_options(options_);
    for (Option& option : common_.table(
             {.value = "FILE", .help = "File to write: .npy, else CSV; - is standard output"},
             "what was written")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
  }

  int run() override {
    flags_.apply();
    common_.apply();
    if (common_.json && common_.out == "-") {
      throw InvalidArgument("json", "with predictions on standard output",
                            "give --out FILE as well");
    }
    const bool folder = std::filesystem::is_directory(model_);
    const Model model =
        read_model(folder ? (std::filesystem::path(model_) / "model.json").string() : model_);
    DataSource source;
    source.file = data_;
    source.target = model.target;
    source.delimiter = options_.delimiter;
    source.offset = offset_of(model);
    const Dataset data =
        read_inputs(source, model.columns, model.encodings, model.classes, model.imputations);
    refuse_existing(common_.out, common_.overwrite);
    const Vector scores = model.outputs.empty() ? model.scores(data.X, data.offset) : Vector();
    Table table = predictions_of(model, scores, data);
    if (options_.interval) {
      const PredictionIntervals intervals = intervals_of_run(folder);
      table.names = {model.target, model.target + "_lower", model.target + "_upper"};
      table.values.conservativeResize(Eigen::NoChange, 3);
      table.values.rightCols(2) = intervals.around(data.X, *options_.interval, data.offset);
    }
    write_table(common_.out, table);
    std::vector<Warning> warnings = data.warnings;
    for (Warning& warning : extrapolation_warnings(model, data.X)) {
      warnings.push_back(std::move(warning));
    }
    report(data, warnings, model, measured_error(model, scores, data));
    return done;
  }

 private:
  // The column of the table that the model's scores need, if any.
  std::string offset_of(const Model& model) const {
    if (options_.offset.empty()) return model.offset_column;
    if (model.offset_column.empty()) {
      throw InvalidArgument("offset", "'" + options_.offset + "'",
                            "this model was trained without an offset");
    }
    return options_.offset;
  }

  // What a fit keeps beside its model. Another model of the same run has no intervals.
  PredictionIntervals intervals_of_run(bool folder) const {
    const auto file = std::filesystem::path(model_) / "intervals.json";
    if (!folder || !std::filesystem::exists(file)) {
      throw InvalidArgument(
          "interval", number_text(*options_.interval),
          fmt::format("{} has no intervals.json; give the folder of a fit that was "
                      "cross-validated, of a target that is no class or count",
                      model_));
    }
    return read_intervals(file.string());
  }

  void report(const Dataset& data, const std::vector<Warning>& warnings, const Model& model,
              const std::optional<TestError>& error) const {
    const std::string& target = model.target;
    if (common_.json) {
      nlohmann::ordered_json summary = {{"command", "predict"},  {"model", model_},
                                        {"data", data_},         {"target", target},
                                        {"rows", data.X.rows()}, {"out", common_.out}};
      if (model.family.softmax()) {
        for (const Output& output : model.outputs)
          summary["probabilities_of"].push_back(output.name);
      } else if (!model.classes.empty()) {
        summary["probability_of"] = model.classes[1];
      }
      if (error) {
        visit_fields(*error, [&](const char* field, const auto& value) {
          if (!std::isnan(static_cast<double>(value))) summary["test"][field] = value;
        });
      }
      for (const Warning& warning : warnings) {
        summary["warnings"].push_back(in_words(warning.message));
      }
      print(fmt::format("{}\n", summary.dump(2)));
      return;
    }
    if (common_.quiet) return;
    // Also where the predictions go to standard output: they look complete, and are not.
    for (const Warning& warning : warnings) {
      say(fmt::format("lodestone: warning: {}\n", in_words(warning.message)));
    }
    if (common_.out != "-") {
      const std::string what = model.family.softmax()  ? "probabilities of the classes of " + target
                               : model.classes.empty() ? "predictions of " + target
                                                       : fmt::format("probabilities of {} = {}",
                                                                     target, model.classes[1]);
      say(fmt::format("{} {} written to {}\n", data.X.rows(), what, common_.out));
      if (error) {
        say(fmt::format("the table holds {} too{}: {}\n", target,
                        error->rows < data.X.rows() ? fmt::format(" in {} rows", error->rows) : "",
                        error_in_words(*error)));
      }
    }
  }

  std::string model_;
  std::string data_;
  PredictOptions options_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_predict(CLI::App& parent) { return std::make_unique<Predict>(parent); }

}  // namespace lodestone::app
