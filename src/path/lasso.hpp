#pragma once

#include "lodestone/core/types.hpp"

namespace lodestone::path {

/// Minimizes ½ cᵀ K c − bᵀ c + λ Σ|c_i| for a positive semidefinite K (p×p) from the given start,
/// by an active set of signs (Lee, Battle, Raina and Ng 2006; docs/math.md, 9.3). Exact up to
/// rounding: amplitudes are zero or satisfy (b − K c)_i = λ sign(c_i), and |b − K c| <= λ (1 +
/// 1e-9) elsewhere. The value never rises.
Vector solve_lasso(const Matrix& K, const Vector& b, double lambda, const Vector& start);

}  // namespace lodestone::path
