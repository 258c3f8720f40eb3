#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace lodestone {

/// How a front end writes an option whose name in the library is given: the command line writes
/// max_steps as --max-steps.
using OptionSpelling = std::function<std::string(const std::string& name)>;

/// A sentence for people. It knows which of its words are names of options, so that each front end
/// spells them its own way, and which are arguments, such as a count or the name of a file.
class Message {
 public:
  Message() = default;

  /// Words without options and arguments.
  Message(std::string words);  // NOLINT(google-explicit-constructor)
  Message(const char* words) : Message(std::string(words)) {}

  /// The name of one option.
  static Message option(std::string name);

  /// A pattern in which {} stands for the next argument, and {max_steps} for an option. Arguments
  /// are taken as they are, braces included; missing ones are empty.
  static Message pattern(std::string_view pattern, const std::vector<std::string>& arguments = {});

  /// With the library's names of options.
  std::string text() const;

  std::string spelled(const OptionSpelling& spelling) const;

  /// The names of options, in the order in which they stand.
  std::vector<std::string> options() const;

  /// What the {} of patterns stood for, in the order in which it stands.
  std::vector<std::string> arguments() const;

  bool empty() const { return pieces_.empty(); }

  Message& operator+=(const Message& other);
  friend Message operator+(Message left, const Message& right) { return left += right; }
  friend bool operator==(const Message& left, const Message& right) = default;

 private:
  struct Piece {
    enum class Kind { words, option, argument };
    std::string text;
    Kind kind = Kind::words;
    friend bool operator==(const Piece& left, const Piece& right) = default;
  };
  std::vector<std::string> texts_of(Piece::Kind kind) const;

  std::vector<Piece> pieces_;
};

/// Something about a result that its reader should know. Programs read its code and the arguments
/// of its message.
struct Warning {
  std::string code;  ///< its kind: "few_rows"
  Message message;

  friend bool operator==(const Warning& left, const Warning& right) = default;
};

}  // namespace lodestone
