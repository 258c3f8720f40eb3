#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "laboratory/lab_request.hpp"
#include "laboratory/laboratory.hpp"
#include "laboratory/laboratory_files.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/stopwatch.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

std::string bound_in_words(const Check& check) {
  if (!std::isfinite(check.lower)) return fmt::format("<= {:.4g}", check.upper);
  if (!std::isfinite(check.upper)) return fmt::format(">= {:.4g}", check.lower);
  return fmt::format("{:.4g} to {:.4g}", check.lower, check.upper);
}

// A bar on a terminal; elsewhere a line for each experiment when it is done.
class LabProgress {
 public:
  LabProgress(std::size_t count, bool quiet) : count_(count), quiet_(quiet), line_(quiet) {}

  void draw(std::size_t index, const std::string& id, double share) {
    const double now = stopwatch_.seconds();
    if (!line_.shown() || now < next_) return;
    next_ = now + 0.1;
    const double whole = (static_cast<double>(index) + share) / static_cast<double>(count_);
    line_.draw(whole, {fmt::format("{} of {}: {}", index + 1, count_, id),
                       fmt::format("{:.0f}% of it", 100.0 * share), fmt::format("{:.0f} s", now)});
  }

  void finished(const ExperimentOutcome& outcome) {
    clear();
    if (quiet_ || line_.shown()) return;
    say(fmt::format("{}: {} ({:.1f} s)\n", outcome.experiment->id,
                    outcome.result.holds() ? "holds" : "does NOT hold", outcome.seconds));
  }

  void clear() { line_.clear(); }

 private:
  std::size_t count_;
  bool quiet_;
  ProgressLine line_;
  double next_ = 0.0;
  Stopwatch stopwatch_;
};

class Lab final : public Verb {
 public:
  explicit Lab(CLI::App& parent) {
    app = parent.add_subcommand(
        "lab",
        "The theory laboratory: every statement about Algorithm 1 as a measured experiment on\n"
        "random teachers, with its figure, and whether it held");
    std::vector<Option> options = lab_options(request_);
    for (Option& option : common_.table({.value = "DIR",
                          .help = "Folder for lab.json, index.html, figures and data",
                          .default_note = "none: results are only printed"},
                                        "lab.json")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
  }

  int run() override {
    flags_.apply();
    common_.apply();
    const std::vector<const Experiment*> chosen = request_.chosen();
    std::optional<LaboratoryFolder> folder;
    if (!common_.out.empty()) {
      folder =
          LaboratoryFolder::create(common_.out, common_.overwrite, config_text(flags_.options()));
    }
    catch_interrupts();
    const bool quiet = common_.quiet || common_.json;
    LabProgress progress(chosen.size(), quiet);
    std::vector<ExperimentOutcome> outcomes;
    for (const Experiment* experiment : chosen) {
      ExperimentOutcome outcome = measure(*experiment, outcomes.size(), progress);
      if (interrupt_requested()) break;
      if (folder) folder->write_experiment(outcome);
      progress.finished(outcome);
      outcomes.push_back(std::move(outcome));
    }
    progress.clear();
    if (folder) folder->write_report(outcomes, request_);
    if (folder && !folder->problem().empty() && !common_.quiet) {
      say(fmt::format("lodestone: warning: {}\n", folder->problem()));
    }
    if (common_.json) {
      print(lab_json(outcomes));
    } else if (!common_.quiet) {
      print(result_text(outcomes, chosen.size()));
      if (folder) print(fmt::format("files: {0}/index.html, {0}/lab.json\n", common_.out));
    }
    return interrupt_requested() ? interrupted : done;
  }

 private:
  ExperimentOutcome measure(const Experiment& experiment, std::size_t index,
                            LabProgress& progress) const {
    const Stopwatch stopwatch;
    LaboratoryOptions options;
    options.seed = request_.seed;
    options.effort = request_.quick ? Effort::quick : Effort::full;
    options.broken = request_.broken;
    options.should_stop = [] { return interrupt_requested(); };
    options.on_progress = [&](double share) { progress.draw(index, experiment.id, share); };
    options.on_progress(0.0);
    ExperimentOutcome outcome{&experiment, experiment.run(options), {}, 0.0};
    outcome.seconds = stopwatch.seconds();
    return outcome;
  }

  static std::string result_text(const std::vector<ExperimentOutcome>& outcomes,
                                 std::size_t asked) {
    std::string text = fmt::format("  {:<10}  {:<5}  {:>10}  {:<18}  {}\n", "statement", "holds",
                                   "measured", "bound", "measured quantity");
    std::size_t held = 0;
    for (const ExperimentOutcome& outcome : outcomes) {
      if (outcome.result.holds()) ++held;
      bool first = true;
      for (const Check& check : outcome.result.checks) {
        text += fmt::format("  {:<10}  {:<5}  {:>10.4g}  {:<18}  {}\n",
                            first ? outcome.experiment->id : "", check.holds() ? "yes" : "NO",
                            check.measured, bound_in_words(check), check.quantity);
        first = false;
      }
    }
    text += fmt::format("\n{} of {} statements hold\n", held, outcomes.size());
    if (outcomes.size() < asked) {
      text +=
          fmt::format("interrupted: {} of {} were not measured\n", asked - outcomes.size(), asked);
    }
    return text;
  }

  LabRequest request_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_lab(CLI::App& parent) { return std::make_unique<Lab>(parent); }

}  // namespace lodestone::app
