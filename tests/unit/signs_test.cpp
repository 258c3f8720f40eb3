// Signs of features: the linear part is smallest, the function stays.

#include "fit/signs.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "lodestone/fit/fit.hpp"
#include "support.hpp"

namespace lodestone::fitting {
namespace {

using support::normal_matrix;
using support::normal_vector;

TEST(Signs, TheFunctionStaysAndTheLinearPartIsTheSmallestOfAll) {
  for (const bool biases : {false, true}) {
    const SampleObjective objective({normal_matrix(80, 3, 1), normal_vector(80, 2), {}, biases});
    const Index d = objective.dimension();
    const Network given{normal_vector(7, 3), normal_matrix(7, d, 4)};
    const Network chosen = with_smallest_linear_part(objective, given);
    EXPECT_NEAR(objective.loss(chosen), objective.loss(given), 1e-13);
    double smallest = HUGE_VAL;
    for (int choice = 0; choice < 128; ++choice) {
      Network other = given;
      for (Index i = 0; i < 7; ++i) {
        if ((choice >> i) % 2 == 1) other.W.row(i) *= -1.0;
      }
      smallest = std::min(smallest, objective.affine(other).beta.norm());
    }
    EXPECT_NEAR(objective.affine(chosen).beta.norm(), smallest, 1e-12) << biases;
    EXPECT_TRUE(support::same_bits(with_smallest_linear_part(objective, chosen), chosen));
  }
}

TEST(Signs, ManyFeatures) {
  const SampleObjective objective({normal_matrix(200, 4, 1), normal_vector(200, 2), {}, true});
  const Network given{normal_vector(60, 3), normal_matrix(60, 5, 4)};
  const Network chosen = with_smallest_linear_part(objective, given);
  EXPECT_NEAR(objective.loss(chosen), objective.loss(given), 1e-11 * objective.loss(given));
  EXPECT_LT(objective.affine(chosen).beta.norm(), 0.05 * objective.affine(given).beta.norm());
  const Network none = with_smallest_linear_part(objective, Network::empty(5));
  EXPECT_EQ(none.width(), 0);
}

// effect = 3 relu(dose − 0.3) + 2 age: whatever the seed, the effect rises with dose and age.
TEST(Signs, TheModelReadsAsTheTruth) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Matrix X = normal_matrix(500, 2, 100 + seed);
    const Vector y = 3.0 * (X.col(0).array() - 0.3).max(0.0) + 2.0 * X.col(1).array();
    FitOptions options;
    options.seed = seed;
    options.path.lambdas = 12;
    const FitResult result = fit(X, y, options);
    ASSERT_EQ(result.model.features.size(), 1U) << seed;
    const Feature& feature = result.model.features.front();
    EXPECT_NEAR(feature.direction.normalized()[0], 1.0, 1e-3) << seed;
    EXPECT_NEAR(result.model.affine.beta[0], 0.0, 0.05) << seed;
    EXPECT_NEAR(result.model.affine.beta[1], 2.0, 0.05) << seed;
  }
}

}  // namespace
}  // namespace lodestone::fitting
