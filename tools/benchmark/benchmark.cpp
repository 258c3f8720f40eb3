#include "benchmark/benchmark.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "benchmark/problems.hpp"
#include "core/parallel.hpp"
#include "core/statistics.hpp"
#include "kernels/product.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Timing {
  double median_seconds;
  int repetitions;
};

// The median of at least three runs, as many as fit into the seconds. The first run, which also
// touches fresh memory, is not counted.
template <class Body>
Timing time_of(const Body& body, double seconds) {
  body();
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < 3 || (seconds_since(start) < seconds && times.size() < 10000)) {
    const auto begin = Clock::now();
    body();
    times.push_back(seconds_since(begin));
  }
  return {quantile(times, 0.5), static_cast<int>(times.size())};
}

class Suite {
 public:
  explicit Suite(const BenchmarkOptions& options) : options_(options) {}

  void measure(const std::string& name) {
    static const std::map<std::string, void (Suite::*)()> cases = {
        {"peak", &Suite::peak},       {"sample", &Suite::sample},
        {"threads", &Suite::scaling}, {"population", &Suite::population},
        {"growth", &Suite::growth},   {"correlation", &Suite::correlation},
        {"gram", &Suite::gram},       {"predict", &Suite::predict},
    };
    name_ = name;
    (this->*cases.at(name))();
  }

  BenchmarkResult take() { return std::move(result_); }

 private:
  using Size = std::vector<std::pair<std::string, Index>>;
  static constexpr Index peak_size = 2048;

  bool stopped() const { return options_.should_stop && options_.should_stop(); }

  template <class Body>
  BenchmarkMeasurement measured(const Size& size, const std::string& precision, double flops,
                                double seconds, const Body& body) {
    const double share_of = peak_rate(precision);
    const Timing timing = time_of(body, seconds);
    BenchmarkMeasurement measurement{
        name_, size, precision, lodestone::threads(), timing.repetitions, timing.median_seconds,
        flops};
    measurement.share_of_peak = measurement.rate() / share_of;
    result_.measurements.push_back(measurement);
    return measurement;
  }

  void find(std::string quantity, double value) {
    result_.findings.push_back({name_, std::move(quantity), value});
  }

  // A matrix product, the rows of its left factor dealt to all threads.
  template <class Real>
  Timing product_time(double seconds) const {
    using Square = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Square A = normal_matrix(peak_size, peak_size, "benchmark left").template cast<Real>();
    const Square B = normal_matrix(peak_size, peak_size, "benchmark right").template cast<Real>();
    Square C(peak_size, peak_size);
    // Two blocks a thread where they divide the rows: a thread held up does not hold up the rest.
    const Index blocks = lodestone::threads() == 1 ? 1 : 2 * lodestone::threads();
    const auto multiply = [&] {
      const kernels::PackedFactor<Real> right(peak_size, peak_size,
                                              kernels::rows_of(B.data(), peak_size));
      for_each_block(blocks, [&](Index block) {
        const Index first = block * peak_size / blocks;
        const Index rows = (block + 1) * peak_size / blocks - first;
        C.middleRows(first, rows).setZero();
        kernels::simd::multiply_add(rows, kernels::rows_of(A.row(first).data(), peak_size), right,
                                    C.row(first).data(), peak_size);
      });
    };
    multiply();
    for (const Index row : {Index{0}, peak_size - 1}) {
      Vector expected = Vector::Zero(peak_size);
      for (Index l = 0; l < peak_size; ++l) {
        for (Index j = 0; j < peak_size; ++j) {
          expected[j] += static_cast<double>(A(row, l)) * static_cast<double>(B(l, j));
        }
      }
      check_error("bench: peak", "the product",
                  relative_error(C.row(row).template cast<double>(), expected.transpose()),
                  sizeof(Real) == 8 ? 1e-12 : 1e-5);
    }
    return time_of(multiply, seconds);
  }

  Timing peak_time(const std::string& precision, double seconds) const {
    return precision == "float64" ? product_time<double>(seconds) : product_time<float>(seconds);
  }

  // Measured once for each precision and number of threads.
  const BenchmarkMeasurement& peak_of(const std::string& precision, double seconds) {
    const auto key = std::pair(precision, lodestone::threads());
    auto found = peaks_.find(key);
    if (found == peaks_.end()) {
      const Timing timing = peak_time(precision, seconds);
      BenchmarkMeasurement measurement{
          "peak",
          {{"rows", peak_size}, {"columns", peak_size}, {"depth", peak_size}},
          precision,
          lodestone::threads(),
          timing.repetitions,
          timing.median_seconds,
          2.0 * std::pow(double{peak_size}, 3),
          1.0};
      found = peaks_.emplace(key, measurement).first;
    }
    return found->second;
  }

  double peak_rate(const std::string& precision) {
    return peak_of(precision, options_.seconds / 4.0).rate();
  }

  // The peaks of both precisions say what the machine can do, whichever is measured elsewhere.
  void peak() {
    for (const std::string precision : {"float32", "float64"}) {
      result_.measurements.push_back(peak_of(precision, options_.seconds / 2.0));
    }
  }

  void sample() {
    const double share =
        options_.seconds / static_cast<double>(options_.sizes.size() * options_.precisions.size());
    for (const SampleSize& size : options_.sizes) {
      for (const std::string& precision : options_.precisions) {
        if (stopped()) return;
        step(size, precision, share);
      }
    }
  }

  BenchmarkMeasurement step(const SampleSize& size, const std::string& precision, double seconds) {
    const Network network = normal_network(size.m, size.d);
    SampleData data = normal_rows(size.n, size.d);
    data.precision = parse_precision(precision);
    check_step("bench: " + name_, prefix(data), network);
    const SampleObjective objective(std::move(data));
    return measured({{"n", size.n}, {"d", size.d}, {"m", size.m}}, precision, step_flops(size),
                    seconds, [&] { objective.evaluate(network); });
  }

  void population() {
    constexpr Index d = 20;
    constexpr Index k = 4;
    RandomTeacher teacher;
    teacher.d = d;
    teacher.k = k;
    const PopulationObjective objective(draw_teacher(teacher));
    for (const Index m : {200, 1000, 4000}) {
      if (stopped()) return;
      const Network network = normal_network(m, d);
      check_population("bench: " + name_, objective, network);
      measured({{"m", m}, {"d", d}, {"k", k}}, "float64", population_flops(m, objective.teacher()),
               options_.seconds / 3.0, [&] { objective.evaluate(network); });
    }
  }

  void correlation() {
    constexpr Index directions = 1000;
    const SampleSize& size = options_.sizes.front();
    const Network network = normal_network(size.m, size.d);
    const Matrix U = normal_matrix(directions, size.d, "benchmark directions");
    SampleData data = normal_rows(size.n, size.d);
    for (const std::string& precision : options_.precisions) {
      if (stopped()) return;
      data.precision = parse_precision(precision);
      check_correlation("bench: " + name_, prefix(data), network, U);
      const SampleObjective objective(data);
      const std::unique_ptr<Residual> residual = objective.residual(network);
      measured({{"n", size.n}, {"d", size.d}, {"directions", directions}}, precision,
               step_flops({size.n, size.d, directions}),
               options_.seconds / static_cast<double>(options_.precisions.size()),
               [&] { residual->correlate(U); });
    }
  }

  // Least squares in the amplitudes, which stage 2 solves: the Gram matrix, then a factor for each
  // of a dozen weight decays.
  void gram() {
    constexpr int decays = 12;
    std::vector<double> ridges;
    for (int i = 0; i < decays; ++i) ridges.push_back(std::ldexp(0.1, -i));
    const std::vector<SampleSize> sizes = {{20000, 50, 500}, {100000, 20, 256}};
    for (const SampleSize& size : sizes) {
      const Matrix U = unit_directions(normal_matrix(size.m, size.d, "benchmark directions"));
      const SampleData data = normal_rows(size.n, size.d);
      check_gram("bench: " + name_, prefix(data), U.topRows(20));
      const SampleObjective objective(data);
      if (stopped()) return;
      const auto p = static_cast<double>(size.m);
      const double factors = decays * p * p * p / 3.0;
      measured({{"n", size.n}, {"d", size.d}, {"m", size.m}}, "float64", gram_flops(size),
               options_.seconds / 4.0, [&] { objective.feature_gram(U); });
      const FeatureGram found = objective.feature_gram(U);
      measured({{"m", size.m}, {"decays", decays}}, "float64", factors, options_.seconds / 4.0,
               [&] { solve_ridges(found, ridges); });
    }
  }

  void predict() {
    const std::vector<SampleSize> sizes = {{100000, 20, 40}, {20000, 50, 500}};
    for (const SampleSize& size : sizes) {
      const SampleData data = normal_rows(size.n, size.d);
      Standardization none;
      none.center = Vector::Zero(size.d);
      none.scale = Vector::Ones(size.d);
      none.map = Matrix::Identity(size.d, size.d);
      Model model = to_original_units(normal_network(size.m, size.d), {0.5, Vector::Ones(size.d)},
                                      false, none);
      model.columns.resize(static_cast<std::size_t>(size.d));
      check_prediction("bench: " + name_, model, prefix(data).X);
      if (stopped()) return;
      measured({{"n", size.n}, {"d", size.d}, {"m", size.m}}, "float64",
               2.0 * static_cast<double>(size.n) * static_cast<double>(size.m) *
                   static_cast<double>(size.d + 1),
               options_.seconds / 2.0, [&] { model.predict(data.X); });
    }
  }

  void scaling() {
    const int all = lodestone::threads();
    const double share = options_.seconds / (2.0 * static_cast<double>(options_.precisions.size()));
    for (const std::string& precision : options_.precisions) {
      if (stopped()) return;
      const SampleSize& size = options_.sizes.front();
      SampleData data = normal_rows(size.n, size.d);
      data.precision = parse_precision(precision);
      const SampleObjective objective(std::move(data));
      const Network network = normal_network(size.m, size.d);
      const Evaluation value = objective.evaluate(network);
      double alone = 0.0;
      {
        const Restore restore(all);
        set_threads(1);
        check_same_bits("bench: " + name_, objective.evaluate(network), value);
        alone = step(size, precision, share).median_seconds;
      }
      const double together = step(size, precision, share).median_seconds;
      find(fmt::format("{}: speed on {} threads over 1", precision, all), alone / together);
    }
  }

  // Puts the number of threads back also when a check fails.
  class Restore {
   public:
    explicit Restore(int count) : count_(count) {}
    Restore(const Restore&) = delete;
    Restore& operator=(const Restore&) = delete;
    ~Restore() { set_threads(count_); }

   private:
    int count_;
  };

  void growth() {
    const double share = options_.seconds / (8.0 * static_cast<double>(options_.precisions.size()));
    for (const std::string& precision : options_.precisions) {
      grow({{1000, 10, 32}, {10000, 10, 32}, {100000, 10, 32}, {1000000, 10, 32}}, precision, "n",
           share, [](const SampleSize& size) { return size.n; });
      grow({{5000, 5, 16}, {5000, 20, 40}, {5000, 80, 100}, {5000, 200, 400}}, precision, "m d",
           share, [](const SampleSize& size) { return size.m * size.d; });
    }
  }

  template <class Abscissa>
  void grow(const std::vector<SampleSize>& sizes, const std::string& precision,
            const std::string& against, double seconds, const Abscissa& abscissa) {
    std::vector<double> x;
    std::vector<double> time;
    for (const SampleSize& size : sizes) {
      if (stopped()) return;
      x.push_back(static_cast<double>(abscissa(size)));
      time.push_back(step(size, precision, seconds).median_seconds);
    }
    find(fmt::format("{}: time grows as {} to the power", precision, against),
         fitted_exponent(x, time));
  }

  const BenchmarkOptions& options_;
  std::string name_;
  BenchmarkResult result_;
  std::map<std::pair<std::string, int>, BenchmarkMeasurement> peaks_;
};

}  // namespace

const std::vector<std::string>& benchmark_cases() {
  static const std::vector<std::string> names = {"peak",       "sample",      "gram",    "predict",
                                                 "population", "correlation", "threads", "growth"};
  return names;
}

std::vector<std::string> BenchmarkOptions::chosen() const {
  const std::vector<std::string>& known = benchmark_cases();
  for (const std::string& name : cases) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string hint = did_you_mean(name, known);
    throw InvalidArgument("case", "'" + name + "'",
                          hint.empty() ? fmt::format("must be of {}", fmt::join(known, ", "))
                                       : "no such case" + hint);
  }
  std::vector<std::string> result;
  for (const std::string& name : known) {
    if (cases.empty() || std::find(cases.begin(), cases.end(), name) != cases.end()) {
      result.push_back(name);
    }
  }
  return result;
}

void BenchmarkOptions::validate() const {
  chosen();
  require_in(Limits::seconds, "seconds", seconds);
  if (sizes.empty()) throw InvalidArgument("size", "", "at least one size is needed");
  for (const SampleSize& size : sizes) {
    if (size.d < 1 || size.m < 1 || size.n < size.d + 2) {
      throw InvalidArgument("size", fmt::format("{},{},{}", size.n, size.d, size.m),
                            "must be n,d,m with d and m >= 1 and n >= d + 2");
    }
  }
  for (const std::string& precision : precisions) parse_precision(precision);
}

BenchmarkResult run_benchmark(const BenchmarkOptions& options) {
  options.validate();
  Suite suite(options);
  for (const std::string& name : options.chosen()) {
    if (options.should_stop && options.should_stop()) break;
    suite.measure(name);
  }
  return suite.take();
}

}  // namespace lodestone
