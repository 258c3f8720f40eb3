#include "lodestone/model.hpp"

#include <algorithm>
#include <cmath>

#include "lodestone/error.hpp"
#include "lodestone/nearest_name.hpp"

namespace lodestone {

Vector Model::predict(const Matrix& X) const {
  if (X.cols() != dimension()) {
    throw InvalidArgument("data", std::to_string(X.cols()) + " columns",
                          "the model needs " + std::to_string(dimension()));
  }
  Vector result(X.rows());
  for (Index t = 0; t < X.rows(); ++t) {
    double value = affine.alpha + X.row(t).dot(affine.beta);
    for (const Feature& feature : features) {
      value += feature.amplitude * std::max(0.0, X.row(t).dot(feature.direction) + feature.bias);
    }
    result[t] = value;
  }
  return result;
}

Matrix Model::select_columns(const Table& table) const {
  if (!table.has_names) {
    if (table.values.cols() != dimension()) {
      throw InvalidArgument(
          "data", std::to_string(table.values.cols()) + " columns",
          "the model needs " + std::to_string(dimension()) + ", in the order of its \"columns\"");
    }
    return table.values;
  }
  Matrix X(table.values.rows(), dimension());
  for (Index j = 0; j < dimension(); ++j) {
    const std::string& wanted = columns[static_cast<std::size_t>(j)];
    const auto found = std::find(table.names.begin(), table.names.end(), wanted);
    if (found == table.names.end()) {
      throw InvalidArgument("data", "no column '" + wanted + "'",
                            "the model was trained with it" + did_you_mean(wanted, table.names));
    }
    X.col(j) = table.values.col(found - table.names.begin());
  }
  return X;
}

Model to_original_units(const Network& network, const Affine& affine, bool biases,
                        const Standardization& standardization) {
  const Index p = standardization.map.cols();
  const double unit = standardization.target_scale;
  Model model;
  model.standardization = standardization;
  const Vector slope = standardization.map * affine.beta;
  model.affine.alpha = unit * (affine.alpha - slope.dot(standardization.center));
  model.affine.beta = unit * slope;
  for (Index i = 0; i < network.width(); ++i) {
    const double norm = network.W.row(i).stableNorm();
    if (norm == 0.0 || network.a[i] == 0.0) continue;
    const Vector unit_row = network.W.row(i).transpose() / norm;
    Feature feature;
    feature.direction = standardization.map * unit_row.head(p);
    feature.bias = (biases ? unit_row[p] : 0.0) - feature.direction.dot(standardization.center);
    feature.amplitude = unit * network.a[i] * norm;
    model.features.push_back(std::move(feature));
  }
  std::stable_sort(model.features.begin(), model.features.end(),
                   [](const Feature& first, const Feature& second) {
                     return std::abs(first.amplitude) > std::abs(second.amplitude);
                   });
  return model;
}

}  // namespace lodestone
