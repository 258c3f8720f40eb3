#pragma once

#include "lodestone/certify/certificate.hpp"

namespace lodestone {

/// Ascent of |E[(f − y) relu(u·x)]| from every row of `starts` (unit rows), and its
/// distinct ends.
Supremum ascend(const Residual& residual, Matrix starts, int iterations);

/// The same on any field: C at each end, in the order of the starts, and in place of the gradients
/// the ends' directions.
Correlation ascend_each(const CorrelationField& field, Matrix starts, int iterations);

}  // namespace lodestone
