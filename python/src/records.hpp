#pragma once

#include <nanobind/nanobind.h>

#include <concepts>
#include <type_traits>
#include <vector>

#include "arrays.hpp"
#include "lodestone/core/record.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone::python {

template <class Record>
nanobind::dict dict_of(const Record& record);

/// Visits the fields of a record (core/record.hpp) to make a dictionary of them.
class FieldsToDict {
 public:
  template <class Value>
  void operator()(const char* key, const Value& value) {
    if constexpr (std::same_as<Value, Vector>) {
      dict[key] = to_numpy(value);
    } else if constexpr (std::is_enum_v<Value>) {
      if constexpr (requires { name(value); }) {
        dict[key] = name(value);
      } else {
        dict[key] = static_cast<int>(value);
      }
    } else {
      dict[key] = value;
    }
  }

  template <class Record>
  void operator()(const char* key, const std::vector<Record>& records) {
    nanobind::list list;
    for (const Record& record : records) list.append(dict_of(record));
    dict[key] = list;
  }

  nanobind::dict dict;
};

/// A record as a dictionary with all its fields; an enumeration by its name, or by its number where
/// it has none.
template <class Record>
nanobind::dict dict_of(const Record& record) {
  FieldsToDict fields;
  visit_fields(record, fields);
  return fields.dict;
}

}  // namespace lodestone::python
