// The feature-improvement descent direction (docs/math.md, 7.5).
#include "lodestone/theory/descent_direction.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lodestone/core/error.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

Network balanced(Network network) {
  balance(network);
  return network;
}

// Goals are shares that add up to each teacher; wrong signs and far neurons go to zero.
TEST(DescentDirection, GoalsAddUpToTheTeacher) {
  const Teacher teacher = support::small_teacher(5, 3, 4);
  const PopulationObjective objective(teacher);
  const Network network = balanced(support::normal_network(60, 5, 8));
  for (const double near_deg : {90.0, 35.0}) {
    const DescentDirection direction = descent_direction(objective, network, 1e-2, near_deg);
    Vector sums = Vector::Zero(3);
    for (Index i = 0; i < network.width(); ++i) {
      const Vector w = network.W.row(i).normalized();
      const Vector cosines = teacher.directions * w;
      Index nearest = 0;
      cosines.cwiseAbs().maxCoeff(&nearest);
      const Vector goal = direction.goals.row(i);
      const double angle = std::acos(std::abs(cosines[nearest])) * 180.0 / std::numbers::pi;
      if (network.a[i] * teacher.amplitudes[nearest] < 0.0 || angle > near_deg) {
        EXPECT_EQ(goal.norm(), 0.0);
        continue;
      }
      // Along the nearest teacher, on the neuron's side.
      EXPECT_GT(goal.dot(w), 0.0);
      EXPECT_NEAR(std::abs(goal.dot(teacher.directions.row(nearest))), goal.norm(), 1e-12);
      sums[nearest] += network.a[i] * goal.norm();
      EXPECT_TRUE(direction.from_goals.row(i).isApprox(network.W.row(i) - goal.transpose()));
    }
    for (Index j = 0; j < 3; ++j) {
      const bool reached = near_deg == 90.0 || sums[j] != 0.0;
      EXPECT_NEAR(sums[j], reached ? teacher.amplitudes[j] : 0.0, 1e-12);
    }
  }
}

// The inner product is minus the derivative of L_λ along the way to the goals.
TEST(DescentDirection, InnerProductIsADerivative) {
  const PopulationObjective objective(support::small_teacher(4, 3, 2));
  const Network network = balanced(support::normal_network(12, 4, 3));
  const double lambda = 0.03;
  const DescentDirection direction = descent_direction(objective, network, lambda);
  const auto value = [&](double t) {
    const Network moved{network.a, network.W - t * direction.from_goals};
    return objective.evaluate(moved).loss + 0.5 * lambda * squared_norm(moved);
  };
  const double step = 1e-5;
  EXPECT_NEAR((value(-step) - value(step)) / (2 * step), direction.inner_product,
              1e-7 * std::abs(direction.inner_product));
}

TEST(DescentDirection, LowerBoundHolds) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Teacher teacher = support::small_teacher(4, 3, seed);
    const PopulationObjective objective(teacher);
    Network network = support::normal_network(1 + static_cast<Index>(seed), 4, seed);
    if (seed % 2 == 0)
      network = {teacher.amplitudes,
                 teacher.directions + 0.1 * network.W.topRows(1).replicate(3, 1)};
    for (const double lambda : {0.0, 0.01, 1.0}) {
      const DescentDirection direction = descent_direction(objective, network, lambda);
      EXPECT_GE(direction.inner_product, direction.lower_bound) << seed;
    }
  }
}

// At the teacher itself every neuron is at its goal.
TEST(DescentDirection, TeacherIsItsOwnGoal) {
  const Teacher teacher = support::small_teacher(4, 3, 6);
  const PopulationObjective objective(teacher);
  const Network network{teacher.amplitudes, teacher.directions};
  const DescentDirection direction = descent_direction(objective, network, 0.1);
  EXPECT_LT(direction.from_goals.norm(), 1e-12);
  EXPECT_NEAR(direction.inner_product, 0.0, 1e-12);
  EXPECT_NEAR(direction.lower_bound, 0.0, 1e-7);
}

TEST(DescentDirection, RejectsBadArguments) {
  const PopulationObjective objective(support::small_teacher(4, 2, 6));
  const Network network = support::normal_network(3, 4, 1);
  EXPECT_THROW(descent_direction(objective, network, -1.0), InvalidArgument);
  EXPECT_THROW(descent_direction(objective, network, 0.1, 0.0), InvalidArgument);
  EXPECT_THROW(descent_direction(objective, network, 0.1, 91.0), InvalidArgument);
  EXPECT_THROW(descent_direction(objective, support::normal_network(3, 5, 1), 0.1),
               InvalidArgument);
}

}  // namespace
}  // namespace lodestone
