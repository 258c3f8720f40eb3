#include "help_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "terminal.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

constexpr const char* common_heading = "Options";  // CLI11's, of --help and --version

// Descriptions begin in this column; below the name where a terminal is too narrow for both.
constexpr std::size_t option_column = 30;
constexpr std::size_t verb_column = 15;
constexpr std::size_t narrow = 60;
constexpr std::size_t narrow_indent = 6;

std::string paragraph(const std::string& text) {
  std::string result;
  for (const std::string& line : wrapped(text, text_columns())) result += line + "\n";
  return result;
}

/// A name, and what it is in a column beside it.
std::string entry(const std::string& name, const std::string& what, std::size_t column) {
  const std::size_t columns = text_columns();
  if (columns < narrow) column = narrow_indent;
  std::string result = "  " + name;
  bool beside = columns_of(result) + 2 <= column;
  if (!beside) result += "\n";
  for (const std::string& line : wrapped(what, columns - column)) {
    const std::size_t taken = beside ? columns_of(result) : 0;
    result += std::string(column - taken, ' ') + line + "\n";
    beside = false;
  }
  return what.empty() && beside ? result + "\n" : result;
}

std::string name_with_value(const CLI::Option& option) {
  const std::string value = option.get_type_size() == 0 ? "" : option.get_type_name();
  return name_in_help(option) + (value.empty() ? "" : " " + value);
}

std::string examples(const std::string& verb) {
  std::string result;
  for (const Example& example : examples_of(verb)) {
    result +=
        fmt::format("  {}\n", fmt::join(wrapped(example.command, text_columns() - 6), "\n    "));
    for (const std::string& line : wrapped(example.purpose, text_columns() - narrow_indent)) {
      result += std::string(narrow_indent, ' ') + line + "\n";
    }
  }
  return result.empty() ? "" : "\nExamples:\n" + result;
}

std::string exit_statuses() {
  std::string text;
  for (const auto& [status, meaning] : exit_meanings()) {
    text += fmt::format("{}{} {}", text.empty() ? "Exit status: " : ", ", status, meaning);
  }
  return paragraph(text + ".");
}

}  // namespace

std::vector<OptionGroup> option_groups(const CLI::App& verb) {
  std::vector<OptionGroup> groups;
  OptionGroup common{common_heading, {}};
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->nonpositional() || option->get_group().empty()) continue;
    if (option->get_group() == common_heading) {
      common.options.push_back(option);
      continue;
    }
    auto group = std::find_if(groups.begin(), groups.end(), [&](const OptionGroup& one) {
      return one.heading == option->get_group();
    });
    if (group == groups.end()) group = groups.insert(group, {option->get_group(), {}});
    group->options.push_back(option);
  }
  if (!common.options.empty()) groups.push_back(std::move(common));
  return groups;
}

std::vector<const CLI::Option*> words_of(const CLI::App& verb) {
  return verb.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

std::vector<const CLI::App*> listed_verbs(const CLI::App& program) {
  return program.get_subcommands(
      [](const CLI::App* verb) { return !verb->get_group().empty() && !verb->get_name().empty(); });
}

std::string synopsis(const CLI::App& verb) {
  if (verb.get_prefix_command()) return "...";  // its words are another program's
  std::string text = option_groups(verb).empty() ? "" : "[OPTIONS]";
  for (const CLI::Option* word : words_of(verb)) {
    const std::string name = word->get_name(true, false);
    text += (text.empty() ? "" : " ") + (word->get_required() ? name : "[" + name + "]");
  }
  if (!listed_verbs(verb).empty()) text = "VERB " + text;
  return text;
}

std::string name_in_help(const CLI::Option& option) {
  return option.get_positional() ? option.get_name(true, false) : option.get_name(false, true);
}

std::vector<Example> examples_of(const std::string& verb) {
  static const std::map<std::string, std::vector<Example>> examples = {
      {"",
       {{"lodestone sample --teacher random:d=10,k=3 --samples 2000 --out table.csv",
         "A table to try things on, with the columns x0 to x9 and y."},
        {"lodestone fit table.csv y --out run", "What y depends on, and a model of it."},
        {"lodestone predict run more.csv --out y.csv", "The model's predictions."}}},
      {"fit",
       {{"lodestone fit table.csv y", "The model of column y, printed."},
        {"lodestone fit table.csv y --test-share 0.2 --out run",
         "The same, with the error on rows kept aside, into a folder."},
        {"lodestone fit table.csv y --select elbow", "A model with few features, to read."}}},
      {"train",
       {{"lodestone train --teacher random:d=10,k=3 --out run",
         "The hidden directions of a random teacher."},
        {"lodestone train table.csv y --out run", "Algorithm 1 on a table."},
        {"lodestone train --resume run", "On from where a run was stopped."}}},
      {"select", {{"lodestone select run --features 2 --out two.json", "Another model of a run."}}},
      {"sample",
       {{"lodestone sample --teacher random:d=10,k=3 --noise 0.1 --out table.csv",
         "1000 rows with noise."}}},
      {"predict",
       {{"lodestone predict run more.csv --out y.csv", "Predictions with a run's model."}}},
      {"certify",
       {{"lodestone certify run", "A run, on what it was trained on."},
        {"lodestone certify net.npz --data table.csv --target y",
         "A network that was trained elsewhere."}}},
      {"verify", {{"lodestone verify run", "Every number of a run, recomputed."}}},
      {"sweep",
       {{"lodestone sweep --teacher random:d=10,k=3 --grid width=8,32 --seeds 0:4 --out sweep",
         "Two widths, five seeds each."}}},
      {"certificate",
       {{"lodestone certificate random:d=8,k=3", "A random teacher's, printed."},
        {"lodestone certificate teacher.json --out certificate",
         "That of a run's teacher, with its picture, into a folder."}}},
      {"flow",
       {{"lodestone flow random:d=8,k=3 --lambda 0.001 --out flow",
         "From the start of train to where the gradient vanishes."},
        {"lodestone flow teacher.json --init run/network.json --time 100", "On from a network."}}},
      {"lab", {{"lodestone lab --quick --out theory", "Every statement, in a minute or two."}}},
      {"bench", {{"lodestone bench --case sample", "Steps on rows only."}}},
      {"completion",
       {{"source <(lodestone completion bash)", "In a bash, or with zsh in a zsh."},
        {"lodestone completion fish | source", "In a fish."}}},
      {"man", {{"lodestone man fit | man -l -", "The page of a verb."}}},
  };
  const auto found = examples.find(verb);
  return found == examples.end() ? std::vector<Example>() : found->second;
}

const std::vector<ExitMeaning>& exit_meanings() {
  static const std::vector<ExitMeaning> meanings = {
      {done, "done"},
      {unusable_input, "unusable input"},
      {stopped_by_budget, "stopped by a budget (saved)"},
      {numerical_breakdown, "numbers out of range (saved) or contradicted"},
      {interrupted, "interrupted (saved)"},
  };
  return meanings;
}

std::string HelpPage::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode) const {
  const bool program = app->get_parent() == nullptr;
  std::string text = paragraph(app->get_description());
  text += "\n" + paragraph("Usage: " + name + " " + synopsis(*app));
  bool described = false;
  for (const CLI::Option* word : words_of(*app)) {
    if (!described) text += "\nArguments:\n";
    described = true;
    text += entry(name_in_help(*word), word->get_description(), option_column);
  }
  std::string last_group;
  for (const CLI::App* verb : listed_verbs(*app)) {
    const std::string group = verb->get_group() == "Subcommands" ? "Verbs" : verb->get_group();
    if (group != last_group) text += fmt::format("\n{}:\n", group);
    last_group = group;
    text += entry(verb->get_name(), verb->get_description(), verb_column);
  }
  for (const OptionGroup& group : option_groups(*app)) {
    text += fmt::format("\n{}:\n", group.heading);
    for (const CLI::Option* option : group.options) {
      text += entry(name_with_value(*option), option->get_description(), option_column);
    }
  }
  text += examples(program ? "" : app->get_name()) + "\n";
  if (program) text += paragraph("lodestone VERB --help explains every flag of a verb.");
  return text + exit_statuses();
}

}  // namespace lodestone::app
