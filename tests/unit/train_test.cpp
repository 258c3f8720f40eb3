// Training sessions: the problem made from options, choice of λ by validation, span reduction.

#include "lodestone/runs/train.hpp"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::same_bits;
using support::small_teacher;

TrainOptions teacher_options() {
  TrainOptions options;
  options.teacher = "a teacher";
  options.algorithm.width = 20;
  options.algorithm.seed = 3;
  return options;
}

// A small noisy table whose columns have their own units.
Dataset noisy_data(Index n, std::uint64_t seed) {
  Dataset data = draw_samples(small_teacher(4, 2, 1), n, 0.5, seed);
  data.X.col(1) *= 100.0;
  data.X.col(2).array() += 7.0;
  data.y *= 3.0;
  data.columns = {"a", "b", "c", "d"};
  return data;
}

TrainOptions data_options() {
  TrainOptions options;
  options.data.file = "table.csv";
  options.data.target = "y";
  options.algorithm.width = 20;
  options.algorithm.seed = 3;
  return options;
}

TEST(TrainOptions, NameTheField) {
  const auto expect = [](auto change, const std::string& field) {
    TrainOptions options = teacher_options();
    EXPECT_NO_THROW(options.validate());
    change(options);
    const std::string message = message_of<InvalidArgument>([&] { options.validate(); });
    EXPECT_EQ(message.rfind(field + ":", 0), 0U) << field << ": " << message;
  };
  expect([](auto& o) { o.teacher.clear(); }, "teacher");
  expect([](auto& o) { o.data.file = "file"; }, "teacher");
  expect([](auto& o) { o.samples = -1; }, "samples");
  expect([](auto& o) { o.noise = 0.1; }, "noise");
  expect(
      [](auto& o) {
        o.samples = 10;
        o.noise = -0.1;
      },
      "noise");
  expect([](auto& o) { o.test_share = 0.95; }, "test_share");
  expect([](auto& o) { o.validation_share = std::nan(""); }, "validation_share");
  expect([](auto& o) { o.patience = 0; }, "patience");
  expect([](auto& o) { o.max_seconds = 0.0; }, "max_seconds");
  expect([](auto& o) { o.algorithm.width = 3; }, "width");
  expect(
      [](auto& o) {
        o.teacher.clear();
        o.data.file = "file";
      },
      "target");
  expect(
      [](auto& o) {
        o.teacher.clear();
        o.data.file = "file";
        o.data.target = "y";
        o.samples = 5;
      },
      "samples");
  expect([](auto& o) { o.test_file = "file"; }, "test");
  expect([](auto& o) { o.validation_file = "file"; }, "validation");
  expect(
      [](auto& o) {
        o = data_options();
        o.data.file = o.test_file = "-";
      },
      "data");
}

// Every row is dealt exactly once: to test, to validation or to training.
TEST(MakeProblem, DealsTheRows) {
  TrainOptions options = data_options();
  options.test_share = 0.25;
  options.validation_share = 0.2;
  options.standardize = Standardization::Kind::none;
  Dataset data = noisy_data(100, 2);
  for (Index t = 0; t < 100; ++t) data.X(t, 0) = static_cast<double>(t);
  const Problem problem = make_problem(options, std::nullopt, data);
  ASSERT_TRUE(problem.test && problem.validation);
  EXPECT_EQ(problem.test->X.rows(), 25);
  EXPECT_EQ(problem.validation->X.rows(), 15);
  EXPECT_EQ(problem.training_rows, 60);
  std::set<double> seen;
  for (const Matrix& part : {problem.test->X, problem.validation->X}) {
    for (Index t = 0; t < part.rows(); ++t) EXPECT_TRUE(seen.insert(part(t, 0)).second);
  }
  EXPECT_TRUE(problem.biases) << "data files get biases";
  EXPECT_EQ(problem.objective->dimension(), 5);
  // The seed decides, and nothing else does.
  const Problem again = make_problem(options, std::nullopt, data);
  EXPECT_TRUE(same_bits(again.test->X, problem.test->X));
  options.algorithm.seed = 4;
  EXPECT_FALSE(same_bits(make_problem(options, std::nullopt, data).test->X, problem.test->X));
}

// Whole weights say how often each row is there: the same problem to rounding.
TEST(MakeProblem, WeightsAreRepetitions) {
  using Kind = Standardization::Kind;
  for (const Kind kind : {Kind::none, Kind::scale, Kind::whiten}) {
    TrainOptions options = data_options();
    options.test_share = options.validation_share = 0.0;
    options.standardize = kind;
    Dataset weighted = noisy_data(120, 18);
    weighted.weights.resize(120);
    std::vector<Index> repeated;
    for (Index t = 0; t < 120; ++t) {
      weighted.weights[t] = static_cast<double>(t % 4);
      for (Index i = 0; i < t % 4; ++i) repeated.push_back(t);
    }
    Dataset copies = take_rows(weighted, repeated);
    copies.weights.resize(0);
    weighted.weights *= 0.37;  // only ratios count
    const Problem first = make_problem(options, std::nullopt, weighted);
    const Problem second = make_problem(options, std::nullopt, copies);
    EXPECT_EQ(first.training_rows, 90) << "rows of weight 0 are no rows";
    const double unit = second.standardization.target_scale;
    EXPECT_NEAR(first.standardization.target_scale, unit, 1e-12 * unit);
    EXPECT_TRUE(first.standardization.center.isApprox(second.standardization.center, 1e-12));
    EXPECT_TRUE(first.standardization.scale.isApprox(second.standardization.scale, 1e-12));
    // A whitening is unique up to rotation, which a network can undo.
    const Network original = support::normal_network(6, 5, 19);
    Network rotated = original;
    if (kind == Kind::whiten) {
      const Matrix rotation =
          first.standardization.map.colPivHouseholderQr().solve(second.standardization.map);
      rotated.W.leftCols(4) = original.W.leftCols(4) * rotation;
    }
    const Evaluation a = first.objective->evaluate(original);
    const Evaluation b = second.objective->evaluate(rotated);
    EXPECT_NEAR(a.loss, b.loss, 1e-11 * b.loss);
    EXPECT_TRUE(a.gradient_a.isApprox(b.gradient_a, 1e-10));
    EXPECT_NEAR(a.gradient_W.norm(), b.gradient_W.norm(), 1e-10 * b.gradient_W.norm());
    EXPECT_NEAR(first.objective->null_loss(), second.objective->null_loss(), 1e-12);
  }
}

// A row of weight 0 is absent: the same bits as without it, in training and in the errors.
TEST(Train, RowsOfWeightZeroAreAbsent) {
  TrainOptions options = data_options();
  options.algorithm.max_steps = 60;
  Dataset with = noisy_data(200, 20);
  with.weights = Vector::Ones(200);
  std::vector<Index> others;
  for (Index t = 0; t < 200; ++t) {
    if (t % 5 == 2) {
      with.weights[t] = 0.0;
      with.y[t] = 1e6;
    } else {
      others.push_back(t);
    }
  }
  const Dataset without = take_rows(with, others);
  TrainState first;
  TrainState second;
  const TrainResult a = train(make_problem(options, std::nullopt, with), options, first);
  const TrainResult b = train(make_problem(options, std::nullopt, without), options, second);
  EXPECT_TRUE(same_bits(a.network, b.network));
  ASSERT_TRUE(a.test && b.test);
  EXPECT_TRUE(same_bits(a.test->rmse, b.test->rmse));
  EXPECT_EQ(a.test->rows, 32);
}

TEST(MakeProblem, RefusesBadWeights) {
  Dataset data = noisy_data(60, 21);
  data.weights = Vector::Zero(60);
  const auto message = [&] {
    return message_of<InvalidArgument>([&] { make_problem(data_options(), std::nullopt, data); });
  };
  EXPECT_NE(message().find("all zero"), std::string::npos);
  data.weights[3] = -1.0;
  EXPECT_NE(message().find("row 3"), std::string::npos);
}

// Files of their own replace the shares, and their rows count by their weights.
TEST(MakeProblem, TakesValidationAndTestFiles) {
  TrainOptions options = data_options();
  options.algorithm.max_steps = 200;
  options.algorithm.max_epoch_steps = 50;
  const Dataset data = noisy_data(100, 22);
  Dataset validation = noisy_data(30, 23);
  Dataset test = noisy_data(40, 24);
  test.weights = Vector::Ones(40);
  test.weights.head(10).setConstant(3.0);
  test.warnings = {{"odd", "something odd"}};
  const Problem problem = make_problem(options, std::nullopt, data, validation, test);
  EXPECT_EQ(problem.training_rows, 100);
  ASSERT_TRUE(problem.validation && problem.test);
  EXPECT_TRUE(same_bits(problem.validation->X, validation.X));
  EXPECT_EQ(make_problem(options, std::nullopt, data, std::nullopt, test).training_rows, 90);
  EXPECT_EQ(make_problem(options, std::nullopt, data, validation).training_rows, 80);

  TrainState state;
  const TrainResult result = train(problem, options, state);
  EXPECT_EQ(support::texts(result.warnings), std::vector<std::string>{"something odd"});
  // The weighted test error is that of the repeated rows.
  std::vector<Index> repeated;
  for (Index t = 0; t < 40; ++t) repeated.insert(repeated.end(), t < 10 ? 3 : 1, t);
  const Dataset copies = take_rows(test, repeated);
  const Vector error = result.model.predict(copies.X) - copies.y;
  const double mean_square = error.cwiseAbs2().mean();
  const double variance = (copies.y.array() - copies.y.mean()).square().mean();
  ASSERT_TRUE(result.test);
  EXPECT_EQ(result.test->rows, 40);
  EXPECT_NEAR(result.test->rmse, std::sqrt(mean_square), 1e-12);
  EXPECT_NEAR(result.test->r2, 1.0 - mean_square / variance, 1e-12);
  // And so is the validation error, which chooses λ.
  validation.weights = Vector::Constant(30, 0.1);
  const Problem again = make_problem(options, std::nullopt, data, validation, test);
  TrainState weighted_state;
  train(again, options, weighted_state);
  EXPECT_NEAR(weighted_state.best.validation_error, state.best.validation_error,
              1e-12 * state.best.validation_error);

  test.columns = {"a", "b", "d", "c"};
  EXPECT_THROW(make_problem(options, std::nullopt, data, validation, test), InvalidArgument);
  EXPECT_THROW(make_problem(options, std::nullopt, data, take_rows(validation, {0})),
               InvalidArgument);
}

// 0/1 columns of one group add up to the constant column: no harm.
TEST(Train, CollinearGroupsDoNoHarm) {
  TrainOptions options = data_options();
  options.algorithm.max_steps = 200;
  Dataset data = noisy_data(200, 25);
  data.X.conservativeResize(Eigen::NoChange, 8);
  for (Index t = 0; t < 200; ++t) {
    const Index level = (7 * t) % 3;
    for (Index j = 0; j < 3; ++j) data.X(t, 4 + j) = j == level ? 1.0 : 0.0;
    data.X(t, 7) = 1.0;  // a column with one value
    data.y[t] += static_cast<double>(level);
  }
  data.columns = {"a", "b", "c", "d", "g=0", "g=1", "g=2", "h=only"};
  data.encodings = {{"g", {"0", "1", "2"}}, {"h", {"only"}}};
  using Kind = Standardization::Kind;
  for (const Kind kind : {Kind::scale, Kind::whiten}) {
    options.standardize = kind;
    TrainState state;
    const TrainResult result = train(make_problem(options, std::nullopt, data), options, state);
    ASSERT_TRUE(result.test);
    EXPECT_GT(result.test->r2, 0.3) << "half of the target is noise";
    EXPECT_LT(result.model.affine.beta.cwiseAbs().maxCoeff(), 10.0);
    EXPECT_EQ(result.model.encodings.size(), 2U);
    EXPECT_EQ(result.model.columns, data.columns);
  }
}

// Rows kept aside teach nothing: scales come from the training rows.
TEST(MakeProblem, StandardizesByTheTrainingRows) {
  TrainOptions options = data_options();
  Dataset data = noisy_data(200, 5);
  const Problem before = make_problem(options, std::nullopt, data);
  EXPECT_EQ(before.standardization.kind, Standardization::Kind::scale);
  EXPECT_NEAR(before.standardization.scale[1], 100.0, 20.0);
  std::set<double> aside;
  for (const Dataset* part : {&*before.test, &*before.validation}) {
    for (Index t = 0; t < part->X.rows(); ++t) aside.insert(part->X(t, 0));
  }
  for (Index t = 0; t < 200; ++t) {
    if (aside.contains(data.X(t, 0))) data.X.row(t) *= 1000.0;
  }
  const Problem after = make_problem(options, std::nullopt, data);
  EXPECT_TRUE(same_bits(after.standardization.map, before.standardization.map));
  EXPECT_TRUE(same_bits(after.standardization.center, before.standardization.center));
}

TEST(MakeProblem, RejectsTooFewRows) {
  TrainOptions options = data_options();
  options.test_share = 0.9;
  EXPECT_NE(
      message_of<InvalidArgument>([&] { make_problem(options, std::nullopt, noisy_data(12, 6)); }),
      "");
  EXPECT_THROW(make_problem(teacher_options(), std::nullopt, std::nullopt), InvalidArgument);
}

// The epoch with the smallest validation error is kept, and `patience` epochs without a better one
// end the run.
TEST(Train, ChoosesLambdaByValidation) {
  for (const int patience : {1, 3}) {
    TrainOptions options = data_options();
    options.patience = patience;
    options.validation_share = 0.3;
    options.algorithm.tolerance = 0.0;
    options.algorithm.stagnation = 0.01;
    const Problem problem = make_problem(options, std::nullopt, noisy_data(300, 7));
    TrainState state;
    const TrainResult result = train(problem, options, state);
    EXPECT_EQ(result.status, Status::converged) << result.message.text();
    EXPECT_NE(result.message.text().find("validation"), std::string::npos) << result.message.text();
    EXPECT_EQ(state.epochs_without_improvement, patience);

    std::vector<HistoryRow> epochs;
    for (const HistoryRow& row : state.history) {
      EXPECT_EQ(std::isnan(row.validation_error),
                !(row.end_of_epoch && row.stage == Stage::late_features));
      if (!std::isnan(row.validation_error)) epochs.push_back(row);
    }
    ASSERT_GT(epochs.size(), static_cast<std::size_t>(patience));
    const auto best = std::min_element(epochs.begin(), epochs.end(),
                                       [](const HistoryRow& first, const HistoryRow& second) {
                                         return first.validation_error < second.validation_error;
                                       });
    EXPECT_EQ(epochs.end() - best, patience + 1) << "the last ones are those without improvement";
    EXPECT_EQ(result.lambda, best->lambda);
    EXPECT_EQ(state.best.epoch, best->epoch);
    EXPECT_EQ(state.best.validation_error, best->validation_error);
    EXPECT_TRUE(same_bits(result.network, state.best.network));
    EXPECT_NEAR(result.loss,
                training_record(*problem.objective, result.network, result.lambda).loss, 0.0);

    // The error itself, from the network's predictions in the objective's coordinates.
    const Matrix X = problem.standardization.apply(problem.validation->X);
    const Vector y = problem.validation->y / problem.standardization.target_scale;
    Matrix inputs(X.rows(), X.cols() + 1);
    inputs << X, Vector::Ones(X.rows());
    const Affine affine = problem.objective->affine(result.network);
    const Vector error = (inputs * result.network.W.transpose()).cwiseMax(0.0) * result.network.a +
                         X * affine.beta + Vector::Constant(y.size(), affine.alpha) - y;
    // As a share of the training target's variance, which is 1 in these coordinates.
    EXPECT_NEAR(best->validation_error, error.squaredNorm() / static_cast<double>(error.size()),
                1e-10);
    EXPECT_LT(best->validation_error, 1.0);
  }
}

// One row's error says nothing: a table that leaves no more for validation is trained without, and
// the result says so.
TEST(Train, NoValidationOnASingleRow) {
  TrainOptions options = data_options();
  options.biases = false;
  options.algorithm.max_epoch_steps = 100;
  options.algorithm.max_steps = 1000;
  const Problem problem = make_problem(options, std::nullopt, noisy_data(18, 17));
  EXPECT_FALSE(problem.validation);
  TrainState state;
  const TrainResult result = train(problem, options, state);
  ASSERT_FALSE(result.warnings.empty());
  EXPECT_NE(result.warnings.front().message.text().find("too few rows"), std::string::npos);
}

TEST(Train, WithoutValidationTheLastEpochIsTaken) {
  TrainOptions options = data_options();
  options.validation_share = 0.0;
  options.algorithm.lambda_start = 0.05;
  options.algorithm.lambda_end = 0.02;
  options.algorithm.max_epoch_steps = 200;
  const Problem problem = make_problem(options, std::nullopt, noisy_data(200, 8));
  EXPECT_FALSE(problem.validation);
  TrainState state;
  const TrainResult result = train(problem, options, state);
  EXPECT_EQ(result.lambda, 0.025);
  EXPECT_TRUE(same_bits(result.network, state.algorithm.network));
  for (const HistoryRow& row : state.history) EXPECT_TRUE(std::isnan(row.validation_error));
}

// The reported test error is that of the written model on the rows kept aside.
TEST(Train, ReportsTheModelsOwnTestError) {
  TrainOptions options = data_options();
  options.algorithm.max_steps = 200;
  const Problem problem = make_problem(options, std::nullopt, noisy_data(300, 9));
  TrainState state;
  const TrainResult result = train(problem, options, state);
  ASSERT_TRUE(result.test && problem.test);
  const Vector error = result.model.predict(problem.test->X) - problem.test->y;
  const double mean_square = error.squaredNorm() / static_cast<double>(error.size());
  const double variance = (problem.test->y.array() - problem.test->y.mean()).square().mean();
  EXPECT_EQ(result.test->rows, 60);
  EXPECT_NEAR(result.test->rmse, std::sqrt(mean_square), 1e-12);
  EXPECT_NEAR(result.test->r2, 1.0 - mean_square / variance, 1e-12);
  EXPECT_NEAR(result.test->r2 + result.test->relative_error, 1.0, 1e-15);
  EXPECT_EQ(result.model.columns, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(result.model.provenance.rows, 216);
  EXPECT_NEAR(result.model.provenance.lambda_in_target_units,
              result.lambda * problem.standardization.target_scale, 1e-15);
}

// On rows drawn from a teacher the exact error over the population is reported: the model's own
// mean square error, against 200000 fresh rows within five standard errors (a false alarm in 2
// million), whatever the standardization.
TEST(Train, ReportsTheExactErrorOverTheTeachersPopulation) {
  const Teacher teacher = small_teacher(5, 2, 10);
  using Kind = Standardization::Kind;
  for (const Kind kind : {Kind::none, Kind::scale, Kind::whiten}) {
    TrainOptions options = teacher_options();
    options.samples = 150;
    options.noise = 0.3;
    options.standardize = kind;
    options.algorithm.max_steps = 200;
    const Problem problem = make_problem(options, teacher, std::nullopt);
    TrainState state;
    const TrainResult result = train(problem, options, state);
    // Standardized inputs give features small biases, for which there is no closed form here.
    EXPECT_EQ(result.test.has_value(), kind == Kind::none) << name(kind);
    if (!result.test) continue;
    const Dataset fresh = draw_samples(teacher, 200000, 0.0, 11);
    const Eigen::ArrayXd squares = (result.model.predict(fresh.X) - fresh.y).array().square();
    const double mean = squares.mean();
    const double error = std::sqrt((squares - mean).square().mean() / 200000.0);
    EXPECT_NEAR(result.test->rmse * result.test->rmse, mean, 5.0 * error) << name(kind);
    EXPECT_NEAR(result.test->relative_error,
                result.test->rmse * result.test->rmse / target_variance(teacher), 1e-12);
  }
}

// Training in the span of the start and the teachers is the same run (docs/math.md, 2.6): against
// Algorithm 1 in all 60 dimensions. The two differ by rounding, which a descent does not amplify.
TEST(Train, SpanReductionChangesNothing) {
  const Teacher teacher = small_teacher(60, 3, 12);
  TrainOptions options = teacher_options();
  options.algorithm.lambda_start = 0.01;
  options.algorithm.max_steps = 1500;
  options.algorithm.tolerance = 1e-5;
  const Problem problem = make_problem(options, teacher, std::nullopt);
  EXPECT_EQ(problem.objective->dimension(), 13);
  const Matrix& Q = problem.standardization.map;
  ASSERT_EQ(Q.rows(), 60);
  EXPECT_LT((Q.transpose() * Q - Matrix::Identity(13, 13)).norm(), 1e-13);
  TrainState state;
  const TrainResult result = train(problem, options, state);

  const PopulationObjective full(teacher);
  Algorithm1State reference;
  std::vector<Record> records;
  Observer observer;
  observer.on_record = [&](const Algorithm1State&, const Record& record) {
    records.push_back(record);
    return true;
  };
  run_algorithm1(full, options.algorithm, reference, observer);

  const Network network = problem.to_inputs(result.network);
  ASSERT_EQ(network.W.cols(), 60);
  EXPECT_EQ(reference.steps, state.algorithm.steps);
  EXPECT_EQ(reference.epoch, state.algorithm.epoch);
  EXPECT_LT((network.a - reference.network.a).norm(), 1e-9);
  EXPECT_LT((network.W - reference.network.W).norm(), 1e-9);
  EXPECT_NEAR(full.loss(network), full.loss(reference.network), 1e-9 * full.null_loss());
  ASSERT_EQ(records.size(), state.history.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_NEAR(records[i].loss, state.history[i].loss, 1e-9 * full.null_loss());
  }
  // The model speaks of all 60 inputs.
  EXPECT_EQ(result.model.dimension(), 60);
  const Matrix X = support::normal_matrix(20, 60, 13);
  const Affine affine = full.affine(reference.network);
  const Vector expected =
      (X * reference.network.W.transpose()).cwiseMax(0.0) * reference.network.a + X * affine.beta +
      Vector::Constant(20, affine.alpha);
  // Merging neurons moved the loss by a percent at most.
  EXPECT_LT((result.model.predict(X) - expected).norm() / expected.norm(), 0.05);
  ASSERT_TRUE(result.recovery);
  const Recovery recovery = measure_recovery(teacher, reference.network);
  EXPECT_NEAR(result.recovery->mean_angle_deg, recovery.mean_angle_deg, 1e-6);
}

// The span of teachers and start may be all there is: then nothing is reduced.
TEST(MakeProblem, ReducesOnlyWhenItHelps) {
  const Teacher teacher = small_teacher(12, 3, 14);
  TrainOptions options = teacher_options();  // 10 pairs and 3 teachers span 12 dimensions
  EXPECT_TRUE(same_bits(make_problem(options, teacher, std::nullopt).standardization.map,
                        Matrix(Matrix::Identity(12, 12))));
  options.algorithm.width = 6;
  EXPECT_EQ(make_problem(options, teacher, std::nullopt).objective->dimension(), 6);
}

TEST(Train, StopsOnRequestAndGoesOn) {
  TrainOptions options = data_options();
  options.algorithm.max_steps = 150;
  const Problem problem = make_problem(options, std::nullopt, noisy_data(200, 15));
  TrainState whole;
  const TrainResult expected = train(problem, options, whole);
  TrainState stopped;
  TrainObserver observer;
  observer.on_step = [](const TrainState& now) { return now.algorithm.steps % 40 != 0; };
  TrainResult result;
  int runs = 0;
  do {
    result = train(problem, options, stopped, observer);
    ASSERT_LT(++runs, 10);
  } while (result.status == Status::interrupted);
  EXPECT_GE(runs, 4);
  EXPECT_EQ(result.status, expected.status);
  EXPECT_TRUE(same_bits(stopped.algorithm.network, whole.algorithm.network));
  EXPECT_TRUE(same_bits(result.network, expected.network));
  ASSERT_EQ(stopped.history.size(), whole.history.size());
  for (std::size_t i = 0; i < whole.history.size(); ++i) {
    stopped.history[i].seconds = whole.history[i].seconds;
    EXPECT_TRUE(same_bits(stopped.history[i], whole.history[i]));
  }
  EXPECT_GT(stopped.seconds, 0.0);
}

TEST(Train, BudgetOfSeconds) {
  TrainOptions options = teacher_options();
  options.max_seconds = 1e-9;
  const Problem problem = make_problem(options, small_teacher(5, 2, 16), std::nullopt);
  TrainState state;
  const TrainResult result = train(problem, options, state);
  EXPECT_EQ(result.status, Status::budget);
  EXPECT_NE(result.message.text().find("seconds"), std::string::npos);
  EXPECT_LE(state.algorithm.steps, 2) << "one step in stage 1, at most one in stage 3";
}

}  // namespace
}  // namespace lodestone
