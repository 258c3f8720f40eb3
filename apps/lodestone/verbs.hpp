#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lodestone/options.hpp"

namespace lodestone::app {

/// Exit statuses; the same for every verb.
enum ExitStatus {
  done = 0,
  unusable_input = 2,
  stopped_by_budget = 3,
  numerical_breakdown = 4,
  interrupted = 130,
};

/// A verb of the command line: its flags, and what it does once they are read.
class Verb {
 public:
  virtual ~Verb() = default;
  virtual int run() = 0;

  CLI::App* app = nullptr;
};

/// Flags made from a table of options. Flags win over the configuration file.
class OptionFlags {
 public:
  /// Adds one flag for each option.
  void add(CLI::App& app, std::vector<Option> options);

  /// Sets options from a configuration file. Unknown keys are errors that name the nearest key.
  void apply_config(const std::string& path) const;

  /// Sets options from the flags given. With only_resumable, a flag that cannot change on resume is
  /// an error.
  void apply_flags(bool only_resumable = false) const;

  bool given(const std::string& name) const { return values_->contains(name); }
  const std::vector<Option>& options() const { return options_; }

 private:
  std::vector<Option> options_;
  // Shared with the callbacks that CLI11 keeps.
  std::shared_ptr<std::map<std::string, std::string>> values_ =
      std::make_shared<std::map<std::string, std::string>>();
};

std::unique_ptr<Verb> make_train(CLI::App& parent);
std::unique_ptr<Verb> make_sample(CLI::App& parent);
std::unique_ptr<Verb> make_predict(CLI::App& parent);

/// Asks running work to stop at the next step when the user interrupts (SIGINT, SIGTERM).
void catch_interrupts();
bool interrupt_requested();

}  // namespace lodestone::app
