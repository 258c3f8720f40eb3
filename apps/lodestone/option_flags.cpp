#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "verbs.hpp"

namespace lodestone::app {

void OptionFlags::add(CLI::App& app, std::vector<Option> options) {
  options_ = std::move(options);
  for (const Option& option : options_) {
    const auto values = values_;
    const std::string name = option.name;
    if (option.kind == Option::Kind::flag) {
      app.add_flag_callback(
             "--" + name, [values, name] { (*values)[name] = "true"; }, option.help)
          ->disable_flag_override();
    } else if (option.repeats) {
      app.add_option_function<std::vector<std::string>>(
             "--" + name,
             [values, name](const std::vector<std::string>& items) {
               (*values)[name] = list_text(items);
             },
             option.help)
          ->allow_extra_args(false)
          ->type_name(option.value);
    } else {
      app.add_option_function<std::string>(
             "--" + name, [values, name](const std::string& text) { (*values)[name] = text; },
             option.help)
          ->type_name(option.value);
    }
  }
  app.add_option("--config", *config_, "TOML file with a key for any of these flags; flags win")
      ->type_name("FILE");
}

void OptionFlags::apply() const {
  if (!config_->empty()) apply_config(*config_);
  apply_flags();
}

void apply_config(const std::vector<Option>& options, const std::string& path) {
  for (const ConfigEntry& entry : read_config(path)) {
    const auto option = std::find_if(options.begin(), options.end(), [&](const Option& candidate) {
      return candidate.name == entry.key;
    });
    if (option == options.end()) {
      std::vector<std::string> names;
      for (const Option& candidate : options) names.push_back(candidate.name);
      throw FileError(path, entry.line,
                      fmt::format("unknown key '{}'{}", entry.key, did_you_mean(entry.key, names)));
    }
    if (entry.is_list && option->kind != Option::Kind::list) {
      throw FileError(path, entry.line, fmt::format("'{}' takes one value, not a list", entry.key));
    }
    try {
      option->set(entry.value);
    } catch (const InvalidArgument& error) {
      throw FileError(path, entry.line, error.what());
    }
  }
}

void OptionFlags::apply_flags(bool only_resumable) const {
  for (const Option& option : options_) {
    const auto given = values_->find(option.name);
    if (given == values_->end()) continue;
    if (only_resumable && !option.changes_on_resume) {
      throw InvalidArgument("--" + option.name, given->second,
                            "cannot change when a run is resumed; start a new run instead");
    }
    option.set(given->second);
  }
}

}  // namespace lodestone::app
