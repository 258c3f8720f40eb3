#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lodestone::io {

/// JSON laid out for people: an object's entries on lines of their own, lists of numbers or names
/// on one line. Ends with a newline.
std::string readable(const nlohmann::ordered_json& json);

/// What an exception of the JSON library says, without its own bookkeeping in front.
std::string plain_message(const nlohmann::json::exception& error);

}  // namespace lodestone::io
