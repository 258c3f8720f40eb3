// Amplitudes with fixed directions by an active set: the updated Cholesky factor against a new one,
// solutions against the optimality conditions and the other solver, duplicates and near copies.

#include "path/active_set.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <vector>

#include "path/lasso.hpp"
#include "support.hpp"

namespace lodestone::path {
namespace {

using support::normal_matrix;
using support::normal_vector;

struct Problem {
  Matrix K;
  Vector b;
  double lambda = 0.0;

  double value(const Vector& a) const {
    return 0.5 * a.dot(K * a) - b.dot(a) + lambda * a.lpNorm<1>();
  }
  // By how much the optimality conditions fail, as a share of λ.
  double violation(const Vector& a) const {
    const Vector slope = b - K * a;
    double worst = 0.0;
    for (Index i = 0; i < a.size(); ++i) {
      worst = std::max(worst, a[i] != 0.0 ? std::abs(slope[i] - std::copysign(lambda, a[i]))
                                          : std::abs(slope[i]) - lambda);
    }
    return worst / lambda;
  }
};

Problem of_features(const Matrix& features, double share, std::uint64_t seed) {
  const auto n = static_cast<double>(features.cols());
  Problem problem;
  problem.K = features * features.transpose() / n;
  problem.b = features * normal_vector(features.cols(), seed, "target") / n;
  problem.lambda = share * problem.b.lpNorm<Eigen::Infinity>();
  return problem;
}

// ---- the factor

void expect_factor_of(const CholeskyFactor& factor, const Eigen::MatrixXd& M) {
  ASSERT_EQ(factor.size(), M.rows());
  const Vector v = normal_vector(M.rows(), 3, "right side");
  const Vector expected = M.llt().solve(v);
  EXPECT_LE((factor.solve(v) - expected).norm(), 1e-10 * expected.norm());
}

TEST(CholeskyFactor, FollowsRowsThatComeAndGo) {
  const Matrix features = normal_matrix(30, 60, 1, "factor");
  const Eigen::MatrixXd M = features * features.transpose() / 60.0;
  CholeskyFactor factor;
  std::vector<Index> rows;
  for (Index i = 0; i < 10; ++i) rows.push_back(i);
  ASSERT_TRUE(factor.factorize(M(rows, rows)));
  expect_factor_of(factor, M(rows, rows));
  const auto remove = [&](Index position) {
    factor.remove(position);
    rows.erase(rows.begin() + position);
  };
  for (Index i = 10; i < 30; ++i) {
    factor.append(M(rows, i), M(i, i));
    rows.push_back(i);
    if (i % 3 == 0) remove((7 * i) % static_cast<Index>(rows.size()));
    expect_factor_of(factor, M(rows, rows));
  }
  remove(0);
  remove(static_cast<Index>(rows.size()) - 1);
  expect_factor_of(factor, M(rows, rows));
  while (!rows.empty()) remove(0);
  EXPECT_EQ(factor.size(), 0);
}

TEST(CholeskyFactor, StandsRowsThatDependOnOthers) {
  const Matrix features = normal_matrix(4, 3, 2, "dependent");  // four rows of rank three
  const Eigen::MatrixXd M = features * features.transpose();
  CholeskyFactor factor;
  EXPECT_FALSE(factor.factorize(M));
  for (Index i = 0; i < 4; ++i) EXPECT_TRUE(factor.append(M.col(i).head(i), M(i, i)));
  EXPECT_EQ(factor.size(), 4);
  EXPECT_TRUE(factor.solve(Vector::Ones(4)).allFinite());
  // A matrix that is not positive semidefinite has no factor.
  CholeskyFactor other;
  EXPECT_TRUE(other.append(Vector(0), 1.0));
  EXPECT_FALSE(other.append(Vector::Constant(1, 2.0), 1.0));
  factor.append(Vector::Zero(4), 0.0);
  EXPECT_TRUE(factor.solve(Vector::Ones(5)).allFinite());
}

// ---- the active set

TEST(ActiveSet, MeetsTheOptimalityConditions) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    // More features than rows too: K is singular then.
    for (const Index p : {1, 5, 40, 120}) {
      for (const double share : {0.5, 0.05, 0.005}) {
        const Problem problem = of_features(normal_matrix(p, 60, seed, "features"), share, seed);
        const ActiveSetResult result =
            solve_active_set(problem.K, problem.b, problem.lambda, Vector::Zero(p));
        EXPECT_TRUE(result.settled) << seed << " " << p << " " << share;
        EXPECT_LE(problem.violation(result.amplitudes), 1e-8) << seed << " " << p << " " << share;
        const Vector other = solve_lasso(problem.K, problem.b, problem.lambda, Vector::Zero(p));
        EXPECT_LE(problem.value(result.amplitudes),
                  problem.value(other) + 1e-12 * std::abs(problem.value(other)));
      }
    }
  }
}

TEST(ActiveSet, AnyStartAndAnyNumberOfEntriesLeadToTheSameValue) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Problem problem = of_features(normal_matrix(80, 50, seed, "features"), 0.02, seed);
    ActiveSetOptions options;
    const double value = problem.value(
        solve_active_set(problem.K, problem.b, problem.lambda, Vector::Zero(80)).amplitudes);
    for (const Index entering : {1, 3, 1000}) {
      options.entering = entering;
      const Vector start = normal_vector(80, seed, "start");
      const Vector a =
          solve_active_set(problem.K, problem.b, problem.lambda, start, options).amplitudes;
      EXPECT_LE(problem.value(a), problem.value(start));
      EXPECT_NEAR(problem.value(a), value, 1e-10 * std::abs(value)) << seed << " " << entering;
    }
    // From the solution there is nothing to do.
    const ActiveSetResult first =
        solve_active_set(problem.K, problem.b, problem.lambda, Vector::Zero(80));
    EXPECT_LE(solve_active_set(problem.K, problem.b, problem.lambda, first.amplitudes).steps, 2);
  }
}

TEST(ActiveSet, StandsCopiesAndNearCopies) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Matrix some = normal_matrix(20, 60, seed, "features");
    for (const double distance : {0.0, 1e-12, 1e-8, 1e-5, 1e-2}) {
      Matrix features(60, 60);
      features << some, some + distance * normal_matrix(20, 60, seed, "near"),
          -some + distance * normal_matrix(20, 60, seed, "opposite");
      const Problem problem = of_features(features, 0.01, seed);
      const Problem alone{problem.K.topLeftCorner(20, 20), problem.b.head(20), problem.lambda};
      const ActiveSetResult result =
          solve_active_set(problem.K, problem.b, problem.lambda, Vector::Zero(60));
      EXPECT_LE(problem.violation(result.amplitudes), 1e-6) << seed << " " << distance;
      const double least = alone.value(
          solve_active_set(alone.K, alone.b, alone.lambda, Vector::Zero(20)).amplitudes);
      EXPECT_LE(problem.value(result.amplitudes), least + 1e-9 * std::abs(least))
          << seed << " " << distance;
    }
  }
}

TEST(ActiveSet, NothingToDo) {
  EXPECT_EQ(solve_active_set(Matrix(0, 0), Vector(0), 1.0, Vector(0)).amplitudes.size(), 0);
  // A feature that is zero on all rows stays at zero.
  const ActiveSetResult zero =
      solve_active_set(Matrix::Zero(1, 1), Vector::Zero(1), 1.0, Vector::Zero(1));
  EXPECT_EQ(zero.amplitudes[0], 0.0);
  EXPECT_TRUE(zero.settled);
}

TEST(ActiveSet, StopsWhenTold) {
  const Problem problem = of_features(normal_matrix(40, 60, 1, "features"), 0.01, 1);
  ActiveSetOptions options;
  options.entering = 1;
  int asked = 0;
  options.should_stop = [&] { return ++asked > 3; };
  const ActiveSetResult result =
      solve_active_set(problem.K, problem.b, problem.lambda, Vector::Zero(40), options);
  EXPECT_FALSE(result.settled);
  EXPECT_GE(result.steps, 1);
  EXPECT_LE(result.steps, 3);
  EXPECT_LT(problem.value(result.amplitudes), 0.0);
}

}  // namespace
}  // namespace lodestone::path
