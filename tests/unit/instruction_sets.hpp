#pragma once

#include <hwy/targets.h>

#include <cstdint>
#include <vector>

#include "lodestone/core/instruction_set.hpp"

namespace lodestone::support {

/// Highway's targets that a test of kernels runs on, one after the other: those that this processor
/// has and that LODESTONE_INSTRUCTIONS leaves.
inline std::vector<std::int64_t> instruction_sets() {
  instruction_set();  // leaves out what is better than the chosen one
  return hwy::SupportedAndGeneratedTargets();
}

}  // namespace lodestone::support
