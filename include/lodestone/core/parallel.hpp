#pragma once

#include "lodestone/core/range.hpp"

namespace lodestone {

/// The numbers of threads that may be asked for.
constexpr Range thread_range = between(1, 1024);

/// Number of threads the library uses from now on. Results do not depend on it: work
/// is cut into blocks whose number and order of reduction are fixed by the problem alone.
/// Not to be called while other threads use the library. Throws InvalidArgument for a count
/// outside thread_range.
void set_threads(int count);

/// Number of threads in use; at the start, what the environment's LODESTONE_THREADS says, or the
/// number of processors available to the process. Throws InvalidArgument where LODESTONE_THREADS is
/// set to anything but a whole number in that range.
int threads();

}  // namespace lodestone
