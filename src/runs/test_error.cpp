#include <cmath>

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

TestError test_error(const Model& model, const Dataset& rows) {
  return test_error(model.family, model.scores(rows.X, rows.offset), rows.y, rows.weights,
                    rows.offset);
}

}  // namespace lodestone
