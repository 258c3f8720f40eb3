// Bounds on angles and residual that follow from a small gap (docs/math.md, 7.4).

#include "lodestone/theory/recovery_bound.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/theory/dual_certificate.hpp"
#include "lodestone/train/algorithm1.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

Teacher on_the_circle(std::initializer_list<double> degrees, Vector amplitudes) {
  Teacher teacher{Matrix(static_cast<Index>(degrees.size()), 2), std::move(amplitudes)};
  Index j = 0;
  for (const double angle : degrees) {
    const double radians = angle * std::numbers::pi / 180.0;
    teacher.directions.row(j++) << std::cos(radians), std::sin(radians);
  }
  return teacher;
}

Teacher three_on_the_circle() {
  return on_the_circle({20.0, 75.0, 130.0}, Vector{{1.0, -0.8, 1.2}});
}

// √(∫δ²d|μ| / |μ|) in degrees.
double measured_angle_deg(const Teacher& teacher, const Network& network) {
  const Vector mass = masses(network);
  double sum = 0.0;
  for (Index i = 0; i < network.width(); ++i) {
    if (mass[i] == 0.0) continue;
    double nearest = 90.0;
    for (Index j = 0; j < teacher.neurons(); ++j) {
      nearest =
          std::min(nearest, angle_between_lines_deg(network.W.row(i), teacher.directions.row(j)));
    }
    sum += mass[i] * nearest * nearest;
  }
  return std::sqrt(sum / mass.sum());
}

NearOptimum near_optimum(const PopulationObjective& objective, const Network& network,
                         double lambda, const Certificate& certificate) {
  return {lambda,          objective.loss(network), objective.null_loss(), masses(network).sum(),
          certificate.gap, certificate.kind};
}

struct Trained {
  Network network;
  double lambda = 0.0;
};

// Algorithm 1 down to λ. Some of these runs lose a teacher: the bounds hold there too.
Trained trained(const PopulationObjective& objective, double lambda) {
  Algorithm1Options options;
  options.width = 40;
  options.tolerance = 0.0;
  options.lambda_end = lambda;
  Algorithm1State state;
  run_algorithm1(objective, options, state);
  return {state.network, state.lambda};
}

// Stage 3 at constant λ to a stationary point, from two neurons about a degree from each teacher.
Trained trained_near(const Teacher& teacher, const PopulationObjective& objective, double lambda) {
  Algorithm1Options options;
  options.tolerance = 0.0;
  options.schedule.kind = Schedule::Kind::constant;
  options.max_steps = 20000;
  Algorithm1State state;
  state.stage = Stage::late_features;
  state.lambda = state.lambda_start = lambda;
  const Index k = teacher.neurons();
  state.network = {Vector(2 * k), Matrix(2 * k, teacher.dimension())};
  const Matrix noise = support::normal_matrix(2 * k, teacher.dimension(), 9);
  for (Index i = 0; i < 2 * k; ++i) {
    const double size = std::sqrt(0.5 * std::abs(teacher.amplitudes[i % k]));
    state.network.a[i] = std::copysign(size, teacher.amplitudes[i % k]);
    state.network.W.row(i) = size * (teacher.directions.row(i % k) + 0.02 * noise.row(i));
  }
  run_algorithm1(objective, options, state);
  return {state.network, lambda};
}

RandomTeacher three_in_space() {
  RandomTeacher random;
  random.d = 6;
  random.k = 3;
  random.r = 3;
  random.min_angle = 40.0;
  random.seed = 3;
  return random;
}

// What was measured lies below what was proven, for several teachers and λ, at the optimum and far
// from it.
TEST(RecoveryBound, HoldsOnTrainedNetworks) {
  for (const Teacher& teacher :
       {three_on_the_circle(), on_the_circle({0.0, 90.0}, Vector{{1.0, 1.0}}),
        on_the_circle({10.0, 50.0}, Vector{{2.0, -1.0}}), draw_teacher(three_in_space())}) {
    const PopulationObjective objective(teacher);
    for (const double lambda : {1e-3, 1e-5}) {
      const Trained near = trained_near(teacher, objective, lambda);
      for (const Trained& run : {trained(objective, lambda), near}) {
        const Certificate certificate = rigorous_certificate(objective, run.network, run.lambda);
        const NearOptimum network = near_optimum(objective, run.network, run.lambda, certificate);
        const RecoveryBound bound = bound_recovery(teacher, network);
        EXPECT_EQ(bound.reason, "");
        EXPECT_TRUE(bound.rho_proven);
        EXPECT_EQ(bound.kind, Certificate::Kind::rigorous);
        EXPECT_LE(measured_angle_deg(teacher, run.network), bound.angle_deg);
        EXPECT_LE(std::sqrt(2.0 * objective.loss(run.network)), bound.residual_norm);
        EXPECT_NEAR(bound.residual_share,
                    bound.residual_norm / std::sqrt(2.0 * objective.null_loss()), 1e-12);
        EXPECT_EQ(in_words(bound).find("proven: mass-weighted angles are at most "), 0U)
            << in_words(bound);

        // With an estimated gap, or a margin that few cells cannot prove, it is an estimate.
        NearOptimum with_estimate = network;
        with_estimate.gap_kind = Certificate::Kind::estimated;
        EXPECT_EQ(bound_recovery(teacher, with_estimate).kind, Certificate::Kind::estimated);
        RecoveryBoundOptions few_cells;
        few_cells.max_cells = 1;
        const RecoveryBound unproven = bound_recovery(teacher, network, few_cells);
        EXPECT_FALSE(unproven.rho_proven);
        EXPECT_EQ(unproven.kind, Certificate::Kind::estimated);
        EXPECT_EQ(in_words(unproven).find("estimated"), 0U) << in_words(unproven);
      }
    }
  }
}

// At the optimum both bounds shrink with λ.
TEST(RecoveryBound, ShrinksWithLambdaAtTheOptimum) {
  for (const Teacher& teacher : {three_on_the_circle(), draw_teacher(three_in_space())}) {
    const PopulationObjective objective(teacher);
    double angle = 90.0;
    double residual = 1e9;
    for (const double lambda : {1e-3, 1e-4}) {
      const Trained run = trained_near(teacher, objective, lambda);
      const RecoveryBound bound = bound_recovery(
          teacher, near_optimum(objective, run.network, lambda,
                                rigorous_certificate(objective, run.network, lambda)));
      EXPECT_EQ(bound.kind, Certificate::Kind::rigorous);
      EXPECT_LT(bound.angle_deg, 0.5 * angle) << lambda;
      EXPECT_LT(bound.residual_norm, 0.2 * residual) << lambda;
      EXPECT_LE(measured_angle_deg(teacher, run.network), bound.angle_deg);
      angle = bound.angle_deg;
      residual = bound.residual_norm;
    }
    EXPECT_LT(angle, 10.0);
  }
}

// The numbers that enter are those of docs/math.md, section 8.
TEST(RecoveryBound, UsesTheReferenceCertificate) {
  const Teacher teacher = three_on_the_circle();
  const NearOptimum network{1e-4, 0.0, 0.2, 3.0, 1e-9, Certificate::Kind::rigorous};
  RecoveryBoundOptions no_proof;
  no_proof.max_cells = 1;
  const RecoveryBound bound = bound_recovery(teacher, network, no_proof);
  const DualCertificate reference =
      interpolate(teacher.directions, teacher.amplitudes.cwiseSign(), bound.order);
  EXPECT_NEAR(bound.p_norm, std::sqrt(reference.squared_norm), 1e-8 * bound.p_norm);
  EXPECT_GE(bound.p_norm * bound.p_norm, reference.squared_norm * (1.0 - 1e-9));
  EXPECT_NEAR(bound.rho, estimate_margin(reference).rho, 1e-12);
  EXPECT_LT(bound.interpolation_error, 1e-9);
  if (bound.order == 4) {
    EXPECT_NEAR(bound.rho, 1.11062, 1e-4);
    EXPECT_NEAR(bound.p_norm, 17.3284, 1e-3);
  }
  // At L = 0 the formula has no ‖R‖: ρ∫δ²d|μ| <= ζ/λ.
  const double angle = std::sqrt(1e-5 / (bound.rho * 3.0)) * 180.0 / std::numbers::pi;
  EXPECT_NEAR(bound.angle_deg, angle, 1e-3 * angle);
  EXPECT_GE(bound.angle_deg, angle);
  const double residual = 2e-4 * bound.p_norm + std::sqrt(2e-9);
  EXPECT_NEAR(bound.residual_norm, residual, 1e-3 * residual);
  EXPECT_GE(bound.residual_norm, residual);
  // The order of the reference is among those that were compared.
  const DualCertificate four = interpolate(teacher.directions, teacher.amplitudes.cwiseSign(), 4);
  EXPECT_LE(bound.p_norm * bound.p_norm / bound.rho,
            four.squared_norm / estimate_margin(four).rho * (1.0 + 1e-9));
}

// A proof takes away a little of ρ, never adds to it.
TEST(RecoveryBound, AProvenMarginIsBelowTheEstimate) {
  const Teacher teacher = three_on_the_circle();
  const NearOptimum network{1e-4, 0.0, 0.2, 3.0, 1e-9, Certificate::Kind::rigorous};
  RecoveryBoundOptions no_proof;
  no_proof.max_cells = 1;
  const RecoveryBound estimate = bound_recovery(teacher, network, no_proof);
  const RecoveryBound proof = bound_recovery(teacher, network);
  ASSERT_TRUE(proof.rho_proven);
  EXPECT_LT(proof.rho, estimate.rho);
  EXPECT_GT(proof.rho, 0.9 * estimate.rho);
  EXPECT_GT(proof.angle_deg, estimate.angle_deg);
}

// Without a certificate there are words and no numbers.
TEST(RecoveryBound, WithoutACertificateThereIsNone) {
  const NearOptimum network{1e-4, 0.0, 0.2, 3.0, 1e-9, Certificate::Kind::rigorous};
  const RecoveryBound parallel =
      bound_recovery(on_the_circle({20.0, 20.0 + 1e-7}, Vector{{1.0, -1.0}}), network);
  EXPECT_NE(parallel.reason.find("parallel"), std::string::npos) << parallel.reason;
  EXPECT_TRUE(std::isnan(parallel.angle_deg) && std::isnan(parallel.residual_norm));
  EXPECT_EQ(parallel.kind, Certificate::Kind::estimated);
  EXPECT_EQ(in_words(parallel).find("no bound on the angles: "), 0U);

  RecoveryBoundOptions few;
  few.most_teachers = 2;
  const RecoveryBound many = bound_recovery(three_on_the_circle(), network, few);
  EXPECT_NE(many.reason.find("2"), std::string::npos) << many.reason;
  EXPECT_TRUE(std::isnan(many.angle_deg));

  NearOptimum no_decay = network;
  no_decay.lambda = 0.0;
  EXPECT_THROW(bound_recovery(three_on_the_circle(), no_decay), InvalidArgument);
}

// In more dimensions than 4 the margin stays an estimate, and says so.
TEST(RecoveryBound, InManyDimensionsTheMarginIsEstimated) {
  RandomTeacher random;
  random.d = 8;
  random.k = 5;
  random.r = 5;
  random.min_angle = 50.0;
  const Teacher teacher = draw_teacher(random);
  const RecoveryBound bound =
      bound_recovery(teacher, {1e-4, 0.0, 0.2, 5.0, 1e-9, Certificate::Kind::rigorous});
  EXPECT_FALSE(bound.rho_proven);
  EXPECT_EQ(bound.kind, Certificate::Kind::estimated);
  EXPECT_NE(in_words(bound).find("estimated (the margin rho"), std::string::npos);
}

}  // namespace
}  // namespace lodestone
