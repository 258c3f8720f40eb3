#include <fmt/format.h>

#include <string>
#include <vector>

#include "help_page.hpp"
#include "lodestone/core/error.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

const std::vector<std::string> shells = {"bash", "zsh", "fish"};

/// A flag as a shell completes it.
struct Flag {
  std::string name;  ///< "--data"
  std::string help;
  std::string value;                 ///< its placeholder; empty for a switch
  std::vector<std::string> choices;  ///< words it takes; files where there are none
};

struct CompletedVerb {
  std::string name;
  std::string help;
  std::vector<Flag> flags;
};

std::vector<std::string> choices_of(const std::string& verb, const std::string& flag) {
  for (const VerbOptions& known : verb_options()) {
    if (known.verb != verb) continue;
    for (const Option& option : known.options) {
      if (flag_of(option.name) == flag) return option.choices;
    }
  }
  return {};
}

std::vector<CompletedVerb> completed_verbs(const CLI::App& program) {
  std::vector<CompletedVerb> verbs;
  for (const CLI::App* verb : listed_verbs(program)) {
    CompletedVerb one{verb->get_name(), verb->get_description(), {}};
    for (const OptionGroup& group : option_groups(*verb)) {
      for (const CLI::Option* option : group.options) {
        const std::string name = "--" + option->get_lnames().front();
        one.flags.push_back({name, option->get_description(),
                             option->get_type_size() == 0 ? "" : option->get_type_name(),
                             choices_of(one.name, name)});
      }
    }
    verbs.push_back(std::move(one));
  }
  return verbs;
}

std::string names_of(const std::vector<CompletedVerb>& verbs) {
  std::string names;
  for (const CompletedVerb& verb : verbs) names += (names.empty() ? "" : " ") + verb.name;
  return names;
}

std::string flags_of(const CompletedVerb& verb) {
  std::string names;
  for (const Flag& flag : verb.flags) names += (names.empty() ? "" : " ") + flag.name;
  return names;
}

/// Text to stand between single quotes, each character of `special` behind a backslash, and a
/// single quote as `quote`.
std::string escaped(const std::string& text, const std::string& special, const char* quote) {
  std::string result;
  for (const char c : text) {
    if (c == '\'') {
      result += quote;
      continue;
    }
    if (special.find(c) != std::string::npos) result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

std::string for_bash(const std::vector<CompletedVerb>& verbs) {
  std::string values;
  std::string flags;
  for (const CompletedVerb& verb : verbs) {
    if (!verb.flags.empty()) {
      flags += fmt::format("          {}) words='{}' ;;\n", verb.name, flags_of(verb));
    }
    for (const Flag& flag : verb.flags) {
      if (flag.choices.empty()) continue;
      values += fmt::format("      '{} {}') words='{}' ;;\n", verb.name, flag.name,
                            fmt::join(flag.choices, " "));
    }
  }
  return fmt::format(R"(# Completion of lodestone for bash: source <(lodestone completion bash)
_lodestone() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
  local verb=${{COMP_WORDS[1]}} words=
  # --flag=value comes as three words.
  if [[ $word == '=' ]]; then
    word=
  elif [[ $before == '=' ]]; then
    before=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words='{0} --help --version'
  else
    case "$verb $before" in
      'help help' | 'man man') words='{0}' ;;
      'completion completion') words='{1}' ;;
{2}      *)
        [[ $word == -* ]] && case "$verb" in
{3}        esac
        ;;
    esac
  fi
  [[ -n $words ]] && COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
# Where there are no words to offer, files.
complete -o bashdefault -o default -F _lodestone lodestone
)",
                     names_of(verbs), fmt::join(shells, " "), values, flags);
}

std::string for_zsh(const std::vector<CompletedVerb>& verbs) {
  const auto text = [](const std::string& words) { return escaped(words, "\\[]:", "'\\''"); };
  std::string names;
  std::string cases;
  for (const CompletedVerb& verb : verbs) {
    names += fmt::format("    '{}:{}'\n", verb.name, text(verb.help));
    cases += fmt::format("        {})\n          _arguments -S", verb.name);
    for (const Flag& flag : verb.flags) {
      const std::string values =
          flag.choices.empty() ? "_files" : fmt::format("({})", fmt::join(flag.choices, " "));
      cases += fmt::format(" \\\n            '{}[{}]{}'", flag.name, text(flag.help),
                           flag.value.empty() ? "" : ":" + text(flag.value) + ":" + values);
    }
    if (verb.name == "help" || verb.name == "man") {
      cases += fmt::format(" '1:verb:({})'", names_of(verbs));
    } else if (verb.name == "completion") {
      cases += fmt::format(" '1:shell:({})'", fmt::join(shells, " "));
    }
    cases += " '*:file:_files'\n          ;;\n";
  }
  return fmt::format(R"(#compdef lodestone
# Completion of lodestone for zsh: source <(lodestone completion zsh), or a file _lodestone in fpath.
_lodestone() {{
  local curcontext=$curcontext state line
  local -a verbs
  verbs=(
{0}  )
  _arguments -C '--help[Help]' '--version[Version]' '1:verb:->verb' '*::word:->word'
  case $state in
    verb) _describe verb verbs ;;
    word)
      case $line[1] in
{1}      esac
      ;;
  esac
}}
if [[ $funcstack[1] == _lodestone ]]; then
  _lodestone "$@"
else
  compdef _lodestone lodestone
fi
)",
                     names, cases);
}

std::string for_fish(const std::vector<CompletedVerb>& verbs) {
  const auto text = [](const std::string& words) { return escaped(words, "\\", "\\'"); };
  std::string lines =
      "# Completion of lodestone for fish: lodestone completion fish | source\n"
      "complete -c lodestone -n __fish_use_subcommand -l help -d 'Help'\n"
      "complete -c lodestone -n __fish_use_subcommand -l version -d 'Version'\n";
  const auto words_after = [&](const char* verb, const std::string& words) {
    lines += fmt::format("complete -c lodestone -n '__fish_seen_subcommand_from {}' -f -a '{}'\n",
                         verb, words);
  };
  for (const CompletedVerb& verb : verbs) {
    lines += fmt::format("complete -c lodestone -n __fish_use_subcommand -f -a {} -d '{}'\n",
                         verb.name, text(verb.help));
    for (const Flag& flag : verb.flags) {
      std::string values;
      if (!flag.choices.empty()) {
        values = fmt::format(" -x -a '{}'", fmt::join(flag.choices, " "));
      } else if (!flag.value.empty()) {
        values = " -r -F";
      }
      lines +=
          fmt::format("complete -c lodestone -n '__fish_seen_subcommand_from {}' -l {}{} -d '{}'\n",
                      verb.name, flag.name.substr(2), values, text(flag.help));
    }
  }
  words_after("help", names_of(verbs));
  words_after("man", names_of(verbs));
  words_after("completion", fmt::format("{}", fmt::join(shells, " ")));
  return lines;
}

/// Completion scripts, made from the options that help is made from.
class Completion final : public Verb {
 public:
  explicit Completion(CLI::App& parent) : program_(parent) {
    app = parent.add_subcommand("completion", "Print what completes verbs and flags in a shell");
    app->group("About the program");
    app->add_option("SHELL", shell_, "bash, zsh or fish")->required()->type_name("");
  }

  int run() override {
    const std::vector<CompletedVerb> verbs = completed_verbs(program_);
    if (shell_ == "bash") {
      print(for_bash(verbs));
    } else if (shell_ == "zsh") {
      print(for_zsh(verbs));
    } else if (shell_ == "fish") {
      print(for_fish(verbs));
    } else {
      throw InvalidArgument("SHELL", "'" + shell_ + "'", "must be bash, zsh or fish");
    }
    return done;
  }

 private:
  const CLI::App& program_;
  std::string shell_;
};

}  // namespace

std::unique_ptr<Verb> make_completion(CLI::App& parent) {
  return std::make_unique<Completion>(parent);
}

}  // namespace lodestone::app
