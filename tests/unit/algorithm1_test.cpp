// Algorithm 1: its stages, stopping and resuming, statuses, threads, and what the schedule is for.

#include "lodestone/train/algorithm1.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/recovery.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::same_bits;
using support::small_teacher;
using support::ThreadCount;

// The small problem of most tests: three teachers in six dimensions, 40 neurons.
Teacher three_teachers() { return small_teacher(6, 3, 1); }

Algorithm1Options small_options() {
  Algorithm1Options options;
  options.width = 40;
  options.seed = 2;
  return options;
}

bool same_state(const Algorithm1State& left, const Algorithm1State& right) {
  return left.stage == right.stage && same_bits(left.network, right.network) &&
         same_bits(left.lambda, right.lambda) && same_bits(left.lambda_start, right.lambda_start) &&
         same_bits(left.starting_gap, right.starting_gap) && same_bits(left.step, right.step) &&
         left.epoch == right.epoch && left.epochs_cut == right.epochs_cut &&
         left.epoch_steps == right.epoch_steps && left.steps == right.steps &&
         left.evaluations == right.evaluations && left.recent == right.recent;
}

TEST(SymmetricStart, IsBalancedPairsThatCancel) {
  const Network start = symmetric_start(10, 4, 3);
  ASSERT_EQ(start.width(), 10);
  ASSERT_EQ(start.W.cols(), 4);
  for (Index i = 0; i < 10; i += 2) {
    EXPECT_EQ(start.a[i], -start.a[i + 1]);
    EXPECT_TRUE(same_bits(start.W.row(i), start.W.row(i + 1)));
  }
  EXPECT_LT((start.a.cwiseAbs().array() - 1.0 / std::sqrt(10.0)).abs().maxCoeff(), 1e-16);
  EXPECT_LT((start.W.rowwise().norm().array() - 1.0 / std::sqrt(10.0)).abs().maxCoeff(), 1e-15);
  const PopulationObjective objective(small_teacher(4, 2, 4));
  EXPECT_NEAR(objective.evaluate(start).loss, objective.null_loss(), 1e-16) << "f is not zero";
  EXPECT_TRUE(same_bits(start, symmetric_start(10, 4, 3)));
  EXPECT_GT((start.W - symmetric_start(10, 4, 5).W).norm(), 0.1);
}

// Uniform directions: the mean of û is 0 and that of û ûᵀ is I/d. With 5000 directions in d = 3 the
// standard errors are 0.0082 and at most 0.0043; five of them, 9 comparisons at 6e-7.
TEST(SymmetricStart, DirectionsAreUniform) {
  const Matrix U = unit_directions(symmetric_start(10000, 3, 6).W);
  EXPECT_LT(U.colwise().mean().cwiseAbs().maxCoeff(), 0.041);
  const Matrix second = U.transpose() * U / 10000.0;
  EXPECT_LT((second - Matrix::Identity(3, 3) / 3.0).cwiseAbs().maxCoeff(), 0.022);
}

TEST(Algorithm1Options, NameTheFieldTheValueAndTheRule) {
  const auto expect = [](auto change, const std::string& field, const std::string& value) {
    Algorithm1Options options;
    EXPECT_NO_THROW(options.validate());
    change(options);
    const std::string message = message_of<InvalidArgument>([&] { options.validate(); });
    EXPECT_EQ(message.rfind(field + ": got " + value + "; must be", 0), 0U) << message;
    // A run refuses them before it touches its state.
    Algorithm1State state;
    EXPECT_THROW(run_algorithm1(PopulationObjective(three_teachers()), options, state),
                 InvalidArgument);
    EXPECT_EQ(state.stage, Stage::start);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect([](auto& o) { o.width = 7; }, "width", "7");
  expect([](auto& o) { o.width = 0; }, "width", "0");
  expect([](auto& o) { o.width = -2; }, "width", "-2");
  expect([](auto& o) { o.lambda_start = -0.1; }, "lambda_start", "-0.1");
  expect([&](auto& o) { o.lambda_start = nan; }, "lambda_start", "nan");
  expect([](auto& o) { o.lambda_end = -1.0; }, "lambda_end", "-1");
  expect([](auto& o) { o.schedule.factor = 1.0; }, "lambda_factor", "1");
  expect([](auto& o) { o.schedule.factor = 0.0; }, "lambda_factor", "0");
  expect([](auto& o) { o.lambda_start_factor = 0.0; }, "lambda_start_factor", "0");
  expect([](auto& o) { o.lambda_start_factor = 1.5; }, "lambda_start_factor", "1.5");
  expect([](auto& o) { o.step = HUGE_VAL; }, "step", "inf");
  expect([](auto& o) { o.step = -1.0; }, "step", "-1");
  expect([](auto& o) { o.tolerance = -1e-9; }, "tolerance", "-1e-09");
  expect([](auto& o) { o.absolute_tolerance = -1e-9; }, "absolute_tolerance", "-1e-09");
  expect([](auto& o) { o.epoch_tolerance = 0.0; }, "epoch_tolerance", "0");
  expect([](auto& o) { o.stagnation = -1.0; }, "stagnation", "-1");
  expect([](auto& o) { o.merge_tolerance = -0.1; }, "merge_tolerance", "-0.1");
  expect([](auto& o) { o.merge_tolerance = 1.0; }, "merge_tolerance", "1");
  expect(
      [](auto& o) {
        o.merge_tolerance = 0.1;
        o.schedule.kind = Schedule::Kind::constant;
      },
      "merge_tolerance", "0.1");
  expect([](auto& o) { o.max_epoch_steps = 0; }, "max_epoch_steps", "0");
  expect([](auto& o) { o.max_steps = 0; }, "max_steps", "0");
  expect([](auto& o) { o.record_every = 0; }, "record_every", "0");
}

// Schedules made in code are held to the rules of those read from files.
TEST(Algorithm1Options, RejectBadLists) {
  for (const std::vector<double>& values :
       {std::vector<double>{}, std::vector<double>{0.1, -0.1},
        std::vector<double>{0.1, std::numeric_limits<double>::quiet_NaN()}}) {
    Algorithm1Options options = small_options();
    options.schedule.kind = Schedule::Kind::list;
    options.schedule.values = values;
    EXPECT_THROW(options.validate(), InvalidArgument);
  }
}

// Stage 1: W¹ = −η_0 ∇_W L(θ⁰) with the longest row of length 1, λ_0 = 1/η_0; a stays.
TEST(Algorithm1, FirstStageIsOneGradientStep) {
  const PopulationObjective objective(three_teachers());
  const Algorithm1Options options = small_options();
  const Network start = symmetric_start(options.width, 6, options.seed);
  const Matrix gradient = objective.evaluate(start).gradient_W;
  Algorithm1State state;
  Observer observer;
  int records = 0;
  observer.on_record = [&](const Algorithm1State& now, const Record& record) {
    ++records;
    EXPECT_EQ(record.stage, Stage::early_features);
    EXPECT_TRUE(record.end_of_epoch);
    EXPECT_EQ(now.steps, 1);
    EXPECT_NEAR(now.network.W.rowwise().norm().maxCoeff(), 1.0, 1e-15);
    EXPECT_LT((now.lambda * now.network.W + gradient).norm(), 1e-14 * gradient.norm());
    EXPECT_TRUE(same_bits(now.network.a, start.a));
    return false;
  };
  EXPECT_EQ(run_algorithm1(objective, options, state, observer).status, Status::interrupted);
  EXPECT_EQ(records, 1);
  EXPECT_EQ(state.stage, Stage::fit_and_balance);
}

// Stage 2: directions stay, the amplitudes solve the ridge problem, the layers are in balance.
TEST(Algorithm1, SecondStageFitsAndBalances) {
  const PopulationObjective objective(three_teachers());
  Algorithm1Options options = small_options();
  options.lambda_start = 0.01;
  Algorithm1State state;
  Matrix directions;
  Observer observer;
  observer.on_record = [&](const Algorithm1State& now, const Record& record) {
    if (record.stage == Stage::early_features) {
      directions = unit_directions(now.network.W);
      return true;
    }
    EXPECT_EQ(record.stage, Stage::fit_and_balance);
    return false;
  };
  run_algorithm1(objective, options, state, observer);
  EXPECT_EQ(state.stage, Stage::late_features);
  EXPECT_EQ(state.lambda, 0.01);
  EXPECT_EQ(state.lambda_start, 0.01);
  const Vector norms = state.network.W.rowwise().norm();
  EXPECT_LT((norms - state.network.a.cwiseAbs()).norm(), 1e-14);
  EXPECT_LT((unit_directions(state.network.W) - directions).norm(), 1e-13);
  const FeatureGram gram = objective.feature_gram(directions);
  const Vector amplitudes = state.network.a.cwiseProduct(norms);
  EXPECT_LT((gram.K * amplitudes + 0.01 * amplitudes - gram.b).norm(), 1e-13);
  const Certificate certificate = estimate_certificate(objective, state.network, 0.01);
  EXPECT_NEAR(state.starting_gap, certificate.gap, 1e-6 * certificate.gap);
}

// The whole of it: every teacher is found, λ halves, and within an epoch the penalized loss does
// not increase by more than the slack of the step test.
TEST(Algorithm1, RecoversTheTeachersOfAPopulation) {
  const Teacher teacher = three_teachers();
  const PopulationObjective objective(teacher);
  const Algorithm1Options options = small_options();
  Algorithm1State state;
  std::vector<Record> records;
  long epoch = -1;
  double before = 0.0;
  double lambda_before = 0.0;
  Observer observer;
  observer.on_record = [&](const Algorithm1State& now, const Record& record) {
    records.push_back(record);
    EXPECT_NEAR(record.penalized_loss, record.loss + 0.5 * now.lambda * squared_norm(now.network),
                1e-15);
    return true;
  };
  observer.on_step = [&](const Algorithm1State& now) {
    const double loss =
        objective.evaluate(now.network).loss + 0.5 * now.lambda * squared_norm(now.network);
    if (now.epoch == epoch) {
      EXPECT_LE(loss, before + 1.0001e-10 * objective.null_loss()) << now.steps;
    } else if (epoch >= 0) {
      EXPECT_NEAR(now.lambda, 0.5 * lambda_before, 1e-15);
    }
    epoch = now.epoch;
    before = loss;
    lambda_before = now.lambda;
    return true;
  };
  const Algorithm1Result result = run_algorithm1(objective, options, state, observer);
  EXPECT_EQ(result.status, Status::converged) << result.message.text();
  EXPECT_EQ(state.stage, Stage::done);
  EXPECT_LE(objective.loss(state.network), options.tolerance);
  EXPECT_LE(records.back().loss, options.tolerance);
  const Recovery recovery = measure_recovery(teacher, state.network);
  EXPECT_EQ(recovery.recovered, 3);
  EXPECT_LT(recovery.mean_angle_deg, 1.0);
  EXPECT_NEAR(recovery.subspace_share, 1.0, 1e-4);
  EXPECT_LT(estimate_certificate(objective, state.network, state.lambda).relative_gap, 1e-2);

  // At the end of every epoch the gradient is small against the weight decay.
  for (const Record& record : records) EXPECT_TRUE(std::isfinite(record.gradient_norm));
  EXPECT_EQ(records[0].stage, Stage::early_features);
  EXPECT_EQ(records[1].stage, Stage::fit_and_balance);

  // A run that is done stays done.
  const Algorithm1State done = state;
  EXPECT_EQ(run_algorithm1(objective, options, state).status, Status::converged);
  EXPECT_TRUE(same_state(state, done));
}

// What is reported comes from half of the neurons; here it is computed from all of them.
TEST(Algorithm1, PairsStayMirrorImagesAndAreReportedRight) {
  const Dataset rows = draw_samples(three_teachers(), 300, 0.1, 4);
  const PopulationObjective population(three_teachers());
  const SampleObjective sample(SampleData{rows.X, rows.y, {}, false});
  const SampleObjective with_biases(SampleData{rows.X, rows.y, {}, true});
  for (const Objective* objective :
       std::initializer_list<const Objective*>{&population, &sample, &with_biases}) {
    Algorithm1Options options = small_options();
    options.record_every = 1;
    options.max_steps = 60;
    Algorithm1State state;
    int records = 0;
    Observer observer;
    observer.on_record = [&](const Algorithm1State& now, const Record& line) {
      if (line.stage == Stage::early_features) return true;
      ++records;
      const Evaluation all = objective->evaluate(now.network);
      EXPECT_NEAR(line.loss, objective->loss(now.network), 1e-10 * objective->null_loss());
      const double norm = std::hypot((all.gradient_a + now.lambda * now.network.a).norm(),
                                     (all.gradient_W + now.lambda * now.network.W).norm());
      EXPECT_NEAR(line.gradient_norm, norm, 1e-9 * std::sqrt(objective->null_loss()));
      return true;
    };
    run_algorithm1(*objective, options, state, observer);
    EXPECT_GT(records, 50);
    ASSERT_EQ(state.network.width(), 40);
    for (Index i = 0; i < 40; i += 2) {
      EXPECT_EQ(state.network.a[i], state.network.a[i + 1]);
      EXPECT_TRUE(state.network.W.row(i) == -state.network.W.row(i + 1)) << "pair " << i;
    }
  }
}

// A network that is not in pairs goes on neuron by neuron.
TEST(Algorithm1, PairsThatDifferAreComputedOneByOne) {
  const PopulationObjective objective(three_teachers());
  Algorithm1Options options = small_options();
  options.max_steps = 20;
  Algorithm1State state;
  run_algorithm1(objective, options, state);
  ASSERT_EQ(state.stage, Stage::late_features);
  state.network.a[7] *= 1.0 + 1e-3;
  const Evaluation before = objective.evaluate(state.network);
  const Network start = state.network;
  const double step = state.step;
  options.max_steps = 21;
  run_algorithm1(objective, options, state);
  ASSERT_EQ(state.steps, 21);
  const Vector expected = start.a - step * (before.gradient_a + state.lambda * start.a);
  EXPECT_LT((state.network.a - expected).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_NE(state.network.a[6], state.network.a[7]);
}

// Gradient descent keeps parallel neurons parallel and in proportion: made into one they leave no
// trace but rounding (docs/math.md, 4.6).
TEST(Algorithm1, ParallelNeuronsMergeWithoutATrace) {
  const PopulationObjective objective(three_teachers());
  for (const bool mirrored : {true, false}) {
    SCOPED_TRACE(mirrored ? "in mirrored pairs" : "one by one");
    Algorithm1Options options = small_options();
    options.max_steps = 20;
    Algorithm1State start;
    run_algorithm1(objective, options, start);
    ASSERT_EQ(start.stage, Stage::late_features);
    // Two pieces of each neuron. The penalty of both together is its own: 0.36 + 0.64 = 1.
    const Network whole = start.network;
    const Index shift = mirrored ? 0 : 1;  // pairs are neurons 2i and 2i + 1
    start.network = {Vector(80), Matrix(80, 6)};
    for (Index i = 0; i < 80; ++i) {
      const double share = i < 40 ? 0.6 : 0.8;
      start.network.a[i] = share * whole.a[(i + shift) % 40];
      start.network.W.row(i) = share * whole.W.row((i + shift) % 40);
    }
    options.max_steps = 220;
    options.record_every = 1;
    options.max_epoch_steps = 40;
    std::array<std::vector<double>, 2> losses;
    std::array<Index, 2> widths{};
    for (const std::size_t merging : {0, 1}) {
      options.merge_tolerance = merging == 1 ? 1e-10 : 0.0;
      Algorithm1State state = start;
      Observer observer;
      observer.on_record = [&](const Algorithm1State&, const Record& record) {
        losses[merging].push_back(record.loss);
        return true;
      };
      run_algorithm1(objective, options, state, observer);
      widths[merging] = state.network.width();
    }
    EXPECT_EQ(widths[0], 80);
    EXPECT_LE(widths[1], mirrored ? 40 : 20);
    ASSERT_EQ(losses[0].size(), losses[1].size());
    ASSERT_GT(losses[0].size(), 200U);
    for (std::size_t i = 0; i < losses[0].size(); ++i) {
      EXPECT_NEAR(losses[1][i], losses[0][i], 1e-10 * losses[0][i]) << "record " << i;
    }
  }
}

// Merging what is nearly parallel takes the same way within the tolerance, to the same end.
TEST(Algorithm1, MergedNeuronsTakeTheSameWay) {
  const Dataset rows = draw_samples(three_teachers(), 2000, 0.0, 4);
  const PopulationObjective population(three_teachers());
  const SampleObjective sample(SampleData{rows.X, rows.y, {}, false});
  for (const Objective* objective : std::initializer_list<const Objective*>{&population, &sample}) {
    Algorithm1Options options = small_options();
    options.tolerance = 1e-6;
    std::array<std::vector<double>, 2> ends;
    std::array<Algorithm1State, 2> states;
    for (const std::size_t merging : {0, 1}) {
      options.merge_tolerance = merging == 1 ? 1e-3 : 0.0;
      Observer observer;
      observer.on_record = [&](const Algorithm1State& now, const Record& record) {
        if (record.end_of_epoch) ends[merging].push_back(record.penalized_loss);
        EXPECT_NEAR(record.loss, objective->loss(now.network), 1e-6 * record.loss);
        return true;
      };
      const auto result = run_algorithm1(*objective, options, states[merging], observer);
      EXPECT_EQ(result.status, Status::converged);
    }
    ASSERT_EQ(ends[0].size(), ends[1].size());
    for (std::size_t i = 0; i < ends[0].size(); ++i) {
      EXPECT_NEAR(ends[1][i], ends[0][i], 1e-2 * ends[0][i]) << "epoch " << i;
    }
    const Network& network = states[1].network;
    EXPECT_LT(network.width(), 30);
    EXPECT_EQ(states[0].network.width(), 40);
    for (Index i = 0; i < network.width(); i += 2) {
      EXPECT_TRUE(network.W.row(i) == -network.W.row(i + 1)) << "pair " << i;
    }
    EXPECT_EQ(measure_recovery(three_teachers(), network).recovered, 3);
  }
}

TEST(Algorithm1, EpochsEndOnTheirGradient) {
  const PopulationObjective objective(three_teachers());
  const Algorithm1Options options = small_options();
  Algorithm1State state;
  Observer observer;
  observer.on_record = [&](const Algorithm1State& now, const Record& record) {
    if (record.stage == Stage::late_features && record.end_of_epoch) {
      EXPECT_LE(record.gradient_norm, options.epoch_tolerance * now.lambda *
                                          std::sqrt(squared_norm(now.network)) * (1.0 + 1e-12));
    }
    return true;
  };
  run_algorithm1(objective, options, state, observer);
  EXPECT_LT(state.steps, options.max_epoch_steps);
}

struct ResumeCase {
  const char* name;
  bool sample;
  double step;
  double merge_tolerance = 0.0;
};

class Resume : public ::testing::TestWithParam<ResumeCase> {};

// Copies of the state taken after single steps, in the middle of epochs and at their ends, go on
// to the same end bit by bit; so does a run that was stopped there.
TEST_P(Resume, ContinuesWithTheSameBits) {
  const Teacher teacher = three_teachers();
  std::unique_ptr<Objective> objective;
  if (GetParam().sample) {
    const Dataset data = draw_samples(teacher, 400, 0.1, 7);
    objective = std::make_unique<SampleObjective>(SampleData{data.X, data.y, {}, true});
  } else {
    objective = std::make_unique<PopulationObjective>(teacher);
  }
  Algorithm1Options options = small_options();
  options.tolerance = GetParam().sample ? 0.0 : 1e-4;
  options.max_steps = 700;
  options.max_epoch_steps = 150;
  options.step = GetParam().step;
  options.merge_tolerance = GetParam().merge_tolerance;

  Algorithm1State whole;
  std::vector<Algorithm1State> copies;
  Observer observer;
  observer.on_step = [&](const Algorithm1State& now) {
    const bool first_of_epoch = now.epoch_steps == 1;
    if (first_of_epoch || now.steps == 2 || now.steps == 101 || now.steps % 160 == 0) {
      copies.push_back(now);
    }
    return true;
  };
  const Algorithm1Result expected = run_algorithm1(*objective, options, whole, observer);
  ASSERT_GE(copies.size(), 5U);
  EXPECT_GE(copies.back().epoch, 1);
  EXPECT_EQ(whole.network.width() < options.width, options.merge_tolerance > 0.0);
  for (const Algorithm1State& copy : copies) {
    Algorithm1State state = copy;
    const Algorithm1Result result = run_algorithm1(*objective, options, state);
    EXPECT_EQ(result.status, expected.status);
    EXPECT_EQ(result.message, expected.message);
    EXPECT_TRUE(same_state(state, whole)) << "from step " << copy.steps;
  }

  // Stopped by the observer, at every record and at some steps, again and again.
  Algorithm1State stopped;
  int stops = 0;
  Observer stopper;
  stopper.on_record = [&](const Algorithm1State&, const Record& record) {
    return record.stage == Stage::late_features;
  };
  stopper.on_step = [&](const Algorithm1State& now) { return now.steps % 97 != 0; };
  Algorithm1Result result;
  do {
    result = run_algorithm1(*objective, options, stopped, stopper);
    ASSERT_LT(++stops, 30);
  } while (result.status == Status::interrupted);
  EXPECT_GE(stops, 4);
  EXPECT_EQ(result.status, expected.status);
  EXPECT_TRUE(same_state(stopped, whole));
}

INSTANTIATE_TEST_SUITE_P(Of, Resume,
                         testing::Values(ResumeCase{"Population", false, 0.0},
                                         ResumeCase{"PopulationFixedStep", false, 0.3},
                                         ResumeCase{"PopulationMerging", false, 0.0, 1e-2},
                                         ResumeCase{"Sample", true, 0.0},
                                         ResumeCase{"SampleMerging", true, 0.0, 1e-2}),
                         [](const auto& which) { return which.param.name; });

// A budget ends the run with a state that a larger budget continues as if it had been given first.
TEST(Algorithm1, BudgetOfSteps) {
  const PopulationObjective objective(three_teachers());
  Algorithm1Options options = small_options();
  options.max_steps = 57;
  Algorithm1State state;
  const Algorithm1Result result = run_algorithm1(objective, options, state);
  EXPECT_EQ(result.status, Status::budget);
  EXPECT_STREQ(name(result.status), "budget");
  EXPECT_NE(result.message.text().find("57"), std::string::npos) << result.message.text();
  EXPECT_EQ(state.steps, 57);
  options.max_steps = 200;
  run_algorithm1(objective, options, state);
  Algorithm1State whole;
  run_algorithm1(objective, options, whole);
  EXPECT_EQ(whole.steps, 200);
  EXPECT_TRUE(same_state(state, whole));
}

// A step by hand that is far too large: a status, not an exception, and the last state whose loss
// and gradient were finite.
TEST(Algorithm1, TooLargeAStepDiverges) {
  const Dataset data = draw_samples(three_teachers(), 200, 0.0, 8);
  const PopulationObjective population(three_teachers());
  const SampleObjective sample({data.X, data.y, {}, false});
  for (const Objective* objective :
       {static_cast<const Objective*>(&population), static_cast<const Objective*>(&sample)}) {
    for (const double step : {30.0, 1e6, 1e300}) {
      Algorithm1Options options = small_options();
      options.step = step;
      Algorithm1State state;
      const Algorithm1Result result = run_algorithm1(*objective, options, state);
      EXPECT_EQ(result.status, Status::diverged) << step;
      EXPECT_STREQ(name(result.status), "diverged");
      EXPECT_NE(result.message.text().find("smaller step"), std::string::npos)
          << result.message.text();
      EXPECT_TRUE(state.network.a.allFinite()) << step;
      EXPECT_TRUE(state.network.W.allFinite()) << step;
      EXPECT_TRUE(std::isfinite(objective->evaluate(state.network).loss)) << step;
    }
  }
}

// Where a run diverges does not depend on where it was resumed.
TEST(Algorithm1, DivergesAtTheSameStepWhenResumed) {
  const PopulationObjective objective(three_teachers());
  int diverged = 0;
  for (double step = 6.0; step < 12.0; step *= 1.02) {
    Algorithm1Options options = small_options();
    options.lambda_start = 0.01;
    options.step = step;
    options.max_steps = 40;
    Algorithm1State whole;
    std::vector<Algorithm1State> copies;
    Observer observer;
    observer.on_step = [&](const Algorithm1State& now) {
      copies.push_back(now);
      return true;
    };
    const Algorithm1Result expected = run_algorithm1(objective, options, whole, observer);
    diverged += expected.status == Status::diverged ? 1 : 0;
    for (const Algorithm1State& copy : copies) {
      Algorithm1State state = copy;
      const Algorithm1Result result = run_algorithm1(objective, options, state);
      EXPECT_EQ(result.status, expected.status) << "step " << step << " from " << copy.steps;
      EXPECT_TRUE(same_state(state, whole)) << "step " << step << " from " << copy.steps;
    }
  }
  EXPECT_GE(diverged, 5);
}

TEST(Algorithm1, BitsDoNotDependOnThreads) {
  const Teacher teacher = three_teachers();
  const PopulationObjective population(teacher);
  const Dataset data = draw_samples(teacher, 1000, 0.1, 9);
  const SampleObjective sample({data.X, data.y, {}, true});
  for (const Objective* objective :
       {static_cast<const Objective*>(&population), static_cast<const Objective*>(&sample)}) {
    Algorithm1Options options = small_options();
    options.max_steps = 100;
    const auto run = [&](int threads) {
      const ThreadCount count(threads);
      Algorithm1State state;
      run_algorithm1(*objective, options, state);
      return state;
    };
    const Algorithm1State one = run(1);
    EXPECT_TRUE(same_state(run(2), one));
    EXPECT_TRUE(same_state(run(3), one));
  }
}

// What the decreasing weight decay is for: from the same start and with the same budget of steps,
// constant decay stops at an angle of order λ, and without decay neurons do not gather at all.
TEST(Algorithm1, OnlyDecreasingDecayBringsTheNeuronsTogether) {
  const Teacher teacher = three_teachers();
  const PopulationObjective objective(teacher);
  const auto mean_angle = [&](Schedule::Kind kind) {
    Algorithm1Options options = small_options();
    options.schedule.kind = kind;
    options.lambda_start = 0.02;
    options.tolerance = 0.0;
    options.max_steps = 2500;
    Algorithm1State state;
    run_algorithm1(objective, options, state);
    return measure_recovery(teacher, state.network).mean_angle_deg;
  };
  const double halving = mean_angle(Schedule::Kind::halving);
  const double constant = mean_angle(Schedule::Kind::constant);
  const double none = mean_angle(Schedule::Kind::none);
  EXPECT_GT(constant, 5.0 * halving);
  EXPECT_GT(none, 5.0 * halving);
}

TEST(Algorithm1, SchedulesEndTheirRuns) {
  const PopulationObjective objective(three_teachers());
  Algorithm1Options options = small_options();
  options.lambda_start = 0.02;
  options.lambda_end = 0.004;
  options.tolerance = 0.0;
  Algorithm1State state;
  Algorithm1Result result = run_algorithm1(objective, options, state);
  EXPECT_EQ(result.status, Status::converged);
  EXPECT_EQ(state.lambda, 0.005) << "0.02, 0.01, 0.005";
  EXPECT_EQ(state.epoch, 2);

  // A constant λ goes on to a stationary point.
  options.schedule.kind = Schedule::Kind::constant;
  state = {};
  result = run_algorithm1(objective, options, state);
  EXPECT_EQ(result.status, Status::converged) << result.message.text();
  EXPECT_EQ(state.lambda, 0.02);
  const Evaluation at = objective.evaluate(state.network);
  EXPECT_LT((at.gradient_W + 0.02 * state.network.W).norm(), 1e-9);
  EXPECT_LT(estimate_certificate(objective, state.network, 0.02).relative_gap, 1e-6);
}

// Every λ of a list has its epoch, 0 included, wherever it stands.
TEST(Algorithm1, ListsAreFollowedToTheirEnd) {
  const PopulationObjective objective(three_teachers());
  Algorithm1Options options = small_options();
  options.schedule.kind = Schedule::Kind::list;
  options.schedule.values = {0.02, 0.0, 0.01, 0.0};
  options.tolerance = 0.0;
  options.max_epoch_steps = 50;
  Algorithm1State state;
  std::vector<double> lambdas;
  Observer observer;
  observer.on_record = [&](const Algorithm1State& now, const Record& record) {
    if (record.stage == Stage::late_features && record.end_of_epoch) lambdas.push_back(now.lambda);
    return true;
  };
  const Algorithm1Result result = run_algorithm1(objective, options, state, observer);
  EXPECT_EQ(lambdas, options.schedule.values);
  EXPECT_EQ(result.status, Status::budget) << "without weight decay an epoch ends by its steps";
  EXPECT_THAT(result.epochs_cut, ::testing::IsSupersetOf({1, 3})) << result.message.text();
}

// A run with an epoch that its budget of steps ended has not converged; the message tells which.
TEST(Algorithm1, AnEpochThatItsStepsEndedIsABudget) {
  const PopulationObjective objective(three_teachers());
  Algorithm1Options options = small_options();
  options.lambda_start = 0.02;
  options.lambda_end = 0.004;
  options.tolerance = 0.0;
  options.max_epoch_steps = 5;
  Algorithm1State state;
  Algorithm1Result result = run_algorithm1(objective, options, state);
  EXPECT_EQ(result.status, Status::budget);
  EXPECT_EQ(result.epochs_cut, (std::vector<long>{0, 1, 2}));
  const std::string said = result.message.text();
  EXPECT_NE(said.find("3 of 3 epochs (0 to 2, "), std::string::npos) << said;
  EXPECT_NE(said.find("max_epoch_steps"), std::string::npos) << said;
  EXPECT_EQ(state.stage, Stage::done);
  EXPECT_EQ(run_algorithm1(objective, options, state).status, Status::budget) << "still so";

  // One epoch is enough, wherever it stands. A run that is stopped and goes on knows of it.
  options.max_epoch_steps = 20000;
  state = {};
  Observer observer;
  observer.on_step = [&](const Algorithm1State& now) {
    return !(now.epoch == 1 && now.epoch_steps == 5);
  };
  result = run_algorithm1(objective, options, state, observer);
  ASSERT_EQ(result.status, Status::interrupted);
  options.max_epoch_steps = 6;
  Observer next_epoch;
  next_epoch.on_step = [](const Algorithm1State& now) { return now.epoch < 2; };
  result = run_algorithm1(objective, options, state, next_epoch);
  ASSERT_EQ(result.status, Status::interrupted);
  EXPECT_EQ(state.epochs_cut, std::vector<long>{1});
  options.max_epoch_steps = 20000;
  result = run_algorithm1(objective, options, state);
  EXPECT_EQ(result.status, Status::budget);
  EXPECT_EQ(result.epochs_cut, std::vector<long>{1});
  EXPECT_NE(result.message.text().find("1 of 3 epochs (1, "), std::string::npos)
      << result.message.text();
  options.tolerance = 0.0;
  options.max_epoch_steps = 20000;
  state = {};
  result = run_algorithm1(objective, options, state);
  EXPECT_EQ(result.status, Status::converged) << result.message.text();
  EXPECT_TRUE(result.epochs_cut.empty());
}

// `tolerance` is a share of the null loss: small and large targets are learned alike.
// `absolute_tolerance` is a loss.
TEST(Algorithm1, ToleranceIsAShareOfTheNullLoss) {
  for (const double scale : {1e-4, 1.0, 1e4}) {
    Teacher teacher = three_teachers();
    teacher.amplitudes *= scale;
    const PopulationObjective objective(teacher);
    Algorithm1Options options = small_options();
    options.tolerance = 1e-6;
    EXPECT_EQ(options.target_loss(objective), 1e-6 * objective.null_loss());
    Algorithm1State state;
    const Algorithm1Result result = run_algorithm1(objective, options, state);
    EXPECT_EQ(result.status, Status::converged) << scale << ": " << result.message.text();
    EXPECT_LE(objective.loss(state.network), 1e-6 * objective.null_loss()) << scale;
    EXPECT_EQ(measure_recovery(teacher, state.network).recovered, 3) << scale;

    options.absolute_tolerance = 1e-3 * objective.null_loss();
    EXPECT_EQ(options.target_loss(objective), options.absolute_tolerance);
    Algorithm1State early;
    run_algorithm1(objective, options, early);
    EXPECT_LE(objective.loss(early.network), options.absolute_tolerance) << scale;
    EXPECT_LT(early.steps, state.steps) << scale;
  }
}

// Nothing beyond the affine part: done at once, with a network that is zero to the eye.
TEST(Algorithm1, AffineTargetsNeedNoNeurons) {
  SampleData data;
  data.X = support::normal_matrix(200, 3, 10);
  data.y = data.X * Vector{{1.0, -2.0, 0.5}};
  data.y.array() += 4.0;
  const SampleObjective objective(data);
  Algorithm1State state;
  const Algorithm1Result result = run_algorithm1(objective, small_options(), state);
  EXPECT_EQ(result.status, Status::converged) << result.message.text();
  EXPECT_TRUE(state.network.W.allFinite());
  EXPECT_LT(masses(state.network).sum(), 1e-12);
}

}  // namespace
}  // namespace lodestone
