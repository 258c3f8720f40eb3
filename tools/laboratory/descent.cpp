#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "laboratory/experiments.hpp"
#include "laboratory/trajectory.hpp"
#include "lodestone/theory/descent_direction.hpp"
#include "lodestone/theory/dual_certificate.hpp"

namespace lodestone::laboratory {
namespace {

// One network of the experiment, with both sides.
struct DescentPoint {
  double lambda = 0.0;
  double zeta = 0.0;
  double inner_product = 0.0;
  double lower_bound = 0.0;
  double threshold = 0.0;  // λ²‖p‖²
  bool trained = false;
};

DescentPoint point_at(const PopulationObjective& objective, const Snapshot& snapshot,
                      double squared_norm, bool trained, bool regularized) {
  const DescentDirection direction =
      descent_direction(objective, snapshot.network, regularized ? snapshot.lambda : 0.0);
  return {snapshot.lambda,
          snapshot.zeta,
          direction.inner_product,
          direction.lower_bound,
          snapshot.lambda * snapshot.lambda * squared_norm,
          trained};
}

// Without weight decay: the same run with λ = 0, judged at the λ that the run would have had.
std::vector<Snapshot> unregularized(const PopulationObjective& objective, Algorithm1Options options,
                                    const Minimum& minimum) {
  options.schedule.kind = Schedule::Kind::none;
  options.lambda_start = minimum.lambda;
  options.max_steps = 3000;
  Trajectory run = follow(objective, options);
  for (Snapshot& snapshot : run.snapshots) {
    Network balanced = snapshot.network;
    balance(balanced);
    snapshot = snapshot_of(objective, balanced, minimum.lambda, minimum.least);
  }
  return std::move(run.snapshots);
}

// +1 or −1: on which side of its nearest teacher's line a neuron is.
double nearest_side(const Teacher& teacher, const Vector& w) {
  const Vector cosines = teacher.directions * w;
  Index nearest = 0;
  cosines.cwiseAbs().maxCoeff(&nearest);
  return cosines[nearest] < 0.0 ? -1.0 : 1.0;
}

// Figure 1: students in the plane early in stage 3, and where they should go.
std::vector<DataTable> plane_tables(const LaboratoryOptions& options) {
  const Teacher teacher = drawn_teacher(options, "lem-5.1 figure", 0, 2, 3, 2, 40.0);
  const PopulationObjective objective(teacher);
  Algorithm1Options algorithm;
  algorithm.width = 60;
  algorithm.seed = derived_seed(options.seed, "lem-5.1 figure start", 0);
  algorithm.max_steps = 40;
  Algorithm1State state;
  run_algorithm1(objective, algorithm, state);
  const DescentDirection direction = descent_direction(objective, state.network, state.lambda);
  DataTable arrows;
  arrows.name = "lem-5.1-arrows";
  arrows.columns = {{"x", "neuron w, first coordinate, on the side of its teacher"},
                    {"y", "second coordinate"},
                    {"dx", "to its goal, first coordinate"},
                    {"dy", "second coordinate"},
                    {"sign", "sign of the output weight a"},
                    {"goal", "1: its share of a teacher, 0: zero"}};
  for (Index i = 0; i < state.network.width(); ++i) {
    Vector w = state.network.W.row(i);
    if (w.norm() < 1e-3) continue;
    Vector goal = direction.goals.row(i);
    if (nearest_side(teacher, w) < 0.0) {
      w = -w;
      goal = -goal;
    }
    arrows.rows.push_back({w[0], w[1], goal[0] - w[0], goal[1] - w[1],
                           std::copysign(1.0, state.network.a[i]), goal.norm() > 0.0 ? 1.0 : 0.0});
  }
  DataTable teachers;
  teachers.name = "lem-5.1-teachers";
  teachers.columns = {
      {"x", "teacher w*, first coordinate"}, {"y", "second coordinate"}, {"amplitude", "a*"}};
  for (Index j = 0; j < teacher.neurons(); ++j) {
    teachers.rows.push_back(
        {teacher.directions(j, 0), teacher.directions(j, 1), teacher.amplitudes[j]});
  }
  return {arrows, teachers};
}

DataTable table_of(const std::vector<DescentPoint>& points) {
  DataTable table;
  table.name = "lem-5.1";
  table.columns = {{"trained", "1: from a run of Algorithm 1, 0: a teacher perturbed"},
                   {"lambda", "weight decay λ"},
                   {"zeta", "gap ζ"},
                   {"inner_product", "Σ⟨∇L_λ, w − goal⟩"},
                   {"lower_bound", "what it is at least, without the gradient (docs/math.md, 7.5)"},
                   {"threshold", "λ²‖p‖², below which nothing is claimed"}};
  for (const DescentPoint& point : points) {
    table.rows.push_back({point.trained ? 1.0 : 0.0, point.lambda, point.zeta, point.inner_product,
                          point.lower_bound, point.threshold});
  }
  return table;
}

ExperimentResult run_descent(const LaboratoryOptions& options) {
  const int teachers = by_effort(options.effort, 2, 6, 30);
  const int perturbations = by_effort(options.effort, 60, 200, 600);
  std::vector<DescentPoint> points;
  for (int t = 0; t < teachers && !stopped(options); ++t) {
    report_progress(options, static_cast<double>(t) / teachers);
    const Index k = 2 + t % 3;
    const Teacher teacher = drawn_teacher(options, "lem-5.1", t, 6, k, k, 35.0);
    const PopulationObjective objective(teacher);
    const double squared_norm =
        best_certificate(teacher.directions, teacher.amplitudes.array().sign().matrix())
            .certificate.squared_norm;
    Algorithm1Options algorithm;
    algorithm.width = 60;
    algorithm.seed = derived_seed(options.seed, "lem-5.1 start", static_cast<std::uint64_t>(t));
    algorithm.absolute_tolerance = 1e-7;
    algorithm.record_every = 25;
    Trajectory run = follow(objective, algorithm);
    if (run.minima.empty()) continue;
    if (options.broken) run.snapshots = unregularized(objective, algorithm, run.minima.front());
    for (const Snapshot& snapshot : run.snapshots) {
      points.push_back(point_at(objective, snapshot, squared_norm, true, !options.broken));
    }
    const Network exact{teacher.amplitudes, teacher.directions};
    Network start = run.minima.back().network;
    Draw draw(derived_seed(options.seed, "lem-5.1", static_cast<std::uint64_t>(1000 + t)),
              "perturbations");
    for (const double lambda : {1e-3, 1e-4, 1e-5}) {
      const Minimum minimum = minimum_at(objective, lambda, start);
      start = minimum.network;
      for (int i = 0; i < perturbations / 3; ++i) {
        Network network =
            perturbed(draw, exact, draw.integer(1, 5), draw.power(-3.0, -0.5), draw.power(-4.0, 0));
        balance(network);
        const Snapshot snapshot = snapshot_of(objective, network, lambda, minimum.least);
        points.push_back(point_at(objective, snapshot, squared_norm, false, !options.broken));
      }
    }
  }
  double least_ratio = HUGE_VAL;
  double largest_ratio = 0.0;
  double least_margin = HUGE_VAL;
  double least_trained = HUGE_VAL;
  int claimed = 0;
  for (const DescentPoint& point : points) {
    least_margin = std::min(least_margin, (point.inner_product - point.lower_bound) /
                                              (std::abs(point.lower_bound) + 1e-12));
    const double ratio = point.inner_product / point.zeta;
    if (point.trained && point.zeta > 0.01 * point.threshold) {
      least_trained = std::min(least_trained, ratio);
    }
    if (!(point.zeta >= point.threshold)) continue;
    ++claimed;
    least_ratio = std::min(least_ratio, ratio);
    largest_ratio = std::max(largest_ratio, ratio);
  }
  ExperimentResult result;
  result.checks = {
      {"smallest Σ⟨∇L_λ, w − goal⟩/ζ where ζ ≥ λ²‖p‖²", claimed > 0 ? least_ratio : NAN, 0.5},
      {"smallest relative distance to the lower bound that needs no gradient", least_margin, -1e-6},
  };
  result.verdict = fmt::format(
      "At {} of {} networks ζ is at least λ²‖p‖²; there the inner product is between {:.3g} and "
      "{:.3g} times ζ. Along the runs, where halving λ starts every epoch with ζ = λ²‖p‖²/2 at "
      "most, the ratio is at least {:.3g} down to ζ = λ²‖p‖²/100. At smaller gaps nothing can be "
      "claimed: the teacher itself has ζ = λ²‖p‖²/2 or so and is its own goal.",
      claimed, points.size(), least_ratio, largest_ratio, least_trained);
  result.tables = plane_tables(options);
  result.tables.push_back(table_of(points));
  result.figures = {
      {"lem-5.1",
       "Figure 1 of the paper, redone: neurons of a student in the plane early in stage 3, on the "
       "side of their nearest teacher, and the descent direction: towards their share of that "
       "teacher, or to zero when they have the wrong sign.",
       R"gp(set size ratio -1
set xrange [-1.3:1.3]
set yrange [-1.1:1.1]
set xlabel "first coordinate of w"
set ylabel "second coordinate of w"
set key outside right top
plot "data/lem-5.1-teachers.csv" using (0):(0):"x":"y" with vectors nohead lt 7 lw 1 dt 3 notitle, \
     "" using "x":"y" with points pt 3 ps 1.6 lw 2 lc rgb "#222222" title "teachers", \
     "data/lem-5.1-arrows.csv" using "x":"y":(column("goal") > 0 ? column("dx") : NaN):"dy" with vectors filled size 0.04,20 lt 1 lw 1.2 title "to a share of a teacher", \
     "" using "x":"y":(column("goal") < 1 ? column("dx") : NaN):"dy" with vectors filled size 0.04,20 lt 2 lw 1.2 title "to zero", \
     "" using "x":"y" with points lt 7 ps 0.4 title "neurons"
)gp"},
      {"lem-5.1-ratio",
       "How well the gradient points along the descent direction, in units of the gap: along runs "
       "of Algorithm 1 and at perturbed teachers. To the right of 1, where ζ ≥ λ²‖p‖², the ratio "
       "has to stay above the dashed line.",
       R"gp(stats "data/lem-5.1.csv" using 1 nooutput
stride = odd_stride(STATS_records)
set logscale xy
set format "10^{%T}"
set xlabel "ζ/(λ²‖p‖²)"
set ylabel "Σ⟨∇L_λ, w − goal⟩/ζ"
set xrange [1e-4:*]
set yrange [1e-2:1e3]
set arrow from 1, graph 0 to 1, graph 1 nohead lt 7 dt 3
plot "data/lem-5.1.csv" every stride using (column("trained") < 1 ? column("zeta") / column("threshold") : NaN):(column("inner_product") / column("zeta")) with points lt 5 ps 0.3 title "perturbed teachers", \
     "" using (column("trained") > 0 ? column("zeta") / column("threshold") : NaN):(column("inner_product") / column("zeta")) with points lt 1 ps 0.35 title "runs", \
     0.5 with lines lt 7 dt 2 title "1/2"
)gp"}};
  return result;
}

}  // namespace

Experiment lemma_5_1() {
  return {"lem-5.1",
          "A descent direction that improves features",
          "Moving every neuron towards its share of the teacher it is nearest to, and neurons of "
          "the wrong sign towards zero, is a descent direction of L_λ: its inner product with the "
          "gradient is at least of the order of the gap ζ, while ζ is above the order of λ².",
          true,
          "Σ⟨∇L_λ, w − goal⟩/ζ along runs of Algorithm 1 and at randomly perturbed teachers.",
          "At least 1/2 where ζ ≥ λ²‖p‖², with p from the teacher's dual certificate; and at every "
          "network a lower bound without any gradient in it (both in docs/math.md, 7.5).",
          "Weight decay: the network is trained without it, and the gradient is that of L.",
          run_descent};
}

}  // namespace lodestone::laboratory
