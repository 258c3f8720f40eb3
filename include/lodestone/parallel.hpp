#pragma once

namespace lodestone {

/// Number of threads the library uses from now on, at least 1. Results do not depend on it: work
/// is cut into blocks whose number and order of reduction are fixed by the problem alone.
/// Throws InvalidArgument when count < 1.
void set_threads(int count);

/// Number of threads in use; at the start, the number of processors available to the process.
int threads();

}  // namespace lodestone
