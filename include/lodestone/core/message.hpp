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
/// spells them its own way; all other words are never interpreted.
class Message {
 public:
  Message() = default;

  /// Words without options.
  Message(std::string words);  // NOLINT(google-explicit-constructor)
  Message(const char* words) : Message(std::string(words)) {}

  /// The name of one option.
  static Message option(std::string name);

  /// A pattern in which {} stands for the next argument, and {max_steps} for an option. Arguments
  /// are taken as they are; missing ones are empty.
  static Message pattern(std::string_view pattern, const std::vector<std::string>& arguments = {});

  /// With the library's names of options.
  std::string text() const;

  std::string spelled(const OptionSpelling& spelling) const;

  /// The names of options, in the order in which they stand.
  std::vector<std::string> options() const;

  bool empty() const { return pieces_.empty(); }

  Message& operator+=(const Message& other);
  friend Message operator+(Message left, const Message& right) { return left += right; }
  friend bool operator==(const Message& left, const Message& right) = default;

 private:
  struct Piece {
    std::string text;
    bool is_option = false;
    friend bool operator==(const Piece& left, const Piece& right) = default;
  };
  std::vector<Piece> pieces_;
};

/// Something about a result that its reader should know.
struct Warning {
  std::string code;  ///< what kind it is, in one word for programs: "few_rows"
  Message message;

  friend bool operator==(const Warning& left, const Warning& right) = default;
};

}  // namespace lodestone
