#include "lodestone/core/range.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "lodestone/core/error.hpp"

namespace lodestone {

std::string number_text(double value) {
  std::array<char, 32> text{};
  const auto [end, status] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

bool Range::contains(double value) const {
  const bool above_lower = has_lower ? value >= lower : value > lower;
  const bool below_upper = has_upper ? value <= upper : value < upper;
  return above_lower && below_upper && (!even || std::fmod(value, 2.0) == 0.0);
}

std::string Range::text() const {
  const std::string prefix = even ? "even, " : "";
  if (std::isinf(upper)) return prefix + (has_lower ? ">= " : "> ") + number_text(lower);
  if (has_lower && has_upper) return prefix + number_text(lower) + " to " + number_text(upper);
  return prefix + "in " + (has_lower ? "[" : "(") + number_text(lower) + ", " + number_text(upper) +
         (has_upper ? "]" : ")");
}

std::string Range::rule() const {
  const std::string prefix = even ? "must be even, " : "must be ";
  const std::string low = number_text(lower);
  const std::string high = number_text(upper);
  if (std::isinf(upper)) {
    if (lower == 0.0) return prefix + (has_lower ? "0 or positive" : "positive");
    return prefix + (has_lower ? "at least " : "above ") + low;
  }
  if (!has_lower && !has_upper) {
    return prefix + "between " + low + " and " + high + ", both excluded";
  }
  return prefix + (has_lower ? "at least " : "above ") + low + " and " +
         (has_upper ? "at most " : "below ") + high;
}

void refuse(const std::string& field, const std::string& value, const Range& range) {
  throw InvalidArgument(field, value, range.rule());
}

}  // namespace lodestone
