// A disk that fails, for test_failing_writes.py: loaded before the C library (LD_PRELOAD), it
// counts what a program does to ordinary files (write, fsync, rename), and lets one of these calls
// fail.
//   LODESTONE_FAIL_AT      the number of the call, from 1
//   LODESTONE_FAIL_WITH    its errno
//   LODESTONE_FAIL_ON      "once", or "always": all calls that follow fail too, as on a full disk

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<long> calls{0};

long number(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

bool fails() {
  static const long at = number("LODESTONE_FAIL_AT");
  static const char* const when = std::getenv("LODESTONE_FAIL_ON");
  static const bool always = when != nullptr && std::strcmp(when, "always") == 0;
  const long call = ++calls;
  if (at == 0 || call < at || (call > at && !always)) return false;
  errno = static_cast<int>(number("LODESTONE_FAIL_WITH"));
  return true;
}

bool is_ordinary(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* content, size_t count) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  if (is_ordinary(descriptor) && fails()) return -1;
  return real(descriptor, content, count);
}

int fsync(int descriptor) {
  static const auto real = next<int (*)(int)>("fsync");
  if (is_ordinary(descriptor) && fails()) return -1;
  return real(descriptor);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  if (fails()) return -1;
  return real(from, to);
}

}  // extern "C"
