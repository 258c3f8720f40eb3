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

// What the gradient lower bound is about, at λ = 0.01: ‖∇L_λ‖²λ²/ζ⁴ and ‖∇L_λ‖²/(λζ).
struct Ratios {
  double constant = 0.0;
  double rate = 0.0;
};

Ratios ratios(const Teacher& teacher, const Network& network) {
  const double lambda = 0.01;
  const PopulationObjective objective(checked_teacher(teacher, "worst case"));
  const Minimum minimum = minimum_at(objective, lambda, Network::empty(2));
  const Snapshot snapshot = snapshot_of(objective, network, lambda, minimum.least);
  const double zeta = snapshot.zeta;
  EXPECT_GE(zeta, lambda * lambda);
  EXPECT_LE(zeta, std::pow(lambda, 9.0 / 5.0));
  EXPECT_GT(zeta, 100.0 * minimum.gap);
  const double squared_gradient = snapshot.gradient_norm * snapshot.gradient_norm;
  return {squared_gradient * lambda * lambda / std::pow(zeta, 4.0),
          squared_gradient / (lambda * zeta)};
}

// The worst case that the adversary found, by either measure (`lab --seed 77 --only grad-lower`,
// table grad-lower-case).
TEST(Adversary, WorstCaseOfTheGradientLowerBound) {
  Teacher teacher;
  teacher.amplitudes = (Vector(3) << 1, 1, -1).finished();
  teacher.directions.resize(3, 2);
  teacher.directions << -0.9221929915792975, -0.3867299914436763, 0.36617392544366034,
      0.9305464288928204, 0.9753651387449832, -0.22059656869720257;
  Network network{Vector(8), Matrix(8, 2)};
  network.a << 0.36847688359628805, 0.20723209908155582, -0.5705737397024957, -0.37321629736061124,
      0.7199265296146659, 0.25502217340659455, 0.4020621711272068, 0.7027307376693785;
  network.W << 0.13685533123562427, 0.3421198998715265, 0.07696732550250773, 0.19240851048087737,
      -0.5188231382681361, 0.23743026352580984, -0.33936688767659007, 0.1553055432964341,
      0.424632533597932, 0.5813608442039506, 0.20947328563875076, 0.14546716503309418,
      -0.14933056614569157, -0.37329845523237576, -0.41448837634470537, -0.5674704538651931;
  const Ratios found = ratios(teacher, network);
  EXPECT_NEAR(found.constant, 4821.69, 5e+01);
  EXPECT_NEAR(found.rate, 0.076419, 0.0008);
}

}  // namespace
}  // namespace lodestone::laboratory
