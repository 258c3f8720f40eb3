#include "lodestone/model/network.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "core/indices.hpp"

namespace lodestone {

Matrix output_weights(const Network& network) {
  if (network.S.size() == 0) return network.a;
  return network.a.asDiagonal() * network.S;
}

Network with_outputs(const Matrix& A, Matrix W) {
  return {A.rowwise().stableNorm(), std::move(W), unit_directions(A)};
}

Network output_of(const Network& network, Index output) {
  if (network.S.size() == 0) return network;
  return {network.a.cwiseProduct(network.S.col(output)), network.W};
}

Network chosen_neurons(const Network& network, const std::vector<Index>& neurons) {
  Network chosen{network.a(neurons), network.W(neurons, indices::all)};
  if (network.S.size() > 0) chosen.S = network.S(neurons, indices::all);
  return chosen;
}

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

std::vector<MergeGroup> merge_groups(const Network& network, double angle_deg, Mirrors mirrors) {
  const Vector mass = masses(network);
  std::vector<Index> order(static_cast<std::size_t>(network.width()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return mass[i] > mass[j]; });
  const Matrix directions = unit_directions(network.W);
  const double angle = angle_deg * std::numbers::pi / 180.0;
  const double largest_chord = 2.0 * std::sin(0.5 * angle);

  std::vector<MergeGroup> groups;
  for (const Index i : order) {
    if (mass[i] == 0.0) break;
    bool joined = false;
    for (MergeGroup& group : groups) {
      const Index heaviest = group.members.front();
      if (std::signbit(network.a[i]) != std::signbit(network.a[heaviest])) continue;
      const auto leader = directions.row(heaviest);
      const bool mirrored = mirrors == Mirrors::same && leader.dot(directions.row(i)) < 0.0;
      const double side = mirrored ? -1.0 : 1.0;
      if ((directions.row(i) - side * leader).norm() > largest_chord) continue;
      group.members.push_back(i);
      group.sum += side * std::abs(network.a[i]) * network.W.row(i).transpose();
      joined = true;
      break;
    }
    if (!joined) groups.push_back({{i}, std::abs(network.a[i]) * network.W.row(i).transpose()});
  }
  return groups;
}

Network merged(const Network& network, double angle_deg, Mirrors mirrors) {
  const std::vector<MergeGroup> groups = merge_groups(network, angle_deg, mirrors);
  const auto count = static_cast<Index>(groups.size());
  Network result{Vector(count), Matrix(count, network.W.cols())};
  Matrix outputs = Matrix::Zero(network.S.size() > 0 ? count : 0, network.S.cols());
  for (Index g = 0; g < count; ++g) {
    const MergeGroup& group = groups[static_cast<std::size_t>(g)];
    result.a[g] = std::copysign(1.0, network.a[group.members.front()]);
    result.W.row(g) = group.sum.transpose();
    if (outputs.size() == 0) continue;
    for (const Index i : group.members) {
      outputs.row(g) += network.a[i] * network.W.row(i).stableNorm() * network.S.row(i);
    }
  }
  if (outputs.size() > 0) result = with_outputs(outputs, unit_directions(result.W));
  balance(result);
  return result;
}

Network transformed(const Network& network, const Matrix& map) {
  return {network.a, network.W * map, network.S};
}

}  // namespace lodestone
