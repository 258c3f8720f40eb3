#include <cfloat>
#include <cmath>
#include <vector>

#include "core/parallel.hpp"
#include "lodestone/objective/objective.hpp"
#include "objective/population_long_double.hpp"

#if LDBL_MANT_DIG == 113
namespace {
using Quad = long double;
}  // namespace
#else
#include <quadmath.h>
namespace {
__extension__ typedef __float128 Quad;
Quad square_root(Quad x) { return sqrtq(x); }
Quad arcsine(Quad x) { return asinq(x); }
}  // namespace
#endif

namespace {
long double square_root(long double x) { return std::sqrt(x); }
long double arcsine(long double x) { return std::asin(x); }
}  // namespace

namespace lodestone {
namespace {

template <class Real>
struct Atom {
  Real weight;
  std::vector<Real> direction;
};

template <class Real>
Real norm_of(const std::vector<Real>& vector) {
  Real sum = 0;
  for (const Real entry : vector) sum += entry * entry;
  return square_root(sum);
}

// Twice π h(θ), straight from its definition: cancellation leaves the digits that 2.4 counts.
template <class Real>
Real kernel(const std::vector<Real>& u, const std::vector<Real>& v) {
  Real cosine = 0;
  for (std::size_t j = 0; j < u.size(); ++j) cosine += u[j] * v[j];
  if (cosine > 1) cosine = 1;
  if (cosine < -1) cosine = -1;
  return square_root((1 - cosine) * (1 + cosine)) + cosine * arcsine(cosine) - 1;
}

// The quadratic form of docs/math.md, 2.4, with all of its arithmetic in Real.
template <class Real>
double population_loss(const Teacher& teacher, const Network& network) {
  std::vector<Atom<Real>> atoms;
  const auto add = [&](double weight, const auto& row) {
    Atom<Real> atom{weight, {}};
    for (Index j = 0; j < row.size(); ++j) atom.direction.emplace_back(row[j]);
    const Real norm = norm_of(atom.direction);
    atom.weight *= norm;
    if (atom.weight == 0) return;
    for (Real& entry : atom.direction) entry /= norm;
    atoms.push_back(std::move(atom));
  };
  for (Index i = 0; i < network.width(); ++i) add(network.a[i], network.W.row(i));
  for (Index j = 0; j < teacher.neurons(); ++j) {
    add(-teacher.amplitudes[j], teacher.directions.row(j));
  }

  std::vector<Real> rows(atoms.size(), Real(0));
  for_each_block(static_cast<Index>(atoms.size()), [&](Index index) {
    const auto p = static_cast<std::size_t>(index);
    Real sum = 0;
    for (std::size_t q = 0; q < p; ++q) {
      sum += atoms[q].weight * kernel(atoms[p].direction, atoms[q].direction);
    }
    const Real self = kernel(atoms[p].direction, atoms[p].direction);
    rows[p] = atoms[p].weight * (sum + atoms[p].weight * self / 2);
  });
  Real total = 0;
  for (const Real row : rows) total += row;
  const Real two_pi = 4 * arcsine(Real(1));
  const double loss = static_cast<double>(total / two_pi);
  return loss > 0.0 ? loss : 0.0;
}

}  // namespace

double population_loss_binary128(const Teacher& teacher, const Network& network) {
  return population_loss<Quad>(teacher, network);
}

double population_loss_long_double(const Teacher& teacher, const Network& network) {
  return population_loss<long double>(teacher, network);
}

}  // namespace lodestone
