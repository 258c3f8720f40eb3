#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

std::vector<VerbOptions>& registered() {
  static std::vector<VerbOptions> verbs;
  return verbs;
}

bool is_option(const std::string& name) {
  if (name == "config" || name == "resume") return true;
  for (const VerbOptions& verb : registered()) {
    for (const Option& option : verb.options) {
      if (option.name == name) return true;
    }
  }
  return false;
}

}  // namespace

std::string flag_of(const std::string& option) { return "--" + config_key(option); }

std::string in_words(const Message& message) {
  return message.spelled([](const std::string& name) {
    if (is_option(name)) return flag_of(name);
    return name.starts_with("teacher ") ? config_key(name) : name;  // a key of --teacher random:
  });
}

const std::vector<VerbOptions>& verb_options() { return registered(); }

void OptionFlags::add(CLI::App& app, std::vector<Option> options) {
  options_ = std::move(options);
  registered().push_back({app.get_name(), options_});
  for (const Option& option : options_) {
    const auto values = values_;
    const std::string name = option.name;
    const std::string flag = flag_of(name);
    const std::string help = option.description().spelled(flag_of);
    if (option.kind == Option::Kind::flag) {
      app.add_flag_callback(
             flag, [values, name] { (*values)[name] = "true"; }, help)
          ->disable_flag_override()
          ->group(option.group);
    } else if (option.repeats) {
      app.add_option_function<std::vector<std::string>>(
             flag,
             [values, name](const std::vector<std::string>& items) {
               (*values)[name] = list_text(items);
             },
             help)
          ->allow_extra_args(false)
          ->type_name(option.value)
          ->group(option.group);
    } else {
      app.add_option_function<std::string>(
             flag, [values, name](const std::string& text) { (*values)[name] = text; }, help)
          ->type_name(option.value)
          ->group(option.group);
    }
  }
  app.add_option("--config", *config_, "TOML file with a key for any of these flags; flags win")
      ->type_name("FILE")
      ->group("Run");
}

void OptionFlags::add_word(CLI::App& app, const std::string& word, const std::string& option) {
  app.add_option_function<std::string>(
         word, [words = words_, option](const std::string& text) { (*words)[option] = text; },
         "The same as " + flag_of(option))
      ->type_name("");
}

std::optional<std::string> OptionFlags::word(const std::string& option) const {
  const auto found = words_->find(option);
  if (found == words_->end()) return std::nullopt;
  return found->second;
}

void OptionFlags::refuse_words_beside_teacher(const std::string& teacher) const {
  const std::optional<std::string> table = word("data");
  if (teacher.empty() || !table) return;
  throw InvalidArgument(
      "data", fmt::format("'{}'", *table),
      Message::pattern("{teacher} is given too; give either {data} or {teacher}"));
}

void OptionFlags::apply() const {
  if (!config_->empty()) apply_config(options_, *config_);
  apply_flags();
}

void apply_config(const std::vector<Option>& options, const std::string& path) {
  for (const ConfigEntry& entry : read_config(path)) {
    const auto option = std::find_if(options.begin(), options.end(), [&](const Option& candidate) {
      return config_key(candidate.name) == entry.key;
    });
    if (option == options.end()) {
      std::vector<std::string> names;
      for (const Option& candidate : options) names.push_back(config_key(candidate.name));
      throw FileError(path, entry.line,
                      fmt::format("unknown key '{}'{}", entry.key, did_you_mean(entry.key, names)));
    }
    if (entry.is_list && option->kind != Option::Kind::list) {
      throw FileError(path, entry.line, fmt::format("'{}' takes one value, not a list", entry.key));
    }
    try {
      option->set(entry.value);
    } catch (const InvalidArgument& error) {
      throw FileError(path, entry.line, error.message().spelled(config_key));
    }
  }
}

void OptionFlags::apply_flags(bool only_resumable) const {
  for (const Option& option : options_) {
    const auto given = values_->find(option.name);
    const std::optional<std::string> bare = word(option.name);
    if (given == values_->end() && !bare) continue;
    if (given != values_->end() && bare) {
      throw InvalidArgument(option.name, fmt::format("'{}'", given->second),
                            fmt::format("the word '{}' says it too; give one or the other", *bare));
    }
    const std::string text = bare ? *bare : given->second;
    if (only_resumable && !option.changes_on_resume) {
      throw InvalidArgument(option.name, text,
                            "cannot change when a run is resumed; start a new run instead");
    }
    option.set(text);
  }
}

}  // namespace lodestone::app
