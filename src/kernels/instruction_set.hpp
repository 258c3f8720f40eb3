#pragma once

#include <string>

namespace lodestone::kernels {

/// What the kernels run on: the best instruction set of this processor, or the one that the
/// environment's LODESTONE_INSTRUCTIONS names: a target of Highway that the processor has (AVX3,
/// AVX2, SSE4, SSSE3, SSE2, ...), in capital or small letters, or `plain` for the plain loops of
/// kernels/reference. Read once; throws InvalidArgument for any other text.
const std::string& instruction_set();

/// Whether that is `plain`. Asked before each dispatch, which it settles.
bool plain_loops();

/// Makes plain_loops() answer yes until it is called with false. For tests that compare both.
void set_plain_loops_for_test(bool plain);

}  // namespace lodestone::kernels
