#include "lodestone/io/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "io/input_file.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

using io::Descriptor;
using io::write_all;

constexpr std::size_t kReadBlock = std::size_t{1} << 16;
constexpr std::size_t kLargestWrite = std::size_t{1} << 30;
constexpr int kMostLinks = 40;

std::string reason(int code) { return std::generic_category().message(code); }

[[noreturn]] void fail_reading(const std::string& file, int code) {
  std::string advice = "check the path";
  if (code == EACCES || code == EPERM) advice = "ask for permission to read it";
  if (code == EISDIR) advice = "give a file in that folder";
  if (code == EIO) advice = "check the disk";
  throw FileError(file, fmt::format("cannot be read: {}; {}", reason(code), advice));
}

[[noreturn]] void fail_writing(const std::string& file, int code) {
  std::string advice = "check the path and the disk";
  if (code == ENOSPC || code == EDQUOT) advice = "free some space or choose another folder";
  if (code == EFBIG) advice = "raise the file size limit or choose another folder";
  if (code == EACCES || code == EPERM || code == EROFS) {
    advice = "choose a folder where you may write";
  }
  if (code == ENOENT || code == ENOTDIR) advice = "create its folder first";
  if (code == EISDIR) advice = "give a file name inside that folder";
  throw FileError(file, fmt::format("cannot be written: {}; {}", reason(code), advice));
}

/// A file name that is deleted again unless the file was renamed to its place.
class TemporaryName {
 public:
  explicit TemporaryName(std::string path) : path_(std::move(path)) {}
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;
  ~TemporaryName() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const char* get() const { return path_.c_str(); }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

int open_retrying(const char* path, int flags, mode_t mode = 0) {
  int number = -1;
  do {
    number = ::open(path, flags | O_CLOEXEC, mode);
  } while (number < 0 && errno == EINTR);
  return number;
}

void flush_to_disk(int descriptor, const std::string& file) {
  while (::fsync(descriptor) != 0) {
    if (errno == EINTR) continue;
    if (errno == EINVAL || errno == ENOTSUP) return;  // a file system without this operation
    fail_writing(file, errno);
  }
}

/// Makes a rename survive a power cut. The content is safe already, so failure is no error.
void flush_folder(const std::string& folder) {
  const Descriptor descriptor(open_retrying(folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (descriptor.get() >= 0) ::fsync(descriptor.get());
}

/// Follows symbolic links, so that a rename replaces the file and not the link to it.
std::filesystem::path behind_links(const std::string& path) {
  std::filesystem::path target = path;
  for (int followed = 0; followed < kMostLinks; ++followed) {
    std::error_code error;
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(target, error))) return target;
    const auto next = std::filesystem::read_symlink(target, error);
    if (error) fail_writing(path, error.value());
    target = target.parent_path() / next;
  }
  fail_writing(path, ELOOP);
}

/// Opens a new file beside the target. The short name fits wherever the target's own name does.
std::pair<int, std::string> open_neighbour(const std::filesystem::path& folder,
                                           const std::string& file) {
  static std::atomic<unsigned> count{0};
  while (true) {
    const std::string name = fmt::format(".lodestone-{}-{}.tmp", ::getpid(), count++);
    std::string path = (folder / name).string();
    const int number = open_retrying(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (number >= 0) return {number, std::move(path)};
    if (errno != EEXIST) fail_writing(file, errno);
  }
}

}  // namespace

namespace io {

void write_all(int descriptor, std::string_view content, const std::string& file) {
  while (!content.empty()) {
    const ssize_t written =
        ::write(descriptor, content.data(), std::min(content.size(), kLargestWrite));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_writing(file, errno);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

InputFile::InputFile(const std::string& path)
    : name_(path == "-" ? "standard input" : path),
      descriptor_(path == "-" ? STDIN_FILENO : open_retrying(path.c_str(), O_RDONLY)) {
  if (descriptor_.get() < 0) fail_reading(name_, errno);
  struct stat status {};
  if (::fstat(descriptor_.get(), &status) != 0) fail_reading(name_, errno);
  if (S_ISDIR(status.st_mode)) fail_reading(name_, EISDIR);
  if (S_ISREG(status.st_mode) && status.st_size > 0) {
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
}

std::size_t InputFile::read(char* to, std::size_t count) {
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::read(descriptor_.get(), to + filled, count - filled);
    if (got < 0) {
      if (errno == EINTR) continue;
      fail_reading(name_, errno);
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

}  // namespace io

std::string read_file(const std::string& path) {
  io::InputFile file(path);
  // One byte more than the size lets the end of an ordinary file show without growing the buffer.
  std::string content(file.size() ? static_cast<std::size_t>(*file.size()) + 1 : kReadBlock, '\0');
  std::size_t filled = 0;
  while (true) {
    filled += file.read(content.data() + filled, content.size() - filled);
    if (filled < content.size()) break;
    content.resize(2 * content.size());
  }
  content.resize(filled);
  return content;
}

void write_file_atomically(const std::string& path, std::string_view content) {
  if (path == "-") {
    std::fflush(stdout);  // what was printed before must come before
    write_all(STDOUT_FILENO, content, "standard output");
    return;
  }
  const std::filesystem::path target = behind_links(path);
  struct stat old {};
  const bool exists = ::stat(target.c_str(), &old) == 0;
  if (exists && S_ISDIR(old.st_mode)) fail_writing(path, EISDIR);
  if (exists && !S_ISREG(old.st_mode)) {
    Descriptor descriptor(open_retrying(target.c_str(), O_WRONLY));
    if (descriptor.get() < 0) fail_writing(path, errno);
    write_all(descriptor.get(), content, path);
    if (descriptor.close() != 0) fail_writing(path, errno);
    return;
  }
  // A rename needs no permission on the file itself; one made read-only is meant to stay.
  if (exists && ::access(target.c_str(), W_OK) != 0) fail_writing(path, errno);

  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  auto [number, neighbour] = open_neighbour(folder, path);
  Descriptor descriptor(number);
  TemporaryName temporary(std::move(neighbour));
  write_all(descriptor.get(), content, path);
  if (exists) {
    // Losing the old permissions would be a surprise; failing to set them is no reason to stop.
    [[maybe_unused]] const int ignored = ::fchmod(descriptor.get(), old.st_mode & 07777);
  }
  flush_to_disk(descriptor.get(), path);
  if (descriptor.close() != 0) fail_writing(path, errno);
  if (::rename(temporary.get(), target.c_str()) != 0) fail_writing(path, errno);
  temporary.keep();
  flush_folder(folder.string());
}

unsigned crc32(std::string_view bytes) {
  return static_cast<unsigned>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace lodestone
