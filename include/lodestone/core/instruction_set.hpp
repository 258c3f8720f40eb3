#pragma once

#include <string>

namespace lodestone {

/// What the hot loops run on: the best instruction set of this processor, such as AVX2 or AVX3
/// (AVX-512), or the one that the environment's LODESTONE_INSTRUCTIONS names: a target of Highway
/// that the processor has (AVX3, AVX2, SSE4, SSSE3, SSE2, ...), in capital or small letters, or
/// `plain` for plain loops. Read once; throws InvalidArgument for any other text. Results have the
/// same bits on AVX2 and better, and by plain loops (docs/architecture.md, "Same bits").
const std::string& instruction_set();

}  // namespace lodestone
