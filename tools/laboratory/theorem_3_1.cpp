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
  return sizes;
}

// One run to the tightest accuracy, and what it had come to at the moment it passed each ε.
struct Outcome {
  std::vector<double> steps;    // NaN where ε was not reached
  std::vector<bool> recovered;  // every teacher, at that moment
};

bool recovers_every_teacher(const Teacher& teacher, const Network& network) {
  const Recovery recovery = measure_recovery(teacher, network);
  return recovery.recovered == recovery.teachers;
}

Outcome measure(const Teacher& teacher, Index width, std::uint64_t seed, const TheoremSizes& sizes,
                const std::vector<double>& accuracies, Schedule::Kind kind) {
  const PopulationObjective objective(teacher);
  Algorithm1Options options;
  options.schedule.kind = kind;
  options.width = width;
  options.seed = seed;
  options.absolute_tolerance = sizes.tightest;
  options.epoch_tolerance = 0.01;
  options.max_steps = 60000;
  options.record_every = 50;
  Outcome outcome;
  outcome.steps.assign(accuracies.size(), std::numeric_limits<double>::quiet_NaN());
  outcome.recovered.assign(accuracies.size(), false);
  Observer observer;
  observer.on_record = [&](const Algorithm1State& state, const Record& record) {
    for (std::size_t e = 0; e < accuracies.size(); ++e) {
      if (record.loss > accuracies[e] || !std::isnan(outcome.steps[e])) continue;
      outcome.steps[e] = static_cast<double>(state.steps);
      outcome.recovered[e] = recovers_every_teacher(teacher, state.network);
    }
    return true;
  };
  Algorithm1State state;
  run_algorithm1(objective, options, state, observer);
  return outcome;
}

class Theorem {
 public:
  explicit Theorem(const LaboratoryOptions& options)
      : options_(options), sizes_(sizes_for(options)) {
    for (double e = sizes_.loosest; e > 0.5 * sizes_.tightest; e *= 0.1) accuracies_.push_back(e);
    success_.name = "thm-3.1";
    success_.columns = {
        {"width", "neurons m"},
        {"d", "input dimension"},
        {"decay", "1: λ halved from epoch to epoch, 0: λ = 0 in stage 3"},
        {"accuracy", "ε, the loss to be reached"},
        {"reached", "share of runs that reach it"},
        {"recovered", "share of runs that have every teacher recovered at that moment"},
        {"runs", "how many runs"}};
    time_.name = "thm-3.1-time";
    time_.columns = {{"d", "input dimension"},
                     {"teacher", "which teacher"},
                     {"accuracy", "ε, the loss to be reached"},
                     {"steps", "gradient steps until then, at the largest width"}};
  }

  ExperimentResult operator()() {
    // One cell more for the control.
    const double cells = static_cast<double>(sizes_.widths.size() * sizes_.dimensions.size()) + 1.0;
    double done = 0.0;
    for (const Index d : sizes_.dimensions) {
      for (const Index width : sizes_.widths) {
        if (stopped(options_)) return result();
        add_cell(d, width, options_.broken ? Schedule::Kind::none : Schedule::Kind::halving);
        report_progress(options_, ++done / cells * 0.95);
      }
    }
    if (!options_.broken && !stopped(options_)) {
      add_cell(sizes_.dimensions.front(), sizes_.widths.back(), Schedule::Kind::none);
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

  void add_cell(Index d, Index width, Schedule::Kind kind) {
    std::vector<Outcome> outcomes(static_cast<std::size_t>(sizes_.teachers));
    for_each_block(sizes_.teachers, [&](Index t) {
      const int number = static_cast<int>(t);
      outcomes[static_cast<std::size_t>(t)] =
          measure(teacher_of(d, number), width, seed(1000 + number), sizes_, accuracies_, kind);
    });
    const bool halving = kind == Schedule::Kind::halving;
    const bool control = !halving && !options_.broken;
    const bool largest = width == sizes_.widths.back();
    double loosest = 0.0;
    double reached = 0.0;
    double recovered = 0.0;
    for (std::size_t e = 0; e < accuracies_.size(); ++e) {
      reached = recovered = 0.0;
      for (std::size_t t = 0; t < outcomes.size(); ++t) {
        const double steps = outcomes[t].steps[e];
        if (std::isnan(steps)) continue;
        reached += 1.0 / static_cast<double>(sizes_.teachers);
        if (outcomes[t].recovered[e]) recovered += 1.0 / static_cast<double>(sizes_.teachers);
        if (largest && !control) {
          time_.rows.push_back(
              {static_cast<double>(d), static_cast<double>(t), accuracies_[e], steps});
        }
      }
      success_.rows.push_back({static_cast<double>(width), static_cast<double>(d),
                               halving ? 1.0 : 0.0, accuracies_[e], reached, recovered,
                               static_cast<double>(sizes_.teachers)});
      if (e == 0) loosest = reached;
      if (largest && !control) {
        least_reached_ = std::min(least_reached_, reached);
        if (e == 0) early_recovered_ = std::max(early_recovered_, recovered);
      }
    }
    if (control) {
      control_reached_ = reached;
      control_recovered_ = recovered;
      return;
    }
    accuracy_change_ = std::max(accuracy_change_, std::abs(loosest - reached));
    if (!largest) return;
    least_recovered_ = std::min(least_recovered_, recovered);
    for (const Outcome& outcome : outcomes) add_exponent(outcome);
  }

  void add_exponent(const Outcome& outcome) {
    std::vector<double> inverse;
    std::vector<double> steps;
    for (std::size_t e = 0; e < accuracies_.size(); ++e) {
      if (std::isnan(outcome.steps[e])) continue;
      inverse.push_back(1.0 / accuracies_[e]);
      steps.push_back(outcome.steps[e]);
    }
    if (!std::isnan(outcome.steps[0])) first_steps_.push_back(outcome.steps[0]);
    if (steps.size() > 1) exponents_.push_back(fitted_exponent(inverse, steps));
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
    const Index width = sizes_.widths.back();
    result.checks = {
        {fmt::format("share of runs at width {} with every teacher recovered at the moment the "
                     "loss reaches {:.0e}, smallest over dimensions",
                     width, accuracies_.back()),
         least_recovered_, 0.99, infinity},
        {fmt::format("share of runs at width {} that reach ε, smallest over dimensions and "
                     "accuracies",
                     width),
         least_reached_, 0.99, infinity},
        {"change of the share of runs that reach ε from the loosest to the tightest, largest over "
         "widths and dimensions",
         accuracy_change_, -infinity, 0.2},
        {"exponent of 1/ε in the number of gradient steps (median over runs)", exponent, -infinity,
         0.75},
    };
    if (!options_.broken) {
      result.checks.push_back({"the first share with λ = 0 in stage 3, at the smallest dimension",
                               control_recovered_, -infinity, 0.1});
    }
    const std::string control =
        options_.broken ? "Without weight decay the loss falls, and the neurons do not gather."
                        : fmt::format(
                              "With λ = 0 the share of runs that reach it is {:.2f}, and the share "
                              "that recover {:.2f}: a small loss alone is no feature learned.",
                              control_reached_, control_recovered_);
    result.verdict = fmt::format(
        "At width {} the share of runs that reach ε is at least {:.2f}, and which width suffices "
        "shows at the loosest one to within {:.2f}. Recovery comes later than a small loss: at the "
        "moment ε = {:.0e} is reached the share of runs with every teacher recovered is at most "
        "{:.2f}, at ε = {:.0e} at least {:.2f}. {} The number of steps grows as (1/ε)^{:.2f}; "
        "local linear convergence predicts ½, the gradient lower bound 2. In the run of the "
        "timeline the first step raised the share of the teachers' span to {:.3f} and left the "
        "mean angle at {:.0f}°; the run ends at {:.3f}°.",
        width, least_reached_, accuracy_change_, accuracies_.front(), early_recovered_,
        accuracies_.back(), least_recovered_, control, exponent, early_subspace_, early_angle_,
        end_angle_);
    result.tables = {success_, time_, timeline_};
    result.figures = {
        {"thm-3.1",
         fmt::format(
             "Left: the share of runs that reach the tightest ε, against the width; a symbol for "
             "each input dimension. Middle: the share with every teacher recovered at the moment "
             "ε is reached (width {}). Right: gradient steps until then, a dot a run; all lines "
             "start at the median of the loosest ε: the gradient lower bound allows slope "
             "2, local linear convergence predicts ½, and the third has the measured exponent.",
             width),
         figure(exponent)},
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

  // Input dimensions are few: a symbol each, in place of colours.
  std::string figure(double exponent) const {
    std::string widths;
    std::string accuracies;
    int symbol = 0;
    for (const Index d : sizes_.dimensions) {
      const char* separator = symbol == 0 ? "plot " : ", \\\n     ";
      ++symbol;
      widths += fmt::format(
          R"gp({0}"data/thm-3.1.csv" using (column("decay") == {1} && column("d") == {2} && column("accuracy") < {3} ? column("width") : NaN):"reached" with points lt {4} pt {5} ps 1.1 title "d = {2}")gp",
          separator, options_.broken ? 0 : 1, d, 1.5 * accuracies_.back(), symbol, 2 * symbol + 2);
      accuracies += fmt::format(
          R"gp({0}"data/thm-3.1.csv" using (column("decay") == {1} && column("d") == {2} && column("width") == {3} ? 1/column("accuracy") : NaN):"recovered" with points lt {4} pt {5} ps 1.1 title "d = {2}")gp",
          separator, options_.broken ? 0 : 1, d, sizes_.widths.back(), symbol, 2 * symbol + 2);
    }
    if (!options_.broken) {
      accuracies +=
          ", \\\n     \"data/thm-3.1.csv\" using (column(\"decay\") == 0 ? 1/column(\"accuracy\") "
          ": "
          "NaN):\"recovered\" with points lt 7 pt 2 ps 1.1 title \"λ = 0\"";
    }
    return fmt::format(
        R"gp(set multiplot layout 1,3
set logscale x
set xlabel "width m"
set ylabel "share of runs that reach the tightest ε"
set xrange [3:100]
set yrange [-0.05:1.05]
set key bottom right samplen 1 font ",10"
{0}
set xrange [*:*]
set xlabel "1/ε"
set format x "10^{{%T}}"
set xtics 1e2
set ylabel "share recovered at that moment"
set key center left samplen 1 font ",10"
{1}
set logscale y
set yrange [1:1e6]
set format y "10^{{%T}}"
set ylabel "gradient steps"
set key bottom right samplen 1 font ",10"
plot "data/thm-3.1-time.csv" using (1/column("accuracy")):"steps" with points lt 1 pt 7 ps 0.4 title "runs", \
     {2}*(x*{3})**0.5 with lines lt 3 dt 2 title "slope ½", \
     {2}*(x*{3})**2 with lines lt 7 dt 3 title "slope 2", \
     {2}*(x*{3})**{4} with lines lt 2 title "slope {4:.2f}"
unset multiplot
)gp",
        widths, accuracies, quantile(first_steps_, 0.5), accuracies_.front(), exponent);
  }

  const LaboratoryOptions& options_;
  TheoremSizes sizes_;
  std::vector<double> accuracies_;
  DataTable success_;
  DataTable time_;
  DataTable timeline_;
  std::vector<double> exponents_;
  std::vector<double> first_steps_;  // to the loosest accuracy, at the largest width
  double least_reached_ = 1.0;       // over dimensions and accuracies, at the largest width
  double least_recovered_ = 1.0;     // over dimensions, at the tightest accuracy
  double early_recovered_ = 0.0;     // the largest over dimensions, at the loosest accuracy
  double control_reached_ = 0.0;     // with λ = 0, at the tightest accuracy
  double control_recovered_ = 0.0;
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
      "that reach ε, the share with every teacher recovered at the moment ε is reached (average "
      "neuron within 0.1° and mass within 1%, of neurons that lie on average within 1° and of "
      "whose mass at most 1% is further than 10°), and the number of gradient steps until then. "
      "The control is the same runs at the largest width with λ = 0 in stage 3.";
  experiment.comparison =
      "A width that suffices does so for every ε and d: a share of 1, which does not change with "
      "ε. Steps: the gradient lower bound ‖∇L_λ‖² ≥ Cζ⁴/λ² allows 1/(ηε²) of them. If an epoch "
      "converges linearly at a rate of order λ instead, they grow as (1/ε)^½, since L falls as λ².";
  experiment.broken_assumption =
      "No weight decay: λ = 0 throughout stage 3. The loss still falls below ε, but the teachers "
      "are not recovered.";
  experiment.run = [](const LaboratoryOptions& options) { return Theorem(options)(); };
  return experiment;
}

}  // namespace lodestone::laboratory
