#include "io/json_text.hpp"

#include <algorithm>

namespace lodestone::io {
namespace {

using Json = nlohmann::ordered_json;

bool is_flat(const Json& json) {
  return json.empty() ||
         (json.is_array() && std::none_of(json.begin(), json.end(),
                                          [](const Json& item) { return item.is_structured(); }));
}

void append(std::string& text, const Json& json, std::size_t depth) {
  if (!json.is_structured()) {
    text += json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  const bool object = json.is_object();
  const bool flat = is_flat(json);
  const std::string line = flat ? "" : "\n" + std::string(2 * (depth + 1), ' ');
  text += object ? '{' : '[';
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    if (!first) text += flat ? ", " : ",";
    first = false;
    text += line;
    if (object) text += Json(key).dump() + ": ";
    append(text, value, depth + 1);
  }
  if (!flat) text += "\n" + std::string(2 * depth, ' ');
  text += object ? '}' : ']';
}

}  // namespace

std::string readable(const Json& json) {
  std::string text;
  append(text, json, 0);
  return text + "\n";
}

std::string plain_message(const nlohmann::json::exception& error) {
  const std::string text = error.what();
  const std::size_t end = text.find("] ");
  return end == std::string::npos ? text : text.substr(end + 2);
}

}  // namespace lodestone::io
