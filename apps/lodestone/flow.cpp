#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/core/stopwatch.hpp"
#include "lodestone/runs/flow.hpp"
#include "lodestone/runs/options.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

// A line that rewrites itself on a terminal; elsewhere a line for each tenfold time.
class FlowProgress {
 public:
  explicit FlowProgress(bool quiet) : quiet_(quiet), line_(quiet) {}

  void on_record(const FlowRow& row) {
    if (line_.shown()) {
      line_.draw({fmt::format("time {:.4g}", row.time), fmt::format("loss {:.3g}", row.loss),
                  fmt::format("gradient {:.2g}", row.gradient_norm),
                  fmt::format("{} groups", row.groups),
                  fmt::format("{:.0f} s", stopwatch_.seconds())});
    } else if (!quiet_ && row.time >= next_time_) {
      next_time_ = 10.0 * std::max(next_time_, row.time);
      say(fmt::format("time {:.4g}: loss {:.4g}, gradient norm {:.2g}, {} steps\n", row.time,
                      row.loss, row.gradient_norm, row.steps));
    }
  }
  void finish() const { line_.clear(); }

 private:
  bool quiet_;
  ProgressLine line_;
  double next_time_ = 0.0;
  Stopwatch stopwatch_;
};

// Deaths and merges, the last of them line by line.
std::string event_lines(const std::vector<FlowEvent>& events) {
  constexpr std::size_t most_lines = 8;
  std::vector<std::string> lines;
  for (const FlowEvent& event : events) {
    if (event.kind == FlowEvent::Kind::death) {
      lines.push_back(fmt::format("  {:>10.4g}  neuron {} dies\n", event.time, event.neuron));
    } else if (event.kind == FlowEvent::Kind::merge) {
      lines.push_back(fmt::format("  {:>10.4g}  neurons {} and {} merge\n", event.time,
                                  event.neuron, event.other));
    }
  }
  std::string text;
  const std::size_t shown = std::min(most_lines, lines.size());
  for (std::size_t i = lines.size() - shown; i < lines.size(); ++i) text += lines[i];
  if (shown < lines.size()) {
    text += fmt::format("  and {} events before them (--out lists them)\n", lines.size() - shown);
  }
  return text.empty() ? "" : "\n" + text;
}

// When the plateaus were: "plateaus: 0 to 0.83, from 1200 on".
std::string plateau_line(const std::vector<FlowEvent>& events) {
  std::string text;
  double begun = -1.0;  // negative: on none
  const auto add = [&](const std::string& plateau) {
    text += (text.empty() ? "plateaus: " : ", ") + plateau;
  };
  for (const FlowEvent& event : events) {
    if (event.kind == FlowEvent::Kind::plateau_begins) begun = event.time;
    if (event.kind == FlowEvent::Kind::plateau_ends) {
      add(fmt::format("{:.4g} to {:.4g}", begun, event.time));
      begun = -1.0;
    }
  }
  if (begun >= 0.0) add(fmt::format("from {:.4g} on", begun));
  return text.empty() ? "" : text + "\n";
}

std::string flow_table(const FlowResult& result) {
  std::string text = fmt::format("  {:>10}  {:>11}  {:>11}  {:>8}  {:>6}  {:>6}  {:>10}\n", "time",
                                 "loss", "gradient", "mass", "living", "groups", "mean angle");
  // About a screen, the first and the last one among them.
  constexpr std::size_t most_rows = 12;
  const std::vector<FlowRow>& history = result.flow.history;
  const std::size_t shown = std::min(most_rows, history.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const FlowRow& row =
        history[shown > 1 ? i * (history.size() - 1) / (shown - 1) : history.size() - 1];
    text += fmt::format("  {:>10.4g}  {:>11.4g}  {:>11.3g}  {:>8.4g}  {:>6}  {:>6}  {:>6.3g} deg\n",
                        row.time, row.loss, row.gradient_norm, row.mass, row.living, row.groups,
                        row.mean_angle_deg);
  }
  text += event_lines(result.flow.events);
  const FlowSummary& summary = result.summary;
  text += fmt::format("\n{}: {}\n", name(summary.status), in_words(result.flow.message));
  text += plateau_line(result.flow.events);
  text +=
      fmt::format("{} steps, {} gradients; energy balance to {:.1e}, a^2 - |w|^2 to {:.1e}\n",
                  summary.steps, summary.evaluations, summary.energy_error, summary.balance_error);
  return text + fmt::format("{} of {} teachers recovered\n", result.recovery.recovered,
                            result.recovery.teachers);
}

class FlowVerb final : public Verb {
 public:
  explicit FlowVerb(CLI::App& parent) {
    app = parent.add_subcommand(
        "flow",
        "Gradient flow from the start of train, or from a network: the limit of small steps, with\n"
        "error control, and what happens on the way");
    std::vector<Option> options = flow_options(request_);
    for (Option& option : common_.table({.value = "DIR",
                          .help = "Folder of the run",
                          .default_note = "none: the result is only printed"},
                                        "result.json")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
    flags_.add_word(*app, "TEACHER", "teacher");
  }

  int run() override {
    flags_.apply();
    common_.apply();
    request_.validate();
    refuse_flags_without_effect();
    const Teacher teacher = read_teacher(request_.teacher);
    std::optional<Network> start;
    if (!request_.init.empty()) start = read_start(request_.init);
    const FlowProblem problem = make_flow_problem(request_, teacher, std::move(start));
    std::optional<RunFolder> folder;
    if (!common_.out.empty()) {
      folder = RunFolder::create(common_.out, common_.overwrite, config_text(flags_.options()));
    }
    catch_interrupts();
    FlowProgress progress(common_.quiet || common_.json);
    FlowObserver observer;
    observer.on_record = [&](const FlowRow& row) { progress.on_record(row); };
    observer.should_stop = [] { return interrupt_requested(); };
    const FlowResult result = run_flow(problem, request_, observer);
    progress.finish();
    if (folder) write_flow(*folder, request_, problem, result);
    if (common_.json) {
      print(flow_json_text(request_, result));
    } else if (!common_.quiet) {
      print(flow_table(result));
      if (folder) {
        print(
            fmt::format("files: {0}/result.json, {0}/history.csv, {0}/events.csv, {0}/order.npz\n",
                        common_.out));
      }
    }
    return exit_status(result.flow.status);
  }

 private:
  // A flag that would be ignored is a misunderstanding: better to say so.
  void refuse_flags_without_effect() const {
    if (request_.init.empty()) return;
    for (const char* flag : {"width", "init_scale"}) {
      if (flags_.given(flag)) {
        throw InvalidArgument(flag, "a value", Message::pattern("{init} brings its own network"));
      }
    }
  }

  FlowRequest request_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_flow(CLI::App& parent) { return std::make_unique<FlowVerb>(parent); }

}  // namespace lodestone::app
