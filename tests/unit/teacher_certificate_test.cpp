// The dual certificate of a teacher with its proof (docs/math.md, 7.1 to 7.4).

#include "lodestone/theory/teacher_certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numbers>

#include "laboratory/experiments.hpp"
#include "laboratory/trajectory.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/theory/recovery_bound.hpp"

namespace lodestone {
namespace {

using testing::HasSubstr;

constexpr double pi = std::numbers::pi;
constexpr double degree = pi / 180.0;

// h of docs/math.md, 2.2, as it stands there.
double h(double theta) {
  return (std::sin(theta) + (0.5 * pi - theta) * std::cos(theta) - 1.0) / (2.0 * pi);
}
const double h0 = (0.5 * pi - 1.0) / (2.0 * pi);

Teacher orthonormal(Index d, Vector amplitudes) {
  const Index k = amplitudes.size();
  return {Matrix::Identity(k, d), std::move(amplitudes)};
}

Teacher on_the_circle(std::initializer_list<double> degrees, Vector amplitudes) {
  Teacher teacher{Matrix(static_cast<Index>(degrees.size()), 2), std::move(amplitudes)};
  Index j = 0;
  for (const double angle : degrees) {
    teacher.directions.row(j++) << std::cos(angle * degree), std::sin(angle * degree);
  }
  return teacher;
}

TeacherCertificate of_order(const Teacher& teacher, int l) {
  TeacherCertificateOptions options;
  options.order = l;
  return certify_teacher(teacher, options);
}

TeacherCertificate found_by_search(const Teacher& teacher, int l = 0) {
  TeacherCertificateOptions options;
  options.order = l;
  options.proof_dimensions = 0;
  return certify_teacher(teacher, options);
}

void expect_proven(const TeacherCertificate& found) {
  EXPECT_TRUE(found.found);
  EXPECT_TRUE(found.rho_proven);
  EXPECT_EQ(found.kind, Certificate::Kind::rigorous);
  EXPECT_EQ(found.reason, "");
  EXPECT_GT(found.cells, 0);
  EXPECT_DOUBLE_EQ(found.rho, 0.95 * found.rho_found);
  EXPECT_LT(found.interpolation_error, 1e-8);
}

TEST(TeacherCertificate, OfOneNeuronIsItsKernel) {
  for (const double amplitude : {2.0, -0.5}) {
    const TeacherCertificate found = certify_teacher(orthonormal(3, Vector{{amplitude}}));
    expect_proven(found);
    // η(u) = ±h(θ)/h(0), which is farthest from 1 − ρδ² at right angles.
    EXPECT_NEAR(found.rho_found, 4.0 / (pi * pi), 1e-9);
    EXPECT_NEAR(found.rho_found_at_deg, 90.0, 1e-3);
    EXPECT_NEAR(found.p_norm, 1.0 / std::sqrt(h0), 1e-9);
    EXPECT_EQ(found.order, 2);
    EXPECT_EQ(found.smallest_order, 2);
    EXPECT_TRUE(std::isnan(found.separation_deg));
    ASSERT_EQ(found.peaks.size(), 1U);
    EXPECT_NEAR(found.peaks[0].eta, amplitude > 0.0 ? 1.0 : -1.0, 1e-14);
    EXPECT_NEAR(found.certificate.value(Vector{{0.6, 0.8, 0.0}}),
                (amplitude > 0.0 ? 1.0 : -1.0) * h(std::acos(0.6)) / h0, 1e-12);
    EXPECT_DOUBLE_EQ(found.angle_constant, 0.5 * found.p_norm * found.p_norm / found.rho);
    EXPECT_DOUBLE_EQ(found.residual_constant, 2.0 * found.p_norm);
  }
}

// Of orthonormal neurons η(u) = Σ_j ±h(θ_j)/h(0): K_2 and its slope are 0 at right angles.
TEST(TeacherCertificate, OfTwoOrthonormalNeuronsHasAClosedForm) {
  for (const double second : {1.0, -1.0}) {
    double least = std::numeric_limits<double>::infinity();
    for (int i = 1; i <= 20000; ++i) {
      const double theta = 0.25 * pi * i / 20000.0;
      const double eta = (h(theta) + second * h(0.5 * pi - theta)) / h0;
      least = std::min(least, (1.0 - std::abs(eta)) / (theta * theta));
    }
    const TeacherCertificate found = of_order(orthonormal(2, Vector{{1.0, second}}), 2);
    expect_proven(found);
    EXPECT_NEAR(found.rho_found, least, 1e-6);
    EXPECT_NEAR(found.p_norm, std::sqrt(2.0 / h0), 1e-9);
    EXPECT_NEAR(found.separation_deg, 90.0, 1e-12);
    EXPECT_NEAR(found.peaks[1].eta, second, 1e-13);
  }
}

TEST(TeacherCertificate, OfThreeOrthonormalNeuronsIsTightestBetweenThem) {
  const TeacherCertificate found = of_order(orthonormal(5, Vector{{1.0, 1.0, 1.0}}), 2);
  expect_proven(found);
  const double theta = std::acos(1.0 / std::sqrt(3.0));
  // A search comes near the edge at which three teachers are equally far, from above.
  const double there = (1.0 - 3.0 * h(theta) / h0) / (theta * theta);
  EXPECT_GE(found.rho_found, there - 1e-12);
  EXPECT_NEAR(found.rho_found, there, 1e-4);
  EXPECT_NEAR(found.p_norm, std::sqrt(3.0 / h0), 1e-9);
  EXPECT_EQ(found.inputs, 5);
  EXPECT_EQ(found.span_dimension, 3);
}

// Numbers of another program (docs/math.md, 8).
TEST(TeacherCertificate, HasTheReferenceValuesOfThreeNeuronsInAPlane) {
  const Teacher teacher = on_the_circle({20.0, 75.0, 130.0}, Vector{{1.0, -1.0, 1.0}});
  const TeacherCertificate fourth = of_order(teacher, 4);
  expect_proven(fourth);
  EXPECT_NEAR(fourth.rho_found, 1.11062, 1e-4);
  EXPECT_NEAR(fourth.p_norm, 17.3284, 1e-3);
  EXPECT_NEAR(fourth.separation_deg, 55.0, 1e-9);
  const TeacherCertificate second = of_order(teacher, 2);
  EXPECT_NEAR(second.rho_found, 0.04027, 1e-4);
  EXPECT_NEAR(second.p_norm, 12.0444, 1e-3);
  EXPECT_EQ(certify_teacher(teacher).smallest_order, 2);
}

TEST(TeacherCertificate, HasTheLaboratorysNumbers) {
  LaboratoryOptions laboratory;
  laboratory.effort = Effort::minimal;
  laboratory.seed = 7;
  const ExperimentResult result = laboratory::definition_1().run(laboratory);
  const DataTable& table = result.tables.back();
  ASSERT_EQ(table.name, "def-1");
  // The first one has r = 2, d = 2, k = 2.
  const std::vector<double>& row = table.rows.front();
  const Teacher teacher = laboratory::drawn_teacher(laboratory, "def-1 r=2", 0, 2, 2, 2, 20.0);
  const TeacherCertificate found = certify_teacher(teacher);
  EXPECT_EQ(found.order, static_cast<int>(row[3]));
  EXPECT_EQ(found.rho_found, row[4]);
  EXPECT_NEAR(found.p_norm, row[5], 1e-9 * row[5]);
  EXPECT_EQ(found.rho_proven, row[6] == 1.0);
}

TEST(TeacherCertificate, OfNeuronsFiveDegreesApartIsDear) {
  // ℓ = 2 is the best order there, and what rounding takes near a teacher keeps it from a proof.
  const Teacher opposite = on_the_circle({10.0, 15.0}, Vector{{1.0, -1.0}});
  EXPECT_THAT(of_order(opposite, 2).reason, HasSubstr("not settled after"));
  for (const double second : {1.0, -1.0}) {
    const TeacherCertificate near =
        certify_teacher(on_the_circle({10.0, 15.0}, Vector{{1.0, second}}));
    const TeacherCertificate far =
        certify_teacher(on_the_circle({10.0, 55.0}, Vector{{1.0, second}}));
    expect_proven(far);
    expect_proven(near);
    EXPECT_NEAR(near.separation_deg, 5.0, 1e-9);
    EXPECT_NEAR(near.peaks[0].nearest_deg, 5.0, 1e-9);
    EXPECT_NEAR(near.peaks[1].eta, second, 1e-9);
    EXPECT_GT(near.angle_constant, far.angle_constant);
    // η turns from 1 to −1 within 5°: ‖p‖ grows as Δ^(−3/2) (docs/math.md, 7.2).
    if (second < 0.0) {
      EXPECT_NEAR(near.p_norm / far.p_norm, std::pow(9.0, 1.5), 9.0);
    }
  }
}

TEST(TeacherCertificate, HoldsForMixedSignsAndAmplitudes) {
  RandomTeacher drawn;
  drawn.d = 6;
  drawn.k = 4;
  drawn.r = 3;
  drawn.amplitude_low = 0.5;
  drawn.amplitude_high = 2.0;
  drawn.seed = 3;
  const Teacher teacher = draw_teacher(drawn);
  const TeacherCertificate found = certify_teacher(teacher);
  expect_proven(found);
  ASSERT_EQ(found.peaks.size(), 4U);
  for (std::size_t j = 0; j < 4; ++j) {
    EXPECT_EQ(found.peaks[j].amplitude, teacher.amplitudes[static_cast<Index>(j)]);
    EXPECT_NEAR(found.peaks[j].eta, found.peaks[j].amplitude > 0.0 ? 1.0 : -1.0, 1e-10);
    EXPECT_LT(found.peaks[j].slope, 1e-10);
    EXPECT_GE(found.peaks[j].nearest_deg, found.separation_deg);
  }
  for (const TriedOrder& tried : found.tried) {
    if (tried.order == found.order) {
      EXPECT_EQ(tried.rho, found.rho_found);
    }
  }
}

TEST(TeacherCertificate, WithOneInputHasNothingToProve) {
  const TeacherCertificate found = certify_teacher(orthonormal(1, Vector{{-3.0}}));
  EXPECT_TRUE(found.found);
  EXPECT_TRUE(std::isinf(found.rho));
  EXPECT_EQ(found.kind, Certificate::Kind::rigorous);
  EXPECT_NEAR(found.p_norm, 1.0 / std::sqrt(h0), 1e-9);
  EXPECT_NEAR(found.peaks[0].eta, -1.0, 1e-14);
  EXPECT_EQ(found.angle_constant, 0.0);
}

TEST(TeacherCertificate, OfNearlyParallelNeuronsIsNotThere) {
  const TeacherCertificate found =
      certify_teacher(on_the_circle({10.0, 10.02}, Vector{{1.0, -1.0}}));
  EXPECT_FALSE(found.found);
  EXPECT_EQ(found.order, 0);
  EXPECT_TRUE(std::isnan(found.rho));
  EXPECT_THAT(found.reason, HasSubstr("parallel up to sign"));
}

TEST(TeacherCertificate, IsAnEstimateWithoutItsProof) {
  const Teacher teacher = on_the_circle({20.0, 75.0}, Vector{{1.0, -1.0}});
  const TeacherCertificate unproven = found_by_search(teacher);
  EXPECT_TRUE(unproven.found);
  EXPECT_EQ(unproven.kind, Certificate::Kind::estimated);
  EXPECT_EQ(unproven.rho, unproven.rho_found);
  EXPECT_THAT(unproven.reason, HasSubstr("at most 0 dimensions; it has 2"));

  TeacherCertificateOptions short_of_cells;
  short_of_cells.max_cells = 1;
  const TeacherCertificate cut =
      certify_teacher(orthonormal(4, Vector{{1.0, -1.0}}), short_of_cells);
  EXPECT_FALSE(cut.rho_proven);
  EXPECT_THAT(cut.reason, HasSubstr("not settled after"));

  TeacherCertificateOptions stopped;
  stopped.should_stop = [] { return true; };
  EXPECT_THAT(certify_teacher(teacher, stopped).reason, HasSubstr("interrupted"));
}

TEST(TeacherCertificate, IsWhatTheBoundOnAnglesUses) {
  const Teacher teacher = on_the_circle({20.0, 75.0, 130.0}, Vector{{1.0, -0.8, 1.2}});
  const TeacherCertificate found = certify_teacher(teacher);
  const RecoveryBound bound =
      bound_recovery(teacher, {1e-3, 1e-5, 0.3, 3.0, 0.0, Certificate::Kind::rigorous});
  EXPECT_EQ(bound.rho, found.rho);
  EXPECT_EQ(bound.p_norm, found.p_norm);
  EXPECT_EQ(bound.order, found.order);
}

TEST(TeacherCertificate, RefusesOptionsOutOfRange) {
  const Teacher teacher = orthonormal(2, Vector{{1.0}});
  TeacherCertificateOptions options;
  options.order = 3;
  EXPECT_THROW(certify_teacher(teacher, options), InvalidArgument);
  options.order = 0;
  options.max_cells = 0;
  EXPECT_THROW(certify_teacher(teacher, options), InvalidArgument);
}

}  // namespace
}  // namespace lodestone
