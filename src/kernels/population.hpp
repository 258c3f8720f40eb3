#pragma once

#include "lodestone/types.hpp"

namespace lodestone::kernels {

/// Gradient field of Σ_q c_q ‖u‖ h(∠(u, v_q)) at unit directions (docs/math.md, 2.3):
///   field_p = 1/(2π) Σ_q c_q [ (sin θ_pq − 1) u_p + asin(u_p·v_q) v_q ],   cos θ_pq = u_p·v_q.
/// The value is u_p·field_p, because the function is homogeneous of degree 1 in u.
///
/// Shapes: U p×d and V q×d with rows of unit length (or zero), c q, field p×d (output).
/// Work: 4pqd flops in two matrix products and pq square roots and arcsines, which dominate for
/// d < 100. Bytes: U, V and field once; tiles of cosines stay in cache.
namespace reference {
void population_field(const Matrix& U, const Matrix& V, const Vector& c, Matrix& field);
}
namespace simd {
void population_field(const Matrix& U, const Matrix& V, const Vector& c, Matrix& field);
}

}  // namespace lodestone::kernels
