#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "help_page.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/version.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

namespace fs = std::filesystem;

// Text as groff takes it: a backslash and a dash are written out, and a line does not begin with a
// request.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c == '\n' ? ' ' : c;
    }
  }
  return result.starts_with('.') || result.starts_with('\'') ? "\\&" + result : result;
}

std::string option_entry(const CLI::Option& option) {
  const std::string value = option.get_type_size() == 0 ? "" : option.get_type_name();
  return fmt::format(
      ".TP\n\\fB{}\\fR{}\n{}\n", escaped(name_in_help(option)),
      value.empty() || option.get_positional() ? "" : fmt::format(" \\fI{}\\fR", escaped(value)),
      escaped(option.get_description()));
}

std::string ending(const std::string& verb) {
  std::string text;
  const std::vector<Example> examples = examples_of(verb);
  if (!examples.empty()) text += ".SH EXAMPLES\n";
  for (const Example& example : examples) {
    text += fmt::format(".TP\n{}\n{}\n", escaped(example.command), escaped(example.purpose));
  }
  text += ".SH EXIT STATUS\n";
  for (const auto& [status, meaning] : exit_meanings()) {
    text += fmt::format(".TP\n{}\n{}\n", status, escaped(meaning));
  }
  return text;
}

std::string beginning(const std::string& page, const std::string& command,
                      const CLI::App& described) {
  std::string title = page;
  for (char& c : title) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return fmt::format(
      ".TH {} 1 \"\" \"lodestone {}\" \"Lodestone\"\n.SH NAME\n{} \\- {}\n"
      ".SH SYNOPSIS\n.B {}\n{}\n",
      escaped(title), version, escaped(page), escaped(described.get_description()),
      escaped(command), escaped(synopsis(described)));
}

std::string verb_page(const CLI::App& verb) {
  const std::string& name = verb.get_name();
  std::string text = beginning("lodestone-" + name, "lodestone " + name, verb);
  std::string words;
  for (const CLI::Option* word : words_of(verb)) words += option_entry(*word);
  if (!words.empty()) text += ".SH ARGUMENTS\n" + words;
  const std::vector<OptionGroup> groups = option_groups(verb);
  if (!groups.empty()) text += ".SH OPTIONS\n";
  for (const OptionGroup& group : groups) {
    text += fmt::format(".SS {}\n", escaped(group.heading));
    for (const CLI::Option* option : group.options) text += option_entry(*option);
  }
  return text + ending(name) + ".SH SEE ALSO\n.BR lodestone (1)\n";
}

std::string program_page(const CLI::App& program) {
  std::string text = beginning("lodestone", "lodestone", program) + ".SH VERBS\n";
  std::string pages;
  for (const CLI::App* verb : listed_verbs(program)) {
    text += fmt::format(".TP\n\\fB{}\\fR\n{}\n", escaped(verb->get_name()),
                        escaped(verb->get_description()));
    pages += fmt::format("{}.BR lodestone\\-{} (1)", pages.empty() ? "" : ",\n", verb->get_name());
  }
  text += ".SH OPTIONS\n";
  for (const OptionGroup& group : option_groups(program)) {
    for (const CLI::Option* option : group.options) text += option_entry(*option);
  }
  return text + ending("") + ".SH SEE ALSO\n" + pages + "\n";
}

/// Man pages, made from the options that help is made from.
class Man final : public Verb {
 public:
  explicit Man(CLI::App& parent) : program_(parent) {
    app = parent.add_subcommand("man", "Print the manual page of a verb, or of the program");
    app->group("About the program");
    app->add_option("VERB", verb_, "The verb; absent: the program")->type_name("");
    app->add_option("--out", out_, "Write every page into this folder, as NAME.1")
        ->type_name("DIR")
        ->group("Run");
  }

  int run() override {
    const std::vector<const CLI::App*> verbs = listed_verbs(program_);
    if (!out_.empty()) {
      if (!verb_.empty()) throw InvalidArgument("out", out_, "takes every page; give no verb");
      std::error_code error;
      fs::create_directories(out_, error);
      if (error) throw FileError(out_, error.message());
      write("lodestone", program_page(program_));
      for (const CLI::App* verb : verbs) write("lodestone-" + verb->get_name(), verb_page(*verb));
      return done;
    }
    if (verb_.empty()) {
      print(program_page(program_));
      return done;
    }
    std::vector<std::string> names;
    for (const CLI::App* verb : verbs) {
      names.push_back(verb->get_name());
      if (verb->get_name() != verb_) continue;
      print(verb_page(*verb));
      return done;
    }
    throw InvalidArgument(
        "VERB", "'" + verb_ + "'",
        "no such verb" + did_you_mean(verb_, names) + " (lodestone --help lists them)");
  }

 private:
  void write(const std::string& page, const std::string& text) const {
    write_file_atomically((fs::path(out_) / (page + ".1")).string(), text);
  }

  const CLI::App& program_;
  std::string verb_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Verb> make_man(CLI::App& parent) { return std::make_unique<Man>(parent); }

}  // namespace lodestone::app
