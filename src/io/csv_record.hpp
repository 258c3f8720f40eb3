#pragma once

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <string>
#include <type_traits>
#include <vector>

namespace lodestone::io {

/// Visits the fields of records (core/record.hpp) to make a table of them.
class FieldsToCsv {
 public:
  explicit FieldsToCsv(bool names) : names_(names) {}

  template <class Value>
  void operator()(const char* key, const Value& value) {
    if (!line.empty()) line += ',';
    if (names_) {
      line += key;
    } else if constexpr (std::is_enum_v<Value>) {
      line += name(value);
    } else if constexpr (std::floating_point<Value>) {
      if (!std::isnan(value)) line += fmt::format("{}", value);
    } else {
      line += fmt::format("{}", value);
    }
  }

  std::string line;

 private:
  bool names_;
};

/// Records as CSV with a header line and shortest round-trip numbers; NaN, which stands for a
/// quantity that does not apply, is an empty cell.
template <class Record>
std::string csv_of(const std::vector<Record>& records) {
  FieldsToCsv header(true);
  const Record any;
  visit_fields(any, header);
  std::string text = header.line + "\n";
  for (const Record& record : records) {
    FieldsToCsv row(false);
    visit_fields(record, row);
    text += row.line + "\n";
  }
  return text;
}

}  // namespace lodestone::io
