#include <cfloat>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/indices.hpp"
#include "core/largest.hpp"
#include "core/parallel.hpp"
#include "kernels/population.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/objective/objective.hpp"
#include "objective/arc_kernel.hpp"
#include "objective/check_sizes.hpp"
#include "objective/population_long_double.hpp"

namespace lodestone {
namespace {

// The signed measure of f − f_*: students weighted a_i‖w_i‖, then teachers weighted −a*_j, on unit
// directions (docs/math.md, 2.2).
struct Atoms {
  Matrix directions;
  Vector weights;
  Vector student_norms;
};

Atoms residual_atoms(const Teacher& teacher, const Network& network) {
  const Index m = network.width();
  const Index k = teacher.neurons();
  Atoms atoms{Matrix(m + k, teacher.dimension()), Vector(m + k), Vector(m)};
  for (Index i = 0; i < m; ++i) {
    const double norm = network.W.row(i).stableNorm();
    atoms.student_norms[i] = norm;
    atoms.directions.row(i) = network.W.row(i) / (norm > 0.0 ? norm : 1.0);
  }
  atoms.directions.bottomRows(k) = teacher.directions;
  atoms.weights.head(m) = network.a.cwiseProduct(atoms.student_norms);
  atoms.weights.tail(k) = -teacher.amplitudes;
  return atoms;
}

// A sum of squares that rounding brought below zero; NaN stays NaN.
double not_negative(double value) { return value < 0.0 ? 0.0 : value; }

class AtomResidual final : public Residual {
 public:
  AtomResidual(const Teacher& teacher, const Network& network)
      : teacher_(teacher), network_(network), atoms_(residual_atoms(teacher, network)) {
    Matrix field;
    kernels::simd::population_self_field(atoms_.directions, atoms_.weights, field);
    const Vector values = field.cwiseProduct(atoms_.directions).rowwise().sum();
    energy_ = not_negative(atoms_.weights.dot(values));
    // weights of the teachers are −a*, so this is −E (f − y) y.
    target_product_ = atoms_.weights.tail(teacher.neurons()).dot(values.tail(teacher.neurons()));
  }

  Correlation correlate(const Matrix& U) const override {
    check_sizes(U, atoms_.directions.cols());
    Correlation result;
    kernels::simd::population_field(unit_directions(U), atoms_.directions, atoms_.weights,
                                    result.gradient);
    result.value = result.gradient.cwiseProduct(U).rowwise().sum();
    return result;
  }
  ResidualMeasure measure() const override {
    return AtomMeasure{atoms_.directions, atoms_.weights};
  }
  double energy() const override { return energy_; }
  double target_product() const override { return target_product_; }

  // Residuals of populations have no affine part. What the measure's weights and directions are off
  // by is among the rounding errors that its bound is charged with.
  MomentBounds moment_bounds() const override {
    const PopulationMoments found = population_moments(teacher_, network_);
    return {found.energy, found.energy, found.product, 0.0, 0.0};
  }

  Matrix suggested_directions(Index count) const override {
    const Index teachers = atoms_.weights.size() - atoms_.student_norms.size();
    const auto weights = atoms_.weights.tail(teachers).cwiseAbs();
    return atoms_.directions.bottomRows(teachers)(positions_of_largest(weights, count),
                                                  indices::all);
  }

 private:
  const Teacher& teacher_;
  Network network_;
  Atoms atoms_;
  double energy_ = 0.0;
  double target_product_ = 0.0;
};

}  // namespace

PopulationObjective::PopulationObjective(Teacher teacher)
    : teacher_(checked_teacher(std::move(teacher), "teacher")) {
  null_loss_ = evaluate(Network::empty(dimension())).loss;
}

Evaluation PopulationObjective::evaluate(const Network& network) const {
  check_sizes(network, dimension());
  const Index m = network.width();
  const Atoms atoms = residual_atoms(teacher_, network);
  Matrix field;
  kernels::simd::population_self_field(atoms.directions, atoms.weights, field);
  const Vector values = field.cwiseProduct(atoms.directions).rowwise().sum();
  Evaluation result;
  result.loss = not_negative(0.5 * atoms.weights.dot(values));
  result.gradient_a = values.head(m).cwiseProduct(atoms.student_norms);
  result.gradient_W = network.a.asDiagonal() * field.topRows(m);
  return result;
}

double PopulationObjective::loss(const Network& network) const {
  const double rounded = evaluate(network).loss;
  // Rounding in float64 is about 1e-16 of the squared mass: above 1e-9 of it, six digits are right.
  // A long double moves that limit by the ratio of the unit roundoffs, at a tenth of the cost of
  // binary128 (docs/math.md, 2.4).
  const double mass = masses(network).sum() + teacher_.amplitudes.cwiseAbs().sum();
  const double limit = 1e-9 * mass * mass;
  if (!(rounded <= limit)) return rounded;
  const double extended = population_loss_long_double(teacher_, network);
  if (extended > limit * static_cast<double>(LDBL_EPSILON / DBL_EPSILON)) return extended;
  return population_loss_binary128(teacher_, network);
}

std::unique_ptr<Residual> PopulationObjective::residual(const Network& network) const {
  check_sizes(network, dimension());
  return std::make_unique<AtomResidual>(teacher_, network);
}

FeatureGram PopulationObjective::feature_gram(const Matrix& U) const {
  check_sizes(U, dimension());
  const Index p = U.rows();
  const Vector norms = U.rowwise().stableNorm();
  const Matrix units = unit_directions(U);
  FeatureGram gram{Matrix(p, p), Vector(p)};
  for_each_block(p, [&](Index i) {
    gram.b[i] = 0.0;
    for (Index j = 0; j < teacher_.neurons(); ++j) {
      gram.b[i] +=
          teacher_.amplitudes[j] * norms[i] * arc_kernel(units.row(i), teacher_.directions.row(j));
    }
    for (Index j = 0; j < p; ++j) {
      gram.K(i, j) = norms[i] * norms[j] * arc_kernel(units.row(i), units.row(j));
    }
  });
  return gram;
}

Affine PopulationObjective::affine(const Network& network) const {
  check_sizes(network, dimension());
  const Atoms atoms = residual_atoms(teacher_, network);
  return {-atoms.weights.sum() / std::sqrt(2.0 * std::numbers::pi),
          -0.5 * atoms.directions.transpose() * atoms.weights};
}

}  // namespace lodestone
