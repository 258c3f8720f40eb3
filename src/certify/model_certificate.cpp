#include "lodestone/certify/model_certificate.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "certify/gap.hpp"
#include "certify/search_effort.hpp"
#include "core/factorizations.hpp"
#include "core/largest.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

void check(const CertifyOptions& options) {
  if (options.lambda) require_in(CertifyOptions::Limits::lambda, "lambda", *options.lambda);
  require_in(CertifyOptions::Limits::tolerance, "tolerance", options.tolerance);
}

void list_neurons(const Residual& residual, const Network& network, double tolerance,
                  ModelCertificate& result) {
  const Vector mass = masses(network);
  const Vector eta = -residual.correlate(unit_directions(network.W)).value / result.lambda;
  for (const Index i : positions_of_largest(mass, mass.size())) {
    ModelCertificate::Neuron neuron{i, mass[i], std::copysign(1.0, network.a[i]), eta[i], false};
    neuron.violates = !(std::abs(neuron.eta - neuron.sign) <= tolerance);
    if (neuron.violates) {
      ++result.violations;
      result.violating_share += mass[i] / result.mass;
    }
    result.neurons.push_back(neuron);
  }
}

ModelCertificate certify(const Model& model, const StandardizedModel& standardized,
                         const Objective& objective, const CertifyOptions& options) {
  check(options);
  const Network& network = standardized.network;
  const auto residual = objective.residual(network);
  const Supremum found = estimate_supremum(*residual, network, options.ascent);
  SupremumBound bound;
  if (options.rigorous) bound = bound_supremum(*residual, found, options.proof);

  ModelCertificate result;
  if (options.lambda) {
    result.lambda = *options.lambda;
  } else if (model.provenance.lambda > 0.0) {
    result.lambda = model.provenance.lambda;
    result.lambda_source = ModelCertificate::LambdaSource::model;
  } else {
    result.lambda =
        tightest_lambda(*residual, network, options.rigorous ? bound.upper : found.value);
    result.lambda_source = ModelCertificate::LambdaSource::tightest;
  }
  result.lambda_in_target_units = result.lambda * model.standardization.target_scale;
  result.certificate =
      options.rigorous
          ? rigorous_certificate(objective, network, result.lambda, options.proof, options.ascent)
          : estimated_certificate(*residual, network, result.lambda, found);
  result.loss = objective.loss(network);
  result.null_loss = objective.null_loss();
  result.mass = masses(network).sum();
  result.penalized_loss = result.loss + result.lambda * result.mass;

  const auto maximum = [&](double correlation, const Vector& direction) {
    return ModelCertificate::Maximum{
        -correlation / result.lambda,
        feature_in_original_units(1.0 / model.standardization.target_scale, direction, model.biases,
                                  standardized.standardization)};
  };
  for (Index i = 0; i < found.maxima; ++i) {
    result.maxima.push_back(maximum(found.maxima_values[i], found.maxima_directions.row(i)));
  }
  if (result.certificate.direction.size() > 0) {
    const Vector& direction = result.certificate.direction;
    result.worst = maximum(residual->correlate(direction.transpose()).value[0], direction);
  }
  list_neurons(*residual, network, options.tolerance, result);
  return result;
}

}  // namespace

AscentOptions CertifyOptions::default_search() { return search::for_a_certificate(0); }

const char* name(ModelCertificate::LambdaSource source) {
  switch (source) {
    case ModelCertificate::LambdaSource::given:
      return "given";
    case ModelCertificate::LambdaSource::model:
      return "model";
    case ModelCertificate::LambdaSource::tightest:
      return "tightest";
  }
  return "";
}

ModelCertificate certify_model(const Model& model, const Dataset& rows, const Vector& weights,
                               const CertifyOptions& options) {
  if (rows.X.cols() != model.dimension()) {
    throw InvalidArgument("data", std::to_string(rows.X.cols()) + " columns",
                          "the model has " + std::to_string(model.dimension()));
  }
  if (options.rigorous && model.constraints.any()) {
    throw InvalidArgument("rigorous", "on",
                          "proofs are without sign constraints; models that are monotone in a "
                          "column have estimated certificates");
  }
  if (options.rigorous && !model.family.square()) {
    throw InvalidArgument("rigorous", "on",
                          "proofs are for the square loss; other families have "
                          "estimated certificates");
  }
  const StandardizedModel standardized = to_standardized(model);
  const double unit = model.standardization.target_scale;
  SampleData data;
  data.X = standardized.standardization.apply(rows.X);
  const bool square = model.family.square();
  data.y = (square ? rows.target_beyond_offset() : rows.y) / unit;
  data.weights = weights;
  data.biases = model.biases;
  data.family = model.family;
  if (!square) data.offset = rows.offset / unit;
  // Constrained columns are scaled at most: their map has one column each.
  if (model.constraints.any()) {
    data.constraints = SignConstraints(
        (standardized.standardization.map.transpose() * model.constraints.signs()).cwiseSign());
  }
  const SampleObjective objective(std::move(data));
  ModelCertificate result = certify(model, standardized, objective, options);
  const Vector losses =
      (rows.y / unit)
          .binaryExpr(model.scores(rows.X, rows.offset) / unit, [&](double target, double score) {
            return model.family.loss(target, score);
          });
  result.loss_as_given = weights.size() == 0 ? losses.mean() : losses.dot(weights) / weights.sum();
  if (model.family.linear_ridge > 0.0) {
    // In the standardized columns, which may be rotated ones.
    const Standardization& step = standardized.standardization;
    const Vector slopes = least_squares(step.map, model.affine.beta);
    const Matrix X = step.apply(rows.X);
    const Vector shares = weights.size() == 0
                              ? Vector::Constant(X.rows(), 1.0 / static_cast<double>(X.rows()))
                              : Vector(weights / weights.sum());
    const Vector means = X.transpose() * shares;
    const Vector variances = (X.rowwise() - means.transpose()).cwiseAbs2().transpose() * shares;
    result.loss_as_given += 0.5 * model.family.linear_ridge * slopes.cwiseAbs2().dot(variances);
  }
  return result;
}

ModelCertificate certify_model(const Model& model, const Teacher& teacher,
                               const CertifyOptions& options) {
  if (model.biases || model.standardization.kind != Standardization::Kind::none) {
    throw InvalidArgument("model", model.biases ? "neurons with biases" : "standardized inputs",
                          "the population of a teacher has neither; certify on rows drawn from it");
  }
  if (teacher.dimension() != model.dimension()) {
    throw InvalidArgument("teacher", "dimension " + std::to_string(teacher.dimension()),
                          "the model has " + std::to_string(model.dimension()) + " inputs");
  }
  const StandardizedModel standardized = to_standardized(model);
  const PopulationObjective objective(
      {teacher.directions, teacher.amplitudes / model.standardization.target_scale});
  ModelCertificate result = certify(model, standardized, objective, options);
  // What the model's α and β miss of their optimum: 1 and x are orthonormal (docs/math.md, 2.1).
  const Affine best = objective.affine(standardized.network);
  result.loss_as_given = result.loss + 0.5 * (std::pow(standardized.affine.alpha - best.alpha, 2) +
                                              (standardized.affine.beta - best.beta).squaredNorm());
  return result;
}

}  // namespace lodestone
