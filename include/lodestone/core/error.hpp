#pragma once

#include <stdexcept>
#include <string>

namespace lodestone {

/// Every exception the library throws on purpose derives from this one.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A call or an option that cannot be honoured. The message names the field, its value and the
/// rule.
class InvalidArgument : public Error {
 public:
  InvalidArgument(const std::string& field, const std::string& value, const std::string& rule)
      : Error(field + ": " + (value.empty() ? "" : "got " + value + "; ") + rule) {}
};

/// A file that cannot be read or understood. The message starts with FILE or FILE:LINE.
class FileError : public Error {
 public:
  FileError(const std::string& file, const std::string& what) : Error(file + ": " + what) {}
  FileError(const std::string& file, long line, const std::string& what)
      : Error(file + ":" + std::to_string(line) + ": " + what) {}
};

}  // namespace lodestone
