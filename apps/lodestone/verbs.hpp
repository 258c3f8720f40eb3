#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/core/message.hpp"
#include "lodestone/io/config/option.hpp"
#include "lodestone/model/table.hpp"
#include "lodestone/runs/train.hpp"

namespace lodestone::app {

/// Exit statuses; the same for every verb.
enum ExitStatus {
  done = 0,
  unusable_input = 2,
  stopped_by_budget = 3,
  numerical_breakdown = 4,
  interrupted = 130,
};

/// That of a run that ended so.
ExitStatus exit_status(Status status);

/// A verb of the command line: its flags, and what it does once they are read.
class Verb {
 public:
  virtual ~Verb() = default;
  virtual int run() = 0;

  /// Whether mpirun may start several of it.
  virtual bool works_in_several_processes() const { return false; }

  CLI::App* app = nullptr;
};

/// An option's name as the command line writes it: --max-steps for max_steps.
std::string flag_of(const std::string& option);

/// A message with options as flags. Names that no verb has as an option stay as they are: they are
/// arguments of the library that have no flag.
std::string in_words(const Message& message);

/// The options of each verb that OptionFlags::add was called for, in that order.
struct VerbOptions {
  std::string verb;
  std::vector<Option> options;
};
const std::vector<VerbOptions>& verb_options();

/// Sets options from a configuration file. Unknown keys are errors that name the nearest key.
void apply_config(const std::vector<Option>& options, const std::string& path);

/// Flags made from a table of options. Flags win over the configuration file.
class OptionFlags {
 public:
  /// Adds one flag for each option, and --config.
  void add(CLI::App& app, std::vector<Option> options);

  /// Adds a word without a flag that means the same as a flag: DATA for --data.
  void add_word(CLI::App& app, const std::string& word, const std::string& option);

  /// Sets options from the configuration file that --config names, if any, then from the flags.
  void apply() const;

  /// Sets options from the flags given. With only_resumable, a flag that cannot change on resume is
  /// an error.
  void apply_flags(bool only_resumable = false) const;

  bool given(const std::string& name) const { return values_->contains(name) || word(name); }

  /// The word that add_word's argument was given as; nothing where it was not.
  std::optional<std::string> word(const std::string& option) const;

  /// A table in the words beside a teacher is refused by what was written.
  void refuse_words_beside_teacher(const std::string& teacher) const;

  bool config_given() const { return !config_->empty(); }
  const std::vector<Option>& options() const { return options_; }

 private:
  std::vector<Option> options_;
  // Shared with the callbacks that CLI11 keeps.
  std::shared_ptr<std::map<std::string, std::string>> values_ =
      std::make_shared<std::map<std::string, std::string>>();
  std::shared_ptr<std::map<std::string, std::string>> words_ =
      std::make_shared<std::map<std::string, std::string>>();
  std::shared_ptr<std::string> config_ = std::make_shared<std::string>();
};

/// What every verb understands besides its own options: how and where to work, not what to compute.
/// These are configuration keys too, but a run's resolved configuration leaves them out.
struct CommonOptions {
  std::string out;
  int threads = 0;  ///< 0: as many as there are processors
  bool overwrite = false;
  bool quiet = false;
  bool json = false;

  /// The table of these options; the record of `out`, without its name, and what --json prints say
  /// what the verb does with them.
  std::vector<Option> table(Option out_record, const std::string& printed);

  /// Takes over the number of threads.
  void apply() const;

  /// Writes JSON to `out`, where that is a file, and prints JSON or the text for people.
  void report(const std::string& as_json, const std::string& text) const;

 private:
  bool threads_given_ = false;
};

/// Writes to standard error; a full disk there is no reason to lose a run.
void say(const std::string& text);

/// Writes to standard output.
void print(const std::string& text);

/// At most so many columns that matter most in a direction, as "+0.93 froude_number (+6.2)": by
/// their standard deviations, then by the column's own unit.
std::string direction_in_words(const Vector& direction, const Vector& scale,
                               const std::vector<std::string>& columns, std::size_t most);

/// Throws FileError when the file to write exists and --overwrite was not given.
void refuse_existing(const std::string& file, bool overwrite);

/// Writes NPY for a name in .npy, CSV otherwise; "-" is standard output.
void write_table(const std::string& file, const Table& table);

std::unique_ptr<Verb> make_train(CLI::App& parent);
std::unique_ptr<Verb> make_fit(CLI::App& parent);
std::unique_ptr<Verb> make_select(CLI::App& parent);
std::unique_ptr<Verb> make_sample(CLI::App& parent);
std::unique_ptr<Verb> make_predict(CLI::App& parent);
std::unique_ptr<Verb> make_certify(CLI::App& parent);
std::unique_ptr<Verb> make_certificate(CLI::App& parent);
std::unique_ptr<Verb> make_flow(CLI::App& parent);
std::unique_ptr<Verb> make_sweep(CLI::App& parent);
std::unique_ptr<Verb> make_verify(CLI::App& parent);
std::unique_ptr<Verb> make_lab(CLI::App& parent);
std::unique_ptr<Verb> make_bench(CLI::App& parent);
std::unique_ptr<Verb> make_report(CLI::App& parent);
std::unique_ptr<Verb> make_export(CLI::App& parent);
std::unique_ptr<Verb> make_options(CLI::App& parent);
std::unique_ptr<Verb> make_completion(CLI::App& parent);
std::unique_ptr<Verb> make_man(CLI::App& parent);

/// Asks running work to stop at the next step when the user interrupts (SIGINT, SIGTERM).
void catch_interrupts();
bool interrupt_requested();

/// Parquet and Arrow files are read by the Python package, in a process of its own.
void read_tables_by_companion();

}  // namespace lodestone::app
