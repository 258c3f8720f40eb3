#include <algorithm>
#include <cfloat>
#include <cmath>
#include <vector>

#include "core/parallel.hpp"
#include "core/quad.hpp"
#include "lodestone/objective/objective.hpp"
#include "objective/population_long_double.hpp"

namespace lodestone {
namespace {

template <class Real>
struct Atom {
  Real weight;
  std::vector<Real> direction;
};

// In units of a power of two near the largest entry: squares stay in the range of float64, which
// pairs of float64 numbers have, and no bit is rounded by it.
template <class Real>
Real norm_of(const std::vector<Real>& vector) {
  double largest = 0.0;
  for (const Real entry : vector) largest = std::max(largest, std::abs(static_cast<double>(entry)));
  const Real unit = largest > 0.0 ? std::ldexp(1.0, std::ilogb(largest)) : 1.0;
  Real sum = 0;
  for (const Real entry : vector) sum += (entry / unit) * (entry / unit);
  return unit * square_root(sum);
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

// The signed measure of f − f_*, students first. Atoms without weight are left out.
template <class Real>
struct Measure {
  std::vector<Atom<Real>> atoms;
  std::size_t students = 0;  // among them
};

template <class Real>
Measure<Real> residual_measure(const Teacher& teacher, const Network& network) {
  Measure<Real> measure;
  const auto add = [&](double weight, const auto& row) {
    Atom<Real> atom{weight, {}};
    for (Index j = 0; j < row.size(); ++j) atom.direction.emplace_back(row[j]);
    const Real norm = norm_of(atom.direction);
    atom.weight *= norm;
    if (atom.weight == 0) return;
    for (Real& entry : atom.direction) entry /= norm;
    measure.atoms.push_back(std::move(atom));
  };
  for (Index i = 0; i < network.width(); ++i) add(network.a[i], network.W.row(i));
  measure.students = measure.atoms.size();
  for (Index j = 0; j < teacher.neurons(); ++j) {
    add(-teacher.amplitudes[j], teacher.directions.row(j));
  }
  return measure;
}

template <class Real>
Real two_pi() {
  return 4 * arcsine(Real(1));
}

// The quadratic form of docs/math.md, 2.4, with all of its arithmetic in Real.
template <class Real>
double population_loss(const Teacher& teacher, const Network& network) {
  const std::vector<Atom<Real>> atoms = residual_measure<Real>(teacher, network).atoms;
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
  const double loss = static_cast<double>(total / two_pi<Real>());
  return loss > 0.0 ? loss : 0.0;
}

// Both moments and one bound on their errors, in Real.
template <class Real>
struct Moments {
  Real energy = 0;
  Real product = 0;
  Real error = 0;
};

template <class Real>
Moments<Real> moments(const Teacher& teacher, const Network& network, Real epsilon,
                      Real underflow) {
  const auto [atoms, students] = residual_measure<Real>(teacher, network);
  const std::size_t count = atoms.size();
  // With students as p, the products with students before p; with teachers, both kinds.
  std::vector<Real> with_students(count, Real(0));
  std::vector<Real> with_teachers(count, Real(0));
  for_each_block(static_cast<Index>(count), [&, &atoms = atoms, students = students](Index index) {
    const auto p = static_cast<std::size_t>(index);
    for (std::size_t q = 0; q <= p; ++q) {
      const Real half = p == q ? Real(1) / 2 : Real(1);
      (q < students ? with_students : with_teachers)[p] +=
          half * atoms[p].weight * atoms[q].weight * kernel(atoms[p].direction, atoms[q].direction);
    }
  });
  Moments<Real> result;
  Real mass = 0;
  for (std::size_t p = 0; p < count; ++p) {
    result.energy += 2 * (with_students[p] + with_teachers[p]);
    if (p >= students) result.product += with_students[p] + 2 * with_teachers[p];
    mass += atoms[p].weight > 0 ? atoms[p].weight : -atoms[p].weight;
  }
  result.energy /= two_pi<Real>();
  result.product /= two_pi<Real>();
  // A weight is off by d/2 + 3 roundings, a cosine by 2d + 8, each of which moves 2πh by at most
  // π/2 roundings, 2πh itself by 14 more; 2πh <= 0.58, and a sum takes one for each of its terms.
  // All in all at most (4d + 2Q + 40)/2 ε mass²/(2π): here is more than three times that.
  const auto size = static_cast<int>(teacher.dimension() + static_cast<Index>(count) + 16);
  const double pairs = static_cast<double>(count) * static_cast<double>(count);
  result.error = Real(size) * epsilon * mass * mass + pairs * underflow;
  return result;
}

// A number rounded up to a double.
template <class Real>
double rounded_up(Real value) {
  return value == 0 ? 0.0 : std::nextafter(static_cast<double>(value), HUGE_VAL);
}

template <class Real>
PopulationMoments on_the_safe_side(const Moments<Real>& found) {
  const Real energy = found.energy < 0 ? Real(0) : found.energy;  // NaN stays NaN
  const Real size = (found.product < 0 ? -found.product : found.product) - found.error;
  const double product = size > 0 ? std::nextafter(static_cast<double>(size), 0.0) : 0.0;
  return {rounded_up(energy + found.error), found.product < 0 ? -product : product};
}

}  // namespace

double population_loss_binary128(const Teacher& teacher, const Network& network) {
  return population_loss<Quad>(teacher, network);
}

double population_loss_long_double(const Teacher& teacher, const Network& network) {
  return population_loss<long double>(teacher, network);
}

PopulationMoments population_moments(const Teacher& teacher, const Network& network) {
  // Ten-millionths of the energy are nothing beside the tolerances of a proof.
  const auto extended = moments<long double>(teacher, network, LDBL_EPSILON, 0.0L);
  if (extended.error <= 1e-7L * extended.energy) return on_the_safe_side(extended);
  return on_the_safe_side(
      moments<Quad>(teacher, network, Quad(quad_epsilon), Quad(quad_underflow)));
}

}  // namespace lodestone
