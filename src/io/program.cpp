#include "lodestone/io/program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "io/input_file.hpp"
#include "lodestone/core/error.hpp"

// POSIX has the program find it here and declares it nowhere.
extern char** environ;

namespace lodestone {
namespace {

using io::Descriptor;

// What the child does between being made and becoming the program.
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

[[noreturn]] void fail(const std::string& program) {
  throw Error("cannot run " + program + ": " + std::strerror(errno));
}

// A file without a name that lies in memory and is gone when the last process closes it.
int open_in_memory(const std::string& program) {
  const int number = memfd_create("lodestone", MFD_CLOEXEC);
  if (number < 0) fail(program);
  return number;
}

std::string read_to_end(int descriptor) {
  std::string text;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    if (count == 0 || (count < 0 && errno != EINTR)) return text;
  }
}

int status_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

ProgramRun run_program(const std::vector<std::string>& words, std::string_view input,
                       const std::string& folder) {
  const std::string& program = words.front();
  const Descriptor given(open_in_memory(program));
  io::write_all(given.get(), input, "the input of " + program);
  lseek(given.get(), 0, SEEK_SET);
  const Descriptor errors(open_in_memory(program));
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail(program);
  const Descriptor output(ends[0]);
  Descriptor output_of_child(ends[1]);

  ChildSetup setup;
  posix_spawn_file_actions_addchdir_np(setup.get(), folder.c_str());
  posix_spawn_file_actions_adddup2(setup.get(), given.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(setup.get(), output_of_child.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(setup.get(), errors.get(), STDERR_FILENO);
  std::vector<std::string> own = words;  // arguments of a program are not constant
  std::vector<char*> arguments;
  for (std::string& word : own) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  ProgramRun run;
  run.start_error =
      posix_spawnp(&child, arguments[0], setup.get(), nullptr, arguments.data(), environ);
  output_of_child.close();  // so that the end of the output shows
  if (run.start_error != 0) return run;
  run.output = read_to_end(output.get());
  run.status = status_of(child);
  lseek(errors.get(), 0, SEEK_SET);
  run.errors = read_to_end(errors.get());
  return run;
}

}  // namespace lodestone
