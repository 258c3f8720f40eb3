#include "lodestone/core/message.hpp"

#include <utility>

namespace lodestone {

Message::Message(std::string words) {
  if (!words.empty()) pieces_.push_back({std::move(words), Piece::Kind::words});
}

Message Message::option(std::string name) {
  Message message;
  message.pieces_.push_back({std::move(name), Piece::Kind::option});
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
      message.pieces_.push_back({arguments[next++], Piece::Kind::argument});
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
    result += piece.kind == Piece::Kind::option ? spelling(piece.text) : piece.text;
  }
  return result;
}

std::vector<std::string> Message::texts_of(Piece::Kind kind) const {
  std::vector<std::string> texts;
  for (const Piece& piece : pieces_) {
    if (piece.kind == kind) texts.push_back(piece.text);
  }
  return texts;
}

std::vector<std::string> Message::options() const { return texts_of(Piece::Kind::option); }

std::vector<std::string> Message::arguments() const { return texts_of(Piece::Kind::argument); }

Message& Message::operator+=(const Message& other) {
  // Words that meet become one piece, so that equal messages have equal pieces.
  for (const Piece& piece : std::vector<Piece>(other.pieces_)) {
    const bool meets_words = !pieces_.empty() && pieces_.back().kind == Piece::Kind::words;
    if (meets_words && piece.kind == Piece::Kind::words) {
      pieces_.back().text += piece.text;
    } else {
      pieces_.push_back(piece);
    }
  }
  return *this;
}

}  // namespace lodestone
