#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/parallel.hpp"
#include "laboratory/adversary.hpp"
#include "laboratory/experiments.hpp"
#include "laboratory/trajectory.hpp"
#include "lodestone/model/recovery.hpp"

namespace lodestone::laboratory {
namespace {

const std::vector<double> adversary_lambdas = {1e-2, 3e-3,
                                               1e-3};  // of the adversary, the largest first
constexpr double least_angle_deg = 30.0;               // between its teachers

struct GradientPoint {
  int kind = 0;  // 0: along a run, 1: found by the adversary
  double lambda = 0.0;
  double zeta = 0.0;
  double squared_gradient = 0.0;

  bool in_window() const { return zeta >= lambda * lambda && zeta <= std::pow(lambda, 9.0 / 5.0); }
  double constant() const { return squared_gradient * lambda * lambda / std::pow(zeta, 4.0); }
  double rate() const { return squared_gradient / (lambda * zeta); }
};

GradientPoint point_of(const Snapshot& snapshot, int kind) {
  return {kind, snapshot.lambda, snapshot.zeta, snapshot.gradient_norm * snapshot.gradient_norm};
}

// A minimizer without the neurons of its heaviest teacher, taken down to a stationary point: the
// others settle, and nobody is left to grow (docs/math.md, 4.5).
Snapshot without_teacher(const PopulationObjective& objective, const Minimum& minimum) {
  Network network = minimum.network;
  const Vector lost = objective.teacher().directions.row(0);
  for (Index i = 0; i < network.width(); ++i) {
    if (angle_between_lines_deg(lost, network.W.row(i)) < 15.0) {
      network.a[i] = 0.0;
      network.W.row(i).setZero();
    }
  }
  return snapshot_of(objective, settled(objective, std::move(network), minimum.lambda),
                     minimum.lambda, minimum.least);
}

// How ‖∇L_λ‖² goes with ζ inside epochs where ζ falls far enough to tell.
struct EpochFits {
  std::vector<double> exponents;  // b of ‖∇L_λ‖² ∝ ζ^b, epoch by epoch
  // Sums over all epochs, in logarithms and deviations from an epoch's own mean.
  double covariance = 0.0;
  double variance = 0.0;

  // One exponent for all epochs, each with a factor of its own: epochs in which ζ falls far weigh
  // more, as they tell more.
  double common_exponent() const { return variance > 0.0 ? covariance / variance : NAN; }

  void add(const std::vector<double>& zeta, const std::vector<double>& gradient) {
    if (zeta.size() < 4 || zeta.front() <= 100.0 * zeta.back()) return;
    exponents.push_back(fitted_exponent(zeta, gradient));
    double mean = 0.0;
    for (const double z : zeta) mean += std::log(z) / static_cast<double>(zeta.size());
    double spread = 0.0;
    for (const double z : zeta) spread += std::pow(std::log(z) - mean, 2.0);
    variance += spread;
    covariance += exponents.back() * spread;
  }
};

void add_epochs(const Trajectory& run, EpochFits& fits) {
  std::vector<double> zeta;
  std::vector<double> gradient;
  for (std::size_t i = 0; i < run.snapshots.size(); ++i) {
    const Snapshot& snapshot = run.snapshots[i];
    const double floor = 100.0 * run.worst_gap * snapshot.penalized_loss;
    if (snapshot.zeta > floor) {
      zeta.push_back(snapshot.zeta);
      gradient.push_back(snapshot.gradient_norm * snapshot.gradient_norm);
    }
    if (snapshot.end_of_epoch || i + 1 == run.snapshots.size()) {
      fits.add(zeta, gradient);
      zeta.clear();
      gradient.clear();
    }
  }
}

// One search of the adversary.
struct Search {
  Index k = 2;
  double lambda = 0.0;
  bool rate = false;  // what it makes small: ‖∇L_λ‖²/(λζ), or ‖∇L_λ‖²λ²/ζ⁴
  std::uint64_t seed = 0;
};

// The window as the adversary sees it. Broken: there is no upper limit of ζ.
Inequality inequality_of(bool rate, bool broken) {
  return [rate, broken](const Snapshot& snapshot) {
    const GradientPoint point = point_of(snapshot, 1);
    Slack slack;
    slack.value = std::log(rate ? point.rate() : point.constant());
    const double lowest = std::log(point.lambda * point.lambda / point.zeta);
    const double highest = std::log(point.zeta / std::pow(point.lambda, 9.0 / 5.0));
    slack.violation = std::max(0.0, lowest) + (broken ? 0.0 : std::max(0.0, highest));
    return slack;
  };
}

// From neurons of the minimizer, two for each of its neurons, turned and of other masses; broken:
// from a stationary point.
WorstCase searched(const Search& search, const AdversaryEffort& effort, bool broken) {
  RandomTeacher random;
  random.d = random.r = 2;
  random.k = search.k;
  random.min_angle = least_angle_deg + 5.0;
  random.seed = search.seed;
  const Teacher teacher = draw_teacher(random);
  const PopulationObjective objective(teacher);
  const Minimum minimum = minimum_at(objective, search.lambda, Network::empty(2));
  Draw draw(search.seed, "grad-lower start");
  Network start = perturbed(draw, minimum.network, 2, draw.power(-2.0, 0.0), 0.1);
  if (broken) start = without_teacher(objective, minimum).network;
  const AdversaryDomain domain{least_angle_deg, search.lambda, search.lambda};
  return worst_case(inequality_of(search.rate, broken), domain, teacher, search.lambda, start,
                    effort, search.seed);
}

class GradientLowerBound {
 public:
  explicit GradientLowerBound(const LaboratoryOptions& options) : options_(options) {
    worst_.name = "grad-lower-worst";
    worst_.columns = {{"goal", "0: ‖∇L_λ‖²λ²/ζ⁴ was made small, 1: ‖∇L_λ‖²/(λζ)"},
                      {"k", "teachers"},
                      {"lambda", "weight decay λ"},
                      {"zeta", "gap ζ"},
                      {"constant", "‖∇L_λ‖²λ²/ζ⁴"},
                      {"rate", "‖∇L_λ‖²/(λζ)"},
                      {"inside", "1: λ² ≤ ζ ≤ λ^(9/5), and ζ is known"}};
    case_.name = "grad-lower-case";
    case_.columns = {{"goal", "0: the case of least ‖∇L_λ‖²λ²/ζ⁴, 1: of least ‖∇L_λ‖²/(λζ)"},
                     {"lambda", "its weight decay λ"},
                     {"teacher", "1: a teacher, 0: a neuron of the student"},
                     {"amplitude", "a"},
                     {"w0", "w, first coordinate"},
                     {"w1", "w, second coordinate"}};
  }

  ExperimentResult operator()() {
    along_runs();
    search();
    return result();
  }

 private:
  std::uint64_t seed(int i) const {
    return derived_seed(options_.seed, "grad-lower adversary", static_cast<std::uint64_t>(i));
  }

  void along_runs() {
    const int teachers = by_effort(options_.effort, 4, 6, 30);
    for (int t = 0; t < teachers && !stopped(options_); ++t) {
      report_progress(options_, 0.4 * t / teachers);
      const Index k = 2 + t % 3;
      const PopulationObjective objective(drawn_teacher(options_, "grad-lower", t, 6, k, k, 30.0));
      Algorithm1Options algorithm;
      algorithm.width = 40;
      algorithm.seed =
          derived_seed(options_.seed, "grad-lower start", static_cast<std::uint64_t>(t));
      algorithm.tolerance = 1e-7;
      algorithm.record_every = 10;
      algorithm.epoch_tolerance = 1e-3;  // epochs long enough to see an exponent
      const Trajectory run = follow(objective, algorithm);
      if (run.minima.empty()) continue;
      worst_gap_ = std::max(worst_gap_, run.worst_gap);
      for (const Snapshot& snapshot : run.snapshots) points_.push_back(point_of(snapshot, 0));
      add_epochs(run, fits_);
    }
  }

  // Every goal at every λ, from several starts.
  void search() {
    const int starts = by_effort(options_.effort, 2, 4, 10);
    const auto effort =
        by_effort<AdversaryEffort>(options_.effort, {2500, 0}, {12000, 200}, {40000, 500});
    int number = 0;
    std::vector<Search> searches;
    for (const double lambda : adversary_lambdas) {
      for (const bool rate : {false, true}) {
        for (int i = 0; i < starts; ++i, ++number) {
          searches.push_back({2 + number % 2, lambda, rate, seed(number)});
        }
      }
    }
    const auto batch = static_cast<std::size_t>(2 * starts);
    for (std::size_t first = 0; first < searches.size() && !stopped(options_); first += batch) {
      std::vector<WorstCase> cases(batch);
      for_each_block(static_cast<Index>(batch), [&](Index i) {
        const auto at = static_cast<std::size_t>(i);
        cases[at] = searched(searches[first + at], effort, options_.broken);
      });
      add(searches, first, cases);
      report_progress(options_, 0.4 + 0.6 * static_cast<double>(first + batch) /
                                          static_cast<double>(searches.size()));
    }
    for (const bool rate : {false, true}) add_case(rate ? least_rate_ : least_constant_, rate);
  }

  // The searches of one λ.
  void add(const std::vector<Search>& searches, std::size_t first,
           const std::vector<WorstCase>& cases) {
    double least = infinity;
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const WorstCase& one = cases[i];
      const GradientPoint point = point_of(one.snapshot, 1);
      const bool inside = one.slack.violation == 0.0;
      worst_.rows.push_back({searches[first + i].rate ? 1.0 : 0.0,
                             static_cast<double>(one.teacher.neurons()), point.lambda, point.zeta,
                             point.constant(), point.rate(), inside ? 1.0 : 0.0});
      if (!inside) continue;
      ++inside_;
      points_.push_back(point);
      least = std::min(least, point.squared_gradient / point.zeta);
      const auto constant = [](const WorstCase& c) { return point_of(c.snapshot, 1).constant(); };
      const auto rate = [](const WorstCase& c) { return point_of(c.snapshot, 1).rate(); };
      if (!(constant(least_constant_) <= constant(one))) least_constant_ = one;
      if (!(rate(least_rate_) <= rate(one))) least_rate_ = one;
    }
    if (!std::isfinite(least)) return;
    searched_lambdas_.push_back(searches[first].lambda);
    least_slopes_.push_back(least);
  }

  void add_case(const WorstCase& one, bool rate) {
    const auto add_neurons = [&](bool teacher, const Vector& a, const Matrix& W) {
      for (Index i = 0; i < a.size(); ++i) {
        case_.rows.push_back(
            {rate ? 1.0 : 0.0, one.snapshot.lambda, teacher ? 1.0 : 0.0, a[i], W(i, 0), W(i, 1)});
      }
    };
    add_neurons(true, one.teacher.amplitudes, one.teacher.directions);
    add_neurons(false, one.snapshot.network.a, one.snapshot.network.W);
  }

  ExperimentResult result() const {
    const GradientPoint constant = point_of(least_constant_.snapshot, 1);
    const GradientPoint rate = point_of(least_rate_.snapshot, 1);
    const double exponent = fits_.common_exponent();
    const double slope = fitted_exponent(searched_lambdas_, least_slopes_);
    ExperimentResult result;
    result.checks = {
        {"smallest ‖∇L_λ‖²λ²/ζ⁴ that the adversary found for λ² ≤ ζ ≤ λ^(9/5)",
         inside_ > 0 ? constant.constant() : NAN, 1.0, infinity},
        // Linear convergence at a rate of order λ is 1. With the bound alone ‖∇L_λ‖² could be
        // ζ⁴/λ², which at ζ = λ² is an exponent of 4. A smaller one is a larger gradient.
        {"exponent of λ in the smallest ‖∇L_λ‖²/ζ found", slope, -infinity, 2.0},
        // Nearer to linear convergence (1) than to the bound (4).
        {"exponent of ‖∇L_λ‖² in ζ inside epochs", exponent, 0.5, 2.0},
    };
    std::string rates;
    for (std::size_t i = 0; i < searched_lambdas_.size(); ++i) {
      rates += fmt::format("{}{:.3g} at λ = {:.0e}", i == 0 ? "" : ", ",
                           least_slopes_[i] / searched_lambdas_[i], searched_lambdas_[i]);
    }
    result.verdict = fmt::format(
        "The adversary's smallest ‖∇L_λ‖²λ²/ζ⁴ is {:.3g}, at λ = {:.0e}: the bound holds with "
        "C = 1 and is far from tight. The smallest ‖∇L_λ‖²/(λζ) it found is {}: the smallest "
        "‖∇L_λ‖²/ζ goes as λ^{:.2f}, where the bound would allow λ⁴ and a rate of order λ is λ. "
        "({} of {} searches ended in the window.) Inside the {} epochs of runs where the gap falls "
        "a hundredfold or more ‖∇L_λ‖² goes like ζ^{:.2f} (one by one, 10% to 90%: {:.2f} to "
        "{:.2f}); min P_λ is known there to a relative {:.1g}.",
        constant.constant(), constant.lambda, rates, slope, inside_, worst_.rows.size(),
        fits_.exponents.size(), exponent, quantile(fits_.exponents, 0.1),
        quantile(fits_.exponents, 0.9), worst_gap_);
    DataTable table;
    table.name = "grad-lower";
    table.columns = {{"kind", "0: along a run of Algorithm 1, 1: found by the adversary"},
                     {"lambda", "weight decay λ"},
                     {"zeta", "gap ζ"},
                     {"squared_gradient", "‖∇L_λ‖²"},
                     {"bound", "ζ⁴/λ²"},
                     {"in_window", "1: λ² ≤ ζ ≤ λ^(9/5)"}};
    for (const GradientPoint& point : points_) {
      table.rows.push_back({static_cast<double>(point.kind), point.lambda, point.zeta,
                            point.squared_gradient,
                            std::pow(point.zeta, 4.0) / (point.lambda * point.lambda),
                            point.in_window() ? 1.0 : 0.0});
    }
    result.tables = {table, worst_, case_};
    result.figures = {
        {"grad-lower",
         fmt::format(
             "‖∇L_λ‖² over λζ, against ζ/λ²: linear convergence at a rate of order λ is a level "
             "line. Along runs, and the worst that the adversary could find; the dashed level is "
             "its smallest. The bound asks for points above the line at the lower right (λ = "
             "{0}, C = 1; for smaller λ it is lower still), right of the dotted line.",
             adversary_lambdas.front()),
         fmt::format(R"gp(stats "data/grad-lower.csv" using 1 nooutput
stride = odd_stride(STATS_records)
set logscale xy
set format "10^{{%T}}"
set xlabel "ζ/λ²"
set ylabel "‖∇L_λ‖²/(λζ)"
set xrange [1e-3:1e4]
set yrange [1e-7:1e4]
set key outside bottom center horizontal samplen 1
set arrow from 1, graph 0 to 1, graph 1 nohead lt 7 dt 3
plot "data/grad-lower.csv" every stride using (column("kind") == 0 ? column("zeta") / column("lambda") ** 2 : NaN):(column("squared_gradient") / column("lambda") / column("zeta")) with points lt 1 ps 0.3 title "along runs", \
     "" using (column("kind") == 1 ? column("zeta") / column("lambda") ** 2 : NaN):(column("squared_gradient") / column("lambda") / column("zeta")) with points lt 2 pt 2 ps 0.9 title "adversary", \
     [1e-3:1e4] {} with lines lt 7 dt 2 title "its smallest", \
     [1:{}] ({} * x) ** 3 with lines lt 3 lw 2 title "the bound"
)gp",
                     rate.rate(), std::pow(adversary_lambdas.front(), -0.2),
                     adversary_lambdas.front())}};
    return result;
  }

  const LaboratoryOptions& options_;
  std::vector<GradientPoint> points_;
  EpochFits fits_;
  double worst_gap_ = 0.0;
  int inside_ = 0;
  WorstCase least_constant_;
  WorstCase least_rate_;
  std::vector<double> searched_lambdas_;
  std::vector<double> least_slopes_;
  DataTable worst_;
  DataTable case_;
};

}  // namespace

Experiment gradient_lower_bound() {
  return {"grad-lower",
          "The gradient is large while the gap is",
          "Near the optimum the gradient cannot be small unless the gap is: "
          "‖∇L_λ‖² ≥ C·ζ⁴/λ² for λ² ≲ ζ ≲ λ^(9/5).",
          true,
          "An adversary (an evolution strategy) makes ‖∇L_λ‖²λ²/ζ⁴ and ‖∇L_λ‖²/(λζ) as small as "
          "it can inside the window, over networks and over two or three teachers of amplitude "
          "±1 in a plane, at least 30° apart, for λ = 0.01, 0.003 and 0.001. Both sides at every "
          "tenth step of runs of Algorithm 1; the exponent of ‖∇L_λ‖² in ζ inside each epoch.",
          "C = 1, for teachers of amplitude 1 (C scales as amplitude⁻³), and exponents in ζ of 4 "
          "or less. Linear convergence would be exponent 1, at a rate of order λ.",
          "That the gap is small: ζ has no upper limit, and the adversary starts where a teacher "
          "has been lost for good, at a stationary point.",
          [](const LaboratoryOptions& options) { return GradientLowerBound(options)(); }};
}

}  // namespace lodestone::laboratory
