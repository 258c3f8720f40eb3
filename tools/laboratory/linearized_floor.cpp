#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "laboratory/experiments.hpp"
#include "laboratory/trajectory.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/theory/linearized.hpp"

namespace lodestone::laboratory {
namespace {

struct FloorPoint {
  Index width = 0;
  double floor = 0.0;
  double loss = 0.0;
  double turned_deg = 0.0;  // mass-weighted mean over Algorithm 1's neurons, start to end
};

// One direction of each pair of neurons that start as mirror images.
Matrix distinct_directions(const Matrix& W) {
  const Matrix units = unit_directions(W);
  Matrix distinct(units.rows(), units.cols());
  Index count = 0;
  for (Index i = 0; i < units.rows(); ++i) {
    bool known = units.row(i).squaredNorm() == 0.0;
    for (Index j = 0; j < count && !known; ++j) {
      known = std::abs(units.row(i).dot(distinct.row(j))) > 1.0 - 1e-12;
    }
    if (!known) distinct.row(count++) = units.row(i);
  }
  return distinct.topRows(count);
}

FloorPoint compare(const PopulationObjective& objective, Index width, std::uint64_t seed,
                   bool broken) {
  Algorithm1Options options;
  options.width = width;
  options.seed = seed;
  options.absolute_tolerance = 1e-8;
  options.max_steps = 30000;
  const Network start = symmetric_start(width, objective.dimension(), seed);
  Algorithm1State state;
  run_algorithm1(objective, options, state);
  FloorPoint point{width, 0.0, objective.loss(state.network), 0.0};
  point.floor =
      linearized_floor(objective, distinct_directions(broken ? state.network.W : start.W));
  const Vector mass = masses(state.network);
  for (Index i = 0; i < width; ++i) {
    if (mass[i] == 0.0) continue;
    point.turned_deg +=
        mass[i] / mass.sum() * angle_between_lines_deg(start.W.row(i), state.network.W.row(i));
  }
  return point;
}

ExperimentResult run_linearized_floor(const LaboratoryOptions& options) {
  const int teachers = by_effort(options.effort, 1, 3, 10);
  const std::vector<Index> widths = by_effort<std::vector<Index>>(
      options.effort, {16, 48}, {16, 32, 64, 128}, {16, 32, 64, 128, 256, 512});
  const Index d = by_effort<Index>(options.effort, 6, 10, 10);
  constexpr Index least_width = 48;  // the statement is about networks that are wide enough
  std::vector<FloorPoint> points;
  double null_loss = 0.0;
  for (int t = 0; t < teachers && !stopped(options); ++t) {
    const PopulationObjective objective(drawn_teacher(options, "lazy", t, d, 4, 4, 30.0));
    null_loss = std::max(null_loss, objective.null_loss());
    for (std::size_t i = 0; i < widths.size() && !stopped(options); ++i) {
      report_progress(options,
                      (t + static_cast<double>(i) / static_cast<double>(widths.size())) / teachers);
      const std::uint64_t seed =
          derived_seed(options.seed, "lazy start", 100 * static_cast<std::uint64_t>(t) + i);
      points.push_back(compare(objective, widths[i], seed, options.broken));
    }
  }
  double least_ratio = HUGE_VAL;
  double least_floor = HUGE_VAL;
  double worst_loss = 0.0;
  double least_turn = HUGE_VAL;
  std::vector<double> floor_widths;
  std::vector<double> floors;
  for (const FloorPoint& point : points) {
    floor_widths.push_back(static_cast<double>(point.width));
    floors.push_back(point.floor);
    if (point.width < least_width) continue;
    least_ratio = std::min(least_ratio, point.floor / point.loss);
    least_floor = std::min(least_floor, point.floor);
    worst_loss = std::max(worst_loss, point.loss);
    least_turn = std::min(least_turn, point.turned_deg);
  }
  ExperimentResult result;
  result.checks = {
      {"smallest floor of the linearized network, in units of Algorithm 1's loss",
       points.empty() ? NAN : least_ratio, 1000.0},
      {"smallest mean turn of Algorithm 1's neurons, degrees (linearized: 0)",
       points.empty() ? NAN : least_turn, 10.0},
  };
  result.verdict = fmt::format(
      "With the best linear combination of all its tangent features, 48 neurons or more from the "
      "same start, the linearized network is left with a loss of at least {:.2g}, where Algorithm "
      "1 "
      "reaches {:.1g} or less. The floor falls as width^{:.2f}: to match Algorithm 1 that way "
      "would "
      "take a width beyond reach. Algorithm 1 gets there by turning its neurons, by {:.0f}° and "
      "more on average; linearized ones do not turn at all.",
      least_floor, worst_loss, fitted_exponent(floor_widths, floors), least_turn);
  DataTable table;
  table.name = "lazy";
  table.columns = {{"width", "neurons m"},
                   {"floor", "least loss L of the network linearized at its start"},
                   {"loss", "loss L of Algorithm 1 from the same start"},
                   {"turned_deg",
                    "mass-weighted mean angle between start and end of Algorithm 1's neurons, "
                    "degrees"}};
  for (const FloorPoint& point : points) {
    table.rows.push_back(
        {static_cast<double>(point.width), point.floor, point.loss, point.turned_deg});
  }
  result.tables = {table};
  result.figures = {{"lazy",
                     "The same starts, trained two ways: linearized (the neural tangent kernel, "
                     "solved exactly) and by Algorithm 1, which is stopped at a loss of 1e-8.",
                     R"gp(set logscale xy
set format y "10^{%T}"
set xlabel "width m"
set ylabel "loss L"
set xtics (16, 32, 64, 128, 256, 512)
set xrange [12:700]
set yrange [1e-10:1]
set key center right
plot "data/lazy.csv" using "width":"floor" with points lt 2 ps 0.9 title "linearized, floor", \
     "" using "width":"loss" with points lt 1 ps 0.9 title "Algorithm 1"
)gp"}};
  return result;
}

}  // namespace

Experiment lazy() {
  return {"lazy",
          "Without feature learning there is an error floor",
          "A network that is linearized at its start (the lazy or neural tangent kernel regime) "
          "turns no direction, and at a given width it cannot get below a positive loss, which "
          "Algorithm 1 from the same start passes by orders of magnitude.",
          true,
          "The least loss in the span of the tangent features at the start, in closed form, and "
          "the loss of Algorithm 1 from that start, for growing width.",
          "The floor has to be at least 1000 times the loss at which Algorithm 1 ends (48 neurons "
          "and more).",
          "That features are those of the start: the network is linearized where Algorithm 1 "
          "ended.",
          run_linearized_floor};
}

}  // namespace lodestone::laboratory
