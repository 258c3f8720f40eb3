#pragma once

#include "lodestone/certificate.hpp"

namespace lodestone {

/// Throws InvalidArgument unless λ > 0.
void check_lambda(double lambda);

/// Certificate of a network at λ from a multiple of the residual of some network, `dual`, as dual
/// function (docs/math.md, 6.2 and 6.7): gap, relative gap and whether they contradict themselves.
/// `supremum` is that of |E[p relu(u·x)]| over unit u, p the residual `dual`.
Certificate certificate_of_supremum(const Residual& residual, const Residual& dual,
                                    const Network& network, double lambda, double supremum);

}  // namespace lodestone
