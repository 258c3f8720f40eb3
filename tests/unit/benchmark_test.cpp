// What `lodestone bench` holds its cases to before it times them.

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "benchmark/problems.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;

TEST(BenchmarkChecks, NameTheCaseAndWhatDiffers) {
  EXPECT_NO_THROW(check_error("case", "the loss", 1e-12, 1e-9));
  EXPECT_NO_THROW(check_error("case", "the loss", 1e-9, 1e-9));
  const std::string message =
      message_of<BenchmarkMismatch>([] { check_error("case", "the loss", 2e-9, 1e-9); });
  EXPECT_NE(message.find("case: the loss"), std::string::npos) << message;
  EXPECT_THROW(check_error("case", "the loss", std::numeric_limits<double>::quiet_NaN(), 1e-9),
               BenchmarkMismatch);
}

TEST(BenchmarkChecks, OtherBitsAreRefused) {
  const PopulationObjective objective(support::small_teacher(5, 2, 1));
  const Network network = normal_network(30, 5);
  const Evaluation value = objective.evaluate(network);
  EXPECT_NO_THROW(check_same_bits("case", value, value));
  const auto refuses = [&](auto change) {
    Evaluation other = value;
    change(other);
    EXPECT_THROW(check_same_bits("case", value, other), BenchmarkMismatch);
  };
  const double ulp = 1.0 + std::numeric_limits<double>::epsilon();
  refuses([&](Evaluation& e) { e.loss *= ulp; });
  refuses([&](Evaluation& e) { e.gradient_a[29] *= ulp; });
  refuses([&](Evaluation& e) { e.gradient_W(29, 4) *= ulp; });
}

// Sound kernels pass at the sizes that are timed, or a little below.
TEST(BenchmarkChecks, SoundKernelsPass) {
  const PopulationObjective objective(support::small_teacher(20, 4, 1));
  for (const Index m : {1, 200, 1000}) {
    EXPECT_NO_THROW(check_population("population", objective, normal_network(m, 20)));
  }
  for (const Precision precision : {Precision::float64, Precision::float32}) {
    SampleData data = normal_rows(3000, 20);
    data.precision = precision;
    EXPECT_NO_THROW(check_step("sample", prefix(data), normal_network(40, 20)));
    EXPECT_NO_THROW(check_correlation("correlation", prefix(data), normal_network(40, 20),
                                      normal_matrix(30, 20, "directions")));
  }
}

}  // namespace
}  // namespace lodestone
