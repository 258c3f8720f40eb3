#include "certify/gap.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <string>

#include "lodestone/core/error.hpp"

namespace lodestone {

void check_lambda(double lambda) {
  if (!(lambda > 0.0)) {
    throw InvalidArgument("lambda", std::to_string(lambda), "a certificate needs lambda > 0");
  }
}

namespace {

// The share of a supremum that an estimate leaves open however far its search went: maxima of |η|
// so near each other that ascents take them for one (rows that are repeated but for rounding).
constexpr double estimate_resolution = 1e-9;

// Certificate of a network at λ from a multiple of its residual as dual function (docs/math.md,
// 6.2): gap, relative gap and whether they contradict themselves, in float64.
Certificate certificate_of_supremum(const Residual& residual, const Network& network, double lambda,
                                    double supremum) {
  const double primal = residual.loss() + lambda * masses(network).sum();
  const Residual::Rounding rounding = residual.rounding();
  const double highest = (1.0 + estimate_resolution) * supremum + rounding.correlation;
  const double most = supremum > 0.0 ? lambda / highest : HUGE_VAL;
  const double bound = residual.dual_value(most) - std::min(most, 1.0) * rounding.product;
  Certificate certificate;
  const double gap = primal - bound;
  // The true gap is never negative: below zero by more than rounding, the search missed the
  // supremum.
  certificate.search_failed = !(gap >= -1e-9 * primal);
  certificate.gap = std::max(gap, 0.0);
  certificate.relative_gap = primal > 0.0 ? certificate.gap / primal : 0.0;
  return certificate;
}

}  // namespace

double proven_gap(const MomentBounds& own, const MomentBounds& dual, const Network& network,
                  double lambda, double supremum, double reported) {
  using Real = long double;
  constexpr Real epsilon = LDBL_EPSILON;
  Real mass = 0;
  for (Index i = 0; i < network.width(); ++i) {
    Real square = 0;
    for (Index j = 0; j < network.W.cols(); ++j) {
      square += static_cast<Real>(network.W(i, j)) * network.W(i, j);
    }
    mass += std::abs(static_cast<Real>(network.a[i])) * std::sqrt(square);
  }
  mass *= 1 + static_cast<Real>(network.W.cols() + network.width() + 8) * epsilon;
  const Real primal = std::max<Real>(own.energy / Real(2) + lambda * mass, reported);
  // p is feasible after division by this, and so is every smaller multiple of it.
  const Real most = (static_cast<Real>(supremum) + dual.affine_rest) / lambda * (1 + 8 * epsilon);
  const Real product = std::abs(static_cast<Real>(dual.dual_product));
  Real bound = 0;
  if (product > 0 && most < HUGE_VALL && dual.dual_energy < HUGE_VAL) {
    Real scale = product / dual.dual_energy;
    if (scale * most > 1) scale = 1 / most * (1 - 8 * epsilon);
    bound = scale * product - scale * scale * dual.dual_energy / 2;
    bound -= 8 * epsilon * scale * product;  // the largest of the terms
  }
  // The bound is at least 0, whatever it was computed from.
  const Real gap = primal - std::max<Real>(bound, 0) + 8 * epsilon * primal;
  if (std::isnan(gap)) return HUGE_VAL;
  return gap == 0 ? 0.0 : std::nextafter(static_cast<double>(gap), HUGE_VAL);
}

Certificate estimated_certificate(const Residual& residual, const Network& network, double lambda,
                                  const Supremum& supremum) {
  Certificate certificate = certificate_of_supremum(residual, network, lambda, supremum.value);
  certificate.sup_eta = certificate.sup_eta_lower = supremum.value / lambda;
  certificate.direction = supremum.direction;
  certificate.distinct_maxima = supremum.maxima;
  certificate.starts = supremum.starts;
  certificate.unseen_share = supremum.unseen_share;
  return certificate;
}

double tightest_lambda(const Residual& residual, const Network& network, double supremum) {
  if (!(supremum > 0.0)) return 1.0;
  const double mass = masses(network).sum();
  if (residual.square()) {
    const double energy = residual.energy();
    const double product = residual.target_product();
    const double pull = supremum * mass;
    if (!(product > 0.0)) return supremum;
    return supremum * 2.0 * product / (energy + std::sqrt(energy * energy + 4.0 * pull * product));
  }
  const double loss = residual.loss();
  // Above `supremum` the dual value stays and P_λ grows; far below it every neuron costs nothing.
  // Between, the share 1 − D/P of log λ has one minimum: golden section.
  constexpr double golden = 0.6180339887498949;
  const auto share = [&](double log_lambda) {
    const double lambda = std::exp(log_lambda);
    return 1.0 - residual.dual_value(lambda / supremum) / (loss + lambda * mass);
  };
  double low = std::log(supremum) - 20.0;
  double high = std::log(supremum);
  double left = high - golden * (high - low);
  double right = low + golden * (high - low);
  double at_left = share(left);
  double at_right = share(right);
  while (high - low > 1e-9) {
    if (at_left <= at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - golden * (high - low);
      at_left = share(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + golden * (high - low);
      at_right = share(right);
    }
  }
  return std::exp(0.5 * (low + high));
}

}  // namespace lodestone
