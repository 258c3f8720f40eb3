#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lodestone::io {

/// An open file, closed when an exception passes.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ > STDERR_FILENO) ::close(number_);
  }
  int get() const { return number_; }
  /// Some file systems report a full disk only here.
  int close() {
    const int number = number_;
    number_ = -1;
    return ::close(number);
  }

 private:
  int number_;
};

/// Writes all of the content to an open file; `file` is its name for messages. Throws FileError.
void write_all(int descriptor, std::string_view content, const std::string& file);

/// A file that is read piece by piece, so that its bytes need not be in memory at once. All throw
/// FileError.
class InputFile {
 public:
  /// "-" is standard input.
  explicit InputFile(const std::string& path);

  /// Bytes of an ordinary file that is not empty; absent for pipes and devices.
  std::optional<std::uint64_t> size() const { return size_; }

  /// Reads the next `count` bytes, fewer only at the end of the file. Returns how many.
  std::size_t read(char* to, std::size_t count);

 private:
  std::string name_;  ///< for messages
  Descriptor descriptor_;
  std::optional<std::uint64_t> size_;
};

}  // namespace lodestone::io
