#pragma once

namespace lodestone {

/// Number of threads the library uses from now on, at least 1. Results do not depend on it: work
/// is cut into blocks whose number and order of reduction are fixed by the problem alone.
/// Not to be called while other threads use the library. Throws InvalidArgument unless count is
/// between 1 and 1024.
void set_threads(int count);

/// Number of threads in use; at the start, what the environment's LODESTONE_THREADS says, or the
/// number of processors available to the process. Throws InvalidArgument where LODESTONE_THREADS is
/// set to anything but a whole number from 1 to 1024.
int threads();

}  // namespace lodestone
