#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/runs/summary.hpp"
#include "lodestone/runs/train.hpp"
#include "lodestone/runs/train_files.hpp"
#include "lodestone/runs/train_inputs.hpp"
#include "processes.hpp"
#include "progress.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

// Seconds between checkpoints: little work is lost, and writing costs little.
constexpr double checkpoint_interval = 2.0;

class Train final : public Verb {
 public:
  explicit Train(CLI::App& parent) {
    app = parent.add_subcommand(
        "train",
        "Find hidden directions with Algorithm 1 (stages 0 to 3): on a teacher's exact\n"
        "population, on rows drawn from it, or on a data file");
    std::vector<Option> options = train_options(options_);
    for (Option& option : common_.table({.value = "DIR",
                          .help = "Folder of the run",
                          .default_note = "none: the result is only printed"},
                                        "the summary")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
    flags_.add_word(*app, "DATA", "data");
    flags_.add_word(*app, "TARGET", "target");
    app->add_option("--resume", resume_, "Go on with the unfinished run in DIR")
        ->type_name("DIR")
        ->group("Run");
  }

  bool works_in_several_processes() const override { return true; }

  int run() override {
    std::optional<RunFolder> folder;
    refuse_with_processes();
    if (!resume_.empty()) {
      refuse_with_resume();
      folder = RunFolder::open(resume_);
      std::vector<Option> table = flags_.options();
      find_schedule_of_run(resume_, table, options_);
      apply_config(table, folder->file("config.toml"));
      if (options_.data.file == "-" || options_.validation_file == "-" ||
          options_.test_file == "-") {
        throw InvalidArgument("resume", resume_,
                              "this run read its data from standard input, which is gone");
      }
    }
    if (!folder) flags_.apply();
    const std::string settled = settled_config(options_);
    if (folder) flags_.apply_flags(true);
    common_.apply();
    if (folder && folder->complete()) {
      const std::string summary = read_file(folder->file("summary.json"));
      if (common_.json) {
        print(summary);
      } else if (!common_.quiet) {
        print(fmt::format("{} is complete; there is nothing to resume\n", resume_));
      }
      const auto status = nlohmann::json::parse(summary).value("status", nlohmann::json());
      const bool converged = status == name(Status::converged);
      return exit_status(converged ? Status::converged : Status::budget);
    }

    flags_.refuse_words_beside_teacher(options_.teacher);
    options_.validate();
    refuse_flags_without_effect();
    refuse_standard_input_of_several();
    auto [teacher, data, validation, test] =
        read_train_inputs(folder ? inputs_of_run(resume_, options_) : options_);
    // While the rows are as they were read; then they become the problem's, without a copy.
    const std::string code =
        fingerprint(settled, options_.algorithm.schedule, teacher, data, validation, test);
    const Problem problem = make_problem(options_, teacher, std::move(data), std::move(validation),
                                         std::move(test), processes());

    TrainState state;
    if (folder) {
      if (auto saved = read_checkpoint(*folder, code)) state = std::move(*saved);
      write_file_atomically(folder->file("config.toml"), config_text(flags_.options()));
    } else if (!common_.out.empty() && writes_files()) {
      folder = RunFolder::create(common_.out, common_.overwrite, config_text(flags_.options()));
      if (teacher) write_teacher(folder->file("teacher.json"), *teacher);
    }
    return work(problem, state, folder, code);
  }

 private:
  // Of several processes the first has the run's folder.
  static bool writes_files() { return processes() == nullptr || processes()->rank() == 0; }

  void refuse_with_processes() const {
    if (processes() == nullptr) return;
    if (!resume_.empty()) {
      throw InvalidArgument("resume", resume_,
                            "a run of several processes goes on in one, without mpirun: to the "
                            "same bits");
    }
  }

  void refuse_standard_input_of_several() const {
    if (processes() != nullptr && options_.data.file == "-") {
      throw InvalidArgument("data", "'-'",
                            "one process alone has the standard input; name a file that all of "
                            "them can read");
    }
  }

  void refuse_with_resume() const {
    if (flags_.given("out")) {
      throw InvalidArgument("out", common_.out, "--resume goes on in its own folder");
    }
    if (flags_.given("overwrite")) {
      throw InvalidArgument("overwrite", "with --resume", "give one or the other");
    }
    if (flags_.config_given()) {
      throw InvalidArgument("config", "a file", "--resume reads the configuration of its run");
    }
  }

  // A flag that would be ignored is a misunderstanding: better to say so.
  void refuse_flags_without_effect() const {
    const auto refuse = [&](std::initializer_list<const char*> names, const std::string& rule) {
      for (const char* flag : names) {
        if (flags_.given(flag)) throw InvalidArgument(flag, "a value", rule);
      }
    };
    if (options_.teacher.empty()) {
      refuse({"noise"}, "a data file brings its own noise; this flag goes with --samples");
      if (!options_.validation_file.empty()) {
        refuse({"validation_share"}, "--validation names the rows that choose the weight decay");
      }
      if (!options_.test_file.empty()) {
        refuse({"test_share"}, "--test names the rows that give the test error");
      }
      return;
    }
    refuse({"target", "delimiter", "weights", "exclude", "categories", "missing", "validation",
            "test", "test_share"},
           "goes with a data file (--data)");
    if (options_.samples == 0) {
      refuse({"biases", "standardize", "precision", "validation_share", "patience"},
             "has no effect on an exact population; give --samples as well");
    }
  }

  int work(const Problem& problem, TrainState& state, const std::optional<RunFolder>& folder,
           const std::string& code) {
    catch_interrupts();
    Progress progress(options_, problem, common_.quiet || common_.json || !writes_files());
    double next_checkpoint = state.seconds + 0.25 * checkpoint_interval;
    TrainObserver observer;
    observer.on_row = [&](const HistoryRow& row, const Network&) { progress.on_row(row); };
    observer.on_step = [&](const TrainState& now) {
      progress.on_step(now);
      if (folder && now.seconds >= next_checkpoint) {
        save(*folder, now, code);
        next_checkpoint = now.seconds + checkpoint_interval;
      }
      return true;
    };
    observer.should_stop = [] { return interrupt_requested(); };
    const TrainResult result = train(problem, options_, state, observer);
    progress.finish();

    const std::string summary = summary_text(problem, options_, state, result);
    const bool finished = state.algorithm.stage == Stage::done;
    if (folder) write_result(*folder, state, result, summary, code);
    if (common_.json) {
      print(summary);
    } else if (!common_.quiet) {
      print(result_table(problem, state, result));
      if (folder && !finished) {
        print(fmt::format("--resume {} goes on from here\n", folder->path().string()));
      } else if (!finished) {
        print("nothing was saved; give --out DIR to be able to resume\n");
      }
      if (folder) {
        print(fmt::format(
            "files: {0}/summary.json, {0}/model.json, {0}/history.csv, {0}/config.toml\n",
            folder->path().string()));
      }
    }
    return exit_status(result.status);
  }

  // A disk that is full for a moment should not end hours of work: the next checkpoint may fit.
  void save(const RunFolder& folder, const TrainState& state, const std::string& code) {
    try {
      write_checkpoint(folder, state, code);
    } catch (const FileError& error) {
      if (!warned_ && !common_.quiet && !common_.json)
        say(fmt::format("lodestone: warning: {}; training goes on\n", in_words(error.message())));
      warned_ = true;
    }
  }

  TrainOptions options_;
  bool warned_ = false;
  OptionFlags flags_;
  std::string resume_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_train(CLI::App& parent) { return std::make_unique<Train>(parent); }

}  // namespace lodestone::app
