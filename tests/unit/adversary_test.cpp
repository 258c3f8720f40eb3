// The adversary finds worst cases that are known.
#include "laboratory/adversary.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace lodestone::laboratory {
namespace {

TEST(Adversary, OrdersSlacksByViolationFirst) {
  EXPECT_TRUE((Slack{2.0, 0.0}.less_than(Slack{1.0, 0.1})));
  EXPECT_TRUE((Slack{1.0, 0.0}.less_than(Slack{2.0, 0.0})));
  EXPECT_FALSE((Slack{std::nan(""), 0.0}.less_than(Slack{2.0, 0.0})));
  EXPECT_TRUE((Slack{2.0, 1.0}.less_than(Slack{std::nan(""), 0.0})));
}

// Cauchy-Schwarz, |u·v| ≤ ‖u‖‖v‖: the least slack is 0, where u and v are parallel. The border
// ‖v‖ ≥ 1 keeps it from v = 0; every coordinate is badly scaled.
TEST(Adversary, FindsWhereCauchySchwarzIsTight) {
  const auto slack = [](const Vector& x) {
    const Vector scale = (Vector(6) << 1.0, 10.0, 0.1, 1.0, 10.0, 0.1).finished();
    const Vector y = x.cwiseProduct(scale);
    const Vector u = y.head(3);
    const Vector v = y.tail(3);
    return Slack{1.0 - std::abs(u.dot(v)) / (u.norm() * v.norm()), std::max(0.0, 1.0 - v.norm())};
  };
  const Vector start = (Vector(6) << 1.0, 0.0, 0.0, 0.0, 0.2, 0.0).finished();
  EXPECT_NEAR(slack(start).value, 1.0, 1e-12);
  const LeastSlack found = least_slack(slack, start, Vector::Ones(6), 6000, 3);
  EXPECT_EQ(found.slack.violation, 0.0);
  EXPECT_LT(found.slack.value, 1e-9);
}

TEST(Adversary, LeavesCoordinatesWithoutSpread) {
  const auto slack = [](const Vector& x) { return Slack{x.squaredNorm(), 0.0}; };
  const Vector start = (Vector(3) << 2.0, 3.0, -1.0).finished();
  const Vector spread = (Vector(3) << 1.0, 0.0, 1.0).finished();
  const LeastSlack found = least_slack(slack, start, spread, 2000, 0);
  EXPECT_EQ(found.point[1], 3.0);
  EXPECT_NEAR(found.slack.value, 9.0, 1e-9);
}

TEST(Adversary, StaysWhereNothingIsBetter) {
  const auto slack = [](const Vector& x) { return Slack{x.squaredNorm(), 0.0}; };
  const Vector start = Vector::Zero(2);
  EXPECT_EQ(least_slack(slack, start, Vector::Ones(2), 500, 0).point, start);
}

// In the plane two teachers of amplitude 1 and a student without neurons: ζ = L − min P_λ grows
// with |h(θ)| ≥ 0, so the least ζ is at the border where the teachers are orthogonal, h(θ) = 0.
// What is left is two teachers on their own: ζ = (h(0) − λ)²/h(0) (docs/math.md, 6.2).
TEST(Adversary, SearchesTeachersToTheKnownWorstCase) {
  Teacher teacher;
  teacher.amplitudes = Vector::Ones(2);
  teacher.directions.resize(2, 2);
  teacher.directions << 1.0, 0.0, std::cos(0.8), std::sin(0.8);
  const Network nothing{Vector::Zero(1), Matrix::Zero(1, 2)};
  const Inequality gap = [](const Snapshot& snapshot) {
    // The student stays without mass.
    return Slack{snapshot.zeta, masses(snapshot.network).sum() > 1e-3 ? 1.0 : 0.0};
  };
  const double lambda = 0.01;
  const WorstCase worst =
      worst_case(gap, {30.0, lambda, lambda}, teacher, lambda, nothing, {0, 400}, 1);
  const double h0 = (std::numbers::pi / 2.0 - 1.0) / (2.0 * std::numbers::pi);
  EXPECT_NEAR(worst.snapshot.zeta, (h0 - lambda) * (h0 - lambda) / h0, 1e-3);
  EXPECT_NEAR(worst.teacher.directions.row(0).dot(worst.teacher.directions.row(1)), 0.0, 0.05);
}

// The worst that the adversary found for the gradient lower bound (`lab --quick --seed 77`, table
// grad-lower-case): ‖∇L_λ‖²/(λζ) is small at the lower end of the window, at λ = 0.01. The bound
// ‖∇L_λ‖² ≥ ζ⁴/λ² has 86,000 times the slack that it needs.
TEST(Adversary, WorstCaseOfTheGradientLowerBound) {
  Teacher teacher;
  teacher.amplitudes = (Vector(3) << 1, 1, -1).finished();
  teacher.directions.resize(3, 2);
  teacher.directions << -0.9221929915792975, -0.3867299914436763, 0.36617392544366034,
      0.9305464288928204, 0.9753651387449832, -0.22059656869720257;
  Network network{Vector(8), Matrix(8, 2)};
  network.a << 0.41102933142678466, 0.4166915532623764, -0.48498664778366385, -0.4963541934800885,
      0.45825009973108355, 0.5079893316236925, 0.3993406890181572, 0.6848517038025781;
  network.W << 0.16124421696275784, 0.3783393581256468, 0.1634390591582012, 0.38354242835780805,
      -0.4420546249467551, 0.19939366908231765, -0.4523515839371288, 0.2040597379754649,
      0.3675197275308757, 0.27339856542166163, 0.29752533737448505, 0.41219977330684043,
      -0.1566533287430174, -0.3677087019773926, -0.4007545284557223, -0.5551991867867264;
  const double lambda = 0.01;
  const PopulationObjective objective(checked_teacher(teacher, "worst case"));
  const Minimum minimum = minimum_at(objective, lambda, Network::empty(2));
  const Snapshot snapshot = snapshot_of(objective, network, lambda, minimum.least);
  const double zeta = snapshot.zeta;
  const double squared_gradient = snapshot.gradient_norm * snapshot.gradient_norm;
  EXPECT_GE(zeta, lambda * lambda);
  EXPECT_LE(zeta, std::pow(lambda, 9.0 / 5.0));
  EXPECT_GT(zeta, 100.0 * minimum.gap);
  EXPECT_NEAR(squared_gradient / (lambda * zeta), 0.08623, 1e-4);
  EXPECT_NEAR(squared_gradient * lambda * lambda / std::pow(zeta, 4.0), 85981.0, 100.0);
}

}  // namespace
}  // namespace lodestone::laboratory
