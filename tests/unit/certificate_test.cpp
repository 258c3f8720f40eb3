// Certificate: the gap against optima that are known, and the search behind it.

#include "lodestone/certify/certificate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "lodestone/core/error.hpp"
#include "lodestone/model/dataset.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::normal_matrix;
using support::normal_network;
using support::normal_vector;
using support::same_bits;
using support::small_teacher;
using support::ThreadCount;

const double h_0 = 0.25 - 0.5 / std::numbers::pi;

// P_λ of the balanced network (docs/math.md, 1.2).
double balanced_loss(const Objective& objective, const Network& network, double lambda) {
  return objective.evaluate(network).loss + lambda * masses(network).sum();
}

// min P_λ by plain gradient descent on the balanced layers from a good start.
double minimum(const Objective& objective, Network network, double lambda, int steps) {
  balance(network);
  for (int step = 0; step < steps; ++step) {
    const Evaluation at = objective.evaluate(network);
    network.a -= at.gradient_a + lambda * network.a;
    network.W -= at.gradient_W + lambda * network.W;
  }
  return balanced_loss(objective, network, lambda);
}

// One teacher of amplitude a*: the optimum is one neuron of mass a* − λ/h(0) along it, and
// min P_λ = λa* − λ²/(2h(0)) (docs/math.md, 6.2).
TEST(Certificate, OneTeacher) {
  for (const double amplitude : {1.0, -2.5}) {
    const Teacher teacher{support::normal_matrix(1, 4, 1).rowwise().normalized(),
                          Vector::Constant(1, amplitude)};
    const PopulationObjective objective(teacher);
    const double size = std::abs(amplitude);
    for (const double share : {0.001, 0.1, 0.5, 0.99}) {
      const double lambda = share * size * h_0;
      const double least = lambda * size - lambda * lambda / (2.0 * h_0);
      const double mass = std::copysign(size - lambda / h_0, amplitude);
      const Network optimum{Vector::Constant(1, mass), teacher.directions};
      const Certificate certificate = estimate_certificate(objective, optimum, lambda);
      EXPECT_NEAR(balanced_loss(objective, optimum, lambda), least, 1e-14);
      EXPECT_NEAR(certificate.gap, 0.0, 2e-9 * least) << share;  // what an estimate leaves open
      EXPECT_GE(certificate.gap, 0.0);
      EXPECT_NEAR(certificate.sup_eta, 1.0, 1e-10);
      EXPECT_NEAR(std::abs(certificate.direction.dot(teacher.directions.row(0))), 1.0, 1e-10);
      EXPECT_EQ(certificate.kind, Certificate::Kind::estimated);

      // Anything else: the gap is at least what the network is worse by.
      for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const double distance = std::pow(10.0, -static_cast<double>(seed) / 2.0);
        Network worse{Vector(3), Matrix(3, 4)};
        worse.a = Vector::Constant(3, mass / 3.0) + distance * normal_vector(3, seed);
        worse.W = teacher.directions.replicate(3, 1) + distance * normal_matrix(3, 4, seed);
        const Certificate there = estimate_certificate(objective, worse, lambda);
        const double excess = balanced_loss(objective, worse, lambda) - least;
        EXPECT_GE(there.gap, excess - 1e-14) << share << " " << distance;
        EXPECT_NEAR(there.relative_gap, there.gap / (excess + least), 1e-12);
      }
    }
  }
}

// The zero network is optimal exactly from λ_max = sup |E y_{≥2} σ(u·x)| on; for one teacher that
// is |a*|h(0).
TEST(Certificate, ZeroNetwork) {
  const Teacher teacher{Matrix::Identity(1, 3), Vector::Constant(1, -2.0)};
  const PopulationObjective objective(teacher);
  const double lambda_max = 2.0 * h_0;
  for (const double factor : {1.0 + 1e-12, 1.5, 100.0}) {
    const Certificate certificate =
        estimate_certificate(objective, Network::empty(3), factor * lambda_max);
    EXPECT_NEAR(certificate.gap, 0.0, 1e-15) << factor;
    EXPECT_NEAR(certificate.sup_eta, 1.0 / factor, 1e-10) << factor;
  }
  for (const double factor : {0.99, 0.5, 1e-3}) {
    const double lambda = factor * lambda_max;
    const double least = lambda * 2.0 - lambda * lambda / (2.0 * h_0);
    const Certificate certificate = estimate_certificate(objective, Network::empty(3), lambda);
    EXPECT_GE(certificate.gap, objective.null_loss() - least - 1e-15) << factor;
    EXPECT_GT(certificate.gap, 0.0);
    EXPECT_NEAR(certificate.sup_eta, 1.0 / factor, 1e-10) << factor;
  }
}

TEST(Certificate, ZeroNetworkOfSeveralTeachersAndOfRows) {
  const Teacher teacher = small_teacher(4, 3, 2);
  const PopulationObjective population(teacher);
  const Dataset data = draw_samples(teacher, 300, 0.2, 3);
  const SampleObjective sample({data.X, data.y, {}, true});
  for (const Objective* objective :
       {static_cast<const Objective*>(&population), static_cast<const Objective*>(&sample)}) {
    const Network zero = Network::empty(objective->dimension());
    const double lambda_max = estimate_supremum(*objective->residual(zero), zero).value;
    EXPECT_NEAR(estimate_certificate(*objective, zero, 1.0001 * lambda_max).gap, 0.0, 1e-14);
    EXPECT_GT(estimate_certificate(*objective, zero, 0.9 * lambda_max).gap, 1e-6);
  }
}

// Any network's gap is at least its distance from the best value that a long descent finds; at that
// optimum it is zero.
TEST(Certificate, BoundsTheExcessOfAnyNetwork) {
  const Teacher teacher = small_teacher(3, 3, 4);
  const PopulationObjective population(teacher);
  const Dataset data = draw_samples(teacher, 200, 0.0, 5);
  const SampleObjective sample({data.X, data.y, {}, false});
  for (const Objective* objective :
       {static_cast<const Objective*>(&population), static_cast<const Objective*>(&sample)}) {
    for (const double lambda : {0.02, 0.002}) {
      const double best =
          minimum(*objective, {teacher.amplitudes, teacher.directions}, lambda, 3000);
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Network network = normal_network(8, 3, seed);
        network.a *= 0.1 * static_cast<double>(seed % 5);
        const Certificate certificate = estimate_certificate(*objective, network, lambda);
        const double excess = balanced_loss(*objective, network, lambda) - best;
        EXPECT_GE(certificate.gap, excess - 1e-12) << seed;
        EXPECT_GE(certificate.gap, 0.0);
        EXPECT_LE(certificate.relative_gap, 1.0 + 1e-12);
      }
    }
  }
  Network optimum{teacher.amplitudes, teacher.directions};
  balance(optimum);
  for (int step = 0; step < 20000; ++step) {
    const Evaluation at = population.evaluate(optimum);
    optimum.a -= at.gradient_a + 0.02 * optimum.a;
    optimum.W -= at.gradient_W + 0.02 * optimum.W;
  }
  EXPECT_LT(estimate_certificate(population, optimum, 0.02).relative_gap, 2e-9);
}

// The gap does not see how a neuron's mass is split between its layers.
TEST(Certificate, IsThatOfTheBalancedNetwork) {
  const PopulationObjective objective(small_teacher(4, 2, 6));
  Network network = normal_network(5, 4, 7);
  const double gap = estimate_certificate(objective, network, 0.01).gap;
  balance(network);
  EXPECT_NEAR(estimate_certificate(objective, network, 0.01).gap, gap, 1e-12 * gap);
}

// All of the teacher's function: R = 0, the bound is 0 and the gap λM.
TEST(Certificate, ExactFit) {
  const Teacher teacher{Matrix::Identity(2, 2), Vector{{1.0, -2.0}}};
  const PopulationObjective objective(teacher);
  const Certificate certificate =
      estimate_certificate(objective, {teacher.amplitudes, teacher.directions}, 0.1);
  EXPECT_NEAR(certificate.gap, 0.3, 1e-8);
  EXPECT_TRUE(std::isfinite(certificate.relative_gap));
}

TEST(Certificate, DirectionAttainsTheSupremum) {
  const Teacher teacher = small_teacher(5, 3, 8);
  const PopulationObjective objective(teacher);
  const Network network = normal_network(6, 5, 9);
  const double lambda = 0.03;
  const Certificate certificate = estimate_certificate(objective, network, lambda);
  ASSERT_EQ(certificate.direction.size(), 5);
  EXPECT_NEAR(certificate.direction.norm(), 1.0, 1e-14);
  const Correlation there =
      objective.residual(network)->correlate(certificate.direction.transpose());
  EXPECT_NEAR(std::abs(there.value[0]), lambda * certificate.sup_eta, 1e-14);
  // No tangential gradient is left: it is a local maximum of |η|.
  const Vector tangent = there.gradient.row(0).transpose() - there.value[0] * certificate.direction;
  EXPECT_LT(tangent.norm(), 1e-6 * std::abs(there.value[0]));
}

// The supremum over the circle against a fine grid, where its quadratic maxima are seen to 1e-7.
TEST(Supremum, FindsTheMaximumOnTheCircle) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const PopulationObjective objective(small_teacher(2, 3, 10 + seed, 10.0));
    const Network network = normal_network(4, 2, seed);
    const auto residual = objective.residual(network);
    Matrix grid(20000, 2);
    for (Index i = 0; i < grid.rows(); ++i) {
      const double angle = std::numbers::pi * static_cast<double>(i) / 20000.0;
      grid.row(i) << std::cos(angle), std::sin(angle);
    }
    const double on_grid = residual->correlate(grid).value.cwiseAbs().maxCoeff();
    const double found = estimate_supremum(*residual, network).value;
    EXPECT_GE(found, on_grid * (1.0 - 1e-13));
    EXPECT_LE(found, on_grid * (1.0 + 1e-6));
  }
}

// More starts, or more steps of each, find no less. On rows an ascent ends on a ridge of C, where
// exactly depends on where it came from, hence the slack.
TEST(Supremum, GrowsWithTheSearch) {
  const Dataset data = draw_samples(small_teacher(12, 6, 30), 100, 0.5, 31);
  const SampleObjective objective({data.X, data.y, {}, false});
  const Network network = normal_network(5, 12, 32);
  const auto residual = objective.residual(network);
  double before = 0.0;
  double gap_before = 0.0;
  for (const Index starts : {1, 4, 16, 64, 256}) {
    AscentOptions options;
    options.random_starts = starts;
    options.iterations = 15;
    const double value = estimate_supremum(*residual, network, options).value;
    const double gap = estimate_certificate(objective, network, 0.01, options).gap;
    EXPECT_GE(value, before * (1.0 - 1e-4)) << starts;
    EXPECT_GE(gap, gap_before * (1.0 - 1e-4)) << starts;
    before = value;
    gap_before = gap;
  }
  before = 0.0;
  for (const int iterations : {1, 2, 5, 10, 40}) {
    AscentOptions options;
    options.random_starts = 10;
    options.iterations = iterations;
    const double value = estimate_supremum(*residual, network, options).value;
    EXPECT_GE(value, before * (1.0 - 1e-4)) << iterations;
    before = value;
  }
}

// The zero student's C is −Σ a*_j h(∠(u, w*_j)): at orthogonal teachers h vanishes for the others,
// so each teacher is a maximum, of the sign of −a*.
TEST(Supremum, ListsTheDistinctMaxima) {
  const Teacher teacher{Matrix::Identity(3, 3), Vector{{1.0, -2.0, 0.5}}};
  const PopulationObjective objective(teacher);
  const auto residual = objective.residual(Network::empty(3));
  const Supremum found = estimate_supremum(*residual, Network::empty(3));
  ASSERT_EQ(found.maxima, 3);
  ASSERT_EQ(found.maxima_directions.rows(), 3);
  EXPECT_EQ(found.value, std::abs(found.maxima_values[0]));
  EXPECT_EQ(found.direction, found.maxima_directions.row(0).transpose());
  const std::array<Index, 3> by_size = {1, 0, 2};
  for (Index i = 0; i < 3; ++i) {
    const Index teacher_index = by_size[static_cast<std::size_t>(i)];
    EXPECT_NEAR(found.maxima_values[i], -teacher.amplitudes[teacher_index] * h_0, 1e-14);
    EXPECT_NEAR(std::abs(found.maxima_directions(i, teacher_index)), 1.0, 1e-12);
  }
}

// On rows |C| has ridges; ascents follow them instead of stopping all along. Checked against many
// more starts, which also bound how many maxima there are.
TEST(Supremum, FollowsRidgesOfSamples) {
  const Dataset data = draw_samples(small_teacher(6, 5, 3), 300, 0.3, 4);
  for (const bool biases : {false, true}) {
    const SampleObjective objective({data.X, data.y, {}, biases});
    Network network = normal_network(5, objective.dimension(), 7);
    network.a *= 0.05;
    const auto residual = objective.residual(network);
    AscentOptions many;
    many.random_starts = 3000;
    const double reference = estimate_supremum(*residual, network, many).value;
    const Supremum found = estimate_supremum(*residual, network);
    EXPECT_GE(found.value, reference * (1.0 - 1e-5)) << biases;
    EXPECT_LE(found.maxima, 4) << biases;
    EXPECT_TRUE(std::is_sorted(found.maxima_values.begin(), found.maxima_values.end(),
                               [](double x, double y) { return std::abs(x) > std::abs(y); }));
    const Correlation there = residual->correlate(found.maxima_directions);
    EXPECT_LT((there.value - found.maxima_values).cwiseAbs().maxCoeff(), 1e-14);
  }
}

// Neither neurons nor random directions: what the residual itself suggests is enough.
TEST(Supremum, StartsWhereTheResidualIsLarge) {
  const Teacher teacher = small_teacher(40, 3, 21);
  const PopulationObjective population(teacher);
  const Dataset data = draw_samples(teacher, 400, 0.0, 22);
  const SampleObjective sample({data.X, data.y, {}, true});
  AscentOptions suggested;
  suggested.random_starts = 0;
  for (const Objective* objective :
       {static_cast<const Objective*>(&population), static_cast<const Objective*>(&sample)}) {
    const Network zero = Network::empty(objective->dimension());
    const auto residual = objective->residual(zero);
    const Matrix directions = residual->suggested_directions(7);
    EXPECT_EQ(directions.rows(), std::min<Index>(7, objective->smooth() ? 3 : 7));
    EXPECT_LT((directions.rowwise().norm().array() - 1.0).abs().maxCoeff(), 1e-14);
    EXPECT_EQ(residual->suggested_directions(0).rows(), 0);
    const double everything = estimate_supremum(*residual, zero).value;
    EXPECT_NEAR(estimate_supremum(*residual, zero, suggested).value, everything, 1e-4 * everything);
    AscentOptions nothing = suggested;
    nothing.suggested = 0;
    EXPECT_EQ(estimate_supremum(*residual, zero, nothing).maxima, 0);
  }
}

// Ascent from the neurons alone, and from random directions alone.
TEST(Supremum, StartsAtNeuronsAndAtRandom) {
  const Teacher teacher{Matrix::Identity(1, 3), Vector::Ones(1)};
  const PopulationObjective objective(teacher);
  Network network{Vector::Constant(2, 0.1), Matrix::Zero(2, 3)};
  network.W.row(0) << 1.0, 0.2, 0.0;  // the second has no direction and must not start anything
  const auto residual = objective.residual(network);
  AscentOptions neurons;
  neurons.random_starts = neurons.suggested = 0;
  AscentOptions random;
  random.most_neurons = random.suggested = 0;
  EXPECT_NEAR(estimate_supremum(*residual, network, neurons).value,
              estimate_supremum(*residual, network, random).value, 1e-12);
}

TEST(Certificate, RejectsLambdas) {
  const PopulationObjective objective(small_teacher(3, 2, 33));
  const Network network = normal_network(4, 3, 34);
  for (const double lambda : {0.0, -0.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(estimate_certificate(objective, network, lambda), InvalidArgument) << lambda;
  }
}

// A sketch of 20,000 rows: correlations within sampling error of those of all rows, and a search
// that begins there and ends at the same supremum. 12 correlations at 5 standard errors: by chance
// one in 100,000 fixed seeds would fail.
TEST(Supremum, ASketchOfManyRowsLeadsToTheSameValue) {
  const Teacher teacher = small_teacher(6, 3, 5);
  const Dataset rows = draw_samples(teacher, 20000, 0.3, 6);
  const Matrix U = normal_matrix(12, 7, 7).rowwise().normalized();
  for (const Precision precision : {Precision::float64, Precision::float32}) {
    const SampleObjective objective(SampleData{rows.X, rows.y, {}, true, precision});
    const auto residual = objective.residual(Network::empty(7));
    const auto sketch = residual->sketch(0);
    ASSERT_NE(sketch, nullptr);
    const Vector all = residual->correlate(U).value;
    const Vector some = sketch->correlate(U).value;
    // Var(r relu(u·x)) is at most E r² u·x² ~ 2L · 1 up to the kurtosis of the target, taken as 3.
    const double error = std::sqrt(3.0 * residual->energy() / 4096.0);
    EXPECT_LT((all - some).cwiseAbs().maxCoeff(), 5.0 * error);
    EXPECT_GT((all - some).cwiseAbs().maxCoeff(), 0.0);
    AscentOptions options;
    const double full = estimate_supremum(*residual, Network::empty(7), options).value;
    options.sketch = true;
    EXPECT_NEAR(estimate_supremum(*residual, Network::empty(7), options).value, full, 1e-6 * full);
    options.finalists = 8;
    EXPECT_NEAR(estimate_supremum(*residual, Network::empty(7), options).value, full, 1e-3 * full);
    options.finalists = 0;
    EXPECT_THROW(estimate_supremum(*residual, Network::empty(7), options), InvalidArgument);
  }
  const SampleObjective few(SampleData{rows.X.topRows(16000), rows.y.head(16000), {}, true});
  EXPECT_EQ(few.residual(Network::empty(7))->sketch(0), nullptr);
  EXPECT_EQ(PopulationObjective(teacher).residual(Network::empty(6))->sketch(0), nullptr);
}

// The residual of all rows has no affine part; that of some rows would have one, a large one where
// columns are far from centred, which would hide what is searched for. C(u) − C(−u) = Σ r u·x.
TEST(Supremum, ASketchHasNoAffinePart) {
  const Teacher teacher = small_teacher(6, 3, 5);
  Dataset rows = draw_samples(teacher, 20000, 0.3, 6);
  rows.X.col(0).array() += 300.0;
  rows.X.col(3) *= 50.0;
  rows.X.row(7).setConstant(400.0);  // one row pulls more than all others
  Vector weights = Vector::Ones(20000);
  weights.head(100).setZero();
  const Matrix U = normal_matrix(12, 7, 7).rowwise().normalized();
  std::array<Vector, 2> values;
  for (const int threads : {1, 2}) {
    const ThreadCount count(threads);
    const SampleObjective objective(SampleData{rows.X, rows.y, weights, true});
    const auto residual = objective.residual(Network::empty(7));
    const auto sketch = residual->sketch(3);
    ASSERT_NE(sketch, nullptr);
    const Vector up = sketch->correlate(U).value;
    const Vector down = sketch->correlate(-U).value;
    EXPECT_LT((up - down).cwiseAbs().maxCoeff(), 1e-3 * up.cwiseAbs().maxCoeff());
    values[static_cast<std::size_t>(threads - 1)] = up;
  }
  EXPECT_TRUE(same_bits(values[0], values[1]));
}

// Where only noise is left, the part's maxima are not those of all rows: the steps on all rows find
// most of the way back.
TEST(Supremum, ASketchOfNoiseComesCloseFromBelow) {
  const Teacher teacher = small_teacher(8, 3, 9);
  const Dataset rows = draw_samples(teacher, 20000, 1.0, 10);
  const SampleObjective objective(SampleData{rows.X, rows.y, {}, false});
  const Network network{teacher.amplitudes, teacher.directions};
  const auto residual = objective.residual(network);
  AscentOptions options;
  const double full = estimate_supremum(*residual, network, options).value;
  for (const std::uint64_t seed : {0, 1, 2}) {
    options.sketch = true;
    options.seed = seed;
    const double found = estimate_supremum(*residual, network, options).value;
    EXPECT_LE(found, full * (1.0 + 1e-6));
    EXPECT_GE(found, 0.99 * full);
  }
}

}  // namespace
}  // namespace lodestone
