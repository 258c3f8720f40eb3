#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/parallel.hpp"
#include "laboratory/experiments.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/train/algorithm1.hpp"

namespace lodestone::laboratory {
namespace {

constexpr Index neurons_of_teacher = 2;
// Without noise a direction is found when it is found exactly; this is far from any accident.
constexpr double found_deg = 1.0;

Teacher teacher_of(Index d, std::uint64_t seed) {
  RandomTeacher random;
  random.d = d;
  random.k = random.r = neurons_of_teacher;
  random.min_angle = 45.0;
  random.seed = seed;
  return draw_teacher(random);
}

// Largest angle of an average neuron after Algorithm 1 on n rows, λ halved until lambda_end
// exactly.
double angle_after(const Teacher& teacher, Index n, double noise, double lambda_end,
                   double tolerance, std::uint64_t seed) {
  const Dataset rows = draw_samples(teacher, n, noise, seed);
  const SampleObjective objective({rows.X, rows.y, {}, false});
  Algorithm1Options options;
  options.width = 20;
  options.seed = seed;
  options.tolerance = 0.0;
  options.absolute_tolerance = tolerance;
  if (noise > 0.0) {
    // Otherwise chosen from the measured gap.
    options.lambda_start = lambda_end * std::exp2(std::ceil(std::log2(0.02 / lambda_end)));
  }
  options.lambda_end = 0.99 * lambda_end;
  options.max_steps = 3000;
  options.max_epoch_steps = 1000;
  Algorithm1State state;
  run_algorithm1(objective, options, state);
  double largest = 0.0;
  for (const TeacherRecovery& found : measure_recovery(teacher, state.network).per_teacher) {
    largest = std::max(largest, found.angle_deg);
  }
  return largest;
}

class Samples {
 public:
  explicit Samples(const LaboratoryOptions& options) : options_(options) {
    success_.name = "samples";
    success_.columns = {{"d", "input dimension"},
                        {"n", "rows"},
                        {"success", "share of runs that find every direction within 1°"},
                        {"runs", "how many runs"}};
    needed_.name = "samples-needed";
    needed_.columns = {{"d", "input dimension"},
                       {"n", "smallest n of the grid with success in at least half of the runs"}};
    noise_.name = "samples-noise";
    noise_.columns = {{"n", "rows"},
                      {"noise", "standard deviation of the noise over the target's"},
                      {"angle_deg", "largest angle of an average neuron, median, degrees"}};
  }

  ExperimentResult operator()() {
    const auto dimensions =
        by_effort<std::vector<Index>>(options_.effort, {4, 8}, {4, 8, 16}, {5, 10, 20, 40});
    for (std::size_t i = 0; i < dimensions.size() && !stopped(options_); ++i) {
      rows_needed(dimensions[i]);
      report_progress(options_,
                      0.6 * static_cast<double>(i + 1) / static_cast<double>(dimensions.size()));
    }
    angles_under_noise();
    return result();
  }

 private:
  std::uint64_t seed(int t) const {
    return derived_seed(options_.seed, "samples", static_cast<std::uint64_t>(t));
  }

  // Success over n = 2^i (k + 1)(d + 1), in multiples of the number of unknowns: k directions with
  // their amplitudes, and the affine part.
  void rows_needed(Index d) {
    const int runs = by_effort(options_.effort, 2, 4, 12);
    const auto unknowns = static_cast<double>((neurons_of_teacher + 1) * (d + 1));
    const auto multiples = options_.broken ? std::vector<double>{0.5, 0.7}
                                           : by_effort<std::vector<double>>(
                                                 options_.effort, {2.0, 8.0}, {1.0, 2.0, 4.0, 8.0},
                                                 {0.7, 1.0, 1.41, 2.0, 2.83, 4.0, 5.66, 8.0});
    double first = std::numeric_limits<double>::quiet_NaN();
    double share = 0.0;
    for (const double multiple : multiples) {
      const auto n = static_cast<Index>(multiple * unknowns);
      std::vector<double> found(static_cast<std::size_t>(runs));
      if (stopped(options_)) return;
      for_each_block(runs, [&](Index t) {
        const int number = static_cast<int>(t);
        found[static_cast<std::size_t>(t)] = angle_after(teacher_of(d, seed(number)), n, 0.0, 1e-7,
                                                         1e-10, seed(1000 + number)) <= found_deg
                                                 ? 1.0
                                                 : 0.0;
      });
      share = 0.0;
      for (const double one : found) share += one / runs;
      success_.rows.push_back(
          {static_cast<double>(d), static_cast<double>(n), share, static_cast<double>(runs)});
      if (share >= 0.5 && std::isnan(first)) first = static_cast<double>(n);
    }
    least_success_ = std::min(least_success_, share);
    if (std::isnan(first)) return;
    needed_.rows.push_back({static_cast<double>(d), first});
    dimensions_.push_back(static_cast<double>(d));
    rows_.push_back(first);
  }

  // λ ends where the noise begins to matter, at σ√(d/n).
  void angles_under_noise() {
    const Index d = by_effort<Index>(options_.effort, 4, 10, 10);
    const auto sizes = by_effort<std::vector<Index>>(
        options_.effort, {400, 3200}, {1000, 4000, 16000}, {1000, 2000, 4000, 8000, 16000, 32000});
    const auto noises =
        by_effort<std::vector<double>>(options_.effort, {0.2}, {0.2}, {0.1, 0.2, 0.4});
    const int runs = by_effort(options_.effort, 3, 6, 12);
    double done = 0.6;
    for (const double noise : noises) {
      std::vector<double> n_all;
      std::vector<double> angles;
      for (const Index n : sizes) {
        std::vector<double> angle(static_cast<std::size_t>(runs));
        if (stopped(options_)) return;
        for_each_block(runs, [&](Index t) {
          const int number = static_cast<int>(t);
          const Teacher teacher = teacher_of(d, seed(2000 + number));
          const double sigma = noise * std::sqrt(target_variance(teacher));
          const double lambda =
              0.5 * sigma * std::sqrt(static_cast<double>(d) / static_cast<double>(n));
          angle[static_cast<std::size_t>(t)] =
              angle_after(teacher, n, noise, lambda, 0.0, seed(3000 + number));
        });
        const double median = quantile(angle, 0.5);
        noise_.rows.push_back({static_cast<double>(n), noise, median});
        n_all.push_back(static_cast<double>(n));
        angles.push_back(median);
        done += 0.4 / static_cast<double>(noises.size() * sizes.size());
        report_progress(options_, done);
      }
      noise_exponents_.push_back(fitted_exponent(n_all, angles));
    }
  }

  ExperimentResult result() const {
    ExperimentResult result;
    const double exponent = fitted_exponent(dimensions_, rows_);
    const double noise_exponent = quantile(noise_exponents_, 0.5);
    result.checks = {
        {"share of runs that find every direction at the largest n, smallest over d",
         least_success_, 0.99, infinity},
        {"exponent of d in the number of rows that suffice", exponent, 0.5, 2.0},
        {"exponent of n in the angle under noise (median over noise levels)", noise_exponent, -0.7,
         -0.3},
    };
    result.verdict = fmt::format(
        "Without noise the directions are found exactly once n exceeds a few times the number of "
        "unknowns: rows grow as d^{:.2f}. With noise the angle falls as n^{:.2f}.",
        exponent, noise_exponent);
    result.tables = {success_, needed_, noise_};
    if (needed_.rows.empty()) result.tables[1].rows.push_back({0.0, 0.0});
    result.figures = {
        {"samples",
         "Left: the share of runs that find every direction, over input dimension and rows. "
         "Right: with noise the error of the directions falls as n^{-½} when λ ends at ½σ√(d/n).",
         R"gp(set multiplot layout 1,2
set logscale xy
set xlabel "input dimension d"
set ylabel "rows n"
set cblabel "share of successes"
set cbrange [0:1]
set palette defined (0 '#d55e00', 1 '#0072b2')
set key top left samplen 1 font ",11"
plot "data/samples.csv" using "d":"n":"success" with points pt 7 ps 1.2 lc palette title "runs", \
     3*(x+1) with lines lt 7 title "unknowns 3(d + 1)"
set xlabel "rows n"
set ylabel "largest angle (°)"
set key top right
plot "data/samples-noise.csv" using "n":"angle_deg" with points lt 1 title "median", \
     60*x**-0.5 with lines lt 7 title "slope −½"
unset multiplot
)gp"}};
    return result;
  }

  const LaboratoryOptions& options_;
  DataTable success_;
  DataTable needed_;
  DataTable noise_;
  std::vector<double> dimensions_;
  std::vector<double> rows_;
  std::vector<double> noise_exponents_;
  double least_success_ = 1.0;
};

}  // namespace

Experiment samples() {
  Experiment experiment;
  experiment.id = "samples";
  experiment.title = "Polynomially many rows suffice";
  experiment.statement =
      "On n rows instead of the exact population, a number of rows polynomial in the input "
      "dimension d suffices to find every direction.";
  experiment.measurement =
      "Algorithm 1 on rows drawn from random teachers with k = 2: the share of runs that find "
      "every direction within 1° over d and n without noise, and the angle over n with noise.";
  experiment.comparison =
      "There are (k + 1)(d + 1) unknowns, so at least as many rows are needed, and stage 1 asks "
      "for no more than order d²: an exponent of at most 2. Under noise the error of an estimate "
      "falls as n^(−½).";
  experiment.broken_assumption = "Fewer rows than there are unknowns.";
  experiment.run = [](const LaboratoryOptions& options) { return Samples(options)(); };
  return experiment;
}

}  // namespace lodestone::laboratory
