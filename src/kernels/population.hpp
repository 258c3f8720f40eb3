#pragma once

#include "lodestone/core/types.hpp"

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

/// The same with U = V: field_p = 1/(2π) Σ_q c_q [ (sin θ_pq − 1) v_p + asin(v_p·v_q) v_q ].
/// Pairs (p, q) and (q, p) share cosine, square root and arcsine.
///
/// Shapes: V n×d with rows of unit length (or zero), c n, field n×d (output).
/// Work: 3n²d flops, n²/2 square roots and arcsines. Bytes: V three times (rows, weighted rows,
/// columns), and nd sums for each of at most 9 parts, once each; tiles of arcsines stay in cache.
namespace reference {
void population_self_field(const Matrix& V, const Vector& c, Matrix& field);
}
namespace simd {
void population_self_field(const Matrix& V, const Vector& c, Matrix& field);
}

}  // namespace lodestone::kernels
