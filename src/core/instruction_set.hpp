#pragma once

#include "lodestone/core/instruction_set.hpp"

namespace lodestone {

/// Whether instruction_set() is `plain`. Asked before each dispatch of a kernel, which it settles.
bool plain_loops();

/// Makes plain_loops() answer yes until it is called with false. For tests that compare both.
void set_plain_loops_for_test(bool plain);

}  // namespace lodestone
