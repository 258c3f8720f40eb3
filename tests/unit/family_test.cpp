// Families of losses: the loss and its conjugate, the best affine part, gradients, the certified
// path, choice and prediction, beside the verifier and plain formulas.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "certify/gap.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/certify/model_certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/model/family.hpp"
#include "lodestone/path/path.hpp"
#include "lodestone/verifier/verifier.hpp"
#include "path/descent.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::normal_matrix;
using support::normal_network;
using support::normal_vector;
using support::same_bits;
using support::ThreadCount;

const std::array<Family, 4> families = {
    Family(Family::Kind::square), Family(Family::Kind::logistic), Family(Family::Kind::poisson),
    Family(Family::Kind::huber, 0.5)};

// A target of the family for scores: classes and counts drawn by their probabilities.
Vector drawn_targets(const Family& family, const Vector& scores, std::uint64_t seed) {
  const RandomStream stream(seed, "targets");
  Vector y = scores;
  for (Index t = 0; t < y.size(); ++t) {
    const double u = stream.uniform(static_cast<std::uint64_t>(t));
    if (family.kind == Family::Kind::logistic) {
      y[t] = u < family.response(scores[t]) ? 1.0 : 0.0;
    } else if (family.kind == Family::Kind::poisson) {
      // The smallest count whose distribution function exceeds u.
      const double mean = family.response(scores[t]);
      double probability = std::exp(-mean);
      double sum = probability;
      double count = 0.0;
      while (sum <= u && count < 1000.0) {
        ++count;
        probability *= mean / count;
        sum += probability;
      }
      y[t] = count;
    } else {
      y[t] += 0.3 * stream.normal(static_cast<std::uint64_t>(t));
    }
  }
  return y;
}

// Scores of two hidden directions and a linear part, in at least two columns.
Vector hidden_scores(const Matrix& X) {
  return (2.0 * (X.col(0) + X.col(1)).cwiseMax(0.0) - 1.5 * (X.col(0) - X.col(1)).cwiseMax(0.0) +
          0.3 * X.col(std::min<Index>(2, X.cols() - 1)))
             .array() -
         0.4;
}

SampleData rows(const Family& family, Index n, Index d, std::uint64_t seed, bool biases = true) {
  SampleData data;
  data.X = normal_matrix(n, d, seed, "inputs");
  data.y = drawn_targets(family, 0.7 * hidden_scores(data.X), seed);
  data.biases = biases;
  data.family = family;
  return data;
}

std::string family_name(const testing::TestParamInfo<Family>& info) {
  return name(info.param.kind);
}

class Families : public testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Every, Families, testing::ValuesIn(families), family_name);

// ---------------------------------------------------------------- the loss

std::vector<double> targets_of(const Family& family) {
  switch (family.kind) {
    case Family::Kind::logistic:
      return {0.0, 1.0, 0.3};
    case Family::Kind::poisson:
      return {0.0, 1.0, 7.0, 2.5};
    default:
      return {-2.0, 0.0, 3.0};
  }
}

TEST_P(Families, DerivativesAreThoseOfTheLoss) {
  const Family& family = GetParam();
  for (const double y : targets_of(family)) {
    for (const double F : {-3.1, -0.7, 0.2, 1.3, 4.4}) {
      const double h = 1e-5;
      const double slope = (family.loss(y, F + h) - family.loss(y, F - h)) / (2.0 * h);
      EXPECT_NEAR(family.derivative(y, F), slope, 1e-6 * (1.0 + std::abs(slope)));
      if (family.kind == Family::Kind::huber) continue;
      const double bend = (family.derivative(y, F + h) - family.derivative(y, F - h)) / (2.0 * h);
      EXPECT_NEAR(family.curvature(y, F), bend, 1e-6 * (1.0 + std::abs(bend)));
    }
  }
}

TEST_P(Families, LossIsHalfADeviance) {
  const Family& family = GetParam();
  for (const double y : targets_of(family)) {
    double least = HUGE_VAL;
    for (double F = -40.0; F <= 40.0; F += 0.01) {
      const double loss = family.loss(y, F);
      EXPECT_GE(loss, 0.0);
      least = std::min(least, loss);
    }
    EXPECT_LT(least, 1e-4);
  }
}

// ℓ(y, F) + ℓ*(y, ρ) >= ρF, with equality at ρ = ℓ'.
TEST_P(Families, ConjugateMeetsFenchelAndYoung) {
  const Family& family = GetParam();
  for (const double y : targets_of(family)) {
    for (const double F : {-20.0, -3.1, -0.7, 0.2, 1.3, 4.4, 12.0}) {
      const double rho = family.derivative(y, F);
      const double size = 1.0 + std::abs(rho * F) + family.loss(y, F);
      EXPECT_NEAR(family.loss(y, F) + family.conjugate(y, rho), rho * F, 1e-12 * size);
      for (const double c : {0.0, 0.3, 0.99}) {
        EXPECT_TRUE(std::isfinite(family.conjugate(y, c * rho)));
        EXPECT_GE(family.loss(y, F) + family.conjugate(y, c * rho) - c * rho * F, -1e-12 * size);
        if (c == 0.0 && (y == 0.0 || y == 1.0)) continue;  // the score is infinite
        EXPECT_NEAR(family.derivative(y, family.score_of_derivative(y, c * rho)), c * rho,
                    1e-9 * size);
      }
    }
  }
}

TEST_P(Families, FarScoresStayFinite) {
  const Family& family = GetParam();
  for (const double y : targets_of(family)) {
    for (const double F : {-700.0, 700.0}) {
      EXPECT_TRUE(std::isfinite(family.loss(y, F)));
      EXPECT_TRUE(std::isfinite(family.derivative(y, F)));
      EXPECT_GE(family.curvature(y, F), 0.0);
      EXPECT_GE(family.secant(y, F), 0.0);
    }
  }
}

TEST_P(Families, BestConstantHasNoSlope) {
  const Family& family = GetParam();
  const Vector y = drawn_targets(family, normal_vector(50, 3, "scores"), 4);
  const Vector weights = Vector::Constant(50, 1.0 / 50.0);
  const double F = family.constant_score(y, weights);
  double slope = 0.0;
  for (const double target : y) slope += family.derivative(target, F) / 50.0;
  EXPECT_NEAR(slope, 0.0, 1e-12);
}

TEST(FamilyNames, AreReadBack) {
  for (const Family& family : families) EXPECT_EQ(parse_family(name(family.kind)), family.kind);
  EXPECT_THAT([] { parse_family("gamma"); }, testing::Throws<InvalidArgument>());
}

// ---------------------------------------------------------------- the objective

TEST_P(Families, ResidualIsFreeOfAffineParts) {
  const SampleData data = rows(GetParam(), 300, 4, 1);
  const SampleObjective objective{SampleData(data)};
  const Network network = normal_network(3, 5, 2);
  const auto residual = objective.residual(network);
  const Vector weighted = std::get<RowMeasure>(residual->measure()).weights;
  EXPECT_NEAR(weighted.sum(), 0.0, 1e-13);
  EXPECT_LT((data.X.transpose() * weighted).norm(), 1e-12);
}

TEST_P(Families, LossIsThatOfTheScores) {
  const Family& family = GetParam();
  const SampleData data = rows(family, 300, 4, 1);
  const SampleObjective objective{SampleData(data)};
  const Network network = normal_network(3, 5, 2);
  const Affine affine = objective.affine(network);
  double loss = 0.0;
  for (Index t = 0; t < 300; ++t) {
    double score = affine.alpha + affine.beta.dot(data.X.row(t));
    for (Index i = 0; i < 3; ++i) {
      score += network.a[i] *
               std::max(0.0, network.W.row(i).head(4).dot(data.X.row(t)) + network.W(i, 4));
    }
    loss += family.loss(data.y[t], score) / 300.0;
  }
  EXPECT_NEAR(objective.loss(network), loss, 1e-12 * loss);
  EXPECT_NEAR(objective.evaluate(network).loss, loss, 1e-12 * loss);
  EXPECT_NEAR(objective.residual(network)->loss(), loss, 1e-12 * loss);
}

TEST_P(Families, GradientIsThatOfFiniteDifferences) {
  const SampleObjective objective{rows(GetParam(), 200, 3, 5)};
  const Network network = normal_network(2, 4, 6);
  const Evaluation evaluation = objective.evaluate(network);
  const double h = 1e-6;
  for (Index i = 0; i < 2; ++i) {
    Network up = network;
    Network down = network;
    up.a[i] += h;
    down.a[i] -= h;
    EXPECT_NEAR(evaluation.gradient_a[i], (objective.loss(up) - objective.loss(down)) / (2.0 * h),
                1e-5);
    for (Index j = 0; j < 4; ++j) {
      up = down = network;
      up.W(i, j) += h;
      down.W(i, j) -= h;
      EXPECT_NEAR(evaluation.gradient_W(i, j),
                  (objective.loss(up) - objective.loss(down)) / (2.0 * h), 1e-5);
    }
  }
}

TEST_P(Families, WeightsCountRows) {
  SampleData once = rows(GetParam(), 120, 3, 7);
  once.weights = Vector::Ones(120);
  once.weights.head(40).setConstant(2.0);
  once.weights.tail(10).setZero();
  SampleData repeated = once;
  repeated.weights.resize(0);
  repeated.X.resize(150, 3);
  repeated.X << once.X.topRows(110), once.X.topRows(40);
  repeated.y.resize(150);
  repeated.y << once.y.head(110), once.y.head(40);
  const Network network = normal_network(2, 4, 8);
  const SampleObjective weighted(std::move(once));
  const SampleObjective plain(std::move(repeated));
  EXPECT_NEAR(weighted.loss(network), plain.loss(network), 1e-12);
  EXPECT_NEAR(weighted.null_loss(), plain.null_loss(), 1e-12);
}

TEST_P(Families, SameBitsAtAnyThreadCount) {
  const SampleObjective objective{rows(GetParam(), 3000, 4, 9)};
  const Network network = normal_network(5, 5, 10);
  std::vector<Evaluation> evaluations;
  for (const int count : {1, 3}) {
    const ThreadCount threads(count);
    evaluations.push_back(objective.evaluate(network));
  }
  EXPECT_TRUE(same_bits(evaluations[0].gradient_W, evaluations[1].gradient_W));
  EXPECT_EQ(evaluations[0].loss, evaluations[1].loss);
}

// Of the square loss it is the loss itself.
TEST_P(Families, QuadraticModelTouchesTheLoss) {
  if (GetParam().square()) GTEST_SKIP() << "the square loss is its own model";
  const SampleObjective objective{rows(GetParam(), 400, 3, 11)};
  const Network network = normal_network(2, 4, 12);
  const QuadraticModel model = objective.quadratic_model(network);
  const Matrix U = unit_directions(normal_matrix(6, 4, 13, "directions"));
  const Vector of_loss = objective.residual(network)->correlate(U).value;
  const Vector of_model = model.objective.residual(network)->correlate(U).value;
  EXPECT_LT((of_loss - model.curvature * of_model).norm(), 1e-10 * of_loss.norm());
}

// ---------------------------------------------------------------- the path

// Descents from random starts of enough neurons, L-BFGS on all weights.
double least_found(const Objective& objective, double lambda, std::uint64_t seed) {
  double least = HUGE_VAL;
  for (std::uint64_t start = 0; start < 4; ++start) {
    path::DescentOptions options;
    options.max_iterations = 300;
    const Network network =
        path::descend(objective, normal_network(12, objective.dimension(), seed + start), lambda,
                      options)
            .network;
    least = std::min(least, path::penalized_loss(objective.loss(network), network, lambda));
  }
  return least;
}

TEST_P(Families, NoNetworkLiesBelowTheGap) {
  for (std::uint64_t problem = 0; problem < 6; ++problem) {
    const SampleObjective objective{rows(GetParam(), 60, 2, 20 + problem)};
    PathOptions options;
    options.lambdas = 6;
    options.lambda_ratio = 0.01;
    options.gap_tolerance = 1e-3;
    const PathResult path = solve_path(objective, options);
    for (const PathPoint& point : path.points) {
      EXPECT_LE(point.certificate.relative_gap, 1e-3) << name(point.ending);
      EXPECT_FALSE(point.certificate.search_failed);
      EXPECT_GE(point.certificate.gap, 0.0);
      EXPECT_GE(least_found(objective, point.lambda, 100 * problem),
                point.penalized_loss - point.certificate.gap - 1e-9);
    }
  }
}

// Columns and classes of a table that a linear function nearly separates, with a ridge.
TEST(Logistic, RidgedPathIsSolved) {
  SampleData data;
  data.X = normal_matrix(250, 12, 70, "inputs");
  const Vector scores = 6.0 * (data.X.col(0) + data.X.col(1)).cwiseMax(0.0) - 3.0 * data.X.col(2);
  data.y = drawn_targets(Family::Kind::logistic, scores.array() - 2.0, 71);
  data.biases = true;
  data.family = Family::Kind::logistic;
  data.family.linear_ridge = 1.0 / 250.0;
  const SampleObjective objective(std::move(data));
  PathOptions options;
  options.lambdas = 8;
  options.lambda_ratio = 0.02;
  options.gap_tolerance = 1e-2;
  for (const PathPoint& point : solve_path(objective, options).points) {
    EXPECT_LE(point.certificate.relative_gap, 1e-2) << point.lambda << " " << name(point.ending);
  }
}

TEST_P(Families, EtaIsOneAtNeurons) {
  const SampleObjective objective{rows(GetParam(), 400, 3, 30)};
  PathOptions options;
  options.lambdas = 8;
  options.lambda_ratio = 0.05;
  options.gap_tolerance = 1e-4;
  const PathResult path = solve_path(objective, options);
  const PathPoint& last = path.points.back();
  ASSERT_GT(last.network.width(), 0);
  const Vector eta =
      -objective.residual(last.network)->correlate(unit_directions(last.network.W)).value /
      last.lambda;
  for (Index i = 0; i < eta.size(); ++i) {
    EXPECT_NEAR(eta[i], std::copysign(1.0, last.network.a[i]), 0.02);
  }
}

// ---------------------------------------------------------------- fits

Dataset table(const Family& family, Index n, std::uint64_t seed) {
  SampleData data = rows(family, n, 4, seed);
  Dataset dataset;
  dataset.X = std::move(data.X);
  dataset.y = std::move(data.y);
  return dataset;
}

// A fit that learned something within its tolerance, and whose numbers the verifier and the
// certificate of the model find again on the rows of the fit.
void expect_certified_and_verified(const FitResult& result, const Dataset& data) {
  EXPECT_LE(result.certificate.relative_gap, 1e-2);
  EXPECT_LT(result.chosen().validation_error, 1.0);

  VerifierOptions verifying;
  verifying.directions = result.certificate.direction.transpose();
  const VerifiedNumbers verified =
      verify_model(result.network_model, data, {}, result.lambda, verifying);
  EXPECT_NEAR(verified.loss, result.loss, 1e-9 * result.loss);
  EXPECT_NEAR(verified.loss_as_given, result.loss, 1e-9 * result.loss);
  EXPECT_NEAR(verified.balanced_loss, result.penalized_loss, 1e-9 * result.penalized_loss);
  EXPECT_NEAR(verified.gap_at(result.certificate.sup_eta), result.certificate.gap,
              1e-8 * result.penalized_loss);
  EXPECT_LE(verified.sup_eta, result.certificate.sup_eta * (1.0 + 1e-4));

  const ModelCertificate certificate = certify_model(result.network_model, data, {});
  EXPECT_NEAR(certificate.loss, result.loss, 1e-9 * result.loss);
  EXPECT_NEAR(certificate.loss_as_given, result.loss, 1e-9 * result.loss);
  EXPECT_NEAR(certificate.null_loss, verified.null_loss, 1e-9 * verified.null_loss);
}

TEST_P(Families, FitIsCertifiedAndTheVerifierAgrees) {
  FitOptions options;
  options.family = GetParam();
  options.path.lambdas = 12;
  options.path.lambda_ratio = 1e-2;
  const Dataset data = table(GetParam(), 600, 40);
  const FitResult result = fit(data, options);
  EXPECT_EQ(result.model.family.kind, GetParam().kind);
  const bool classes = GetParam().kind == Family::Kind::logistic;
  EXPECT_EQ(result.model.family.linear_ridge > 0.0, classes);
  expect_certified_and_verified(result, data);
}

TEST_P(Families, PredictionsAreResponsesOfScores) {
  FitOptions options;
  options.family = GetParam();
  options.lambda = 0.05;
  const Dataset data = table(GetParam(), 300, 41);
  const Model model = fit(data, options).model;
  const Vector predictions = model.predict(data.X);
  EXPECT_TRUE(same_bits(predictions, GetParam().response(model.scores(data.X))));
  if (GetParam().kind == Family::Kind::logistic) {
    EXPECT_GE(predictions.minCoeff(), 0.0);
    EXPECT_LE(predictions.maxCoeff(), 1.0);
    EXPECT_NEAR(predictions.mean(), data.y.mean(), 1e-9);  // E r = 0
  }
}

// ---------------------------------------------------------------- offsets

// The same problem with known parts of the scores that are no function of the inputs.
SampleData rows_with_offset(const Family& family, Index n, Index d, std::uint64_t seed) {
  SampleData data = rows(family, n, d, seed);
  data.offset = 0.6 * normal_vector(n, seed, "offset");
  data.y = drawn_targets(family, 0.7 * hidden_scores(data.X) + data.offset, seed);
  return data;
}

Dataset table_with_offset(const Family& family, Index n, std::uint64_t seed) {
  SampleData data = rows_with_offset(family, n, 4, seed);
  Dataset dataset;
  dataset.X = std::move(data.X);
  dataset.y = std::move(data.y);
  dataset.offset = std::move(data.offset);
  dataset.offset_column = "known";
  return dataset;
}

TEST_P(Families, BestConstantBesideAnOffsetHasNoSlope) {
  const Family& family = GetParam();
  const Vector offset = normal_vector(50, 5, "offset");
  const Vector y = drawn_targets(family, normal_vector(50, 3, "scores") + offset, 4);
  const Vector weights = Vector::LinSpaced(50, 1.0, 3.0) / 100.0;
  const double F = family.constant_score(y, weights, offset);
  double slope = 0.0;
  for (Index t = 0; t < 50; ++t) slope += weights[t] * family.derivative(y[t], F + offset[t]);
  EXPECT_NEAR(slope, 0.0, 1e-12);
}

TEST_P(Families, OffsetIsAddedToTheScores) {
  const Family& family = GetParam();
  const SampleData data = rows_with_offset(family, 300, 4, 1);
  const SampleObjective objective{SampleData(data)};
  const Network network = normal_network(3, 5, 2);
  const Affine affine = objective.affine(network);
  double loss = 0.0;
  for (Index t = 0; t < 300; ++t) {
    double score = data.offset[t] + affine.alpha + affine.beta.dot(data.X.row(t));
    for (Index i = 0; i < 3; ++i) {
      score += network.a[i] *
               std::max(0.0, network.W.row(i).head(4).dot(data.X.row(t)) + network.W(i, 4));
    }
    loss += family.loss(data.y[t], score) / 300.0;
  }
  EXPECT_NEAR(objective.loss(network), loss, 1e-12 * loss);
  EXPECT_NEAR(objective.evaluate(network).loss, loss, 1e-12 * loss);
  if (family.square()) return;
  const Matrix U = unit_directions(normal_matrix(6, 5, 13, "directions"));
  const QuadraticModel model = objective.quadratic_model(network);
  const Vector of_loss = objective.residual(network)->correlate(U).value;
  const Vector of_model = model.objective.residual(network)->correlate(U).value;
  EXPECT_LT((of_loss - model.curvature * of_model).norm(), 1e-10 * of_loss.norm());
}

// Of the offset, what is affine in the inputs moves α and β and nothing else.
TEST_P(Families, AffineOffsetsChangeTheAffinePartAlone) {
  const SampleData data = rows(GetParam(), 200, 3, 5);
  SampleData shifted = data;
  const Vector slope{{0.5, -0.2, 0.1}};
  shifted.offset = ((data.X * slope).array() + 0.7).matrix();
  const SampleObjective plain{SampleData(data)};
  const SampleObjective beside{std::move(shifted)};
  const Network network = normal_network(2, 4, 6);
  const double loss = plain.loss(network);
  EXPECT_NEAR(beside.loss(network), loss, 1e-12 * loss);
  EXPECT_NEAR(beside.null_loss(), plain.null_loss(), 1e-12 * plain.null_loss());
  const double lambda = 0.5 * largest_lambda(plain, 0);
  EXPECT_NEAR(beside.residual(network)->dual_value(0.5), plain.residual(network)->dual_value(0.5),
              1e-10 * loss);
  EXPECT_NEAR(largest_lambda(beside, 0), 2.0 * lambda, 1e-8 * lambda);
  EXPECT_NEAR(beside.affine(network).alpha, plain.affine(network).alpha - 0.7, 1e-6);
  EXPECT_LT((beside.affine(network).beta - plain.affine(network).beta + slope).norm(), 1e-6);
}

TEST_P(Families, NoNetworkLiesBelowTheGapBesideAnOffset) {
  for (std::uint64_t problem = 0; problem < 6; ++problem) {
    const SampleObjective objective{rows_with_offset(GetParam(), 60, 2, 20 + problem)};
    PathOptions options;
    options.lambdas = 6;
    options.lambda_ratio = 0.01;
    options.gap_tolerance = 1e-3;
    for (const PathPoint& point : solve_path(objective, options).points) {
      EXPECT_LE(point.certificate.relative_gap, 1e-3) << name(point.ending);
      EXPECT_FALSE(point.certificate.search_failed);
      EXPECT_GE(least_found(objective, point.lambda, 100 * problem),
                point.penalized_loss - point.certificate.gap - 1e-9);
    }
  }
}

TEST_P(Families, FitBesideAnOffsetIsCertifiedAndTheVerifierAgrees) {
  FitOptions options;
  options.family = GetParam();
  options.path.lambdas = 12;
  options.path.lambda_ratio = 1e-2;
  const Dataset data = table_with_offset(GetParam(), 600, 40);
  const FitResult result = fit(data, options);
  EXPECT_EQ(result.model.offset_column, "known");
  expect_certified_and_verified(result, data);

  Dataset bare = data;
  bare.offset.resize(0);
  EXPECT_THAT(message_of<InvalidArgument>([&] { result.model.predict(bare.X); }),
              testing::HasSubstr("'known'"));
  EXPECT_THROW(verify_model(result.network_model, bare, {}, result.lambda), InvalidArgument);
  EXPECT_THROW(certify_model(result.network_model, bare, {}), InvalidArgument);
  EXPECT_THROW(fit(data, bare, options), InvalidArgument);
}

// Rates y/e that weigh as much as their exposure e have the likelihood of counts y beside log e.
// With δ = F − log y both are y times a function of δ that is small near 0.
TEST(Poisson, LossesAndConjugatesOfLargeCountsKeepTheirDigits) {
  const Family family = Family::Kind::poisson;
  for (const double y : {3.0, 8080.0, 1e9}) {
    for (const double shift : {1e-6, -1e-3, 0.2}) {
      const double F = std::log(y) + shift;
      const long double delta = static_cast<long double>(F) - std::log(static_cast<long double>(y));
      // The rounding of log y is an error of δ.
      const double allowed = 1e-14 * F * y;
      EXPECT_NEAR(family.loss(y, F), static_cast<double>(y * (std::expm1(delta) - delta)),
                  allowed * std::abs(shift));
      EXPECT_NEAR(family.derivative(y, F), static_cast<double>(y * std::expm1(delta)), allowed);
      const double rho = y * shift;
      const long double u = static_cast<long double>(rho) / y;
      const long double entropy = (1 + u) * std::log1p(u) - u;
      const long double linear = rho * std::log(static_cast<long double>(y));
      EXPECT_NEAR(family.conjugate(y, rho), static_cast<double>(y * entropy + linear),
                  1e-14 * std::abs(rho) * (1.0 + std::log(y)));
    }
    EXPECT_DOUBLE_EQ(family.conjugate(y, -y), y - y * std::log(y));
  }
}

TEST(Poisson, CountsInTheThousandsAreVerified) {
  Dataset data;
  data.X = normal_matrix(250, 2, 70, "inputs");
  const Vector scores = 6.0 + 1.2 * (data.X.col(0) + data.X.col(1)).cwiseMax(0.0).array();
  data.y = scores.array().exp().round();
  FitOptions options;
  options.family = Family::Kind::poisson;
  options.lambda = 0.05 * data.y.mean();
  const FitResult result = fit(data, options);
  VerifierOptions verifying;
  verifying.directions = result.certificate.direction.transpose();
  const VerifiedNumbers verified =
      verify_model(result.network_model, data, {}, result.lambda, verifying);
  EXPECT_NEAR(verified.loss, result.loss, 1e-12 * result.loss);
  // Two searches: under 40 perturbations of the last bits they differed by up to 1.5e-9.
  EXPECT_NEAR(verified.sup_eta, result.certificate.sup_eta, 1e-7);
}

TEST(Poisson, OffsetOfExposureIsThatOfWeightedRates) {
  SampleData counts = rows(Family::Kind::poisson, 400, 3, 50);
  const Vector exposure = normal_vector(400, 51, "exposure").array().exp().matrix();
  counts.offset = exposure.array().log().matrix();
  SampleData rates = counts;
  rates.offset.resize(0);
  rates.y = counts.y.cwiseQuotient(exposure);
  rates.weights = exposure;
  const SampleObjective of_counts(std::move(counts));
  const SampleObjective of_rates(std::move(rates));
  const Network network = normal_network(3, 4, 52);
  const double unit = exposure.mean();
  EXPECT_NEAR(of_counts.loss(network), unit * of_rates.loss(network),
              1e-10 * of_counts.loss(network));
  EXPECT_NEAR(of_counts.null_loss(), unit * of_rates.null_loss(), 1e-10 * of_counts.null_loss());
  EXPECT_NEAR(of_counts.affine(network).alpha, of_rates.affine(network).alpha, 1e-8);
  EXPECT_NEAR(largest_lambda(of_counts, 0), unit * largest_lambda(of_rates, 0),
              1e-8 * largest_lambda(of_counts, 0));
}

// Counts over different exposures: the rate's direction is found, and the model of the rate
// predicts counts of other exposures.
TEST(Poisson, ExposureLeavesTheRate) {
  Dataset data;
  data.X = normal_matrix(800, 4, 60, "inputs");
  const Vector rate = 0.6 * (data.X.col(0) - data.X.col(1)).cwiseMax(0.0);
  data.offset = 2.0 + 0.5 * normal_vector(800, 61, "exposure").array();
  data.y = drawn_targets(Family::Kind::poisson, rate + data.offset, 62);
  FitOptions options;
  options.family = Family::Kind::poisson;
  options.select = Selection(Selection::feature_count, 1);
  options.folds = 3;
  options.path.lambdas = 6;
  options.path.lambda_ratio = 0.05;
  const Model model = fit(data, options).model;
  ASSERT_EQ(model.features.size(), 1u);
  const Vector hidden{{1.0, -1.0, 0.0, 0.0}};
  // Some 2° by the information of 800 counts of a mean of 12 about three angles.
  EXPECT_LT(angle_between_lines_deg(model.features[0].direction, hidden), 5.0);
  const Vector doubled = data.offset.array() + std::log(2.0);
  EXPECT_LT((model.predict(data.X, doubled) - 2.0 * model.predict(data.X, data.offset)).norm(),
            1e-12 * model.predict(data.X, doubled).norm());
}

// The square loss knows the difference of target and offset alone.
TEST(Square, OffsetIsTakenOffTheTarget) {
  const Dataset data = table_with_offset(Family::Kind::square, 300, 70);
  Dataset taken_off = data;
  taken_off.y -= data.offset;
  taken_off.offset.resize(0);
  taken_off.offset_column.clear();
  for (const Shape shape : {Shape::relu, Shape::smooth}) {
    FitOptions options;
    options.shape = shape;
    options.path.lambdas = 8;
    options.path.lambda_ratio = 0.02;
    const FitResult beside = fit(data, options);
    const FitResult plain = fit(taken_off, options);
    EXPECT_EQ(beside.lambda, plain.lambda);
    EXPECT_EQ(beside.certificate.gap, plain.certificate.gap);
    EXPECT_TRUE(same_bits(beside.feature_network.W, plain.feature_network.W));
    EXPECT_NEAR(beside.chosen().validation_error, plain.chosen().validation_error, 1e-12);
    EXPECT_TRUE(same_bits(beside.model.predict(data.X, data.offset),
                          Vector(plain.model.predict(data.X) + data.offset)));
    const Matrix ends = beside.intervals.around(data.X, 0.8, data.offset).colwise() - data.offset;
    EXPECT_LT((ends - plain.intervals.around(data.X, 0.8)).norm(), 1e-9 * data.y.norm());
  }
}

TEST(BadOffsets, AreRefusedByName) {
  SampleData data = rows(Family::Kind::square, 60, 2, 1);
  data.offset = Vector::Zero(59);
  EXPECT_THAT(message_of<InvalidArgument>([&] { SampleObjective{SampleData(data)}; }),
              testing::HasSubstr("offset"));
  data.offset = Vector::Constant(60, HUGE_VAL);
  EXPECT_THAT(message_of<InvalidArgument>([&] { SampleObjective{SampleData(data)}; }),
              testing::HasSubstr("offset"));
  Dataset table = table_with_offset(Family::Kind::square, 60, 2);
  table.offset.conservativeResize(10);
  EXPECT_THAT(message_of<InvalidArgument>([&] { fit(table); }), testing::HasSubstr("offset"));
}

TEST(Logistic, SeparableClassesAreBoundedByARidgeOrEndWithTheLinearModel) {
  Dataset data;
  data.X = normal_matrix(200, 3, 50, "inputs");
  data.y = (data.X.col(0).array() > 0.0).cast<double>();
  FitOptions options;
  options.family = Family::Kind::logistic;
  const FitResult bounded = fit(data, options);
  EXPECT_LT(bounded.model.affine.beta.lpNorm<Eigen::Infinity>(), 100.0);
  EXPECT_LT(bounded.chosen().validation_error, 0.3);
  options.linear_ridge = 0.0;
  const FitResult result = fit(data, options);
  EXPECT_EQ(result.model.features.size(), 0u);
  EXPECT_TRUE(result.model.affine.beta.allFinite());
  EXPECT_EQ(
      ((result.model.scores(data.X).array() > 0.0).cast<double>() - data.y.array()).abs().sum(),
      0.0);
}

// A column that only rows of class 1 have: its best coefficient is infinite.
TEST(Logistic, QuasiSeparatedColumnStaysFinite) {
  Dataset data = table(Family::Kind::logistic, 400, 51);
  data.X.col(3).setZero();
  for (Index t = 0, marked = 0; t < 400 && marked < 12; ++t) {
    if (data.y[t] != 1.0) continue;
    data.X(t, 3) = 1.0;
    ++marked;
  }
  FitOptions options;
  options.family = Family::Kind::logistic;
  const FitResult result = fit(data, options);
  EXPECT_TRUE(result.model.affine.beta.allFinite());
  EXPECT_TRUE(std::isfinite(result.certificate.gap));
  EXPECT_LE(result.certificate.relative_gap, 1e-2);
}

// Forty columns without a say on 120 rows: coefficients that little shrinks are mostly noise.
TEST(Logistic, FoldsChooseTheRidgeOfTheLinearPart) {
  const auto drawn = [](Index n, std::uint64_t seed) {
    Dataset data;
    data.X = normal_matrix(n, 41, seed, "inputs");
    data.y = drawn_targets(Family::Kind::logistic, data.X.col(0), seed);
    return data;
  };
  const Dataset training = drawn(120, 52);
  const Dataset fresh = drawn(4000, 53);
  FitOptions options;
  options.family = Family::Kind::logistic;
  options.path.lambdas = 3;
  const auto deviance = [&](const FitResult& result) {
    const Vector scores = result.model.scores(fresh.X);
    double sum = 0.0;
    for (Index t = 0; t < scores.size(); ++t) {
      sum += 2.0 * options.family.at(fresh.y[t], scores[t]).loss;
    }
    return sum / static_cast<double>(scores.size());
  };
  const FitResult chosen = fit(training, options);
  options.linear_ridge = 1e-3;
  const FitResult little = fit(training, options);
  EXPECT_GE(chosen.model.family.linear_ridge, 3e-2);
  EXPECT_LT(deviance(chosen), 0.8 * deviance(little));
  options.linear_ridge = {};
  options.lambda = 0.05;
  EXPECT_EQ(fit(training, options).model.family.linear_ridge, 1e-3);
}

TEST(BadTargets, AreRefusedByName) {
  const auto refused = [](const Family& family, const Vector& y, const std::string& what) {
    Dataset data;
    data.X = normal_matrix(y.size(), 2, 60, "inputs");
    data.y = y;
    FitOptions options;
    options.family = family;
    EXPECT_THAT(message_of<InvalidArgument>([&] { fit(data, options); }), testing::HasSubstr(what));
  };
  Vector y = Vector::Zero(30);
  y[3] = 1.0;
  Vector fraction = y;
  fraction[5] = 1.5;
  refused(Family::Kind::logistic, fraction, "1.5");
  refused(Family::Kind::logistic, Vector::Ones(30), "constant");
  Vector negative = y;
  negative[7] = -1.0;
  refused(Family::Kind::poisson, negative, "-1");
}

TEST(BadOptions, ProofsAreForTheSquareLoss) {
  FitOptions options;
  options.family = Family::Kind::logistic;
  options.path.rigorous = true;
  EXPECT_THAT(
      message_of<InvalidArgument>([&] { fit(table(Family::Kind::logistic, 100, 61), options); }),
      testing::HasSubstr("rigorous"));
}

}  // namespace
}  // namespace lodestone
