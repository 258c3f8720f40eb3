#include "io/gnuplot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "lodestone/core/error.hpp"

// POSIX has the program find it here and declares it nowhere.
extern char** environ;

namespace lodestone::io {
namespace {

// What the child does between being made and becoming gnuplot.
class ChildSetup {
 public:
  ChildSetup() { posix_spawn_file_actions_init(&actions_); }
  ~ChildSetup() { posix_spawn_file_actions_destroy(&actions_); }
  ChildSetup(const ChildSetup&) = delete;
  ChildSetup& operator=(const ChildSetup&) = delete;

  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

std::string read_to_end(int descriptor) {
  std::string text;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    if (count == 0 || (count < 0 && errno != EINTR)) return text;
  }
}

}  // namespace

Drawing draw(const std::filesystem::path& folder, const std::string& script) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Error(std::string("cannot start gnuplot: ") + std::strerror(errno));
  }
  ChildSetup setup;
  posix_spawn_file_actions_addchdir_np(setup.get(), folder.c_str());
  posix_spawn_file_actions_addopen(setup.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(setup.get(), ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(setup.get(), STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = "gnuplot";
  std::string argument = script;
  const std::array<char*, 3> arguments = {program.data(), argument.data(), nullptr};
  pid_t child = 0;
  const int failure =
      posix_spawnp(&child, program.c_str(), setup.get(), nullptr, arguments.data(), environ);
  close(ends[1]);
  Drawing drawing;
  if (failure == 0) {
    drawing.svg = read_to_end(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) drawing.svg.clear();
  }
  close(ends[0]);
  drawing.installed = failure == 0;
  return drawing;
}

}  // namespace lodestone::io
