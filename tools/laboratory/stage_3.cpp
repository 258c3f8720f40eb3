#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "core/parallel.hpp"
#include "laboratory/experiments.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/theory/dual_certificate.hpp"
#include "lodestone/train/algorithm1.hpp"

namespace lodestone::laboratory {
namespace {

constexpr double degrees = 180.0 / std::numbers::pi;
constexpr double away_deg = 2.0;

// The end of an epoch.
struct EpochEnd {
  double lambda = 0.0;
  double loss = 0.0;
  double mean_angle_deg = 0.0;   // over neurons, by mass
  double group_angle_deg = 0.0;  // of the groups' average neurons, the largest
  double away = 0.0;             // share of mass further than away_deg from every teacher
};

struct Run {
  std::vector<EpochEnd> epochs;
  double null_loss = 0.0;
  double lambda_start = 0.0;
  long steps = 0;
};

struct AngleCase {
  double expected_loss = 0.0;  // ½‖p₀‖², the limit of L/λ²; NaN where p₀ is no certificate
  Run halving;
  Run constant;
  Run none;
};

Teacher teacher_of(std::uint64_t seed, Effort effort) {
  RandomTeacher random;
  random.d = by_effort<Index>(effort, 4, 8, 12);
  random.k = random.r = by_effort<Index>(effort, 2, 3, 4);
  random.min_angle = 40.0;
  random.seed = seed;
  return draw_teacher(random);
}

Run run_with(const PopulationObjective& objective, Algorithm1Options options) {
  Run run;
  const auto add = [&](const Algorithm1State& state, double loss) {
    const Recovery recovery = measure_recovery(objective.teacher(), state.network);
    EpochEnd end{state.lambda, loss, recovery.mean_angle_deg, 0.0, 0.0};
    for (const TeacherRecovery& teacher : recovery.per_teacher) {
      end.group_angle_deg = std::max(end.group_angle_deg, teacher.angle_deg);
    }
    const Vector mass = masses(state.network);
    for (Index i = 0; i < mass.size(); ++i) {
      if (mass[i] == 0.0) continue;
      const double angle =
          nearest_angle(objective.teacher().directions, state.network.W.row(i)) * degrees;
      if (angle > away_deg) end.away += mass[i] / mass.sum();
    }
    run.epochs.push_back(end);
  };
  Observer observer;
  observer.on_record = [&](const Algorithm1State& state, const Record& record) {
    if (record.stage == Stage::late_features && record.end_of_epoch) add(state, record.loss);
    return true;
  };
  Algorithm1State state;
  run_algorithm1(objective, options, state, observer);
  // A single epoch that its budget ended.
  if (run.epochs.empty()) add(state, objective.loss(state.network));
  run.steps = state.steps;
  run.lambda_start = state.lambda_start;
  run.null_loss = objective.null_loss();
  return run;
}

AngleCase measure(std::uint64_t seed, const LaboratoryOptions& laboratory) {
  const Teacher teacher = teacher_of(seed, laboratory.effort);
  const PopulationObjective objective(teacher);
  const DualCertificate certificate =
      interpolate(teacher.directions, teacher.amplitudes.array().sign().matrix(), 2);
  AngleCase result;
  // Where the interpolant exceeds 1 somewhere, the least-norm certificate is another function.
  result.expected_loss = estimate_margin(certificate, seed).rho > 0.0
                             ? 0.5 * certificate.squared_norm
                             : std::numeric_limits<double>::quiet_NaN();
  Algorithm1Options options;
  options.width = by_effort<Index>(laboratory.effort, 20, 60, 100);
  options.seed = seed;
  options.epoch_tolerance = 0.003;
  options.absolute_tolerance = by_effort(laboratory.effort, 1e-7, 1e-8, 1e-10);
  if (laboratory.broken) options.schedule.kind = Schedule::Kind::none;
  if (laboratory.broken) options.max_steps = 3000;
  result.halving = run_with(objective, options);
  options.max_steps = result.halving.steps;
  options.absolute_tolerance = 0.0;
  options.tolerance = 0.0;
  options.schedule.kind = Schedule::Kind::constant;
  options.lambda_start = result.halving.lambda_start;
  result.constant = run_with(objective, options);
  options.schedule.kind = Schedule::Kind::none;
  result.none = run_with(objective, options);
  return result;
}

class StageThree {
 public:
  explicit StageThree(const LaboratoryOptions& options) : options_(options) {
    table_.name = "stage-3";
    table_.columns = {
        {"teacher", "which teacher"},
        {"schedule", "0 λ halved, 1 λ kept, 2 λ = 0"},
        {"lambda", "weight decay λ of the epoch"},
        {"loss", "L at its end"},
        {"expected", "½λ²‖p₀‖², what L tends to (empty: not known)"},
        {"mean_angle_deg", "mass-weighted mean angle to the nearest teacher, degrees"},
        {"group_angle_deg", "largest angle of an average neuron to its teacher, degrees"},
        {"away", "share of mass further than 2° from every teacher"}};
  }

  ExperimentResult operator()() {
    const int teachers = by_effort(options_.effort, 2, 6, 24);
    const int batch = 2 * std::max(1, threads());
    for (int first = 0; first < teachers && !stopped(options_); first += batch) {
      const int count = std::min(batch, teachers - first);
      std::vector<AngleCase> cases(static_cast<std::size_t>(count));
      for_each_block(count, [&](Index i) {
        cases[static_cast<std::size_t>(i)] =
            measure(derived_seed(options_.seed, "stage-3", static_cast<std::uint64_t>(first + i)),
                    options_);
      });
      for (int i = 0; i < count; ++i) add(first + i, cases[static_cast<std::size_t>(i)]);
      report_progress(options_, static_cast<double>(first + count) / teachers);
    }
    return result();
  }

 private:
  void add(int number, const AngleCase& one) {
    const Run* runs[] = {&one.halving, &one.constant, &one.none};
    for (int schedule = 0; schedule < 3; ++schedule) {
      for (const EpochEnd& end : runs[schedule]->epochs) {
        table_.rows.push_back({static_cast<double>(number), static_cast<double>(schedule),
                               end.lambda, end.loss, one.expected_loss * end.lambda * end.lambda,
                               end.mean_angle_deg, end.group_angle_deg, end.away});
      }
    }
    if (one.halving.epochs.empty() || one.constant.epochs.empty() || one.none.epochs.empty())
      return;
    std::vector<double> lambdas;
    std::vector<double> losses;
    std::vector<double> angles;
    for (const EpochEnd& end : one.halving.epochs) {
      if (end.lambda > 0.1 * one.halving.lambda_start) continue;  // not small yet
      lambdas.push_back(end.lambda);
      losses.push_back(end.loss);
      angles.push_back(end.group_angle_deg);
    }
    loss_exponents_.push_back(fitted_exponent(lambdas, losses));
    angle_exponents_.push_back(fitted_exponent(lambdas, angles));
    const EpochEnd& last = one.halving.epochs.back();
    if (!std::isnan(one.expected_loss)) {
      ratios_.push_back(last.loss / (one.expected_loss * last.lambda * last.lambda));
    }
    away_ = std::max(away_, last.away);
    constant_angles_.push_back(one.constant.epochs.back().mean_angle_deg / last.mean_angle_deg);
    none_away_.push_back(one.none.epochs.back().away);
  }

  ExperimentResult result() const {
    ExperimentResult result;
    const double loss_exponent = quantile(loss_exponents_, 0.5);
    const double angle_exponent = quantile(angle_exponents_, 0.5);
    result.checks = {
        {"exponent of λ in the loss (median over teachers)", loss_exponent, 1.9, 2.1},
        {"loss at the end over ½λ²‖p₀‖² (median over teachers)", quantile(ratios_, 0.5), 0.9, 1.1},
        {"exponent of λ in the largest angle of an average neuron (median over teachers)",
         angle_exponent, 0.8, infinity},
        {"share of mass further than 2° from every teacher at the end, largest", away_, -infinity,
         0.01},
        {"mean angle with λ kept at its start, over that with λ halved (median)",
         quantile(constant_angles_, 0.5), 10.0, infinity},
        {"share of mass further than 2° with λ = 0 (median)", quantile(none_away_, 0.5), 0.1,
         infinity},
    };
    result.verdict = fmt::format(
        "Halving λ takes the loss down as λ^{:.3f}, to {:.3f} times the predicted ½λ²‖p₀‖², and "
        "the groups onto their teachers as λ^{:.2f}. At the end at most {:.2g} of the mass is more "
        "than 2° from every teacher; with the same steps at λ = 0 it is {:.2g}, and with λ kept at "
        "its start the mean angle is {:.3g} times as large.",
        loss_exponent, quantile(ratios_, 0.5), angle_exponent, away_, quantile(none_away_, 0.5),
        quantile(constant_angles_, 0.5));
    result.tables = {table_};
    result.figures = {
        {"stage-3",
         "Each dot is the end of an epoch. Left: the loss follows ½λ²‖p₀‖², which is known before "
         "any training. Middle: angles of the average neurons fall with λ. Right: mean angle of "
         "all mass with λ halved, kept, or 0 throughout (drawn at the left edge), after the same "
         "number of steps.",
         R"gp(set multiplot layout 1,3
set logscale xy
set format "10^{%T}"
set key top left samplen 1 font ",10"
set xlabel "λ"
set xtics 1e2
set ylabel "loss"
plot "data/stage-3.csv" using (column("schedule") == 0 ? column("lambda") : NaN):"loss" with points lt 1 title "λ halved", \
     "" using (column("schedule") == 0 ? column("lambda") : NaN):"expected" with points pt 2 ps 0.4 lw 1 lt 7 title "½λ²‖p₀‖²", \
     "" using (column("schedule") == 1 ? column("lambda") : NaN):"loss" with points lt 2 title "λ kept"
set ylabel "largest angle of an average neuron (°)"
plot "data/stage-3.csv" using (column("schedule") == 0 ? column("lambda") : NaN):"group_angle_deg" with points lt 1 notitle
set ylabel "mean angle of all mass (°)"
plot "data/stage-3.csv" using (column("schedule") == 0 ? column("lambda") : NaN):"mean_angle_deg" with points lt 1 title "λ halved", \
     "" using (column("schedule") == 1 ? column("lambda") : NaN):"mean_angle_deg" with points lt 2 title "λ kept", \
     "" using (column("schedule") == 2 ? 1e-6 : NaN):"mean_angle_deg" with points lt 3 title "λ = 0"
unset multiplot
)gp"}};
    return result;
  }

  const LaboratoryOptions& options_;
  DataTable table_;
  std::vector<double> loss_exponents_;
  std::vector<double> angle_exponents_;
  std::vector<double> ratios_;
  std::vector<double> constant_angles_;
  std::vector<double> none_away_;
  double away_ = 0.0;
};

}  // namespace

Experiment stage_3() {
  Experiment experiment;
  experiment.id = "stage-3";
  experiment.title = "Late feature learning: halving λ";
  experiment.statement =
      "Gradient descent on both layers with a weight decay λ that is halved from epoch to epoch "
      "drives the loss to 0, and every neuron to a teacher's direction or to zero.";
  experiment.measurement =
      "Algorithm 1 on random teachers whose directions are at least 40° apart: loss, angles and "
      "the mass away from the teachers at the end of each epoch; beside it the same steps from "
      "the same start with λ kept, and with λ = 0.";
  experiment.comparison =
      "At the optimum of P_λ the residual is −λp₀ to leading order, p₀ the least-norm certificate, "
      "known from the teacher alone: so L = ½λ²‖p₀‖², an exponent of 2, and angles of order λ.";
  experiment.broken_assumption = "No weight decay: λ = 0 throughout stage 3.";
  experiment.run = [](const LaboratoryOptions& options) { return StageThree(options)(); };
  return experiment;
}

}  // namespace lodestone::laboratory
