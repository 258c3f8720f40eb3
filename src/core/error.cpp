#include "lodestone/core/error.hpp"

#include <utility>

namespace lodestone {

Error::Error(Message message) : std::runtime_error(message.text()), message_(std::move(message)) {}

InvalidArgument::InvalidArgument(std::string field, std::string value, Message rule)
    : Error(Message::option(field) + ": " + (value.empty() ? "" : "got " + value + "; ") + rule),
      field_(std::move(field)),
      value_(std::move(value)),
      rule_(std::move(rule)) {}

FileError::FileError(const std::string& file, const Message& what) : Error(file + ": " + what) {}

FileError::FileError(const std::string& file, long line, const Message& what)
    : Error(file + ":" + std::to_string(line) + ": " + what) {}

}  // namespace lodestone
