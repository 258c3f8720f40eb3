#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/parallel.hpp"
#include "laboratory/experiments.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/train/algorithm1.hpp"

namespace lodestone::laboratory {
namespace {

struct TheoremSizes {
  std::vector<Index> widths;  // the last one must suffice
  std::vector<Index> dimensions;
  int teachers = 1;
  Index k = 3;
  double loosest = 1e-4;  // accuracies ε, by factors of ten
  double tightest = 1e-8;
};

TheoremSizes sizes_for(const LaboratoryOptions& options) {
  TheoremSizes sizes{
      by_effort<std::vector<Index>>(options.effort, {4, 32}, {4, 8, 16, 64}, {4, 8, 16, 32, 64}),
      by_effort<std::vector<Index>>(options.effort, {3, 9}, {5, 50}, {5, 20, 80, 320}),
      by_effort(options.effort, 2, 4, 12),
      by_effort<Index>(options.effort, 3, 3, 4),
      1e-4,
      by_effort(options.effort, 1e-7, 1e-8, 1e-10),
  };
  if (options.broken) sizes.widths = {2};
  return sizes;
}

// One run to the tightest accuracy, and when it passed the others.
struct Outcome {
  std::vector<double> steps;  // to each accuracy ε; NaN where it was not reached
  bool recovered = false;     // every teacher, at the end
};

Outcome measure(const Teacher& teacher, Index width, std::uint64_t seed, const TheoremSizes& sizes,
                const std::vector<double>& accuracies) {
  const PopulationObjective objective(teacher);
  Algorithm1Options options;
  options.width = width;
  options.seed = seed;
  options.absolute_tolerance = sizes.tightest;
  options.epoch_tolerance = 0.01;
  options.max_steps = 60000;
  options.record_every = 50;
  Outcome outcome;
  outcome.steps.assign(accuracies.size(), std::numeric_limits<double>::quiet_NaN());
  Observer observer;
  observer.on_record = [&](const Algorithm1State& state, const Record& record) {
    for (std::size_t e = 0; e < accuracies.size(); ++e) {
      if (record.loss <= accuracies[e] && std::isnan(outcome.steps[e])) {
        outcome.steps[e] = static_cast<double>(state.steps);
      }
    }
    return true;
  };
  Algorithm1State state;
  run_algorithm1(objective, options, state, observer);
  const Recovery recovery = measure_recovery(teacher, state.network);
  outcome.recovered = recovery.recovered == recovery.teachers;
  return outcome;
}

class Theorem {
 public:
  explicit Theorem(const LaboratoryOptions& options)
      : options_(options), sizes_(sizes_for(options)) {
    for (double e = sizes_.loosest; e > 0.5 * sizes_.tightest; e *= 0.1) accuracies_.push_back(e);
    success_.name = "thm-3.1";
    success_.columns = {{"width", "neurons m"},
                        {"d", "input dimension"},
                        {"accuracy", "ε, the loss to be reached"},
                        {"success", "share of runs that reach it with every teacher recovered"},
                        {"runs", "how many runs"}};
    time_.name = "thm-3.1-time";
    time_.columns = {{"d", "input dimension"},
                     {"teacher", "which teacher"},
                     {"accuracy", "ε, the loss to be reached"},
                     {"steps", "gradient steps until then, at the largest width"}};
  }

  ExperimentResult operator()() {
    const double cells = static_cast<double>(sizes_.widths.size() * sizes_.dimensions.size());
    double done = 0.0;
    for (const Index d : sizes_.dimensions) {
      for (const Index width : sizes_.widths) {
        if (stopped(options_)) return result();
        run_cell(d, width);
        report_progress(options_, ++done / cells * 0.95);
      }
    }
    record_timeline();
    return result();
  }

 private:
  std::uint64_t seed(int t) const {
    return derived_seed(options_.seed, "thm-3.1", static_cast<std::uint64_t>(t));
  }

  // The teachers are the same ones in every dimension, as far as their angles and signs go: the
  // directions are drawn inside their span.
  Teacher teacher_of(Index d, int t) const {
    RandomTeacher random;
    random.d = d;
    random.k = sizes_.k;
    random.r = std::min<Index>(3, sizes_.k);
    random.min_angle = 25.0;
    random.seed = seed(t);
    return draw_teacher(random);
  }

  void run_cell(Index d, Index width) {
    std::vector<Outcome> outcomes(static_cast<std::size_t>(sizes_.teachers));
    for_each_block(sizes_.teachers, [&](Index t) {
      const int number = static_cast<int>(t);
      outcomes[static_cast<std::size_t>(t)] =
          measure(teacher_of(d, number), width, seed(1000 + number), sizes_, accuracies_);
    });
    const bool largest = width == sizes_.widths.back();
    for (std::size_t e = 0; e < accuracies_.size(); ++e) {
      int successes = 0;
      for (std::size_t t = 0; t < outcomes.size(); ++t) {
        const double steps = outcomes[t].steps[e];
        if (outcomes[t].recovered && !std::isnan(steps)) ++successes;
        if (!largest || std::isnan(steps)) continue;
        time_.rows.push_back(
            {static_cast<double>(d), static_cast<double>(t), accuracies_[e], steps});
      }
      const double share = successes / static_cast<double>(sizes_.teachers);
      success_.rows.push_back({static_cast<double>(width), static_cast<double>(d), accuracies_[e],
                               share, static_cast<double>(sizes_.teachers)});
      if (largest) least_success_ = std::min(least_success_, share);
      if (e == 0) loosest_share_ = share;
    }
    const double tightest_share = success_.rows.back()[3];
    accuracy_change_ = std::max(accuracy_change_, std::abs(loosest_share_ - tightest_share));
    if (!largest) return;
    for (const Outcome& outcome : outcomes) {
      std::vector<double> inverse;
      std::vector<double> steps;
      for (std::size_t e = 0; e < accuracies_.size(); ++e) {
        if (std::isnan(outcome.steps[e])) continue;
        inverse.push_back(1.0 / accuracies_[e]);
        steps.push_back(outcome.steps[e]);
      }
      if (steps.size() > 1) exponents_.push_back(fitted_exponent(inverse, steps));
    }
  }

  // One run at the largest width, seen from close by.
  void record_timeline() {
    timeline_.name = "thm-3.1-timeline";
    timeline_.columns = {
        {"step", "gradient step"},
        {"stage", "stage of Algorithm 1 the step belongs to"},
        {"lambda", "weight decay λ"},
        {"loss", "L over its value without neurons"},
        {"subspace", "mass-weighted ‖Pŵ‖², P the projection onto the teachers' span"},
        {"mean_angle_deg", "mass-weighted mean angle to the nearest teacher, degrees"},
        {"near", "share of mass within 10° of a teacher"},
        {"mass_error", "largest relative error of a group's mass against its teacher's amplitude"}};
    const Index d = by_effort<Index>(options_.effort, 12, 20, 20);
    const Teacher teacher = teacher_of(d, 0);
    const PopulationObjective objective(teacher);
    Algorithm1Options options;
    options.width = sizes_.widths.back();
    options.seed = seed(1000);
    options.absolute_tolerance = sizes_.tightest;
    options.epoch_tolerance = 0.01;
    options.max_steps = 60000;
    options.record_every = 1;
    const auto add = [&](const Network& network, double step, int stage, double lambda,
                         double loss) {
      const Recovery recovery = measure_recovery(teacher, network);
      double mass_error = 0.0;
      for (const TeacherRecovery& group : recovery.per_teacher) {
        mass_error = std::max(mass_error,
                              std::abs(group.mass - group.amplitude) / std::abs(group.amplitude));
      }
      timeline_.rows.push_back({step, static_cast<double>(stage), lambda,
                                loss / objective.null_loss(), recovery.subspace_share,
                                recovery.mean_angle_deg, 1.0 - recovery.far_mass, mass_error});
    };
    const Network start = symmetric_start(options.width, d, options.seed);
    add(start, 0.5, 0, std::numeric_limits<double>::quiet_NaN(), objective.null_loss());
    double next = 0.0;
    Observer observer;
    observer.on_record = [&](const Algorithm1State& state, const Record& record) {
      const auto step = static_cast<double>(state.steps);
      // About 40 records a decade of steps. Stage 2 takes no gradient step; it is drawn at 1.5.
      if (step < next && !record.end_of_epoch) return true;
      next = step * 1.06;
      const int stage = static_cast<int>(record.stage);
      add(state.network, stage == 2 ? 1.5 : step, stage, state.lambda, record.loss);
      return !stopped(options_);
    };
    Algorithm1State state;
    run_algorithm1(objective, options, state, observer);
    early_subspace_ = timeline_.rows[1][4];
    early_angle_ = timeline_.rows[1][5];
    end_angle_ = timeline_.rows.back()[5];
  }

  ExperimentResult result() const {
    ExperimentResult result;
    const double exponent = quantile(exponents_, 0.5);
    result.checks = {
        {fmt::format("success at width {}, smallest over dimensions and accuracies",
                     sizes_.widths.back()),
         least_success_, 0.99, infinity},
        {"change of the share of successes from the loosest to the tightest accuracy, largest over "
         "widths and dimensions",
         accuracy_change_, -infinity, 0.2},
        {"exponent of 1/ε in the number of gradient steps (median over runs)", exponent, -infinity,
         0.75},
    };
    result.verdict = fmt::format(
        "At width {} the smallest share of successes is {:.2f}. Which width suffices shows at the "
        "loosest accuracy already: the share changes by at most {:.2f} down to ε = {:.0e}. The "
        "number of steps grows as (1/ε)^{:.2f}. In the run of the timeline the first step raised "
        "the share of the teachers' span to {:.3f} and left the mean angle at {:.0f}°; the rest, "
        "down to {:.3f}°, was learned while λ fell.",
        sizes_.widths.back(), least_success_, accuracy_change_, sizes_.tightest, exponent,
        early_subspace_, early_angle_, end_angle_);
    result.tables = {success_, time_, timeline_};
    result.figures = {
        {"thm-3.1",
         "Left: the share of runs that recover every teacher, against the width, for every input "
         "dimension and every accuracy; the curves lie on each other. Right: gradient steps until "
         "the loss is below ε, a dot a run; the dashed line has slope ½.",
         R"gp(set multiplot layout 1,2
set logscale x
set xlabel "width m"
set ylabel "share of runs that succeed"
set yrange [-0.05:1.05]
set logscale cb
set palette defined (0 "#56b4e9", 1 "#0072b2", 2 "#d55e00", 3 "#7a2000")
unset colorbox
plot "data/thm-3.1.csv" using (column("width")*(1+0.04*log10(column("d")))):"success":"d" with points pt 7 ps 0.8 lc palette notitle
set logscale xy
set yrange [*:*]
set format xy "10^{%T}"
set colorbox
set cblabel "input dimension d"
set xlabel "1/ε"
set ylabel "gradient steps"
set key top left
plot "data/thm-3.1-time.csv" using (1/column("accuracy")):"steps":"d" with points pt 7 ps 0.6 lc palette title "runs", \
     10*x**0.5 with lines lt 7 dt 2 title "slope ½"
unset multiplot
)gp"},
        {"thm-3.1-timeline",
         "One run of Algorithm 1, on a logarithmic axis of gradient steps. The first step (stage "
         "1) brings the neurons into the teachers' span; stage 2 fits their amplitudes and the "
         "loss falls, but the mean angle hardly moves: the directions themselves are learned in "
         "stage 3, while λ is halved again and again.",
         R"gp(set multiplot layout 2,1
set logscale x
set xrange [0.4:*]
set lmargin 12
set ylabel "share"
set yrange [0:1.05]
set format x ""
set key center right samplen 1 font ",11"
set arrow 1 from 0.75, graph 0 to 0.75, graph 1 nohead lt 7 dt 3
set arrow 2 from 1.22, graph 0 to 1.22, graph 1 nohead lt 7 dt 3
set arrow 3 from 1.75, graph 0 to 1.75, graph 1 nohead lt 7 dt 3
set label 1 "start" at 0.45, graph 0.08 font ",10"
set label 2 "1" at 0.95, graph 0.08 font ",10"
set label 3 "2" at 1.42, graph 0.08 font ",10"
set label 4 "stage 3" at 2.2, graph 0.08 font ",10"
plot "data/thm-3.1-timeline.csv" using "step":"subspace" with lines lt 1 title "in the teachers' span", \
     "" using "step":"near" with lines lt 3 title "mass within 10° of a teacher"
unset label
set logscale y
set yrange [*:100]
set format y "10^{%T}"
set format x "10^{%T}"
set ylabel "loss, λ, errors, degrees"
set xlabel "gradient step"
set key bottom left
plot "data/thm-3.1-timeline.csv" using "step":"mean_angle_deg" with lines lt 1 title "mean angle (°)", \
     "" using "step":"loss" with lines lt 2 title "loss (share)", \
     "" using "step":"mass_error" with lines lt 4 title "error of the masses", \
     "" using "step":"lambda" with lines lt 7 dt 2 title "weight decay λ"
unset multiplot
)gp"}};
    return result;
  }

  const LaboratoryOptions& options_;
  TheoremSizes sizes_;
  std::vector<double> accuracies_;
  DataTable success_;
  DataTable time_;
  DataTable timeline_;
  std::vector<double> exponents_;
  double least_success_ = 1.0;
  double loosest_share_ = 0.0;
  double accuracy_change_ = 0.0;
  double early_subspace_ = 0.0;
  double early_angle_ = 0.0;
  double end_angle_ = 0.0;
};

}  // namespace

Experiment theorem_3_1() {
  Experiment experiment;
  experiment.id = "thm-3.1";
  experiment.title = "The theorem: a width that suffices, and polynomial time";
  experiment.statement =
      "Once the width exceeds some m₀ that depends on the teacher, but neither on the accuracy ε "
      "nor on the input dimension d, Algorithm 1 reaches every accuracy, in polynomial time.";
  experiment.measurement =
      "Algorithm 1 on random teachers over widths, dimensions and accuracies: the share of runs "
      "that reach ε with every teacher recovered (average neuron within 0.1° and mass within 1%, "
      "of "
      "neurons that lie on average within 1° and of whose mass at most 1% is further than 10°), "
      "and "
      "the number of gradient steps they take.";
  experiment.comparison =
      "A width that suffices does so for every ε and d: a share of 1, which does not change with "
      "ε. Since L falls as λ² and an epoch's length grows as 1/λ, the steps should grow as "
      "(1/ε)^½.";
  experiment.broken_assumption =
      "Too narrow: two neurons, a single direction, for more teachers than that.";
  experiment.run = [](const LaboratoryOptions& options) { return Theorem(options)(); };
  return experiment;
}

}  // namespace lodestone::laboratory
