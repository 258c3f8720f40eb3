// The curve of errors over the number of features: its candidates, its bend, and its models.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fit/choice.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/fit/fit.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

Candidate candidate(bool relaxed, Index features, double error, Vector parts = Vector::Zero(5)) {
  Candidate result;
  result.index = relaxed ? 3 : 0;
  result.relaxed = relaxed;
  result.feature_count = features;
  result.validation_error = error;
  result.standard_error = 0.01;
  result.parts = std::move(parts);
  return result;
}

// y = 2 relu(x0 - x1) - relu(x2 + 0.5) + 0.5 x3 and noise.
Dataset two_ridges(Index n, std::uint64_t seed, double noise) {
  Dataset data;
  data.X = support::normal_matrix(n, 4, seed);
  const Vector rest = support::normal_vector(n, seed + 1);
  data.y.resize(n);
  for (Index t = 0; t < n; ++t) {
    data.y[t] = 2.0 * std::max(0.0, data.X(t, 0) - data.X(t, 1)) -
                std::max(0.0, data.X(t, 2) + 0.5) + 0.5 * data.X(t, 3) + noise * rest[t];
  }
  data.columns = {"a", "b", "c", "d"};
  data.target = "y";
  return data;
}

std::vector<std::string> codes(const FitResult& result) {
  std::vector<std::string> found;
  for (const Warning& warning : result.warnings) found.push_back(warning.code);
  return found;
}

TEST(Curve, HasTheBestRefitOfEachNumberOfFeatures) {
  const std::vector<Candidate> tried = {candidate(false, 0, 0.9), candidate(false, 40, 0.1),
                                        candidate(true, 1, 0.5),  candidate(true, 1, 0.4),
                                        candidate(true, 2, 0.3),  candidate(true, 2, 0.35)};
  EXPECT_EQ(fitting::curve_candidates(tried), (std::vector<int>{0, 3, 4}));
}

TEST(Curve, BendsWhereItLiesDeepestBelowTheLine) {
  // Over log(1 + features) the line of log errors from (0, 1) to (9, 0.12) is at 0.53, 0.28 and
  // 0.15 for 1, 3 and 7 features.
  std::vector<Candidate> tried = {candidate(false, 0, 1.0), candidate(true, 1, 0.65),
                                  candidate(true, 3, 0.15), candidate(true, 7, 0.10),
                                  candidate(true, 9, 0.12)};
  EXPECT_EQ(fitting::elbow(tried), 2);
  tried[1].validation_error = 0.3;
  tried[2].validation_error = 0.2;
  EXPECT_EQ(fitting::elbow(tried), 1);
  // Where it does not bend its lowest point counts.
  tried[1].validation_error = 0.6;
  tried[2].validation_error = 0.3;
  tried[3].validation_error = 0.16;
  tried[4].validation_error = 0.12;
  EXPECT_EQ(fitting::elbow(tried), 4);
}

TEST(Curve, RulesChooseFromIt) {
  const std::vector<Candidate> tried = {candidate(false, 0, 1.0), candidate(false, 30, 0.2),
                                        candidate(true, 1, 0.4), candidate(true, 4, 0.25)};
  FitOptions options;
  const auto chosen = [&](Selection select) {
    options.select = select;
    return fitting::choose(tried, options).second;
  };
  EXPECT_EQ(chosen(Selection::best), 1);
  EXPECT_EQ(chosen(Selection::elbow), 2);
  EXPECT_EQ(chosen({Selection::feature_count, 0}), 0);
  EXPECT_EQ(chosen({Selection::feature_count, 1}), 2);
  EXPECT_EQ(chosen({Selection::feature_count, 4}), 3);
  // None has 3 features: the next smaller one.
  EXPECT_EQ(chosen({Selection::feature_count, 3}), 2);
}

TEST(Curve, ChoicesRangeOverFoldsLeftOut) {
  const auto parts = [](double a, double b, double c) {
    Vector result(3);
    result << a, b, c;
    return result;
  };
  // By all folds and without the first or the second 1 feature is best; without the third 5.
  std::vector<Candidate> tried = {candidate(true, 1, 0.2, parts(0.3, 0.29, 0.01)),
                                  candidate(true, 5, 0.25, parts(0.2, 0.2, 0.35))};
  FitOptions options;
  options.relaxed = Relaxed::always;
  EXPECT_EQ(fitting::range_of_choices(tried, options, 3), (std::pair<Index, Index>{1, 5}));
  EXPECT_EQ(fitting::range_of_choices(tried, options, 1), (std::pair<Index, Index>{1, 1}));
}

TEST(Curve, ModelsAreThoseThatTheirNumberWouldChoose) {
  const Dataset rows = two_ridges(300, 1, 0.1);
  FitOptions options;
  options.path.lambdas = 12;
  options.path.lambda_ratio = 1e-2;
  const FitResult result = fit(rows, options);
  ASSERT_GE(result.curve.size(), 4u);
  EXPECT_EQ(result.curve.front().kind, CurvePoint::Kind::linear);
  EXPECT_TRUE(result.curve.front().model.features.empty());
  EXPECT_EQ(result.curve.back().kind, CurvePoint::Kind::penalized);
  ASSERT_GE(result.elbow, 0);
  // Two ridges: both needed, and more of no use.
  EXPECT_EQ(result.curve[static_cast<std::size_t>(result.elbow)].model.features.size(), 2u);
  for (const CurvePoint& point : result.curve) {
    if (point.kind != CurvePoint::Kind::refitted) continue;
    const auto& chosen = result.candidates[static_cast<std::size_t>(point.candidate)];
    if (chosen.feature_count > 4) break;
    options.select = {Selection::feature_count, chosen.feature_count};
    const FitResult again = fit(rows, options);
    EXPECT_EQ(again.chosen_index, point.candidate);
    EXPECT_EQ(again.model.predict(rows.X), point.model.predict(rows.X));
  }
}

TEST(Curve, NumbersBeyondTheLargestRefitAreTold) {
  FitOptions options;
  options.path.lambdas = 4;
  options.path.lambda_ratio = 0.1;
  options.select = {Selection::feature_count, 500};
  const FitResult result = fit(two_ridges(60, 2, 0.1), options);
  EXPECT_LT(result.model.features.size(), 500u);
  EXPECT_THAT(codes(result), testing::Contains("fewer_features"));
  options.lambda = 0.1;
  EXPECT_THROW(fit(two_ridges(60, 2, 0.1), options), InvalidArgument);
}

TEST(Curve, WeakEvidenceIsTold) {
  // Noise: no feature helps. Two clear ridges: they do.
  FitOptions options;
  options.path.lambdas = 10;
  options.path.lambda_ratio = 1e-2;
  options.relaxed = Relaxed::always;
  Dataset noise = two_ridges(80, 3, 0.0);
  noise.y = noise.X.col(0) + 2.0 * support::normal_vector(80, 9);
  EXPECT_THAT(codes(fit(noise, options)), testing::Contains("linear_does_as_well"));
  EXPECT_THAT(codes(fit(two_ridges(300, 4, 0.1), options)),
              testing::Not(testing::Contains("linear_does_as_well")));
}

TEST(Curve, NamesOfSelectionsComeBack) {
  for (const Selection& selection :
       {Selection(Selection::elbow), Selection(Selection::feature_count, 0),
        Selection(Selection::feature_count, 12)}) {
    EXPECT_EQ(parse_selection(name(selection)), selection);
  }
  for (const char* text : {"-1", "2.5", "", "3 features", "1e2"}) {
    EXPECT_THROW(parse_selection(text), InvalidArgument) << text;
  }
}

}  // namespace
}  // namespace lodestone
