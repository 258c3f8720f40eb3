#pragma once

#include "lodestone/certify/certificate.hpp"

namespace lodestone {

/// Throws InvalidArgument unless λ > 0.
void check_lambda(double lambda);

/// The gap of a network at λ in a rigorous certificate: no rounding makes it too small
/// (docs/math.md, 6.8). `own` and `dual` are bounds on the moments of the network's residual and of
/// the one that gives the dual function; the supremum of the latter's measure is at most
/// `supremum`. `reported` is P_λ as it is reported: neither that number nor the exact P_λ lies
/// further than the gap above the minimum.
double proven_gap(const MomentBounds& own, const MomentBounds& dual, const Network& network,
                  double lambda, double supremum, double reported);

/// Certificate of a network at λ with a multiple of its own residual as dual function
/// (docs/math.md, 6.2), from what a search has found.
Certificate estimated_certificate(const Residual& residual, const Network& network, double lambda,
                                  const Supremum& supremum);

/// The λ > 0 at which the network's relative gap is smallest when sup_u |E[(f − y) relu(u·x)]| is
/// `supremum` (docs/math.md, 6.2). Where no λ makes the gap smaller than P_λ, as for a network
/// that explains nothing, `supremum` itself; 1 when that is 0.
double tightest_lambda(const Residual& residual, const Network& network, double supremum);

}  // namespace lodestone
