#pragma once

#include <cmath>
#include <concepts>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <vector>

#include "io/json_number.hpp"
#include "lodestone/core/record.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone::io {

template <class Record>
nlohmann::ordered_json json_of(const Record& record);

/// Visits the fields of a record (core/record.hpp) to make an object of them.
class FieldsToJson {
 public:
  template <class Value>
  void operator()(const char* key, const Value& value) {
    if constexpr (std::same_as<Value, Vector>) {
      // Vectors have as many numbers as a model has inputs; they stand in files of their own.
    } else if constexpr (std::is_enum_v<Value>) {
      json[key] = name(value);
    } else if constexpr (std::floating_point<Value>) {
      if (!std::isnan(value)) json[key] = value;
    } else {
      json[key] = value;
    }
  }

  template <class Record>
  void operator()(const char* key, const std::vector<Record>& records) {
    json[key] = nlohmann::ordered_json::array();
    for (const Record& record : records) json[key].push_back(json_of(record));
  }

  nlohmann::ordered_json json = nlohmann::ordered_json::object();
};

/// A record as JSON. NaN, which stands for a quantity that does not apply, and vectors are left
/// out.
template <class Record>
nlohmann::ordered_json json_of(const Record& record) {
  FieldsToJson fields;
  visit_fields(record, fields);
  return fields.json;
}

/// Visits the fields of a record to set them from an object. Throws nlohmann::json::exception for
/// keys that are not there and values of another type, std::out_of_range for counts that are none.
class FieldsFromJson {
 public:
  explicit FieldsFromJson(const nlohmann::ordered_json& json) : json_(json) {}

  template <class Value>
  void operator()(const char* key, Value& value) const {
    if constexpr (std::integral<Value> && !std::same_as<Value, bool>) {
      value = whole_number_at<Value>(json_, key);
    } else {
      json_.at(key).get_to(value);
    }
  }

  template <class Record>
  void operator()(const char* key, std::vector<Record>& records) const {
    records.clear();
    for (const nlohmann::ordered_json& item : json_.at(key)) {
      visit_fields(records.emplace_back(), FieldsFromJson(item));
    }
  }

 private:
  const nlohmann::ordered_json& json_;
};

}  // namespace lodestone::io
