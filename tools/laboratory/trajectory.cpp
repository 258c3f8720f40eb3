#include "laboratory/trajectory.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "lodestone/path/path.hpp"

namespace lodestone::laboratory {

Minimum minimum_at(const PopulationObjective& objective, double lambda, const Network& start) {
  PathOptions options;
  options.gap_tolerance = 1e-7;
  options.max_neurons = 60;
  const PathPoint point = solve_at(objective, lambda, start, options);
  return {lambda, point.loss + lambda * masses(point.network).sum(), point.certificate.gap,
          point.network};
}

Snapshot snapshot_of(const PopulationObjective& objective, const Network& network, double lambda,
                     double least) {
  const Evaluation evaluation = objective.evaluate(network);
  Snapshot snapshot;
  snapshot.network = network;
  snapshot.lambda = lambda;
  snapshot.loss = objective.loss(network);
  snapshot.penalized_loss = snapshot.loss + 0.5 * lambda * squared_norm(network);
  snapshot.gradient_norm = std::sqrt((evaluation.gradient_a + lambda * network.a).squaredNorm() +
                                     (evaluation.gradient_W + lambda * network.W).squaredNorm());
  snapshot.zeta = std::max(0.0, snapshot.penalized_loss - least);
  return snapshot;
}

Trajectory follow(const PopulationObjective& objective, const Algorithm1Options& options) {
  Trajectory trajectory;
  Observer observer;
  observer.on_record = [&](const Algorithm1State& state, const Record& record) {
    if (record.stage != Stage::late_features) return true;
    Snapshot snapshot;
    snapshot.network = state.network;
    snapshot.lambda = state.lambda;
    snapshot.loss = record.loss;
    snapshot.penalized_loss = record.penalized_loss;
    snapshot.gradient_norm = record.gradient_norm;
    snapshot.epoch = state.epoch;
    snapshot.end_of_epoch = record.end_of_epoch;
    trajectory.snapshots.push_back(std::move(snapshot));
    return true;
  };
  Algorithm1State state;
  run_algorithm1(objective, options, state, observer);

  for (Snapshot& snapshot : trajectory.snapshots) {
    if (!(snapshot.lambda > 0.0)) continue;
    if (trajectory.minima.empty() || trajectory.minima.back().lambda != snapshot.lambda) {
      const Network start = trajectory.minima.empty() ? Network::empty(objective.dimension())
                                                      : trajectory.minima.back().network;
      trajectory.minima.push_back(minimum_at(objective, snapshot.lambda, start));
      const Minimum& minimum = trajectory.minima.back();
      trajectory.worst_gap = std::max(trajectory.worst_gap, minimum.gap / minimum.least);
    }
    snapshot.zeta = std::max(0.0, snapshot.penalized_loss - trajectory.minima.back().least);
  }
  return trajectory;
}

Teacher drawn_teacher(const LaboratoryOptions& options, const std::string& purpose, int i, Index d,
                      Index k, Index r, double min_angle) {
  RandomTeacher random;
  random.d = d;
  random.k = k;
  random.r = r;
  random.min_angle = min_angle;
  random.seed = derived_seed(options.seed, purpose, static_cast<std::uint64_t>(i));
  return draw_teacher(random);
}

Teacher close_teacher(std::uint64_t seed, Index k, Index r, double angle_deg,
                      double least_angle_deg) {
  Draw draw(seed, "close teacher");
  const double radians = angle_deg * std::numbers::pi / 180.0;
  while (true) {
    RandomTeacher random;
    random.d = random.r = r;
    random.k = k - 1;
    if (random.k < r) random.r = random.k;
    random.min_angle = least_angle_deg;
    random.seed = static_cast<std::uint64_t>(draw.uniform(0.0, 1e15));
    Teacher teacher = draw_teacher(random);
    const Vector first = teacher.directions.row(0);
    Vector across = draw.normal(r);
    across -= across.dot(first) * first;
    const Vector last = std::cos(radians) * first + std::sin(radians) * across.normalized();
    if (k > 2 && nearest_angle(teacher.directions.bottomRows(k - 2), last) < radians) continue;
    teacher.directions.conservativeResize(k, r);
    teacher.amplitudes.conservativeResize(k);
    teacher.directions.row(k - 1) = last;
    teacher.amplitudes[k - 1] = -teacher.amplitudes[0];
    return teacher;
  }
}

Network joined(const Network& one, const Network& other) {
  Network network{Vector(one.width() + other.width()),
                  Matrix(one.width() + other.width(), one.W.cols())};
  network.a << one.a, other.a;
  network.W << one.W, other.W;
  return network;
}

Algorithm1State before_stage_3(Network network, double lambda) {
  Algorithm1State state;
  state.stage = Stage::late_features;
  state.network = std::move(network);
  state.lambda = state.lambda_start = lambda;
  return state;
}

Network settled(const PopulationObjective& objective, Network network, double lambda) {
  Algorithm1Options options;
  options.schedule.kind = Schedule::Kind::constant;
  options.max_steps = 20000;
  Algorithm1State state = before_stage_3(std::move(network), lambda);
  run_algorithm1(objective, options, state);
  return state.network;
}

Network perturbed(Draw& draw, const Network& network, Index copies, double turn, double change) {
  const Index d = network.W.cols();
  Network result{Vector(copies * network.width()), Matrix(copies * network.width(), d)};
  for (Index i = 0; i < result.width(); ++i) {
    const Index of = i / copies;
    const double scale = 1.0 + change * draw.uniform(-1.0, 1.0);
    result.a[i] = scale * network.a[of] / static_cast<double>(copies);
    result.W.row(i) = network.W.row(of) + turn * network.W.row(of).norm() /
                                              std::sqrt(static_cast<double>(d)) *
                                              draw.normal(d).transpose();
  }
  balance(result);
  return result;
}

}  // namespace lodestone::laboratory
