#include "lodestone/network.hpp"

#include <cmath>

namespace lodestone {

double squared_norm(const Network& network) {
  return network.a.squaredNorm() + network.W.squaredNorm();
}

Vector masses(const Network& network) {
  return network.a.cwiseAbs().cwiseProduct(network.W.rowwise().stableNorm());
}

void balance(Network& network) {
  for (Index i = 0; i < network.width(); ++i) {
    const double norm = network.W.row(i).stableNorm();
    const double amplitude = std::abs(network.a[i]);
    if (norm == 0.0 || amplitude == 0.0) {
      network.a[i] = 0.0;
      network.W.row(i).setZero();
      continue;
    }
    const double scale = std::sqrt(norm * amplitude);
    network.a[i] = std::copysign(scale, network.a[i]);
    network.W.row(i) *= scale / norm;
  }
}

Matrix unit_directions(const Matrix& W) {
  Matrix directions = W;
  for (Index i = 0; i < W.rows(); ++i) {
    const double norm = W.row(i).stableNorm();
    if (norm > 0.0) directions.row(i) /= norm;
  }
  return directions;
}

Network transformed(const Network& network, const Matrix& map) {
  return {network.a, network.W * map};
}

}  // namespace lodestone
