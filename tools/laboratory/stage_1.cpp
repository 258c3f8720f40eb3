#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/factorizations.hpp"
#include "laboratory/experiments.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/train/algorithm1.hpp"

namespace lodestone::laboratory {
namespace {

// Stage 1 of Algorithm 1 alone: unit directions after one step, a row a neuron.
Matrix after_one_step(const Objective& objective, Index width, std::uint64_t seed) {
  Algorithm1Options options;
  options.width = width;
  options.seed = seed;
  Observer observer;
  observer.on_record = [](const Algorithm1State&, const Record& record) {
    return record.stage != Stage::early_features;
  };
  Algorithm1State state;
  run_algorithm1(objective, options, state, observer);
  return unit_directions(state.network.W);
}

// Orthonormal basis (d×r) of the teachers' span.
Matrix basis_of(const Teacher& teacher) {
  return column_span(teacher.directions.transpose()).basis;
}

// Mean over neurons of 1 − ‖P ŵ‖², P the projection onto the span.
double share_outside(const Teacher& teacher, const Matrix& directions) {
  return 1.0 -
         (directions * basis_of(teacher)).squaredNorm() / static_cast<double>(directions.rows());
}

// r times the smallest eigenvalue of the mean of ŵŵᵀ on the span: 1 when all of its directions are
// covered alike, 0 when one is missing.
double coverage(const Teacher& teacher, const Matrix& directions) {
  const Matrix inner = directions * basis_of(teacher);
  const Eigen::MatrixXd second_moment =
      inner.transpose() * inner / static_cast<double>(inner.rows());
  return static_cast<double>(inner.cols()) * symmetric_eigenvalues(second_moment)[0];
}

// Four directions at ±30° and ±60° in a random plane, amplitudes 1, 1, −b, −b. H is diagonal with
// 3/2 − b/2 and 1/2 − 3b/2, so any condition number from 3 to infinity (b = 1/3) can be had.
Teacher planar_teacher(Index d, double kappa, std::uint64_t seed) {
  RandomTeacher plane;
  plane.d = d;
  plane.k = plane.r = 2;
  plane.min_angle = 0.0;
  plane.seed = seed;
  const Matrix axes = basis_of(draw_teacher(plane)).transpose();
  const double b = std::isinf(kappa) ? 1.0 / 3.0 : (0.5 * kappa - 1.5) / (1.5 * kappa - 0.5);
  Teacher teacher;
  teacher.directions.resize(4, d);
  teacher.amplitudes = Vector::Constant(4, 1.0);
  teacher.amplitudes.tail(2).setConstant(-b);
  for (Index j = 0; j < 4; ++j) {
    const double angle = (j < 2 ? 30.0 : 60.0) * std::numbers::pi / 180.0;
    const double side = j % 2 == 0 ? 1.0 : -1.0;
    teacher.directions.row(j) =
        std::cos(angle) * axes.row(0) + side * std::sin(angle) * axes.row(1);
  }
  return checked_teacher(std::move(teacher), "stage-1");
}

struct Sizes {
  std::vector<Index> dimensions;
  std::vector<double> kappas;
  std::vector<double> rows_over_d2;
  std::vector<Index> sample_dimensions;
  int teachers = 1;
  Index width = 400;
};

Sizes sizes_for(Effort effort) {
  return {
      by_effort<std::vector<Index>>(effort, {50, 200}, {50, 100, 200, 400},
                                    {50, 100, 200, 400, 800}),
      by_effort<std::vector<double>>(effort, {4.0, 8.0}, {4.0, 8.0, 16.0, 32.0},
                                     {4.0, 8.0, 16.0, 32.0}),
      by_effort<std::vector<double>>(effort, {100.0, 400.0}, {50.0, 200.0, 800.0},
                                     {50.0, 100.0, 200.0, 400.0, 800.0}),
      by_effort<std::vector<Index>>(effort, {10}, {10, 20}, {10, 20, 40}),
      by_effort(effort, 3, 10, 40),
      by_effort<Index>(effort, 200, 300, 400),
  };
}

class StageOne {
 public:
  explicit StageOne(const LaboratoryOptions& options)
      : options_(options), sizes_(sizes_for(options.effort)) {}

  ExperimentResult operator()() {
    outside_on_populations();
    coverage_of_the_span();
    outside_on_samples();
    return result();
  }

 private:
  std::uint64_t seed(int i) const {
    return derived_seed(options_.seed, "stage-1", static_cast<std::uint64_t>(i));
  }

  void outside_on_populations() {
    outside_.name = "stage-1-outside";
    outside_.columns = {{"d", "input dimension"},
                        {"r", "dimension of the teacher's span"},
                        {"outside", "mean over neurons of 1 − ‖Pŵ‖² after one step"},
                        {"bound", "r/(4d)"}};
    std::vector<double> d_all;
    std::vector<double> outside_all;
    for (const Index d : sizes_.dimensions) {
      for (int t = 0; t < sizes_.teachers && !stopped(options_); ++t) {
        RandomTeacher random;
        random.d = d;
        random.k = 4;
        random.r = 3;
        random.seed = seed(t);
        const Teacher teacher = draw_teacher(random);
        const double outside = share_outside(
            teacher, after_one_step(PopulationObjective(teacher), sizes_.width, seed(t)));
        const double bound = 3.0 / (4.0 * static_cast<double>(d));
        outside_.rows.push_back({static_cast<double>(d), 3.0, outside, bound});
        largest_outside_ = std::max(largest_outside_, outside / bound);
        d_all.push_back(static_cast<double>(d));
        outside_all.push_back(outside);
      }
      progress(0.3 / static_cast<double>(sizes_.dimensions.size()));
    }
    outside_exponent_ = fitted_exponent(d_all, outside_all);
  }

  // The mean over starts: most of a small coverage comes from few neurons.
  double mean_coverage(Index d, double kappa) {
    double sum = 0.0;
    int count = 0;
    for (int t = 0; t < sizes_.teachers && !stopped(options_); ++t, ++count) {
      const double used = options_.broken ? std::numeric_limits<double>::infinity() : kappa;
      const Teacher teacher = planar_teacher(d, used, seed(t));
      sum += coverage(teacher,
                      after_one_step(PopulationObjective(teacher), sizes_.width, seed(1000 + t)));
    }
    return sum / std::max(1, count);
  }

  void coverage_of_the_span() {
    coverage_.name = "stage-1";
    coverage_.columns = {{"d", "input dimension"},
                         {"kappa", "condition number κ of H that was asked for"},
                         {"coverage", "2 × smallest eigenvalue of the mean of ŵŵᵀ on the span"},
                         {"expected", "2/(1 + κ)"}};
    const auto measure = [&](Index d, double kappa) {
      const double covered = mean_coverage(d, kappa);
      coverage_.rows.push_back({static_cast<double>(d), kappa, covered, 2.0 / (1.0 + kappa)});
      return covered;
    };
    std::vector<double> d_all;
    std::vector<double> covered_all;
    for (const Index d : sizes_.dimensions) {
      d_all.push_back(static_cast<double>(d));
      covered_all.push_back(measure(d, sizes_.kappas.front()));
      progress(0.2 / static_cast<double>(sizes_.dimensions.size()));
    }
    coverage_exponent_ = fitted_exponent(d_all, covered_all);
    for (const double kappa : sizes_.kappas) {
      const double covered = kappa == sizes_.kappas.front()
                                 ? covered_all.back()
                                 : measure(sizes_.dimensions.back(), kappa);
      const double ratio = covered * (1.0 + kappa) / 2.0;
      least_ratio_ = std::min(least_ratio_, ratio);
      most_ratio_ = std::max(most_ratio_, ratio);
      progress(0.2 / static_cast<double>(sizes_.kappas.size()));
    }
  }

  void outside_on_samples() {
    samples_.name = "stage-1-samples";
    samples_.columns = {{"d", "input dimension"},
                        {"n", "rows"},
                        {"excess", "share outside the span, above that of the exact population"}};
    std::vector<double> n_over_d2;
    std::vector<double> excess_all;
    const int teachers = std::max(2, sizes_.teachers / 4);
    for (const Index d : sizes_.sample_dimensions) {
      for (const double ratio : sizes_.rows_over_d2) {
        const auto n = static_cast<Index>(ratio * static_cast<double>(d * d));
        double excess = 0.0;
        for (int t = 0; t < teachers && !stopped(options_); ++t) {
          RandomTeacher random;
          random.d = d;
          random.k = random.r = 2;
          random.min_angle = 45.0;
          random.seed = seed(2000 + t);
          const Teacher teacher = draw_teacher(random);
          const Dataset rows = draw_samples(teacher, n, 0.0, seed(3000 + t));
          const Index width = 60;
          const Matrix seen =
              after_one_step(SampleObjective({rows.X, rows.y, {}, false}), width, seed(4000 + t));
          const Matrix exact = after_one_step(PopulationObjective(teacher), width, seed(4000 + t));
          excess += (share_outside(teacher, seen) - share_outside(teacher, exact)) / teachers;
        }
        if (stopped(options_)) return;
        samples_.rows.push_back({static_cast<double>(d), static_cast<double>(n), excess});
        n_over_d2.push_back(ratio);
        excess_all.push_back(excess);
        progress(0.3 /
                 static_cast<double>(sizes_.sample_dimensions.size() * sizes_.rows_over_d2.size()));
      }
    }
    sample_exponent_ = fitted_exponent(n_over_d2, excess_all);
  }

  void progress(double share) { report_progress(options_, done_ += share); }

  ExperimentResult result() const {
    ExperimentResult result;
    result.checks = {
        {"exponent of d in the coverage of the teachers' span (0: it does not depend on d)",
         coverage_exponent_, -0.25, 0.25},
        {"coverage over 2/(1 + κ), smallest over κ", least_ratio_, 0.6},
        {"coverage over 2/(1 + κ), largest over κ", most_ratio_,
         -std::numeric_limits<double>::infinity(), 1.6},
        {"share outside the span over r/(4d), largest over teachers and d", largest_outside_,
         -std::numeric_limits<double>::infinity(), 1.25},
        {"exponent of d in the share outside", outside_exponent_, -1.2, -0.8},
        {"exponent of n/d² in what a sample adds to the share outside", sample_exponent_, -1.3,
         -0.7},
    };
    result.verdict = fmt::format(
        "One step leaves at most {:.2f} × r/(4d) of a direction outside the teachers' span, and "
        "it falls as d^{:.2f}. Inside the span the weakest eigendirection of H holds its share "
        "2/(1 + κ) to within {:.2f} to {:.2f}, whatever d is (exponent {:.2f}). On n rows a share "
        "of order d²/n is added (exponent of n/d²: {:.2f}).",
        largest_outside_, outside_exponent_, least_ratio_, most_ratio_, coverage_exponent_,
        sample_exponent_);
    result.tables = {coverage_, outside_, samples_};
    result.figures = {
        {"stage-1",
         "After a single gradient step. Left: how well the weakest direction of the teachers' span "
         "is covered, against the condition number κ of H; the line is 2/(1 + κ). Middle: the "
         "share of directions outside the span falls as 1/d, below r/(4d). Right: a finite sample "
         "adds a share that falls as d²/n.",
         R"gp(set multiplot layout 1,3
set logscale xy
set format y "10^{%T}"
set key top right samplen 1 font ",10"
set xlabel "condition number κ of H"
set ylabel "coverage of the span"
plot "data/stage-1.csv" using "kappa":"coverage" with points lt 1 title "measured", \
     2/(1+x) with lines lt 7 title "2/(1 + κ)"
set xlabel "input dimension d"
set ylabel "share outside the span"
plot "data/stage-1-outside.csv" using "d":"outside" with points lt 1 title "measured", \
     "" using "d":"bound" with lines lt 7 title "r/(4d)"
set xlabel "rows over d²"
set ylabel "share added by sampling"
plot "data/stage-1-samples.csv" using (column("n")/column("d")**2):"excess" with points lt 1 title "measured", \
     1/x with lines lt 7 title "slope −1"
unset multiplot
)gp"}};
    return result;
  }

  const LaboratoryOptions& options_;
  Sizes sizes_;
  DataTable outside_;
  DataTable coverage_;
  DataTable samples_;
  double largest_outside_ = 0.0;
  double outside_exponent_ = 0.0;
  double coverage_exponent_ = 0.0;
  double least_ratio_ = std::numeric_limits<double>::infinity();
  double most_ratio_ = 0.0;
  double sample_exponent_ = 0.0;
  double done_ = 0.0;
};

}  // namespace

Experiment stage_1() {
  Experiment experiment;
  experiment.id = "stage-1";
  experiment.title = "Early feature learning: one step finds the subspace";
  experiment.statement =
      "One gradient step from a random start turns every neuron into the span of the teachers, and "
      "covers that span as long as H = Σ a*ⱼ w*ⱼ w*ⱼᵀ has full rank there; polynomially many rows "
      "suffice.";
  experiment.measurement =
      "Stage 1 of Algorithm 1 on random teachers (k = 4, r = 3) and on plane ones whose H has a "
      "prescribed condition number κ: the share of directions outside the span, and the coverage, "
      "r times the smallest eigenvalue of the mean of ŵŵᵀ on it (1: every direction alike).";
  experiment.comparison =
      "To leading order the step is Hŵ. That leaves at most r/(4d) outside; in a plane it covers "
      "the weaker eigendirection with 2/(1 + κ), for every d; and the noise of n rows adds a share "
      "of order d²/n. Corrections are of order κ/d.";
  experiment.broken_assumption =
      "H loses rank: two more directions with negative amplitudes cancel one eigenvalue exactly. "
      "Then only terms of higher order see that direction, and its coverage falls as 1/d.";
  experiment.run = [](const LaboratoryOptions& options) { return StageOne(options)(); };
  return experiment;
}

}  // namespace lodestone::laboratory
