#pragma once

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/core/range.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone {

/// Size of a step on rows: n rows, d columns, m neurons.
struct SampleSize {
  Index n = 0;
  Index d = 0;
  Index m = 0;
};

/// What `bench` measures.
struct BenchmarkOptions {
  /// What the numbers below may be.
  struct Limits {
    static constexpr Range seconds = above(0);
  };

  std::vector<std::string> cases;  ///< of benchmark_cases(); empty: all of them

  /// Sizes of `sample`; `correlation` and `threads` use the first.
  std::vector<SampleSize> sizes = {
      {20000, 50, 100}, {100000, 20, 512}, {100000, 64, 256}, {50000, 256, 1024}};
  std::vector<std::string> precisions = {"float64"};  ///< of steps on rows: float64, float32
  double seconds = 4.0;                               ///< for each case

  /// Optional, asked between measurements; true ends the run with what is there.
  std::function<bool()> should_stop;

  /// The cases asked for, in the order of benchmark_cases(). Throws InvalidArgument for an unknown
  /// one.
  std::vector<std::string> chosen() const;

  /// Throws InvalidArgument for fields out of range.
  void validate() const;
};

/// One line of the table: the median time of one computation.
struct BenchmarkMeasurement {
  std::string name;                                 ///< the case
  std::vector<std::pair<std::string, Index>> size;  ///< symbol and value
  std::string precision;
  int threads = 1;
  int repetitions = 0;
  double median_seconds = 0.0;
  double flops = 0.0;  ///< of one computation, counted by formula

  /// Rate over that of a matrix product of the same precision on as many threads.
  double share_of_peak = std::numeric_limits<double>::quiet_NaN();

  double rate() const { return flops / median_seconds; }
};

/// A number that follows from several measurements.
struct BenchmarkFinding {
  std::string name;      ///< the case
  std::string quantity;  ///< in words
  double value = 0.0;
};

struct BenchmarkResult {
  std::vector<BenchmarkMeasurement> measurements;
  std::vector<BenchmarkFinding> findings;
};

/// A computation gave other numbers than plain loops: its time would mean nothing.
class BenchmarkMismatch : public Error {
 public:
  using Error::Error;
};

const std::vector<std::string>& benchmark_cases();

/// Checks and measures the cases asked for. Changes the number of threads for a moment, so nothing
/// else may use the library meanwhile. Throws BenchmarkMismatch, and InvalidArgument for options
/// out of range.
BenchmarkResult run_benchmark(const BenchmarkOptions& options);

/// bench.json.
std::string benchmark_json(const BenchmarkResult& result);

}  // namespace lodestone
