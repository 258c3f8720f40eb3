#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lodestone {

/// One option as a person sees it: the same entry makes the flag --name, the configuration key, and
/// the documentation.
struct Option {
  enum class Kind { text, number, flag, list };
  std::string name;  ///< without dashes, such as "lambda-start"
  Kind kind = Kind::text;
  std::string value;  ///< placeholder of its value, such as "X"; empty for a flag
  std::string help;   ///< what it does, its range and its default

  /// Sets it from text; a list from names separated by commas, a name with a comma in double
  /// quotes. Throws InvalidArgument naming the option, the value and the rule.
  std::function<void(const std::string&)> set;

  /// The current value as `set` takes it; empty when it has none.
  std::function<std::string()> get;

  bool changes_on_resume = false;  ///< may be given again when a run is resumed
  bool repeats = false;  ///< a list whose flag names one item, and may be given several times
};

/// Items as the `set` of a list takes them.
std::string list_text(const std::vector<std::string>& items);

/// A flag, true or false, bound to a variable that must outlive it.
Option flag_option(const std::string& name, const std::string& help, bool& field);

/// One "key = value" of a configuration file.
struct ConfigEntry {
  std::string key;
  std::string value;  ///< as Option::set takes it
  long line = 0;
  bool is_list = false;  ///< the value is an array
};

/// Reads a TOML file of top-level keys. Throws FileError with the line for bad syntax, nested
/// tables or values that are not numbers, strings, booleans or arrays of strings and whole numbers.
std::vector<ConfigEntry> read_config(const std::string& path);

/// TOML text of all options that have a value, with their help as comments or without.
std::string config_text(const std::vector<Option>& options, bool with_help = true);

}  // namespace lodestone
