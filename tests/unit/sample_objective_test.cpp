// Sample objective: gradients, elimination of the affine part, weights, blocks, large-sample limit.

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/indices.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/objective/objective.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::normal_matrix;
using support::normal_network;
using support::normal_vector;
using support::same_bits;
using support::small_teacher;
using support::ThreadCount;
using testing::Message;

// n rows with a target that no affine function fits.
SampleData rows(Index n, Index d, std::uint64_t seed, bool biases = false) {
  SampleData data;
  data.X = normal_matrix(n, d, seed, "inputs");
  data.y = data.X.col(0).cwiseAbs() + 0.5 * data.X.rowwise().sum() +
           0.3 * normal_vector(n, seed, "noise");
  data.y.array() += 0.7;
  data.biases = biases;
  return data;
}

SampleData rows_without_linear_part(Index n, Index d, bool biases) {
  SampleData data = rows(n, d, 22, biases);
  data.family.linear = LinearPart::none;
  return data;
}

// Everything again from the definitions: one dense least-squares problem with weights
// (docs/math.md, 3.2), and plain sums over rows.
struct Explicit {
  Vector omega;     // weights, sum 1
  Matrix inputs;    // what neurons see
  Matrix Z;         // rows (1, x), or 1 alone
  Vector residual;  // f − y with the best affine part
  Vector target;    // y without its affine part

  Explicit(const SampleData& data, const Network& network) {
    const Index n = data.X.rows();
    const Index d = data.X.cols();
    omega = data.weights.size() == 0 ? Vector::Ones(n) : data.weights;
    omega /= omega.sum();
    Z = Matrix::Ones(n, data.family.has_linear_part() ? d + 1 : 1);
    Z.rightCols(Z.cols() - 1) = data.X.leftCols(Z.cols() - 1);
    inputs = data.X;
    if (data.biases) {
      inputs.conservativeResize(Eigen::NoChange, d + 1);
      inputs.col(d).setOnes();
    }
    residual = without_affine(outputs(network) - data.y);
    target = without_affine(data.y);
  }

  Vector outputs(const Network& network) const {
    if (network.width() == 0) return Vector::Zero(inputs.rows());
    return (inputs * network.W.transpose()).cwiseMax(0.0) * network.a;
  }

  Vector without_affine(const Vector& values) const { return values - Z * coefficients(values); }

  Vector coefficients(const Vector& values) const {
    const Vector root = omega.cwiseSqrt();
    const Eigen::MatrixXd weighted = root.asDiagonal() * Z;
    return Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd>(weighted).solve(
        root.cwiseProduct(values));
  }

  double mean(const Vector& values) const { return values.dot(omega); }

  Matrix moments(const Matrix& W) const {
    const Matrix on = ((inputs * W.transpose()).array() > 0.0).cast<double>();
    return on.transpose() * omega.cwiseProduct(residual).asDiagonal() * inputs;
  }
};

void compare_to_explicit(const SampleData& data, const Network& network, double tolerance) {
  const Explicit exact(data, network);
  const SampleObjective objective(data);
  const double scale = exact.mean(exact.residual.cwiseAbs2()) + 1.0;
  const double loss = 0.5 * exact.mean(exact.residual.cwiseAbs2());
  EXPECT_NEAR(objective.null_loss(), 0.5 * exact.mean(exact.target.cwiseAbs2()), tolerance);

  const Evaluation at = objective.evaluate(network);
  EXPECT_NEAR(at.loss, loss, tolerance * scale);
  EXPECT_NEAR(objective.loss(network), loss, tolerance * scale);
  const Matrix G = exact.moments(network.W);
  EXPECT_LT((at.gradient_W - network.a.asDiagonal() * G).norm(), tolerance * scale);
  EXPECT_LT((at.gradient_a - G.cwiseProduct(network.W).rowwise().sum()).norm(), tolerance * scale);

  const auto residual = objective.residual(network);
  EXPECT_NEAR(residual->energy(), 2.0 * loss, tolerance * scale);
  EXPECT_NEAR(residual->target_product(), -exact.mean(exact.residual.cwiseProduct(exact.target)),
              tolerance * scale);
  const Matrix U = normal_matrix(11, objective.dimension(), 99, "directions");
  const Correlation along = residual->correlate(U);
  EXPECT_LT((along.gradient - exact.moments(U)).norm(), tolerance * scale);
  EXPECT_LT((along.value - exact.moments(U).cwiseProduct(U).rowwise().sum()).norm(),
            tolerance * scale);

  // The affine part is one of many where columns are dependent, but its values are unique.
  const Affine affine = objective.affine(network);
  ASSERT_EQ(affine.beta.size(), data.X.cols());
  Vector f = exact.outputs(network) + data.X * affine.beta;
  f.array() += affine.alpha;
  const Vector error = (f - data.y - exact.residual).cwiseProduct(exact.omega.cwiseSqrt());
  EXPECT_LT(error.norm(), tolerance * scale);

  const FeatureGram gram = objective.feature_gram(U);
  const Matrix features = (exact.inputs * U.transpose()).cwiseMax(0.0);
  Matrix projected(features.rows(), features.cols());
  for (Index i = 0; i < features.cols(); ++i) {
    projected.col(i) = exact.without_affine(features.col(i));
  }
  EXPECT_LT((gram.K - projected.transpose() * exact.omega.asDiagonal() * projected).norm(),
            tolerance * scale);
  EXPECT_LT((gram.b - projected.transpose() * exact.omega.cwiseProduct(exact.target)).norm(),
            tolerance * scale);
}

TEST(SampleObjective, MatchesExplicitLeastSquares) {
  for (const bool biases : {false, true}) {
    SampleData data = rows(300, 4, 1, biases);
    SCOPED_TRACE(Message() << "biases " << biases);
    compare_to_explicit(data, normal_network(6, biases ? 5 : 4, 2), 1e-12);
    data.weights = normal_vector(300, 3).cwiseAbs();
    data.weights.head(50).setZero();
    compare_to_explicit(data, normal_network(6, biases ? 5 : 4, 2), 1e-12);
    data.weights *= 1e-20;
    compare_to_explicit(data, normal_network(6, biases ? 5 : 4, 2), 1e-12);
  }
}

// Inputs and inner products in float32, sums in float64: errors are of float32's rounding, whatever
// the number of rows.
TEST(SampleObjective, Float32AgreesWithFloat64) {
  for (const bool biases : {false, true}) {
    for (const Index n : {300, 30000}) {
      SCOPED_TRACE(Message() << "biases " << biases << " n " << n);
      SampleData data = rows(n, 6, 7, biases);
      const Network network = normal_network(40, biases ? 7 : 6, 8);
      const SampleObjective exact(data);
      data.precision = Precision::float32;
      const SampleObjective single(data);
      EXPECT_EQ(single.precision(), Precision::float32);
      EXPECT_EQ(single.dimension(), exact.dimension());
      const Evaluation expected = exact.evaluate(network);
      const Evaluation found = single.evaluate(network);
      EXPECT_NEAR(found.loss, expected.loss, 1e-6 * expected.loss);
      EXPECT_LT((found.gradient_W - expected.gradient_W).norm(), 1e-5 * expected.gradient_W.norm());
      EXPECT_LT((found.gradient_a - expected.gradient_a).norm(), 1e-5 * expected.gradient_a.norm());
      EXPECT_NEAR(single.null_loss(), exact.null_loss(), 1e-6 * exact.null_loss());
      const Matrix U = unit_directions(network.W);
      const auto expected_residual = exact.residual(network);
      const auto residual = single.residual(network);
      EXPECT_LT((residual->correlate(U).value - expected_residual->correlate(U).value).norm(),
                1e-5 * expected_residual->correlate(U).value.norm());
      EXPECT_LT((single.feature_gram(U).K - exact.feature_gram(U).K).norm(),
                1e-5 * exact.feature_gram(U).K.norm());
      EXPECT_LT((single.affine(network).beta - exact.affine(network).beta).norm(),
                1e-5 * (1.0 + exact.affine(network).beta.norm()));
    }
  }
}

TEST(SampleObjective, Float32RefusesWhatItCannotHold) {
  SampleData data = rows(300, 2, 9);
  data.X(17, 1) = 1e39;
  EXPECT_NO_THROW(SampleObjective{data});
  data.precision = Precision::float32;
  EXPECT_NE(support::message_of<InvalidArgument>([&] { SampleObjective{data}; }).find("float32"),
            std::string::npos);
}

// Duplicated, collinear and constant columns, and all of these together.
TEST(SampleObjective, MatchesExplicitLeastSquaresForDependentColumns) {
  for (const bool biases : {false, true}) {
    SampleData data = rows(300, 6, 4, biases);
    const Network network = normal_network(6, biases ? 7 : 6, 5);
    data.X.col(2) = data.X.col(1);
    compare_to_explicit(data, network, 1e-11);
    data.X.col(3) = data.X.col(0) - 2.0 * data.X.col(1);
    compare_to_explicit(data, network, 1e-11);
    data.X.col(5).setConstant(2.5);
    compare_to_explicit(data, network, 1e-11);
    data.X.col(4).setZero();
    compare_to_explicit(data, network, 1e-11);
  }
}

// A combination of two columns that nearly agree is in reach of least squares: the target is
// linear.
TEST(SampleObjective, NearlyDependentColumnsKeepTheirDifference) {
  for (const double apart : {1e-5, 1e-6, 1e-7}) {
    SCOPED_TRACE(Message() << "apart by " << apart);
    SampleData data = rows(300, 4, 12);
    data.X.col(1) = data.X.col(0) + apart * normal_vector(300, 13);
    compare_to_explicit(data, normal_network(6, 4, 14), 1e-14 / apart);
    data.y = (data.X.col(1) - data.X.col(0)) / apart;
    const SampleObjective objective(data);
    EXPECT_LT(objective.null_loss(), std::pow(1e-14 / apart, 2));
    EXPECT_LT(2.0 * objective.null_loss(), objective.linear_rounding());
    const Affine affine = objective.affine(Network::empty(4));
    EXPECT_NEAR(affine.beta[1] * apart, 1.0, 1e-14 / apart);
  }
}

// A column whose deviation is rounding, though not quite all of it.
TEST(SampleObjective, ColumnsThatAreConstantButForRoundingHaveNoPart) {
  for (const double share : {1e-14, 3e-13, 9e-13}) {
    SampleData data = rows(300, 3, 23);
    data.X.col(1) = 7.0 * (1.0 + share * normal_vector(300, 24).array());
    const SampleObjective objective(data);
    EXPECT_TRUE(std::isfinite(objective.null_loss())) << share;
    EXPECT_TRUE(objective.affine(Network::empty(3)).beta.allFinite()) << share;
  }
}

TEST(SampleObjective, MatchesExplicitSumsWithoutALinearPart) {
  for (const bool biases : {false, true}) {
    SampleData data = rows(300, 4, 15, biases);
    data.family.linear = LinearPart::none;
    const Network network = normal_network(6, biases ? 5 : 4, 16);
    compare_to_explicit(data, network, 1e-12);
    data.weights = normal_vector(300, 17).cwiseAbs();
    compare_to_explicit(data, network, 1e-12);
    // As many columns as one likes.
    compare_to_explicit(rows_without_linear_part(20, 30, biases),
                        normal_network(6, biases ? 31 : 30, 18), 1e-10);
  }
}

TEST(SampleObjective, ManyColumnsAreDecidedByTheirRows) {
  EXPECT_THROW(SampleObjective{rows(20, 4000, 19)}, InvalidArgument);
  SampleData repeated = rows(20, 4, 20);
  repeated.X = repeated.X.replicate(1, 10).eval();
  compare_to_explicit(repeated, normal_network(3, 40, 21), 1e-10);
}

// Loss and affine part as explicit least squares has them, in relative terms.
void compare_affine_part(const SampleData& data, const Network& network, double tolerance) {
  const Explicit exact(data, network);
  const SampleObjective objective(data);
  const double null_loss = 0.5 * exact.mean(exact.target.cwiseAbs2());
  const double loss = 0.5 * exact.mean(exact.residual.cwiseAbs2());
  EXPECT_NEAR(objective.null_loss(), null_loss, tolerance * null_loss);
  EXPECT_NEAR(objective.loss(network), loss, tolerance * loss);
  const Vector activations = exact.outputs(network);
  const Affine affine = objective.affine(network);
  const Vector linear = data.X * affine.beta + Vector::Constant(data.y.size(), affine.alpha);
  EXPECT_LT((activations + linear - data.y - exact.residual).norm(), tolerance * data.y.norm());
  const FeatureGram gram = objective.feature_gram(network.W);
  EXPECT_NEAR(0.5 * network.a.dot(gram.K * network.a) - gram.b.dot(network.a) + null_loss, loss,
              tolerance * (loss + null_loss));
}

// Columns are taken as they are, whatever their units: one in millionths next to one in millions
// still belongs to the affine part.
TEST(SampleObjective, ColumnsOfVeryDifferentScales) {
  SampleData data = rows(300, 3, 6);
  Network network = normal_network(4, 3, 7);
  data.X.col(0) *= 1e-6;
  network.W.col(0) *= 1e6;
  data.X.col(1) *= 1e6;
  network.W.col(1) *= 1e-6;
  compare_affine_part(data, network, 1e-9);
}

// Nor does it matter how far from zero a column lies, as years and altitudes do.
TEST(SampleObjective, ColumnsFarFromZero) {
  for (const double offset : {2e3, 1e6}) {
    SampleData data = rows(300, 3, 8);
    data.X.col(1).array() += offset;
    Network network = normal_network(4, 3, 9);
    network.W.col(1).setZero();
    compare_affine_part(data, network, 1e-7);
  }
}

TEST(SampleObjective, MatchesExplicitSumsAtTheEdgesOfBlocks) {
  for (const Index n : {5, 8, 127, 128, 129, 255, 257, 4095, 4096, 4097, 4223, 4225}) {
    SCOPED_TRACE(Message() << n << " rows");
    SampleData data = rows(n, 3, 10);
    compare_to_explicit(data, normal_network(9, 3, 11), 1e-11);
  }
}

// Rows left out are as good as absent, wherever they are, and the others are not copied.
TEST(SampleObjective, WithWeightsIsTheObjectiveMadeWithThem) {
  SampleData data = rows(300, 4, 34, true);
  const SampleObjective plain(data);
  data.weights = normal_vector(300, 35).cwiseAbs();
  data.weights[7] = 0.0;
  const SampleObjective expected(data);
  const SampleObjective found = plain.with_weights(data.weights);
  const Network network = normal_network(6, plain.dimension(), 36);
  EXPECT_EQ(found.loss(network), expected.loss(network));
  EXPECT_EQ(found.evaluate(network).gradient_W, expected.evaluate(network).gradient_W);
  EXPECT_EQ(found.affine(network).alpha, expected.affine(network).alpha);
  EXPECT_THROW(plain.with_weights(Vector::Ones(299)), InvalidArgument);
  EXPECT_THROW(plain.with_weights(Vector::Zero(300)), InvalidArgument);
  EXPECT_THROW(plain.with_weights(Vector::Constant(300, -1.0)), InvalidArgument);
}

TEST(SampleObjective, WithoutRowsIsTheObjectiveOfTheOthers) {
  for (const bool biases : {false, true}) {
    for (const auto& [first, count] : std::vector<std::pair<Index, Index>>{
             {0, 100}, {0, 128}, {100, 30}, {127, 258}, {300, 300}, {250, 0}, {590, 10}}) {
      SCOPED_TRACE(Message() << "biases " << biases << " rows " << first << " + " << count);
      SampleData data = rows(600, 4, 30, biases);
      data.weights = normal_vector(600, 31).cwiseAbs();
      // What is left out may be anything finite.
      data.y.segment(first, count).array() += 1e3;
      std::vector<Index> others;
      for (Index t = 0; t < 600; ++t) {
        if (t < first || t >= first + count) others.push_back(t);
      }
      SampleData rest = data;
      rest.X = Matrix(data.X(others, indices::all));
      rest.y = Vector(data.y(others));
      rest.weights = Vector(data.weights(others));
      const SampleObjective plain(rest);
      const SampleObjective reduced = SampleObjective(data).without_rows(first, count);
      const Network network = normal_network(6, plain.dimension(), 32);
      EXPECT_EQ(reduced.rows(), plain.rows());
      const Evaluation expected = plain.evaluate(network);
      const Evaluation found = reduced.evaluate(network);
      const double size = expected.gradient_W.norm();
      EXPECT_NEAR(found.loss, expected.loss, 1e-12 * expected.loss);
      EXPECT_NEAR(reduced.loss(network), expected.loss, 1e-12 * expected.loss);
      EXPECT_NEAR(reduced.null_loss(), plain.null_loss(), 1e-12 * plain.null_loss());
      EXPECT_LT((found.gradient_W - expected.gradient_W).norm(), 1e-12 * size);
      EXPECT_LT((found.gradient_a - expected.gradient_a).norm(), 1e-12 * size);
      const FeatureGram gram = plain.feature_gram(network.W);
      const FeatureGram reduced_gram = reduced.feature_gram(network.W);
      EXPECT_LT((reduced_gram.K - gram.K).norm(), 1e-12 * gram.K.norm());
      EXPECT_LT((reduced_gram.b - gram.b).norm(), 1e-12 * gram.b.norm());
      const Affine affine = plain.affine(network);
      EXPECT_NEAR(reduced.affine(network).alpha, affine.alpha, 1e-11);
      EXPECT_LT((reduced.affine(network).beta - affine.beta).norm(), 1e-11);
      EXPECT_LT((reduced.residual(network)->correlate(network.W).value -
                 plain.residual(network)->correlate(network.W).value)
                    .norm(),
                1e-12 * size);
    }
  }
  const SampleObjective objective(rows(20, 3, 33));
  for (const auto& [first, count] :
       std::vector<std::pair<Index, Index>>{{-1, 3}, {0, 20}, {15, 6}, {3, -1}}) {
    EXPECT_THROW(objective.without_rows(first, count), InvalidArgument) << first << " " << count;
  }
}

// L is quadratic in each coordinate until a row changes sides, so central differences are exact
// there; coordinates whose two ends see different masks are left out.
TEST(SampleObjective, GradientIsTheDerivativeOfTheLoss) {
  for (const bool biases : {false, true}) {
    SampleData data = rows(200, 5, 12, biases);
    data.X.col(3) = data.X.col(1);
    data.X.col(4).setConstant(1.5);
    data.weights = normal_vector(200, 13).cwiseAbs();
    const SampleObjective objective(data);
    const Network network = normal_network(5, objective.dimension(), 14);
    const Explicit exact(data, network);
    const Evaluation at = objective.evaluate(network);
    const double size = at.gradient_W.norm() + at.gradient_a.norm();
    constexpr double step = 1e-5;
    const auto difference = [&](auto change) {
      Network up = network;
      Network down = network;
      change(up, step);
      change(down, -step);
      const auto on = [&](const Network& where) {
        return Eigen::ArrayXXd(((exact.inputs * where.W.transpose()).array() > 0.0).cast<double>());
      };
      if ((on(up) != on(down)).any()) return std::numeric_limits<double>::quiet_NaN();
      return (objective.loss(up) - objective.loss(down)) / (2.0 * step);
    };
    Index left_out = 0;
    for (Index i = 0; i < network.width(); ++i) {
      EXPECT_NEAR(at.gradient_a[i], difference([i](Network& moved, double h) { moved.a[i] += h; }),
                  1e-9 * size);
      for (Index j = 0; j < network.W.cols(); ++j) {
        const double slope = difference([i, j](Network& moved, double h) { moved.W(i, j) += h; });
        if (std::isnan(slope)) {
          ++left_out;
        } else {
          EXPECT_NEAR(at.gradient_W(i, j), slope, 1e-9 * size) << i << " " << j;
        }
      }
    }
    EXPECT_LE(left_out, 3);
  }
}

TEST(SampleObjective, CorrelationGradientIsTheNeuronsGradient) {
  const SampleObjective objective(rows(300, 4, 15, true));
  const Network network = normal_network(7, 5, 16);
  const Evaluation at = objective.evaluate(network);
  const Correlation own = objective.residual(network)->correlate(network.W);
  EXPECT_LT((own.value - at.gradient_a).norm(), 1e-14);
  EXPECT_LT((network.a.asDiagonal() * own.gradient - at.gradient_W).norm(), 1e-14);
  EXPECT_EQ(objective.residual(network)->correlate(Matrix::Zero(3, 5)).gradient,
            Matrix::Zero(3, 5));
}

// A weight of 3 is a row that occurs three times; a weight of 0 one that does not.
TEST(SampleObjective, WeightsAreRepeatedRows) {
  SampleData weighted = rows(150, 3, 17);
  weighted.weights.resize(150);
  SampleData repeated;
  std::vector<Index> order;
  for (Index t = 0; t < 150; ++t) {
    weighted.weights[t] = static_cast<double>(t % 4);
    order.insert(order.end(), static_cast<std::size_t>(t % 4), t);
  }
  const Dataset copy = take_rows({weighted.X, weighted.y, {}, ""}, order);
  repeated.X = copy.X;
  repeated.y = copy.y;
  const SampleObjective first(weighted);
  const SampleObjective second(repeated);
  const Network network = normal_network(5, 3, 18);
  EXPECT_NEAR(first.loss(network), second.loss(network), 1e-13);
  EXPECT_NEAR(first.null_loss(), second.null_loss(), 1e-13);
  EXPECT_LT((first.evaluate(network).gradient_W - second.evaluate(network).gradient_W).norm(),
            1e-13);
  EXPECT_LT((first.feature_gram(network.W).K - second.feature_gram(network.W).K).norm(), 1e-13);
  EXPECT_LT((first.affine(network).beta - second.affine(network).beta).norm(), 1e-13);
}

// The best affine part of a target is taken off it: adding one changes only α and β.
TEST(SampleObjective, AffineTargetsChangeNothingElse) {
  SampleData data = rows(200, 3, 19);
  const SampleObjective before(data);
  const Vector slope{{2.0, -3.0, 0.5}};
  data.y += data.X * slope;
  data.y.array() += 10.0;
  const SampleObjective after(data);
  const Network network = normal_network(4, 3, 20);
  EXPECT_NEAR(after.loss(network), before.loss(network), 1e-13);
  EXPECT_NEAR(after.null_loss(), before.null_loss(), 1e-13);
  EXPECT_LT((after.affine(network).beta - before.affine(network).beta - slope).norm(), 1e-12);
  EXPECT_NEAR(after.affine(network).alpha - before.affine(network).alpha, 10.0, 1e-12);
}

// A target that is affine has nothing left, and small losses keep their digits: the residual is
// what is squared, not a difference of squares.
TEST(SampleObjective, SmallLossesKeepTheirDigits) {
  const Teacher teacher = small_teacher(4, 2, 21);
  const Dataset data = draw_samples(teacher, 500, 0.0, 22);
  const SampleObjective objective({data.X, data.y, {}, false});
  for (const double error : {1e-4, 1e-6, 1e-8}) {
    Network network{teacher.amplitudes, teacher.directions};
    network.a[0] *= 1.0 + error;
    const Vector change = error * teacher.amplitudes[0] *
                          (data.X * teacher.directions.row(0).transpose()).cwiseMax(0.0);
    const Explicit exact({data.X, data.y, {}, false}, {Vector(0), Matrix(0, 4)});
    const double expected = 0.5 * exact.mean(exact.without_affine(change).cwiseAbs2());
    EXPECT_NEAR(objective.loss(network), expected, 1e-6 * expected) << error;
  }
  const Dataset line = draw_samples(teacher, 500, 0.0, 23);
  const SampleObjective affine_only({line.X, line.X * Vector::Ones(4), {}, false});
  EXPECT_LT(affine_only.null_loss(), 1e-28);
}

// At a fixed network, loss, gradient and correlation deviate from the population's as n^-1/2
// (docs/math.md, 3.5): from 1000 to 16000 rows by a factor 4. Root-mean-square deviations over 40
// samples are known to about 8% (10% for the loss), so the bounds 2.8 and 5.7 are 3 standard
// errors away: a false alarm in about 200 seeds; the seeds are fixed.
TEST(SampleObjective, ConvergesToThePopulation) {
  constexpr Index d = 4;
  const Teacher teacher = small_teacher(d, 3, 24);
  const PopulationObjective population(teacher);
  const Network network = normal_network(5, d, 25);
  const Matrix U = normal_matrix(4, d, 26);
  const Evaluation limit = population.evaluate(network);
  const Vector correlation = population.residual(network)->correlate(U).value;
  const Affine affine = population.affine(network);

  const auto deviations = [&](Index n) {
    Eigen::Array4d squares = Eigen::Array4d::Zero();
    constexpr int samples = 40;
    for (std::uint64_t seed = 0; seed < samples; ++seed) {
      const Dataset data = draw_samples(teacher, n, 0.0, 1000 + seed);
      const SampleObjective objective({data.X, data.y, {}, false});
      const Evaluation at = objective.evaluate(network);
      const Vector along = objective.residual(network)->correlate(U).value;
      squares[0] += std::pow(at.loss - limit.loss, 2);
      squares[1] += (at.gradient_W - limit.gradient_W).squaredNorm() +
                    (at.gradient_a - limit.gradient_a).squaredNorm();
      squares[2] += (along - correlation).squaredNorm();
      squares[3] += (objective.affine(network).beta - affine.beta).squaredNorm();
    }
    return Eigen::Array4d((squares / samples).sqrt());
  };
  const Eigen::Array4d few = deviations(1000);
  const Eigen::Array4d many = deviations(16000);
  for (Index i = 0; i < 4; ++i) {
    EXPECT_GT(few[i] / many[i], 2.8) << i;
    EXPECT_LT(few[i] / many[i], 5.7) << i;
  }

  // The size of the deviation, too: std(½R²) n^-1/2 within 3 standard errors, as above.
  const Dataset data = draw_samples(teacher, 20000, 0.0, 2000);
  const Vector f = (data.X * network.W.transpose()).cwiseMax(0.0) * network.a +
                   data.X * affine.beta + Vector::Constant(20000, affine.alpha);
  const Eigen::ArrayXd halves = 0.5 * (f - data.y).array().square();
  const double deviation = std::sqrt((halves - halves.mean()).square().mean() / 16000.0);
  EXPECT_NEAR(many[0] / deviation, 1.0, 0.4);
}

// Pure noise of variance ν² leaves exactly ½ν²(n − d − 1)/n on average: over 400 samples known to
// 1.2%, five standard errors are 6%.
TEST(SampleObjective, NoiseLeavesTheKnownShare) {
  constexpr Index n = 40;
  constexpr Index d = 6;
  double mean = 0.0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SampleData data;
    data.X = normal_matrix(n, d, seed, "inputs");
    data.y = normal_vector(n, seed, "noise");
    mean += SampleObjective(data).null_loss() / 400.0;
  }
  const double expected = 0.5 * static_cast<double>(n - d - 1) / static_cast<double>(n);
  EXPECT_NEAR(mean, expected, 0.06 * expected);
}

TEST(SampleObjective, BitsDoNotDependOnThreads) {
  const SampleData data = rows(5000, 4, 27, true);
  const Network network = normal_network(13, 5, 28);
  const auto compute = [&](int threads) {
    const ThreadCount count(threads);
    const SampleObjective objective(data);
    const Evaluation at = objective.evaluate(network);
    const auto residual = objective.residual(network);
    const FeatureGram gram = objective.feature_gram(network.W);
    Matrix numbers(1, 4);
    numbers << at.loss, objective.null_loss(), residual->energy(), residual->target_product();
    return std::array<Matrix, 7>{numbers,
                                 at.gradient_W,
                                 at.gradient_a,
                                 residual->correlate(network.W).gradient,
                                 gram.K,
                                 gram.b,
                                 objective.affine(network).beta};
  };
  const auto one = compute(1);
  for (const int threads : {2, 3}) {
    const auto more = compute(threads);
    for (std::size_t i = 0; i < one.size(); ++i) {
      EXPECT_TRUE(same_bits(one[i], more[i])) << threads << " threads, item " << i;
    }
  }
}

TEST(SampleObjective, RejectsBadData) {
  const auto message = [](const SampleData& data) {
    return message_of<InvalidArgument>([&] { SampleObjective objective(data); });
  };
  const SampleData good = rows(10, 3, 29);
  EXPECT_EQ(message(good), "");
  const double nan = std::numeric_limits<double>::quiet_NaN();

  SampleData data = good;
  data.X.resize(0, 3);
  data.y.resize(0);
  EXPECT_NE(message(data), "") << "no rows";
  data = good;
  data.y.conservativeResize(9);
  EXPECT_NE(message(data).find("y:"), std::string::npos);
  data = good;
  data.weights = Vector::Ones(11);
  EXPECT_NE(message(data).find("weights"), std::string::npos);
  data = good;
  data.X(3, 1) = nan;
  EXPECT_NE(message(data).find("X:"), std::string::npos);
  data = good;
  data.y[3] = std::numeric_limits<double>::infinity();
  EXPECT_NE(message(data).find("y:"), std::string::npos);
  data = good;
  data.weights = Vector::Ones(10);
  data.weights[2] = -1e-300;
  EXPECT_NE(message(data).find("negative"), std::string::npos);
  data.weights[2] = nan;
  EXPECT_NE(message(data).find("weights"), std::string::npos);
  data.weights.setZero();
  EXPECT_NE(message(data).find("all zero"), std::string::npos);

  // Four affine coefficients: four rows with weight would be interpolated, five are enough.
  data = rows(4, 3, 30);
  EXPECT_NE(message(data).find("interpolate"), std::string::npos);
  EXPECT_EQ(message(rows(5, 3, 30)), "");
  data = rows(5, 3, 30);
  data.weights = Vector::Ones(5);
  data.weights[1] = 0.0;
  EXPECT_NE(message(data).find("interpolate"), std::string::npos);
  // A constant column brings no coefficient of its own.
  data = rows(4, 3, 30);
  data.X.col(2).setOnes();
  EXPECT_EQ(message(data), "");
}

// As PopulationObjective does: a network of another shape would read beyond its numbers.
TEST(SampleObjective, RejectsNetworksOfAnotherDimension) {
  const SampleObjective objective(rows(20, 3, 31));
  EXPECT_THROW(objective.evaluate(normal_network(4, 2, 1)), InvalidArgument);
  EXPECT_THROW(objective.loss(normal_network(4, 2, 1)), InvalidArgument);
  EXPECT_THROW(objective.residual(normal_network(4, 2, 1)), InvalidArgument);
  EXPECT_THROW(objective.affine(normal_network(4, 2, 1)), InvalidArgument);
}

}  // namespace
}  // namespace lodestone
