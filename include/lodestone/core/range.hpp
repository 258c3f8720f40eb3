#pragma once

#include <concepts>
#include <limits>
#include <string>

#include "lodestone/core/message.hpp"

namespace lodestone {

/// The numbers that an option may be. The one place for its bounds: help, checks and messages are
/// written from it.
struct Range {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
  bool has_lower = true;  ///< whether `lower` itself is allowed
  bool has_upper = false;
  bool even = false;  ///< even numbers only

  bool contains(double value) const;

  /// As help has it: ">= 1", "0 to 0.9", "in (0, 1]", "even, 2 to 20000".
  std::string text() const;

  /// As a refusal has it: "must be at least 1".
  std::string rule() const;
};

constexpr Range at_least(double lower) { return {.lower = lower}; }
constexpr Range above(double lower) { return {.lower = lower, .has_lower = false}; }

/// Infinity is allowed.
constexpr Range above_or_infinite(double lower) {
  return {.lower = lower, .has_lower = false, .has_upper = true};
}
constexpr Range between(double lower, double upper) {
  return {.lower = lower, .upper = upper, .has_upper = true};
}
constexpr Range strictly_between(double lower, double upper) {
  return {.lower = lower, .upper = upper, .has_lower = false};
}
constexpr Range above_up_to(double lower, double upper) {
  return {.lower = lower, .upper = upper, .has_lower = false, .has_upper = true};
}
constexpr Range from_to_below(double lower, double upper) {
  return {.lower = lower, .upper = upper};
}
constexpr Range even_between(double lower, double upper) {
  return {.lower = lower, .upper = upper, .has_upper = true, .even = true};
}

/// A number as messages have it: the shortest text that reads back exactly.
std::string number_text(double value);
template <std::integral Number>
std::string number_text(Number value) {
  return std::to_string(value);
}

/// Throws InvalidArgument: the field has a value outside its range.
[[noreturn]] void refuse(const std::string& field, const std::string& value, const Range& range);

/// Throws InvalidArgument unless the range contains the value.
template <class Number>
void require_in(const Range& range, const char* field, Number value) {
  if (!range.contains(static_cast<double>(value))) refuse(field, number_text(value), range);
}

/// The same where 0 means that the program chooses.
template <class Number>
void require_in_or_zero(const Range& range, const char* field, Number value) {
  if (value != 0) require_in(range, field, value);
}

}  // namespace lodestone
