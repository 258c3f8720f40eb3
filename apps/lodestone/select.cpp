#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "feature_table.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/runs/fit_files.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/runs/options.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

namespace fs = std::filesystem;

class Select final : public Verb {
 public:
  explicit Select(CLI::App& parent) {
    app = parent.add_subcommand(
        "select", "Take another number of features from a run of fit, without fitting again");
    app->add_option("RUN", run_, "Folder of a run of fit")->required();
    std::vector<Option> options = select_options(options_);
    for (Option& option : common_.table(
             {.value = "FILE", .help = "Model to write; absent: the model is only printed"},
             "the model's features and where it was written")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
  }

  int run() override {
    flags_.apply();
    common_.apply();
    const fs::path file = fs::path(run_) / "curve.json";
    if (fs::is_directory(run_) && !fs::exists(file)) {
      throw FileError(
          run_, "has no curve.json: only a fit that was cross-validated has models to select");
    }
    const std::vector<Model> curve = read_curve(file.string());
    const Model& model = wanted(curve);
    if (!common_.out.empty()) {
      refuse_existing(common_.out, common_.overwrite);
      write_model(common_.out, model);
    }
    if (common_.json) {
      const nlohmann::ordered_json summary = {{"command", "select"},
                                              {"run", run_},
                                              {"features", model.shown_count()},
                                              {"out", common_.out}};
      print(summary.dump(2) + "\n");
    } else if (!common_.quiet) {
      print(feature_table(model));
      if (!common_.out.empty()) print(fmt::format("written: {}\n", common_.out));
    }
    return done;
  }

 private:
  // Refits come before the penalized network: of two models with as many features the first counts.
  const Model& wanted(const std::vector<Model>& curve) const {
    const bool given = flags_.given("features");
    // Smooth models come last, and only where one was chosen: then they are what is meant.
    const auto smooth = std::find_if(curve.begin(), curve.end(), [&](const Model& model) {
      return !model.ridges.empty() && model.shown_count() == options_.features;
    });
    if (given && smooth != curve.end()) return *smooth;
    const auto found = std::find_if(curve.begin(), curve.end(), [&](const Model& model) {
      return model.shown_count() == options_.features;
    });
    if (given && found != curve.end()) return *found;
    std::set<Index> counts;
    for (const Model& one : curve) counts.insert(one.shown_count());
    throw InvalidArgument("features", given ? fmt::format("{}", options_.features) : "nothing",
                          fmt::format("this run has models of {}", fmt::join(counts, ", ")));
  }

  std::string run_;
  SelectOptions options_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_select(CLI::App& parent) { return std::make_unique<Select>(parent); }

}  // namespace lodestone::app
