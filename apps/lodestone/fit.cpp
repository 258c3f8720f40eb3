#include <fmt/format.h>
#include <cmath>
#include <optional>
#include <string>

#include "feature_table.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/stopwatch.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/io/runs/fit_files.hpp"
#include "lodestone/io/runs/run_folder.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/runs/summary.hpp"
#include "lodestone/runs/train.hpp"
#include "lodestone/version.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

// A bar on a terminal; elsewhere a plain line for each tenth of the work, and at least every 30
// seconds.
class FitProgress {
 public:
  explicit FitProgress(bool quiet) : quiet_(quiet), line_(quiet) {}

  void on_progress(double share, const std::string& what, double seconds) {
    if (line_.shown()) {
      draw(share, what, seconds);
    } else if (!quiet_) {
      print_line(share, what, seconds);
    }
  }
  void finish() { line_.clear(); }

 private:
  void draw(double share, const std::string& what, double seconds) {
    if (seconds < next_) return;
    next_ = seconds + 0.1;
    const std::string left =
        share > 0.02 ? fmt::format("about {:.0f} s left", seconds * (1.0 - share) / share) : "";
    line_.draw(share, {what, left});
  }

  void print_line(double share, const std::string& what, double seconds) {
    if (share < next_share_ && seconds < next_line_) return;
    next_share_ = std::floor(10.0 * share + 1.0) / 10.0;
    next_line_ = seconds + 30.0;
    say(fmt::format("{:3.0f}%  {:<16}  {:.1f} s\n", 100.0 * share, what, seconds));
  }

  bool quiet_;
  ProgressLine line_;
  double next_ = 0.0;        // seconds
  double next_share_ = 0.1;  // of the work
  double next_line_ = 30.0;  // seconds
};

class Fit final : public Verb {
 public:
  explicit Fit(CLI::App& parent) {
    app = parent.add_subcommand(
        "fit",
        "Find the few directions a target depends on: the certified path over the weight decay,\n"
        "its value and the number of features chosen by cross-validation, refitted where it helps");
    std::vector<Option> options = fit_options(request_);
    for (Option& option : common_.table({.value = "DIR",
                          .help = "Folder of the run",
                          .default_note = "none: the result is only printed"},
                                        "the summary")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
    flags_.add_word(*app, "DATA", "data");
    flags_.add_word(*app, "TARGET", "target");
  }

  int run() override {
    flags_.apply();
    common_.apply();
    flags_.refuse_words_beside_teacher(request_.teacher);
    request_.validate();
    refuse_flags_without_effect();
    const Stopwatch stopwatch;

    FitRun run;
    std::optional<Teacher> teacher;
    std::optional<Shares> shares;
    std::vector<Warning> warnings;
    if (!request_.teacher.empty()) {
      teacher = read_teacher(request_.teacher);
      run.source = request_.teacher;
      if (request_.samples > 0) {
        shares = Shares{
            draw_samples(*teacher, request_.samples, request_.noise, request_.how.seed), {}, {}};
      }
    } else {
      run.source = request_.data.file;
      const DataSource source = request_.source();
      Dataset data = read_dataset(source);
      const auto like = [&](const std::string& file) -> std::optional<Dataset> {
        if (file.empty()) return std::nullopt;
        return read_dataset_like(data, source, file);
      };
      std::optional<Dataset> validation = like(request_.validation_file);
      std::optional<Dataset> test = like(request_.test_file);
      run.dropped_rows = data.dropped_rows;
      warnings = data.warnings;
      shares = request_.dealt(std::move(data), std::move(validation), std::move(test));
    }
    run.rows = shares ? shares->training.y.size() : 0;
    request_.how.standardize = request_.standardize.value_or(
        teacher ? Standardization::Kind::none : Standardization::Kind::scale);
    request_.how.biases = request_.biases.value_or(!teacher);

    std::optional<RunFolder> folder;
    catch_interrupts();
    FitProgress progress(common_.quiet || common_.json);
    FitObserver observer;
    // Not before: what cannot be fitted must not cost the run that --overwrite replaces.
    observer.on_start = [&] {
      if (common_.out.empty()) return;
      folder = RunFolder::create(common_.out, common_.overwrite, config_text(flags_.options()));
      if (teacher) write_teacher(folder->file("teacher.json"), *teacher);
    };
    observer.on_progress = [&](double share, const std::string& what) {
      progress.on_progress(share, what, stopwatch.seconds());
    };
    observer.should_stop = [] { return interrupt_requested(); };
    observer.max_seconds = request_.max_seconds - stopwatch.seconds();
    FitResult result =
        shares ? fit(std::move(shares->training), shares->validation, request_.how, observer)
               : fit(*teacher, request_.how, observer);
    progress.finish();
    result.warnings.insert(result.warnings.begin(), warnings.begin(), warnings.end());

    if (interrupt_requested()) {
      run.status = Status::interrupted;
    } else if (result.out_of_time) {
      run.status = Status::budget;
    }
    if (teacher && !request_.how.biases) {
      const Network inputs{result.feature_network.a * result.standardization.target_scale,
                           result.feature_network.W * result.standardization.map.transpose()};
      run.recovery = measure_recovery(*teacher, inputs);
    }
    if (shares && shares->test) {
      run.test = test_error(result.model, *shares->test);
      for (const Warning& warning : extrapolation_warnings(result.model, shares->test->X)) {
        result.warnings.push_back({warning.code, "test: " + warning.message});
      }
    }
    std::vector<Model*> models = {&result.model, &result.network_model};
    for (CurvePoint& point : result.curve) models.push_back(&point.model);
    for (Model* model : models) {
      model->provenance = {version,       "fit",
                           run.source,    request_.how.seed,
                           result.lambda, result.lambda * result.standardization.target_scale,
                           run.rows};
    }
    run.seconds = stopwatch.seconds();
    const std::string summary = fit_summary_text(request_, result, run);
    if (folder) {
      write_file_atomically(folder->file("path.csv"), path_csv(result));
      write_file_atomically(folder->file("path.json"), path_json(result));
      if (result.cross_validated) {
        write_file_atomically(folder->file("cross_validation.csv"), cross_validation_csv(result));
        write_file_atomically(folder->file("curve.csv"), curve_csv(result));
        write_file_atomically(folder->file("curve.json"), curve_json(result));
        if (!result.intervals.empty()) {
          write_intervals(folder->file("intervals.json"), result.intervals);
        }
      }
      write_model(folder->file("network.json"), result.network_model);
      write_model(folder->file("model.json"), result.model);
      write_file_atomically(folder->file("summary.json"), summary);
    }
    if (common_.json) {
      print(summary);
    } else if (!common_.quiet) {
      print(result_text(result, run));
      if (folder) {
        print(
            fmt::format("files: {0}/summary.json, {0}/model.json, {0}/network.json, {0}/path.csv\n",
                        folder->path().string()));
      }
    }
    if (run.status == Status::interrupted) return interrupted;
    return run.status == Status::budget ? stopped_by_budget : done;
  }

 private:
  void refuse_flags_without_effect() const {
    const auto refuse = [&](std::initializer_list<const char*> names, const std::string& rule) {
      for (const char* flag : names) {
        if (flags_.given(flag)) throw InvalidArgument(flag, "a value", rule);
      }
    };
    if (request_.teacher.empty()) {
      refuse({"samples", "noise"}, "goes with --teacher; a data file brings its own rows");
      if (!request_.test_file.empty()) {
        refuse({"test_share"}, "the test rows come from --test; give one or the other");
      }
      if (!request_.validation_file.empty()) {
        refuse({"folds"}, "the rows of --validation choose; give one or the other");
      }
      return;
    }
    refuse({"target", "delimiter", "weights", "offset", "groups", "exclude", "categories",
            "missing", "validation", "test", "test_share"},
           "only a data file (--data) has one");
    if (request_.samples == 0) {
      refuse({"noise", "biases", "standardize", "precision", "folds", "select", "relaxed", "shape",
              "bootstrap"},
             "has no effect on an exact population; give --samples as well");
    }
  }

  std::string result_text(const FitResult& result, const FitRun& run) const {
    const Candidate& chosen = result.chosen();
    std::string text = path_table(result);
    if (!result.curve.empty()) text += "\n" + curve_table(result);
    text += "\n" + feature_table(result.model, result.reports) + "\n";
    if (run.dropped_rows > 0) {
      text += fmt::format("{} rows with missing values were left out\n", run.dropped_rows);
    }
    text += fmt::format("{} {} at lambda {:.3g}{}{}\n", result.model.shown_count(),
                        chosen.smooth ? "smooth functions of a direction each, found" : "features",
                        result.lambda, chosen.relaxed ? ", refitted without penalty" : "",
                        result.cross_validated
                            ? fmt::format("; validation error {:.3g} ± {:.1g} of the {}",
                                          chosen.validation_error, chosen.standard_error,
                                          request_.how.family.square() ? "variance" : "deviance")
                            : "");
    text += fmt::format(
        "the penalized network at this lambda is within {:.2g} (relative) of the best of any "
        "width: "
        "sup |eta| = {:.6g} ({})\n",
        result.certificate.relative_gap, result.certificate.sup_eta, name(result.certificate.kind));
    if (run.recovery) {
      text += fmt::format("{} of {} hidden directions recovered, {} matched\n",
                          run.recovery->recovered, run.recovery->teachers, run.recovery->matched);
    }
    if (run.test) {
      text += fmt::format("test error on {} rows: {}\n", run.test->rows, error_in_words(*run.test));
    }
    for (const Warning& warning : result.warnings) {
      text += "warning: " + in_words(warning.message) + "\n";
    }
    if (run.status != Status::converged) {
      text += fmt::format("stopped early ({}): the model is the best of what was finished\n",
                          name(run.status));
    }
    return text + fmt::format("{:.1f} s\n", run.seconds);
  }

  FitRequest request_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_fit(CLI::App& parent) { return std::make_unique<Fit>(parent); }

}  // namespace lodestone::app
