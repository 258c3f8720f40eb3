#pragma once

#include "lodestone/certify/certificate.hpp"

namespace lodestone {

/// Throws InvalidArgument unless λ > 0.
void check_lambda(double lambda);

/// Certificate of a network at λ from a multiple of the residual of some network, `dual`, as dual
/// function (docs/math.md, 6.2 and 6.7): gap, relative gap and whether they contradict themselves.
/// `supremum` is that of |E[p relu(u·x)]| over unit u, p the residual `dual`.
Certificate certificate_of_supremum(const Residual& residual, const Residual& dual,
                                    const Network& network, double lambda, double supremum);

/// The same from the network's own residual, with everything that the search has found.
Certificate estimated_certificate(const Residual& residual, const Network& network, double lambda,
                                  const Supremum& supremum);

/// The λ > 0 at which the network's relative gap is smallest when sup_u |E[(f − y) relu(u·x)]| is
/// `supremum` (docs/math.md, 6.2). Where no λ makes the gap smaller than P_λ, as for a network
/// that explains nothing, `supremum` itself; 1 when that is 0.
double tightest_lambda(const Residual& residual, const Network& network, double supremum);

}  // namespace lodestone
