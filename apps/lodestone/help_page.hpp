#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace lodestone::app {

/// Options of a verb under one heading.
struct OptionGroup {
  std::string heading;
  std::vector<const CLI::Option*> options;
};

/// The groups of the records in their order, then what every verb has.
std::vector<OptionGroup> option_groups(const CLI::App& verb);

/// The words that a verb takes without a flag.
std::vector<const CLI::Option*> words_of(const CLI::App& verb);

/// The verbs that help lists.
std::vector<const CLI::App*> listed_verbs(const CLI::App& program);

/// "[OPTIONS] [DATA] [TARGET]".
std::string synopsis(const CLI::App& verb);

/// "--data" of an option; "-h,--help" where there are two.
std::string name_in_help(const CLI::Option& option);

/// A command line and what it does.
struct Example {
  std::string command;
  std::string purpose;
};
std::vector<Example> examples_of(const std::string& verb);

/// An exit status and its meaning.
struct ExitMeaning {
  int status;
  const char* meaning;
};
const std::vector<ExitMeaning>& exit_meanings();

/// Help on the terminal: headings of the records, no line longer than text_columns.
class HelpPage final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

}  // namespace lodestone::app
