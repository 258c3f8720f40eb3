// Smooth ridge functions: splines, their smoothing, and the steps of their directions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "fit/choice.hpp"
#include "fit/shapes.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/model/model.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using fitting::RidgePursuit;
using fitting::RidgeSum;

Vector hidden_direction(Index d) {
  Vector direction = support::normal_vector(d, 99);
  return direction / direction.norm();
}

// A function of one hidden direction, its deviation divided out, and noise.
template <class Function>
SampleData one_direction(Index n, Index d, double noise, const Function& shape) {
  SampleData rows;
  rows.X = support::normal_matrix(n, d, 1);
  const Vector t = rows.X * hidden_direction(d);
  rows.y = t.unaryExpr([&](double at) { return shape(at); });
  rows.y.array() -= rows.y.mean();
  rows.y /= std::sqrt(rows.y.squaredNorm() / static_cast<double>(n));
  rows.y += noise * support::normal_vector(n, 2);
  rows.weights = Vector::Constant(n, 1.0 / static_cast<double>(n));
  return rows;
}

RidgePursuit pursuit(SampleData rows) {
  Matrix starts = fitting::directions_of(Network::empty(rows.X.cols() + 1), rows);
  return {std::move(rows), std::move(starts)};
}

Dataset dataset(const SampleData& rows) { return checked_dataset({rows.X, rows.y}); }

double error_of(const Model& model, const SampleData& clean) {
  return (model.predict(clean.X) - clean.y).squaredNorm() / static_cast<double>(clean.y.size());
}

double wave(double t) { return std::sin(3.0 * t); }

TEST(Shapes, ASineOfOneDirectionIsFoundWithASmallerErrorThanRelusHave) {
  const Index d = 6;
  const SampleData rows = one_direction(400, d, 0.1, wave);
  FitOptions options;
  options.path.lambdas = 8;
  options.path.lambda_ratio = 1e-2;
  const FitResult relu = fit(dataset(rows), options);
  options.shape = Shape::smooth;
  const FitResult smooth = fit(dataset(rows), options);
  ASSERT_EQ(smooth.model.ridges.size(), 1U);
  const Ridge& ridge = smooth.model.ridges.front();
  EXPECT_EQ(ridge.count, static_cast<Index>(smooth.model.features.size()));
  EXPECT_GT(ridge.degrees_of_freedom, 4.0);
  EXPECT_GT(ridge.explained, 0.5);
  const Vector found =
      smooth.model.features.front().direction.cwiseProduct(smooth.standardization.scale);
  EXPECT_LT(angle_between_lines_deg(found, hidden_direction(d)), 3.0);
  const SampleData clean = one_direction(400, d, 0.0, wave);
  EXPECT_LT(error_of(smooth.model, clean), 0.3 * error_of(relu.model, clean));
  // Certificate and network stay those of the path.
  EXPECT_EQ(smooth.certificate.kind, relu.certificate.kind);
  EXPECT_NEAR(2.0 * smooth.feature_network_loss,
              (smooth.model.predict(rows.X) - rows.y).squaredNorm() / 400.0 /
                  std::pow(smooth.standardization.target_scale, 2.0),
              1e-9);
}

TEST(Shapes, ALinearTargetHasNone) {
  SampleData rows = one_direction(200, 4, 0.0, [](double t) { return t; });
  FitOptions options;
  options.path.lambdas = 6;
  options.shape = Shape::smooth;
  EXPECT_TRUE(fit(dataset(rows), options).model.features.empty());
  rows.y += 0.3 * support::normal_vector(200, 5);
  const FitResult noisy = fit(dataset(rows), options);
  EXPECT_TRUE(noisy.model.ridges.empty());
  EXPECT_TRUE(noisy.model.features.empty());
}

TEST(Shapes, NoiseIsSmoothedAway) {
  SampleData rows = one_direction(300, 3, 0.0, wave);
  rows.y = support::normal_vector(300, 7);
  RidgePursuit alone = pursuit(rows);
  alone.refine({Vector::Unit(3, 0)});
  EXPECT_LT(alone.sum().ridges.front().degrees_of_freedom, 4.0);
}

TEST(Shapes, ARowOfWeightTwoCountsAsTwo) {
  const SampleData rows = one_direction(300, 3, 0.1, wave);
  SampleData repeated = rows;
  SampleData weighted = rows;
  repeated.X.conservativeResize(400, 3);
  repeated.y.conservativeResize(400);
  repeated.X.bottomRows(100) = rows.X.topRows(100);
  repeated.y.tail(100) = rows.y.head(100);
  repeated.weights = Vector::Constant(400, 1.0 / 400.0);
  weighted.weights.head(100).setConstant(2.0 / 400.0);
  weighted.weights.tail(200).setConstant(1.0 / 400.0);
  const Matrix directions = hidden_direction(3).transpose();
  const Vector smoothing = Vector::Constant(1, 1e-3);
  const auto one = pursuit(repeated).evaluate(directions, smoothing);
  const auto other = pursuit(weighted).evaluate(directions, smoothing);
  EXPECT_NEAR(one.loss, other.loss, 1e-12 * one.loss);
  EXPECT_LT((one.gradient - other.gradient).norm(), 1e-9 * one.gradient.norm());
}

TEST(Shapes, TheGradientInTheDirectionsIsThatOfTheLoss) {
  const SampleData rows = one_direction(2000, 4, 0.1, wave);
  const RidgePursuit of = pursuit(rows);
  Matrix directions = support::normal_matrix(2, 4, 11);
  directions.row(0) += 3.0 * hidden_direction(4).transpose();
  for (Index k = 0; k < 2; ++k) directions.row(k).normalize();
  const Vector smoothing = Vector::Constant(2, 1e-3);
  const auto at = of.evaluate(directions, smoothing);
  // Along the sphere, where knots move with their quantiles; the step keeps rows on their side of
  // most knots, and the loss is a sum over rows of kinks elsewhere: hence a few percent.
  const double step = 1e-4;
  for (Index k = 0; k < 2; ++k) {
    Vector along = support::normal_vector(4, 20 + static_cast<std::uint64_t>(k));
    along -= along.dot(directions.row(k)) * directions.row(k).transpose();
    along.normalize();
    Matrix ahead = directions;
    Matrix behind = directions;
    ahead.row(k) += step * along.transpose();
    behind.row(k) -= step * along.transpose();
    const double difference =
        (of.evaluate(ahead, smoothing).loss - of.evaluate(behind, smoothing).loss) / (2.0 * step);
    EXPECT_NEAR(difference, at.gradient.row(k).dot(along), 0.05 * at.gradient.norm()) << k;
  }
}

TEST(Shapes, ResultsDoNotDependOnThreads) {
  const SampleData rows = one_direction(600, 4, 0.2, wave);
  const auto network_of = [&] {
    RidgePursuit of = pursuit(rows);
    of.add();
    of.add();
    return of.sum().network();
  };
  const int before = threads();
  set_threads(1);
  const Network one = network_of();
  set_threads(3);
  const Network other = network_of();
  set_threads(before);
  EXPECT_EQ(one.a, other.a);
  EXPECT_EQ(one.W, other.W);
}

TEST(Shapes, RidgesAreWrittenAndReadBack) {
  const SampleData rows = one_direction(300, 4, 0.1, wave);
  FitOptions options;
  options.path.lambdas = 6;
  options.path.lambda_ratio = 2e-2;
  options.shape = Shape::smooth;
  const Model model = fit(dataset(rows), options).model;
  ASSERT_FALSE(model.ridges.empty());
  const support::TemporaryFolder folder;
  const std::string path = folder.file("model.json");
  write_model(path, model);
  const Model back = read_model(path);
  ASSERT_EQ(back.ridges.size(), model.ridges.size());
  EXPECT_EQ(back.ridges.front().count, model.ridges.front().count);
  EXPECT_EQ(back.ridges.front().degrees_of_freedom, model.ridges.front().degrees_of_freedom);
  EXPECT_EQ(back.ridges.front().explained, model.ridges.front().explained);
  EXPECT_EQ(back.predict(rows.X), model.predict(rows.X));
}

Candidate candidate(bool smooth, Index features, std::initializer_list<double> parts) {
  Candidate result;
  result.index = features == 0 ? 0 : 3;
  result.smooth = smooth;
  result.feature_count = features;
  result.parts = Eigen::Map<const Vector>(parts.begin(), static_cast<Index>(parts.size()));
  result.validation_error = result.parts.mean();
  result.standard_error = fitting::standard_error(result.parts);
  return result;
}

TEST(Shapes, AutoTakesThemOnlyWhereTheyAreClearlyBetter) {
  FitOptions options;
  options.shape = Shape::automatic;
  std::vector<Candidate> tried = {
      candidate(false, 0, {0.9, 0.9, 0.9}), candidate(false, 5, {0.30, 0.31, 0.29}),
      candidate(true, 1, {0.5, 0.5, 0.5}), candidate(true, 2, {0.10, 0.12, 0.11})};
  EXPECT_EQ(fitting::choose(tried, options).second, 3);
  tried[3] = candidate(true, 2, {0.10, 0.60, 0.11});
  EXPECT_EQ(fitting::choose(tried, options).second, 1);
  options.shape = Shape::smooth;
  EXPECT_EQ(fitting::choose(tried, options).second, 3);
  options.select = {Selection::feature_count, 1};
  EXPECT_EQ(fitting::choose(tried, options).second, 2);
  options.select = Selection::best;
  tried[3] = tried[2] = candidate(true, 2, {0.9, 0.95, 0.9});
  EXPECT_EQ(fitting::choose(tried, options).second, 0);
}

TEST(Shapes, OptionsThatDoNotGoTogetherAreRefused) {
  FitOptions options;
  options.shape = Shape::smooth;
  EXPECT_NO_THROW(options.validate());
  options.family.kind = Family::Kind::logistic;
  EXPECT_THROW(options.validate(), InvalidArgument);
  options.family.kind = Family::Kind::square;
  options.biases = false;
  EXPECT_THROW(options.validate(), InvalidArgument);
  options.shape = Shape::automatic;
  EXPECT_NO_THROW(options.validate());
  EXPECT_EQ(parse_shape("auto"), Shape::automatic);
  EXPECT_THROW(parse_shape("round"), InvalidArgument);
}

}  // namespace
}  // namespace lodestone
