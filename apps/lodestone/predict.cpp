#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include "lodestone/error.hpp"
#include "lodestone/model.hpp"
#include "lodestone/table.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

class Predict final : public Verb {
 public:
  explicit Predict(CLI::App& parent) {
    app = parent.add_subcommand("predict", "Predict a data file's target with a model");
    app->add_option("MODEL", model_, "model.json of a run, or the run's folder")->required();
    app->add_option("DATA", data_,
                    "Table with the model's columns (others are ignored where columns have names): "
                    "CSV, NPY or NPZ; - is standard input")
        ->required();
    app->add_option("--out", out_, "File to write: .npy, else CSV; - is standard output [-]")
        ->type_name("FILE");
    app->add_flag("--overwrite", overwrite_, "Replace the file when it exists");
    app->add_flag("--quiet", quiet_, "Say nothing");
  }

  int run() override {
    const bool folder = std::filesystem::is_directory(model_);
    const Model model =
        read_model(folder ? (std::filesystem::path(model_) / "model.json").string() : model_);
    const Table data = read_table(data_);
    if (out_ != "-" && !overwrite_ && std::filesystem::is_regular_file(out_)) {
      throw FileError(out_, "exists; use --overwrite to replace it, or another --out");
    }
    const Vector predictions = model.predict(model.select_columns(data));
    if (std::filesystem::path(out_).extension() == ".npy") {
      write_npy(out_, predictions);
    } else {
      Table table;
      table.names = {model.target};
      table.has_names = true;
      table.values = predictions;
      write_csv(out_, table);
    }
    if (!quiet_ && out_ != "-") {
      fmt::print(stderr, "{} predictions of {} written to {}\n", predictions.size(), model.target,
                 out_);
      report_error(model, data, predictions);
    }
    return done;
  }

 private:
  // Where the table holds the target too, a person wants to know how good the predictions are.
  static void report_error(const Model& model, const Table& data, const Vector& predictions) {
    const auto found = std::find(data.names.begin(), data.names.end(), model.target);
    if (!data.has_names || found == data.names.end()) return;
    const Vector target = data.values.col(found - data.names.begin());
    const double mean_square =
        (predictions - target).squaredNorm() / static_cast<double>(target.size());
    const double variance = (target.array() - target.mean()).square().mean();
    fmt::print(stderr, "the table holds {} too: RMSE {:.4g}, R² {:.4f}\n", model.target,
               std::sqrt(mean_square), 1.0 - mean_square / variance);
  }

  std::string model_;
  std::string data_;
  std::string out_ = "-";
  bool overwrite_ = false;
  bool quiet_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_predict(CLI::App& parent) { return std::make_unique<Predict>(parent); }

}  // namespace lodestone::app
