#pragma once

#include <stdexcept>
#include <string>

#include "lodestone/core/message.hpp"

namespace lodestone {

/// Every exception the library throws on purpose derives from this one. what() has the library's
/// names of options; front ends spell message() their own way.
class Error : public std::runtime_error {
 public:
  explicit Error(Message message);

  const Message& message() const { return message_; }

 private:
  Message message_;
};

/// A call or an option that cannot be honoured. The message names the field, its value and the
/// rule.
class InvalidArgument : public Error {
 public:
  InvalidArgument(std::string field, std::string value, Message rule);

  /// The option or argument, by the library's name: max_steps.
  const std::string& field() const { return field_; }
  const std::string& value() const { return value_; }
  const Message& rule() const { return rule_; }

 private:
  std::string field_;
  std::string value_;
  Message rule_;
};

/// A file that cannot be read or understood. The message starts with FILE or FILE:LINE.
class FileError : public Error {
 public:
  FileError(const std::string& file, const Message& what);
  FileError(const std::string& file, long line, const Message& what);
};

}  // namespace lodestone
