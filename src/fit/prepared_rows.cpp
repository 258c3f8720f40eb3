#include "fit/prepared_rows.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "lodestone/objective/shared.hpp"

namespace lodestone::fitting {

namespace {

// Puts the sign of these columns among those of all.
void set_signs(const char* field, const std::vector<std::string>& names, double sign,
               const Dataset& data, Vector& signs) {
  for (const std::string& name : names) {
    const auto at = std::find(data.columns.begin(), data.columns.end(), name);
    if (at != data.columns.end()) {
      signs[at - data.columns.begin()] = sign;
      continue;
    }
    for (const Encoding& encoding : data.encodings) {
      if (encoding.column != name) continue;
      throw InvalidArgument(field, "'" + name + "'",
                            "a column of text has no order; one of its 0/1 columns has, such as '" +
                                name + "=" + encoding.values.back() + "'");
    }
    throw InvalidArgument(field, "'" + name + "'",
                          "no input column has this name" + did_you_mean(name, data.columns));
  }
}

// The same signs in the coordinates of training: one column of the table each.
SignConstraints standardized(const SignConstraints& constraints,
                             const Standardization& standardization) {
  if (!constraints.any()) return constraints;
  return SignConstraints((standardization.map.transpose() * constraints.signs()).cwiseSign());
}

SampleData standardized(const Dataset& data, const Standardization& standardization,
                        const FitOptions& options) {
  // The square loss knows the difference alone, in the bits of a target that has it taken off.
  const bool square = options.family.square();
  return {standardization.apply(data.X),
          (square ? data.target_beyond_offset() : data.y) / standardization.target_scale,
          data.weights,
          options.biases,
          options.precision,
          options.family,
          square ? Vector() : Vector(data.offset / standardization.target_scale),
          Matrix(data.Y.array().rowwise() / standardization.target_scales.transpose().array()),
          standardized(constraints_of(data, options), standardization)};
}

// The names of the outputs: of targets, or of classes.
std::string output_name(const Dataset& data, std::size_t k) {
  if (!data.targets.empty()) return data.targets[k];
  return data.classes.empty() ? std::to_string(k) : data.classes[k];
}

}  // namespace

SignConstraints constraints_of(const Dataset& data, const FitOptions& options) {
  if (!options.constrained()) return {};
  Vector signs = Vector::Zero(data.X.cols());
  set_signs("increasing", options.increasing, 1.0, data, signs);
  set_signs("decreasing", options.decreasing, -1.0, data, signs);
  return SignConstraints(std::move(signs));
}

std::unique_ptr<const RowObjective> objective_of(const Dataset& data,
                                                 const Standardization& standardization,
                                                 const FitOptions& options) {
  SampleData rows = standardized(data, standardization, options);
  if (options.family.softmax() || rows.Y.size() > 0) {
    return std::make_unique<const SharedObjective>(std::move(rows));
  }
  return std::make_unique<const SampleObjective>(std::move(rows));
}

PreparedRows prepare(Dataset data, const FitOptions& options) {
  PreparedRows rows;
  rows.data = std::move(data);
  const Dataset& given = rows.data;
  rows.constraints = constraints_of(given, options);
  rows.standardization =
      given.Y.size() > 0
          ? Standardization::fit_several(options.standardize, given.X, given.Y, given.weights)
          : Standardization::fit(options.standardize, given.X, given.target_beyond_offset(),
                                 given.weights,
                                 rows.constraints.any() ? Standardization::Columns::apart
                                                        : Standardization::Columns::any);
  if (!options.family.square()) rows.standardization.target_scale = 1.0;
  rows.null_deviance = null_deviance(rows.data, options.family);
  rows.objective = objective_of(rows.data, rows.standardization, options);
  return rows;
}

Model model_of(const Network& network, const PreparedRows& rows, bool biases) {
  Model model =
      to_original_units(network, rows.objective->affines(network), biases, rows.standardization);
  for (std::size_t k = 0; k < model.outputs.size(); ++k) {
    model.outputs[k].name = output_name(rows.data, k);
  }
  model.columns = rows.data.columns;
  model.encodings = rows.data.encodings;
  model.imputations = rows.data.imputations;
  model.target = rows.data.target;
  model.classes = rows.data.classes;
  model.offset_column = rows.data.offset_column;
  model.family = rows.objective->family();
  model.constraints = rows.constraints;
  model.ranges = column_ranges(rows.data.X);
  return model;
}

namespace {

// The unit deviance of scores: for the square loss the squared error.
Vector deviances(const Family& family, const Vector& y, const Vector& scores) {
  if (family.square()) return (scores - y).cwiseAbs2();
  return y.binaryExpr(
      scores, [&](double target, double score) { return 2.0 * family.loss(target, score); });
}

}  // namespace

Model model_of(const RidgeSum& sum, const PreparedRows& rows) {
  const Network network = sum.network();
  const Network none = Network::empty(network.W.cols());
  Model model = model_of(none, rows, true);
  Model features = neurons_in_original_units(network, rows.objective->affine(network), true,
                                             rows.standardization);
  model.affine = std::move(features.affine);
  model.features = std::move(features.features);
  Index first = 0;
  for (const RidgeSum::Ridge& ridge : sum.ridges) {
    const Index count = ridge.knots.size();
    model.ridges.push_back({first, count, ridge.degrees_of_freedom, ridge.explained});
    first += count;
  }
  return model;
}

Vector normalized_weights(const Dataset& data) {
  if (data.weights.size() == 0) {
    return Vector::Constant(data.y.size(), 1.0 / static_cast<double>(data.y.size()));
  }
  return data.weights / data.weights.sum();
}

double null_deviance(const Dataset& data, const Family& family) {
  if (data.Y.size() > 0) return static_cast<double>(data.Y.cols());
  const Vector weights = normalized_weights(data);
  if (family.softmax()) {
    Vector shares = Vector::Zero(family.classes);
    for (Index t = 0; t < weights.size(); ++t) shares[static_cast<Index>(data.y[t])] += weights[t];
    return -2.0 * shares.dot(shares.array().log().matrix());
  }
  const double constant = family.constant_score(data.y, weights, data.offset);
  Vector scores = Vector::Constant(data.y.size(), constant);
  if (data.offset.size() > 0) scores += data.offset;
  return weights.dot(deviances(family, data.y, scores));
}

Vector deviances(const Model& model, const Dataset& table, Index first, Index count) {
  const auto X = table.X.middleRows(first, count);
  const Vector y = table.y.segment(first, count);
  const Vector offset =
      table.offset.size() == 0 ? Vector() : Vector(table.offset.segment(first, count));
  if (model.outputs.empty()) return deviances(model.family, y, model.scores(X, offset));
  const Matrix scores = model.output_scores(X);
  Vector result(count);
  if (!model.family.softmax()) {
    const Matrix errors = scores - table.Y.middleRows(first, count);
    for (Index t = 0; t < count; ++t) {
      result[t] = errors.row(t)
                      .cwiseQuotient(model.standardization.target_scales.transpose())
                      .squaredNorm();
    }
    return result;
  }
  for (Index t = 0; t < count; ++t) {
    result[t] = 2.0 * softmax_at(static_cast<Index>(y[t]), scores.row(t)).loss;
  }
  return result;
}

}  // namespace lodestone::fitting
