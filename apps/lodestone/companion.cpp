#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "verbs.hpp"

namespace lodestone::app {
namespace {

// Hands the arguments to the Python package, or says in one line what is missing. The folder this
// is started in must not shadow the package.
constexpr const char* script = R"(
import sys
sys.path[:] = [entry for entry in sys.path if entry]
try:
    from lodestone.__main__ import main
except ImportError as missing:
    sys.exit(print(f'lodestone: error: this verb comes with the Python package, which '
                   f'{sys.executable} does not have ({missing}); install it with: '
                   'pip install ".[all]" in the source folder', file=sys.stderr) or 2)
sys.exit(main())
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
    std::vector<std::string> words{interpreter(), "-c", script, name_};
    for (const std::string& word : app->remaining()) words.push_back(word);
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

std::unique_ptr<Verb> make_report(CLI::App& parent) {
  return std::make_unique<Companion>(parent, "report", "Write one self-contained page about a run");
}

std::unique_ptr<Verb> make_export(CLI::App& parent) {
  return std::make_unique<Companion>(parent, "export", "Write a model as ONNX, SQL, Python or C");
}

}  // namespace lodestone::app
