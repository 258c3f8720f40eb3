// Certificates of whole models, in original units.

#include "lodestone/certify/model_certificate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lodestone/core/error.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::normal_network;
using support::normal_vector;
using support::small_teacher;

const double h_0 = 0.25 - 0.5 / std::numbers::pi;

Standardization no_standardization(Index d) {
  Standardization step;
  step.center = Vector::Zero(d);
  step.scale = Vector::Ones(d);
  step.map = Matrix::Identity(d, d);
  return step;
}

Model model_of(const Network& network, const Affine& affine, bool biases,
               const Standardization& step) {
  Model model = neurons_in_original_units(network, affine, biases, step);
  model.columns.resize(static_cast<std::size_t>(step.center.size()));
  return model;
}

// The numbers are those of the objective that the network was made for, whatever the units.
TEST(ModelCertificate, IsThatOfTheStandardizedProblem) {
  Dataset data = draw_samples(small_teacher(3, 2, 1), 150, 0.1, 2);
  data.X.col(0) = 100.0 + 7.0 * data.X.col(0).array();
  data.y = 30.0 * data.y;
  const Vector weights = normal_vector(150, 3).cwiseAbs();
  for (const auto kind :
       {Standardization::Kind::none, Standardization::Kind::scale, Standardization::Kind::whiten}) {
    const Standardization step = Standardization::fit(kind, data.X, data.y, weights);
    const SampleObjective objective(
        {step.apply(data.X), data.y / step.target_scale, weights, true});
    Network network = normal_network(6, 4, 4);
    network.W.row(5).setZero();  // has no direction, and must not count
    const Affine affine = objective.affine(network);
    const Model model = model_of(network, affine, true, step);
    CertifyOptions options;
    options.lambda = 0.02;
    const ModelCertificate found = certify_model(model, data, weights, options);
    const Certificate direct = estimate_certificate(objective, network, 0.02, options.ascent);
    const double loss = objective.loss(network);
    EXPECT_NEAR(found.loss, loss, 1e-10 * loss) << name(kind);
    EXPECT_NEAR(found.loss_as_given, loss, 1e-9 * loss);
    EXPECT_NEAR(found.mass, masses(network).sum(), 1e-10);
    EXPECT_NEAR(found.certificate.sup_eta, direct.sup_eta, 1e-4 * direct.sup_eta) << name(kind);
    EXPECT_NEAR(found.certificate.gap, direct.gap, 1e-4 * direct.gap);
    EXPECT_EQ(found.lambda_in_target_units, 0.02 * step.target_scale);
    ASSERT_EQ(found.neurons.size(), 5u);
    EXPECT_GE(found.neurons[0].mass, found.neurons[4].mass);
    EXPECT_EQ(static_cast<Index>(found.maxima.size()), found.certificate.distinct_maxima);
    // The worst direction in original units attains the supremum: as a feature of its own.
    const auto residual = objective.residual(network);
    Model single = model;
    single.features = {found.worst.direction};
    const Network worst = to_standardized(single).network;
    EXPECT_NEAR(worst.W.row(0).norm(), 1.0, 1e-9);
    EXPECT_NEAR(-residual->correlate(worst.W).value[0] / 0.02, found.worst.eta,
                1e-8 * direct.sup_eta);
  }
}

// The λ that is chosen beats its neighbours, and for an optimum it is that optimum's own.
TEST(ModelCertificate, TightestLambda) {
  const Teacher teacher = small_teacher(4, 3, 5);
  Network network{0.9 * teacher.amplitudes, teacher.directions};
  const Model model = model_of(network, {0.0, Vector::Zero(4)}, false, no_standardization(4));
  const ModelCertificate best = certify_model(model, teacher);
  EXPECT_EQ(best.lambda_source, ModelCertificate::LambdaSource::tightest);
  CertifyOptions options;
  for (const double factor : {0.3, 0.9, 0.99, 1.01, 1.1, 3.0}) {
    options.lambda = factor * best.lambda;
    EXPECT_GE(certify_model(model, teacher, options).certificate.relative_gap,
              best.certificate.relative_gap)
        << factor;
  }
  const Teacher one{Matrix::Identity(1, 4), Vector::Constant(1, 2.0)};
  const Network optimum{Vector::Constant(1, 2.0 - 0.03 / h_0), one.directions};
  const ModelCertificate found =
      certify_model(model_of(optimum, {0.0, Vector::Zero(4)}, false, no_standardization(4)), one);
  EXPECT_NEAR(found.lambda, 0.03, 1e-9);
  EXPECT_NEAR(found.certificate.relative_gap, 0.0, 1e-9);
  EXPECT_EQ(found.violations, 0);
  // Without neurons nothing is explained; the certificate still says something true.
  const ModelCertificate empty = certify_model(
      model_of({Vector(0), Matrix(0, 4)}, {0.0, Vector::Zero(4)}, false, no_standardization(4)),
      one);
  EXPECT_GT(empty.lambda, 0.0);
  EXPECT_NEAR(empty.loss, empty.null_loss, 1e-15);
  EXPECT_TRUE(empty.neurons.empty());
}

// The target's unit: teacher and model in units of 5, numbers those of the problem in units of 1.
TEST(ModelCertificate, PopulationInUnitsOfTheTarget) {
  const Teacher teacher = small_teacher(5, 2, 6);
  Standardization step = no_standardization(5);
  step.target_scale = 5.0;
  const Network network = normal_network(4, 5, 7);
  const Model model = model_of(network, {0.1, normal_vector(5, 8)}, false, step);
  CertifyOptions options;
  options.lambda = 0.01;
  const ModelCertificate found =
      certify_model(model, Teacher{teacher.directions, 5.0 * teacher.amplitudes}, options);
  const PopulationObjective objective(teacher);
  EXPECT_NEAR(found.loss, objective.loss(network), 1e-12 * found.loss);
  EXPECT_NEAR(found.certificate.gap, estimate_certificate(objective, network, 0.01).gap,
              1e-9 * found.certificate.gap);
  EXPECT_GT(found.loss_as_given, found.loss);
}

TEST(ModelCertificate, RefusesWhatDoesNotFit) {
  const Teacher teacher = small_teacher(3, 2, 9);
  const Dataset data = draw_samples(teacher, 30, 0.0, 10);
  const Model model =
      model_of(normal_network(2, 3, 11), {0.0, Vector::Zero(3)}, false, no_standardization(3));
  CertifyOptions options;
  for (const double lambda : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    options.lambda = lambda;
    EXPECT_THROW(certify_model(model, teacher, options), InvalidArgument) << lambda;
  }
  options.lambda = 0.1;
  options.tolerance = 0.0;
  EXPECT_THROW(certify_model(model, teacher, options), InvalidArgument);
  EXPECT_THROW(certify_model(model, small_teacher(4, 2, 12)), InvalidArgument);
  EXPECT_THROW(certify_model(model, draw_samples(small_teacher(4, 2, 12), 9, 0.0, 1), Vector()),
               InvalidArgument);
  const Model with_biases =
      model_of(normal_network(2, 4, 13), {0.0, Vector::Zero(3)}, true, no_standardization(3));
  EXPECT_THROW(certify_model(with_biases, teacher), InvalidArgument);
}

}  // namespace
}  // namespace lodestone
