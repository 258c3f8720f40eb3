#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/core/message.hpp"
#include "lodestone/core/range.hpp"

namespace lodestone {

/// One option as a record. The flag --max-steps, the configuration key max-steps, Python's argument
/// max_steps, checks, help and docs/options.md are all made from it.
struct Option {
  enum class Kind { text, whole_number, number, flag, list };

  std::string name = {};  ///< the library's name, such as max_steps
  Kind kind = Kind::text;
  std::string value = {};  ///< placeholder of its value, such as "X"; empty for a flag

  /// The words it takes, where these are fixed: what a shell completes. It may take others too.
  std::vector<std::string> choices = {};

  /// What it does, as a pattern of Message: {max_steps} names another option. The range and the
  /// default are fields of their own.
  std::string help = {};

  std::optional<Range> range = {};  ///< of numbers
  std::string unit = {};            ///< "seconds"; empty for a pure number and for text

  /// The value it has where it is not given, as `get` gives it; makers take it from the field.
  std::string default_value = {};
  std::string default_note = {};  ///< a pattern: what that value means, or what happens without one

  std::string group = {};          ///< heading in help and docs
  bool automatic = false;          ///< a number that may be left to the program, written auto
  bool changes_on_resume = false;  ///< may be given again when a run is resumed
  bool repeats = false;  ///< a list whose flag names one item, and may be given several times

  /// Sets it from text; a list from names separated by commas, a name with a comma in double
  /// quotes. Throws InvalidArgument naming the option, the value and the rule.
  std::function<void(const std::string&)> set = {};

  /// The current value as `set` takes it; empty when it has none.
  std::function<std::string()> get = {};

  bool is_number() const { return kind == Kind::whole_number || kind == Kind::number; }

  /// The default in words: "0: its exact population"; empty where there is nothing to say.
  Message default_in_words() const;

  /// Help with its range and its default: "Budget of gradient steps, >= 1 [200000]".
  Message description() const;
};

/// The key of a configuration file for an option: max-steps for max_steps.
std::string config_key(const std::string& name);

/// Items as the `set` of a list takes them.
std::string list_text(const std::vector<std::string>& items);

/// A flag, true or false, bound to a variable that must outlive it. The record says the rest.
Option flag_option(Option record, bool& field);

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
