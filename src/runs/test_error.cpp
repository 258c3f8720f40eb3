#include <cmath>
#include <limits>

#include "lodestone/runs/train.hpp"

namespace lodestone {
namespace {

// Over rows that each count by their weight.
double mean_of(const Vector& values, const Vector& weights) {
  if (weights.size() == 0) return values.sum() / static_cast<double>(values.size());
  return values.dot(weights) / weights.sum();
}

Vector shares_of(const Vector& weights, Index rows) {
  if (weights.size() == 0) return Vector::Constant(rows, 1.0 / static_cast<double>(rows));
  return weights / weights.sum();
}

// The scores of the best constant beside the offset.
Vector null_scores(const Family& family, const Vector& targets, const Vector& shares,
                   const Vector& offset) {
  Vector scores = Vector::Constant(targets.size(), family.constant_score(targets, shares, offset));
  if (offset.size() > 0) scores += offset;
  return scores;
}

void add_deviance(const Family& family, const Vector& scores, const Vector& targets,
                  const Vector& shares, const Vector& offset, TestError& error) {
  const auto losses = [&](const Vector& of) {
    return targets.binaryExpr(of, [&](double y, double score) { return family.loss(y, score); })
        .eval();
  };
  const double loss = shares.dot(losses(scores));
  const double null = shares.dot(losses(null_scores(family, targets, shares, offset)));
  if (null > 0.0) error.deviance_explained = 1.0 - loss / null;
  if (family.kind != Family::Kind::logistic) return;
  // What the best possible score would leave is part of the log loss, and 0 for classes.
  const auto entropy = [](double y) {
    return y > 0.0 && y < 1.0 ? -y * std::log(y) - (1.0 - y) * std::log1p(-y) : 0.0;
  };
  error.log_loss = loss + shares.dot(targets.unaryExpr(entropy));
  if ((targets.array() == 0.0 || targets.array() == 1.0).all()) {
    const auto right = (scores.array() > 0.0) == (targets.array() == 1.0);
    error.accuracy = shares.dot(right.cast<double>().matrix());
  }
}

}  // namespace

TestError test_error(const Family& family, const Vector& scores, const Vector& targets,
                     const Vector& weights, const Vector& offset) {
  family.check_values(targets);
  const Vector shares = shares_of(weights, targets.size());
  const double error = mean_of((family.response(scores) - targets).cwiseAbs2(), weights);
  // Of the best constant prediction: without an offset the target's mean.
  const Vector null = offset.size() == 0
                          ? Vector::Constant(targets.size(), mean_of(targets, weights))
                          : family.response(null_scores(family, targets, shares, offset));
  const double variance = mean_of((targets - null).cwiseAbs2(), weights);
  TestError result;
  result.rows = targets.size();
  result.rmse = std::sqrt(error);
  if (variance > 0.0) {
    result.relative_error = error / variance;
    result.r2 = 1.0 - result.relative_error;
  }
  if (!family.square()) add_deviance(family, scores, targets, shares, offset, result);
  return result;
}

namespace {

// Of several targets the errors are in units of each one's deviation, and means over the targets.
TestError error_of_targets(const Model& model, const Dataset& rows) {
  const Matrix scores = model.output_scores(rows.X);
  TestError result;
  result.rows = rows.X.rows();
  result.rmse = std::numeric_limits<double>::quiet_NaN();
  double sum = 0.0;
  for (Index k = 0; k < model.output_count(); ++k) {
    sum += test_error(Family(), scores.col(k), rows.Y.col(k), rows.weights).relative_error;
  }
  result.relative_error = sum / static_cast<double>(model.output_count());
  result.r2 = 1.0 - result.relative_error;
  return result;
}

TestError error_of_classes(const Model& model, const Dataset& rows) {
  model.family.check_values(rows.y);
  const Matrix scores = model.output_scores(rows.X);
  const Vector shares = shares_of(rows.weights, rows.X.rows());
  Vector of_classes = Vector::Zero(model.output_count());
  double loss = 0.0;
  double right = 0.0;
  for (Index t = 0; t < scores.rows(); ++t) {
    const auto own = static_cast<Index>(rows.y[t]);
    Index likeliest = 0;
    scores.row(t).maxCoeff(&likeliest);
    loss += shares[t] * softmax_at(own, scores.row(t)).loss;
    if (likeliest == own) right += shares[t];
    of_classes[own] += shares[t];
  }
  const double null =
      -of_classes
           .unaryExpr([](double share) { return share > 0.0 ? share * std::log(share) : 0.0; })
           .sum();
  TestError result;
  result.rows = rows.X.rows();
  result.rmse = std::numeric_limits<double>::quiet_NaN();
  result.log_loss = loss;
  result.accuracy = right;
  if (null > 0.0) result.deviance_explained = 1.0 - loss / null;
  return result;
}

}  // namespace

TestError test_error(const Model& model, const Dataset& rows) {
  if (model.family.softmax()) return error_of_classes(model, rows);
  if (!model.outputs.empty()) return error_of_targets(model, rows);
  return test_error(model.family, model.scores(rows.X, rows.offset), rows.y, rows.weights,
                    rows.offset);
}

}  // namespace lodestone
