// Monotone predictions (docs/math.md, 13): signs of neurons and linear part along a whole fit, the
// bounded linear part against its conditions, optimality against brute force, and what is refused.

#include "lodestone/model/sign_constraints.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "certify/search_effort.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/certify/model_certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/path/path.hpp"
#include "lodestone/verifier/verifier.hpp"
#include "objective/bounded_quadratic.hpp"
#include "path/active_set.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::normal_matrix;
using support::normal_vector;

// Rises in x0, falls in x1, bends in x2; with noise.
Dataset monotone_rows(Index n, std::uint64_t seed) {
  Dataset data;
  data.X = normal_matrix(n, 3, seed, "inputs");
  const auto X = data.X.array();
  data.y = X.col(0) + (X.col(0) - 0.3).max(0.0) - (0.5 * X.col(1)).exp() + 0.7 * X.col(2).abs();
  data.y += 0.3 * normal_vector(n, seed, "noise");
  return data;
}

// Falls in x0 for half of the rows: no monotone function is close.
Dataset violating_rows(Index n, std::uint64_t seed) {
  Dataset data;
  data.X = normal_matrix(n, 3, seed, "inputs");
  const auto X = data.X.array();
  data.y = X.col(0).abs() + X.col(1) + 0.3 * X.col(0) * X.col(2);
  data.y += 0.2 * normal_vector(n, seed, "noise");
  return data;
}

FitOptions quick(std::vector<std::string> increasing, std::vector<std::string> decreasing) {
  FitOptions options;
  options.path.lambdas = 8;
  options.path.lambda_ratio = 0.01;
  options.increasing = std::move(increasing);
  options.decreasing = std::move(decreasing);
  return options;
}

// The largest fall of the score when column j rises, by how much a sign is 1 or −1, over pairs of
// points far beyond the rows.
double worst_fall(const Model& model, Index pairs, std::uint64_t seed) {
  const Vector& signs = model.constraints.signs();
  double worst = 0.0;
  for (Index j = 0; j < signs.size(); ++j) {
    if (signs[j] == 0.0) continue;
    const Matrix low = 4.0 * normal_matrix(pairs, model.dimension(), seed, "points");
    Matrix high = low;
    high.col(j) += normal_vector(pairs, seed, "steps").cwiseAbs();
    const Vector rise = signs[j] * (model.scores(high) - model.scores(low));
    worst = std::max(worst, -rise.minCoeff());
  }
  return worst;
}

void expect_signs(const Model& model) {
  const Vector& signs = model.constraints.signs();
  ASSERT_EQ(signs.size(), model.dimension());
  for (Index j = 0; j < signs.size(); ++j) {
    EXPECT_GE(signs[j] * model.affine.beta[j], 0.0);
    for (const Feature& feature : model.features) {
      EXPECT_GE(signs[j] * feature.amplitude * feature.direction[j], 0.0);
    }
  }
}

// ---- the linear part

TEST(BoundedQuadratic, MeetsItsConditions) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Matrix A = normal_matrix(12, 7, seed, "columns");
    const Matrix H = A.transpose() * A;
    const Vector b = A.transpose() * normal_vector(12, seed, "right side");
    Vector signs(7);
    signs << 0, 1, -1, 1, 0, -1, 1;
    const Vector c = BoundedQuadratic(H, signs).minimum(b);
    const Vector slope = b - H * c;
    for (Index j = 0; j < 7; ++j) {
      EXPECT_GE(signs[j] * c[j], 0.0);
      if (signs[j] == 0.0 || c[j] != 0.0) {
        EXPECT_NEAR(slope[j], 0.0, 1e-10 * b.norm());
      } else {
        EXPECT_LE(signs[j] * slope[j], 1e-10 * b.norm());
      }
    }
  }
}

TEST(BoundedQuadratic, TakesColumnsThatDependOnOthers) {
  Matrix A = normal_matrix(12, 4, 1, "columns");
  A.col(2) = A.col(0);        // bounded, of a free one
  A.col(3) = 2.0 * A.col(1);  // bounded, of a bounded one
  const Matrix H = A.transpose() * A;
  const Vector b = A.transpose() * normal_vector(12, 2, "right side");
  Vector signs(4);
  signs << 0, 1, 1, 1;
  const Vector c = BoundedQuadratic(H, signs).minimum(b);
  EXPECT_TRUE((c.tail(3).array() >= 0.0).all());
  const Vector slope = b - H * c;
  EXPECT_NEAR(slope[0], 0.0, 1e-8 * b.norm());
  EXPECT_LE(slope.tail(3).maxCoeff(), 1e-8 * b.norm());
}

// The gradient of the loss is that of the formulas, the linear part being held by its bounds.
TEST(SignConstraints, TheGradientIsThatOfTheLoss) {
  const Dataset rows = violating_rows(60, 3);
  for (const Family::Kind kind :
       {Family::Kind::square, Family::Kind::huber, Family::Kind::logistic}) {
    SampleData data;
    data.X = rows.X;
    data.y =
        kind == Family::Kind::logistic ? Vector((rows.y.array() > 0.8).cast<double>()) : rows.y;
    data.biases = true;
    data.family = kind;
    if (kind == Family::Kind::logistic) data.family.linear_ridge = 1e-3;
    data.constraints = SignConstraints(Eigen::Vector3d(-1.0, -1.0, 0.0));
    const SampleObjective objective(std::move(data));
    const Network network = support::normal_network(2, 4, 5);
    const Affine affine = objective.affine(network);
    EXPECT_LE(affine.beta[0], 0.0);
    EXPECT_EQ(affine.beta[1], 0.0);
    const Evaluation at = objective.evaluate(network);
    constexpr double step = 1e-5;
    for (Index i = 0; i < 2; ++i) {
      for (Index j = 0; j < 4; ++j) {
        Network ahead = network;
        Network behind = network;
        ahead.W(i, j) += step;
        behind.W(i, j) -= step;
        const double slope = (objective.loss(ahead) - objective.loss(behind)) / (2.0 * step);
        EXPECT_NEAR(slope, at.gradient_W(i, j), 2e-5) << Family(kind).square() << i << j;
      }
    }
  }
}

// ---- optimality

// In the plane all directions of a fine grid as features, with signs, and the linear part beside
// them: no network may lie below what the certificate allows, and none is much below the path's.
TEST(SignConstraints, NoNetworkOfAGridLiesBelowTheGap) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    SampleData data;
    data.X = normal_matrix(40, 1, seed, "inputs");
    const double sign = seed % 2 == 0 ? 1.0 : -1.0;
    data.y = (2.0 * data.X.col(0).array()).sin() - 0.5 * data.X.col(0).array();
    data.y *= -sign;
    data.biases = true;
    const SignConstraints constraints(Vector::Constant(1, sign));
    data.constraints = constraints;
    const SampleObjective objective(data);
    PathOptions options;
    options.gap_tolerance = 1e-4;
    const double lambda = 0.1 * largest_lambda(objective, 1);
    const PathPoint point = solve_at(objective, lambda, Network::empty(2), options);
    EXPECT_LE(point.certificate.relative_gap, 1e-4);

    // Atoms σ u with σ s u_0 >= 0; columns 1 and x, with x's coefficient of the sign s.
    constexpr Index angles = 1500;
    const double s = constraints.signs()[0];
    Matrix U(angles, 2);
    Vector signs(angles);
    for (Index k = 0; k < angles; ++k) {
      const double angle = 2.0 * std::numbers::pi * (static_cast<double>(k) + 0.5) / angles;
      U.row(k) << std::cos(angle), std::sin(angle);
      signs[k] = s * U(k, 0) > 0.0 ? 1.0 : -1.0;
    }
    const Index n = data.X.rows();
    Matrix F(n, angles + 1);
    for (Index t = 0; t < n; ++t) {
      for (Index k = 0; k < angles; ++k) {
        F(t, k) = std::max(0.0, U(k, 0) * data.X(t, 0) + U(k, 1));
      }
      F(t, angles) = data.X(t, 0);
    }
    F.rowwise() -= F.colwise().mean().eval();
    const Vector y = data.y.array() - data.y.mean();
    path::ActiveSetOptions active;
    active.signs = Vector(angles + 1);
    active.signs << signs, s;
    active.unpenalized = 1;
    const Matrix K = F.transpose() * F / static_cast<double>(n);
    const Vector b = F.transpose() * y / static_cast<double>(n);
    const Vector a =
        path::solve_active_set(K, b, lambda, Vector::Zero(angles + 1), active).amplitudes;
    EXPECT_GE((active.signs.cwiseProduct(a)).minCoeff(), 0.0);
    const double of_grid = 0.5 * (F * a - y).squaredNorm() / static_cast<double>(n) +
                           lambda * a.head(angles).lpNorm<1>();
    EXPECT_GE(of_grid, point.penalized_loss - point.certificate.gap - 1e-12);
    EXPECT_LE(point.penalized_loss, of_grid * (1.0 + 2e-4));
  }
}

// The supremum is over the allowed directions, and none of a dense set of these is above it.
TEST(SignConstraints, TheSupremumIsThatOfAllowedDirections) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Dataset rows = violating_rows(60, seed);
    SampleData data;
    data.X = rows.X;
    data.y = rows.y;
    data.biases = true;
    const SignConstraints constraints(Eigen::Vector3d(1.0, seed % 2 == 0 ? -1.0 : 0.0, 1.0));
    data.constraints = constraints;
    const SampleObjective objective(std::move(data));
    const Network none = Network::empty(4);
    const auto residual = objective.residual(none);
    const Supremum found = estimate_supremum(*residual, none, search::for_a_result(seed));
    EXPECT_NEAR(constraints.heights(found.direction.transpose(),
                                    residual->correlate(found.direction.transpose()).value)[0],
                found.value, 1e-12 * found.value);
    Matrix U = unit_directions(normal_matrix(40'000, 4, seed, "directions"));
    for (Index i = 0; i < U.rows(); ++i) {
      // To one of the cones, coordinate by coordinate.
      const double side = i % 2 == 0 ? 1.0 : -1.0;
      for (Index j = 0; j < 3; ++j) {
        if (side * constraints.signs()[j] * U(i, j) < 0.0) U(i, j) *= -1.0;
      }
    }
    const Vector heights = constraints.heights(U, residual->correlate(U).value);
    EXPECT_LE(heights.maxCoeff(), found.value * (1.0 + 1e-9));
    EXPECT_GE(heights.maxCoeff(), 0.9 * found.value);
  }
}

TEST(SignConstraints, WhatIsMonotoneAnywayStaysAsItIs) {
  // Without constraints the answer has all signs already: the same value of P.
  SampleData data;
  data.X = normal_matrix(120, 2, 7, "inputs");
  const auto X = data.X.array();
  data.y = 3.0 * X.col(0) + (X.col(0) + 0.2 * X.col(1)).max(0.0);
  data.biases = true;
  PathOptions options;
  options.gap_tolerance = 1e-8;
  const SampleObjective free(data);
  const double lambda = 0.3 * largest_lambda(free, 1);
  const PathPoint before = solve_at(free, lambda, Network::empty(3), options);
  data.constraints = SignConstraints(Eigen::Vector2d(1.0, 0.0));
  const SampleObjective constrained(data);
  const PathPoint after = solve_at(constrained, lambda, Network::empty(3), options);
  EXPECT_NEAR(after.penalized_loss, before.penalized_loss, 1e-6 * before.penalized_loss);
}

// ---- fits

TEST(SignConstraints, PredictionsAreMonotoneEverywhere) {
  for (const Dataset& rows : {monotone_rows(150, 1), violating_rows(150, 2)}) {
    for (const Relaxed relaxed : {Relaxed::never, Relaxed::always}) {
      FitOptions options = quick({"x0"}, {"x1"});
      options.relaxed = relaxed;
      options.bootstrap = 2;
      const FitResult result = fit(rows, options);
      expect_signs(result.model);
      expect_signs(result.network_model);
      EXPECT_LE(worst_fall(result.model, 50'000, 1), 1e-11);
      EXPECT_GE(result.certificate.gap, 0.0);
      EXPECT_LE(result.certificate.relative_gap, 0.011);
      for (const CurvePoint& point : result.curve) expect_signs(point.model);
      for (const auto& fold : result.intervals.folds) expect_signs(fold.model);
    }
  }
}

TEST(SignConstraints, OtherFamiliesAreMonotoneToo) {
  const Dataset given = violating_rows(100, 4);
  for (const Family::Kind kind :
       {Family::Kind::logistic, Family::Kind::poisson, Family::Kind::huber}) {
    Dataset rows = given;
    if (kind == Family::Kind::logistic) rows.y = (given.y.array() > 0.8).cast<double>();
    if (kind == Family::Kind::poisson) rows.y = (given.y.array().max(0.0) * 2.0).floor();
    FitOptions options = quick({"x0"}, {});
    options.family = kind;
    options.folds = 2;
    options.path.lambdas = 4;
    options.path.lambda_ratio = 0.1;
    const FitResult result = fit(rows, options);
    expect_signs(result.model);
    EXPECT_LE(worst_fall(result.model, 20'000, 1), 1e-11);
    EXPECT_LE(result.certificate.relative_gap, 0.011);
  }
}

TEST(SignConstraints, ACertificateAndTheVerifierKnowThem) {
  const Dataset rows = checked_dataset(violating_rows(120, 5));
  FitOptions options = quick({"x0"}, {"x2"});
  options.lambda = 0.02;
  const FitResult result = fit(rows, options);
  Model model = result.network_model;
  CertifyOptions certify;
  certify.lambda = result.lambda;
  const ModelCertificate found = certify_model(model, rows, {}, certify);
  EXPECT_NEAR(found.loss, result.loss, 1e-8 * result.loss);
  EXPECT_LE(found.certificate.relative_gap, 0.02);
  const VerifiedNumbers is = verify_model(model, rows, {}, result.lambda);
  EXPECT_EQ(is.sign_violation, 0.0);
  EXPECT_NEAR(is.loss, result.loss, 1e-8 * result.loss);
  EXPECT_LE(is.sup_eta, result.certificate.sup_eta * (1.0 + 1e-3));
  // Without its constraints it is far from the best network.
  model.constraints = {};
  EXPECT_GT(certify_model(model, rows, {}, certify).certificate.relative_gap, 0.05);
  // A sign that is wrong is seen.
  model.constraints = SignConstraints(-result.network_model.constraints.signs());
  EXPECT_GT(verify_model(model, rows, {}, result.lambda).sign_violation, 0.0);
}

TEST(SignConstraints, AConstantColumnAndOneInTheIndicatorsPlaceAreTaken) {
  Dataset rows = monotone_rows(80, 6);
  rows.X.col(1).setConstant(3.0);
  const FitResult result = fit(rows, quick({"x0", "x1"}, {}));
  expect_signs(result.model);
  EXPECT_EQ(result.model.affine.beta[1], 0.0);
}

// The truth falls wherever it changes: no feature and no linear part of the other sign helps.
TEST(SignConstraints, WhereNothingRisesTheModelIsConstant) {
  for (const Family::Kind kind : {Family::Kind::square, Family::Kind::huber}) {
    Dataset rows;
    rows.X = normal_matrix(60, 1, 3, "inputs");
    rows.y = -rows.X.col(0).array() - rows.X.col(0).array().max(0.0);
    FitOptions options = quick({"x0"}, {});
    options.family = kind;
    const FitResult result = fit(rows, options);
    EXPECT_TRUE(result.model.features.empty());
    EXPECT_EQ(result.model.affine.beta[0], 0.0);
    EXPECT_LE(result.certificate.relative_gap, 1e-12);
  }
}

TEST(SignConstraints, FewerRowsThanColumnsKeepTheirColumns) {
  Dataset rows;
  rows.X = normal_matrix(20, 30, 8, "inputs");
  rows.y = rows.X.col(0) - rows.X.col(3).cwiseAbs();
  const FitResult result = fit(rows, quick({"x0"}, {"x3"}));
  expect_signs(result.model);
  EXPECT_LE(worst_fall(result.model, 1000, 1), 1e-11);
}

TEST(SignConstraints, TheBitsDoNotDependOnTheNumberOfThreads) {
  const Dataset rows = violating_rows(100, 9);
  const auto model = [&](int count) {
    const support::ThreadCount threads(count);
    return fit(rows, quick({"x0"}, {"x1"})).model;
  };
  const Model one = model(1);
  const Model two = model(2);
  EXPECT_TRUE(support::same_bits(one.scores(rows.X), two.scores(rows.X)));
}

// ---- what is refused

std::string refusal(const Dataset& rows, const FitOptions& options) {
  try {
    fit(rows, options);
  } catch (const InvalidArgument& error) {
    return error.field() + ": " + error.value() + ": " + error.rule().text();
  }
  return "";
}

TEST(SignConstraints, WhatCannotBeMonotoneIsRefused) {
  const Dataset rows = monotone_rows(60, 1);
  const auto contains = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(contains(refusal(rows, quick({"x7"}, {})), "no input column"));
  EXPECT_TRUE(contains(refusal(rows, quick({"x0"}, {"x0"})), "increasing as well"));
  FitOptions whitened = quick({"x0"}, {});
  whitened.standardize = Standardization::Kind::whiten;
  EXPECT_TRUE(contains(refusal(rows, whitened), "mixes columns"));
  FitOptions smooth = quick({"x0"}, {});
  smooth.shape = Shape::smooth;
  EXPECT_TRUE(contains(refusal(rows, smooth), "smooth"));
  FitOptions rigorous = quick({"x0"}, {});
  rigorous.path.rigorous = true;
  EXPECT_TRUE(contains(refusal(rows, rigorous), "proofs"));
  Dataset several = rows;
  several.Y = Matrix(60, 2);
  several.Y << rows.y, rows.X.col(0);
  EXPECT_TRUE(contains(refusal(several, quick({"x0"}, {})), "several outputs"));
  Dataset classes = rows;
  for (Index t = 0; t < 60; ++t) classes.y[t] = static_cast<double>(t % 3);
  FitOptions softmax = quick({}, {"x0"});
  softmax.family = Family::Kind::softmax;
  EXPECT_TRUE(contains(refusal(classes, softmax), "decreasing"));
  Dataset text = rows;
  text.columns = {"x0", "colour=blue", "colour=red"};
  text.encodings = {{"colour", {"blue", "red"}}};
  EXPECT_TRUE(contains(refusal(text, quick({"colour"}, {})), "has no order"));
}

TEST(SignConstraints, AutomaticShapesAreRelus) {
  FitOptions options = quick({"x0"}, {});
  options.shape = Shape::automatic;
  const FitResult result = fit(monotone_rows(80, 1), options);
  EXPECT_FALSE(result.chosen().smooth);
  EXPECT_TRUE(std::any_of(result.warnings.begin(), result.warnings.end(),
                          [](const Warning& warning) { return warning.code == "monotone_shape"; }));
}

}  // namespace
}  // namespace lodestone
