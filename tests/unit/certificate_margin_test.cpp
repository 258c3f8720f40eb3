// The margin ρ of a dual certificate, found and proven (docs/math.md, 7.2).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/theory/dual_certificate.hpp"
#include "support.hpp"
#include "theory/relu_kernel.hpp"

namespace lodestone {
namespace {

constexpr double degree = std::numbers::pi / 180.0;

Matrix on_circle(const std::vector<double>& degrees) {
  Matrix directions(static_cast<Index>(degrees.size()), 2);
  for (Index j = 0; j < directions.rows(); ++j) {
    const double angle = degrees[static_cast<std::size_t>(j)] * degree;
    directions.row(j) << std::cos(angle), std::sin(angle);
  }
  return directions;
}

Vector alternating_signs(Index k) {
  Vector signs(k);
  for (Index j = 0; j < k; ++j) signs[j] = j % 2 == 0 ? 1.0 : -1.0;
  return signs;
}

Vector signs_of(const Teacher& teacher) { return teacher.amplitudes.array().sign().matrix(); }

double worst_angle(const Matrix& directions, const Vector& u) {
  double least = 90.0;
  for (Index j = 0; j < directions.rows(); ++j) {
    const double cosine = std::abs(directions.row(j).dot(u)) / u.norm();
    least = std::min(least, std::acos(std::min(1.0, cosine)) / degree);
  }
  return least;
}

// docs/math.md, section 8: the infimum on the circle, where it is, and that no more can be proven.
TEST(CertificateMargin, ReferenceValues) {
  const Matrix directions = on_circle({20.0, 75.0, 130.0});
  const DualCertificate certificate = interpolate(directions, alternating_signs(3), 4);
  const CertificateMargin margin = estimate_margin(certificate);
  EXPECT_NEAR(margin.rho, 1.11062, 6e-6);
  EXPECT_NEAR(worst_angle(on_circle({165.0}), margin.direction), 0.0, 0.01);
  EXPECT_TRUE(prove_margin(certificate, 1.1106).proven);
  const MarginProof refused = prove_margin(certificate, 1.1107);
  EXPECT_FALSE(refused.proven);
  ASSERT_EQ(refused.counterexample.size(), 2);
  const double delta = worst_angle(directions, refused.counterexample) * degree;
  EXPECT_GT(std::abs(certificate.value(refused.counterexample)), 1.0 - 1.1107 * delta * delta);

  const DualCertificate close = interpolate(on_circle({0.0, 10.0}), alternating_signs(2), 2);
  EXPECT_NEAR(estimate_margin(close).rho, 0.45437, 6e-6);
  // Close teachers have large coefficients, whose rounding leaves the last percents open.
  EXPECT_TRUE(prove_margin(close, 0.4).proven);
  EXPECT_FALSE(prove_margin(close, 0.46).proven);
}

// In three dimensions ℓ = 2 fails for these and ℓ = 4 does not (docs/math.md, section 8).
TEST(CertificateMargin, FailsWhereTheCertificateDoes) {
  Matrix directions(3, 3);
  directions << 1.0, 0.0, 0.0, 1.0, 0.3, 0.0, 1.0, 0.0, 0.3;
  const DualCertificate second = interpolate(directions, alternating_signs(3), 2);
  EXPECT_LT(estimate_margin(second).rho, 0.0);
  EXPECT_FALSE(prove_margin(second, 1e-3).proven);
  const BestCertificate best = best_certificate(directions, alternating_signs(3));
  EXPECT_GE(best.certificate.order, 4);
  EXPECT_GT(best.margin.rho, 0.0);
  EXPECT_TRUE(prove_margin(best.certificate, 0.9 * best.margin.rho).proven);
}

// One direction in more dimensions: η = K_2(cos δ)/K_2(1) is 0 at right angles, so ρ = (2/π)².
TEST(CertificateMargin, OneTeacher) {
  const Matrix direction = Matrix::Identity(1, 3);
  const DualCertificate certificate = interpolate(direction, Vector::Ones(1), 2);
  const double expected = 4.0 / (std::numbers::pi * std::numbers::pi);
  EXPECT_NEAR(estimate_margin(certificate).rho, expected, 1e-9);
  EXPECT_TRUE(prove_margin(certificate, 0.999 * expected).proven);
  EXPECT_FALSE(prove_margin(certificate, 1.001 * expected).proven);
}

// What is proven holds at random directions, near teachers and anywhere, also outside the span.
TEST(CertificateMargin, ProvenBoundsHold) {
  for (const Index d : {3, 5}) {
    RandomTeacher random;
    random.d = d;
    random.r = 3;
    random.k = 4;
    random.min_angle = 20.0;
    random.seed = 3;
    const Teacher teacher = draw_teacher(random);
    const BestCertificate best = best_certificate(teacher.directions, signs_of(teacher));
    const double rho = 0.9 * best.margin.rho;
    const MarginProof proof = prove_margin(best.certificate, rho);
    ASSERT_TRUE(proof.proven) << d;
    const Matrix noise = support::normal_matrix(4000, d, 11);
    for (Index i = 0; i < noise.rows(); ++i) {
      Vector u = noise.row(i);
      if (i % 2 == 0) u = teacher.directions.row(i / 2 % 4).transpose() + std::pow(0.5, i % 9) * u;
      u.normalize();
      const double delta = worst_angle(teacher.directions, u) * degree;
      EXPECT_LE(std::abs(best.certificate.value(u)), 1.0 - rho * delta * delta + 1e-9) << d;
    }
    const support::ThreadCount threads(3);
    EXPECT_EQ(prove_margin(best.certificate, rho).cells, proof.cells);
    EXPECT_EQ(estimate_margin(best.certificate).rho, best.margin.rho);
  }
}

TEST(CertificateMargin, StopsAtItsBudget) {
  const DualCertificate certificate =
      interpolate(support::small_teacher(6, 4, 1).directions, alternating_signs(4), 4);
  const MarginProof proof = prove_margin(certificate, 0.9 * estimate_margin(certificate).rho, 1);
  EXPECT_FALSE(proof.proven);
  EXPECT_EQ(proof.counterexample.size(), 0);
}

TEST(CertificateMargin, RejectsBadArguments) {
  const DualCertificate certificate = interpolate(on_circle({20.0}), Vector::Ones(1), 2);
  EXPECT_THROW(prove_margin(certificate, 0.0), InvalidArgument);
  EXPECT_THROW(prove_margin(certificate, std::nan("")), InvalidArgument);
  EXPECT_THROW(prove_margin(certificate, 0.1, 0), InvalidArgument);
}

// Each derivative of K_ℓ by differences of the one before.
TEST(ReluKernel, DerivativesAreConsistent) {
  const auto at = [](int l, double t) {
    return theory::relu_kernel(l, t, std::sqrt((1.0 - t) * (1.0 + t)));
  };
  for (const int l : {2, 4, 8}) {
    for (const double t : {-0.9, -0.2, 0.3, 0.8}) {
      const double step = 1e-5;
      const auto high = at(l, t + step);
      const auto low = at(l, t - step);
      const auto here = at(l, t);
      EXPECT_NEAR((high.value - low.value) / (2 * step), here.first, 1e-8);
      EXPECT_NEAR((high.first - low.first) / (2 * step), here.second, 1e-7);
      EXPECT_NEAR((high.second - low.second) / (2 * step), here.third, 1e-6);
    }
  }
  // Σ c_k² k over k = 2, 4: c_2² = 1/(4π), c_4² = 1/(48π).
  EXPECT_NEAR(theory::left_out_moment(6, 1), (2.0 / 4.0 + 4.0 / 48.0) / std::numbers::pi, 1e-15);
  EXPECT_EQ(theory::left_out_moment(2, 3), 0.0);
}

}  // namespace
}  // namespace lodestone
