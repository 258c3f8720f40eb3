#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/io/program.hpp"
#include "lodestone/model/table.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

// Hands the arguments after the first to the Python package, or says in one line what is missing;
// the first one says for what. The folder this is started in must not shadow the package.
constexpr const char* script = R"(
import os, sys
sys.path[:] = [entry for entry in sys.path if entry]
needed = sys.argv.pop(1)
try:
    from lodestone.__main__ import main
except ImportError as missing:
    sys.exit(print(f'lodestone: error: {needed} the Python package, which '
                   f'{sys.executable} does not have ({missing}); install it with: '
                   'pip install ".[all]" in the source folder', file=sys.stderr) or 2)
status = main()
if sys.argv[1] == 'table':
    # All is done. Where the interpreter is taken down as well, threads of pyarrow abort the process
    # now and then (4 of 100 on a busy machine).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
sys.exit(status)
)";

// The interpreter that is asked: the one that is named (a wheel's command names its own), else the
// one that the program is installed beside, else the first on PATH.
std::string interpreter() {
  if (const char* chosen = std::getenv("LODESTONE_PYTHON")) return chosen;
  std::error_code ignored;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::filesystem::path beside = self.parent_path() / "python3";
  return std::filesystem::exists(beside, ignored) ? beside.string() : "python3";
}

/// The command that hands arguments to the Python package. `needed` begins the line that is said
/// where there is none: "this verb comes with".
std::vector<std::string> companion_command(const std::string& needed,
                                           const std::vector<std::string>& arguments) {
  std::vector<std::string> words{interpreter(), "-c", script, needed};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

/// The last line of what a companion said on standard error, without the program's name.
std::string last_words(std::string_view errors) {
  while (errors.ends_with('\n')) errors.remove_suffix(1);
  errors = errors.substr(errors.rfind('\n') + 1);  // npos + 1 is 0
  constexpr std::string_view prefix = "lodestone: error: ";
  if (errors.starts_with(prefix)) errors.remove_prefix(prefix.size());
  return std::string(errors);
}

/// Has the Python package read a Parquet or Arrow file.
std::string convert_table(std::string_view content, const std::string& file) {
  const std::vector<std::string> words =
      companion_command("this kind of file is read by", {"table"});
  ProgramRun run = run_program(words, content);
  if (run.start_error != 0) {
    throw FileError(file, fmt::format("Parquet and Arrow files are read by Python 3 with the "
                                      "package lodestone, and {} cannot be started: {}",
                                      words[0], std::strerror(run.start_error)));
  }
  if (run.status != done) {
    const std::string said = last_words(run.errors);
    throw FileError(file, said.empty() ? fmt::format("the Python package ended with status {} "
                                                     "while reading it; is the file damaged?",
                                                     run.status)
                                       : said);
  }
  return std::move(run.output);
}

/// A verb that the Python package does: it has the pictures and the ONNX library.
class Companion final : public Verb {
 public:
  Companion(CLI::App& parent, std::string name, const std::string& what) : name_(std::move(name)) {
    app = parent.add_subcommand(name_, what + " (needs the Python package)");
    // Flags, --help among them, are the package's.
    app->set_help_flag();
    app->prefix_command();
  }

  int run() override {
    std::vector<std::string> words = app->remaining();
    words.insert(words.begin(), name_);
    words = companion_command("this verb comes with", words);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::cout.flush();
    execvp(arguments[0], arguments.data());
    say(
        fmt::format("lodestone: error: {}: cannot be started: {}; this verb needs Python 3 with "
                    "the package lodestone\n",
                    words[0], std::strerror(errno)));
    return unusable_input;
  }

 private:
  std::string name_;
};

}  // namespace

void read_tables_by_companion() { set_table_converter(convert_table); }

std::unique_ptr<Verb> make_report(CLI::App& parent) {
  return std::make_unique<Companion>(parent, "report", "Write one self-contained page about a run");
}

std::unique_ptr<Verb> make_export(CLI::App& parent) {
  return std::make_unique<Companion>(parent, "export", "Write a model as ONNX, SQL, Python or C");
}

}  // namespace lodestone::app
