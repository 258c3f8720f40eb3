#pragma once

// The population loss and its gradient in quadruple precision, by integrals over angles instead of
// the kernel h: independent of the library's formulas, and exact where those cancel. Roots and
// angles are its own, too: of the library it takes the four operations.

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "core/quad.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone::quad {

using lodestone::Quad;

inline Quad newton_root(Quad x) {
  if (x <= 0) return 0;
  // Keeps the float64 start within its range.
  Quad scale = 1;
  while (x < Quad(1e-200)) {
    x *= Quad(0x1p400);
    scale *= Quad(0x1p-200);
  }
  Quad root = std::sqrt(static_cast<double>(x));
  for (int i = 0; i < 3; ++i) root = (root + x / root) / 2;
  return scale * root;
}

using Plane = std::array<Quad, 2>;

inline Quad dot(const Plane& u, const Plane& v) { return u[0] * v[0] + u[1] * v[1]; }
inline Quad cross(const Plane& u, const Plane& v) { return u[0] * v[1] - u[1] * v[0]; }

/// The angle whose cosine and sine are in the ratio c : s, s >= 0: halved until its series is
/// short.
inline Quad angle_by_halving(Quad c, Quad s) {
  const Quad norm = newton_root(c * c + s * s);
  c /= norm;
  s /= norm;
  int halvings = 0;
  while (s > Quad(0.01) || c < 0) {
    // The larger of the two from its square, the other from s = 2 sin cos: nothing cancels.
    const Quad larger = newton_root((1 + (c < 0 ? -c : c)) / 2);
    const Quad smaller = s / (2 * larger);
    const Quad half_cosine = c < 0 ? smaller : larger;
    const Quad half_sine = c < 0 ? larger : smaller;
    c = half_cosine;
    s = half_sine;
    ++halvings;
  }
  // arcsine s = Σ (2k)! / (4^k k!² (2k + 1)) s^(2k+1)
  Quad sum = 0;
  Quad term = s;
  for (int k = 0; k < 12; ++k) {
    sum += term / (2 * k + 1);
    term *= s * s * (2 * k + 1) / (2 * k + 2);
  }
  while (halvings-- > 0) sum *= 2;
  return sum;
}

inline Quad pi() { return 2 * angle_by_halving(0, 1); }

struct Reference {
  Quad loss = 0;
  std::vector<Plane> G;  ///< ∂L/∂w_i is a_i G_i, one per neuron
};

/// Two-dimensional problems. With x = ρ(cos φ, sin φ), the residual without its linear part is
/// ρ g(φ), g = ½ Σ_p c_p|v_p·x̂|, which is A·x̂ with constant A between the angles where a neuron
/// turns on or off: all integrals over φ are sums over these sectors, in closed form. E ρ² = 2.
inline Reference in_the_plane(const Teacher& teacher, const Network& network) {
  struct Atom {
    Quad weight;
    Plane unit;
  };
  std::vector<Atom> atoms;
  const auto add = [&](double weight, double x, double y) {
    const Plane v = {x, y};
    const Quad norm = newton_root(dot(v, v));
    atoms.push_back({weight * norm, {v[0] / norm, v[1] / norm}});
  };
  for (Index i = 0; i < network.width(); ++i) {
    add(network.a[i], network.W(i, 0), network.W(i, 1));
  }
  for (Index j = 0; j < teacher.neurons(); ++j) {
    add(-teacher.amplitudes[j], teacher.directions(j, 0), teacher.directions(j, 1));
  }

  // Where neurons turn on or off, in the order of their angle in [0, 2π).
  std::vector<Plane> kinks;
  for (const Atom& atom : atoms) {
    kinks.push_back({-atom.unit[1], atom.unit[0]});
    kinks.push_back({atom.unit[1], -atom.unit[0]});
  }
  const auto lower = [](const Plane& u) { return u[1] < 0 || (u[1] == 0 && u[0] < 0); };
  std::sort(kinks.begin(), kinks.end(), [&](const Plane& u, const Plane& v) {
    return lower(u) != lower(v) ? lower(v) : cross(u, v) > 0;
  });

  const Quad two_pi = 2 * pi();
  Quad mean = 0;  // Σ c_p: E of the residual is this over √(2π)
  for (const Atom& atom : atoms) mean += atom.weight;
  Reference result;
  result.G.assign(static_cast<std::size_t>(network.width()), Plane{0, 0});
  Quad square = 0;
  for (std::size_t k = 0; k < kinks.size(); ++k) {
    const Plane& begin = kinks[k];
    const Plane& end = kinks[(k + 1) % kinks.size()];
    const Quad sine = cross(begin, end);
    if (sine <= 0) continue;  // an empty sector; none reaches half a turn
    const Quad width = angle_by_halving(dot(begin, end), sine);
    const Plane middle = {begin[0] + end[0], begin[1] + end[1]};
    Plane A = {0, 0};
    for (const Atom& atom : atoms) {
      const Quad sign = dot(atom.unit, middle) > 0 ? 1 : -1;
      A[0] += sign * atom.weight * atom.unit[0] / 2;
      A[1] += sign * atom.weight * atom.unit[1] / 2;
    }
    // ∫ x̂x̂ᵀ dφ over the sector.
    const Quad xy = (end[0] * end[1] - begin[0] * begin[1]) / 2;
    const Quad yy = (end[1] * end[1] - begin[1] * begin[1]) / 2;
    const Plane moment = {(width / 2 + xy) * A[0] + yy * A[1], yy * A[0] + (width / 2 - xy) * A[1]};
    square += dot(A, moment);
    for (std::size_t i = 0; i < result.G.size(); ++i) {
      if (dot(atoms[i].unit, middle) <= 0) continue;
      result.G[i][0] += 2 * moment[0] / two_pi;
      result.G[i][1] += 2 * moment[1] / two_pi;
    }
  }
  result.loss = (2 * square / two_pi - mean * mean / two_pi) / 2;
  for (std::size_t i = 0; i < result.G.size(); ++i) {
    result.G[i][0] -= mean * atoms[i].unit[0] / two_pi;
    result.G[i][1] -= mean * atoms[i].unit[1] / two_pi;
  }
  return result;
}

/// Any dimension, zero rows left out: the quadratic form of docs/math.md, 2.2, but with every angle
/// from the part of one direction orthogonal to the other, and as differences from h(0).
inline Quad loss(const Teacher& teacher, const Network& network) {
  std::vector<std::pair<Quad, std::vector<Quad>>> atoms;
  const auto add = [&](double weight, const auto& row) {
    std::vector<Quad> unit(row.begin(), row.end());
    Quad square = 0;
    for (const Quad entry : unit) square += entry * entry;
    if (square == 0) return;
    const Quad norm = newton_root(square);
    for (Quad& entry : unit) entry /= norm;
    atoms.emplace_back(weight * norm, std::move(unit));
  };
  for (Index i = 0; i < network.width(); ++i) {
    add(network.a[i], Eigen::RowVectorXd(network.W.row(i)));
  }
  for (Index j = 0; j < teacher.neurons(); ++j) {
    add(-teacher.amplitudes[j], Eigen::RowVectorXd(teacher.directions.row(j)));
  }
  const Quad half_pi = pi() / 2;
  Quad mean = 0;
  Quad differences = 0;
  for (std::size_t p = 0; p < atoms.size(); ++p) {
    mean += atoms[p].first;
    for (std::size_t q = 0; q < p; ++q) {
      const auto& u = atoms[p].second;
      const auto& v = atoms[q].second;
      Quad cosine = 0;
      for (std::size_t j = 0; j < u.size(); ++j) cosine += u[j] * v[j];
      Quad sine = 0;
      for (std::size_t j = 0; j < u.size(); ++j) {
        sine += (v[j] - cosine * u[j]) * (v[j] - cosine * u[j]);
      }
      sine = newton_root(sine);
      // 2π (h(0) − h(θ)) for θ in [0, π/2], as h is symmetric about 90°.
      if (cosine < 0) cosine = -cosine;
      const Quad theta = angle_by_halving(cosine, sine);
      const Quad versine = sine * sine / (1 + cosine);  // 1 − cos θ
      const Quad difference = half_pi * versine - (sine - theta * cosine);
      differences += atoms[p].first * atoms[q].first * difference;
    }
  }
  const Quad at_zero = half_pi - 1;
  return (mean * mean * at_zero / 2 - differences) / (2 * half_pi * 2);
}

}  // namespace lodestone::quad
