#pragma once

#include <string>

#include "lodestone/core/communicator.hpp"

namespace lodestone::app {

/// The processes that mpirun has started together, made at the first call; null for a program that
/// runs alone. Standard output and error of all but the first go nowhere. Throws Error where there
/// are several and this program was built without MPI.
Communicator* processes();

/// Throws InvalidArgument where there are several processes.
void refuse_several_processes(const std::string& verb);

}  // namespace lodestone::app
