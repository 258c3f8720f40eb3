#pragma once

// The kernels' tiles are arrays of vectors, which vectors of unknown length cannot form; such
// machines use NEON. To be included before any header of Highway.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
