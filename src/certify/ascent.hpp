#pragma once

#include "lodestone/certify/certificate.hpp"

namespace lodestone {

/// Ascent of |E[(f − y) relu(u·x)]| from every row of `starts` (unit rows), and its
/// distinct ends.
Supremum ascend(const Residual& residual, Matrix starts, int iterations);

}  // namespace lodestone
