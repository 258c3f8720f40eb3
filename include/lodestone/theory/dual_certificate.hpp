#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lodestone/core/record.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

/// A function η(u) = E[p(x) relu(u·x)] on the unit sphere, x ~ N(0, I_d), together with the p that
/// makes it (docs/math.md, 7.1 to 7.3; reconstructed). With σ_{≥ℓ} for ReLU without its Hermite
/// orders below ℓ (docs/math.md, 2.7),
///   p(x) = Σ_j α_j σ_{≥ℓ}(w_j·x) + Σ_j (b_j·x) σ'_{≥ℓ}(w_j·x),   b_j ⊥ w_j,
///   η(u) = Σ_j α_j K_ℓ(u·w_j) + Σ_j (u·b_j) K'_ℓ(u·w_j).
/// η(−u) = η(u), and p is affine-free.
struct DualCertificate {
  int order = 2;              ///< ℓ
  Matrix directions;          ///< k×d, unit rows w_j
  Vector amplitudes;          ///< k, α_j
  Matrix tangents;            ///< k×d, rows b_j
  double squared_norm = 0.0;  ///< ‖p‖² = E p²

  /// E[p relu(u·x)] = ‖u‖ η(u/‖u‖) for one u of size d and any length. Throws InvalidArgument when
  /// its size is not d.
  double value(const Vector& u) const;

  /// The same for n directions U (n×d, any length; a zero row gives zero), with the gradient in u,
  /// p being what Correlation calls the residual. At a unit u the gradient less η(u) u is the
  /// tangential gradient of η. Throws InvalidArgument when U does not have d columns.
  Correlation correlate(const Matrix& U) const;
};

/// The interpolant η with η(w_j) = values_j and zero tangential gradient at every w_j, of least ‖p‖
/// among those with p of Hermite orders >= ℓ (docs/math.md, 7.2; reconstructed from Lemma 6.2).
/// Values ±1, the signs of a teacher's amplitudes, give the candidate for a dual certificate
/// (Definition 1): whether |η| <= 1 − ρδ² holds is for the caller to check. A unit vector gives the
/// test function g_j (docs/math.md, 7.3; reconstructed from Figure 3).
///
/// directions: k×d, k >= 1 and d >= 1, rows of any length except 0 and pairwise not parallel;
/// values: k finite numbers; l: even, 2 <= l <= 1000 (K_ℓ is a difference, and digits are lost as
/// it gets smaller). Throws InvalidArgument for anything else. Directions are parallel here when
/// the linear system loses 11 of float64's digits: two of them at about 5e-4 radians or less.
DualCertificate interpolate(const Matrix& directions, const Vector& values, int l);

/// The ρ of |η(u)| <= 1 − ρ δ(u)², δ(u) = min_j ∠(u, ±w_j) in radians (docs/math.md, 7.1).
struct CertificateMargin {
  double rho = 0.0;  ///< the smallest (1 − |η|)/δ² found; not positive: no certificate
  Vector direction;  ///< unit, d: where it is
};

/// Searches for inf_u (1 − |η(u)|)/δ(u)² by descents from many directions at least 0.01 radians
/// from every w_j, at which η must have modulus 1 (docs/math.md, 7.2). Like every search it can
/// only find values that are too large; prove_margin settles a value. In d > r dimensions, r that
/// of the span of the w_j, directions that leave the span are searched too.
CertificateMargin estimate_margin(const DualCertificate& certificate, std::uint64_t seed = 0);

/// Whether |η(u)| <= 1 − ρ δ(u)² on the whole sphere, settled by branch and bound.
struct MarginProof {
  bool proven = false;
  Vector counterexample;  ///< unit, d: where it does not hold; empty: none was met
  Index cells = 0;        ///< cells bounded
};

/// Tries to prove a margin ρ > 0 (docs/math.md, 7.2), rounding errors included. Neither proven nor
/// refuted after max_cells (a count, so the result is the same everywhere), or where should_stop,
/// which is asked between batches of cells, says so. The cost grows exponentially with the
/// dimension of the directions' span: seconds up to about 4. Throws InvalidArgument unless ρ > 0
/// and max_cells >= 1.
MarginProof prove_margin(const DualCertificate& certificate, double rho,
                         Index max_cells = 4'000'000,
                         const std::function<bool()>& should_stop = {});

/// What one order ℓ gives.
struct TriedOrder {
  int order = 2;        ///< ℓ
  double rho = 0.0;     ///< margin that a search finds; not positive: no certificate
  double p_norm = 0.0;  ///< ‖p‖
};

template <RecordOf<TriedOrder> Record, class Visitor>
void visit_fields(Record& tried, Visitor&& visitor) {
  visitor("order", tried.order);
  visitor("rho", tried.rho);
  visitor("p_norm", tried.p_norm);
}

/// A non-degenerate dual certificate with its margin, and the order ℓ that was best for it.
struct BestCertificate {
  DualCertificate certificate;
  CertificateMargin margin;
  std::vector<TriedOrder> tried;  ///< by ascending ℓ
};

/// interpolate() with each of ℓ = 2, 4, 6, 8, 12 and 16, and of these the one with the smallest
/// ‖p‖²/ρ, on which the bounds of docs/math.md, 7.4 depend. Where none has ρ > 0, the first of 24,
/// 32, 48 and 64 that has, or the one with the largest ρ. Throws InvalidArgument as interpolate
/// does.
BestCertificate best_certificate(const Matrix& directions, const Vector& signs,
                                 std::uint64_t seed = 0);

}  // namespace lodestone
