#include "lodestone/benchmark.hpp"

#include <cblas.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/QR>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <string_view>

#include "core/parallel.hpp"
#include "core/statistics.hpp"
#include "kernels/population.hpp"
#include "lodestone/nearest_name.hpp"
#include "lodestone/objective.hpp"
#include "lodestone/random.hpp"

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

Matrix normal_matrix(Index rows, Index columns, std::string_view purpose) {
  const RandomStream stream(0, purpose);
  Matrix result(rows, columns);
  for_each_block(rows, [&](Index i) {
    for (Index j = 0; j < columns; ++j) {
      result(i, j) = stream.normal(static_cast<std::uint64_t>(i * columns + j));
    }
  });
  return result;
}

SampleData normal_rows(Index n, Index d) {
  SampleData data;
  data.X = normal_matrix(n, d, "benchmark rows");
  data.y = data.X.col(0).cwiseAbs();
  return data;
}

Network normal_network(Index m, Index d) {
  return {normal_matrix(m, 1, "benchmark output weights") / static_cast<double>(m),
          normal_matrix(m, d, "benchmark weights") / std::sqrt(static_cast<double>(d))};
}

SampleObjective make_objective(SampleData data, const std::string& precision) {
  data.precision = parse_precision(precision);
  return SampleObjective(std::move(data));
}

double allowed_error(const std::string& precision) { return precision == "float64" ? 1e-9 : 1e-4; }

void check(const std::string& name, const std::string& quantity, double error, double allowed) {
  if (error <= allowed) return;
  throw BenchmarkMismatch(
      fmt::format("bench: {}: {} differs from plain loops by {:.3g} relative, at most {:.3g} is "
                  "rounding; nothing was timed",
                  name, quantity, error, allowed));
}

double relative_error(const Matrix& value, const Matrix& expected) {
  return (value - expected).norm() / expected.norm();
}

// What evaluate() should give, by plain loops (docs/math.md, 3.2), and Σ_t r_t relu(u·x_t).
class PlainSample {
 public:
  PlainSample(const SampleData& data, const Network& network) : X_(data.X) {
    const Index n = X_.rows();
    const Index d = X_.cols();
    Vector error = -data.y;
    for (Index t = 0; t < n; ++t) {
      for (Index i = 0; i < network.width(); ++i) {
        error[t] += network.a[i] * std::max(0.0, inner(network.W, i, t));
      }
    }
    Eigen::MatrixXd columns(n, d + 1);
    columns << Vector::Ones(n), X_;
    error -= columns * columns.colPivHouseholderQr().solve(error);
    residual_ = error / static_cast<double>(n);
    evaluation_.loss = 0.5 * error.squaredNorm() / static_cast<double>(n);
    const Matrix moments = correlate(network.W).gradient;
    evaluation_.gradient_a = moments.cwiseProduct(network.W).rowwise().sum();
    evaluation_.gradient_W = network.a.asDiagonal() * moments;
  }

  const Evaluation& evaluation() const { return evaluation_; }

  Correlation correlate(const Matrix& U) const {
    Correlation result{Vector::Zero(U.rows()), Matrix::Zero(U.rows(), U.cols())};
    for (Index p = 0; p < U.rows(); ++p) {
      for (Index t = 0; t < X_.rows(); ++t) {
        const double product = inner(U, p, t);
        if (product <= 0.0) continue;
        result.value[p] += residual_[t] * product;
        for (Index j = 0; j < U.cols(); ++j) result.gradient(p, j) += residual_[t] * X_(t, j);
      }
    }
    return result;
  }

 private:
  double inner(const Matrix& U, Index p, Index t) const {
    double sum = 0.0;
    for (Index j = 0; j < U.cols(); ++j) sum += U(p, j) * X_(t, j);
    return sum;
  }

  const Matrix& X_;
  Vector residual_;  // r_t / n
  Evaluation evaluation_;
};

// Enough rows for a residual, few enough for plain loops.
SampleData prefix(const SampleData& data) {
  const Index rows = std::min(data.X.rows(), 2 * data.X.cols() + 256);
  SampleData result;
  result.X = data.X.topRows(rows);
  result.y = data.y.head(rows);
  return result;
}

class Suite {
 public:
  explicit Suite(const BenchmarkOptions& options) : options_(options) {}

  void measure(const std::string& name) {
    static const std::map<std::string, void (Suite::*)()> cases = {
        {"peak", &Suite::peak},       {"sample", &Suite::sample},
        {"threads", &Suite::scaling}, {"population", &Suite::population},
        {"growth", &Suite::growth},   {"correlation", &Suite::correlation},
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

  // A matrix product in blocks of rows, because one call of OpenBLAS runs on one thread here.
  template <class Real, class Product>
  Timing product_time(double seconds, const Product& product) const {
    using Square = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Square A = normal_matrix(peak_size, peak_size, "benchmark left").template cast<Real>();
    const Square B = normal_matrix(peak_size, peak_size, "benchmark right").template cast<Real>();
    Square C = Square::Zero(peak_size, peak_size);
    // Two blocks a thread where they divide the rows: a thread held up does not hold up the rest.
    const Index blocks = lodestone::threads() == 1 ? 1 : 2 * lodestone::threads();
    const auto multiply = [&] {
      for_each_block(blocks, [&](Index block) {
        const Index first = block * peak_size / blocks;
        const Index rows = (block + 1) * peak_size / blocks - first;
        product(static_cast<int>(rows), A.data() + first * peak_size, B.data(),
                C.data() + first * peak_size);
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
      check("peak", "the product",
            relative_error(C.row(row).template cast<double>(), expected.transpose()),
            sizeof(Real) == 8 ? 1e-12 : 1e-5);
    }
    return time_of(multiply, seconds);
  }

  Timing peak_time(const std::string& precision, double seconds) const {
    constexpr int size = static_cast<int>(peak_size);
    if (precision == "float64") {
      return product_time<double>(seconds,
                                  [](int rows, const double* A, const double* B, double* C) {
                                    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows,
                                                size, size, 1.0, A, size, B, size, 0.0, C, size);
                                  });
    }
    return product_time<float>(seconds, [](int rows, const float* A, const float* B, float* C) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, size, size, 1.0F, A, size, B,
                  size, 0.0F, C, size);
    });
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

  static double step_flops(const SampleSize& size) {
    return 4.0 * static_cast<double>(size.n) * static_cast<double>(size.d) *
           static_cast<double>(size.m);
  }

  BenchmarkMeasurement step(const SampleSize& size, const std::string& precision, double seconds) {
    const Network network = normal_network(size.m, size.d);
    SampleData data = normal_rows(size.n, size.d);
    check_step(prefix(data), network, precision);
    const SampleObjective objective = make_objective(std::move(data), precision);
    return measured({{"n", size.n}, {"d", size.d}, {"m", size.m}}, precision, step_flops(size),
                    seconds, [&] { objective.evaluate(network); });
  }

  void check_step(const SampleData& data, const Network& network,
                  const std::string& precision) const {
    const Evaluation expected = PlainSample(data, network).evaluation();
    const Evaluation value = make_objective(data, precision).evaluate(network);
    const double allowed = allowed_error(precision);
    check(name_, "the loss", std::abs(value.loss - expected.loss) / expected.loss, allowed);
    check(name_, "the gradient in a", relative_error(value.gradient_a, expected.gradient_a),
          allowed);
    // In float32 an inner product may round to the other side of 0: one neuron in thousands then
    // differs by a whole row, the others by rounding. So there 19 neurons in 20 must agree.
    std::vector<double> errors;
    for (Index i = 0; i < network.width(); ++i) {
      errors.push_back(relative_error(value.gradient_W.row(i), expected.gradient_W.row(i)));
    }
    check(name_, "the gradient in W", quantile(errors, precision == "float64" ? 1.0 : 0.95),
          allowed);
  }

  void population() {
    constexpr Index d = 20;
    constexpr Index k = 4;
    RandomTeacher teacher;
    teacher.d = d;
    teacher.k = k;
    const PopulationObjective objective(draw_teacher(teacher));
    check_population(objective);
    for (const Index m : {200, 1000, 4000}) {
      if (stopped()) return;
      const Network network = normal_network(m, d);
      const double pairs = std::pow(static_cast<double>(m + k), 2);
      measured({{"m", m}, {"d", d}, {"k", k}}, "float64", 4.0 * pairs * double{d},
               options_.seconds / 3.0, [&] { objective.evaluate(network); });
    }
  }

  void check_population(const PopulationObjective& objective) const {
    const Teacher& teacher = objective.teacher();
    const Network network = normal_network(200, teacher.dimension());
    const Index m = network.width();
    Matrix atoms(m + teacher.neurons(), teacher.dimension());
    atoms << unit_directions(network.W), teacher.directions;
    Vector weights(atoms.rows());
    weights << network.a.cwiseProduct(network.W.rowwise().norm()), -teacher.amplitudes;
    Matrix field;
    kernels::reference::population_field(atoms, atoms, weights, field);
    const Vector values = field.cwiseProduct(atoms).rowwise().sum();
    const Evaluation value = objective.evaluate(network);
    const double loss = 0.5 * weights.dot(values);
    check(name_, "the loss", std::abs(value.loss - loss) / loss, 1e-9);
    check(name_, "the gradient in a",
          relative_error(value.gradient_a, values.head(m).cwiseProduct(network.W.rowwise().norm())),
          1e-9);
    check(name_, "the gradient in W",
          relative_error(value.gradient_W, network.a.asDiagonal() * field.topRows(m)), 1e-9);
  }

  void correlation() {
    constexpr Index directions = 1000;
    const SampleSize& size = options_.sizes.front();
    const Network network = normal_network(size.m, size.d);
    const Matrix U = normal_matrix(directions, size.d, "benchmark directions");
    const SampleData data = normal_rows(size.n, size.d);
    for (const std::string& precision : options_.precisions) {
      if (stopped()) return;
      const SampleData few = prefix(data);
      const SampleObjective few_rows = make_objective(few, precision);
      const Correlation expected = PlainSample(few, network).correlate(U);
      const Correlation value = few_rows.residual(network)->correlate(U);
      check(name_, "the value", relative_error(value.value, expected.value),
            allowed_error(precision));
      check(name_, "the gradient", relative_error(value.gradient, expected.gradient),
            allowed_error(precision));
      const SampleObjective objective = make_objective(data, precision);
      const std::unique_ptr<Residual> residual = objective.residual(network);
      measured({{"n", size.n}, {"d", size.d}, {"directions", directions}}, precision,
               step_flops({size.n, size.d, directions}),
               options_.seconds / static_cast<double>(options_.precisions.size()),
               [&] { residual->correlate(U); });
    }
  }

  void scaling() {
    const int all = lodestone::threads();
    const double share = options_.seconds / (2.0 * static_cast<double>(options_.precisions.size()));
    for (const std::string& precision : options_.precisions) {
      if (stopped()) return;
      double alone = 0.0;
      {
        const Restore restore(all);
        set_threads(1);
        alone = step(options_.sizes.front(), precision, share).median_seconds;
      }
      const double together = step(options_.sizes.front(), precision, share).median_seconds;
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
  static const std::vector<std::string> names = {"peak",        "sample",  "population",
                                                 "correlation", "threads", "growth"};
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
  if (!(seconds > 0.0) || !std::isfinite(seconds)) {
    throw InvalidArgument("seconds", fmt::format("{}", seconds), "must be positive and finite");
  }
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
