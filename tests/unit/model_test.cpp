// Networks, standardization, models in original units and their files.

#include "lodestone/model/model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/model/describe.hpp"
#include "lodestone/objective/objective.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::normal_matrix;
using support::normal_network;
using support::normal_vector;
using support::same_bits;
using support::small_teacher;
using support::TemporaryFolder;

Vector outputs(const Network& network, const Matrix& X) {
  return (X * network.W.transpose()).cwiseMax(0.0) * network.a;
}

// Largest deviation of two columns of numbers once the best affine function of X is taken off.
double deviation_beyond_affine(const Matrix& X, const Vector& difference) {
  SampleData data;
  data.X = X;
  data.y = difference;
  return std::sqrt(2.0 * SampleObjective(data).null_loss());
}

TEST(Network, BalanceKeepsTheFunctionAndEvensTheLayers) {
  Network network = normal_network(6, 3, 1);
  network.W.row(1).setZero();
  network.a[2] = 0.0;
  network.W.row(3) *= 1e160;
  network.a[3] *= 1e-160;
  const Matrix X = normal_matrix(50, 3, 2);
  const Vector before = outputs(network, X);
  const Vector mass = masses(network);
  balance(network);
  EXPECT_LT((outputs(network, X) - before).cwiseAbs().maxCoeff(), 1e-13);
  EXPECT_LT((masses(network) - mass).cwiseAbs().maxCoeff(), 1e-14);
  for (Index i = 0; i < 6; ++i) {
    EXPECT_NEAR(std::abs(network.a[i]), network.W.row(i).norm(), 1e-15) << i;
  }
  EXPECT_EQ(network.a[1], 0.0);
  EXPECT_EQ(network.W.row(2).norm(), 0.0);
  EXPECT_NEAR(squared_norm(network), 2.0 * mass.sum(), 1e-13);
  Network again = network;
  balance(again);
  EXPECT_LT((again.W - network.W).norm(), 1e-15);
}

// Over all rescalings of a neuron the balanced one has the least penalty.
TEST(Network, BalanceMinimizesThePenalty) {
  Network network = normal_network(4, 3, 3);
  balance(network);
  for (const double s : {0.5, 0.9, 1.1, 3.0}) {
    EXPECT_GT(squared_norm({s * network.a, network.W / s}), squared_norm(network));
  }
}

TEST(Network, UnitDirectionsOfAnySize) {
  Matrix W(4, 2);
  W << 3.0, 4.0, 0.0, 0.0, 3e-200, -4e-200, -3e200, 4e200;
  Matrix expected(4, 2);
  expected << 0.6, 0.8, 0.0, 0.0, 0.6, -0.8, -0.6, 0.8;
  EXPECT_LT((unit_directions(W) - expected).cwiseAbs().maxCoeff(), 1e-15);
}

// Parallel and mirrored neurons of one sign become one; f changes by an affine function at most.
TEST(Network, MergedKeepsTheFunctionUpToAnAffinePart) {
  const Matrix directions = unit_directions(normal_matrix(3, 4, 4));
  Network network{Vector(9), Matrix(9, 4)};
  for (Index i = 0; i < 9; ++i) {
    const double length = 0.5 + static_cast<double>(i);
    network.W.row(i) = (i % 2 == 0 ? length : -length) * directions.row(i % 3);
    network.a[i] = i % 3 == 1 ? -1.0 : 0.7;
  }
  const Network one = merged(network, 1e-6);
  EXPECT_EQ(one.width(), 3);
  for (Index g = 0; g < one.width(); ++g) {
    EXPECT_NEAR(std::abs(one.a[g]), one.W.row(g).norm(), 1e-14) << "balanced";
  }
  EXPECT_NEAR(masses(one).sum(), masses(network).sum(), 1e-12);
  const Matrix X = normal_matrix(200, 4, 5);
  const Vector difference = outputs(one, X) - outputs(network, X);
  EXPECT_GT(difference.norm(), 1.0) << "mirroring does change f by a linear function";
  EXPECT_LT(deviation_beyond_affine(X, difference), 1e-13);
}

TEST(Network, MergedKeepsSignsApartAndDropsNeuronsWithoutMass) {
  Network network{Vector{{1.0, -1.0, 0.0, 2.0, 1.0}}, Matrix(5, 2)};
  network.W << 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0;
  const Network result = merged(network, 1.0);
  ASSERT_EQ(result.width(), 2);
  EXPECT_NEAR(result.a[0] * result.W(0, 0), 2.0, 1e-15);
  EXPECT_NEAR(result.a[1] * result.W(1, 0), -1.0, 1e-15);
  EXPECT_EQ(merged({Vector(0), Matrix(0, 3)}, 5.0).width(), 0);
  EXPECT_EQ(merged({Vector::Zero(4), Matrix::Ones(4, 3)}, 5.0).width(), 0);
  EXPECT_EQ(merged({Vector::Zero(4), Matrix::Ones(4, 3)}, 5.0).W.cols(), 3);
}

// Within the angle of a group's heaviest neuron, up to sign; a chain does not merge end to end.
TEST(Network, MergedRespectsTheAngle) {
  const auto at_degrees = [](double angle) {
    const double radians = angle * std::acos(-1.0) / 180.0;
    return Eigen::RowVector2d(std::cos(radians), std::sin(radians));
  };
  Network network{Vector{{3.0, 2.0, 1.0}}, Matrix(3, 2)};
  network.W << at_degrees(0.0), -at_degrees(4.0), at_degrees(8.0);
  EXPECT_EQ(merged(network, 3.9).width(), 3);
  EXPECT_EQ(merged(network, 4.1).width(), 2);
  EXPECT_EQ(merged(network, 8.1).width(), 1);
  const Network pair = merged(network, 4.1);
  // The average 3·0° + 2·4°, heaviest first.
  const Eigen::RowVector2d average = 3.0 * at_degrees(0.0) + 2.0 * at_degrees(4.0);
  EXPECT_LT((pair.a[0] * pair.W.row(0) - average).norm(), 1e-14);
  EXPECT_LT((pair.a[1] * pair.W.row(1) - at_degrees(8.0)).norm(), 1e-14);
}

TEST(Network, TransformedRows) {
  const Network network = normal_network(3, 4, 6);
  const Matrix map = normal_matrix(4, 2, 7);
  const Network there = transformed(network, map);
  EXPECT_TRUE(same_bits(there.a, network.a));
  EXPECT_LT((there.W - network.W * map).norm(), 1e-15);
}

Vector weighted_mean(const Matrix& X, const Vector& weights) {
  return X.transpose() * weights / weights.sum();
}

Matrix weighted_covariance(const Matrix& X, const Vector& weights) {
  const Matrix centred = X.rowwise() - weighted_mean(X, weights).transpose();
  return centred.transpose() * weights.asDiagonal() * centred / weights.sum();
}

// Columns of different scales and centres, correlated.
Matrix uneven_inputs(Index n, std::uint64_t seed) {
  Matrix X = normal_matrix(n, 4, seed);
  X.col(1) = 3.0 * X.col(1) + X.col(0);
  X.col(2) *= 1e-3;
  X.col(3) *= 1e4;
  X.rowwise() += Eigen::RowVector4d(1.0, -20.0, 0.5, 1e5);
  return X;
}

TEST(Standardization, NoneLeavesInputsAlone) {
  const Matrix X = uneven_inputs(50, 8);
  const Vector y = normal_vector(50, 9);
  const auto step = Standardization::fit(Standardization::Kind::none, X, y, Vector());
  EXPECT_TRUE(same_bits(step.apply(X), X));
  EXPECT_EQ(step.kind, Standardization::Kind::none);
  const double deviation = std::sqrt((y.array() - y.mean()).square().mean());
  EXPECT_NEAR(step.target_scale, deviation, 1e-14);
}

TEST(Standardization, ScaleGivesUnitDeviations) {
  const Matrix X = uneven_inputs(200, 10);
  const Vector weights = normal_vector(200, 11).cwiseAbs();
  for (const Vector& used : {Vector(), weights}) {
    const Vector omega = used.size() == 0 ? Vector(Vector::Ones(200)) : used;
    const auto step =
        Standardization::fit(Standardization::Kind::scale, X, normal_vector(200, 12), used);
    const Matrix there = step.apply(X);
    ASSERT_EQ(there.cols(), 4);
    EXPECT_LT(weighted_mean(there, omega).cwiseAbs().maxCoeff(), 1e-10);
    const Matrix covariance = weighted_covariance(there, omega);
    EXPECT_LT((covariance.diagonal().array() - 1.0).abs().maxCoeff(), 1e-10);
    EXPECT_GT(std::abs(covariance(0, 1)), 0.1) << "scaling does not rotate";
    EXPECT_LT((step.scale.cwiseAbs2() - weighted_covariance(X, omega).diagonal()).norm(), 1e-2);
  }
}

TEST(Standardization, WhitenGivesTheIdentity) {
  const Matrix X = uneven_inputs(200, 13);
  const Vector weights = normal_vector(200, 14).cwiseAbs();
  for (const Vector& used : {Vector(), weights}) {
    const Vector omega = used.size() == 0 ? Vector(Vector::Ones(200)) : used;
    const auto step =
        Standardization::fit(Standardization::Kind::whiten, X, normal_vector(200, 15), used);
    const Matrix there = step.apply(X);
    ASSERT_EQ(there.cols(), 4);
    EXPECT_LT(weighted_mean(there, omega).cwiseAbs().maxCoeff(), 1e-10);
    EXPECT_LT((weighted_covariance(there, omega) - Matrix::Identity(4, 4)).norm(), 1e-9);
  }
}

// Constant columns drop out of both, collinear ones of the whitened inputs only.
TEST(Standardization, ConstantAndCollinearColumns) {
  Matrix X = uneven_inputs(200, 16);
  X.conservativeResize(Eigen::NoChange, 7);
  X.col(4).setConstant(0.1);  // its mean is 0.1 up to rounding only
  X.col(5) = 2.0 * X.col(0) - X.col(1);
  X.col(6).setZero();
  const Vector y = normal_vector(200, 17);
  const auto scaled = Standardization::fit(Standardization::Kind::scale, X, y, Vector());
  EXPECT_EQ(scaled.map.rows(), 7);
  EXPECT_EQ(scaled.map.cols(), 5);
  EXPECT_EQ(scaled.scale[4], 1.0);
  EXPECT_EQ(scaled.map.row(4).norm(), 0.0);
  EXPECT_EQ(scaled.map.row(6).norm(), 0.0);
  EXPECT_LT(weighted_mean(scaled.apply(X), Vector::Ones(200)).norm(), 1e-10);
  const auto whitened = Standardization::fit(Standardization::Kind::whiten, X, y, Vector());
  EXPECT_EQ(whitened.map.cols(), 4);
  const Matrix covariance = weighted_covariance(whitened.apply(X), Vector::Ones(200));
  EXPECT_LT((covariance - Matrix::Identity(4, 4)).norm(), 1e-8);
}

TEST(Standardization, WhitenKeepsWhatNearlyDependentColumnsHaveOfTheirOwn) {
  for (const double apart : {1e-5, 1e-7}) {
    Matrix X = uneven_inputs(200, 20);
    X.conservativeResize(Eigen::NoChange, 5);
    X.col(4) = X.col(0) + apart * normal_vector(200, 21);
    const auto step =
        Standardization::fit(Standardization::Kind::whiten, X, normal_vector(200, 22), Vector());
    ASSERT_EQ(step.map.cols(), 5) << apart;
    const Matrix covariance = weighted_covariance(step.apply(X), Vector::Ones(200));
    EXPECT_LT((covariance - Matrix::Identity(5, 5)).norm(), 1e-13 / apart);
  }
}

// Of more columns than rows the span is left: inner products of rows are what they were.
TEST(Standardization, WideTablesKeepTheirSpan) {
  const Matrix X = normal_matrix(15, 400, 23);
  const Vector y = normal_vector(15, 24);
  using Kind = Standardization::Kind;
  for (const Kind kind : {Kind::none, Kind::scale}) {
    const auto step = Standardization::fit(kind, X, y, Vector());
    EXPECT_EQ(step.map.rows(), 400);
    EXPECT_EQ(step.map.cols(), kind == Kind::none ? 15 : 14);
    const Matrix scaled = kind == Kind::none ? X
                                             : Matrix((X.rowwise() - step.center.transpose()) *
                                                      step.scale.cwiseInverse().asDiagonal());
    const Matrix there = step.apply(X);
    EXPECT_LT((there * there.transpose() - scaled * scaled.transpose()).norm(),
              1e-12 * scaled.squaredNorm());
  }
  const auto whitened = Standardization::fit(Kind::whiten, X, y, Vector());
  const Matrix covariance = weighted_covariance(whitened.apply(X), Vector::Ones(15));
  EXPECT_LT((covariance - Matrix::Identity(14, 14)).norm(), 1e-10);
}

TEST(Standardization, RejectsWhatCannotBeScaled) {
  const Matrix X = uneven_inputs(20, 18);
  const Vector y = normal_vector(20, 19);
  using Kind = Standardization::Kind;
  for (const Kind kind : {Kind::none, Kind::scale, Kind::whiten}) {
    EXPECT_THROW(Standardization::fit(kind, X, Vector::Constant(20, 0.1), Vector()),
                 InvalidArgument)
        << name(kind);
    EXPECT_THROW(Standardization::fit(kind, X, Vector::Zero(20), Vector()), InvalidArgument)
        << name(kind);
    EXPECT_THROW(Standardization::fit(kind, Matrix::Constant(20, 3, 0.1), y, Vector()),
                 InvalidArgument)
        << name(kind);
    EXPECT_EQ(parse_standardization(name(kind)), kind);
  }
  EXPECT_THROW(parse_standardization("Whiten"), InvalidArgument);
  EXPECT_THROW(parse_standardization(""), InvalidArgument);
}

Standardization fitted(Standardization::Kind kind, const Matrix& X, const Vector& y) {
  return Standardization::fit(kind, X, y, Vector());
}

// Predictions in original units are those of the network in its own coordinates, for every kind of
// step, with and without biases, also where columns dropped out.
TEST(Model, PredictsWhatTheNetworkDoes) {
  Matrix X = uneven_inputs(100, 20);
  X.conservativeResize(Eigen::NoChange, 5);
  X.col(4).setConstant(3.0);
  const Vector y = 5.0 * normal_vector(100, 21);
  using Kind = Standardization::Kind;
  for (const Kind kind : {Kind::none, Kind::scale, Kind::whiten}) {
    for (const bool biases : {false, true}) {
      SCOPED_TRACE(testing::Message() << name(kind) << " biases " << biases);
      const auto step = fitted(kind, X, y);
      Matrix inputs = step.apply(X);
      const Affine affine{0.3, normal_vector(inputs.cols(), 22)};
      const Matrix before_bias = inputs;
      if (biases) {
        inputs.conservativeResize(Eigen::NoChange, inputs.cols() + 1);
        inputs.col(inputs.cols() - 1).setOnes();
      }
      Network network = normal_network(6, inputs.cols(), 23);
      network.a[1] = 0.0;
      network.W.row(2).setZero();
      const Vector expected =
          step.target_scale * (outputs(network, inputs) + before_bias * affine.beta +
                               Vector::Constant(100, affine.alpha));
      Model model = to_original_units(network, affine, biases, step);
      model.columns = {"a", "b", "c", "d", "e"};
      EXPECT_EQ(model.features.size(), 4U) << "neurons without mass are left out";
      const double size = expected.cwiseAbs().maxCoeff();
      EXPECT_LT((model.predict(X) - expected).cwiseAbs().maxCoeff(), 1e-9 * size);
      for (std::size_t i = 1; i < model.features.size(); ++i) {
        EXPECT_GE(std::abs(model.features[i - 1].amplitude), std::abs(model.features[i].amplitude));
      }
    }
  }
}

Model example_model() {
  const Matrix X = uneven_inputs(60, 24);
  const auto step = fitted(Standardization::Kind::whiten, X, normal_vector(60, 25));
  Model model =
      to_original_units(normal_network(3, 5, 26), {1.0 / 3.0, normal_vector(4, 27)}, true, step);
  model.columns = {"age", "size, m²", "quote\"d", "x"};
  model.target = "price";
  model.provenance = {"0.1", "train", "file.csv", ~std::uint64_t{0}, 1e-300, 0.1, 123456789012};
  return model;
}

TEST(Model, IsDescribedInItsColumnsNames) {
  Model model = model_of_network(Vector{{2.0, -0.5}}, Matrix{{1.0, 0.0}, {-3.0, 0.25}},
                                 Vector{{0.0, 1.0}}, 0.125, Vector{{0.0, -4.0}});
  model.columns = {"age", "size"};
  model.target = "price";
  EXPECT_EQ(describe(model),
            "price = intercept + linear part + 2 features of the form amplitude * relu(direction + "
            "bias)\n"
            "intercept: 0.125\n"
            "linear part: -4 size\n"
            "feature 1: amplitude +2, bias +0, direction +1 age\n"
            "feature 2: amplitude -0.5, bias +1, direction -3 age +0.25 size");
  std::ostringstream out;
  out << model;
  EXPECT_EQ(out.str(), describe(model));
  const Model wide =
      model_of_network(Vector::Ones(12), Matrix::Ones(12, 8), {}, 0.0, Vector::Zero(8));
  const std::string text = describe(wide);
  EXPECT_NE(text.find("linear part: none\n"), std::string::npos) << text;
  EXPECT_NE(text.find("direction +1 x0 +1 x1 +1 x2 +1 x3 +1 x4 +1 x5 and 2 more\n"),
            std::string::npos);
  EXPECT_EQ(text.substr(text.rfind('\n')), "\nand 2 more");
  Certificate certificate;
  certificate.gap = 0.25;
  certificate.relative_gap = 0.5;
  certificate.sup_eta = 1.5;
  EXPECT_EQ(describe(certificate),
            "penalized loss at most 0.25 (0.5 of it) above the least possible, estimated; "
            "sup |eta| = 1.5");
  certificate.kind = Certificate::Kind::rigorous;
  EXPECT_NE(describe(certificate).find("proven; sup |eta| <= 1.5"), std::string::npos);
  EXPECT_EQ(describe(Network::empty(1)), "0 neurons on 1 input");
  EXPECT_EQ(describe(Recovery{}).substr(0, 27), "0 of 0 directions recovered");
}

TEST(Model, OfANetworkPredictsWhatTheNetworkSays) {
  const Matrix X = normal_matrix(20, 3, 51);
  const Network network = normal_network(4, 3, 52);
  const Vector beta = normal_vector(3, 53);
  const Model model = model_of_network(network.a, network.W, {}, 0.5, beta);
  const Vector expected = outputs(network, X) + X * beta + Vector::Constant(20, 0.5);
  EXPECT_LT((model.predict(X) - expected).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_THROW(model_of_network(Vector(3), network.W), InvalidArgument);
  EXPECT_THROW(model_of_network(network.a, network.W, Vector(3)), InvalidArgument);
  EXPECT_THROW(model_of_network(network.a, network.W, {}, 0.0, Vector(2)), InvalidArgument);
}

// Its dimension comes from its numbers, not from names that somebody may have left out.
TEST(Model, PredictsWithoutNames) {
  Model model = example_model();
  const Matrix X = uneven_inputs(10, 54);
  const Vector expected = model.predict(X);
  model.columns.clear();
  EXPECT_EQ(model.dimension(), 4);
  EXPECT_TRUE(same_bits(model.predict(X), expected));
}

TEST(Model, SelectsColumnsByNameOrPosition) {
  Model model = example_model();
  Table table;
  table.values = normal_matrix(3, 5, 28);
  table.names = {"x", "quote\"d", "other", "age", "size, m²"};
  table.has_names = true;
  const Matrix chosen = model.select_columns(table);
  ASSERT_EQ(chosen.cols(), 4);
  EXPECT_EQ(chosen.col(0), table.values.col(3));
  EXPECT_EQ(chosen.col(3), table.values.col(0));
  table.names[3] = "Age";
  EXPECT_NE(message_of<InvalidArgument>([&] { model.select_columns(table); }).find("'age'"),
            std::string::npos);
  table.has_names = false;
  EXPECT_THROW(model.select_columns(table), InvalidArgument) << "five columns, not four";
  table.values.conservativeResize(Eigen::NoChange, 4);
  EXPECT_EQ(model.select_columns(table), table.values);
  EXPECT_THROW(model.predict(Matrix::Zero(2, 3)), InvalidArgument);
  EXPECT_EQ(model.predict(Matrix(0, 4)).size(), 0);
}

// Whatever the model multiplies it by, also by 0 and also in features that are switched off.
TEST(Model, NothingThatIsNotFiniteGivesAFinitePrediction) {
  Model model = example_model();
  model.affine.beta.setZero();
  model.affine.beta[1] = -2.0;
  model.features[0].direction.setZero();
  const Matrix finite_rows = normal_matrix(7, 4, 31);
  bool finite = false;
  EXPECT_TRUE(same_bits(model.predict(finite_rows, finite), model.predict(finite_rows)));
  EXPECT_TRUE(finite);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {std::nan(""), infinity, -infinity}) {
    for (Index j = 0; j < 4; ++j) {
      for (const bool with_features : {true, false}) {
        Matrix X = finite_rows;
        X(3, j) = value;
        Model used = model;
        if (!with_features) used.features.clear();
        const Vector predictions = used.predict(X, finite);
        EXPECT_FALSE(finite) << "column " << j << ", value " << value;
        for (Index t = 0; t < 7; ++t) EXPECT_EQ(std::isfinite(predictions[t]), t != 3);
      }
    }
  }
  model.affine.beta[0] = 1e200;
  Matrix X = finite_rows;
  X(0, 0) = 1e200;
  model.predict(X, finite);
  EXPECT_FALSE(finite) << "numbers too large for float64";
  model.predict(Matrix(0, 4), finite);
  EXPECT_TRUE(finite);
}

TEST(Model, FileKeepsEncodings) {
  const TemporaryFolder folder;
  Model model = example_model();
  model.columns = {"age", "c=blue, \"dark\"", "c=größe", "x"};
  model.encodings = {{"c", {"blue, \"dark\"", "größe"}}};
  write_model(folder.file("model.json"), model);
  const Model read = read_model(folder.file("model.json"));
  EXPECT_EQ(read.columns, model.columns);
  ASSERT_EQ(read.encodings.size(), 1U);
  EXPECT_EQ(read.encodings[0].column, "c");
  EXPECT_EQ(read.encodings[0].values, model.encodings[0].values);
  // An encoding without its column is damage.
  model.encodings[0].values.push_back("red");
  write_model(folder.file("model.json"), model);
  EXPECT_NE(message_of<FileError>([&] { read_model(folder.file("model.json")); }).find("'c=red'"),
            std::string::npos);
}

TEST(Model, FileKeepsImputations) {
  const TemporaryFolder folder;
  Model model = example_model();
  model.columns = {"age", "age is missing", "c=x", "x"};
  model.encodings = {{"c", {"x"}}};
  model.imputations = {{"age", 0.1, true}, {"c", std::nullopt, false}, {"x", -3.0, false}};
  write_model(folder.file("model.json"), model);
  const Model read = read_model(folder.file("model.json"));
  ASSERT_EQ(read.imputations.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read.imputations[i].column, model.imputations[i].column);
    EXPECT_EQ(read.imputations[i].mean, model.imputations[i].mean);
    EXPECT_EQ(read.imputations[i].has_indicator, model.imputations[i].has_indicator);
  }
  // One that misses a column is damage.
  model.imputations.pop_back();
  write_model(folder.file("model.json"), model);
  EXPECT_NE(
      message_of<FileError>([&] { read_model(folder.file("model.json")); }).find("imputations"),
      std::string::npos);
}

TEST(Model, FileKeepsClasses) {
  const TemporaryFolder folder;
  Model model = example_model();
  model.family = Family::Kind::logistic;
  model.classes = {"nö", "say \"yes\""};
  write_model(folder.file("model.json"), model);
  EXPECT_EQ(read_model(folder.file("model.json")).classes, model.classes);
  for (const std::vector<std::string>& classes :
       {std::vector<std::string>{"a"}, {"a", "a"}, {"a", "b", "c"}}) {
    model.classes = classes;
    write_model(folder.file("model.json"), model);
    EXPECT_NE(message_of<FileError>([&] { read_model(folder.file("model.json")); }).find("classes"),
              std::string::npos);
  }
}

TEST(Model, FileRoundTripKeepsEveryBit) {
  const TemporaryFolder folder;
  Model model = example_model();
  model.affine.beta[0] = -0.0;
  model.affine.beta[1] = std::numeric_limits<double>::denorm_min();
  model.features[0].amplitude = std::numeric_limits<double>::max();
  model.features[1].bias = std::nextafter(0.1, 1.0);
  write_model(folder.file("model.json"), model);
  const Model read = read_model(folder.file("model.json"));
  EXPECT_EQ(read.columns, model.columns);
  EXPECT_EQ(read.target, model.target);
  EXPECT_EQ(read.biases, model.biases);
  EXPECT_TRUE(same_bits(read.affine.alpha, model.affine.alpha));
  EXPECT_TRUE(same_bits(read.affine.beta, model.affine.beta));
  ASSERT_EQ(read.features.size(), model.features.size());
  for (std::size_t i = 0; i < model.features.size(); ++i) {
    EXPECT_TRUE(same_bits(read.features[i].direction, model.features[i].direction)) << i;
    EXPECT_TRUE(same_bits(read.features[i].bias, model.features[i].bias)) << i;
    EXPECT_TRUE(same_bits(read.features[i].amplitude, model.features[i].amplitude)) << i;
  }
  EXPECT_EQ(read.standardization.kind, model.standardization.kind);
  EXPECT_TRUE(same_bits(read.standardization.center, model.standardization.center));
  EXPECT_TRUE(same_bits(read.standardization.scale, model.standardization.scale));
  EXPECT_TRUE(same_bits(read.standardization.map, model.standardization.map));
  EXPECT_TRUE(same_bits(read.standardization.target_scale, model.standardization.target_scale));
  EXPECT_EQ(read.provenance.seed, model.provenance.seed);
  EXPECT_EQ(read.provenance.rows, model.provenance.rows);
  EXPECT_EQ(read.provenance.source, model.provenance.source);
  EXPECT_TRUE(same_bits(read.provenance.lambda, model.provenance.lambda));
  const Matrix X = uneven_inputs(30, 29);
  EXPECT_TRUE(same_bits(read.predict(X), model.predict(X)));
  EXPECT_TRUE(read.encodings.empty());
  const std::string text = folder.read("model.json");
  EXPECT_EQ(text.find("encodings"), std::string::npos) << "only where there is text";
  write_model(folder.file("again.json"), read);
  EXPECT_EQ(folder.read("again.json"), text);
}

TEST(Model, OffsetIsAddedToTheScores) {
  const TemporaryFolder folder;
  Model model = example_model();
  const Matrix X = uneven_inputs(5, 30);
  const Vector offset = normal_vector(5, 31);
  const Vector alone = model.scores(X);
  EXPECT_TRUE(same_bits(model.scores(X, offset), Vector(alone + offset)));
  EXPECT_THROW(model.scores(X, offset.head(4)), InvalidArgument);
  model.offset_column = "known";
  write_model(folder.file("model.json"), model);
  const Model read = read_model(folder.file("model.json"));
  EXPECT_EQ(read.offset_column, "known");
  EXPECT_TRUE(same_bits(read.predict(X, offset), model.predict(X, offset)));
  EXPECT_THROW(read.predict(X), InvalidArgument);
}

TEST(Model, WithoutFeatures) {
  const TemporaryFolder folder;
  Model model = example_model();
  model.features.clear();
  write_model(folder.file("model.json"), model);
  const Matrix X = uneven_inputs(5, 30);
  EXPECT_TRUE(same_bits(read_model(folder.file("model.json")).predict(X), model.predict(X)));
}

// A network goes to original units and back: the same θ, the same function, with columns that are
// constant or depend on each other.
TEST(Model, NeuronsGoToOriginalUnitsAndBack) {
  Matrix X = uneven_inputs(40, 41);
  X.col(1) = 3.0 * X.col(0).array() - 1.0;
  const Vector y = normal_vector(40, 42).array() * 20.0 + 5.0;
  for (const auto kind :
       {Standardization::Kind::none, Standardization::Kind::scale, Standardization::Kind::whiten}) {
    for (const bool biases : {false, true}) {
      const Standardization step = Standardization::fit(kind, X, y, Vector());
      const Index p = step.map.cols();
      const Network network = support::normal_network(3, p + (biases ? 1 : 0), 43);
      const Affine affine{0.3, normal_vector(p, 44)};
      Model model = neurons_in_original_units(network, affine, biases, step);
      model.columns.resize(static_cast<std::size_t>(X.cols()));
      const StandardizedModel back = to_standardized(model);
      EXPECT_LT((back.network.a - network.a).norm(), 1e-13);
      EXPECT_LT((back.network.W - network.W).norm(), 1e-9) << name(kind) << biases;
      EXPECT_NEAR(back.affine.alpha, affine.alpha, 1e-9);
      EXPECT_LT((back.affine.beta - affine.beta).norm(), 1e-9);
      // As after reading: without a map where it follows from centre and scale.
      if (kind != Standardization::Kind::whiten) model.standardization.map.resize(0, 0);
      const StandardizedModel read = to_standardized(model);
      EXPECT_LT((read.network.W - network.W).norm(), 1e-9) << name(kind) << biases;
      // Features of unit length are the same measure.
      Model features = to_original_units(network, affine, biases, step);
      features.columns = model.columns;
      EXPECT_LT((features.predict(X) - model.predict(X)).norm(), 1e-9 * y.norm());
    }
  }
}

TEST(Model, WhatIsNotOfItsStandardizationIsRefused) {
  Matrix X = uneven_inputs(40, 45);
  X.col(1) = 2.0 * X.col(0);
  const Standardization step =
      Standardization::fit(Standardization::Kind::whiten, X, normal_vector(40, 46), Vector());
  const Index p = step.map.cols();
  Model model = neurons_in_original_units(support::normal_network(2, p, 47), {0.0, Vector::Zero(p)},
                                          false, step);
  model.columns.resize(static_cast<std::size_t>(X.cols()));
  EXPECT_NO_THROW(to_standardized(model));
  Model tilted = model;
  tilted.features[1].direction[0] += 1e-3 / step.scale[0];
  EXPECT_THROW(to_standardized(tilted), InvalidArgument);
  Model shifted = model;
  shifted.features[0].bias += 1e-3;
  EXPECT_THROW(to_standardized(shifted), InvalidArgument) << "a bias without biases";
}

// A file cut short anywhere, or with a field missing, of another type or length, is refused with
// its name; never a crash, never a model with a hole in it.
TEST(Model, DamagedFilesAreRefused) {
  const TemporaryFolder folder;
  write_model(folder.file("model.json"), example_model());
  const std::string good = folder.read("model.json");
  const auto refused = [&](const std::string& content) {
    const std::string path = folder.write("damaged.json", content);
    return message_of<FileError>([&] { read_model(path); }).rfind(path, 0) == 0;
  };
  for (std::size_t length = 0; length + 2 < good.size(); length += 7) {
    EXPECT_TRUE(refused(good.substr(0, length))) << length;
  }
  const auto replaced = [&](const std::string& from, const std::string& to) {
    const std::size_t where = good.find(from);
    EXPECT_NE(where, std::string::npos) << from;
    return std::string(good).replace(where, from.size(), to);
  };
  for (const std::string field :
       {"format",       "version", "columns",   "affine",    "alpha",           "beta",
        "features",     "bias",    "direction", "amplitude", "standardization", "kind",
        "target_scale", "center",  "scale",     "map",       "provenance",      "seed",
        "lambda",       "rows"}) {
    EXPECT_TRUE(refused(replaced("\"" + field + "\":", "\"other\":"))) << field;
    EXPECT_TRUE(refused(replaced("\"" + field + "\":", "\"" + field + "\": null, \"other\":")))
        << field;
  }
  EXPECT_TRUE(refused(replaced("\"version\": 1", "\"version\": 2")));
  EXPECT_NE(message_of<FileError>([&] { read_model(folder.file("damaged.json")); }).find("2"),
            std::string::npos);
  EXPECT_TRUE(refused(replaced("\"whiten\"", "\"Whiten\"")));
  EXPECT_TRUE(refused(replaced("\"age\",", "")));
  EXPECT_TRUE(refused(replaced("\"bias\": ", "\"bias\": 1e999, \"other\": ")));
  EXPECT_TRUE(refused("[]"));
  EXPECT_TRUE(refused("{\"directions\": [[1]], \"amplitudes\": [1]}")) << "a teacher";
  EXPECT_THROW(read_model(folder.file("missing.json")), FileError);
  // Lengths of the standardization have to fit the columns, too.
  for (const std::string field : {"center", "scale"}) {
    EXPECT_TRUE(refused(replaced("\"" + field + "\": [", "\"" + field + "\": [1.0,"))) << field;
  }
}

TEST(Model, SaysWhereItExtrapolates) {
  Model model;
  model.columns = {"a", "b"};
  model.affine.beta = Vector::Zero(2);
  const Matrix training{{0.0, 10.0}, {1.0, 30.0}};
  model.standardization =
      Standardization::fit(Standardization::Kind::none, training, Vector{{0.0, 1.0}}, Vector());
  const Matrix rows{{1.5, 0.0}, {-0.5, 40.0}, {1.6, 20.0}, {2.0, 41.0}};
  EXPECT_TRUE(extrapolation_warnings(model, rows).empty());
  model.ranges = column_ranges(training);
  // Half a range beyond is allowed: two rows are further out in a, one of them in b too.
  EXPECT_TRUE(extrapolation_warnings(model, rows.topRows(2)).empty());
  const std::vector<std::string> warnings = support::texts(extrapolation_warnings(model, rows));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings.front(),
            "2 of 4 rows lie far outside the rows of the training, most often in 'a' (0 to 1 "
            "there): their predictions are extrapolated");

  const TemporaryFolder folder;
  write_model(folder.file("model.json"), model);
  const Model read = read_model(folder.file("model.json"));
  EXPECT_TRUE(same_bits(read.ranges.lowest, model.ranges.lowest));
  EXPECT_TRUE(same_bits(read.ranges.highest, model.ranges.highest));
}

}  // namespace
}  // namespace lodestone
