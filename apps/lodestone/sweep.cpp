#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "io/config/option_makers.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/core/stopwatch.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/runs/sweep.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

/// "width=50 seed=3".
std::string label(const SweepPlan& plan, const SweepRun& run) {
  std::string text;
  for (std::size_t i = 0; i < plan.axes.size(); ++i) {
    text += plan.axes[i].key + "=" + run.values[i] + " ";
  }
  return text + fmt::format("seed={}", run.seed);
}

/// What a run came to, in a few words.
std::string outcome(const SweepRecord& record) {
  const auto summary = nlohmann::json::parse(record.summary);
  const std::string status = summary.at("status").get<std::string>();
  if (status == "failed") return "failed: " + summary.at("message").get<std::string>();
  std::string text = fmt::format("{}, loss {:.3g}", status, summary.at("loss").get<double>());
  if (summary.contains("recovery")) {
    const auto& recovery = summary.at("recovery");
    text += fmt::format(", {} of {} recovered, {} matched", recovery.at("recovered").get<int>(),
                        recovery.at("teachers").get<int>(), recovery.at("matched").get<int>());
  }
  return text + fmt::format(", {:.1f} s", record.seconds);
}

class SweepProgress {
 public:
  SweepProgress(const SweepPlan& plan, bool quiet)
      : plan_(plan), total_(plan.shard_runs()), quiet_(quiet), line_(quiet) {}

  void on_run(const SweepRun& run, const SweepRecord& record, std::size_t done) {
    ++worked_;
    done_ = done;
    if (quiet_ || line_.shown()) return;
    say(fmt::format("{:>6} of {}  {}: {}\n", done, total_, label(plan_, run), outcome(record)));
  }

  void draw() {
    const double seconds = watch_.seconds();
    if (!line_.shown() || seconds < next_) return;
    next_ = seconds + 0.2;
    const double share = static_cast<double>(done_) / static_cast<double>(total_);
    const double rest = static_cast<double>(total_ - done_);
    const std::string left =
        worked_ > 0 ? fmt::format("about {:.0f} s left", seconds * rest / worked_) : "";
    line_.draw(share, {fmt::format("{} of {} runs", done_, total_), left});
  }

  void finish() { line_.clear(); }

 private:
  const SweepPlan& plan_;
  std::size_t total_;
  bool quiet_;
  ProgressLine line_;
  Stopwatch watch_;
  double next_ = 0.0;
  std::size_t done_ = 0;
  double worked_ = 0.0;  // runs finished in this call
};

class Sweep final : public Verb {
 public:
  explicit Sweep(CLI::App& parent) {
    app = parent.add_subcommand(
        "sweep",
        "Many runs of train over a grid of options and seeds, side by side; the same command\n"
        "again goes on where it was stopped, and computes nothing twice. Every flag of train\n"
        "sets what all runs share");
    std::vector<Option> options = sweep_options(request_);
    for (Option& option : own_options()) options.push_back(std::move(option));
    for (Option& option : train_options(request_.base)) options.push_back(std::move(option));
    for (Option& option :
         common_.table({.value = "DIR", .help = "Folder of the sweep, needed"}, "the summary")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
  }

  int run() override {
    flags_.apply();
    common_.apply();
    if (common_.out.empty()) {
      throw InvalidArgument("out", "", "name the folder that keeps the runs: --out DIR");
    }
    if (extend_ && common_.overwrite) {
      throw InvalidArgument("extend", "with --overwrite", "give one or the other");
    }
    if (request_.seeds.empty()) {
      request_.seeds = fmt::format("{}", request_.base.algorithm.seed);
    }
    if (!shard_.empty()) request_.shard = Shard::parse(shard_);
    const SweepPlan plan = plan_sweep(request_);
    const SweepStart start = common_.overwrite ? SweepStart::overwrite
                             : extend_         ? SweepStart::extend
                                               : SweepStart::fresh_or_same;
    SweepFolder folder(common_.out, plan, config_text(flags_.options()), start);

    catch_interrupts();
    const Stopwatch watch;
    SweepProgress progress(plan, common_.quiet || common_.json);
    bool out_of_time = false;
    SweepObserver observer;
    observer.on_run = [&](const SweepRun& run, const SweepRecord& record, std::size_t done) {
      progress.on_run(run, record, done);
    };
    observer.should_stop = [&] {
      progress.draw();
      out_of_time = out_of_time || watch.seconds() >= total_seconds_;
      return out_of_time || interrupt_requested();
    };
    const std::vector<SweepRecord> records =
        folder.run(plan, request_.keep_runs, jobs_ > 0 ? jobs_ : threads(), observer);
    progress.finish();

    std::size_t open = 0;
    std::size_t reused = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (plan.runs[i].elsewhere) continue;
      if (records[i].summary.empty()) ++open;
      if (records[i].reused) ++reused;
    }
    Status status = Status::converged;
    if (open > 0) status = out_of_time ? Status::budget : Status::interrupted;
    const std::string trouble = folder.write_report(plan, records, status, watch.seconds());
    if (common_.json) {
      print(sweep_summary_text(plan, records, status, watch.seconds()));
    } else if (!common_.quiet) {
      print(report(plan, records, open, reused));
    }
    if (!trouble.empty() && !common_.quiet && !common_.json) {
      say(fmt::format("lodestone: warning: {}\n", trouble));
    }
    if (open == 0) return done;
    return out_of_time ? stopped_by_budget : interrupted;
  }

 private:
  std::vector<Option> own_options() {
    Option jobs = io::number({.name = "jobs",
                              .value = "N",
                              .help = "Runs at a time, each on one thread",
                              .range = SweepRequest::Limits::jobs},
                             jobs_);
    jobs.default_value.clear();
    jobs.default_note = "{threads}";
    std::vector<Option> options = io::grouped(
        "Sweep",
        {jobs,
         io::number({.name = "total_seconds",
                     .value = "S",
                     .help = "Budget of seconds for this call, all runs together",
                     .range = TrainOptions::Limits::max_seconds,
                     .unit = "seconds"},
                    total_seconds_),
         io::text({.name = "shard",
                   .value = "I/N",
                   .help = "Only the runs of the I-th of N shards, each for a machine of its own; "
                           "which runs they are follows from their configurations",
                   .default_note = "all runs"},
                  shard_),
         flag_option({.name = "extend",
                      .help = "Go on with other values of the same keys, keeping the runs they "
                              "share"},
                     extend_)});
    for (Option& option : options) option.get = [] { return std::string(); };
    return options;
  }

  std::string report(const SweepPlan& plan, const std::vector<SweepRecord>& records,
                     std::size_t open, std::size_t reused) const {
    long found = 0;
    long known = 0;
    std::size_t failed = 0;
    for (const SweepRecord& record : records) {
      if (record.summary.empty()) continue;
      const auto summary = nlohmann::json::parse(record.summary);
      if (summary.at("status") == "failed") ++failed;
      if (!summary.contains("recovery")) continue;
      ++known;
      const auto& recovery = summary.at("recovery");
      if (recovery.at("recovered") == recovery.at("teachers")) ++found;
    }
    const std::size_t asked = plan.shard_runs();
    std::string text = fmt::format("{} of {} runs are done", asked - open, asked);
    if (!plan.shard.whole()) {
      text = fmt::format("shard {}, {} runs in all: {}", plan.shard.text(), plan.runs.size(), text);
    }
    if (reused > 0) text += fmt::format(" ({} of them before)", reused);
    text += "\n";
    if (failed > 0) text += fmt::format("{} could not be run; runs.csv says why\n", failed);
    if (known > 0) {
      text += fmt::format("every hidden direction recovered in {} of {} runs\n", found, known);
    }
    if (open > 0) text += "the same command again goes on from here\n";
    if (open == 0 && !plan.shard.whole()) {
      text +=
          "with the folders of all shards copied into one, the command without --shard ends it\n";
    }
    return text + fmt::format("files: {0}/runs.csv, {0}/summary.json, {0}/figures\n", common_.out);
  }

  SweepRequest request_;
  int jobs_ = 0;  // 0: as many as there are threads
  double total_seconds_ = std::numeric_limits<double>::infinity();
  bool extend_ = false;
  std::string shard_;  // I/N
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_sweep(CLI::App& parent) { return std::make_unique<Sweep>(parent); }

}  // namespace lodestone::app
