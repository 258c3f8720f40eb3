// Fitting rows: what is found, how it is chosen, and what its reader is told.

#include "lodestone/fit/fit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/QR>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "lodestone/certify/model_certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/verifier/verifier.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::normal_matrix;
using support::normal_vector;
using support::same_bits;
using support::small_teacher;
using support::ThreadCount;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// For rows drawn from a teacher: no scales to learn, no biases.
FitOptions for_teacher_rows() {
  FitOptions options;
  options.standardize = Standardization::Kind::none;
  options.biases = false;
  options.path.lambdas = 10;
  options.path.lambda_ratio = 5e-3;
  return options;
}

// For tests that do not look at the choice: one λ, nothing cross-validated.
FitOptions at_lambda(double lambda) {
  FitOptions options;
  options.path.lambdas = 5;
  options.path.lambda_ratio = 1e-2;
  options.lambda = lambda;
  return options;
}

Dataset ridge_rows(Index n, std::uint64_t seed, double noise = 0.1) {
  Dataset rows;
  rows.X = normal_matrix(n, 3, seed, "ridge X");
  rows.y = (rows.X * Vector{{1.0, -0.5, 0.0}}).cwiseMax(0.0) + 0.3 * rows.X.col(2) +
           noise * normal_vector(n, seed, "ridge noise");
  rows.columns = {"a", "b", "c"};
  rows.target = "y";
  return rows;
}

void expect_same_bits(const FitResult& left, const FitResult& right) {
  EXPECT_TRUE(same_bits(left.network, right.network));
  EXPECT_TRUE(same_bits(left.feature_network, right.feature_network));
  EXPECT_TRUE(same_bits(left.lambda, right.lambda));
  EXPECT_TRUE(same_bits(left.certificate, right.certificate));
  EXPECT_EQ(left.chosen_index, right.chosen_index);
  ASSERT_EQ(left.candidates.size(), right.candidates.size());
  for (std::size_t c = 0; c < left.candidates.size(); ++c) {
    EXPECT_TRUE(
        same_bits(left.candidates[c].validation_error, right.candidates[c].validation_error));
  }
  ASSERT_EQ(left.reports.size(), right.reports.size());
  for (std::size_t i = 0; i < left.reports.size(); ++i) {
    EXPECT_TRUE(same_bits(left.reports[i], right.reports[i]));
  }
}

// ---- what is found

// On 600 rows with noise of a tenth of the signal, directions are known to about 2°; 8° leaves room
// for the worst of several.
TEST(Fit, FindsHiddenDirections) {
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    const Teacher teacher = small_teacher(5, 2, seed, 40.0);
    // Whether a refit is clearly better than the penalized network is close on so few rows; the
    // simplest model within a standard error is not.
    FitOptions options = for_teacher_rows();
    options.gap_tolerance = 1e-3;
    options.select = Selection::one_standard_error;
    const FitResult result = fit(draw_samples(teacher, 600, 0.1, seed), std::nullopt, options);
    EXPECT_TRUE(result.cross_validated);
    EXPECT_FALSE(result.interrupted);
    const Recovery recovery = measure_recovery(
        teacher,
        {result.feature_network.a * result.standardization.target_scale, result.feature_network.W});
    for (const TeacherRecovery& one : recovery.per_teacher) {
      EXPECT_LT(one.angle_deg, 8.0) << seed;
      EXPECT_NEAR(one.mass, one.amplitude, 0.15 * std::abs(one.amplitude)) << seed;
    }
    EXPECT_LT(recovery.far_mass, 0.1) << seed;
    // The validation error comes near the noise's share of the variance, 0.01 / 1.01.
    const Candidate& chosen = result.chosen();
    EXPECT_LT(chosen.validation_error, 0.025) << seed;
    EXPECT_LE(result.certificate.relative_gap, 1e-3) << seed;
    ASSERT_EQ(result.reports.size(), static_cast<std::size_t>(result.feature_network.width()));
    double share = 0.0;
    for (std::size_t i = 0; i < result.reports.size(); ++i) {
      share += result.reports[i].share;
      EXPECT_GT(result.reports[i].active_share, 0.2);
      EXPECT_LT(result.reports[i].active_share, 0.8);
      EXPECT_LE(result.reports[i].mass, result.reports[i == 0 ? 0 : i - 1].mass);
    }
    EXPECT_NEAR(share, 1.0, 1e-12);
  }
}

TEST(Fit, OfATeacherIsItsCertifiedPath) {
  const Teacher teacher = small_teacher(6, 3, 2);
  FitOptions options;
  options.path.lambdas = 12;
  options.path.lambda_ratio = 1e-4;
  const FitResult result = fit(teacher, options);
  EXPECT_FALSE(result.cross_validated);
  EXPECT_EQ(result.path.points.size(), 12U);
  EXPECT_EQ(result.chosen_index, 11);
  EXPECT_LE(result.certificate.relative_gap, 1e-3);
  EXPECT_EQ(result.feature_network.width(), 3);
  const Recovery recovery = measure_recovery(teacher, result.feature_network);
  EXPECT_EQ(recovery.recovered, 3);
  EXPECT_EQ(result.model.columns.size(), 6U);
}

TEST(Fit, TheModelIsTheFeaturesInOriginalUnits) {
  Dataset rows = ridge_rows(200, 1);
  rows.X.col(0).array() = 100.0 * rows.X.col(0).array() + 7.0;
  rows.y.array() = 20.0 * rows.y.array() - 3.0;
  const FitResult result = fit(rows, std::nullopt, at_lambda(0.02));
  EXPECT_EQ(result.model.columns, rows.columns);
  EXPECT_EQ(result.model.target, "y");
  EXPECT_EQ(static_cast<Index>(result.model.features.size()), result.feature_network.width());
  const double scale = result.standardization.target_scale;
  const double mean_square = (result.model.predict(rows.X) - rows.y).squaredNorm() / 200.0;
  EXPECT_NEAR(0.5 * mean_square / (scale * scale), result.feature_network_loss,
              1e-9 * result.feature_network_loss);
  const double network_square =
      (result.network_model.predict(rows.X) - rows.y).squaredNorm() / 200.0;
  EXPECT_NEAR(0.5 * network_square / (scale * scale), result.loss, 1e-9 * result.loss);
}

// ---- choosing

TEST(Fit, OneStandardErrorNeverTakesMoreFeatures) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    FitOptions options;
    options.path.lambdas = 8;
    options.path.lambda_ratio = 1e-2;
    options.seed = seed;
    const Dataset rows = ridge_rows(120, seed, 0.4);
    const FitResult best = fit(rows, std::nullopt, options);
    options.select = Selection::one_standard_error;
    const FitResult fewest = fit(rows, std::nullopt, options);
    ASSERT_EQ(best.candidates.size(), fewest.candidates.size());
    EXPECT_EQ(best.best_index, fewest.best_index);
    EXPECT_EQ(best.chosen_index, best.best_index);
    const Candidate& reference = best.candidates[static_cast<std::size_t>(best.best_index)];
    const Candidate& chosen = fewest.chosen();
    EXPECT_LE(chosen.feature_count, reference.feature_count) << seed;
    EXPECT_LE(chosen.validation_error, reference.validation_error + reference.standard_error);
    EXPECT_LE(fewest.feature_network.width(), best.feature_network.width()) << seed;
  }
}

TEST(Fit, RelaxedNeverAndAlways) {
  const Dataset rows = ridge_rows(150, 3);
  FitOptions options;
  options.path.lambdas = 10;
  options.path.lambda_ratio = 1e-2;
  options.relaxed = Relaxed::never;
  FitResult result = fit(rows, std::nullopt, options);
  for (const Candidate& candidate : result.candidates) EXPECT_FALSE(candidate.relaxed);
  options.relaxed = Relaxed::always;
  for (const Selection selection : {Selection::best, Selection::one_standard_error}) {
    options.select = selection;
    result = fit(rows, std::nullopt, options);
    EXPECT_TRUE(result.chosen().relaxed);
    EXPECT_LE(result.feature_network.width(), result.chosen().feature_count);
  }
}

TEST(Fit, ValidationRowsChooseInPlaceOfFolds) {
  const Dataset training = ridge_rows(150, 4, 0.2);
  const Dataset validation = ridge_rows(2000, 5, 0.2);
  FitOptions options;
  options.path.lambdas = 12;
  options.path.lambda_ratio = 1e-3;
  options.relaxed = Relaxed::never;
  const FitResult result = fit(training, validation, options);
  ASSERT_TRUE(result.cross_validated);
  const Candidate& chosen = result.chosen();
  EXPECT_EQ(chosen.parts.size(), 2000);
  for (const Candidate& candidate : result.candidates) {
    EXPECT_GE(candidate.validation_error, chosen.validation_error);
  }
  // The same training, so the error is that of the model on those rows, up to the path's tolerance.
  const double error = (result.model.predict(validation.X) - validation.y).squaredNorm() / 2000.0;
  const double variance = (training.y.array() - training.y.mean()).square().mean();
  EXPECT_NEAR(error / variance, chosen.validation_error, 0.02 * chosen.validation_error);
}

// On rows enough for a sketch the searches along the path are short; the certificate that is
// reported agrees with a search on all rows throughout.
TEST(Fit, TheChosenPointIsSearchedInFull) {
  const Dataset rows = ridge_rows(17000, 1);
  FitOptions options = at_lambda(0.003);
  options.standardize = Standardization::Kind::none;
  options.biases = false;
  const FitResult result = fit(rows, {}, options);
  const SampleObjective objective(
      SampleData{rows.X, rows.y / result.standardization.target_scale, {}, false});
  ASSERT_NE(objective.residual(result.network)->sketch(0), nullptr);
  const Certificate all = estimate_certificate(objective, result.network, result.lambda);
  EXPECT_LE(result.certificate.relative_gap, 1e-3);
  EXPECT_NEAR(result.certificate.sup_eta, all.sup_eta, 1e-4);
  EXPECT_TRUE(same_bits(result.path.points.back().network, result.network));
  EXPECT_TRUE(same_bits(result.training_error.back(), 2.0 * result.loss));
}

// Losses in float32 cannot show the last decreases: descents end there instead of searching on.
TEST(Fit, Float32RowsTakeNoMoreStepsThanFloat64Rows) {
  const Dataset rows = ridge_rows(2000, 5, 0.0);
  std::vector<long> evaluations;
  for (const Precision precision : {Precision::float64, Precision::float32}) {
    FitOptions options = at_lambda(1e-3);
    options.precision = precision;
    const FitResult result = fit(rows, {}, options);
    evaluations.push_back(0);
    for (const PathPoint& point : result.path.points) evaluations.back() += point.evaluations;
  }
  EXPECT_LE(evaluations[1], 2 * evaluations[0]);
}

TEST(Fit, RefusesASingleRowOfValidation) {
  // The spread over one row is not a number, and no choice could be made by it.
  const Dataset validation = take_rows(ridge_rows(10, 5, 0.2), {3});
  EXPECT_THROW(fit(ridge_rows(60, 4, 0.2), validation, FitOptions{}), InvalidArgument);
  EXPECT_NO_THROW(fit(ridge_rows(60, 4, 0.2), validation, at_lambda(0.02)));
}

TEST(Fit, GivenFoldsCountTheRowsAsTheyWereGiven) {
  Dataset rows = ridge_rows(60, 4, 0.2);
  rows.weights = Vector::Ones(60);
  rows.weights[7] = 0.0;
  FitOptions options;
  options.path.values = {100.0};  // far above λ_max in any units: the linear model
  options.relaxed = Relaxed::never;
  // Two folds, each judging the other; row 7 has no weight and is in neither once it counts.
  Split even;
  for (Index t = 0; t < 60; ++t) (t % 2 == 0 ? even.training : even.held_out).push_back(t);
  options.splits = {even, {even.held_out, even.training}};
  const FitResult result = fit(rows, std::nullopt, options);
  const Candidate& linear = result.candidates.front();
  ASSERT_EQ(linear.index, 0);
  ASSERT_EQ(linear.parts.size(), 2);
  // The first fold by hand: validation rows in place of folds give the same error.
  std::vector<Index> odd = even.held_out;
  std::erase(odd, 7);
  options.splits.clear();
  const FitResult by_hand = fit(take_rows(rows, even.training), take_rows(rows, odd), options);
  const auto variance = [](const Dataset& data) {
    const double mean = data.weights.dot(data.y) / data.weights.sum();
    return data.weights.dot((data.y.array() - mean).square().matrix()) / data.weights.sum();
  };
  EXPECT_NEAR(
      linear.parts[0] * variance(rows),
      by_hand.candidates.front().validation_error * variance(take_rows(rows, even.training)), 1e-9);
}

TEST(Fit, ForwardFoldsAreJudgedOnLaterRows) {
  Dataset rows = ridge_rows(64, 4, 0.2);
  FitOptions options;
  options.path.lambdas = 4;
  options.folds = 3;
  options.forward_folds = true;
  const FitResult forward = fit(rows, std::nullopt, options);
  EXPECT_EQ(forward.fold_count, 3U);
  options.forward_folds = false;
  // Of 64 rows a part has 16.
  for (Index first = 16; first < 64; first += 16) {
    Split split;
    for (Index t = 0; t < first; ++t) split.training.push_back(t);
    for (Index t = first; t < first + 16; ++t) split.held_out.push_back(t);
    options.splits.push_back(std::move(split));
  }
  const FitResult given = fit(rows, std::nullopt, options);
  ASSERT_EQ(forward.candidates.size(), given.candidates.size());
  for (std::size_t i = 0; i < given.candidates.size(); ++i) {
    EXPECT_EQ(forward.candidates[i].parts, given.candidates[i].parts);
  }
}

TEST(Fit, FoldsHaveWholeGroups) {
  Dataset rows = ridge_rows(60, 4, 0.2);
  for (Index t = 0; t < 60; ++t) rows.groups.push_back(t < 30 ? 0 : t < 45 ? 1 : 2);
  rows.groups_column = "g";
  FitOptions options;
  options.path.lambdas = 4;
  options.folds = 2;
  const FitResult grouped = fit(rows, std::nullopt, options);
  // The largest group is one fold, the two others the other.
  Split first;
  for (Index t = 0; t < 60; ++t) (t < 30 ? first.held_out : first.training).push_back(t);
  options.splits = {first, {first.held_out, first.training}};
  const FitResult given = fit(rows, std::nullopt, options);
  EXPECT_NEAR(grouped.candidates.front().validation_error,
              given.candidates.front().validation_error, 1e-9);
  options.splits.clear();
  options.folds = 4;
  EXPECT_NE(message_of<InvalidArgument>([&] {
              fit(rows, std::nullopt, options);
            }).find("only 3 groups in 'g'"),
            std::string::npos);
  rows.groups.assign(60, 5);
  EXPECT_NE(message_of<InvalidArgument>([&] {
              fit(rows, std::nullopt, options);
            }).find("one group holds all 60 rows"),
            std::string::npos);
}

TEST(Fit, AWeightIsSoManyEqualRows) {
  Dataset weighted = ridge_rows(90, 6);
  weighted.weights = Vector(90);
  std::vector<Index> rows;
  for (Index t = 0; t < 90; ++t) {
    weighted.weights[t] = static_cast<double>(t % 3);
    for (Index copy = 0; copy < t % 3; ++copy) rows.push_back(t);
  }
  Dataset copies = take_rows(weighted, rows);
  copies.weights = Vector();
  const FitResult one = fit(weighted, std::nullopt, at_lambda(0.02));
  const FitResult other = fit(copies, std::nullopt, at_lambda(0.02));
  EXPECT_NEAR(one.path.lambda_max, other.path.lambda_max, 1e-9);
  EXPECT_LE(std::abs(one.penalized_loss - other.penalized_loss),
            std::max(one.certificate.gap, other.certificate.gap) + 1e-12);
  EXPECT_LT((one.network_model.predict(weighted.X) - other.network_model.predict(weighted.X))
                .cwiseAbs()
                .maxCoeff(),
            0.05);
}

TEST(Fit, SameBitsAtAnyNumberOfThreads) {
  const Dataset rows = ridge_rows(100, 7, 0.2);
  FitOptions options;
  options.path.lambdas = 8;
  options.path.lambda_ratio = 1e-2;
  options.bootstrap = 5;
  std::vector<FitResult> results;
  for (const int count : {1, 2, 3}) {
    const ThreadCount threads(count);
    results.push_back(fit(rows, std::nullopt, options));
  }
  expect_same_bits(results[0], results[1]);
  expect_same_bits(results[0], results[2]);
}

// ---- columns

TEST(Fit, CollinearAndConstantColumnsDoNotChangeTheFit) {
  const Dataset rows = ridge_rows(150, 8);
  Dataset more = rows;
  more.X = Matrix(150, 5);
  more.X << rows.X, rows.X.col(0) - 2.0 * rows.X.col(1), Vector::Constant(150, 4.0);
  more.columns = {"a", "b", "c", "a - 2 b", "four"};
  for (const auto kind : {Standardization::Kind::scale, Standardization::Kind::whiten}) {
    FitOptions options = at_lambda(0.02);
    options.gap_tolerance = 1e-3;
    options.standardize = kind;
    const FitResult plain = fit(rows, std::nullopt, options);
    const FitResult collinear = fit(more, std::nullopt, options);
    EXPECT_LE(collinear.certificate.relative_gap, 1e-3);
    EXPECT_TRUE(collinear.model.predict(more.X).allFinite());
    if (kind == Standardization::Kind::whiten) {
      // Whitened, the span is what counts: the problem is the same.
      EXPECT_NEAR(collinear.path.lambda_max, plain.path.lambda_max, 1e-9);
      EXPECT_NEAR(collinear.penalized_loss, plain.penalized_loss, 2e-3 * plain.penalized_loss);
    } else {
      // Scaled, another column only makes the inputs longer: the optimum cannot be worse.
      EXPECT_LE(collinear.penalized_loss, plain.penalized_loss * 1.001);
    }
  }
}

// ---- λ given

TEST(Fit, AboveLambdaMaxTheModelIsAffineAndSaysSo) {
  const Dataset rows = ridge_rows(100, 9);
  const FitResult result = fit(rows, std::nullopt, at_lambda(10.0));
  EXPECT_EQ(result.feature_network.width(), 0);
  EXPECT_EQ(result.network.width(), 0);
  EXPECT_DOUBLE_EQ(result.lambda, 10.0);
  EXPECT_NEAR(result.certificate.gap, 0.0, 1e-12);
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_THAT(result.warnings[0].message.text(), HasSubstr("is not below lambda_max"));
  // The least squares plane.
  Matrix columns(100, 4);
  columns << Vector::Ones(100), rows.X;
  const Vector plane = columns * columns.colPivHouseholderQr().solve(rows.y);
  EXPECT_LT((result.model.predict(rows.X) - plane).cwiseAbs().maxCoeff(), 1e-9);
}

TEST(Fit, EndsAtTheLambdaGiven) {
  const FitResult result = fit(ridge_rows(100, 9), std::nullopt, at_lambda(0.01));
  EXPECT_FALSE(result.cross_validated);
  EXPECT_DOUBLE_EQ(result.lambda, 0.01);
  EXPECT_DOUBLE_EQ(result.path.points.back().lambda, 0.01);
  EXPECT_EQ(result.chosen_index, static_cast<int>(result.candidates.size()) - 1);
}

// ---- bootstrap

// The angles' errors fall as n^-1/2: four times the rows, half the angle, to within a factor of
// 1.6 at 40 resamples (each error is known to about 10 %, and the rows are other ones).
TEST(Fit, BootstrapAnglesShrinkWithTheRows) {
  const Teacher teacher = small_teacher(4, 1, 1);
  std::vector<double> angles;
  for (const Index n : {400, 1600}) {
    FitOptions options = for_teacher_rows();
    options.lambda = 0.03;  // a third of lambda_max: one feature
    options.path.lambdas = 5;
    options.relaxed = Relaxed::always;
    options.bootstrap = 40;
    const FitResult result = fit(draw_samples(teacher, n, 0.3, 3), std::nullopt, options);
    ASSERT_EQ(result.reports.size(), 1U);
    const FeatureReport& report = result.reports[0];
    angles.push_back(report.angle_error_deg);
    EXPECT_GE(report.angle_95_deg, report.angle_error_deg);
    EXPECT_DOUBLE_EQ(report.found_share, 1.0);
  }
  for (std::size_t i = 0; i + 1 < angles.size(); ++i) {
    EXPECT_GT(angles[i] / angles[i + 1], 2.0 / 1.6) << i;
    EXPECT_LT(angles[i] / angles[i + 1], 2.0 * 1.6) << i;
  }
}

TEST(Fit, BootstrapDependsOnTheSeedAlone) {
  const Dataset rows = ridge_rows(150, 10);
  FitOptions options = at_lambda(0.02);
  options.bootstrap = 10;
  const FitResult first = fit(rows, std::nullopt, options);
  expect_same_bits(first, fit(rows, std::nullopt, options));
  options.seed = 1;
  EXPECT_NE(first.reports[0].angle_error_deg,
            fit(rows, std::nullopt, options).reports[0].angle_error_deg);
  options.bootstrap = 0;
  EXPECT_TRUE(std::isnan(fit(rows, std::nullopt, options).reports[0].angle_error_deg));
}

// A resample of 12 rows has about 8 different ones, often too few for 7 coefficients.
TEST(Fit, BootstrapOfFewRowsCountsUndeterminedResamplesAsNotFound) {
  Dataset rows;
  rows.X = normal_matrix(12, 6, 0);
  rows.y = rows.X.col(0).cwiseAbs();
  rows.columns = {"a", "b", "c", "d", "e", "f"};
  rows.target = "y";
  FitOptions options = at_lambda(0.01);
  options.bootstrap = 30;
  const FitResult result = fit(rows, std::nullopt, options);
  ASSERT_GE(result.reports.size(), 1U);
  EXPECT_LT(result.reports[0].found_share, 1.0);
  EXPECT_LE(result.reports[0].angle_95_deg, 90.0);
}

// ---- warnings

TEST(FeatureWarnings, ParallelCancellingAndLinearFeatures) {
  Network features{Vector{{1.0, -0.9}}, Matrix{{1.0, 0.0}, {1.0, 0.02}}};
  std::vector<FeatureReport> reports(2);
  for (std::size_t i = 0; i < 2; ++i) {
    reports[i].mass = std::abs(features.a[static_cast<Index>(i)]);
    reports[i].active_share = 0.5;
  }
  EXPECT_THAT(support::texts(feature_warnings(features, reports)),
              ElementsAre(HasSubstr("features 1 and 2 are 1.1 degrees apart with amplitudes of "
                                    "opposite sign that nearly cancel")));
  // The other side of the same line is as close.
  features.W.row(1) *= -1.0;
  EXPECT_THAT(support::texts(feature_warnings(features, reports)),
              ElementsAre(HasSubstr("nearly cancel")));
  features.a[1] = 0.9;
  EXPECT_THAT(support::texts(feature_warnings(features, reports)),
              ElementsAre(HasSubstr("nearly parallel")));
  // Far from cancelling: opposite signs, but one has little mass.
  features.a[1] = -0.1;
  reports[1].mass = 0.1;
  EXPECT_THAT(support::texts(feature_warnings(features, reports)),
              ElementsAre(HasSubstr("nearly parallel")));
  features.W.row(1) << 0.0, 1.0;
  EXPECT_THAT(support::texts(feature_warnings(features, reports)), IsEmpty());
  reports[0].active_share = 0.999;
  reports[1].active_share = 0.0;
  EXPECT_THAT(support::texts(feature_warnings(features, reports)),
              ElementsAre(HasSubstr("feature 1 is on on 99.9 % of the rows"),
                          HasSubstr("feature 2 is off on 100.0 % of the rows")));
  EXPECT_THAT(support::texts(feature_warnings({Vector(0), Matrix(0, 2)}, {})), IsEmpty());
}

TEST(Fit, TooFewNeuronsForTheToleranceIsSaid) {
  Dataset rows = ridge_rows(200, 11);
  rows.y = rows.X.rowwise().norm();
  FitOptions options = at_lambda(0.002);
  options.max_features = 1;
  const FitResult result = fit(rows, std::nullopt, options);
  EXPECT_EQ(result.network.width(), 1);
  EXPECT_GT(result.certificate.relative_gap, 1e-3);
  EXPECT_THAT(support::texts(result.warnings), testing::Contains(HasSubstr("max_features raises")));
  EXPECT_EQ(result.warnings.back().code, "most_neurons");
}

// ---- interruption

TEST(Fit, InterruptedBeforeAnythingIsDoneGivesTheLinearModel) {
  FitObserver observer;
  observer.should_stop = [] { return true; };
  const Dataset rows = ridge_rows(100, 12);
  for (const FitResult& result :
       {fit(rows, std::nullopt, {}, observer), fit(rows, std::nullopt, at_lambda(0.01), observer),
        fit(small_teacher(4, 2, 1), {}, observer)}) {
    EXPECT_TRUE(result.interrupted);
    EXPECT_FALSE(result.cross_validated);
    EXPECT_EQ(result.path.points.size(), 1U);
    EXPECT_TRUE(result.model.features.empty());
  }
}

TEST(Fit, InterruptedOnThePathGivesTheBestOfWhatWasFinished) {
  std::atomic<bool> stop{false};
  FitObserver observer;
  int points = 0;
  observer.on_progress = [&](double share, const std::string& what) {
    EXPECT_GT(share, 0.0);
    EXPECT_LE(share, 1.0);
    if (what == "path" && ++points == 4) stop = true;
  };
  observer.should_stop = [&] { return stop.load(); };
  FitOptions options;
  options.path.lambdas = 10;
  options.path.lambda_ratio = 1e-2;
  const FitResult result = fit(ridge_rows(100, 12), std::nullopt, options, observer);
  EXPECT_TRUE(result.interrupted);
  EXPECT_GE(result.path.points.size(), 3U);
  EXPECT_LE(result.path.points.size(), 4U);
  for (const Candidate& candidate : result.candidates) {
    EXPECT_LT(candidate.index, static_cast<int>(result.path.points.size()));
  }
  EXPECT_TRUE(result.model.predict(ridge_rows(10, 13).X).allFinite());
}

TEST(Fit, InterruptedBootstrapGivesNoErrorsOfAngles) {
  std::atomic<bool> stop{false};
  FitObserver observer;
  observer.on_progress = [&](double, const std::string& what) {
    if (what == "bootstrap") stop = true;
  };
  observer.should_stop = [&] { return stop.load(); };
  FitOptions options = at_lambda(0.02);
  options.bootstrap = 20;
  const FitResult result = fit(ridge_rows(100, 12), std::nullopt, options, observer);
  EXPECT_TRUE(result.interrupted);
  ASSERT_GE(result.reports.size(), 1U);
  EXPECT_TRUE(std::isnan(result.reports[0].angle_error_deg));
}

// ---- misuse

TEST(Fit, BadOptionsAreRefused) {
  const Dataset rows = ridge_rows(20, 14);
  const auto refused = [&](const char* field, const auto& change) {
    FitOptions options;
    change(options);
    const std::string message =
        message_of<InvalidArgument>([&] { fit(rows, std::nullopt, options); });
    EXPECT_EQ(message.substr(0, message.find(':')), field) << message;
  };
  refused("folds", [](FitOptions& o) { o.folds = 1; });
  refused("folds", [](FitOptions& o) { o.folds = 21; });
  refused("folds", [](FitOptions& o) {
    o.folds = 20;
    o.forward_folds = true;
  });
  refused("max_features", [](FitOptions& o) { o.max_features = -1; });
  refused("max_features", [](FitOptions& o) { o.max_features = 21; });
  refused("lambda", [](FitOptions& o) { o.lambda = -1.0; });
  refused("lambda", [](FitOptions& o) { o.lambda = std::nan(""); });
  refused("splits", [](FitOptions& o) { o.splits = {{{0, 1, 2}, {3, 4}}}; });
  refused("splits", [](FitOptions& o) { o.splits = {{{0, 20}, {3, 4}}, {{0, 1}, {2}}}; });
  refused("splits", [](FitOptions& o) { o.splits = {{{0, 1}, {}}, {{0, 1}, {2}}}; });
  refused("bootstrap", [](FitOptions& o) { o.bootstrap = -1; });
  refused("lambdas", [](FitOptions& o) { o.path.lambdas = 0; });
  refused("lambda_ratio", [](FitOptions& o) { o.path.lambda_ratio = 2.0; });
  // Folds that are not used may be more than the rows.
  FitOptions options = at_lambda(0.1);
  options.folds = 21;
  EXPECT_NO_THROW(fit(rows, std::nullopt, options));
  Dataset constant = rows;
  constant.y.setOnes();
  EXPECT_THROW(fit(constant, std::nullopt, {}), InvalidArgument);
  Dataset weightless = rows;
  weightless.weights = Vector::Zero(20);
  EXPECT_THROW(fit(weightless, std::nullopt, {}), InvalidArgument);
}

// Matrices have no names of columns; the model has, and gives the bits of rows that have them.
TEST(Fit, TakesMatricesAndNamesTheirColumns) {
  const Dataset named = ridge_rows(60, 7);
  const FitOptions options = at_lambda(0.1);
  const FitResult expected = fit(named, options);
  const Eigen::MatrixXd by_columns = named.X;
  const FitResult result = fit(by_columns, named.y, options);
  const Index d = named.X.cols();
  EXPECT_EQ(result.model.columns, numbered_columns(d));
  EXPECT_EQ(result.model.target, "y");
  EXPECT_EQ(result.model.dimension(), d);
  EXPECT_TRUE(same_bits(result.model.predict(named.X), expected.model.predict(named.X)));
  Dataset unnamed = named;
  unnamed.columns.clear();
  EXPECT_EQ(fit(unnamed, options).model.columns, numbered_columns(d));
  EXPECT_EQ(&result.chosen(), &result.candidates[static_cast<std::size_t>(result.chosen_index)]);
}

TEST(Fit, RefusesRowsThatDoNotFitTogether) {
  const Dataset rows = ridge_rows(20, 8);
  const auto refused = [&](const std::string& field, const auto& change) {
    Dataset changed = rows;
    change(changed);
    const std::string message = message_of<InvalidArgument>([&] { fit(changed); });
    EXPECT_EQ(message.substr(0, message.find(':')), field) << message;
  };
  refused("columns", [](Dataset& data) { data.columns.pop_back(); });
  refused("y", [](Dataset& data) { data.y.conservativeResize(19); });
  refused("rows", [](Dataset& data) { data.X(3, 0) = std::nan(""); });
  refused("rows", [](Dataset& data) { data.y[4] = HUGE_VAL; });
}

TEST(Fit, NamesOfRulesComeBack) {
  for (const Selection selection : {Selection::best, Selection::one_standard_error}) {
    EXPECT_EQ(parse_selection(name(selection)), selection);
  }
  for (const Relaxed relaxed : {Relaxed::automatic, Relaxed::never, Relaxed::always}) {
    EXPECT_EQ(parse_relaxed(name(relaxed)), relaxed);
  }
  EXPECT_THROW(parse_selection("least"), InvalidArgument);
  EXPECT_THROW(parse_relaxed("Auto"), InvalidArgument);
}

// What nearly equal columns differ by is in reach of the linear part.
TEST(Fit, ATargetThatNearlyEqualColumnsDifferByIsLinear) {
  for (const double apart : {1e-5, 1e-6, 1e-7}) {
    for (const auto kind : {Standardization::Kind::scale, Standardization::Kind::whiten}) {
      Dataset data;
      data.X = normal_matrix(300, 2, 90, "inputs");
      data.y = data.X.col(1);
      data.X.col(1) = data.X.col(0) + apart * data.y;
      FitOptions options;
      options.standardize = kind;
      const FitResult result = fit(data, options);
      EXPECT_EQ(result.model.features.size(), 0u) << apart << " " << name(kind);
      EXPECT_LT((result.model.predict(data.X) - data.y).norm(), 1e-7 * data.y.norm());
    }
  }
}

// A target with one direction in many columns, and few rows.
Dataset wide_table(Index n, Index d) {
  Dataset data;
  data.X = normal_matrix(n, d, 91, "inputs");
  data.y = (data.X.col(0) + data.X.col(1)).cwiseMax(0.0) + 0.5 * data.X.col(2);
  return data;
}

TEST(Fit, FewRowsHaveNoLinearPart) {
  for (const Index d : {31, 100}) {
    SCOPED_TRACE(testing::Message() << d << " columns");
    const Dataset data = wide_table(40, d);
    FitOptions options;
    options.path.lambdas = 6;
    options.path.lambda_ratio = 1e-2;
    const FitResult result = fit(data, options);
    EXPECT_EQ(result.model.family.linear, LinearPart::none);
    EXPECT_EQ(result.model.affine.beta.norm(), 0.0);
    EXPECT_LE(result.certificate.relative_gap, 1e-2);
    EXPECT_LT(result.chosen().validation_error, 1.0);
    ASSERT_FALSE(result.warnings.empty());
    EXPECT_TRUE(std::any_of(result.warnings.begin(), result.warnings.end(),
                            [](const Warning& one) { return one.code == "no_linear_part"; }));
    // In all columns, by other code.
    VerifierOptions verifying;
    const VerifiedNumbers verified =
        verify_model(result.network_model, data, {}, result.lambda, verifying);
    EXPECT_NEAR(verified.loss, result.loss, 1e-9 * result.loss);
    EXPECT_NEAR(verified.balanced_loss, result.penalized_loss, 1e-9 * result.penalized_loss);
    EXPECT_LE(verified.sup_eta, result.certificate.sup_eta * 1.01);
    const ModelCertificate certificate = certify_model(result.network_model, data, {});
    EXPECT_NEAR(certificate.loss, result.loss, 1e-9 * result.loss);
    EXPECT_NEAR(certificate.loss_as_given, result.loss, 1e-9 * result.loss);
    EXPECT_LE(certificate.certificate.sup_eta, result.certificate.sup_eta * 1.01);
  }
}

TEST(Fit, TheLinearPartCanBeChosen) {
  FitOptions options;
  options.path.lambdas = 6;
  options.path.lambda_ratio = 1e-2;
  options.linear = LinearPart::free;
  EXPECT_THROW(fit(wide_table(60, 200), options), InvalidArgument);
  const Dataset data = wide_table(120, 4);
  EXPECT_GT(fit(data, options).model.affine.beta.norm(), 0.0);
  options.linear.reset();
  EXPECT_EQ(fit(data, options).model.family.linear, LinearPart::free);
  options.linear = LinearPart::none;
  const FitResult none = fit(data, options);
  EXPECT_EQ(none.model.affine.beta.norm(), 0.0);
  // What is linear is carried by a feature and its mirror image, or by one that is on everywhere.
  EXPECT_LT(none.chosen().validation_error, 0.1);
}

}  // namespace
}  // namespace lodestone
