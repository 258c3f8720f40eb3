// Several outputs that share their directions: objective, amplitudes, path and certificate.

#include "lodestone/objective/shared.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/path/path.hpp"
#include "path/descent.hpp"
#include "path/group_set.hpp"
#include "several_outputs.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::normal_matrix;
using support::normal_vector;
using support::same_bits;
using support::several_classes;
using support::several_targets;
using support::shared_network;
using support::ThreadCount;

// ---- networks

TEST(SharedNetwork, MergesToTheSumOfWhatPointsTheSameWay) {
  Matrix W{{1.0, 0.0}, {2.0, 0.002}, {0.0, 1.0}};
  const Matrix A{{1.0, 0.0}, {0.0, 3.0}, {1.0, 1.0}};
  const Network merged = lodestone::merged(with_outputs(A, W), 1.0);
  ASSERT_EQ(merged.width(), 2);
  const Matrix first = masses(merged)[0] * merged.S.row(0);
  EXPECT_NEAR(first(0, 0), 1.0, 1e-12);
  EXPECT_NEAR(first(0, 1), 6.0, 1e-5);
  EXPECT_NEAR(merged.a[0], merged.W.row(0).norm(), 1e-12);
}

// ---- the objective

TEST(SharedObjective, IsTheSumOverItsTargets) {
  SampleData data = several_targets(500, 4, 3, 1);
  data.weights = normal_vector(500, 1, "weights").cwiseAbs();
  const SharedObjective shared(data);
  const Network network = shared_network(6, 5, 3, 1);
  double loss = 0.0;
  double null_loss = 0.0;
  const std::vector<Affine> affines = shared.affines(network);
  const FeatureGram gram = shared.feature_gram(network.W);
  const Evaluation evaluation = shared.evaluate(network);
  Matrix gradient_W = Matrix::Zero(6, 5);
  for (Index k = 0; k < 3; ++k) {
    SampleData one{data.X, data.Y.col(k), data.weights, true};
    const SampleObjective objective(one);
    const Network output = output_of(network, k);
    loss += objective.loss(output);
    null_loss += objective.null_loss();
    EXPECT_NEAR(affines[static_cast<std::size_t>(k)].alpha, objective.affine(output).alpha, 1e-12);
    const FeatureGram own = objective.feature_gram(network.W);
    EXPECT_LE((gram.K - own.K).norm(), 1e-12 * own.K.norm());
    EXPECT_LE((gram.B.col(k) - own.b).norm(), 1e-12 * own.b.norm());
    const Evaluation at = objective.evaluate(output);
    EXPECT_LE((evaluation.gradient_A.col(k) - at.gradient_a).norm(), 1e-12 * at.gradient_a.norm());
    gradient_W += at.gradient_W;
  }
  EXPECT_NEAR(shared.loss(network), loss, 1e-12 * loss);
  EXPECT_NEAR(evaluation.loss, loss, 1e-12 * loss);
  EXPECT_NEAR(shared.null_loss(), null_loss, 1e-12 * null_loss);
  EXPECT_LE((evaluation.gradient_W - gradient_W).norm(), 1e-12 * gradient_W.norm());
}

TEST(SharedObjective, FieldIsTheLengthOverOutputs) {
  for (const bool classes : {false, true}) {
    SampleData data = classes ? several_classes(500, 4, 3, 2) : several_targets(500, 4, 3, 2);
    for (const Precision precision : {Precision::float64, Precision::float32}) {
      data.precision = precision;
      const SharedObjective shared(data);
      const Network network = shared_network(5, 5, 3, 2);
      const auto residual = shared.residual(network);
      const Matrix U = unit_directions(normal_matrix(9, 5, 2, "directions"));
      const Correlation at = residual->correlate(U);
      const Matrix x = residual->row_points();
      const double rounding = precision == Precision::float64 ? 1e-12 : 1e-5;
      for (Index i = 0; i < 9; ++i) {
        // The touching form has the field's value and gradient there.
        const Vector weights = residual->row_weights(U.row(i).transpose());
        Vector gradient = Vector::Zero(5);
        for (Index t = 0; t < 500; ++t) {
          if (x.row(t).dot(U.row(i)) > 0.0) gradient += weights[t] * x.row(t).transpose();
        }
        EXPECT_NEAR(at.value[i], gradient.dot(U.row(i).transpose()), rounding * at.value[i]);
        EXPECT_LE((at.gradient.row(i).transpose() - gradient).norm(), rounding * gradient.norm());
        // And is nowhere above it.
        const Vector others = residual->correlate(U).value;
        for (Index j = 0; j < 9; ++j) {
          double form = 0.0;
          for (Index t = 0; t < 500; ++t) {
            form += weights[t] * std::max(0.0, x.row(t).dot(U.row(j)));
          }
          EXPECT_LE(std::abs(form), others[j] * (1.0 + rounding) + rounding);
        }
      }
      if (const auto rough = residual->in_float32()) {
        const Correlation near = rough->correlate(U);
        EXPECT_LE((near.value - at.value).norm(), 1e-5 * at.value.norm());
        EXPECT_LE((near.gradient - at.gradient).norm(), 1e-5 * at.gradient.norm());
      }
    }
  }
}

TEST(SharedObjective, GradientsOfClassesAreThoseOfTheLoss) {
  const SharedObjective shared(several_classes(400, 3, 4, 3));
  const Network network = shared_network(4, 4, 4, 3);
  const Evaluation at = shared.evaluate(network);
  const Matrix A = output_weights(network);
  const double h = 1e-6;
  const auto loss_at = [&](const Matrix& outputs, const Matrix& W) {
    return shared.loss(with_outputs(outputs, W));
  };
  for (Index i = 0; i < 4; ++i) {
    for (Index k = 0; k < 4; ++k) {
      Matrix more = A;
      Matrix less = A;
      more(i, k) += h;
      less(i, k) -= h;
      const double slope = (loss_at(more, network.W) - loss_at(less, network.W)) / (2.0 * h);
      EXPECT_NEAR(at.gradient_A(i, k), slope, 1e-6);
      more = less = network.W;
      more(i, k) += h;
      less(i, k) -= h;
      const double across = (loss_at(A, more) - loss_at(A, less)) / (2.0 * h);
      EXPECT_NEAR(at.gradient_W(i, k), across, 1e-5);  // a row at a kink jumps by 1/n
    }
  }
}

TEST(SharedObjective, AffinePartOfClassesIsAtItsOptimum) {
  const SampleData data = several_classes(400, 3, 4, 4);
  const SharedObjective shared(data);
  const Network network = shared_network(4, 4, 4, 4);
  const SharedObjective::Scores best =
      shared.best_scores(network, {}, SharedObjective::fine_decrement);
  const std::vector<Affine> affines = shared.affines(network);
  Matrix scores = Matrix::Zero(400, 4);
  for (Index k = 0; k < 4; ++k) {
    const Affine& affine = affines[static_cast<std::size_t>(k)];
    scores.col(k) = (data.X * affine.beta).array() + affine.alpha;
  }
  Matrix with_constant = Matrix::Ones(400, 4);
  with_constant.leftCols(3) = data.X;
  scores += (with_constant * network.W.transpose()).cwiseMax(0.0) * output_weights(network);
  EXPECT_LE((scores - best.values).norm(), 1e-10 * best.values.norm());
  // E r_k = 0; E r_k x_j = −ν β_jk s_j² by the ridge.
  const Vector mean = best.derivatives.colwise().mean();
  EXPECT_LE(mean.norm(), 1e-9);
  for (Index j = 0; j < 3; ++j) {
    const double variance = (data.X.col(j).array() - data.X.col(j).mean()).square().mean();
    for (Index k = 0; k < 4; ++k) {
      const double moment = best.derivatives.col(k).dot(data.X.col(j)) / 400.0;
      const double slope = affines[static_cast<std::size_t>(k)].beta[j];
      EXPECT_NEAR(moment, -1e-3 * slope * variance, 1e-9);
    }
  }
}

TEST(SoftmaxPoint, IsRightForScoresOfAnySize) {
  const SoftmaxPoint sure = softmax_at(1, Eigen::RowVector3d(0.0, 50.0, -20.0));
  const double others = std::exp(-50.0) + std::exp(-70.0);
  EXPECT_NEAR(sure.loss, others, 1e-14 * others);
  EXPECT_NEAR(sure.derivatives[1], -others, 1e-14 * others);
  EXPECT_EQ(sure.others, -sure.derivatives[1]);
  const SoftmaxPoint wrong = softmax_at(0, Eigen::RowVector3d(0.0, 800.0, 3.0));
  EXPECT_DOUBLE_EQ(wrong.loss, 800.0);
  EXPECT_DOUBLE_EQ(wrong.derivatives[1], 1.0);
  EXPECT_NEAR(softmax_probabilities(Eigen::RowVector2d(1.0, 1.0))[0], 0.5, 1e-15);
}

TEST(SharedObjective, RefusesWhatIsNoTarget) {
  SampleData data = several_targets(50, 3, 2, 5);
  data.Y = data.Y.leftCols(1).eval();
  EXPECT_NE(message_of<InvalidArgument>([&] { SharedObjective one(data); }).find("at least 2"),
            std::string::npos);
  data = several_targets(50, 3, 2, 5);
  data.Y = data.Y.topRows(49).eval();
  EXPECT_NE(message_of<InvalidArgument>([&] { SharedObjective few(data); }).find("50 rows"),
            std::string::npos);
  data = several_classes(50, 3, 3, 5);
  data.y[3] = 3.0;
  EXPECT_NE(message_of<InvalidArgument>([&] { SharedObjective far(data); }).find("from 0 to 2"),
            std::string::npos);
  data.y = data.y.cwiseMin(1.0);
  EXPECT_NE(
      message_of<InvalidArgument>([&] { SharedObjective none(data); }).find("no row of class 2"),
      std::string::npos);
}

// ---- amplitudes

TEST(SolveGroups, MeetsItsConditions) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Index p = 12;
    const Index rank = seed % 2 == 0 ? 20 : 6;  // half of them with features that depend on others
    const Matrix F = normal_matrix(rank, p, seed, "features");
    const Matrix K = F.transpose() * F;
    const Matrix B = F.transpose() * normal_matrix(rank, 3, seed, "targets");
    const double lambda = 0.2 * B.rowwise().norm().maxCoeff();
    const path::GroupResult result =
        path::solve_groups(K, B, lambda, normal_matrix(p, 3, seed, "start"));
    EXPECT_TRUE(result.settled) << seed;
    const Matrix& A = result.amplitudes;
    const Matrix slope = B - K * A;
    for (Index i = 0; i < p; ++i) {
      if (A.row(i).isZero(0.0)) {
        EXPECT_LE(slope.row(i).norm(), lambda * (1.0 + 1e-6));
      } else {
        EXPECT_LE((slope.row(i) - lambda * A.row(i).normalized()).norm(), 1e-6 * lambda);
      }
    }
    const double value = 0.5 * (A.transpose() * K * A).trace() - (B.transpose() * A).trace() +
                         lambda * A.rowwise().norm().sum();
    EXPECT_NEAR(result.value, value, 1e-9 * std::abs(value));
  }
}

// ---- paths

PathResult path_of(const Objective& objective, std::vector<double> lambdas, double tolerance) {
  PathOptions options;
  options.values = std::move(lambdas);
  options.gap_tolerance = tolerance;
  return solve_path(objective, options);
}

// The same target q times is one target at λ/√q: a neuron's output weights are alike.
TEST(SharedPath, OfOneTargetRepeatedIsThatOfTheTarget) {
  SampleData data = several_targets(300, 3, 2, 6);
  const SampleObjective one({data.X, data.Y.col(0), {}, true});
  data.Y = data.Y.col(0).replicate(1, 4).eval();
  const SharedObjective four(data);
  const double largest = largest_lambda(one);
  EXPECT_NEAR(largest_lambda(four), 2.0 * largest, 1e-6 * largest);
  const PathResult alone = path_of(one, {0.3 * largest, 0.1 * largest}, 1e-3);
  const PathResult together = path_of(four, {0.6 * largest, 0.2 * largest}, 1e-3);
  for (std::size_t i = 0; i < 2; ++i) {
    const double expected = 4.0 * alone.points[i].penalized_loss;
    EXPECT_NEAR(together.points[i].penalized_loss, expected, 2e-3 * expected);
    EXPECT_LE(together.points[i].certificate.relative_gap, 1e-3);
  }
}

// Of two classes the scores differ by one function f = f_1 − f_0 at the minimum, f_0 = −f_1:
// ‖a_i‖ is its amplitude over √2, and ν counts both halves of its slope.
TEST(SharedPath, OfTwoClassesIsThatOfTheLogisticLoss) {
  const SampleData data = several_classes(300, 3, 2, 7, 2e-2);
  SampleData logistic = data;
  logistic.family = Family::Kind::logistic;
  logistic.family.linear_ridge = 1e-2;
  const SampleObjective one(logistic);
  const SharedObjective two(data);
  EXPECT_NEAR(two.null_loss(), one.null_loss(), 1e-9);
  const double largest = largest_lambda(one);
  EXPECT_NEAR(largest_lambda(two), std::sqrt(2.0) * largest, 1e-5 * largest);
  const PathResult alone = path_of(one, {0.4 * largest, 0.2 * largest}, 1e-3);
  const PathResult together =
      path_of(two, {0.4 * std::sqrt(2.0) * largest, 0.2 * std::sqrt(2.0) * largest}, 1e-3);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(together.points[i].penalized_loss, alone.points[i].penalized_loss,
                2e-3 * alone.points[i].penalized_loss);
    EXPECT_LE(together.points[i].certificate.relative_gap, 1e-3);
  }
}

// No network found otherwise lies below P_λ − gap.
TEST(SharedPath, GapsHoldAgainstOtherNetworks) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const bool classes = seed % 2 == 1;
    const SharedObjective shared(classes ? several_classes(120, 3, 3, seed)
                                         : several_targets(120, 3, 3, seed));
    const double largest = largest_lambda(shared, seed);
    for (const PathPoint& point : path_of(shared, {0.3 * largest, 0.03 * largest}, 1e-2).points) {
      EXPECT_LE(point.certificate.relative_gap, 1e-2) << seed << " " << name(point.ending);
      for (std::uint64_t start = 0; start < 4; ++start) {
        Network other = shared_network(12, 4, 3, 100 * seed + start);
        other.a *= 0.3;
        path::DescentOptions descent;
        descent.gradient_tolerance = 1e-6;
        other = path::descend(shared, other, point.lambda, descent).network;
        const double value = path::penalized_loss(shared.loss(other), other, point.lambda);
        EXPECT_GE(value, point.penalized_loss - point.certificate.gap * (1.0 + 1e-9))
            << seed << " " << start;
      }
    }
  }
}

TEST(SharedPath, HasTheSameBitsAtAnyNumberOfThreads) {
  const SharedObjective shared(several_classes(600, 3, 3, 9));
  const double largest = largest_lambda(shared);
  std::vector<Network> networks;
  for (const int threads : {1, 2, 3}) {
    const ThreadCount count(threads);
    networks.push_back(path_of(shared, {0.2 * largest}, 1e-2).points.front().network);
  }
  for (const Network& network : networks) {
    EXPECT_TRUE(same_bits(network, networks.front()));
    EXPECT_TRUE(same_bits(network.S, networks.front().S));
  }
}

}  // namespace
}  // namespace lodestone
