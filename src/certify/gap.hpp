#pragma once

#include "lodestone/certificate.hpp"

namespace lodestone {

/// Throws InvalidArgument unless λ > 0.
void check_lambda(double lambda);

/// Certificate of the network at λ when sup_u |E[(f − y) relu(u·x)]| is taken to be `supremum`
/// (docs/math.md, 6.2): sup_eta, gap, relative gap and whether they contradict themselves.
Certificate certificate_of_supremum(const Residual& residual, const Network& network, double lambda,
                                    double supremum);

}  // namespace lodestone
