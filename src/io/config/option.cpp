#include "lodestone/io/config/option.hpp"

#include <algorithm>

#include "io/config/option_makers.hpp"
#include "io/name_list.hpp"

namespace lodestone {
namespace {

// 1e-8 for 1e-08, as people write it.
std::string without_leading_zero(std::string number) {
  const std::size_t zero = number.find("e-0");
  if (zero != std::string::npos) number.erase(zero + 2, 1);
  return number;
}

}  // namespace

Message Option::default_in_words() const {
  const Message note = Message::pattern(default_note);
  if (default_value.empty()) return note;
  const Message given = is_number() ? without_leading_zero(default_value) : default_value;
  return note.empty() ? given : given + ": " + note;
}

Message Option::description() const {
  Message text = Message::pattern(help);
  if (range) text += ", " + range->text();
  const Message standard = default_in_words();
  return standard.empty() ? text : text + " [" + standard + "]";
}

std::string config_key(const std::string& name) {
  std::string key = name;
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

std::string list_text(const std::vector<std::string>& items) { return io::join_names(items); }

Option flag_option(Option record, bool& field) {
  record.kind = Option::Kind::flag;
  return io::bound(
      record,
      [name = record.name, &field](const std::string& text) {
        if (text != "true" && text != "false") {
          throw InvalidArgument(name, "'" + text + "'", "must be true or false");
        }
        field = text == "true";
      },
      [&field] { return std::string(field ? "true" : ""); });
}

namespace io {
namespace {

double parse_or_zero(const Range& range, const std::string& name, const std::string& text) {
  if (text == "auto") return 0.0;
  const double value = parse<double>(name, text);
  if (!range.contains(value)) {
    throw InvalidArgument(name, number_text(value), range.rule() + ", or auto");
  }
  return value;
}

}  // namespace

Option bound(Option record, std::function<void(const std::string&)> set,
             std::function<std::string()> get) {
  record.set = std::move(set);
  record.get = std::move(get);
  record.default_value = record.get();
  return record;
}

Option number_or_auto(Option record, double& field) {
  record.kind = Option::Kind::number;
  record.value = "X|auto";
  record.automatic = true;
  record.choices = {"auto"};
  return bound(
      record,
      [range = record.range.value(), name = record.name, &field](const std::string& text) {
        field = parse_or_zero(range, name, text);
      },
      [&field] { return field == 0.0 ? std::string("auto") : fmt::format("{}", field); });
}

Option number_or_auto(Option record, std::optional<double>& field) {
  record.kind = Option::Kind::number;
  record.value = "X|auto";
  record.automatic = true;
  record.choices = {"auto"};
  return bound(
      record,
      [range = record.range.value(), name = record.name, &field](const std::string& text) {
        const double value = parse_or_zero(range, name, text);
        field = value == 0.0 ? std::nullopt : std::optional(value);
      },
      [&field] { return field ? fmt::format("{}", *field) : std::string("auto"); });
}

Option text(Option record, std::string& field) {
  return bound(
      std::move(record), [&field](const std::string& given) { field = given; },
      [&field] { return field; });
}

Option names(Option record, std::vector<std::string>& field) {
  record.kind = Option::Kind::list;
  return bound(
      record,
      [name = record.name, &field](const std::string& given) {
        auto list = split_names(given);
        if (!list) {
          throw InvalidArgument(name, "'" + given + "'",
                                "must be names separated by commas; a name with a comma or a "
                                "quote stands in double quotes, and quotes inside it are doubled");
        }
        field = std::move(*list);
      },
      [&field] { return join_names(field); });
}

std::vector<Option> grouped(const std::string& group, std::vector<Option> options) {
  for (Option& option : options) {
    if (option.group.empty()) option.group = group;
  }
  return options;
}

std::vector<Option> joined(std::vector<std::vector<Option>> tables) {
  std::vector<Option> all;
  for (std::vector<Option>& table : tables) {
    for (Option& option : table) all.push_back(std::move(option));
  }
  return all;
}

}  // namespace io
}  // namespace lodestone
