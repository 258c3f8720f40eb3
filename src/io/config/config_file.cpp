#include <fmt/format.h>

// toml++ 3.3 asserts what damaged files such as "[|a]" do not keep, and then reports them as it
// should.
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "io/name_list.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/config/option.hpp"
#include "lodestone/io/file.hpp"

namespace lodestone {
namespace {

// A JSON string is a TOML basic string too, but for DEL: JSON has it as it is, TOML must not.
std::string quoted(const std::string& text) {
  std::string result;
  for (const char c :
       nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
    result += c == '\x7F' ? std::string("\\u007F") : std::string(1, c);
  }
  return result;
}

std::vector<std::string> names_of(const toml::array& array, const std::string& path,
                                  const ConfigEntry& entry) {
  std::vector<std::string> names;
  for (const toml::node& item : array) {
    if (const auto* string = item.as_string()) {
      names.push_back(string->get());
    } else if (const auto* integer = item.as_integer()) {
      names.push_back(fmt::format("{}", integer->get()));
    } else {
      throw FileError(path, entry.line,
                      fmt::format("'{}' must be a list of strings or whole numbers", entry.key));
    }
  }
  return names;
}

}  // namespace

std::vector<ConfigEntry> read_config(const std::string& path) {
  const std::string content = read_file(path);
  toml::table table;
  try {
    table = toml::parse(content, path);
  } catch (const toml::parse_error& error) {
    throw FileError(path, static_cast<long>(error.source().begin.line),
                    fmt::format("not valid TOML: {}", error.description()));
  }
  std::vector<ConfigEntry> entries;
  for (const auto& [key, node] : table) {
    ConfigEntry entry{
        std::string(key.str()), {}, static_cast<long>(key.source().begin.line), false};
    if (const auto* string = node.as_string()) {
      entry.value = string->get();
    } else if (const auto* integer = node.as_integer()) {
      entry.value = fmt::format("{}", integer->get());
    } else if (const auto* floating = node.as_floating_point()) {
      entry.value = fmt::format("{}", floating->get());
    } else if (const auto* boolean = node.as_boolean()) {
      entry.value = boolean->get() ? "true" : "false";
    } else if (const auto* array = node.as_array()) {
      entry.value = io::join_names(names_of(*array, path, entry));
      entry.is_list = true;
    } else {
      throw FileError(path, entry.line,
                      fmt::format("'{}' must be a number, a string or true/false", entry.key));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string config_text(const std::vector<Option>& options, bool with_help) {
  std::string result;
  for (const Option& option : options) {
    const std::string value = option.get();
    if (value.empty()) continue;
    const std::string key = config_key(option.name);
    if (with_help) result += fmt::format("# {}\n", option.description().spelled(config_key));
    if (option.kind == Option::Kind::list) {
      const std::vector<std::string> names = io::split_names(value).value();
      std::string items;
      for (const std::string& item : names) {
        items += (items.empty() ? "" : ", ") + quoted(item);
      }
      result += fmt::format("{} = [{}]\n\n", key, items);
      continue;
    }
    // TOML's integers are signed 64-bit ones; a larger seed is written, and read, as text.
    const bool too_long = value.size() >= 19 && value.find_first_not_of("0123456789") == value.npos;
    const bool is_word =
        std::find(option.choices.begin(), option.choices.end(), value) != option.choices.end();
    const bool plain =
        option.kind != Option::Kind::text && !option.automatic && !is_word && !too_long;
    result += fmt::format("{} = {}\n\n", key, plain ? value : quoted(value));
  }
  return result;
}

}  // namespace lodestone
