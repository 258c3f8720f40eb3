#pragma once

#include <cmath>
#include <concepts>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace lodestone::io {

/// A whole number, also where it is written as 1e3. Throws std::out_of_range, with the name it goes
/// by, for anything else and for what the type does not hold: the JSON library cuts both to some
/// number.
template <std::integral Integer>
Integer whole_number(const nlohmann::ordered_json& json, const std::string& name) {
  const auto in_range = [](auto value) { return std::in_range<Integer>(value); };
  constexpr double exact = 9007199254740992.0;  // 2^53: below, a double is one whole number
  if (json.is_number_unsigned()) {
    const auto value = json.get<nlohmann::ordered_json::number_unsigned_t>();
    if (in_range(value)) return static_cast<Integer>(value);
  } else if (json.is_number_integer()) {
    const auto value = json.get<nlohmann::ordered_json::number_integer_t>();
    if (in_range(value)) return static_cast<Integer>(value);
  } else if (json.is_number_float()) {
    const auto value = json.get<double>();
    if (std::abs(value) <= exact && value == std::floor(value) &&
        in_range(static_cast<nlohmann::ordered_json::number_integer_t>(value))) {
      return static_cast<Integer>(value);
    }
  }
  throw std::out_of_range("'" + name + "' is not a whole number in its range");
}

/// The same of an object's entry. Throws nlohmann::json::exception where there is none.
template <std::integral Integer>
Integer whole_number_at(const nlohmann::ordered_json& json, const char* key) {
  return whole_number<Integer>(json.at(key), key);
}

}  // namespace lodestone::io
