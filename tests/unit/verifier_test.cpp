// The verifier agrees with what runs report, on every kind of problem, and objects when a number is
// changed.

#include "lodestone/verifier/verifier.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/objective/shared.hpp"
#include "lodestone/path/path.hpp"
#include "lodestone/runs/train.hpp"
#include "several_outputs.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::normal_matrix;
using support::normal_network;
using support::normal_vector;
using support::several_classes;
using support::several_targets;
using support::shared_network;
using support::small_teacher;

const double h_0 = 0.25 - 0.5 / std::numbers::pi;

ReportedNumbers reported_by(const TrainResult& result) {
  ReportedNumbers reported;
  reported.loss = result.loss;
  reported.penalized_loss = result.penalized_loss;
  if (result.certificate) {
    reported.sup_eta = result.certificate->sup_eta;
    reported.gap = result.certificate->gap;
    reported.relative_gap = result.certificate->relative_gap;
    reported.kind = result.certificate->kind;
  }
  reported.recovery = result.recovery;
  return reported;
}

std::string in_words(const std::vector<Discrepancy>& found) {
  std::string words;
  for (const Discrepancy& item : found) {
    words += item.field + ": " + std::to_string(item.reported) + " is " +
             std::to_string(item.recomputed) + "; ";
  }
  return words;
}

// What the verifier finds in a run's own report, as a run folder would hold it.
std::vector<Discrepancy> check(const TrainResult& result, const VerifiedNumbers& verified) {
  return discrepancies(reported_by(result), verified);
}

TEST(Verifier, AgreesWithPopulationRuns) {
  for (const Index d : {3, 20}) {
    TrainOptions options;
    options.algorithm.width = d == 3 ? 30 : 16;  // narrow in 20: runs in a reduced space
    options.algorithm.tolerance = d == 3 ? 1e-12 : 1e-6;
    options.algorithm.max_steps = 1500;
    const Teacher teacher = small_teacher(d, 3, 5);
    options.teacher = "test";
    const Problem problem = make_problem(options, teacher, std::nullopt);
    TrainState state;
    const TrainResult result = train(problem, options, state);
    ASSERT_TRUE(result.certificate);
    const VerifiedNumbers verified = verify_model(result.neurons, teacher, result.lambda);
    EXPECT_EQ(in_words(check(result, verified)), "") << d;
    EXPECT_NEAR(verified.sup_eta, result.certificate->sup_eta, 1e-6 * verified.sup_eta);
    EXPECT_LE(verified.balanced_loss, verified.penalized_loss * (1.0 + 1e-12));
    // α and β of the model are the best ones.
    EXPECT_NEAR(verified.loss_as_given, verified.loss, 1e-6 * verified.loss + 1e-24);
  }
}

struct SampleCase {
  Standardization::Kind kind;
  bool biases;
  bool awkward;  // collinear, constant, far from zero
};

TEST(Verifier, AgreesWithSampleRuns) {
  using Kind = Standardization::Kind;
  for (const SampleCase& which : {SampleCase{Kind::none, false, false},
                                  {Kind::none, true, false},
                                  {Kind::scale, false, false},
                                  {Kind::scale, true, true},
                                  {Kind::whiten, false, false},
                                  {Kind::whiten, true, true},
                                  {Kind::none, true, true}}) {
    Dataset data = draw_samples(small_teacher(4, 2, 8), 250, 0.1, 9);
    data.y = 40.0 * data.y.array() + 7.0;
    if (which.awkward) {
      data.X.conservativeResize(Eigen::NoChange, 6);
      data.X.col(1) = 30.0 * data.X.col(1).array() + (which.kind == Kind::none ? 3.0 : 2000.0);
      data.X.col(4) = data.X.col(0) - 2.0 * data.X.col(2);
      data.X.col(5).setConstant(0.1);
      data.columns = {"a", "b", "c", "d", "e", "f"};
    }
    TrainOptions options;
    options.data.file = "test";
    options.data.target = "y";
    options.standardize = which.kind;
    options.biases = which.biases;
    options.algorithm.width = 12;
    options.algorithm.max_epoch_steps = 60;
    const Problem problem = make_problem(options, std::nullopt, data);
    TrainState state;
    const TrainResult result = train(problem, options, state);
    ASSERT_TRUE(result.certificate);
    const Dataset rows = training_rows(options, std::nullopt, data);
    ASSERT_EQ(rows.X.rows(), problem.training_rows);
    const VerifiedNumbers verified = verify_model(result.neurons, rows, Vector(), result.lambda);
    EXPECT_EQ(in_words(check(result, verified)), "")
        << name(which.kind) << which.biases << which.awkward;
    EXPECT_GT(verified.sup_eta, 0.99 * result.certificate->sup_eta);
    EXPECT_NEAR(verified.loss_as_given, verified.loss, 1e-6 * verified.loss);
  }
}

// A rigorous certificate of a population takes another dual function; the verifier follows it
// there, also with neurons outside the teachers' span and with teachers that depend on each other.
TEST(Verifier, AgreesWithRigorousCertificates) {
  RandomTeacher flat;
  flat.d = 5;
  flat.k = 3;
  flat.r = 2;
  flat.seed = 7;
  for (const Teacher& teacher : {small_teacher(5, 2, 23), draw_teacher(flat)}) {
    Network network{0.9 * teacher.amplitudes,
                    teacher.directions + 0.05 * normal_matrix(teacher.neurons(), 5, 24)};
    const PopulationObjective objective(teacher);
    Standardization step;
    step.center = Vector::Zero(5);
    step.scale = Vector::Ones(5);
    step.map = Matrix::Identity(5, 5);
    Model model = neurons_in_original_units(network, objective.affine(network), false, step);
    model.columns.resize(5);
    RigorousOptions options;
    options.tolerance = 1e-3;
    const Certificate certificate = rigorous_certificate(objective, network, 0.02, options);
    VerifierOptions where;
    where.directions = certificate.direction.transpose();
    const VerifiedNumbers verified = verify_model(model, teacher, 0.02, where);
    ReportedNumbers reported;
    reported.kind = certificate.kind;
    reported.sup_eta = certificate.sup_eta;
    reported.attained = certificate.sup_eta_lower;
    reported.gap = certificate.gap;
    reported.relative_gap = certificate.relative_gap;
    EXPECT_EQ(in_words(discrepancies(reported, verified)), "");
    *reported.gap *= 0.999;
    EXPECT_EQ(discrepancies(reported, verified).size(), 1u);
  }
}

ReportedBound as_reported(const RecoveryBound& bound) {
  return {bound.order,     bound.rho,           bound.p_norm,        bound.interpolation_error,
          bound.angle_deg, bound.residual_norm, bound.residual_share};
}

// A bound on the angles: the verifier's own certificate gives the same numbers, and each number
// that is changed is contradicted.
TEST(Verifier, AgreesWithBoundsOnTheAngles) {
  for (const Index k : {1, 2, 3}) {
    TrainOptions options;
    options.algorithm.width = 40;
    options.algorithm.tolerance = 1e-7;
    const Teacher teacher = small_teacher(6, k, 5);
    options.teacher = "test";
    const Problem problem = make_problem(options, teacher, std::nullopt);
    TrainState state;
    const TrainResult result = train(problem, options, state);
    ASSERT_TRUE(result.certificate && result.recovery_bound);
    ASSERT_EQ(result.recovery_bound->reason, "");
    const double gap = result.certificate->gap;
    const VerifiedNumbers verified = verify_model(result.neurons, teacher, result.lambda);
    const ReportedBound reported = as_reported(*result.recovery_bound);
    const auto check_bound = [&](const ReportedBound& bound) {
      return in_words(discrepancies(bound, gap, teacher, 1.0, verified));
    };
    EXPECT_EQ(check_bound(reported), "") << k;
    const auto changed = [&](double ReportedBound::*field, double factor) {
      ReportedBound bound = reported;
      bound.*field *= factor;
      return check_bound(bound);
    };
    EXPECT_NE(changed(&ReportedBound::angle_deg, 0.99), "");
    EXPECT_NE(changed(&ReportedBound::residual_norm, 0.99), "");
    EXPECT_NE(changed(&ReportedBound::residual_share, 0.99), "");
    EXPECT_NE(changed(&ReportedBound::p_norm, 0.99).find("p_norm"), std::string::npos);
    if (k > 1) {
      EXPECT_NE(changed(&ReportedBound::rho, 1.3).find("rho"), std::string::npos) << k;
    }
  }
}

// Row weights act as repetitions of rows, and the verifier agrees with the objective.
TEST(Verifier, Weights) {
  const Dataset data = draw_samples(small_teacher(3, 2, 11), 60, 0.2, 12);
  const Vector weights = normal_vector(60, 13).cwiseAbs();
  Standardization step;
  step.center = Vector::Zero(3);
  step.scale = Vector::Ones(3);
  step.map = Matrix::Identity(3, 3);
  const Network network = normal_network(5, 4, 14);
  const SampleObjective objective({data.X, data.y, weights, true});
  Model model = neurons_in_original_units(network, objective.affine(network), true, step);
  model.columns = data.columns;
  const double lambda = 0.05;
  const Certificate certificate = estimate_certificate(objective, network, lambda);
  VerifierOptions options;
  options.directions = certificate.direction.transpose();
  const VerifiedNumbers verified = verify_model(model, data, weights, lambda, options);
  EXPECT_NEAR(verified.loss, objective.loss(network), 1e-12 * verified.loss);
  EXPECT_NEAR(verified.null_loss, objective.null_loss(), 1e-12 * verified.null_loss);
  EXPECT_NEAR(std::abs(verified.given_eta[0]), certificate.sup_eta, 1e-10 * verified.sup_eta);
  EXPECT_NEAR(verified.gap_at(certificate.sup_eta), certificate.gap,
              1e-12 * verified.balanced_loss);
  EXPECT_GE(certificate.sup_eta, verified.sup_eta * (1.0 - 1e-6));
  EXPECT_EQ(verified.neuron_eta.size(), 5);
  EXPECT_NEAR(verified.penalized_loss, verified.loss + 0.5 * lambda * squared_norm(network), 1e-12);
}

// One teacher: the optimum in closed form (docs/math.md, 6.2).
TEST(Verifier, ClosedFormOptimum) {
  const Teacher teacher{normal_matrix(1, 5, 15).rowwise().normalized(), Vector::Constant(1, 2.0)};
  const double lambda = 0.01;
  Network optimum{Vector::Constant(1, 2.0 - lambda / h_0), teacher.directions};
  Standardization step;
  step.center = Vector::Zero(5);
  step.scale = Vector::Ones(5);
  step.map = Matrix::Identity(5, 5);
  Model model = neurons_in_original_units(optimum, {0.0, Vector::Zero(5)}, false, step);
  model.columns = {"a", "b", "c", "d", "e"};
  const VerifiedNumbers verified = verify_model(model, teacher, lambda);
  EXPECT_NEAR(verified.loss, 0.5 * lambda * lambda / h_0, 1e-15);
  EXPECT_NEAR(verified.balanced_loss, lambda * 2.0 - 0.5 * lambda * lambda / h_0, 1e-15);
  EXPECT_NEAR(verified.sup_eta, 1.0, 1e-10);
  EXPECT_NEAR(verified.gap, 0.0, 2e-9 * verified.balanced_loss);  // what an estimate leaves open
  EXPECT_NEAR(verified.neuron_eta[0], 1.0, 1e-12);
  // With α = β = 0 the loss is larger by what they would have taken up.
  EXPECT_GT(verified.loss_as_given, verified.loss);
}

// Every reported number is checked: a change of any one is found, and named.
TEST(Verifier, ObjectsToEveryChangedNumber) {
  TrainOptions options;
  options.algorithm.width = 20;
  options.algorithm.tolerance = 1e-6;
  const Teacher teacher = small_teacher(3, 2, 16);
  options.teacher = "test";
  const Problem problem = make_problem(options, teacher, std::nullopt);
  TrainState state;
  const TrainResult result = train(problem, options, state);
  const VerifiedNumbers verified = verify_model(result.neurons, teacher, result.lambda);
  const ReportedNumbers honest = reported_by(result);
  ASSERT_EQ(in_words(discrepancies(honest, verified)), "");
  const auto objects = [&](const std::string& field,
                           const std::function<void(ReportedNumbers&)>& change) {
    ReportedNumbers changed = honest;
    change(changed);
    const std::vector<Discrepancy> found = discrepancies(changed, verified);
    const bool named = !found.empty() && found.front().field == field;
    EXPECT_TRUE(named) << field << " <> " << in_words(found);
  };
  objects("loss", [](auto& r) { *r.loss *= 1.00001; });
  objects("loss", [](auto& r) { r.loss = std::nan(""); });
  objects("penalized_loss", [](auto& r) { *r.penalized_loss *= 1.00001; });
  objects("certificate.sup_eta", [](auto& r) { *r.sup_eta *= 0.999; });
  objects("certificate.gap", [](auto& r) { *r.gap *= 0.99; });
  objects("certificate.relative_gap", [](auto& r) { *r.relative_gap *= 0.99; });
  objects("recovery.matched", [](auto& r) { --r.recovery->matched; });
  objects("recovery.recovered", [](auto& r) { --r.recovery->recovered; });
  objects("recovery.max_angle_deg", [](auto& r) { r.recovery->max_angle_deg += 1e-5; });
  objects("recovery.mean_angle_deg", [](auto& r) { r.recovery->mean_angle_deg -= 1e-5; });
  objects("recovery.far_mass", [](auto& r) { r.recovery->far_mass += 1e-6; });
  objects("recovery.subspace_share", [](auto& r) { r.recovery->subspace_share -= 1e-6; });
  objects("recovery.per_teacher.mass", [](auto& r) { r.recovery->per_teacher[0].mass += 1e-6; });
  objects("recovery.per_teacher.angle_deg",
          [](auto& r) { r.recovery->per_teacher[1].angle_deg += 1e-5; });
  objects("recovery.per_teacher.neurons", [](auto& r) { ++r.recovery->per_teacher[1].neurons; });
  objects("recovery.per_teacher.mean_angle_deg",
          [](auto& r) { r.recovery->per_teacher[1].mean_angle_deg += 1e-5; });
  objects("recovery.per_teacher.far_mass",
          [](auto& r) { r.recovery->per_teacher[0].far_mass += 1e-6; });
  objects("recovery.per_teacher.matched",
          [](auto& r) { r.recovery->per_teacher[1].matched ^= true; });
  objects("recovery.per_teacher.recovered",
          [](auto& r) { r.recovery->per_teacher[1].recovered ^= true; });
  // A rigorous bound has no slack.
  objects("certificate.sup_eta", [&](auto& r) {
    r.kind = Certificate::Kind::rigorous;
    r.sup_eta = verified.sup_eta * (1.0 - 1e-7);
  });
}

// A network that has lost one of its teachers: the search has to find it, wherever it looks first.
TEST(Verifier, FindsAMissedSupremum) {
  const Teacher teacher = small_teacher(12, 3, 17);
  Network network{teacher.amplitudes.head(2), teacher.directions.topRows(2)};
  const PopulationObjective objective(teacher);
  Standardization step;
  step.center = Vector::Zero(12);
  step.scale = Vector::Ones(12);
  step.map = Matrix::Identity(12, 12);
  Model model = neurons_in_original_units(network, objective.affine(network), false, step);
  model.columns.resize(12);
  const double lambda = 0.01;
  const VerifiedNumbers verified = verify_model(model, teacher, lambda);
  const double there = std::abs(teacher.amplitudes[2]) * h_0 / lambda;
  EXPECT_GE(verified.sup_eta, 0.999 * there);

  // The same from rows, where nobody tells the verifier of the teacher.
  const Dataset data = draw_samples(teacher, 1500, 0.0, 18);
  const SampleObjective sample({data.X, data.y, {}, false});
  const VerifiedNumbers on_rows = verify_model(model, data, Vector(), lambda);
  const double reference = estimate_certificate(sample, network, lambda).sup_eta;
  EXPECT_NEAR(on_rows.sup_eta, reference, 1e-3 * reference);
  ReportedNumbers blind;
  blind.sup_eta = on_rows.neuron_eta.cwiseAbs().maxCoeff();
  const std::vector<Discrepancy> found = discrepancies(blind, on_rows);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].field, "certificate.sup_eta");
}

// What a search for an estimate leaves is judged by the gap.
TEST(Verifier, AnEstimateMayMissWhatTheGapDoesNotFeel) {
  const Teacher teacher = small_teacher(4, 2, 17);
  const Network network{0.9 * teacher.amplitudes, teacher.directions};
  const Dataset data = draw_samples(teacher, 500, 0.1, 18);
  const SampleObjective objective({data.X, data.y, {}, false});
  const Standardization step =
      Standardization::fit(Standardization::Kind::none, data.X, data.y, {});
  Model model = neurons_in_original_units(network, objective.affine(network), false,
                                          {step.kind, step.center, step.scale, step.map, 1.0});
  model.columns = data.columns;
  const VerifiedNumbers verified = verify_model(model, data, {}, 0.05);
  ReportedNumbers said;
  for (const double short_by : {3e-4, 0.3}) {
    said.sup_eta = verified.sup_eta * (1.0 - short_by);
    said.gap = verified.gap_at(*said.sup_eta);
    const std::vector<Discrepancy> found = discrepancies(said, verified);
    EXPECT_EQ(found.size(), short_by > 0.1 ? 1u : 0u) << short_by << " " << in_words(found);
    said.kind = Certificate::Kind::rigorous;
    said.gap.reset();
    EXPECT_EQ(discrepancies(said, verified).size(), 1u);
    said.kind = Certificate::Kind::estimated;
  }
  // Whoever says that maxima are unseen has said that there may be higher ones.
  said.sup_eta = 0.98 * verified.sup_eta;
  EXPECT_EQ(discrepancies(said, verified).size(), 1u);
  said.unseen_share = 0.5;
  EXPECT_EQ(discrepancies(said, verified).size(), 0u);
  said.sup_eta = 0.9 * verified.sup_eta;
  EXPECT_EQ(discrepancies(said, verified).size(), 1u);
}

TEST(Verifier, RefusesWhatDoesNotFit) {
  const Teacher teacher = small_teacher(3, 2, 19);
  const Dataset data = draw_samples(teacher, 20, 0.0, 20);
  Standardization step = Standardization::fit(Standardization::Kind::scale, data.X, data.y, {});
  Model model =
      neurons_in_original_units(normal_network(2, 4, 21), {0.0, Vector::Zero(3)}, true, step);
  model.columns = data.columns;
  EXPECT_THROW(verify_model(model, teacher, 0.1), InvalidArgument);
  EXPECT_THROW(verify_model(model, data, Vector(), -0.1), InvalidArgument);
  EXPECT_THROW(verify_model(model, data, Vector::Ones(3), 0.1), InvalidArgument);
  EXPECT_THROW(verify_model(model, Dataset{Matrix(2, 2), Vector(2), {}, ""}, Vector(), 0.1),
               InvalidArgument);
  VerifierOptions options;
  options.directions = Matrix::Ones(1, 3);  // no bias
  EXPECT_THROW(verify_model(model, data, Vector(), 0.1, options), InvalidArgument);
  Model plain = model;
  plain.biases = false;
  plain.standardization = Standardization();
  plain.standardization.center = Vector::Zero(3);
  plain.standardization.scale = Vector::Ones(3);
  options.directions = Matrix::Ones(2, 4);
  EXPECT_THROW(verify_model(plain, teacher, 0.1, options), InvalidArgument);
  options.directions.resize(1, 0);
  EXPECT_THROW(verify_model(plain, teacher, 0.1, options), InvalidArgument);
  const VerifiedNumbers without_penalty = verify_model(model, data, Vector(), 0.0);
  EXPECT_TRUE(std::isnan(without_penalty.sup_eta));
  EXPECT_EQ(without_penalty.penalized_loss, without_penalty.loss);
}

// ---- several outputs

// A problem of several targets or classes, as a fit makes it of rows in their own units.
struct SharedProblem {
  Dataset rows;
  Standardization standardization;
  SharedObjective objective;

  Model model_of(const Network& network) const {
    Model model = to_original_units(network, objective.affines(network), true, standardization);
    model.columns = rows.columns;
    model.family = objective.family();
    return model;
  }

  VerifiedNumbers verified(const Network& network, double lambda,
                           const VerifierOptions& options = {}) const {
    return verify_model(model_of(network), rows, rows.weights, lambda, options);
  }
};

SharedProblem shared_problem(SampleData data, Standardization::Kind kind) {
  Dataset rows;
  rows.X = data.X;
  rows.X.col(1) = 30.0 * rows.X.col(1).array() + 50.0;
  rows.columns = numbered_columns(rows.X.cols());
  rows.weights = data.weights;
  rows.y = data.y;
  Standardization step;
  if (data.family.softmax()) {
    step = Standardization::fit(kind, rows.X, rows.y, rows.weights);
    step.target_scale = 1.0;
  } else {
    for (Index k = 0; k < data.Y.cols(); ++k) data.Y.col(k) *= std::pow(10.0, k);
    rows.Y = data.Y;
    rows.y = rows.Y.col(0);
    step = Standardization::fit_several(kind, rows.X, rows.Y, rows.weights);
    data.Y.array().rowwise() /= step.target_scales.transpose().array();
  }
  data.X = step.apply(rows.X);
  return {std::move(rows), step, SharedObjective(std::move(data))};
}

ReportedNumbers reported_by(double loss, double penalized_loss, const Certificate& certificate) {
  ReportedNumbers reported;
  reported.loss = loss;
  reported.penalized_loss = penalized_loss;
  reported.balanced = true;
  reported.sup_eta = certificate.sup_eta;
  reported.attained = certificate.sup_eta_lower;
  reported.gap = certificate.gap;
  reported.relative_gap = certificate.relative_gap;
  return reported;
}

TEST(Verifier, AgreesWithSeveralOutputs) {
  using Kind = Standardization::Kind;
  std::uint64_t seed = 30;
  for (const bool classes : {false, true}) {
    for (const Kind kind : {Kind::none, Kind::scale, Kind::whiten}) {
      ++seed;
      const Index q = 2 + static_cast<Index>(seed % 3);
      const double ridge = kind == Kind::scale ? 0.0 : 1e-3;
      SampleData data =
          classes ? several_classes(150, 3, q, seed, ridge) : several_targets(150, 3, q, seed);
      if (kind != Kind::scale) data.weights = normal_vector(150, seed, "weights").cwiseAbs();
      const SharedProblem problem = shared_problem(std::move(data), kind);
      const SharedObjective& objective = problem.objective;
      Network network = shared_network(5, 4, q, seed);
      network.a *= 0.2;
      const double lambda = 0.05;
      const Certificate certificate = estimate_certificate(objective, network, lambda);
      VerifierOptions options;
      options.directions = certificate.direction.transpose();
      const VerifiedNumbers verified = problem.verified(network, lambda, options);
      const double loss = objective.loss(network);
      const double mass = masses(network).sum();
      EXPECT_NEAR(verified.loss, loss, 1e-9 * loss) << seed;
      EXPECT_NEAR(verified.loss_as_given, loss, 1e-9 * loss) << seed;
      EXPECT_NEAR(verified.null_loss, objective.null_loss(), 1e-9 * objective.null_loss()) << seed;
      EXPECT_NEAR(verified.mass, mass, 1e-9 * mass) << seed;
      // Conjugate gradients leave more of the derivatives of classes than of the loss.
      const double of_eta = classes ? 1e-8 : 2e-9;
      EXPECT_NEAR(verified.given_eta[0], certificate.sup_eta, of_eta * certificate.sup_eta) << seed;
      EXPECT_NEAR(verified.gap_at(certificate.sup_eta), certificate.gap,
                  1e-9 * verified.balanced_loss)
          << seed;
      EXPECT_GE(certificate.sup_eta, verified.sup_eta * (1.0 - 1e-6)) << seed;
      const Vector eta =
          objective.residual(network)->correlate(unit_directions(network.W)).value / lambda;
      const auto sorted = [](Vector values) {  // the model has the heaviest neuron first
        std::sort(values.begin(), values.end());
        return values;
      };
      EXPECT_LE((sorted(verified.neuron_eta) - sorted(eta)).norm(), of_eta * eta.norm()) << seed;
      EXPECT_EQ(
          in_words(discrepancies(reported_by(loss, loss + lambda * mass, certificate), verified)),
          "")
          << seed;
    }
  }
}

// Of columns that depend on others, and of classes that a linear function separates.
TEST(Verifier, AgreesWithSeveralOutputsWhereTheLinearPartIsAwkward) {
  for (const bool classes : {false, true}) {
    SampleData data =
        classes ? several_classes(150, 3, 3, 41, 0.0) : several_targets(150, 3, 3, 41);
    data.X.col(2) = data.X.col(0);
    const SharedProblem problem = shared_problem(data, Standardization::Kind::whiten);
    const Network network = shared_network(3, 3, 3, 41);
    const double loss = problem.objective.loss(network);
    EXPECT_NEAR(problem.verified(network, 0.1).loss, loss, 1e-9 * loss);
    const SharedProblem as_they_are = shared_problem(data, Standardization::Kind::none);
    const Network other = shared_network(3, 4, 3, 41);
    const double loss_there = as_they_are.objective.loss(other);
    EXPECT_NEAR(as_they_are.verified(other, 0.1).loss, loss_there, 1e-9 * loss_there);
  }
  SampleData separated = several_classes(90, 2, 3, 42, 0.0);
  for (Index t = 0; t < 90; ++t) {
    const double angle = 2.0 * std::numbers::pi * separated.y[t] / 3.0;
    separated.X.row(t) =
        0.1 * separated.X.row(t) + Eigen::RowVector2d(std::cos(angle), std::sin(angle));
  }
  const SharedProblem problem = shared_problem(separated, Standardization::Kind::scale);
  const VerifiedNumbers verified = problem.verified(shared_network(2, 3, 3, 42), 0.1);
  EXPECT_LE(verified.loss, 1e-9);
  EXPECT_LE(verified.null_loss, 1e-9);
}

TEST(Verifier, ObjectsToChangedNumbersOfSeveralOutputs) {
  for (const bool classes : {false, true}) {
    const SharedProblem problem =
        shared_problem(classes ? several_classes(200, 3, 3, 51) : several_targets(200, 3, 3, 51),
                       Standardization::Kind::scale);
    PathOptions options;
    options.values = {0.1 * largest_lambda(problem.objective)};
    options.gap_tolerance = 1e-2;
    const PathPoint point = solve_path(problem.objective, options).points.front();
    const ReportedNumbers honest =
        reported_by(problem.objective.loss(point.network), point.penalized_loss, point.certificate);
    VerifierOptions where;
    where.directions = point.certificate.direction.transpose();
    const VerifiedNumbers verified = problem.verified(point.network, point.lambda, where);
    ASSERT_EQ(in_words(discrepancies(honest, verified)), "");
    const auto objects = [&](const std::string& field,
                             const std::function<void(ReportedNumbers&)>& change) {
      ReportedNumbers changed = honest;
      change(changed);
      const std::vector<Discrepancy> found = discrepancies(changed, verified);
      const bool named = !found.empty() && found.front().field == field;
      EXPECT_TRUE(named) << field << " <> " << in_words(found);
    };
    objects("loss", [](auto& r) { *r.loss *= 1.00001; });
    objects("penalized_loss", [](auto& r) { *r.penalized_loss *= 1.00001; });
    objects("certificate.sup_eta_lower", [](auto& r) { *r.attained *= 1.00001; });
    objects("certificate.gap", [](auto& r) { *r.gap *= 0.99; });
    objects("certificate.relative_gap", [](auto& r) { *r.relative_gap *= 0.99; });
    Model changed = problem.model_of(point.network);
    changed.features.front().amplitudes[1] *= 1.01;
    const std::vector<Discrepancy> found =
        discrepancies(honest, verify_model(changed, problem.rows, {}, point.lambda, where));
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.front().field, "loss");
  }
}

TEST(Verifier, RefusesRowsOfOtherOutputs) {
  const SharedProblem targets =
      shared_problem(several_targets(40, 3, 3, 61), Standardization::Kind::scale);
  Model model = targets.model_of(shared_network(2, 4, 3, 61));
  Dataset rows = targets.rows;
  rows.Y = rows.Y.leftCols(2).eval();
  EXPECT_THROW(verify_model(model, rows, {}, 0.1), InvalidArgument);
  const SharedProblem classes =
      shared_problem(several_classes(40, 3, 3, 61), Standardization::Kind::scale);
  model = classes.model_of(shared_network(2, 4, 3, 61));
  rows = classes.rows;
  rows.y = rows.y.cwiseMin(1.0);
  EXPECT_THROW(verify_model(model, rows, {}, 0.1), InvalidArgument);
}

}  // namespace
}  // namespace lodestone
