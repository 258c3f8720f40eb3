#pragma once

#include <fmt/format.h>

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/io/config/option.hpp"

/// Records of options bound to variables of the usual types. Each variable must outlive its option;
/// its value at that time is the option's default.
namespace lodestone::io {

/// A number from the whole of a text, NaN included. Throws InvalidArgument naming the option.
template <class Number>
Number parse(const std::string& name, const std::string& text) {
  Number value{};
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(begin, end, value);
  const bool whole = std::integral<Number>;
  const char* rule = whole ? "must be a whole number" : "must be a number";
  if (status == std::errc::result_out_of_range) {
    throw InvalidArgument(name, "'" + text + "'", "is out of range");
  }
  if (status != std::errc() || stop != end || begin == end) {
    throw InvalidArgument(name, "'" + text + "'", rule);
  }
  return value;
}

/// A number from the whole of a text, within the range. Throws InvalidArgument.
template <class Number>
Number parse_in(const Range& range, const std::string& name, const std::string& text) {
  if constexpr (std::unsigned_integral<Number>) {
    if (text.starts_with('-')) refuse(name, number_text(parse<std::int64_t>(name, text)), range);
  }
  const Number value = parse<Number>(name, text);
  require_in(range, name.c_str(), value);
  return value;
}

/// The record with what its value is set by and read by.
Option bound(Option record, std::function<void(const std::string&)> set,
             std::function<std::string()> get);

/// The record must have a range.
template <class Number>
Option number(Option record, Number& field) {
  record.kind = std::integral<Number> ? Option::Kind::whole_number : Option::Kind::number;
  const Range range = record.range.value();
  return bound(
      record,
      [range, name = record.name, &field](const std::string& text) {
        field = parse_in<Number>(range, name, text);
      },
      [&field] { return fmt::format("{}", field); });
}

/// A number whose zero means "chosen by the program", written auto. The record must have a range.
Option number_or_auto(Option record, double& field);

/// A number that may be left to the program, written auto. The record must have a range.
Option number_or_auto(Option record, std::optional<double>& field);

Option text(Option record, std::string& field);

/// Names separated by commas.
Option names(Option record, std::vector<std::string>& field);

/// The options under a common heading, those apart that have one.
std::vector<Option> grouped(const std::string& group, std::vector<Option> options);

/// Several tables as one.
std::vector<Option> joined(std::vector<std::vector<Option>> tables);

}  // namespace lodestone::io
