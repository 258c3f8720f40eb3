#include "lodestone/theory/dual_certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "objective/arc_kernel.hpp"

namespace lodestone {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double degree = pi / 180.0;

Matrix random_directions(Index k, Index d, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Matrix directions(k, d);
  for (Index i = 0; i < directions.size(); ++i) directions.data()[i] = normal(generator);
  return directions.rowwise().normalized();
}

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

// c_k² of ReLU for even k, from (k−3)!!² / (2π k!) in logarithms: not the library's recurrence.
double hermite_square(int k) {
  // (k−3)!! = (k−2)! / (2^(k/2−1) (k/2−1)!) for even k ≥ 2.
  const double log_odd =
      std::lgamma(k - 1.0) - (0.5 * k - 1.0) * std::log(2.0) - std::lgamma(0.5 * k);
  return std::exp(2.0 * log_odd - std::lgamma(k + 1.0)) / (2.0 * pi);
}

// A kernel on the circle as a function g of the angle between two directions: g, g', g''.
using CircleKernel = std::array<double, 3>;

// Σ over even k from l to `last` of c_k² cos(θ)^k.
CircleKernel series_kernel(int l, int last, double theta) {
  const double t = std::cos(theta);
  const double s = std::sin(theta);
  CircleKernel g{};
  for (int k = l; k <= last; k += 2) {
    const double square = hermite_square(k);
    const double power = std::pow(t, k - 2);
    g[0] += square * power * t * t;
    g[1] -= square * k * power * t * s;
    g[2] += square * k * power * ((k - 1) * s * s - t * t);
  }
  return g;
}

// Interpolation on the circle in terms of angles, for any even kernel: the library's problem in
// other coordinates, solved without its symmetry.
class CircleInterpolant {
 public:
  CircleInterpolant(std::vector<double> degrees, const Vector& values, int l, int last)
      : degrees_(std::move(degrees)), l_(l), last_(last) {
    const Index k = values.size();
    Eigen::MatrixXd system(2 * k, 2 * k);
    for (Index i = 0; i < k; ++i) {
      for (Index j = 0; j < k; ++j) {
        const CircleKernel g = at(degrees_[static_cast<std::size_t>(i)], j);
        system(i, j) = g[0];
        system(i, k + j) = system(k + i, j) = g[1];
        system(k + i, k + j) = g[2];
      }
    }
    Vector target = Vector::Zero(2 * k);
    target.head(k) = values;
    solution_ = system.fullPivLu().solve(target);
    squared_norm_ = values.dot(solution_.head(k));
  }

  double value(double angle_deg) const {
    const Index k = solution_.size() / 2;
    double sum = 0.0;
    for (Index j = 0; j < k; ++j) {
      const CircleKernel g = at(angle_deg, j);
      sum += solution_[j] * g[0] + solution_[k + j] * g[1];
    }
    return sum;
  }
  double norm() const { return std::sqrt(squared_norm_); }

 private:
  CircleKernel at(double angle_deg, Index j) const {
    return series_kernel(l_, last_, (angle_deg - degrees_[static_cast<std::size_t>(j)]) * degree);
  }

  std::vector<double> degrees_;
  int l_;
  int last_;
  Vector solution_;
  double squared_norm_ = 0.0;
};

struct CircleBounds {
  double rho = std::numeric_limits<double>::infinity();
  double rho_at_deg = 0.0;
  double sup_eta = 0.0;
};

// inf (1 − |η|)/δ² and sup |η| over a grid of the half circle. The grid has the whole degrees,
// where the infima of these examples sit. The ratio is 0/0 at a teacher: it is taken from 0.01° on,
// where rounding changes it by less than 1e-7; its limits at the teachers are not the infimum.
template <class Eta>
CircleBounds circle_bounds(const std::vector<double>& degrees, int steps_per_degree,
                           const Eta& eta) {
  CircleBounds bounds;
  for (int i = 0; i < 180 * steps_per_degree; ++i) {
    const double angle = static_cast<double>(i) / steps_per_degree;
    double delta = 90.0;
    for (const double teacher : degrees) {
      delta = std::min(delta, std::abs(std::remainder(angle - teacher, 180.0)));
    }
    const double size = std::abs(eta(angle));
    bounds.sup_eta = std::max(bounds.sup_eta, size);
    if (delta < 0.01) continue;
    const double ratio = (1.0 - size) / (delta * degree * delta * degree);
    if (ratio < bounds.rho) {
      bounds.rho = ratio;
      bounds.rho_at_deg = angle;
    }
  }
  return bounds;
}

CircleBounds circle_bounds(const std::vector<double>& degrees, const DualCertificate& certificate) {
  return circle_bounds(degrees, 100, [&](double angle) {
    return certificate.value(on_circle({angle}).row(0).transpose());
  });
}

// The integral of body over [low, high] by composite three-point Gauss–Legendre quadrature.
template <class Body>
double integrate(double low, double high, int panels, const Body& body) {
  const double half = 0.5 * (high - low) / panels;
  const double node = std::sqrt(0.6) * half;
  double sum = 0.0;
  for (int i = 0; i < panels; ++i) {
    const double middle = low + (2 * i + 1) * half;
    sum += (5.0 * (body(middle - node) + body(middle + node)) + 8.0 * body(middle)) * half / 9.0;
  }
  return sum;
}

// E[body(x)], x ~ N(0, I_2), in polar coordinates. body may jump where x is orthogonal to a row of
// `kinks`.
template <class Body>
double gaussian_mean(const Matrix& kinks, const Body& body) {
  std::vector<double> breaks = {0.0, 2.0 * pi};
  for (Index j = 0; j < kinks.rows(); ++j) {
    for (const double side : {0.5 * pi, 1.5 * pi}) {
      const double angle = std::atan2(kinks(j, 1), kinks(j, 0)) + side;
      breaks.push_back(angle - 2.0 * pi * std::floor(angle / (2.0 * pi)));
    }
  }
  std::sort(breaks.begin(), breaks.end());
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < breaks.size(); ++i) {
    sum += integrate(breaks[i], breaks[i + 1], 12, [&](double angle) {
      const Vector direction = on_circle({angle / degree}).row(0).transpose();
      return integrate(0.0, 11.0, 60, [&](double r) {
        return body(Vector(r * direction)) * r * std::exp(-0.5 * r * r) / (2.0 * pi);
      });
    });
  }
  return sum;
}

// p(x) as the header writes it, from the polynomials He_k themselves.
double evaluate_p(const DualCertificate& certificate, const Vector& x) {
  double p = 0.0;
  for (Index j = 0; j < certificate.amplitudes.size(); ++j) {
    const double z = certificate.directions.row(j).dot(x);
    double value = std::max(z, 0.0);
    double slope = z > 0.0 ? 1.0 : 0.0;
    // He_{k+1} = z He_k − k He_{k−1}, He_k' = k He_{k−1}; c_k / √k! = E relu(z) He_k(z) / k!.
    double before = 0.0;
    double current = 1.0;
    double factorial = 1.0;
    for (int k = 0; k < certificate.order; ++k) {
      if (k > 0) factorial *= k;
      const double c = k == 0   ? 1.0 / std::sqrt(2.0 * pi)
                       : k == 1 ? 0.5
                       : k % 2 == 1
                           ? 0.0
                           : (k % 4 == 2 ? 1.0 : -1.0) * std::sqrt(hermite_square(k) / factorial);
      value -= c * current;
      slope -= c * k * before;
      const double next = z * current - k * before;
      before = current;
      current = next;
    }
    p += certificate.amplitudes[j] * value + certificate.tangents.row(j).dot(x) * slope;
  }
  return p;
}

struct Shape {
  Index k;
  Index d;
  int l;
};

class Interpolation : public ::testing::TestWithParam<Shape> {};

// Values are met and tangential gradients vanish, for fewer and more directions than dimensions.
TEST_P(Interpolation, MeetsItsConditions) {
  const auto [k, d, l] = GetParam();
  const Matrix directions = random_directions(k, d, 1);
  const Vector values = random_directions(1, k, 2).row(0).transpose();
  const DualCertificate certificate = interpolate(directions, values, l);
  const Correlation at = certificate.correlate(directions);
  EXPECT_LT((at.value - values).cwiseAbs().maxCoeff(), 1e-9);
  EXPECT_LT((at.gradient - values.asDiagonal() * directions).cwiseAbs().maxCoeff(), 1e-9);
  EXPECT_GT(certificate.squared_norm, 0.0);
}

// Next to a teacher η changes to second order only: differences of values, no gradient involved.
TEST_P(Interpolation, IsFlatAtTheTeachers) {
  const auto [k, d, l] = GetParam();
  const Matrix directions = random_directions(k, d, 1);
  const DualCertificate certificate = interpolate(directions, alternating_signs(k), l);
  constexpr double step = 1e-5;
  for (Index j = 0; j < k; ++j) {
    Eigen::RowVectorXd tangent = random_directions(1, d, 3).row(0);
    tangent -= tangent.dot(directions.row(j)) * directions.row(j);
    tangent.normalize();
    const double ahead = certificate.value((directions.row(j) + step * tangent).normalized());
    const double behind = certificate.value((directions.row(j) - step * tangent).normalized());
    const double scale = 1.0 + certificate.squared_norm;
    EXPECT_LT(std::abs(ahead - behind) / (2.0 * step), 1e-6 * scale);
  }
}

// The gradient that correlate reports against central differences of value, at u of any length.
TEST_P(Interpolation, GradientMatchesDifferences) {
  const auto [k, d, l] = GetParam();
  const DualCertificate certificate =
      interpolate(random_directions(k, d, 1), alternating_signs(k), l);
  const Matrix U = 1.7 * random_directions(5, d, 4);
  const Correlation at = certificate.correlate(U);
  constexpr double step = 1e-5;
  for (Index i = 0; i < U.rows(); ++i) {
    const Vector u = U.row(i).transpose();
    EXPECT_EQ(certificate.value(u), at.value[i]);
    EXPECT_NEAR(at.gradient.row(i).dot(u), at.value[i], 1e-12 * (1.0 + certificate.squared_norm));
    for (Index c = 0; c < d; ++c) {
      Vector ahead = u;
      Vector behind = u;
      ahead[c] += step;
      behind[c] -= step;
      const double slope = (certificate.value(ahead) - certificate.value(behind)) / (2.0 * step);
      EXPECT_NEAR(at.gradient(i, c), slope, 1e-7 * (1.0 + certificate.squared_norm));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Interpolation,
                         ::testing::Values(Shape{1, 1, 2}, Shape{1, 6, 4}, Shape{2, 2, 2},
                                           Shape{3, 2, 4}, Shape{4, 20, 2}, Shape{4, 20, 4},
                                           Shape{6, 3, 4}, Shape{6, 3, 8}, Shape{5, 5, 40}),
                         [](const auto& tested) {
                           const Shape& shape = tested.param;
                           return "k" + std::to_string(shape.k) + "d" + std::to_string(shape.d) +
                                  "l" + std::to_string(shape.l);
                         });

// One direction gives η = K_ℓ(t)/K_ℓ(1), ‖p‖² = 1/K_ℓ(1): K_ℓ against its series where that
// converges fast, and at t = 1 against the tail of c_k² (terms to N, then their integral).
TEST(DualCertificate, KernelMatchesItsSeries) {
  for (const int l : {2, 4, 6, 12, 40}) {
    const DualCertificate certificate = interpolate(on_circle({0.0}), Vector::Ones(1), l);
    const double k_at_1 = 1.0 / certificate.squared_norm;
    for (const double angle : {35.0, 60.0, 80.0, 90.0, 100.0, 120.0, 145.0}) {
      const Correlation at = certificate.correlate(on_circle({angle}));
      const CircleKernel series = series_kernel(l, 400, angle * degree);
      EXPECT_NEAR(at.value[0] * k_at_1, series[0], 2e-16) << l << " " << angle;
      const Vector turned = on_circle({angle + 90.0}).row(0).transpose();
      EXPECT_NEAR(at.gradient.row(0).dot(turned) * k_at_1, series[1], 2e-15) << l << " " << angle;
    }
    constexpr int last = 20000;
    double sum = 0.0;
    for (int k = l; k <= last; k += 2) sum += hermite_square(k);
    // Half of ∫ c(k)² dk from last + 1, as k goes in steps of 2: the midpoint rule.
    const double tail = std::sqrt(2.0 / pi) / (2.0 * pi) / 3.0 * std::pow(last + 1.0, -1.5);
    EXPECT_NEAR(k_at_1, sum + tail, 1e-11) << l;
  }
}

// For ℓ = 2 the kernel is h itself, also at and next to t = ±1.
TEST(DualCertificate, OrderTwoIsTheArcKernel) {
  const DualCertificate certificate = interpolate(on_circle({0.0}), Vector::Ones(1), 2);
  for (const double angle : {0.0, 1e-12, 1e-8, 1e-4, 1.0, 45.0, 90.0, 179.0, 180.0 - 1e-7, 180.0}) {
    const Vector u = on_circle({angle}).row(0).transpose();
    EXPECT_NEAR(certificate.value(u) / certificate.squared_norm,
                arc_kernel(u, certificate.directions.row(0).transpose()), 1e-16)
        << angle;
  }
}

// At and around a teacher, where K'' diverges, gradients stay finite and go to 0 with the angle,
// on the teacher's side and on the mirrored one.
TEST(DualCertificate, GradientIsContinuousAtTheTeachers) {
  const Vector values = alternating_signs(3);
  for (const int l : {2, 4}) {
    const DualCertificate certificate = interpolate(on_circle({20.0, 75.0, 130.0}), values, l);
    for (const double side : {0.0, 180.0}) {
      for (const double offset : {0.0, 1e-16, 1e-12, 1e-9, 1e-8, 1e-7, 1e-5, 1e-3}) {
        const double angle = 75.0 + side + offset / degree;
        const Correlation at = certificate.correlate(on_circle({angle}));
        const Vector turned = on_circle({angle + 90.0}).row(0).transpose();
        ASSERT_TRUE(at.gradient.allFinite());
        EXPECT_NEAR(at.value[0], -1.0, 1e-12 + 30.0 * offset * offset);
        EXPECT_LT(std::abs(at.gradient.row(0).dot(turned)), 1e-12 + 30.0 * offset) << l << offset;
      }
    }
  }
}

// ‖p‖² and η are what the header says they are: E p² and E[p relu(u·x)] by quadrature, with p from
// its formula. p has no affine part.
TEST(DualCertificate, MatchesGaussianQuadrature) {
  for (const int l : {2, 4, 6}) {
    const DualCertificate certificate =
        interpolate(on_circle({20.0, 75.0, 130.0}), Vector(Eigen::Vector3d(1.0, -1.0, 0.5)), l);
    Matrix kinks(4, 2);
    kinks << certificate.directions, on_circle({163.0});
    const Vector u = kinks.row(3).transpose();
    const auto mean_with = [&](const auto& factor) {
      return gaussian_mean(kinks,
                           [&](const Vector& x) { return evaluate_p(certificate, x) * factor(x); });
    };
    const double energy = mean_with([&](const Vector& x) { return evaluate_p(certificate, x); });
    EXPECT_NEAR(energy / certificate.squared_norm, 1.0, 1e-7) << l;
    const double eta = mean_with([&](const Vector& x) { return std::max(u.dot(x), 0.0); });
    EXPECT_NEAR(eta, certificate.value(u), 1e-6) << l;
    EXPECT_NEAR(mean_with([](const Vector&) { return 1.0; }), 0.0, 1e-6) << l;
    EXPECT_NEAR(mean_with([](const Vector& x) { return x[1]; }), 0.0, 1e-6) << l;
  }
}

// The kernel's minimum: one more condition cannot lower ‖p‖, and one that holds already changes
// nothing.
TEST(DualCertificate, HasTheLeastNorm) {
  const std::vector<double> degrees = {20.0, 75.0, 130.0};
  const Vector values = alternating_signs(3);
  for (const int l : {2, 4}) {
    const DualCertificate certificate = interpolate(on_circle(degrees), values, l);
    const Correlation at = certificate.correlate(on_circle({165.0}));
    const Vector turned = on_circle({255.0}).row(0).transpose();
    // By symmetry 165°, half-way between two teachers, has zero slope: only its value is left.
    ASSERT_LT(std::abs(at.gradient.row(0).dot(turned)), 1e-11);
    Vector more(4);
    more << values, at.value[0];
    const Matrix directions = on_circle({20.0, 75.0, 130.0, 165.0});
    EXPECT_NEAR(interpolate(directions, more, l).squared_norm / certificate.squared_norm, 1.0,
                1e-10);
    more[3] += 0.1;
    EXPECT_GT(interpolate(directions, more, l).squared_norm, certificate.squared_norm * 1.0001);
  }
}

// Rotating or mirroring teachers, and their lengths, change nothing; scaling values scales η.
TEST(DualCertificate, HasTheSymmetriesOfTheProblem) {
  const Index d = 5;
  const Matrix directions = random_directions(4, d, 5);
  const Vector values = alternating_signs(4);
  const Matrix U = random_directions(10, d, 6);
  const DualCertificate certificate = interpolate(directions, values, 4);
  const Vector eta = certificate.correlate(U).value;

  const Eigen::MatrixXd gaussian = random_directions(d, d, 7);
  const Matrix rotation = Matrix(Eigen::HouseholderQR<Eigen::MatrixXd>(gaussian).householderQ());
  const DualCertificate rotated = interpolate(directions * rotation, values, 4);
  EXPECT_NEAR(rotated.squared_norm / certificate.squared_norm, 1.0, 1e-12);
  EXPECT_LT((rotated.correlate(U * rotation).value - eta).cwiseAbs().maxCoeff(), 1e-11);

  Matrix mirrored = 3.0 * directions;
  mirrored.row(1) = -directions.row(1);
  const DualCertificate reflected = interpolate(mirrored, values, 4);
  EXPECT_NEAR(reflected.squared_norm / certificate.squared_norm, 1.0, 1e-12);
  EXPECT_LT((reflected.correlate(U).value - eta).cwiseAbs().maxCoeff(), 1e-11);
  EXPECT_LT((certificate.correlate(-U).value - eta).cwiseAbs().maxCoeff(), 1e-13);

  const DualCertificate scaled = interpolate(directions, -2.0 * values, 4);
  EXPECT_NEAR(scaled.squared_norm / certificate.squared_norm, 4.0, 1e-12);
  EXPECT_LT((scaled.correlate(U).value + 2.0 * eta).cwiseAbs().maxCoeff(), 1e-12);
}

// The test functions g_j (docs/math.md, 7.3) are a basis of the interpolants: the certificate is
// their sum with the signs as weights.
TEST(DualCertificate, TestFunctionsAddUpToTheCertificate) {
  const Matrix directions = random_directions(3, 4, 8);
  const Vector signs = alternating_signs(3);
  const Matrix U = random_directions(10, 4, 9);
  Vector sum = Vector::Zero(U.rows());
  for (Index j = 0; j < 3; ++j) {
    const DualCertificate test = interpolate(directions, Vector::Unit(3, j), 4);
    EXPECT_LT((test.correlate(directions).value - Vector::Unit(3, j)).norm(), 1e-12);
    sum += signs[j] * test.correlate(U).value;
  }
  const Vector eta = interpolate(directions, signs, 4).correlate(U).value;
  EXPECT_LT((sum - eta).cwiseAbs().maxCoeff(), 1e-11);
}

// docs/math.md, section 8, with the exact kernel: three teachers in the plane.
TEST(DualCertificate, ReferenceValuesOfThreeTeachers) {
  const std::vector<double> degrees = {20.0, 75.0, 130.0};
  const DualCertificate fourth = interpolate(on_circle(degrees), alternating_signs(3), 4);
  const CircleBounds at_4 = circle_bounds(degrees, fourth);
  EXPECT_NEAR(at_4.rho, 1.11062, 6e-6);
  EXPECT_NEAR(at_4.rho_at_deg, 165.0, 1e-9);
  EXPECT_NEAR(at_4.sup_eta, 1.0, 1e-12);
  EXPECT_NEAR(std::sqrt(fourth.squared_norm), 17.3284, 6e-5);

  const DualCertificate second = interpolate(on_circle(degrees), alternating_signs(3), 2);
  const CircleBounds at_2 = circle_bounds(degrees, second);
  EXPECT_NEAR(at_2.rho, 0.04027, 6e-6);
  EXPECT_NEAR(at_2.rho_at_deg, 165.0, 1e-9);
  EXPECT_NEAR(std::sqrt(second.squared_norm), 12.0444, 6e-5);
}

// The same for two teachers 10° apart: with the exact kernel ℓ = 2 does not fail.
TEST(DualCertificate, ReferenceValuesOfCloseTeachers) {
  const std::vector<double> degrees = {0.0, 10.0};
  for (const auto& [l, norm] : {std::pair{2, 118.724}, std::pair{4, 118.937}}) {
    const DualCertificate certificate = interpolate(on_circle(degrees), alternating_signs(2), l);
    const CircleBounds bounds = circle_bounds(degrees, certificate);
    EXPECT_NEAR(bounds.sup_eta, 1.0, 1e-11) << l;
    EXPECT_NEAR(bounds.rho, 0.45437, 6e-6) << l;
    EXPECT_NEAR(bounds.rho_at_deg, 95.0, 1e-9) << l;
    EXPECT_NEAR(std::sqrt(certificate.squared_norm), norm, 6e-4) << l;
  }
}

// Three teachers in space where ℓ = 2 does fail and ℓ = 4 succeeds.
TEST(DualCertificate, ReferenceValuesInThreeDimensions) {
  Matrix directions(3, 3);
  directions << 1.0, 0.0, 0.0, 1.0, 0.3, 0.0, 1.0, 0.0, 0.3;
  const auto sup_eta = [&](int l) {
    const DualCertificate certificate = interpolate(directions, alternating_signs(3), l);
    // Every direction up to sign, as (1, y, z) with y = tan b, z = tan c on a grid of 1°.
    double best = 0.0;
    for (int b = -89; b < 90; ++b) {
      for (int c = -89; c < 90; ++c) {
        const Eigen::Vector3d u(1.0, std::tan(b * degree), std::tan(c * degree));
        best = std::max(best, std::abs(certificate.value(u.normalized())));
      }
    }
    return best;
  };
  EXPECT_NEAR(sup_eta(2), 1.0948, 3e-4);
  EXPECT_NEAR(sup_eta(4), 1.0, 1e-9);
}

// The library against the test's own solver in angles: as the series gets longer the truncated
// certificate goes to the exact one, as slowly as the tail of K'(1): like N^(-1/2).
TEST(DualCertificate, TruncatedSeriesApproachesTheExactKernel) {
  const std::vector<double> degrees = {20.0, 75.0, 130.0};
  const Vector signs = alternating_signs(3);
  const double exact = std::sqrt(interpolate(on_circle(degrees), signs, 4).squared_norm);
  const double coarse = CircleInterpolant(degrees, signs, 4, 8000).norm() - exact;
  const double fine = CircleInterpolant(degrees, signs, 4, 32000).norm() - exact;
  EXPECT_GT(fine, 0.0);
  EXPECT_NEAR(coarse / fine, 2.0, 0.1);
}

// Cut off at Hermite order 398, the kernel's series gives other values for the same cases: first
// computations (ρ = 1.1395, ‖p‖ = 17.3486 at ℓ = 4, and so on) had used it, and they are reproduced
// here. They differ from the exact values above by the truncation alone, and the failure at ℓ = 2
// for teachers 10° apart is an effect of it.
TEST(DualCertificate, ReferenceValuesOfTheTruncatedSeries) {
  const std::vector<double> three = {20.0, 75.0, 130.0};
  const std::vector<double> close = {0.0, 10.0};
  const auto bounds_of = [](const std::vector<double>& degrees, const CircleInterpolant& eta) {
    return circle_bounds(degrees, 2, [&](double angle) { return eta.value(angle); });
  };
  const CircleInterpolant three_4(three, alternating_signs(3), 4, 398);
  EXPECT_NEAR(bounds_of(three, three_4).rho, 1.1395, 6e-5);
  EXPECT_NEAR(three_4.norm(), 17.3486, 6e-5);
  const CircleInterpolant three_2(three, alternating_signs(3), 2, 398);
  EXPECT_NEAR(bounds_of(three, three_2).rho, 0.1534, 6e-5);
  EXPECT_NEAR(three_2.norm(), 12.2570, 6e-5);

  const CircleInterpolant close_2(close, alternating_signs(2), 2, 398);
  EXPECT_NEAR(bounds_of(close, close_2).sup_eta, 1.3669, 6e-5);
  const CircleInterpolant close_4(close, alternating_signs(2), 4, 398);
  EXPECT_NEAR(bounds_of(close, close_4).sup_eta, 1.0000, 6e-5);
}

// Misuse throws InvalidArgument, with a message that names the argument.
TEST(DualCertificate, RejectsBadArguments) {
  const Matrix directions = on_circle({20.0, 75.0});
  const Vector values = alternating_signs(2);
  const auto expect_rejected = [](const Matrix& rows, const Vector& numbers, int l,
                                  const std::string& field) {
    try {
      interpolate(rows, numbers, l);
      ADD_FAILURE() << field << " was accepted";
    } catch (const InvalidArgument& error) {
      EXPECT_THAT(error.what(), ::testing::StartsWith(field + ":"));
    }
  };
  for (const int l : {-2, 0, 1, 3, 1001, 1002}) expect_rejected(directions, values, l, "l");
  expect_rejected(Matrix(0, 2), Vector(0), 2, "directions");
  expect_rejected(Matrix(2, 0), values, 2, "directions");
  expect_rejected(directions, Vector::Ones(3), 2, "values");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_rejected(directions * nan, values, 2, "directions");
  expect_rejected(directions, values * nan, 2, "values");
  Matrix zero = directions;
  zero.row(1).setZero();
  expect_rejected(zero, values, 2, "directions");

  for (const double angle : {20.0, 200.0, 20.0 + 1e-6}) {
    expect_rejected(on_circle({20.0, angle}), values, 2, "directions");
    expect_rejected(on_circle({20.0, angle}), Vector::Ones(2), 4, "directions");
  }
  expect_rejected(Matrix::Ones(2, 1), values, 2, "directions");
  EXPECT_NO_THROW(interpolate(on_circle({20.0, 20.1}), values, 2));

  const DualCertificate certificate = interpolate(directions, values, 2);
  EXPECT_THROW(certificate.value(Vector::Ones(3)), InvalidArgument);
  EXPECT_THROW(certificate.correlate(Matrix::Ones(4, 3)), InvalidArgument);
  EXPECT_EQ(certificate.value(Vector::Zero(2)), 0.0);
  EXPECT_EQ(certificate.correlate(Matrix(0, 2)).value.size(), 0);
}

}  // namespace
}  // namespace lodestone
