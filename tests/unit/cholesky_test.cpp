// The Cholesky factor against Eigen's, at sizes around its blocks, and what it refuses.

#include "kernels/cholesky.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

#include "lodestone/objective/objective.hpp"
#include "support.hpp"

namespace lodestone::kernels {
namespace {

Matrix positive_definite(Index n, std::uint64_t seed) {
  const Matrix rows = support::normal_matrix(n + 3, n, seed);
  Matrix K = rows.transpose() * rows;
  K.diagonal().array() += 0.1;
  return K;
}

TEST(Cholesky, FactorsAndSolves) {
  for (const Index n : {0, 1, 2, 31, 32, 33, 64, 95, 130}) {
    const Matrix K = positive_definite(n, 1);
    Matrix U = K;
    // The lower half is not read.
    U.triangularView<Eigen::StrictlyLower>().setConstant(std::nan(""));
    ASSERT_TRUE(cholesky(U)) << n;
    if (n == 0) continue;
    const Matrix upper = U.triangularView<Eigen::Upper>();
    EXPECT_LE((upper.transpose() * upper - K).cwiseAbs().maxCoeff(), 1e-13 * K.trace()) << n;
    const Vector x = support::normal_vector(n, 2);
    const Vector solution = solve_cholesky(U, K * x);
    const double condition = K.trace() / 0.1;
    EXPECT_LE((solution - x).norm(), 1e-15 * condition * x.norm()) << n;
  }
}

TEST(Cholesky, RefusesWhatIsNotPositiveDefinite) {
  for (const Index n : {1, 40, 70}) {
    Matrix K = positive_definite(n, 3);
    K(n - 1, n - 1) = -1.0;
    EXPECT_FALSE(cholesky(K)) << n;
    Matrix undefined = positive_definite(n, 4);
    undefined(n / 2, n / 2) = std::nan("");
    EXPECT_FALSE(cholesky(undefined)) << n;
  }
}

TEST(Ridge, MinimizesAndTakesSingularMatrices) {
  const Index n = 50;
  const FeatureGram gram{positive_definite(n, 5), support::normal_vector(n, 6)};
  const Vector a = solve_ridge(gram, 0.7);
  EXPECT_LE((gram.K * a + 0.7 * a - gram.b).norm(), 1e-12 * gram.b.norm());
  // Two features that are one, and a ridge too small to tell them apart.
  Matrix K(2, 2);
  K << 1.0, 1.0, 1.0, 1.0;
  const Vector twins = solve_ridge({K, Vector::Ones(2)}, 1e-300);
  EXPECT_NEAR(twins.sum(), 1.0, 1e-12);
}

}  // namespace
}  // namespace lodestone::kernels
