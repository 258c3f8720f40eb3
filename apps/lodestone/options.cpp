#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "verbs.hpp"

namespace lodestone::app {
namespace {

std::string in_a_cell(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '|' ? std::string("\\|") : std::string(1, c);
  return result;
}

std::string row(const Option& option) {
  const std::string value = option.value.empty() ? "" : " " + option.value;
  return fmt::format("| `{}{}` | {} | {} | {} | {} |\n", flag_of(option.name), in_a_cell(value),
                     in_a_cell(Message::pattern(option.help).spelled(flag_of)),
                     option.range ? option.range->text() : "", option.unit,
                     in_a_cell(option.default_in_words().spelled(flag_of)));
}

std::string tables(const VerbOptions& verb) {
  std::vector<std::string> groups;
  for (const Option& option : verb.options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) {
      groups.push_back(option.group);
    }
  }
  std::string text = fmt::format("\n## lodestone {}\n", verb.verb);
  for (const std::string& group : groups) {
    text += fmt::format("\n### {}\n\n", group);
    text += "| option | what it does | range | unit | default |\n|---|---|---|---|---|\n";
    for (const Option& option : verb.options) {
      if (option.group == group) text += row(option);
    }
  }
  return text;
}

/// Writes docs/options.md. Help does not list this verb, which is for developers.
class Options final : public Verb {
 public:
  explicit Options(CLI::App& parent) {
    app = parent.add_subcommand("options", "Every option of every verb, as docs/options.md");
    app->group("");
  }

  int run() override {
    print(
        "# Options\n\n"
        "Written by `lodestone options > docs/options.md`, from the records that flags, checks and "
        "help are made\nof. A configuration file has the same names without the dashes in front "
        "(`max-steps = 1000`). Python has\nunderscores (`max_steps`), and `weight_decay` in place "
        "of `lambda`. Every verb takes `--config FILE`, and\n`train` takes `--resume DIR`.\n");
    for (const VerbOptions& verb : verb_options()) print(tables(verb));
    return done;
  }
};

}  // namespace

std::unique_ptr<Verb> make_options(CLI::App& parent) { return std::make_unique<Options>(parent); }

}  // namespace lodestone::app
