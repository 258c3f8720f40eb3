// Population objective: gradients, closed forms against sampling, symmetries, accuracy at recovery.

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/objective/objective.hpp"
#include "quad.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::normal_matrix;
using support::normal_network;
using support::normal_vector;
using support::same_bits;
using support::small_teacher;
using support::ThreadCount;

double total_mass(const Teacher& teacher, const Network& network) {
  return masses(network).sum() + teacher.amplitudes.cwiseAbs().sum();
}

Matrix random_rotation(Index d, std::uint64_t seed) {
  const Eigen::MatrixXd gaussian = normal_matrix(d, d, seed);
  return Eigen::HouseholderQR<Eigen::MatrixXd>(gaussian).householderQ();
}

// Derivative by Richardson's extrapolation of central differences: error of order step⁴.
template <class Function>
double derivative(const Function& function, double step) {
  const auto central = [&](double h) { return (function(h) - function(-h)) / (2.0 * h); };
  return (4.0 * central(0.5 * step) - central(step)) / 3.0;
}

// Random neurons are far from each other and from the teachers, so L is smooth there.
TEST(PopulationObjective, GradientIsTheDerivativeOfTheLoss) {
  const PopulationObjective objective(small_teacher(5, 3, 1));
  const Network network = normal_network(6, 5, 2);
  const Evaluation at = objective.evaluate(network);
  const double size = at.gradient_W.norm() + at.gradient_a.norm();
  const auto loss_with = [&](auto change) {
    return [&network, &objective, change](double h) {
      Network moved = network;
      change(moved, h);
      return objective.evaluate(moved).loss;
    };
  };
  for (Index i = 0; i < network.width(); ++i) {
    const double da =
        derivative(loss_with([i](Network& moved, double h) { moved.a[i] += h; }), 1e-3);
    EXPECT_NEAR(at.gradient_a[i], da, 1e-10 * size) << i;
    for (Index j = 0; j < 5; ++j) {
      const double dw =
          derivative(loss_with([i, j](Network& moved, double h) { moved.W(i, j) += h; }), 1e-3);
      EXPECT_NEAR(at.gradient_W(i, j), dw, 1e-10 * size) << i << " " << j;
    }
  }
}

TEST(PopulationObjective, CorrelationGradientIsItsDerivative) {
  const PopulationObjective objective(small_teacher(5, 3, 3));
  const auto residual = objective.residual(normal_network(6, 5, 4));
  const Matrix U = normal_matrix(9, 5, 5);
  const Correlation at = residual->correlate(U);
  for (Index p = 0; p < U.rows(); ++p) {
    EXPECT_NEAR(at.gradient.row(p).dot(U.row(p)), at.value[p], 1e-14);
    for (Index j = 0; j < 5; ++j) {
      const auto value = [&](double h) {
        Matrix moved = U.row(p);
        moved(0, j) += h;
        return residual->correlate(moved).value[0];
      };
      EXPECT_NEAR(at.gradient(p, j), derivative(value, 1e-3), 1e-10) << p << " " << j;
    }
  }
}

// The neurons' own correlations are the gradient: ∂L/∂w_i = a_i ∇C(w_i), ∂L/∂a_i = C(w_i).
TEST(PopulationObjective, ResidualAgreesWithEvaluate) {
  const PopulationObjective objective(small_teacher(6, 4, 6));
  const Network network = normal_network(17, 6, 7);
  const Evaluation at = objective.evaluate(network);
  const auto residual = objective.residual(network);
  const Correlation own = residual->correlate(network.W);
  const double allowed = 1e-15 * std::pow(total_mass(objective.teacher(), network), 2);
  EXPECT_NEAR(residual->energy(), 2.0 * at.loss, allowed);
  EXPECT_LT((own.value - at.gradient_a).norm(), allowed);
  EXPECT_LT((network.a.asDiagonal() * own.gradient - at.gradient_W).norm(), allowed);
  // −E (f − y) y = −Σ_j a*_j C(w*_j), up to sign: y is a sum of teachers.
  const Correlation teachers = residual->correlate(objective.teacher().directions);
  EXPECT_NEAR(residual->target_product(), -objective.teacher().amplitudes.dot(teachers.value),
              allowed);
  EXPECT_EQ(residual->correlate(Matrix::Zero(2, 6)).value, Vector::Zero(2));
  EXPECT_EQ(residual->correlate(Matrix(0, 6)).value.size(), 0);
}

// With the directions fixed, L is the quadratic of feature_gram, and E (f − y) σ_i its gradient.
TEST(PopulationObjective, FeatureGramIsTheQuadraticInTheOutputWeights) {
  const PopulationObjective objective(small_teacher(6, 4, 8));
  Network network = normal_network(12, 6, 9);
  network.W.row(5) = -2.0 * network.W.row(4);  // the mirror image of a neuron
  const FeatureGram gram = objective.feature_gram(network.W);
  const double allowed = 1e-15 * std::pow(total_mass(objective.teacher(), network), 2);
  EXPECT_NEAR(
      0.5 * network.a.dot(gram.K * network.a) - gram.b.dot(network.a) + objective.null_loss(),
      objective.evaluate(network).loss, allowed);
  const Vector value = objective.residual(network)->correlate(network.W).value;
  EXPECT_LT((gram.K * network.a - gram.b - value).norm(), allowed);
  EXPECT_LT((gram.K.col(5) - 2.0 * gram.K.col(4)).norm(), 1e-14);
  EXPECT_TRUE(same_bits(gram.K, Matrix(gram.K.transpose())));
}

// Every closed form against a mean over rows. Five standard errors: about 120 comparisons at 6e-7
// each, a false alarm in 1 of 14000 seeds; this seed is fixed.
TEST(PopulationObjective, ClosedFormsMatchSampling) {
  constexpr Index n = 100000;
  constexpr Index d = 4;
  const Teacher teacher = small_teacher(d, 3, 10);
  const PopulationObjective objective(teacher);
  const Network network = normal_network(5, d, 11);
  const Affine affine = objective.affine(network);
  const Evaluation at = objective.evaluate(network);
  const auto residual = objective.residual(network);
  const Matrix U = normal_matrix(3, d, 12);
  const Correlation along = residual->correlate(U);
  const FeatureGram gram = objective.feature_gram(U);
  const double root_two_pi = std::sqrt(2.0 * std::numbers::pi);

  std::vector<double> exact;
  const auto expect = [&](const auto& values) {
    for (Index i = 0; i < values.size(); ++i) exact.push_back(values.data()[i]);
  };
  expect(Vector{{at.loss, residual->energy(), residual->target_product(), 0.0}});
  expect(Vector(Vector::Zero(d)));
  expect(at.gradient_a);
  expect(at.gradient_W);
  expect(along.value);
  expect(along.gradient);
  expect(gram.b);
  expect(gram.K);

  const Matrix X = normal_matrix(n, d, 13, "rows");
  const auto terms = static_cast<Index>(exact.size());
  Vector sum = Vector::Zero(terms);
  Vector squares = Vector::Zero(terms);
  std::vector<double> now;
  for (Index t = 0; t < n; ++t) {
    const Vector x = X.row(t);
    const auto relu = [](const Vector& z) { return Vector(z.cwiseMax(0.0)); };
    const Vector z = network.W * x;
    const Vector neurons = relu(z);
    const Vector teachers = relu(teacher.directions * x);
    const Vector along_z = U * x;
    // y and the features without their affine parts (docs/math.md, 2.1).
    const double y = teacher.amplitudes.dot(teachers) - teacher.amplitudes.sum() / root_two_pi -
                     0.5 * teacher.amplitudes.dot(teacher.directions * x);
    const Vector features = relu(along_z) - U.rowwise().norm() / root_two_pi - 0.5 * along_z;
    const double R = network.a.dot(neurons) + affine.alpha + affine.beta.dot(x) -
                     teacher.amplitudes.dot(teachers);
    now.clear();
    const auto add = [&](const auto& values) {
      for (Index i = 0; i < values.size(); ++i) now.push_back(values.data()[i]);
    };
    add(Vector{{0.5 * R * R, R * R, -R * y, R}});
    add(Vector(R * x));
    add(Vector(R * neurons));
    const Vector on = (z.array() > 0.0).cast<double>();
    add(Matrix(R * network.a.cwiseProduct(on) * x.transpose()));
    add(Vector(R * relu(along_z)));
    add(Matrix(R * Vector((along_z.array() > 0.0).cast<double>()) * x.transpose()));
    add(Vector(y * features));
    add(Matrix(features * features.transpose()));
    for (Index i = 0; i < terms; ++i) {
      const double value = now[static_cast<std::size_t>(i)];
      sum[i] += value;
      squares[i] += value * value;
    }
  }
  for (Index i = 0; i < terms; ++i) {
    const double mean = sum[i] / static_cast<double>(n);
    const double variance = squares[i] / static_cast<double>(n) - mean * mean;
    const double error = std::sqrt(variance / static_cast<double>(n));
    EXPECT_NEAR(mean, exact[static_cast<std::size_t>(i)], 5.0 * error) << "term " << i;
    EXPECT_LT(error, 0.05) << "term " << i;
  }
}

// One dimension: f = a relu(wx) with its affine part is ½a|w|·|x| − a|w|/√(2π) + …, all by hand.
TEST(PopulationObjective, OneDimensionByHand) {
  const Teacher teacher{Matrix::Ones(1, 1), Vector::Constant(1, 2.0)};
  const PopulationObjective objective(teacher);
  const Network network{Vector::Constant(1, -1.5), Matrix::Constant(1, 1, -3.0)};
  const Affine affine = objective.affine(network);
  const double root_two_pi = std::sqrt(2.0 * std::numbers::pi);
  EXPECT_NEAR(affine.alpha, (4.5 + 2.0) / root_two_pi, 1e-15);
  EXPECT_NEAR(affine.beta[0], -0.5 * (4.5 - 2.0), 1e-15);
  // Weight of |x|/2 in the residual: −4.5 − 2; the variance of |x|/2 is ¼(1 − 2/π).
  EXPECT_NEAR(objective.loss(network), 0.5 * 6.5 * 6.5 * 0.25 * (1.0 - 2.0 / std::numbers::pi),
              1e-14);
}

// (s a, w/s) is the same function; scaling the target by c and the network by √c scales L by c².
TEST(PopulationObjective, Homogeneity) {
  const Teacher teacher = small_teacher(5, 3, 14);
  const PopulationObjective objective(teacher);
  const Network network = normal_network(8, 5, 15);
  const Evaluation at = objective.evaluate(network);
  for (const double s : {1e-6, 0.3, 4.0, 1e5}) {
    const Evaluation moved = objective.evaluate({s * network.a, network.W / s});
    EXPECT_NEAR(moved.loss, at.loss, 1e-13 * at.loss);
    EXPECT_LT((moved.gradient_a * s - at.gradient_a).norm(), 1e-13 * at.gradient_a.norm());
    EXPECT_LT((moved.gradient_W / s - at.gradient_W).norm(), 1e-13 * at.gradient_W.norm());
  }
  for (const double c : {1e-8, 0.2, 1e6}) {
    Teacher scaled = teacher;
    scaled.amplitudes *= c;
    const PopulationObjective other(scaled);
    const Evaluation there = other.evaluate({std::sqrt(c) * network.a, std::sqrt(c) * network.W});
    EXPECT_NEAR(there.loss, c * c * at.loss, 1e-13 * c * c * at.loss);
    EXPECT_LT((there.gradient_W - std::pow(c, 1.5) * at.gradient_W).norm(),
              1e-13 * std::pow(c, 1.5) * at.gradient_W.norm());
    EXPECT_NEAR(other.null_loss(), c * c * objective.null_loss(), 1e-13 * c * c);
  }
}

TEST(PopulationObjective, RotationInvariance) {
  const Teacher teacher = small_teacher(6, 3, 16);
  const Network network = normal_network(7, 6, 17);
  const Matrix Q = random_rotation(6, 18);
  const PopulationObjective objective(teacher);
  const PopulationObjective rotated({teacher.directions * Q, teacher.amplitudes});
  const Evaluation at = objective.evaluate(network);
  const Evaluation there = rotated.evaluate({network.a, network.W * Q});
  EXPECT_NEAR(there.loss, at.loss, 1e-13 * at.loss);
  EXPECT_LT((there.gradient_W - at.gradient_W * Q).norm(), 1e-13 * at.gradient_W.norm());
  EXPECT_LT((there.gradient_a - at.gradient_a).norm(), 1e-13 * at.gradient_a.norm());
  const Affine affine = objective.affine(network);
  const Affine affine_there = rotated.affine({network.a, network.W * Q});
  EXPECT_NEAR(affine_there.alpha, affine.alpha, 1e-14);
  EXPECT_LT((affine_there.beta - Q.transpose() * affine.beta).norm(), 1e-13);
}

// Mirroring a neuron is a linear change, which β takes up; negating both sides changes nothing.
TEST(PopulationObjective, MirrorAndSignSymmetry) {
  const Teacher teacher = small_teacher(5, 3, 19);
  const PopulationObjective objective(teacher);
  const Network network = normal_network(6, 5, 20);
  const Evaluation at = objective.evaluate(network);
  Network mirrored = network;
  mirrored.W.row(2) *= -1.0;
  const Evaluation there = objective.evaluate(mirrored);
  EXPECT_NEAR(there.loss, at.loss, 1e-14 * at.loss);
  EXPECT_NEAR(there.gradient_a[2], at.gradient_a[2], 1e-14 * at.gradient_a.norm());
  Matrix expected = at.gradient_W;
  expected.row(2) *= -1.0;
  EXPECT_LT((there.gradient_W - expected).norm(), 1e-14 * expected.norm());
  const Vector moved = objective.affine(mirrored).beta - objective.affine(network).beta;
  EXPECT_LT((moved - network.a[2] * network.W.row(2).transpose()).norm(), 1e-13);

  const PopulationObjective negative({teacher.directions, -teacher.amplitudes});
  EXPECT_NEAR(negative.evaluate({-network.a, network.W}).loss, at.loss, 1e-14 * at.loss);
}

// Angles of exactly 0 and 180 degrees, repeated and zero neurons, very long and short ones.
TEST(PopulationObjective, FiniteWhereDirectionsMeet) {
  const Teacher teacher = small_teacher(4, 2, 21);
  const PopulationObjective objective(teacher);
  Network network{Vector::Ones(8), Matrix(8, 4)};
  network.W << teacher.directions, -teacher.directions, teacher.directions.row(0) * 1e-170,
      teacher.directions.row(1) * 1e130, Eigen::RowVector4d::Zero(), Eigen::RowVector4d::Unit(2);
  network.a[5] = 1e-130;
  network.a[7] = 0.0;
  const Evaluation at = objective.evaluate(network);
  EXPECT_TRUE(std::isfinite(at.loss));
  EXPECT_TRUE(at.gradient_a.allFinite());
  EXPECT_TRUE(at.gradient_W.allFinite());
  EXPECT_EQ(at.gradient_a[6], 0.0) << "a neuron with w = 0 is off everywhere";
  EXPECT_EQ(at.gradient_W.row(7).norm(), 0.0) << "a neuron with a = 0 moves nothing";
  EXPECT_TRUE(std::isfinite(objective.loss(network)));
  EXPECT_TRUE(objective.feature_gram(network.W).K.allFinite());
  EXPECT_TRUE(objective.residual(network)->correlate(network.W).gradient.allFinite());
}

// A network with a number that is not finite has no loss; above all not a perfect one.
TEST(PopulationObjective, LossOfANetworkWithNaNIsNaN) {
  const PopulationObjective objective(small_teacher(3, 2, 22));
  Network network = normal_network(4, 3, 23);
  network.W(1, 1) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(objective.evaluate(network).loss));
  EXPECT_TRUE(std::isnan(objective.loss(network)));
  EXPECT_TRUE(std::isnan(objective.residual(network)->energy()));
}

TEST(PopulationObjective, RejectsNetworksOfAnotherDimension) {
  const PopulationObjective objective(small_teacher(3, 2, 24));
  EXPECT_THROW(objective.evaluate(normal_network(4, 2, 1)), InvalidArgument);
  EXPECT_THROW(objective.residual(normal_network(4, 5, 1)), InvalidArgument);
  EXPECT_THROW(objective.affine({Vector::Ones(3), Matrix::Ones(2, 3)}), InvalidArgument);
}

// Students that are teachers, split into `parts` neurons with directions within about `spread`
// radians and masses within about `spread`; every third neuron mirrored, layers out of balance.
Network nearly_recovered(const Teacher& teacher, Index parts, double spread, std::uint64_t seed) {
  const Index k = teacher.neurons();
  const Index d = teacher.dimension();
  const Matrix noise = normal_matrix(k * parts, d, seed, "spread");
  const Vector mass_noise = normal_vector(k * parts, seed, "mass");
  Network network{Vector(k * parts), Matrix(k * parts, d)};
  for (Index i = 0; i < k * parts; ++i) {
    const Index j = i / parts;
    const double scale = 1.0 + 0.3 * static_cast<double>(i % 4);
    network.W.row(i) = scale * (teacher.directions.row(j) + spread * noise.row(i));
    if (i % 3 == 2) network.W.row(i) *= -1.0;
    network.a[i] = teacher.amplitudes[j] / static_cast<double>(parts) / scale *
                   (1.0 + 0.3 * spread * mass_noise[i]);
  }
  return network;
}

// The quadruple-precision references agree with each other to far more digits than are asked of
// the library.
TEST(PopulationObjective, ReferencesAgree) {
  const Teacher teacher = small_teacher(2, 3, 25, 20.0);
  for (const double spread : {1e-1, 1e-4, 1e-8, 1e-11}) {
    const Network network = nearly_recovered(teacher, 4, spread, 26);
    const quad::Quad plane = quad::in_the_plane(teacher, network).loss;
    const quad::Quad pairs = quad::loss(teacher, network);
    EXPECT_LT(std::abs(static_cast<double>((plane - pairs) / plane)), 1e-8) << spread;
  }
  EXPECT_EQ(static_cast<double>(quad::pi()), std::numbers::pi);
  EXPECT_NEAR(static_cast<double>(quad::pi() - quad::Quad(std::numbers::pi)),
              1.2246467991473532e-16, 1e-31);
}

// L from 1e-2 down to 1e-25 against the integral over angles, and the gradient, whose error is
// rounding times the masses at every angle (docs/math.md, 2.3).
TEST(PopulationObjective, AccurateAtRecoveryInThePlane) {
  const Teacher teacher = small_teacher(2, 3, 27, 20.0);
  const PopulationObjective objective(teacher);
  double smallest = 1.0;
  for (int exponent = 1; exponent <= 12; ++exponent) {
    const double spread = std::pow(10.0, -exponent);
    const Network network = nearly_recovered(teacher, 5, spread, 28);
    const quad::Reference exact = quad::in_the_plane(teacher, network);
    const auto loss = static_cast<double>(exact.loss);
    smallest = std::min(smallest, loss);
    EXPECT_NEAR(objective.loss(network), loss, 1e-6 * loss) << spread;
    EXPECT_NEAR(population_loss_binary128(teacher, network), loss, 1e-7 * loss) << spread;

    const Evaluation at = objective.evaluate(network);
    const double mass = total_mass(teacher, network);
    constexpr double epsilon = std::numeric_limits<double>::epsilon();
    EXPECT_NEAR(at.loss, loss, epsilon * mass * mass) << spread;
    Matrix expected(network.width(), 2);
    for (Index i = 0; i < network.width(); ++i) {
      for (Index j = 0; j < 2; ++j) {
        const quad::Quad component =
            exact.G[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
        expected(i, j) = network.a[i] * static_cast<double>(component);
      }
      EXPECT_LT((at.gradient_W.row(i) - expected.row(i)).norm(),
                epsilon * std::abs(network.a[i]) * mass)
          << spread << " neuron " << i;
    }
    if (spread >= 1e-9) {
      EXPECT_LT((at.gradient_W - expected).norm(), 1e-6 * expected.norm()) << spread;
    }
  }
  EXPECT_LT(smallest, 1e-23);
}

// The same beyond the plane, against the other reference.
TEST(PopulationObjective, AccurateAtRecoveryInSevenDimensions) {
  const Teacher teacher = small_teacher(7, 4, 29);
  const PopulationObjective objective(teacher);
  for (const double spread : {1e-1, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 1e-12}) {
    const Network network = nearly_recovered(teacher, 3, spread, 30);
    const auto loss = static_cast<double>(quad::loss(teacher, network));
    EXPECT_GT(loss, 0.0);
    EXPECT_LT(loss, 10.0 * spread * spread);
    EXPECT_NEAR(objective.loss(network), loss, 1e-6 * loss) << spread;
  }
}

// Errors in masses alone and in angles alone, down to single changes of one part in 10^12.
TEST(PopulationObjective, AccurateForASingleError) {
  const Teacher teacher = small_teacher(2, 3, 31, 20.0);
  const PopulationObjective objective(teacher);
  for (const double error : {1e-3, 1e-6, 1e-9, 1e-12}) {
    Network network{teacher.amplitudes, teacher.directions};
    network.a[1] *= 1.0 + error;
    const auto mass_loss = static_cast<double>(quad::in_the_plane(teacher, network).loss);
    EXPECT_NEAR(objective.loss(network), mass_loss, 1e-6 * mass_loss) << error;
    network.a = teacher.amplitudes;
    network.W(0, 0) += error;
    const auto angle_loss = static_cast<double>(quad::in_the_plane(teacher, network).loss);
    EXPECT_NEAR(objective.loss(network), angle_loss, 1e-6 * angle_loss) << error;
  }
}

TEST(PopulationObjective, LossIsNeverNegative) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Teacher teacher = small_teacher(4, 3, 40 + seed);
    const PopulationObjective objective(teacher);
    const Network exact{teacher.amplitudes, teacher.directions};
    EXPECT_GE(objective.evaluate(exact).loss, 0.0);
    EXPECT_GE(objective.loss(exact), 0.0);
    EXPECT_LT(objective.loss(exact), 1e-31);
    const Network close = nearly_recovered(teacher, 2, 1e-17, seed);
    EXPECT_GE(objective.evaluate(close).loss, 0.0);
    EXPECT_GE(objective.loss(close), 0.0);
    EXPECT_GE(objective.residual(close)->energy(), 0.0);
  }
}

TEST(PopulationObjective, BitsDoNotDependOnThreads) {
  const PopulationObjective objective(small_teacher(6, 4, 80));
  const Network network = normal_network(77, 6, 81);
  const Network close = nearly_recovered(objective.teacher(), 9, 1e-9, 82);
  const auto compute = [&](int threads) {
    const ThreadCount count(threads);
    const Evaluation at = objective.evaluate(network);
    const FeatureGram gram = objective.feature_gram(network.W);
    Matrix all(1, 2);
    all << at.loss, objective.loss(close);
    return std::array<Matrix, 4>{all, at.gradient_W, at.gradient_a, gram.K};
  };
  const auto one = compute(1);
  for (const int threads : {2, 3, 5}) {
    const auto more = compute(threads);
    for (std::size_t i = 0; i < one.size(); ++i) {
      EXPECT_TRUE(same_bits(one[i], more[i])) << threads << " threads, item " << i;
    }
  }
}

}  // namespace
}  // namespace lodestone
