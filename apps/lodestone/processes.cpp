#include "processes.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "lodestone/core/error.hpp"

namespace lodestone::app {
namespace {

// How many processes the launcher says to have started: Open MPI's mpirun, and those that speak PMI
// (MPICH, Intel MPI, srun).
int started_together() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (const char* size = std::getenv(name)) return std::atoi(size);
  }
  return 1;
}

// Beside the program in a build folder, in the libraries' folder of an installation.
void* loaded_module() {
  std::error_code unknown;
  const std::filesystem::path folder =
      std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path();
  for (const char* place :
       {"lodestone_mpi.so", LODESTONE_FROM_BIN_TO_LIB "/lodestone/lodestone_mpi.so"}) {
    const std::filesystem::path file = folder / place;
    if (!std::filesystem::exists(file, unknown)) continue;
    // Open MPI loads parts of its own, which look for names that it has brought.
    if (void* module = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL)) return module;
    throw Error(fmt::format("MPI cannot be loaded: {}", dlerror()));
  }
  throw Error(
      fmt::format("mpirun has started {} processes, but this program was built without MPI; "
                  "build it where CMake finds MPI (Debian: libopenmpi-dev), or start one",
                  started_together()));
}

std::unique_ptr<Communicator> joined() {
  if (started_together() <= 1) return nullptr;
  using Make = Communicator* (*)();
  const auto make = reinterpret_cast<Make>(dlsym(loaded_module(), "lodestone_mpi_communicator"));
  if (make == nullptr) throw Error(fmt::format("MPI cannot be loaded: {}", dlerror()));
  std::unique_ptr<Communicator> result(make());
  const bool silenced = result->rank() == 0 || (std::freopen("/dev/null", "w", stdout) != nullptr &&
                                                std::freopen("/dev/null", "w", stderr) != nullptr);
  if (!silenced) throw Error("/dev/null cannot be opened");
  return result;
}

}  // namespace

Communicator* processes() {
  static const std::unique_ptr<Communicator> all = joined();
  return all.get();
}

void refuse_several_processes(const std::string& verb) {
  if (processes() == nullptr) return;
  throw InvalidArgument(
      "mpirun", fmt::format("{} processes", processes()->size()),
      fmt::format("lodestone {} works in one process; train works in several", verb));
}

}  // namespace lodestone::app
