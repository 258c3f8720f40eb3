// Recovery: each quantity of docs/math.md, 5, on networks built to have a known value of it.

#include "lodestone/model/recovery.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lodestone/core/error.hpp"
#include "lodestone/objective/objective.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::normal_matrix;
using support::small_teacher;

constexpr double degree = std::numbers::pi / 180.0;

Eigen::RowVector2d at_degrees(double angle) {
  return {std::cos(angle * degree), std::sin(angle * degree)};
}

// Two orthonormal teachers of amplitudes 2 and −1 in three dimensions.
Teacher axes() { return {Matrix::Identity(2, 3), Vector{{2.0, -1.0}}}; }

Network on_axes() { return {axes().amplitudes, axes().directions}; }

TEST(Angle, BetweenLinesFromTinyToRight) {
  const Vector u = Vector{{1.0, 0.0}};
  // tan θ = θ to the last digit at these angles.
  for (const double angle : {1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-5}) {
    const Vector v = Vector{{3.0, 3.0 * angle * degree}};
    EXPECT_NEAR(angle_between_lines_deg(u, v), angle, 1e-10 * angle);
    EXPECT_NEAR(angle_between_lines_deg(v, u), angle, 1e-10 * angle);
    EXPECT_NEAR(angle_between_lines_deg(u, -v), angle, 1e-10 * angle);
  }
  for (double angle = 0.5; angle < 180.0; angle += 0.5) {
    const double between = std::min(angle, 180.0 - angle);
    EXPECT_NEAR(angle_between_lines_deg(u, at_degrees(angle).transpose()), between, 1e-13);
    EXPECT_NEAR(angle_between_lines_deg(-5.0 * u, 1e-200 * at_degrees(angle).transpose()), between,
                1e-13);
  }
  EXPECT_EQ(angle_between_lines_deg(u, u), 0.0);
  EXPECT_NEAR(angle_between_lines_deg(u, Vector{{0.0, 1e200}}), 90.0, 1e-13);
}

// Directions that are no axes: the error is a few units of rounding, 1e-14 degrees.
TEST(Angle, TinyBetweenGeneralLines) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Matrix pair = normal_matrix(2, 12, seed);
    const Vector u = pair.row(0).normalized();
    Vector tangent = pair.row(1).transpose();
    tangent -= tangent.dot(u) * u;
    tangent.normalize();
    for (const double angle : {1e-12, 1e-9, 1e-6, 1e-3}) {
      EXPECT_NEAR(angle_between_lines_deg(u, u + std::tan(angle * degree) * tangent), angle,
                  2.5e-14 + 1e-14 * angle);
    }
  }
}

TEST(Recovery, OfTheTeacherItself) {
  const Teacher teacher = small_teacher(6, 4, 1);
  Network network{teacher.amplitudes, teacher.directions};
  network.W.row(2) *= -1.0;  // a mirrored neuron is as good
  const Recovery recovery = measure_recovery(teacher, network);
  EXPECT_EQ(recovery.teachers, 4);
  EXPECT_EQ(recovery.recovered, 4);
  EXPECT_LT(recovery.max_angle_deg, 1e-13);
  EXPECT_LT(recovery.mean_angle_deg, 1e-13);
  EXPECT_EQ(recovery.far_mass, 0.0);
  EXPECT_NEAR(recovery.subspace_share, 1.0, 1e-14);
  for (Index j = 0; j < 4; ++j) {
    const TeacherRecovery& one = recovery.per_teacher[static_cast<std::size_t>(j)];
    EXPECT_TRUE(one.recovered);
    EXPECT_EQ(one.neurons, 1);
    EXPECT_EQ(one.amplitude, teacher.amplitudes[j]);
    EXPECT_NEAR(one.mass, teacher.amplitudes[j], 1e-15);
    EXPECT_LT(one.angle_deg, 1e-13);
  }
}

TEST(Recovery, WithoutMass) {
  for (const Network& network : {Network::empty(3), Network{Vector::Zero(4), Matrix::Ones(4, 3)},
                                 Network{Vector::Ones(4), Matrix::Zero(4, 3)}}) {
    const Recovery recovery = measure_recovery(axes(), network);
    EXPECT_EQ(recovery.matched, 0);
    EXPECT_EQ(recovery.recovered, 0);
    EXPECT_EQ(recovery.per_teacher[0].mean_angle_deg, 90.0);
    EXPECT_EQ(recovery.per_teacher[0].far_mass, 1.0);
    EXPECT_EQ(recovery.mean_angle_deg, 90.0);
    EXPECT_EQ(recovery.max_angle_deg, 90.0);
    EXPECT_EQ(recovery.far_mass, 1.0);
    EXPECT_EQ(recovery.subspace_share, 0.0);
    ASSERT_EQ(recovery.per_teacher.size(), 2U);
    EXPECT_EQ(recovery.per_teacher[1].angle_deg, 90.0);
    EXPECT_EQ(recovery.per_teacher[1].amplitude, -1.0);
    EXPECT_FALSE(recovery.per_teacher[0].recovered);
  }
}

// Neurons on both sides of a teacher, one of them mirrored: the angles' mean is weighted by mass,
// the average neuron's angle cancels.
TEST(Recovery, MeanAndAverageOfAGroup) {
  const Teacher teacher{Matrix::Identity(1, 2), Vector::Constant(1, 4.0)};
  Network network{Vector{{1.0, 1.0, 2.0}}, Matrix(3, 2)};
  network.W << at_degrees(2.0), at_degrees(-3.0), -0.5 * at_degrees(1.0);
  const Recovery recovery = measure_recovery(teacher, network);
  EXPECT_NEAR(recovery.mean_angle_deg, (2.0 + 3.0 + 1.0) / 3.0, 1e-13);
  EXPECT_NEAR(recovery.max_angle_deg, 3.0, 1e-13);
  const Eigen::RowVector2d average = at_degrees(2.0) + at_degrees(-3.0) + at_degrees(1.0);
  EXPECT_NEAR(recovery.per_teacher[0].angle_deg, std::atan(average[1] / average[0]) / degree,
              1e-13);
  EXPECT_NEAR(recovery.per_teacher[0].mass, 3.0, 1e-14);
  EXPECT_EQ(recovery.per_teacher[0].neurons, 3);
  EXPECT_FALSE(recovery.per_teacher[0].recovered) << "mass 3 for an amplitude of 4";
}

// Opposite signs at one teacher cancel in mass and average, not in the mean angle.
TEST(Recovery, MassIsSigned) {
  Network network{Vector{{3.0, -1.0, -1.0}}, Matrix(3, 3)};
  network.W << 1, 0, 0, 1, 0, 0, 0, 1, 0;
  const Recovery recovery = measure_recovery(axes(), network);
  EXPECT_NEAR(recovery.per_teacher[0].mass, 2.0, 1e-15);
  EXPECT_EQ(recovery.recovered, 2);
  network.a[1] = -3.0;  // nothing is left
  const Recovery cancelled = measure_recovery(axes(), network);
  EXPECT_EQ(cancelled.per_teacher[0].mass, 0.0);
  EXPECT_EQ(cancelled.per_teacher[0].angle_deg, 90.0);
  EXPECT_FALSE(cancelled.per_teacher[0].recovered);
  EXPECT_LT(cancelled.mean_angle_deg, 1e-13);
}

TEST(Recovery, ThresholdsOfRecovered) {
  const auto recovered = [](double angle, double mass_factor) {
    const Teacher teacher{Matrix::Identity(1, 2), Vector::Constant(1, -2.0)};
    const Network network{Vector::Constant(1, -2.0 * mass_factor), Matrix(at_degrees(angle))};
    return measure_recovery(teacher, network).recovered == 1;
  };
  EXPECT_TRUE(recovered(0.099, 1.0));
  EXPECT_FALSE(recovered(0.101, 1.0));
  EXPECT_TRUE(recovered(179.901, 1.0));
  EXPECT_TRUE(recovered(0.0, 1.0099));
  EXPECT_FALSE(recovered(0.0, 1.0101));
  EXPECT_TRUE(recovered(0.0, 0.9901));
  EXPECT_FALSE(recovered(0.0, 0.9899));
  EXPECT_FALSE(recovered(0.0, -1.0)) << "the wrong sign";
}

// Neurons on both sides of a teacher, far from it, have it as their average: matched, and no
// feature learned.
TEST(Recovery, FarNeuronsWithTheRightSumAreMatchedAndNotRecovered) {
  const Teacher teacher{Matrix::Identity(1, 2), Vector::Constant(1, 2.0)};
  for (const double angle : {11.0, 30.0, 60.0}) {
    // Σ|a_i|‖w_i‖ is 2 in all, and so is the signed mass; the average lies on the teacher.
    Network network{Vector::Ones(2), Matrix(2, 2)};
    network.W << at_degrees(angle), at_degrees(-angle);
    const Recovery recovery = measure_recovery(teacher, network);
    EXPECT_EQ(recovery.matched, 1) << angle;
    EXPECT_EQ(recovery.recovered, 0) << angle;
    EXPECT_TRUE(recovery.per_teacher[0].matched);
    EXPECT_FALSE(recovery.per_teacher[0].recovered);
    EXPECT_NEAR(recovery.per_teacher[0].mean_angle_deg, angle, 1e-12);
    EXPECT_EQ(recovery.per_teacher[0].far_mass, 1.0);
  }
}

// What λ = 0 leads to: the teacher's function by neurons elsewhere. In the plane 20 fixed lines,
// the nearest 4.5° from the teachers, fit it up to a small remainder.
TEST(Recovery, FitByFixedDirectionsIsMatchedAndNotRecovered) {
  const Teacher teacher{Matrix::Identity(2, 2), Vector{{1.0, -1.0}}};
  const PopulationObjective objective(teacher);
  Matrix directions(20, 2);
  for (Index i = 0; i < 20; ++i) {
    directions.row(i) = at_degrees(4.5 + 9.0 * static_cast<double>(i));
  }
  const Network network{solve_ridge(objective.feature_gram(directions), 1e-12), directions};
  EXPECT_LT(objective.loss(network), 1e-3 * objective.null_loss());
  const Recovery recovery = measure_recovery(teacher, network);
  EXPECT_EQ(recovery.matched, 2);
  EXPECT_EQ(recovery.recovered, 0);
  EXPECT_GT(recovery.mean_angle_deg, 4.0);
}

// Both further conditions of recovered, each alone: 1% of the group's mass beyond 10° is the most,
// and a mean angle of 1°. Pairs at ±angle leave the average on the teacher.
TEST(Recovery, ThresholdsOfLearnedFeatures) {
  const auto measured = [](double angle, double share) {
    const Teacher teacher{Matrix::Identity(1, 2), Vector::Constant(1, -3.0)};
    Network network{Vector{{-3.0 * (1.0 - share), -1.5 * share, -1.5 * share}}, Matrix(3, 2)};
    network.W << at_degrees(0.0), at_degrees(angle), -at_degrees(-angle);
    return measure_recovery(teacher, network);
  };
  const auto recovered = [&](double angle, double share) {
    const Recovery recovery = measured(angle, share);
    EXPECT_EQ(recovery.matched, 1) << angle << ", " << share;
    return recovery.recovered == 1;
  };
  EXPECT_TRUE(recovered(0.99, 1.0));
  EXPECT_FALSE(recovered(1.01, 1.0));
  EXPECT_TRUE(recovered(60.0, 0.0099));   // a mean angle of 0.6°
  EXPECT_FALSE(recovered(60.0, 0.0101));  // 0.61°: it is the far mass that is too much
  EXPECT_TRUE(recovered(9.9, 0.1));       // 0.99°, none of it far
  EXPECT_FALSE(recovered(9.9, 0.102));    // 1.01°
  EXPECT_TRUE(recovered(89.0, 0.0099));
  EXPECT_FALSE(recovered(10.1, 0.0101)) << "0.1° on average";
}

// The share is of a group's own mass: one teacher's far neurons are not hidden by the other's mass.
TEST(Recovery, EachTeacherAnswersForItsOwnMass) {
  const Teacher teacher{Matrix::Identity(2, 2), Vector{{1000.0, 1.0}}};
  Network network{Vector{{1000.0, 0.5, 0.5}}, Matrix(3, 2)};
  network.W << at_degrees(0.0), at_degrees(70.0), at_degrees(110.0);
  const Recovery recovery = measure_recovery(teacher, network);
  EXPECT_LT(recovery.far_mass, 0.01);
  EXPECT_LT(recovery.mean_angle_deg, 1.0);
  EXPECT_EQ(recovery.matched, 2);
  EXPECT_EQ(recovery.recovered, 1);
  EXPECT_TRUE(recovery.per_teacher[0].recovered);
  EXPECT_FALSE(recovery.per_teacher[1].recovered);
}

// A neuron with a share of 1e-4 of the mass or less has no say in the largest angle.
TEST(Recovery, LightNeuronsDoNotCountInTheLargestAngle) {
  Network network{Vector{{1.0, 0.9e-4}}, Matrix(2, 2)};
  network.W << at_degrees(1.0), at_degrees(40.0);
  const Teacher teacher{Matrix::Identity(1, 2), Vector::Ones(1)};
  const Recovery light = measure_recovery(teacher, network);
  EXPECT_NEAR(light.max_angle_deg, 1.0, 1e-13);
  EXPECT_EQ(light.per_teacher[0].neurons, 1);
  EXPECT_NEAR(light.far_mass, 0.9e-4 / (1.0 + 0.9e-4), 1e-16);
  network.a[1] = 1.1e-4;
  const Recovery heavy = measure_recovery(teacher, network);
  EXPECT_NEAR(heavy.max_angle_deg, 40.0, 1e-12);
  EXPECT_EQ(heavy.per_teacher[0].neurons, 2);
}

TEST(Recovery, FarMassBeginsAtTenDegrees) {
  const Teacher teacher{Matrix::Identity(2, 2), Vector::Ones(2)};
  Network network{Vector::Ones(4), Matrix(4, 2)};
  network.W << at_degrees(9.99), 2.0 * at_degrees(10.01), 3.0 * at_degrees(-79.99),
      4.0 * at_degrees(100.01);
  // Of the masses 1 to 4, the first alone is within 10° of a teacher; the others are 0.01° beyond.
  EXPECT_NEAR(measure_recovery(teacher, network).far_mass, 0.9, 1e-14);
}

// Half of a neuron's squared length in the teachers' span: a share of one half for it.
TEST(Recovery, SubspaceShare) {
  Network network{Vector{{1.0, 1.0, 2.0}}, Matrix(3, 3)};
  network.W << 0.0, 0.0, 5.0, 1.0, 0.0, 1.0, 0.6, 0.8, 0.0;
  const double heavy = std::sqrt(2.0);
  const double expected = (5.0 * 0.0 + heavy * 0.5 + 2.0 * 1.0) / (5.0 + heavy + 2.0);
  EXPECT_NEAR(measure_recovery(axes(), network).subspace_share, expected, 1e-14);
  // A third teacher in the same plane adds nothing to the span.
  Teacher teacher{Matrix(3, 3), Vector::Ones(3)};
  teacher.directions << 1, 0, 0, 0, 1, 0, 0.6, 0.8, 0;
  EXPECT_NEAR(measure_recovery(teacher, network).subspace_share, expected, 1e-14);
}

// Half-way between two teachers a neuron belongs to the first.
TEST(Recovery, TiesGoToTheFirstTeacher) {
  const Teacher teacher{Matrix::Identity(2, 2), Vector::Ones(2)};
  for (const double sign : {1.0, -1.0}) {
    Network network{Vector::Ones(1), Matrix(1, 2)};
    network.W << sign, 1.0;
    const Recovery recovery = measure_recovery(teacher, network);
    EXPECT_EQ(recovery.per_teacher[0].neurons, 1);
    EXPECT_EQ(recovery.per_teacher[1].neurons, 0);
    EXPECT_EQ(recovery.per_teacher[1].mass, 0.0);
    EXPECT_NEAR(recovery.mean_angle_deg, 45.0, 1e-13);
  }
}

// Groups come from chords, not from cosines, which are all 1 to rounding for teachers this close.
TEST(Recovery, TellsVeryCloseTeachersApart) {
  Teacher teacher{Matrix(2, 2), Vector{{1.0, -1.0}}};
  teacher.directions << 1.0, 0.0, 1.0, 5e-9;
  const Recovery recovery = measure_recovery(teacher, {teacher.amplitudes, teacher.directions});
  EXPECT_EQ(recovery.recovered, 2);
}

TEST(Recovery, DoesNotDependOnBalanceOrOrder) {
  const Teacher teacher = small_teacher(4, 3, 2);
  Network network = support::normal_network(9, 4, 3);
  const Recovery before = measure_recovery(teacher, network);
  network.a *= 7.0;
  network.W /= 7.0;
  const Recovery scaled = measure_recovery(teacher, network);
  EXPECT_NEAR(scaled.mean_angle_deg, before.mean_angle_deg, 1e-12);
  EXPECT_NEAR(scaled.subspace_share, before.subspace_share, 1e-13);
  const Network reversed{network.a.reverse(), network.W.colwise().reverse()};
  const Recovery turned = measure_recovery(teacher, reversed);
  EXPECT_NEAR(turned.mean_angle_deg, before.mean_angle_deg, 1e-12);
  EXPECT_NEAR(turned.per_teacher[1].mass, before.per_teacher[1].mass, 1e-13);
  EXPECT_NEAR(turned.per_teacher[1].angle_deg, before.per_teacher[1].angle_deg, 1e-11);
}

TEST(Recovery, RejectsAnotherDimension) {
  EXPECT_THROW(measure_recovery(axes(), support::normal_network(3, 2, 1)), InvalidArgument);
  EXPECT_EQ(measure_recovery(axes(), on_axes()).recovered, 2);
}

}  // namespace
}  // namespace lodestone
