#include "certify/gap.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "lodestone/core/error.hpp"

namespace lodestone {

void check_lambda(double lambda) {
  if (!(lambda > 0.0)) {
    throw InvalidArgument("lambda", std::to_string(lambda), "a certificate needs lambda > 0");
  }
}

Certificate certificate_of_supremum(const Residual& residual, const Residual& dual,
                                    const Network& network, double lambda, double supremum) {
  const double energy = dual.energy();
  const double product = dual.target_product();
  const double primal = 0.5 * residual.energy() + lambda * masses(network).sum();
  double bound = 0.0;
  if (energy > 0.0) {
    const double most = supremum > 0.0 ? lambda / supremum : HUGE_VAL;
    const double scale = std::clamp(product / energy, -most, most);
    bound = scale * product - 0.5 * scale * scale * energy;
  }
  Certificate certificate;
  const double gap = primal - bound;
  // The true gap is never negative: below zero by more than rounding, the search missed the
  // supremum.
  certificate.search_failed = !(gap >= -1e-9 * primal);
  certificate.gap = gap < 0.0 ? 0.0 : gap;
  certificate.relative_gap = primal > 0.0 ? certificate.gap / primal : 0.0;
  return certificate;
}

Certificate estimated_certificate(const Residual& residual, const Network& network, double lambda,
                                  const Supremum& supremum) {
  Certificate certificate =
      certificate_of_supremum(residual, residual, network, lambda, supremum.value);
  certificate.sup_eta = certificate.sup_eta_lower = supremum.value / lambda;
  certificate.direction = supremum.direction;
  certificate.distinct_maxima = supremum.maxima;
  certificate.starts = supremum.starts;
  certificate.unseen_share = supremum.unseen_share;
  return certificate;
}

double tightest_lambda(const Residual& residual, const Network& network, double supremum) {
  const double energy = residual.energy();
  const double product = residual.target_product();
  const double pull = supremum * masses(network).sum();
  if (!(supremum > 0.0)) return 1.0;
  if (!(product > 0.0)) return supremum;
  return supremum * 2.0 * product / (energy + std::sqrt(energy * energy + 4.0 * pull * product));
}

}  // namespace lodestone
