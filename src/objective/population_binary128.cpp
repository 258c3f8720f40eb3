#include <cfloat>
#include <vector>

#include "core/parallel.hpp"
#include "lodestone/objective.hpp"

#if LDBL_MANT_DIG == 113
#include <cmath>
namespace {
using Quad = long double;
Quad square_root(Quad x) { return std::sqrt(x); }
Quad arcsine(Quad x) { return std::asin(x); }
}  // namespace
#else
#include <quadmath.h>
namespace {
__extension__ typedef __float128 Quad;
Quad square_root(Quad x) { return sqrtq(x); }
Quad arcsine(Quad x) { return asinq(x); }
}  // namespace
#endif

namespace lodestone {
namespace {

struct Atom {
  Quad weight;
  std::vector<Quad> direction;
};

Quad norm_of(const std::vector<Quad>& vector) {
  Quad sum = 0;
  for (const Quad entry : vector) sum += entry * entry;
  return square_root(sum);
}

// Twice π h(θ), straight from its definition: in this precision cancellation leaves enough digits.
Quad kernel(const std::vector<Quad>& u, const std::vector<Quad>& v) {
  Quad cosine = 0;
  for (std::size_t j = 0; j < u.size(); ++j) cosine += u[j] * v[j];
  if (cosine > 1) cosine = 1;
  if (cosine < -1) cosine = -1;
  return square_root((1 - cosine) * (1 + cosine)) + cosine * arcsine(cosine) - 1;
}

}  // namespace

double population_loss_binary128(const Teacher& teacher, const Network& network) {
  std::vector<Atom> atoms;
  const auto add = [&](double weight, const auto& row) {
    Atom atom{weight, {}};
    for (Index j = 0; j < row.size(); ++j) atom.direction.emplace_back(row[j]);
    const Quad norm = norm_of(atom.direction);
    atom.weight *= norm;
    if (atom.weight == 0) return;
    for (Quad& entry : atom.direction) entry /= norm;
    atoms.push_back(std::move(atom));
  };
  for (Index i = 0; i < network.width(); ++i) add(network.a[i], network.W.row(i));
  for (Index j = 0; j < teacher.neurons(); ++j) {
    add(-teacher.amplitudes[j], teacher.directions.row(j));
  }

  std::vector<Quad> rows(atoms.size(), Quad(0));
  for_each_block(static_cast<Index>(atoms.size()), [&](Index index) {
    const auto p = static_cast<std::size_t>(index);
    Quad sum = 0;
    for (std::size_t q = 0; q < p; ++q) {
      sum += atoms[q].weight * kernel(atoms[p].direction, atoms[q].direction);
    }
    const Quad self = kernel(atoms[p].direction, atoms[p].direction);
    rows[p] = atoms[p].weight * (sum + atoms[p].weight * self / 2);
  });
  Quad total = 0;
  for (const Quad row : rows) total += row;
  const Quad two_pi = 4 * arcsine(Quad(1));
  const double loss = static_cast<double>(total / two_pi);
  return loss > 0.0 ? loss : 0.0;
}

}  // namespace lodestone
