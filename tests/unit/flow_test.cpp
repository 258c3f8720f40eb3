// Gradient flow with error control (docs/math.md, 4.7).

#include "lodestone/flow/flow.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/runs/flow.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

Teacher small_teacher() {
  RandomTeacher drawn;
  drawn.d = 4;
  drawn.k = 2;
  drawn.r = 2;
  drawn.seed = 1;
  return draw_teacher(drawn);
}

FlowOptions until(double time) {
  FlowOptions options;
  options.time = time;
  options.tolerance = 0.0;
  return options;
}

double distance(const Network& one, const Network& two) {
  return std::max((one.a - two.a).cwiseAbs().maxCoeff(), (one.W - two.W).cwiseAbs().maxCoeff());
}

// One neuron on the line of one teacher: a' = −a‖w‖²·..., both layers grow alike, and with s = a²
// the flow is s' = 2h(0)(a* − s)s, whose solution is logistic.
TEST(Flow, OfOneNeuronOnItsTeacherIsLogistic) {
  const Teacher teacher{Matrix{{1.0, 0.0}}, Vector{{1.0}}};
  const PopulationObjective objective(teacher);
  const double s0 = 0.01;
  const Network start{Vector{{std::sqrt(s0)}}, Matrix{{std::sqrt(s0), 0.0}}};
  const double h0 = (0.5 * std::numbers::pi - 1.0) / (2.0 * std::numbers::pi);
  const Flow flow = gradient_flow(objective, start, until(100.0));
  EXPECT_EQ(flow.status, Status::converged);
  ASSERT_EQ(flow.history.size(), flow.networks.size());
  for (std::size_t i = 0; i < flow.history.size(); ++i) {
    const double t = flow.history[i].time;
    const double s = s0 / (s0 + (1.0 - s0) * std::exp(-2.0 * h0 * t));
    EXPECT_NEAR(flow.history[i].mass, s, 2e-7) << t;
    EXPECT_NEAR(flow.history[i].loss, 0.5 * h0 * (1.0 - s) * (1.0 - s), 2e-8) << t;
  }
}

TEST(Flow, LosesItsEnergyAndKeepsItsBalance) {
  const PopulationObjective objective(small_teacher());
  Network start = symmetric_start(12, 4, 3);
  start.a *= 1.5;  // not balanced
  for (const double lambda : {0.0, 0.01}) {
    FlowOptions options = until(300.0);
    options.lambda = lambda;
    const Flow flow = gradient_flow(objective, start, options);
    for (std::size_t i = 0; i < flow.history.size(); ++i) {
      EXPECT_LT(flow.history[i].energy_error, 1e-6);
      EXPECT_LT(flow.history[i].balance_error, 1e-6);
      if (i == 0) continue;
      EXPECT_GT(flow.history[i].time, flow.history[i - 1].time);
      EXPECT_LE(flow.history[i].penalized_loss, flow.history[i - 1].penalized_loss + 1e-12);
    }
    EXPECT_EQ(flow.history.back().time, 300.0);
  }
}

TEST(Flow, EndsNearerTheSmallerItsTolerances) {
  const PopulationObjective objective(small_teacher());
  const Network start = symmetric_start(8, 4, 5);
  const auto end = [&](double tolerance) {
    FlowOptions options = until(60.0);
    options.relative_tolerance = tolerance;
    options.absolute_tolerance = 0.01 * tolerance;
    return gradient_flow(objective, start, options).networks.back();
  };
  const Network best = end(1e-12);
  for (const double tolerance : {1e-5, 1e-7, 1e-9}) {
    // Errors of steps add up over the time: to about 60 times one of them.
    EXPECT_LT(distance(end(tolerance), best), 60.0 * tolerance);
    EXPECT_LT(distance(end(tolerance), end(0.5 * tolerance)), 60.0 * tolerance);
  }
}

TEST(Flow, EndsWhereTheGradientIsSmall) {
  const PopulationObjective objective(small_teacher());
  FlowOptions options;
  options.lambda = 0.02;
  options.tolerance = 1e-4;
  const Flow flow = gradient_flow(objective, symmetric_start(12, 4, 3), options);
  EXPECT_EQ(flow.status, Status::converged);
  EXPECT_LE(flow.history.back().gradient_norm, 1e-4 * (1.0 + 1e-6));
  EXPECT_GT(flow.evaluations, 6 * flow.steps);
}

TEST(Flow, NoticesWhatHappens) {
  const PopulationObjective objective(small_teacher());
  FlowOptions options = until(3000.0);
  options.lambda = 0.005;
  const Flow flow = gradient_flow(objective, symmetric_start(16, 4, 2), options);
  Index deaths = 0;
  Index merges = 0;
  double last = 0.0;
  for (const FlowEvent& event : flow.events) {
    EXPECT_GE(event.time, last - 1e-9);
    last = event.time;
    if (event.kind == FlowEvent::Kind::death) {
      ++deaths;
      // Its mass crosses the limit there: before it is above, at the end below.
      const Vector start = masses(flow.networks.front());
      const auto after = std::find_if(flow.history.begin(), flow.history.end(),
                                      [&](const FlowRow& row) { return row.time > event.time; });
      ASSERT_NE(after, flow.history.end());
      const auto i = after - flow.history.begin();
      EXPECT_LT(masses(flow.networks[static_cast<std::size_t>(i)])[event.neuron],
                options.death_share * start[event.neuron]);
    }
    if (event.kind == FlowEvent::Kind::merge) {
      ++merges;
      EXPECT_NE(event.neuron, event.other);
    }
  }
  EXPECT_GT(deaths, 0);
  EXPECT_GT(merges, 0);
  EXPECT_EQ(flow.history.back().living, 16 - deaths);
  ASSERT_FALSE(flow.events.empty());
  EXPECT_EQ(flow.events.front().kind, FlowEvent::Kind::plateau_begins);
  EXPECT_EQ(flow.events.front().time, 0.0);
  const bool escapes = std::any_of(flow.events.begin(), flow.events.end(), [](const FlowEvent& e) {
    return e.kind == FlowEvent::Kind::plateau_ends;
  });
  EXPECT_TRUE(escapes);
}

TEST(Flow, StopsWhenAsked) {
  const PopulationObjective objective(small_teacher());
  FlowOptions options = until(1000.0);
  FlowObserver observer;
  int asked = 0;
  observer.should_stop = [&] { return ++asked > 5; };
  const Flow stopped = gradient_flow(objective, symmetric_start(8, 4, 1), options, observer);
  EXPECT_EQ(stopped.status, Status::interrupted);
  EXPECT_EQ(stopped.steps, 5);
  EXPECT_EQ(stopped.history.back().steps, 5);
  options.max_steps = 7;
  const Flow cut = gradient_flow(objective, symmetric_start(8, 4, 1), options);
  EXPECT_EQ(cut.status, Status::budget);
  EXPECT_EQ(cut.steps, 7);
}

TEST(Flow, FromAStationaryPointStays) {
  const Teacher teacher{Matrix{{1.0, 0.0}}, Vector{{1.0}}};
  const PopulationObjective objective(teacher);
  const Flow flow = gradient_flow(objective, {Vector{{1.0}}, Matrix{{1.0, 0.0}}}, FlowOptions());
  EXPECT_EQ(flow.status, Status::converged);
  EXPECT_EQ(flow.history.size(), 1U);
}

TEST(Flow, OnRowsLosesItsEnergyToo) {
  FlowRequest request;
  request.teacher = "random:d=3,k=2,seed=1";
  request.samples = 60;
  request.width = 6;
  request.how.time = 20.0;
  request.how.tolerance = 0.0;
  request.how.relative_tolerance = 1e-6;
  const FlowProblem problem = make_flow_problem(request, read_teacher(request.teacher));
  const FlowResult result = run_flow(problem, request);
  EXPECT_EQ(result.summary.status, Status::converged);
  EXPECT_EQ(result.summary.objective, "sample");
  EXPECT_LT(result.summary.energy_error, 1e-4);
  EXPECT_LT(result.summary.loss, result.flow.history.front().loss);
}

TEST(Flow, RefusesWhatItCannotSolve) {
  const PopulationObjective objective(small_teacher());
  const Network start = symmetric_start(8, 4, 1);
  EXPECT_THROW(gradient_flow(objective, symmetric_start(8, 3, 1), FlowOptions()), InvalidArgument);
  EXPECT_THROW(gradient_flow(objective, Network::empty(4), FlowOptions()), InvalidArgument);
  FlowOptions options;
  options.relative_tolerance = 1e-20;
  EXPECT_THROW(gradient_flow(objective, start, options), InvalidArgument);
  options = FlowOptions();
  options.lambda = -1.0;
  EXPECT_THROW(gradient_flow(objective, start, options), InvalidArgument);
}

}  // namespace
}  // namespace lodestone
