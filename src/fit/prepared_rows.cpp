#include "fit/prepared_rows.hpp"

#include <utility>

namespace lodestone::fitting {

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
          square ? Vector() : Vector(data.offset / standardization.target_scale)};
}

PreparedRows prepare(Dataset data, const FitOptions& options) {
  PreparedRows rows;
  rows.data = std::move(data);
  rows.standardization = Standardization::fit(options.standardize, rows.data.X,
                                              rows.data.target_beyond_offset(), rows.data.weights);
  if (!options.family.square()) rows.standardization.target_scale = 1.0;
  rows.null_deviance = null_deviance(rows.data, options.family);
  rows.objective = std::make_unique<const SampleObjective>(
      standardized(rows.data, rows.standardization, options));
  return rows;
}

Model model_of(const Network& network, const PreparedRows& rows, bool biases) {
  Model model =
      to_original_units(network, rows.objective->affine(network), biases, rows.standardization);
  model.columns = rows.data.columns;
  model.encodings = rows.data.encodings;
  model.imputations = rows.data.imputations;
  model.target = rows.data.target;
  model.classes = rows.data.classes;
  model.offset_column = rows.data.offset_column;
  model.family = rows.objective->family();
  model.ranges = column_ranges(rows.data.X);
  return model;
}

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
  const Vector weights = normalized_weights(data);
  const double constant = family.constant_score(data.y, weights, data.offset);
  Vector scores = Vector::Constant(data.y.size(), constant);
  if (data.offset.size() > 0) scores += data.offset;
  return weights.dot(deviances(family, data.y, scores));
}

Vector deviances(const Family& family, const Vector& y, const Vector& scores) {
  if (family.square()) return (scores - y).cwiseAbs2();
  return y.binaryExpr(
      scores, [&](double target, double score) { return 2.0 * family.loss(target, score); });
}

}  // namespace lodestone::fitting
