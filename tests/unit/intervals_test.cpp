// Intervals around predictions: quantiles by hand, coverage, weights, files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/model/intervals.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::normal_matrix;
using support::normal_vector;
using support::same_bits;

// f(x) = constant of one column.
Model constant_model(double value) {
  Model model = model_of_network(Vector(0), Matrix(0, 1), {}, value);
  return model;
}

PredictionIntervals of_constants(const std::vector<double>& predictions,
                                 const std::vector<std::vector<double>>& residuals) {
  PredictionIntervals intervals;
  Index all = 0;
  for (const auto& own : residuals) all += static_cast<Index>(own.size());
  for (std::size_t k = 0; k < residuals.size(); ++k) {
    const auto rows = static_cast<Index>(residuals[k].size());
    intervals.folds.push_back({constant_model(predictions[k]),
                               Eigen::Map<const Vector>(residuals[k].data(), rows),
                               static_cast<double>(rows) / static_cast<double>(all), rows});
  }
  return intervals;
}

// The ⌈level (n + 1)⌉-th of the sums, sorted.
TEST(Intervals, EndsAreOrderStatistics) {
  const PredictionIntervals intervals =
      of_constants({10.0, 20.0}, {{1.0, 2.0, 3.0, 4.0}, {0.5, 5.0, 6.0, 7.0, 8.0}});
  const std::vector<double> up = {11, 12, 13, 14, 20.5, 25, 26, 27, 28};
  const std::vector<double> down = {6, 7, 8, 9, 12, 13, 14, 15, 19.5};
  const Matrix x = Matrix::Zero(1, 1);
  for (const double level : {0.2, 0.5, 0.75, 0.9}) {
    const auto rank = static_cast<std::size_t>(std::ceil(level * 10.0 - 1e-9));
    const Matrix ends = intervals.around(x, level);
    EXPECT_NEAR(ends(0, 1), up[rank - 1], 1e-9) << level;
    EXPECT_NEAR(ends(0, 0), down[9 - rank], 1e-9) << level;
  }
  // Ten rows would be needed.
  EXPECT_TRUE(std::isinf(intervals.around(x, 0.95)(0, 1)));
}

TEST(Intervals, ManyResidualsAreKeptAsQuantiles) {
  const Vector residuals = normal_vector(20'000, 1, "residuals").cwiseAbs();
  const Vector kept = kept_residuals(residuals, {});
  ASSERT_EQ(kept.size(), 1000);
  std::vector<double> sorted(residuals.begin(), residuals.end());
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(kept[999], sorted.back());
  EXPECT_EQ(kept[499], sorted[9999]);
}

TEST(Intervals, WeightsCountRows) {
  Vector residuals(4);
  residuals << 3.0, 1.0, 2.0, 9.0;
  Vector weights(4);
  weights << 1.0, 2.0, 1.0, 0.0;
  const Vector kept = kept_residuals(residuals, weights);
  EXPECT_EQ((kept.array() == 1.0).count(), 500);
  EXPECT_EQ((kept.array() == 2.0).count(), 250);
  EXPECT_EQ((kept.array() == 3.0).count(), 250);
}

Dataset drawn(Index n, std::uint64_t seed) {
  Dataset data;
  data.X = normal_matrix(n, 3, seed, "inputs");
  data.y = (data.X.col(0) + data.X.col(1)).cwiseMax(0.0) + 0.5 * normal_vector(n, seed, "noise");
  return data;
}

TEST(Intervals, OfAFitHoldTheShareTheySay) {
  const Dataset training = drawn(400, 2);
  const Dataset fresh = drawn(4000, 3);
  const FitResult result = fit(training);
  ASSERT_EQ(result.intervals.folds.size(), 5u);
  for (const double level : {0.5, 0.9}) {
    const Matrix ends = result.intervals.around(fresh.X, level);
    const double share =
        ((fresh.y.array() >= ends.col(0).array()) && (fresh.y.array() <= ends.col(1).array()))
            .cast<double>()
            .mean();
    EXPECT_NEAR(share, level, 0.06);
    // Noise of deviation 0.5 alone has intervals this wide.
    const double width = (ends.col(1) - ends.col(0)).mean();
    EXPECT_GT(width, level == 0.9 ? 1.5 : 0.6);
    EXPECT_LT(width, level == 0.9 ? 2.0 : 0.8);
  }
}

TEST(Intervals, AreReadAsTheyWereWritten) {
  const PredictionIntervals intervals = fit(drawn(120, 4)).intervals;
  const support::TemporaryFolder folder;
  const std::string path = folder.file("intervals.json");
  write_intervals(path, intervals);
  const PredictionIntervals read = read_intervals(path);
  const Matrix x = normal_matrix(20, 3, 5, "inputs");
  EXPECT_TRUE(same_bits(intervals.around(x, 0.8), read.around(x, 0.8)));
}

TEST(Intervals, NeedValidationAndALevel) {
  FitOptions options;
  options.lambda = 0.1;
  const PredictionIntervals none = fit(drawn(80, 6), options).intervals;
  EXPECT_TRUE(none.empty());
  const Matrix x = Matrix::Zero(1, 3);
  EXPECT_THAT(message_of<InvalidArgument>([&] { none.around(x, 0.9); }),
              testing::HasSubstr("interval"));
  const PredictionIntervals some = of_constants({1.0}, {{1.0}});
  EXPECT_THAT(message_of<InvalidArgument>([&] { some.around(Matrix::Zero(1, 1), 1.0); }),
              testing::HasSubstr("interval"));
}

}  // namespace
}  // namespace lodestone
