#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lodestone/error.hpp"
#include "lodestone/model.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

struct Error {
  double rmse;
  std::optional<double> r2;  // none where the target does not vary, as in a single row
};

// Where the table holds the target too, a person wants to know how good the predictions are.
std::optional<Error> measured_error(const Model& model, const Table& data,
                                    const Vector& predictions) {
  const auto found = std::find(data.names.begin(), data.names.end(), model.target);
  if (!data.has_names || found == data.names.end()) return std::nullopt;
  const Vector target = data.values.col(found - data.names.begin());
  const double mean_square =
      (predictions - target).squaredNorm() / static_cast<double>(target.size());
  const double variance = (target.array() - target.mean()).square().mean();
  Error error{std::sqrt(mean_square), std::nullopt};
  if (variance > 0.0) error.r2 = 1.0 - mean_square / variance;
  return error;
}

class Predict final : public Verb {
 public:
  explicit Predict(CLI::App& parent) {
    app = parent.add_subcommand("predict", "Predict a data file's target with a model");
    app->add_option("MODEL", model_, "model.json of a run, or the run's folder")->required();
    app->add_option("DATA", data_,
                    "Table with the model's columns (others are ignored where columns have names): "
                    "CSV, NPY or NPZ; - is standard input")
        ->required();
    common_.out = "-";
    std::vector<Option> options = predict_options(options_);
    for (Option& option :
         common_.table("FILE", "File to write: .npy, else CSV; - is standard output [-]",
                       "what was written")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
  }

  int run() override {
    flags_.apply();
    common_.apply();
    if (common_.json && common_.out == "-") {
      throw InvalidArgument("--json", "with predictions on standard output",
                            "give --out FILE as well");
    }
    const bool folder = std::filesystem::is_directory(model_);
    const Model model =
        read_model(folder ? (std::filesystem::path(model_) / "model.json").string() : model_);
    TableOptions reading;
    reading.delimiter = options_.delimiter;
    const Table data = read_table(data_, reading);
    refuse_existing(common_.out, common_.overwrite);
    const Vector predictions = model.predict(columns_of(model, data));
    Table table;
    table.names = {model.target};
    table.has_names = true;
    table.values = predictions;
    write_table(common_.out, table);
    report(model, predictions, measured_error(model, data, predictions));
    return done;
  }

 private:
  Matrix columns_of(const Model& model, const Table& data) const {
    try {
      return model.select_columns(data);
    } catch (const InvalidArgument& error) {
      throw FileError(data_ == "-" ? "standard input" : data_, error.what());
    }
  }

  void report(const Model& model, const Vector& predictions,
              const std::optional<Error>& error) const {
    if (common_.json) {
      nlohmann::ordered_json summary = {{"command", "predict"},
                                        {"model", model_},
                                        {"data", data_},
                                        {"target", model.target},
                                        {"rows", predictions.size()},
                                        {"out", common_.out}};
      if (error) summary["test"] = {{"rmse", error->rmse}};
      if (error && error->r2) summary["test"]["r2"] = *error->r2;
      print(fmt::format("{}\n", summary.dump(2)));
    } else if (!common_.quiet && common_.out != "-") {
      say(fmt::format("{} predictions of {} written to {}\n", predictions.size(), model.target,
                      common_.out));
      if (error) {
        say(fmt::format("the table holds {} too: RMSE {:.4g}{}\n", model.target, error->rmse,
                        error->r2 ? fmt::format(", R² {:.4f}", *error->r2) : ""));
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
