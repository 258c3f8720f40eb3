// The certified λ-path and what it is made of: lasso and L-BFGS against optimality conditions and
// known minima, the path against its tolerance, against Algorithm 1, and against problems whose
// optimum is known by construction.

#include "lodestone/path/path.hpp"
#include "core/indices.hpp"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <tuple>
#include <vector>

#include "fit/refit.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/train/algorithm1.hpp"
#include "path/descent.hpp"
#include "path/lasso.hpp"
#include "path/lbfgs.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::normal_matrix;
using support::normal_vector;
using support::same_bits;
using support::small_teacher;
using support::ThreadCount;

// ---- lasso

struct Lasso {
  Matrix K;
  Vector b;
  double lambda = 0.0;

  double value(const Vector& c) const {
    return 0.5 * c.dot(K * c) - b.dot(c) + lambda * c.lpNorm<1>();
  }
};

// K of p features on n points; b in its range. `share` of the λ above which all is zero.
Lasso random_lasso(Index p, Index n, double share, std::uint64_t seed) {
  const Matrix features = normal_matrix(p, n, seed, "lasso features");
  Lasso lasso;
  lasso.K = features * features.transpose() / static_cast<double>(n);
  lasso.b = features * normal_vector(n, seed, "lasso target") / static_cast<double>(n);
  lasso.lambda = share * lasso.b.lpNorm<Eigen::Infinity>();
  return lasso;
}

// Subgradient conditions, as a share of λ.
double violation(const Lasso& lasso, const Vector& c) {
  const Vector slope = lasso.b - lasso.K * c;
  double worst = 0.0;
  for (Index i = 0; i < c.size(); ++i) {
    const double here = c[i] != 0.0 ? std::abs(slope[i] - std::copysign(lasso.lambda, c[i]))
                                    : std::abs(slope[i]) - lasso.lambda;
    worst = std::max(worst, here);
  }
  return worst / lasso.lambda;
}

Vector coordinate_descent(const Lasso& lasso, int sweeps) {
  Vector c = Vector::Zero(lasso.b.size());
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    for (Index i = 0; i < c.size(); ++i) {
      const double slope = lasso.b[i] - lasso.K.row(i).dot(c) + lasso.K(i, i) * c[i];
      c[i] = std::copysign(std::max(0.0, std::abs(slope) - lasso.lambda), slope) / lasso.K(i, i);
    }
  }
  return c;
}

TEST(Lasso, MeetsItsOptimalityConditionsAndCoordinateDescent) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    for (const double share : {0.7, 0.1, 1e-3}) {
      const Lasso lasso = random_lasso(12, 40, share, seed);
      const Vector c = path::solve_lasso(lasso.K, lasso.b, lasso.lambda, Vector::Zero(12));
      EXPECT_LT(violation(lasso, c), 1e-8) << seed << " " << share;
      const Vector slow = coordinate_descent(lasso, 2000);
      EXPECT_NEAR(lasso.value(c), lasso.value(slow), 1e-12) << seed << " " << share;
      EXPECT_LT((c - slow).norm(), 1e-6) << seed << " " << share;
    }
  }
}

TEST(Lasso, TheStartDoesNotMatterAndTheValueNeverRises) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Lasso lasso = random_lasso(10, 30, 0.05, seed);
    const Vector start = normal_vector(10, seed, "lasso start");
    const Vector c = path::solve_lasso(lasso.K, lasso.b, lasso.lambda, start);
    EXPECT_LE(lasso.value(c), lasso.value(start));
    EXPECT_LT(violation(lasso, c), 1e-8) << seed;
    // From its own solution, it stays.
    const Vector again = path::solve_lasso(lasso.K, lasso.b, lasso.lambda, c);
    EXPECT_LE(lasso.value(again), lasso.value(c));
    EXPECT_LT((again - c).norm(), 1e-9);
  }
}

TEST(Lasso, CoincidingDirectionsShareAMass) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Lasso single = random_lasso(6, 30, 0.1, seed);
    // Every direction three times: K is singular, and the least value is the same.
    Lasso triple{single.K.replicate(3, 3), single.b.replicate(3, 1), single.lambda};
    const Vector expected = path::solve_lasso(single.K, single.b, single.lambda, Vector::Zero(6));
    for (const Vector& start :
         {Vector(Vector::Zero(18)), Vector(normal_vector(18, seed, "lasso start"))}) {
      const Vector c = path::solve_lasso(triple.K, triple.b, triple.lambda, start);
      EXPECT_LT(violation(triple, c), 1e-7) << seed;
      EXPECT_NEAR(triple.value(c), single.value(expected), 1e-11) << seed;
      const Vector sums = c.segment(0, 6) + c.segment(6, 6) + c.segment(12, 6);
      EXPECT_LT((sums - expected).norm(), 1e-6) << seed;
    }
  }
}

TEST(Lasso, MoreDirectionsThanPointsIsOptimal) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Lasso lasso = random_lasso(30, 8, 0.05, seed);
    const Vector c = path::solve_lasso(lasso.K, lasso.b, lasso.lambda, Vector::Zero(30));
    EXPECT_LT(violation(lasso, c), 1e-7) << seed;
    EXPECT_NEAR(lasso.value(c), lasso.value(coordinate_descent(lasso, 20000)), 1e-9) << seed;
  }
}

TEST(Lasso, AboveTheLargestLambdaAllIsZero) {
  const Lasso lasso = random_lasso(8, 30, 1.0, 3);
  const Vector start = normal_vector(8, 3, "lasso start");
  for (const double factor : {1.0, 1.5, 100.0}) {
    EXPECT_TRUE(path::solve_lasso(lasso.K, lasso.b, factor * lasso.lambda, start).isZero(0.0))
        << factor;
  }
  EXPECT_EQ(path::solve_lasso(Matrix(0, 0), Vector(0), 1.0, Vector(0)).size(), 0);
}

// ---- L-BFGS

TEST(Lbfgs, SolvesAQuadratic) {
  const Index n = 20;
  const Vector eigenvalues =
      Vector::LinSpaced(n, 0.0, 4.0).unaryExpr([](double t) { return std::pow(10.0, t); });
  const Eigen::MatrixXd basis =
      Eigen::HouseholderQR<Eigen::MatrixXd>(normal_matrix(n, n, 1)).householderQ();
  const Matrix A = basis * eigenvalues.asDiagonal() * basis.transpose();
  const Vector b = normal_vector(n, 1);
  const auto quadratic = [&](const Vector& x, Vector& gradient) {
    gradient = A * x - b;
    return 0.5 * x.dot(A * x) - b.dot(x);
  };
  path::LbfgsOptions options;
  options.gradient_norm = 1e-5;  // of numbers of size 1 to 1e4, near what rounding allows
  const path::LbfgsResult result = path::minimize_lbfgs(quadratic, Vector::Zero(n), options);
  EXPECT_LE(result.gradient.norm(), 1e-5);
  EXPECT_LE((A * result.point - b).norm(), 1.1e-5);
  EXPECT_LT(result.iterations, 400);
  EXPECT_GT(result.evaluations, result.iterations);
}

double rosenbrock(const Vector& x, Vector& gradient) {
  const double bend = x[1] - x[0] * x[0];
  gradient = Vector{{-400.0 * bend * x[0] - 2.0 * (1.0 - x[0]), 200.0 * bend}};
  return 100.0 * bend * bend + (1.0 - x[0]) * (1.0 - x[0]);
}

TEST(Lbfgs, FindsTheEndOfRosenbrocksValley) {
  path::LbfgsOptions options;
  options.gradient_norm = 1e-10;
  for (const Vector& start : {Vector{{-1.2, 1.0}}, Vector{{10.0, -7.0}}, Vector{{0.0, 30.0}}}) {
    const path::LbfgsResult result = path::minimize_lbfgs(rosenbrock, start, options);
    EXPECT_LT((result.point - Vector{{1.0, 1.0}}).norm(), 1e-8) << start.transpose();
    EXPECT_LT(result.iterations, 200);
  }
}

// The largest of |slope_i x_i|: a kink everywhere that matters, minimum 0 at 0.
double largest_of(const Vector& x, Vector& gradient) {
  const Vector slopes{{1.0, -3.0, 9.0}};
  Index at = 0;
  const double value = x.cwiseProduct(slopes).cwiseAbs().maxCoeff(&at);
  gradient = Vector::Zero(3);
  gradient[at] = std::copysign(slopes[at], slopes[at] * x[at]) * (slopes[at] > 0.0 ? 1.0 : -1.0);
  return value;
}

TEST(Lbfgs, GoesFarDownAFunctionWithKinks) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Vector start = normal_vector(3, seed);
    Vector gradient;
    const double before = largest_of(start, gradient);
    const path::LbfgsResult result = path::minimize_lbfgs(largest_of, start, {});
    EXPECT_LT(result.value, 1e-3 * before) << seed;
  }
}

TEST(Lbfgs, TheValueNeverRises) {
  // The iterates do not depend on where the run ends, so shorter runs are its history.
  for (const auto& [function, start] :
       {std::pair{path::ValueAndGradient(rosenbrock), Vector{{-1.2, 1.0}}},
        std::pair{path::ValueAndGradient(largest_of), Vector{{1.0, 1.0, -2.0}}}}) {
    double before = std::numeric_limits<double>::infinity();
    for (int iterations = 0; iterations <= 60; ++iterations) {
      path::LbfgsOptions options;
      options.max_iterations = iterations;
      const path::LbfgsResult result = path::minimize_lbfgs(function, start, options);
      Vector gradient(start.size());
      EXPECT_LE(result.value, before);
      EXPECT_TRUE(same_bits(result.value, function(result.point, gradient)));
      EXPECT_TRUE(same_bits(result.gradient, gradient));
      EXPECT_LE(result.iterations, iterations);
      before = result.value;
    }
  }
}

TEST(Lbfgs, StopsWhenAskedAndAtAStationaryPoint) {
  path::LbfgsOptions options;
  int asked = 0;
  options.should_stop = [&] { return ++asked > 3; };
  EXPECT_EQ(path::minimize_lbfgs(rosenbrock, Vector{{-1.2, 1.0}}, options).iterations, 3);
  const path::LbfgsResult still = path::minimize_lbfgs(rosenbrock, Vector{{1.0, 1.0}}, {});
  EXPECT_EQ(still.iterations, 0);
  EXPECT_EQ(still.evaluations, 1);
}

// ---- the path on populations

TEST(Path, StaysWithinItsToleranceByProof) {
  for (const auto& [d, k, seed] : {std::tuple{5, 1, 0}, {4, 2, 1}, {8, 2, 2}, {5, 3, 3}}) {
    for (const double tolerance : {1e-3, 1e-6}) {
      const PopulationObjective objective(small_teacher(d, k, static_cast<std::uint64_t>(seed)));
      PathOptions options;
      options.lambdas = 8;
      options.lambda_ratio = 1e-3;
      options.gap_tolerance = tolerance;
      const PathResult result = solve_path(objective, options);
      ASSERT_EQ(result.points.size(), 8U);
      EXPECT_FALSE(result.interrupted);
      EXPECT_DOUBLE_EQ(result.points.front().lambda, result.lambda_max);
      EXPECT_NEAR(result.points.back().lambda, 1e-3 * result.lambda_max, 1e-12 * result.lambda_max);
      double penalized_before = std::numeric_limits<double>::infinity();
      double mass_before = 0.0;
      for (const PathPoint& point : result.points) {
        EXPECT_LE(point.certificate.relative_gap, tolerance) << k << " at " << point.lambda;
        // A proof costs more than an estimate: at two values of λ. Its own width adds to the gap.
        if (&point == &result.points[3] || &point == &result.points.back()) {
          RigorousOptions proof;
          proof.tolerance = 1e-2 * tolerance;
          const Certificate proven =
              rigorous_certificate(objective, point.network, point.lambda, proof);
          EXPECT_LE(proven.relative_gap, 2.0 * tolerance) << k << " at " << point.lambda;
          EXPECT_GE(proven.sup_eta, point.certificate.sup_eta_lower * (1.0 - 1e-12));
        }
        EXPECT_NEAR(point.penalized_loss, point.loss + point.lambda * masses(point.network).sum(),
                    1e-15);
        // Both hold of the minima exactly, and of these points up to their gaps.
        EXPECT_LE(point.penalized_loss, penalized_before + point.certificate.gap);
        EXPECT_GE(masses(point.network).sum(), mass_before * (1.0 - 1e-2));
        penalized_before = point.penalized_loss;
        mass_before = masses(point.network).sum();
      }
    }
  }
}

TEST(Path, RigorousPointsAreProvenWithinTolerance) {
  const PopulationObjective objective(small_teacher(6, 2, 5));
  PathOptions options;
  options.lambdas = 4;
  options.lambda_ratio = 1e-2;
  options.rigorous = true;
  for (const PathPoint& point : solve_path(objective, options).points) {
    EXPECT_EQ(point.certificate.kind, Certificate::Kind::rigorous);
    EXPECT_LE(point.certificate.relative_gap, 1.1e-3);
  }
}

TEST(Path, FromLambdaMaxOnTheModelIsAffine) {
  const PopulationObjective objective(small_teacher(5, 3, 1));
  const double largest = largest_lambda(objective);
  for (const double factor : {1.0, 1.5, 100.0}) {
    const PathPoint point = solve_at(objective, factor * largest, Network::empty(5), {});
    EXPECT_EQ(point.network.width(), 0);
    EXPECT_NEAR(point.certificate.gap, 0.0, 1e-12 * objective.null_loss()) << factor;
    EXPECT_DOUBLE_EQ(point.penalized_loss, objective.null_loss());
  }
  // From a network, too: it is given up.
  const PathPoint point = solve_at(objective, 1.5 * largest, support::normal_network(4, 5, 1), {});
  EXPECT_EQ(point.network.width(), 0);
  EXPECT_GT(solve_at(objective, 0.9 * largest, Network::empty(5), {}).network.width(), 0);
}

// Neurons of more than a thousandth of the mass, those within 3° as one.
Matrix merged_directions(const Network& network) {
  const Network one = merged(network, 3.0);
  const Vector mass = masses(one);
  std::vector<Index> kept;
  for (Index i = 0; i < mass.size(); ++i) {
    if (mass[i] > 1e-3 * mass.sum()) kept.push_back(i);
  }
  return one.W(kept, indices::all);
}

double farthest_counterpart_deg(const Matrix& directions, const Matrix& others) {
  double farthest = 0.0;
  for (Index i = 0; i < directions.rows(); ++i) {
    double nearest = 90.0;
    for (Index j = 0; j < others.rows(); ++j) {
      nearest = std::min(nearest, angle_between_lines_deg(directions.row(i), others.row(j)));
    }
    farthest = std::max(farthest, nearest);
  }
  return farthest;
}

TEST(Path, AgreesWithAlgorithm1) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto number = static_cast<Index>(seed);
    const PopulationObjective objective(small_teacher(4 + number % 3, 2 + number % 2, seed, 40.0));
    const double lambda = 0.2 * largest_lambda(objective);
    PathOptions options;
    options.gap_tolerance = 1e-6;
    const PathPoint point =
        solve_at(objective, lambda, Network::empty(objective.dimension()), options);
    EXPECT_LE(point.certificate.relative_gap, 1e-6) << seed;

    Algorithm1Options training;
    training.width = 12;
    training.seed = seed;
    training.schedule.kind = Schedule::Kind::constant;
    training.lambda_start = lambda;
    training.tolerance = 0.0;
    training.epoch_tolerance = 1e-3;
    training.max_epoch_steps = 2000;
    Algorithm1State state;
    run_algorithm1(objective, training, state);
    balance(state.network);
    const Certificate certificate = estimate_certificate(objective, state.network, lambda);
    const double trained =
        path::penalized_loss(objective.loss(state.network), state.network, lambda);
    const double rounding = 1e-12 * trained;
    EXPECT_LE(std::abs(trained - point.penalized_loss),
              certificate.gap + point.certificate.gap + rounding)
        << seed;
    EXPECT_GE(trained, point.penalized_loss - point.certificate.gap - rounding) << seed;
    EXPECT_GE(point.penalized_loss, trained - certificate.gap - rounding) << seed;
    // A gap bounds the value; directions agree where it is small. Gradient descent may need longer.
    if (certificate.relative_gap > 1e-4) continue;
    ++compared;
    const Matrix mine = merged_directions(point.network);
    const Matrix theirs = merged_directions(state.network);
    EXPECT_EQ(mine.rows(), theirs.rows()) << seed;
    EXPECT_LT(farthest_counterpart_deg(mine, theirs), 1.0) << seed;
    EXPECT_LT(farthest_counterpart_deg(theirs, mine), 1.0) << seed;
  }
  EXPECT_GE(compared, 45);
}

// ---- problems whose optimum is known

// Equally spaced teachers in the plane: by symmetry η of their equal sum is largest at each of
// them. With amplitudes λω more than the masses m_j, where ω makes that maximum 1, the measure of
// masses m_j on the teachers is optimal at λ.
TEST(KnownOptimum, EquallySpacedTeachers) {
  const Index k = 4;
  const double lambda = 0.02;
  Matrix directions = Matrix::Zero(k, 5);
  for (Index j = 0; j < k; ++j) {
    const double angle = std::numbers::pi * static_cast<double>(j) / static_cast<double>(k);
    directions.row(j).head(2) << std::cos(angle), std::sin(angle);
  }
  const PopulationObjective even({directions, Vector::Ones(k)});
  const double peak =
      std::abs(even.residual(Network::empty(5))->correlate(directions.topRows(1)).value[0]);
  for (const Vector& mass : {Vector{{1.0, 0.7, 0.4, 1.3}}, Vector{{0.5, 0.0, 0.9, 0.0}}}) {
    const PopulationObjective objective({directions, (mass.array() + lambda / peak).matrix()});
    Network optimum{mass, directions};
    balance(optimum);
    const Certificate certificate = rigorous_certificate(objective, optimum, lambda);
    EXPECT_NEAR(certificate.sup_eta, 1.0, 2e-5);
    EXPECT_LT(certificate.relative_gap, 1e-4);
    const double least = path::penalized_loss(objective.loss(optimum), optimum, lambda);
    PathOptions options;
    options.gap_tolerance = 1e-7;
    const PathPoint point = solve_at(objective, lambda, Network::empty(5), options);
    EXPECT_LE(point.certificate.relative_gap, 1e-7);
    EXPECT_GE(point.penalized_loss, least * (1.0 - 1e-12));
    EXPECT_NEAR(point.penalized_loss, least, 1e-7 * least);
    EXPECT_NEAR(masses(point.network).sum(), mass.sum(), 1e-3);
  }
}

// Rows that come in orbits of a rotation of order three, and a residual that is the same along
// orbits: |η| is, too, and so is largest on a whole orbit of directions. Any masses there, with
// η's signs, are optimal for the target that leaves this residual.
struct KnownSample {
  SampleData data;
  Network optimum;
  double lambda = 0.05;
};

KnownSample known_sample(Index d, Index orbits, std::uint64_t seed) {
  // A turn by 120°: in the plane, or about the diagonal of space.
  Matrix turn(d, d);
  if (d == 2) {
    const double half = std::numbers::sqrt3 / 2.0;
    turn << -0.5, -half, half, -0.5;
  } else {
    turn << 0, 0, 1, 1, 0, 0, 0, 1, 0;
  }
  const Matrix first = normal_matrix(orbits, d, seed, "orbits");
  Matrix X(3 * orbits, d);
  X << first, first * turn.transpose(), first * (turn * turn).transpose();
  const Vector left = normal_vector(orbits, seed, "orbit residuals").replicate(3, 1);
  const SampleObjective alone(SampleData{X, left, {}, false});
  const Network none = Network::empty(d);
  const auto residual = alone.residual(none);
  AscentOptions search;
  search.iterations = 100;
  const Supremum found = estimate_supremum(*residual, none, search);
  RigorousOptions proof;
  proof.tolerance = 1e-8;
  const SupremumBound bound = bound_supremum(*residual, found, proof);
  EXPECT_TRUE(bound.reached);

  KnownSample known;
  const double sign = residual->correlate(bound.direction.transpose()).value[0] < 0.0 ? 1.0 : -1.0;
  known.optimum.W = Matrix(3, d);
  known.optimum.W << bound.direction.transpose(), (turn * bound.direction).transpose(),
      (turn * turn * bound.direction).transpose();
  known.optimum.a = sign * Vector{{0.8, 0.5, 1.1}};
  const Matrix z = (X * known.optimum.W.transpose()).cwiseMax(0.0);
  known.data = {X, z * known.optimum.a + (known.lambda / bound.lower) * left, {}, false};
  balance(known.optimum);
  return known;
}

TEST(KnownOptimum, RowsInOrbits) {
  for (const Index d : {2, 3}) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const KnownSample known = known_sample(d, 15, seed);
      const SampleObjective objective(known.data);
      const Certificate certificate = estimate_certificate(objective, known.optimum, known.lambda);
      EXPECT_NEAR(certificate.sup_eta, 1.0, 2e-6) << d << " " << seed;
      EXPECT_NEAR(certificate.relative_gap, 0.0, 1e-6) << d << " " << seed;
      const double least =
          path::penalized_loss(objective.loss(known.optimum), known.optimum, known.lambda);
      PathOptions options;
      options.gap_tolerance = 1e-4;
      const PathPoint point = solve_at(objective, known.lambda, Network::empty(d), options);
      EXPECT_GE(point.penalized_loss, least * (1.0 - 1e-7)) << d << " " << seed;
      EXPECT_LE(point.penalized_loss - least, point.certificate.gap + 1e-7 * least)
          << d << " " << seed;
      EXPECT_LE(point.certificate.relative_gap, 1e-4) << d << " " << seed;
    }
  }
}

// ---- invariances

SampleData noisy_rows(Index n, Index d, std::uint64_t seed) {
  const Matrix X = normal_matrix(n, d, seed, "rows X");
  const Vector signal = (X * normal_matrix(d, 2, seed)).cwiseAbs() * Vector{{1.0, -0.7}};
  return {X, signal + 0.3 * normal_vector(n, seed, "rows noise"), {}, true};
}

PathOptions short_path() {
  PathOptions options;
  options.lambdas = 5;
  options.lambda_ratio = 0.02;
  return options;
}

TEST(Path, SameBitsAtAnyNumberOfThreads) {
  const SampleObjective sample(noisy_rows(400, 3, 2));
  const PopulationObjective population(small_teacher(5, 3, 2));
  for (const Objective* objective :
       {static_cast<const Objective*>(&sample), static_cast<const Objective*>(&population)}) {
    std::vector<PathResult> results;
    for (const int count : {1, 2, 3}) {
      const ThreadCount threads(count);
      results.push_back(solve_path(*objective, short_path()));
    }
    for (const PathResult& result : results) {
      ASSERT_EQ(result.points.size(), results[0].points.size());
      for (std::size_t i = 0; i < result.points.size(); ++i) {
        const PathPoint& point = result.points[i];
        const PathPoint& first = results[0].points[i];
        EXPECT_TRUE(same_bits(point.network, first.network));
        EXPECT_TRUE(same_bits(point.certificate.gap, first.certificate.gap));
        EXPECT_TRUE(same_bits(point.penalized_loss, first.penalized_loss));
      }
    }
  }
}

TEST(Path, AWeightIsSoManyEqualRows) {
  SampleData weighted = noisy_rows(120, 3, 4);
  weighted.weights = Vector(120);
  std::vector<Index> rows;
  for (Index t = 0; t < 120; ++t) {
    weighted.weights[t] = static_cast<double>(1 + t % 3);
    for (Index copy = 0; copy <= t % 3; ++copy) rows.push_back(t);
  }
  const SampleObjective one(weighted);
  const SampleObjective other(
      SampleData{weighted.X(rows, indices::all), weighted.y(rows), {}, true});
  const double largest = largest_lambda(one);
  EXPECT_NEAR(largest, largest_lambda(other), 1e-12 * largest);
  PathOptions options = short_path();
  options.values = {0.5 * largest, 0.1 * largest, 0.05 * largest};
  options.gap_tolerance = 1e-4;
  const PathResult left = solve_path(one, options);
  const PathResult right = solve_path(other, options);
  for (std::size_t i = 0; i < 3; ++i) {
    const PathPoint& a = left.points[i];
    const PathPoint& b = right.points[i];
    // Evaluated on the other rows, each network is what it is on its own, to rounding.
    EXPECT_NEAR(one.loss(b.network), b.loss, 1e-12 * b.loss);
    EXPECT_NEAR(other.loss(a.network), a.loss, 1e-12 * a.loss);
    // The certificates are estimates: where ridges of |η| cross, ascents stop within some 1e-9 of
    // the top (stride · slope <= 1e-9), so that the true gaps may be larger by a few of those.
    EXPECT_LE(std::abs(a.penalized_loss - b.penalized_loss),
              std::max(a.certificate.gap, b.certificate.gap) + 1e-8 * a.penalized_loss);
  }
}

TEST(Path, MassesScaleWithTheTarget) {
  const SampleData rows = noisy_rows(150, 3, 6);
  const SampleObjective objective(rows);
  const double lambda = 0.1 * largest_lambda(objective);
  PathOptions options;
  options.gap_tolerance = 1e-4;
  const PathPoint point = solve_at(objective, lambda, Network::empty(4), options);
  for (const double factor : {4.0, 1e-3, 1e3}) {
    SampleData scaled = rows;
    scaled.y *= factor;
    const SampleObjective other(scaled);
    EXPECT_NEAR(largest_lambda(other), factor * largest_lambda(objective),
                1e-9 * factor * largest_lambda(objective));
    const PathPoint same = solve_at(other, factor * lambda, Network::empty(4), options);
    EXPECT_LE(same.certificate.relative_gap, 1e-4);
    EXPECT_NEAR(same.penalized_loss / (factor * factor), point.penalized_loss,
                2e-4 * point.penalized_loss)
        << factor;
    EXPECT_NEAR(masses(same.network).sum() / factor, masses(point.network).sum(),
                2e-3 * masses(point.network).sum())
        << factor;
  }
}

// ---- ends

TEST(Path, KeepsToItsLargestNumberOfNeurons) {
  const SampleObjective objective(noisy_rows(150, 3, 8));
  PathOptions options = short_path();
  options.lambda_ratio = 1e-3;
  options.max_neurons = 2;
  for (const PathPoint& point : solve_path(objective, options).points) {
    EXPECT_LE(point.network.width(), 2);
    EXPECT_GE(point.certificate.gap, 0.0);
  }
}

TEST(Path, ObserverSeesAndEndsIt) {
  const PopulationObjective objective(small_teacher(5, 2, 1));
  std::vector<int> seen;
  PathObserver observer;
  observer.on_point = [&](const PathPoint& point, int index, int count) {
    EXPECT_EQ(count, 5);
    EXPECT_GT(point.lambda, 0.0);
    seen.push_back(index);
    return index < 2;
  };
  PathResult result = solve_path(objective, short_path(), observer);
  EXPECT_EQ(seen, (std::vector{0, 1, 2}));
  EXPECT_EQ(result.points.size(), 3U);
  EXPECT_TRUE(result.interrupted);

  observer.on_point = nullptr;
  observer.should_stop = [] { return true; };
  result = solve_path(objective, short_path(), observer);
  // One point is kept in any case: at λ_max it is the affine model.
  EXPECT_EQ(result.points.size(), 1U);
  EXPECT_TRUE(result.interrupted);
}

// Noise spreads a direction over neurons that may each outweigh another direction's only one: those
// are kept that explain most, not the heaviest.
TEST(Refit, KeepsADirectionThatIsLighterThanTheCopiesOfAnother) {
  const Teacher teacher(Matrix{{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}}, Vector{{1.0, 0.4}});
  const PopulationObjective objective(teacher);
  const double half = 6.0 * std::numbers::pi / 180.0;
  const Network network{Vector{{0.55, 0.5, 0.35}}, Matrix{{std::cos(half), 0.0, std::sin(half)},
                                                          {std::cos(half), 0.0, -std::sin(half)},
                                                          {0.1, 1.0, 0.0}}};
  const Network refit = fitting::refit_best(objective, network, 2.0, 2, {});
  ASSERT_EQ(refit.width(), 2);
  EXPECT_LT(objective.loss(refit), 1e-10);
  EXPECT_NEAR(std::abs(unit_directions(refit.W)(0, 0)), 1.0, 1e-6);
  EXPECT_NEAR(std::abs(unit_directions(refit.W)(1, 1)), 1.0, 1e-6);
  // Asked for more than there are, it keeps those that are no combination of others.
  EXPECT_EQ(fitting::refit_best(objective, network, 15.0, 5, {}).width(), 2);
  EXPECT_EQ(fitting::refit_best(objective, Network::empty(3), 2.0, 5, {}).width(), 0);
}

TEST(Path, BadOptionsAreRefused) {
  const PopulationObjective objective(small_teacher(4, 2, 1));
  const auto refused = [&](const char* field, const auto& change) {
    PathOptions options;
    change(options);
    const std::string message =
        message_of<InvalidArgument>([&] { solve_path(objective, options); });
    EXPECT_EQ(message.substr(0, message.find(':')), field) << message;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refused("lambdas", [](PathOptions& o) { o.lambdas = 0; });
  for (const double ratio : {0.0, 1.0, 2.0, -1.0, nan}) {
    refused("lambda_ratio", [&](PathOptions& o) { o.lambda_ratio = ratio; });
  }
  for (const double tolerance : {0.0, -1.0, nan}) {
    refused("gap_tolerance", [&](PathOptions& o) { o.gap_tolerance = tolerance; });
  }
  refused("values", [](PathOptions& o) { o.values = {0.1, 0.2}; });
  refused("values", [](PathOptions& o) { o.values = {0.1, 0.1}; });
  refused("values", [](PathOptions& o) { o.values = {0.1, 0.0}; });
  refused("values", [&](PathOptions& o) { o.values = {nan}; });
  refused("max_neurons", [](PathOptions& o) { o.max_neurons = 0; });
  refused("max_rounds", [](PathOptions& o) { o.max_rounds = 0; });
  refused("max_iterations", [](PathOptions& o) { o.max_iterations = 0; });
  refused("stagnation_window", [](PathOptions& o) { o.stagnation_window = 0; });
  for (const double lambda : {0.0, -1.0, nan}) {
    EXPECT_THROW(solve_at(objective, lambda, Network::empty(4), {}), InvalidArgument);
  }
}

}  // namespace
}  // namespace lodestone
