#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lodestone::io {

/// JSON laid out for people: an object's entries on lines of their own, lists of numbers or names
/// on one line. Ends with a newline.
std::string readable(const nlohmann::ordered_json& json);

}  // namespace lodestone::io
