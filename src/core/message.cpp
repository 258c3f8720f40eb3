#include "lodestone/core/message.hpp"

#include <utility>

namespace lodestone {

Message::Message(std::string words) {
  if (!words.empty()) pieces_.push_back({std::move(words), false});
}

Message Message::option(std::string name) {
  Message message;
  message.pieces_.push_back({std::move(name), true});
  return message;
}

Message Message::pattern(std::string_view pattern, const std::vector<std::string>& arguments) {
  Message message;
  std::size_t next = 0;
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    const std::size_t close = open == std::string_view::npos ? open : pattern.find('}', open);
    if (close == std::string_view::npos) return message += std::string(pattern);
    message += std::string(pattern.substr(0, open));
    const std::string name(pattern.substr(open + 1, close - open - 1));
    if (!name.empty()) {
      message += option(name);
    } else if (next < arguments.size()) {
      message += arguments[next++];
    }
    pattern.remove_prefix(close + 1);
  }
  return message;
}

std::string Message::text() const {
  return spelled([](const std::string& name) { return name; });
}

std::string Message::spelled(const OptionSpelling& spelling) const {
  std::string result;
  for (const Piece& piece : pieces_) {
    result += piece.is_option ? spelling(piece.text) : piece.text;
  }
  return result;
}

std::vector<std::string> Message::options() const {
  std::vector<std::string> names;
  for (const Piece& piece : pieces_) {
    if (piece.is_option) names.push_back(piece.text);
  }
  return names;
}

Message& Message::operator+=(const Message& other) {
  // Words that meet become one piece, so that equal messages have equal pieces.
  for (const Piece& piece : std::vector<Piece>(other.pieces_)) {
    if (!pieces_.empty() && !pieces_.back().is_option && !piece.is_option) {
      pieces_.back().text += piece.text;
    } else {
      pieces_.push_back(piece);
    }
  }
  return *this;
}

}  // namespace lodestone
