#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "certify/ascent.hpp"
#include "certify/gap.hpp"
#include "lodestone/certificate.hpp"
#include "lodestone/error.hpp"
#include "lodestone/random.hpp"

namespace lodestone {
namespace {

Matrix ascent_starts(const Network& network, Index dimension, const AscentOptions& options) {
  const Vector mass = masses(network);
  std::vector<Index> order(static_cast<std::size_t>(network.width()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return mass[i] > mass[j]; });
  Index neurons = 0;
  while (neurons < std::min(network.width(), options.most_neurons) &&
         mass[order[static_cast<std::size_t>(neurons)]] > 0.0) {
    ++neurons;
  }
  Matrix starts(neurons + options.random_starts, dimension);
  for (Index i = 0; i < neurons; ++i) {
    starts.row(i) = network.W.row(order[static_cast<std::size_t>(i)]);
  }
  const RandomStream stream(options.seed, "ascent starts");
  std::uint64_t draw = 0;
  for (Index i = neurons; i < starts.rows(); ++i) {
    for (Index j = 0; j < dimension; ++j) starts(i, j) = stream.normal(draw++);
  }
  return unit_directions(starts);
}

}  // namespace

Supremum ascend(const Residual& residual, Matrix U, int iterations) {
  Correlation current = residual.correlate(U);
  Vector stride = Vector::Ones(U.rows());
  for (int iteration = 0; iteration < iterations; ++iteration) {
    // Stride 1 is the fixed-point map u ← ±∇/‖∇‖; a direction that fails to rise tries a shorter
    // one.
    Matrix trial = U;
    for (Index i = 0; i < U.rows(); ++i) {
      const double value = current.value[i];
      if (value == 0.0) continue;
      const Eigen::RowVectorXd tangent = current.gradient.row(i) - value * U.row(i);
      trial.row(i) += stride[i] / value * tangent;
    }
    trial = unit_directions(trial);
    const Correlation next = residual.correlate(trial);
    for (Index i = 0; i < U.rows(); ++i) {
      if (std::abs(next.value[i]) > std::abs(current.value[i])) {
        U.row(i) = trial.row(i);
        current.value[i] = next.value[i];
        current.gradient.row(i) = next.gradient.row(i);
        stride[i] = std::min(4.0, 1.5 * stride[i]);
      } else {
        stride[i] *= 0.25;
      }
    }
  }
  Supremum best;
  if (U.rows() == 0) return best;
  Index where = 0;
  best.value = current.value.cwiseAbs().maxCoeff(&where);
  best.direction = U.row(where);
  return best;
}

Supremum estimate_supremum(const Residual& residual, const Network& network,
                           const AscentOptions& options) {
  if (options.random_starts < 0 || options.most_neurons < 0 || options.iterations < 1) {
    throw InvalidArgument("ascent options", "",
                          "random_starts and most_neurons must be >= 0, iterations >= 1");
  }
  return ascend(residual, ascent_starts(network, network.W.cols(), options), options.iterations);
}

Certificate estimate_certificate(const Objective& objective, const Network& network, double lambda,
                                 const AscentOptions& options) {
  check_lambda(lambda);
  const auto residual = objective.residual(network);
  const Supremum supremum = estimate_supremum(*residual, network, options);
  Certificate certificate =
      certificate_of_supremum(*residual, *residual, network, lambda, supremum.value);
  certificate.sup_eta = certificate.sup_eta_lower = supremum.value / lambda;
  certificate.direction = supremum.direction;
  return certificate;
}

}  // namespace lodestone
