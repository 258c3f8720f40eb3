// Values of docs/math.md, section 8, recomputed by the library. The rows on the interpolated dual
// certificates are in dual_certificate_test.cpp.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/theory/dual_certificate.hpp"
#include "objective/arc_kernel.hpp"

namespace lodestone {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double h_0 = 0.09084505690810465;

Teacher orthonormal_teacher(Index k) { return {Matrix::Identity(k, k), Vector::Ones(k)}; }

Vector at_angle(double angle) { return Vector{{std::cos(angle), std::sin(angle)}}; }

Network one_neuron(double a, const Vector& w) {
  return {Vector::Constant(1, a), Matrix(w.transpose())};
}

// E (f − f_*)² when the student has no affine part. What L leaves out is the affine part of
// f_* − f, and that is orthogonal to the rest.
double full_error(const PopulationObjective& objective, const Network& network) {
  const Affine missing = objective.affine(network);
  return 2.0 * objective.evaluate(network).loss + missing.alpha * missing.alpha +
         missing.beta.squaredNorm();
}

// Compass search for the neuron w with output weight a that minimizes full_error. Direction and
// amplitude are both in w: a·relu(w·x) has amplitude a‖w‖.
double best_single_neuron(const PopulationObjective& objective, double a, Vector w) {
  double best = full_error(objective, one_neuron(a, w));
  for (double step = 0.5; step > 1e-8; step *= 0.5) {
    for (bool improved = true; improved;) {
      improved = false;
      for (Index c = 0; c < w.size(); ++c) {
        for (const double side : {step, -step}) {
          Vector trial = w;
          trial[c] += side;
          const double error = full_error(objective, one_neuron(a, trial));
          if (error < best) {
            best = error;
            w = trial;
            improved = true;
          }
        }
      }
    }
  }
  return best;
}

// h(0) and h(π/3), from the kernel and from the Gram matrix of an objective.
TEST(ReferenceValues, Kernel) {
  const Vector first = at_angle(0.0);
  EXPECT_NEAR(arc_kernel(first, first), h_0, 1e-16);
  EXPECT_NEAR(arc_kernel(first, at_angle(pi / 3.0)), 0.020343947430219, 6e-16);
  EXPECT_NEAR(arc_kernel(first, at_angle(2.0 * pi / 3.0)), 0.020343947430219, 6e-16);
  EXPECT_NEAR(arc_kernel(first, at_angle(pi / 2.0)), 0.0, 1e-16);
  Matrix directions(2, 2);
  directions << at_angle(0.2).transpose(), at_angle(0.2 + pi / 3.0).transpose();
  const FeatureGram gram = PopulationObjective(orthonormal_teacher(2)).feature_gram(directions);
  EXPECT_NEAR(gram.K(0, 0), h_0, 2e-16);
  EXPECT_NEAR(gram.K(0, 1), 0.020343947430219, 6e-16);
}

// h(0) − h(θ) = θ²/8 − θ³/(6π) − θ⁴/96 + θ⁵/(60π) + …: the loss of a student at angle θ from its
// one teacher, down to angles where the difference of two values of h has no digits left.
TEST(ReferenceValues, KernelExpansionAtSmallAngles) {
  const PopulationObjective objective({Matrix(at_angle(0.0).transpose()), Vector::Ones(1)});
  for (const double theta : {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1}) {
    const double square = theta * theta;
    const double three_terms = square / 8.0 - square * theta / (6.0 * pi) - square * square / 96.0;
    const double fourth = square * square * theta / (60.0 * pi);
    const double loss = objective.loss(one_neuron(1.0, at_angle(theta)));
    EXPECT_NEAR(loss, three_terms + fourth, 2e-9 * square + square * square * square / 2000.0)
        << theta;
    EXPECT_LE(loss, square / 8.0) << theta;
    const double difference =
        arc_kernel(at_angle(0.0), at_angle(0.0)) - arc_kernel(at_angle(0.0), at_angle(theta));
    EXPECT_NEAR(difference, loss, 1e-16) << theta;
  }
}

// L of the student without neurons, or with neurons of no output: ½·4·h(0) for k = 4.
TEST(ReferenceValues, ZeroStudent) {
  const PopulationObjective objective(orthonormal_teacher(4));
  EXPECT_NEAR(objective.null_loss(), 0.18169011381621, 6e-15);
  EXPECT_NEAR(objective.evaluate({Vector(0), Matrix(0, 4)}).loss, 0.18169011381621, 6e-15);
  EXPECT_NEAR(objective.loss(one_neuron(0.0, Vector::Ones(4))), 0.18169011381621, 6e-15);
}

// E f_*² = k/2 + k(k−1)/(2π), affine part kept: variance plus squared mean, and the error of the
// zero student.
TEST(ReferenceValues, SquaredNormOfTheTarget) {
  const auto squared_norm_of = [](Index k) {
    const Teacher teacher = orthonormal_teacher(k);
    const double mean = teacher.amplitudes.sum() / std::sqrt(2.0 * pi);
    return target_variance(teacher) + mean * mean;
  };
  EXPECT_NEAR(squared_norm_of(2), 1.3183098861837907, 1e-15);
  EXPECT_NEAR(squared_norm_of(4), 3.909859317102744, 2e-15);
  for (const Index k : {2, 4}) {
    const PopulationObjective objective(orthonormal_teacher(k));
    EXPECT_NEAR(full_error(objective, {Vector(0), Matrix(0, k)}), squared_norm_of(k), 4e-15);
  }
}

// The best single ReLU neuron without affine part, over direction and amplitude: found by search
// from several starts, and by the closed form with the teachers' mean direction.
TEST(ReferenceValues, BestSingleNeuron) {
  const auto search = [](Index k) {
    const PopulationObjective objective(orthonormal_teacher(k));
    Vector start = Vector::LinSpaced(k, 0.9, 0.1);
    double best = best_single_neuron(objective, 1.0, start);
    EXPECT_GT(best_single_neuron(objective, -1.0, start), best + 0.1) << "negative amplitude";
    start[0] = -0.5;
    return std::min(best, best_single_neuron(objective, 1.0, start));
  };
  EXPECT_NEAR(search(2), 0.177023873266, 6e-13);
  EXPECT_NEAR(search(3), 0.484710060482, 6e-13);
  for (const auto& [k, value] : {std::pair{2, 0.177023873266}, std::pair{3, 0.484710060482}}) {
    const double cosine = 1.0 / std::sqrt(k);
    const double theta = std::acos(cosine);
    const double kappa = (std::sin(theta) + (pi - theta) * cosine) / (2.0 * pi);
    const PopulationObjective objective(orthonormal_teacher(k));
    // a minimizes a²/2 − 2akκ + E f_*².
    const double error =
        full_error(objective, one_neuron(2.0 * k * kappa, Vector::Constant(k, cosine)));
    EXPECT_NEAR(error, value, 6e-13) << k;
  }
}

// One teacher with λ = 0.01: the optimum of docs/math.md, 6.2, is stationary, has the stated L and
// P_λ, and is certified.
TEST(ReferenceValues, OptimumForOneTeacher) {
  const double lambda = 0.01;
  const Vector direction = at_angle(0.7);
  const PopulationObjective objective({Matrix(direction.transpose()), Vector::Ones(1)});
  const double root = std::sqrt(1.0 - lambda / h_0);
  const Network network = one_neuron(root, root * direction);
  const Evaluation at = objective.evaluate(network);
  EXPECT_NEAR(at.loss, 0.000550387678776822, 1e-16);
  EXPECT_NEAR(at.loss + 0.5 * lambda * squared_norm(network), 0.009449612321223178, 1e-16);
  EXPECT_NEAR(at.gradient_a[0] + lambda * network.a[0], 0.0, 1e-16);
  EXPECT_LT((at.gradient_W + lambda * network.W).norm(), 1e-16);
  const Certificate certificate = estimate_certificate(objective, network, lambda);
  EXPECT_NEAR(certificate.sup_eta, 1.0, 1e-13);
  EXPECT_NEAR(certificate.gap, 0.0, 1e-9 * lambda);  // what an estimate leaves open
}

// Three teachers: L/λ² at the optimum of P_λ, found by gradient descent from the teachers and
// certified, as it goes to ½‖p_0‖² with λ.
TEST(ReferenceValues, LossAtTheOptimumForSmallPenalties) {
  Teacher teacher{Matrix(3, 2), Vector{{1.0, -0.8, 1.2}}};
  for (Index j = 0; j < 3; ++j) {
    teacher.directions.row(j) = at_angle((20.0 + 55.0 * static_cast<double>(j)) * pi / 180.0);
  }
  const PopulationObjective objective(teacher);
  for (const auto& [lambda, value] :
       {std::pair{1e-2, 48.9374}, std::pair{1e-3, 69.5105}, std::pair{1e-4, 72.2232}}) {
    Network network{teacher.amplitudes, teacher.directions};
    balance(network);
    for (int step = 0; step < 20000; ++step) {
      const Evaluation at = objective.evaluate(network);
      network.a -= at.gradient_a + lambda * network.a;
      network.W -= at.gradient_W + lambda * network.W;
    }
    EXPECT_NEAR(objective.loss(network) / (lambda * lambda), value, 6e-5) << lambda;
    EXPECT_NEAR(estimate_certificate(objective, network, lambda).sup_eta, 1.0, 1e-9) << lambda;
  }
  const double limit =
      0.5 * interpolate(teacher.directions, teacher.amplitudes.cwiseSign(), 2).squared_norm;
  EXPECT_NEAR(limit, 72.5341, 6e-5);
}

}  // namespace
}  // namespace lodestone
