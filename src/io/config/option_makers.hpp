#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/io/config/option.hpp"

/// Options bound to variables of the usual types. Each variable must outlive its option.
namespace lodestone::io {

/// A number from the whole of a text. Throws InvalidArgument naming the option.
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
  if constexpr (std::floating_point<Number>) {
    if (std::isnan(value)) throw InvalidArgument(name, "'" + text + "'", rule);
  }
  return value;
}

template <class Number>
Option number(std::string name, std::string value, std::string help, Number& field) {
  Option option{name, Option::Kind::number, std::move(value), std::move(help), {}, {}};
  option.set = [name, &field](const std::string& text) { field = parse<Number>(name, text); };
  option.get = [&field] { return fmt::format("{}", field); };
  return option;
}

/// A number whose zero means "chosen by the program", written auto.
Option number_or_auto(std::string name, std::string help, double& field);

/// A number that may be left to the program, written auto.
Option positive_or_auto(std::string name, std::string help, std::optional<double>& field);

Option text(std::string name, std::string value, std::string help, std::string& field);

/// Names separated by commas.
Option names(std::string name, std::string value, std::string help,
             std::vector<std::string>& field);

}  // namespace lodestone::io
