#include "lodestone/model/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/factorizations.hpp"
#include "core/phrase.hpp"
#include "kernels/sample.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"

namespace lodestone {

Vector Model::predict(const Eigen::Ref<const Matrix>& X, const Vector& offset) const {
  bool finite = true;
  return predict(X, finite, offset);
}

Vector Model::predict(const Eigen::Ref<const Matrix>& X, bool& finite, const Vector& offset) const {
  // β meets every column, also where it is 0: 0·NaN and 0·∞ are NaN, and nothing that is added to a
  // NaN or an infinity makes it finite.
  Vector result = scores(X, offset);
  finite = result.allFinite();
  if (family.kind == Family::Kind::logistic || family.kind == Family::Kind::poisson) {
    result = family.response(std::move(result));
    finite = finite && result.allFinite();
  }
  return result;
}

Model Model::output(Index k) const {
  if (outputs.empty()) return *this;
  Model one = *this;
  one.outputs.clear();
  one.family.kind = Family::Kind::square;
  one.family.classes = 0;
  one.classes.clear();
  const Output& own = outputs[static_cast<std::size_t>(k)];
  one.target = own.name;
  one.affine = own.affine;
  one.standardization.target_scale = standardization.scale_of_output(k);
  one.standardization.target_scales.resize(0);
  for (Feature& feature : one.features) {
    feature.amplitude = feature.amplitudes[k];
    feature.amplitudes.resize(0);
  }
  return one;
}

Matrix Model::output_scores(const Eigen::Ref<const Matrix>& X, const Vector& offset) const {
  Matrix scores(X.rows(), output_count());
  for (Index k = 0; k < output_count(); ++k) scores.col(k) = output(k).scores(X, offset);
  return scores;
}

Matrix Model::predict_outputs(const Eigen::Ref<const Matrix>& X, const Vector& offset) const {
  if (outputs.empty()) return predict(X, offset);
  Matrix result = output_scores(X, offset);
  if (family.softmax()) {
    for (Index t = 0; t < result.rows(); ++t) {
      result.row(t) = softmax_probabilities(result.row(t)).transpose();
    }
  }
  return result;
}

Vector Model::scores(const Eigen::Ref<const Matrix>& X, const Vector& offset) const {
  if (!outputs.empty()) {
    throw InvalidArgument("model", std::to_string(outputs.size()) + " outputs",
                          "only a model of one output has one score a row");
  }
  if (X.cols() != dimension()) {
    throw InvalidArgument("data", std::to_string(X.cols()) + " columns",
                          "the model needs " + std::to_string(dimension()));
  }
  if (offset.size() != X.rows() && (offset.size() > 0 || !offset_column.empty())) {
    throw InvalidArgument(
        "offset", offset.size() == 0 ? "nothing" : std::to_string(offset.size()) + " numbers",
        offset.size() == 0 ? "the model was trained with the offset '" + offset_column +
                                 "': its scores need one number for each row"
                           : "there are " + std::to_string(X.rows()) + " rows");
  }
  const Index d = dimension();
  const auto count = static_cast<Index>(features.size());
  Matrix W(count, d + 1);  // the last coordinate meets a constant 1
  Vector a(count);
  for (Index i = 0; i < count; ++i) {
    const Feature& feature = features[static_cast<std::size_t>(i)];
    W.row(i) << feature.direction.transpose(), feature.bias;
    a[i] = feature.amplitude;
  }
  Vector b(1 + d);
  b << affine.alpha, affine.beta;
  // The kernels read rows that follow each other.
  Matrix copy;
  if (X.outerStride() != d) copy = X;
  const double* rows = copy.size() > 0 ? copy.data() : X.data();
  Vector result;
  kernels::simd::predictions(kernels::SampleRows<double>{rows, d, true, X.rows()}, W, a, b, result);
  if (offset.size() > 0) result += offset;
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

std::vector<Warning> extrapolation_warnings(const Model& model, const Matrix& X) {
  constexpr double margin = 0.5;
  const ColumnRanges& ranges = model.ranges;
  if (ranges.lowest.size() != X.cols() || X.cols() == 0 ||
      model.columns.size() != static_cast<std::size_t>(X.cols())) {
    return {};
  }
  Index outside = 0;
  Eigen::VectorX<Index> outside_by = Eigen::VectorX<Index>::Zero(X.cols());
  for (Index t = 0; t < X.rows(); ++t) {
    bool any = false;
    for (Index j = 0; j < X.cols(); ++j) {
      const double allowed = margin * (ranges.highest[j] - ranges.lowest[j]);
      if (X(t, j) >= ranges.lowest[j] - allowed && X(t, j) <= ranges.highest[j] + allowed) continue;
      ++outside_by[j];
      any = true;
    }
    if (any) ++outside;
  }
  if (outside == 0) return {};
  Index worst = 0;
  outside_by.maxCoeff(&worst);
  return {{"extrapolation",
           phrase("{} of {} rows lie far outside the rows of the training, most often in '{}' ({} "
                  "to {} there): their predictions are extrapolated",
                  outside, X.rows(), model.columns[static_cast<std::size_t>(worst)],
                  fmt::format("{:.6g}", ranges.lowest[worst]),
                  fmt::format("{:.6g}", ranges.highest[worst]))}};
}

namespace {

// How far from 0, relative to the terms that cancel, a number that rounding has touched may be.
constexpr double rounding_share = 1e-9;

Model without_features(const Affine& affine, bool biases, const Standardization& standardization) {
  const double unit = standardization.target_scale;
  Model model;
  model.columns = numbered_columns(standardization.map.rows());
  model.biases = biases;
  model.standardization = standardization;
  const Vector slope = standardization.map * affine.beta;
  model.affine.alpha = unit * (affine.alpha - slope.dot(standardization.center));
  model.affine.beta = unit * slope;
  return model;
}

}  // namespace

// y = s_y (ã relu(w̃·A(x − x̄) + b̃) + ...), docs/math.md, 3.1.
Feature feature_in_original_units(double a, const Vector& w, bool biases,
                                  const Standardization& standardization) {
  const Index p = standardization.map.cols();
  Feature feature;
  feature.direction = standardization.map * w.head(p);
  feature.bias = (biases ? w[p] : 0.0) - feature.direction.dot(standardization.center);
  feature.amplitude = standardization.target_scale * a;
  return feature;
}

Model to_original_units(const Network& network, const Affine& affine, bool biases,
                        const Standardization& standardization) {
  Model model = without_features(affine, biases, standardization);
  for (Index i = 0; i < network.width(); ++i) {
    const double norm = network.W.row(i).stableNorm();
    if (norm == 0.0 || network.a[i] == 0.0) continue;
    model.features.push_back(feature_in_original_units(network.a[i] * norm, network.W.row(i) / norm,
                                                       biases, standardization));
  }
  std::stable_sort(model.features.begin(), model.features.end(),
                   [](const Feature& first, const Feature& second) {
                     return std::abs(first.amplitude) > std::abs(second.amplitude);
                   });
  return model;
}

Model to_original_units(const Network& network, const std::vector<Affine>& affines, bool biases,
                        const Standardization& standardization) {
  if (affines.size() == 1) {
    return to_original_units(network, affines.front(), biases, standardization);
  }
  const Affine none{0.0, Vector::Zero(standardization.map.cols())};
  Model model = without_features(none, biases, standardization);
  const auto q = static_cast<Index>(affines.size());
  for (Index k = 0; k < q; ++k) {
    Standardization own = standardization;
    own.target_scale = standardization.scale_of_output(k);
    model.outputs.push_back(
        {"", without_features(affines[static_cast<std::size_t>(k)], biases, own).affine});
  }
  // The largest first.
  const Vector mass = masses(network);
  std::vector<Index> order;
  for (Index i = 0; i < network.width(); ++i) {
    if (mass[i] > 0.0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return mass[i] > mass[j]; });
  for (const Index i : order) {
    const Vector w = network.W.row(i).transpose() / network.W.row(i).stableNorm();
    Feature feature = feature_in_original_units(mass[i], w, biases, standardization);
    feature.amplitudes = mass[i] * network.S.row(i).transpose();
    for (Index k = 0; k < q; ++k) feature.amplitudes[k] *= standardization.scale_of_output(k);
    model.features.push_back(std::move(feature));
  }
  return model;
}

Model neurons_in_original_units(const Network& network, const Affine& affine, bool biases,
                                const Standardization& standardization) {
  Model model = without_features(affine, biases, standardization);
  for (Index i = 0; i < network.width(); ++i) {
    model.features.push_back(
        feature_in_original_units(network.a[i], network.W.row(i), biases, standardization));
  }
  return model;
}

Model model_of_network(const Vector& a, const Matrix& W, const Vector& b, double alpha,
                       const Vector& beta) {
  const Index m = a.size();
  const Index d = W.cols();
  const auto check = [](const char* field, Index size, Index wanted, const char* of) {
    if (size == wanted) return;
    throw InvalidArgument(field, fmt::format("{} of them", size),
                          fmt::format("must be {}, the number of {}", wanted, of));
  };
  check("rows of W", W.rows(), m, "output weights");
  if (b.size() > 0) check("biases", b.size(), m, "output weights");
  if (beta.size() > 0) check("beta", beta.size(), d, "columns of W");
  Model model;
  model.columns = numbered_columns(d);
  model.target = "y";
  model.biases = b.size() > 0;
  model.standardization.center = Vector::Zero(d);
  model.standardization.scale = Vector::Ones(d);
  model.affine = {alpha, beta.size() > 0 ? beta : Vector::Zero(d)};
  for (Index i = 0; i < m; ++i) {
    model.features.push_back({W.row(i), model.biases ? b[i] : 0.0, a[i]});
  }
  return model;
}

StandardizedModel to_standardized(const Model& model) {
  if (!model.outputs.empty()) {
    throw InvalidArgument("model", std::to_string(model.outputs.size()) + " outputs",
                          "a certificate is of one output; that of several is the one its fit "
                          "reports");
  }
  StandardizedModel result;
  result.standardization = model.standardization;
  Matrix& map = result.standardization.map;
  const Vector& center = model.standardization.center;
  if (model.standardization.kind == Standardization::Kind::none) {
    map = Matrix::Identity(model.dimension(), model.dimension());
  } else if (map.size() == 0) {
    map = model.standardization.scale.cwiseInverse().asDiagonal();
  }
  const Index p = map.cols();
  const double unit = model.standardization.target_scale;
  const Vector& scale = model.standardization.scale;
  Eigen::MatrixXd inverse = map.transpose() * scale.cwiseAbs2().asDiagonal();
  if (model.standardization.kind == Standardization::Kind::whiten) {
    inverse = generalized_inverse(map);
  }
  const auto weight_of = [&](const Vector& direction) -> Vector {
    const Vector weight = inverse * direction;
    // In units of the columns' deviations, where sizes can be compared.
    const Vector lost = (map * weight - direction).cwiseProduct(scale);
    if (lost.norm() > rounding_share * direction.cwiseProduct(scale).norm()) {
      throw InvalidArgument("model", "a direction that its standardization leaves out",
                            "every direction must be one of the standardized columns'");
    }
    return weight;
  };
  const auto count = static_cast<Index>(model.features.size());
  result.network = {Vector(count), Matrix(count, p + (model.biases ? 1 : 0))};
  for (Index i = 0; i < count; ++i) {
    const Feature& feature = model.features[static_cast<std::size_t>(i)];
    result.network.a[i] = feature.amplitude / unit;
    result.network.W.row(i).head(p) = weight_of(feature.direction);
    const double shift = feature.direction.dot(center);
    if (model.biases) {
      result.network.W(i, p) = feature.bias + shift;
    } else if (std::abs(feature.bias + shift) >
               rounding_share * feature.direction.cwiseAbs().dot(center.cwiseAbs() + scale)) {
      throw InvalidArgument("model", "a feature with a bias",
                            "\"biases\" is false, so every boundary must pass through the centre");
    }
  }
  result.affine.beta = inverse * model.affine.beta / unit;
  result.affine.alpha = (model.affine.alpha + model.affine.beta.dot(center)) / unit;
  return result;
}

}  // namespace lodestone
