#pragma once

#include "lodestone/certificate.hpp"

namespace lodestone {

/// Throws InvalidArgument unless λ > 0.
void check_lambda(double lambda);

/// Certificate of the network at λ when sup_u |E[(f − y) relu(u·x)]| is taken to be `supremum`
/// (docs/math.md, 6.2): sup_eta, gap, relative gap and whether they contradict themselves.
Certificate certificate_of_supremum(const Residual& residual, const Network& network, double lambda,
                                    double supremum);

/// The same with everything that the search and, where there is one, the proof have found.
Certificate estimated_certificate(const Residual& residual, const Network& network, double lambda,
                                  const Supremum& supremum);
Certificate proven_certificate(const Residual& residual, const Network& network, double lambda,
                               const Supremum& incumbent, const SupremumBound& bound);

/// The λ > 0 at which the network's relative gap is smallest when sup_u |E[(f − y) relu(u·x)]| is
/// `supremum` (docs/math.md, 6.2). Where no λ makes the gap smaller than P_λ, as for a network
/// that explains nothing, `supremum` itself; 1 when that is 0.
double tightest_lambda(const Residual& residual, const Network& network, double supremum);

}  // namespace lodestone
