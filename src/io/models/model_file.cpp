#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "io/json_format.hpp"
#include "io/json_text.hpp"
#include "io/models/model_json.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/model/model.hpp"

namespace lodestone {
namespace {

using Json = nlohmann::ordered_json;

constexpr io::Format model_format = {"lodestone-model", 1, "model", "the model.json of a run"};

std::vector<double> to_list(const Vector& vector) { return {vector.begin(), vector.end()}; }

// A missing list reads as null, which would pass for an empty one.
const Json& list_at(const Json& json, const char* key) {
  const Json& list = json.at(key);
  if (!list.is_array()) throw std::out_of_range(std::string("'") + key + "' is not a list");
  return list;
}

Vector to_vector(const Json& list) {
  const auto numbers = list.get<std::vector<double>>();
  return Eigen::Map<const Vector>(numbers.data(), static_cast<Index>(numbers.size()));
}

Json to_json(const Standardization& standardization) {
  Json json = {{"kind", name(standardization.kind)},
               {"target_scale", standardization.target_scale},
               {"center", to_list(standardization.center)},
               {"scale", to_list(standardization.scale)}};
  if (standardization.target_scales.size() > 0) {
    json["target_scales"] = to_list(standardization.target_scales);
  }
  // The other kinds follow from centre and scale; at many columns a map is most of the file.
  if (standardization.kind != Standardization::Kind::whiten) return json;
  Json& rows = json["map"] = Json::array();
  for (Index i = 0; i < standardization.map.rows(); ++i) {
    rows.push_back(to_list(standardization.map.row(i)));
  }
  return json;
}

Standardization standardization_from(const Json& json) {
  Standardization result;
  result.kind = parse_standardization(json.at("kind").get<std::string>());
  result.target_scale = json.at("target_scale").get<double>();
  if (json.contains("target_scales")) result.target_scales = to_vector(json.at("target_scales"));
  result.center = to_vector(json.at("center"));
  result.scale = to_vector(json.at("scale"));
  if (result.kind != Standardization::Kind::whiten) return result;
  const Json& rows = list_at(json, "map");
  result.map.resize(static_cast<Index>(rows.size()),
                    rows.empty() ? 0 : static_cast<Index>(rows.front().size()));
  for (Index i = 0; i < result.map.rows(); ++i) {
    const Vector row = to_vector(rows.at(static_cast<std::size_t>(i)));
    if (row.size() != result.map.cols()) throw std::out_of_range("rows of map differ in length");
    result.map.row(i) = row;
  }
  if (result.map.rows() != result.scale.size()) {
    throw std::out_of_range("map does not have one row a column");
  }
  return result;
}

// Files without text columns, and all from before there were encodings, have none.
std::vector<Encoding> encodings_from(const Json& json, const std::vector<std::string>& columns) {
  std::vector<Encoding> encodings;
  for (const Json& item : list_at(json, "encodings")) {
    encodings.push_back(
        {item.at("column").get<std::string>(), item.at("values").get<std::vector<std::string>>()});
    for (const std::string& value : encodings.back().values) {
      const std::string name = encodings.back().column + "=" + value;
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) {
        throw std::out_of_range("an encoding's column '" + name + "' is missing");
      }
    }
  }
  return encodings;
}

// Files of models that refuse missing values, and all from before there were imputations, have
// none. Together with the 0/1 columns of text they stand for every column.
std::vector<Imputation> imputations_from(const Json& json, const std::vector<std::string>& columns,
                                         const std::vector<Encoding>& encodings) {
  std::set<std::string> known;
  for (const Encoding& encoding : encodings) {
    for (const std::string& value : encoding.values) known.insert(encoding.column + "=" + value);
  }
  std::vector<Imputation> imputations;
  for (const Json& item : list_at(json, "imputations")) {
    Imputation imputation{
        item.at("column").get<std::string>(), {}, item.at("indicator").get<bool>()};
    if (item.contains("mean")) {
      imputation.mean = item.at("mean").get<double>();
      known.insert(imputation.column);
    }
    if (imputation.has_indicator) known.insert(imputation.indicator());
    imputations.push_back(std::move(imputation));
  }
  if (known != std::set<std::string>(columns.begin(), columns.end())) {
    throw std::out_of_range("imputations do not match the columns");
  }
  return imputations;
}

// Files of relu features, and all from before there were smooth ones, have none. Ridges follow each
// other and take all features.
std::vector<Ridge> ridges_from(const Json& json, const std::vector<Feature>& features) {
  std::vector<Ridge> ridges;
  Index next = 0;
  for (const Json& item : list_at(json, "ridges")) {
    ridges.push_back(
        {io::whole_number_at<Index>(item, "first"), io::whole_number_at<Index>(item, "count"),
         item.at("degrees_of_freedom").get<double>(), item.at("explained").get<double>()});
    const Ridge& ridge = ridges.back();
    const auto left = static_cast<Index>(features.size()) - next;
    if (ridge.first != next || ridge.count < 1 || ridge.count > left) {
      throw std::out_of_range("ridges do not follow each other");
    }
    next += ridge.count;
    const Vector& direction = features[static_cast<std::size_t>(ridge.first)].direction;
    for (Index i = ridge.first; i < next; ++i) {
      const Vector& other = features[static_cast<std::size_t>(i)].direction;
      if (other != direction && other != -direction) {
        throw std::out_of_range("the features of a ridge differ in direction");
      }
    }
  }
  if (!ridges.empty() && next != static_cast<Index>(features.size())) {
    throw std::out_of_range("ridges leave out features");
  }
  return ridges;
}

// Files of a target of numbers, and all from before there were classes, have none.
std::vector<std::string> classes_from(const Json& family, Family::Kind kind) {
  auto classes = list_at(family, "classes").get<std::vector<std::string>>();
  const bool different =
      std::set<std::string>(classes.begin(), classes.end()).size() == classes.size();
  const bool two = kind == Family::Kind::logistic && classes.size() == 2;
  const bool several = kind == Family::Kind::softmax && classes.size() >= 2;
  if (!different || !(two || several)) {
    throw std::out_of_range("'classes' are not those of the family");
  }
  return classes;
}

// Files of one output, and all from before there were several, have none.
std::vector<Output> outputs_from(const Json& json, std::size_t columns) {
  std::vector<Output> outputs;
  for (const Json& item : list_at(json, "outputs")) {
    outputs.push_back({item.at("name").get<std::string>(),
                       {item.at("alpha").get<double>(), to_vector(item.at("beta"))}});
    if (static_cast<std::size_t>(outputs.back().affine.beta.size()) != columns) {
      throw std::out_of_range("beta of an output does not have one number a column");
    }
  }
  if (outputs.size() < 2) throw std::out_of_range("'outputs' must be at least two");
  return outputs;
}

// Names of the columns in which the score never falls, and never rises. Files of others, and all
// from before there were any, have none.
SignConstraints constraints_from(const Json& json, const std::vector<std::string>& columns) {
  Vector signs = Vector::Zero(static_cast<Index>(columns.size()));
  for (const char* key : {"increasing", "decreasing"}) {
    if (!json.contains(key)) continue;
    for (const Json& item : list_at(json, key)) {
      const auto at = std::find(columns.begin(), columns.end(), item.get<std::string>());
      if (at == columns.end()) throw std::out_of_range("a monotone column is not among 'columns'");
      signs[at - columns.begin()] = key[0] == 'i' ? 1.0 : -1.0;
    }
  }
  return SignConstraints(std::move(signs));
}

std::string formula_of(const Model& model) {
  if (!model.outputs.empty()) {
    const std::string score = "alpha_k + beta_k.x + sum of amplitudes_k * relu(direction.x + bias)";
    if (!model.family.softmax()) return "output k = " + score;
    return "P(output k) = exp(score_k) / sum of exp(score_j), score_k = " + score;
  }
  const std::string score = std::string(model.offset_column.empty() ? "" : "offset + ") +
                            "alpha + beta.x + sum of amplitude * relu(direction.x + bias)";
  switch (model.family.kind) {
    case Family::Kind::logistic:
      return fmt::format("P(target = {}) = 1/(1 + exp(-score)), score = {}",
                         model.classes.empty() ? "1" : model.classes[1], score);
    case Family::Kind::poisson:
      return "mean of target = exp(score), score = " + score;
    case Family::Kind::square:
    case Family::Kind::huber:
    case Family::Kind::softmax:
      break;
  }
  return "target = " + score;
}

}  // namespace

namespace io {

Model model_from(const Json& json) {
  Model model;
  model.columns = json.at("columns").get<std::vector<std::string>>();
  model.target = json.at("target").get<std::string>();
  if (json.contains("family")) {
    const Json& family = json.at("family");
    model.family.kind = parse_family(family.at("name").get<std::string>());
    model.family.huber_width = family.value("huber_width", model.family.huber_width);
    model.family.linear_ridge = family.value("linear_ridge", 0.0);
    model.family.linear = parse_linear_part(family.value("linear", "free"));
    if (family.contains("classes")) model.classes = classes_from(family, model.family.kind);
  }
  // Files of scores without a known part, and all from before there were offsets, have none.
  model.offset_column = json.value("offset", "");
  model.constraints = constraints_from(json, model.columns);
  if (json.contains("encodings")) model.encodings = encodings_from(json, model.columns);
  if (json.contains("imputations")) {
    model.imputations = imputations_from(json, model.columns, model.encodings);
  }
  if (json.contains("outputs")) {
    model.outputs = outputs_from(json, model.columns.size());
    model.affine.beta = Vector::Zero(static_cast<Index>(model.columns.size()));
    if (model.family.softmax()) model.family.classes = model.output_count();
  } else {
    model.affine.alpha = json.at("affine").at("alpha").get<double>();
    model.affine.beta = to_vector(json.at("affine").at("beta"));
  }
  if (model.family.softmax() != (model.family.classes > 0) ||
      (!model.classes.empty() && model.family.softmax() &&
       model.classes.size() != model.outputs.size())) {
    throw std::out_of_range("'outputs' are not those of the family");
  }
  if (static_cast<std::size_t>(model.dimension()) != model.columns.size()) {
    throw std::out_of_range("beta does not have one number a column");
  }
  for (const Json& item : list_at(json, "features")) {
    model.features.push_back({to_vector(item.at("direction")), item.at("bias").get<double>(),
                              item.at("amplitude").get<double>()});
    Feature& feature = model.features.back();
    if (feature.direction.size() != model.dimension()) {
      throw std::out_of_range("a direction does not have one number a column");
    }
    if (model.outputs.empty()) continue;
    feature.amplitudes = to_vector(item.at("amplitudes"));
    if (feature.amplitudes.size() != model.output_count()) {
      throw std::out_of_range("'amplitudes' do not have one number an output");
    }
  }
  if (json.contains("ridges")) model.ridges = ridges_from(json, model.features);
  model.biases = json.value("biases", true);
  if (json.contains("ranges")) {
    model.ranges = {to_vector(json.at("ranges").at("lowest")),
                    to_vector(json.at("ranges").at("highest"))};
    if (model.ranges.lowest.size() != model.dimension() ||
        model.ranges.highest.size() != model.dimension()) {
      throw std::out_of_range("ranges do not have one number a column");
    }
  }
  model.standardization = standardization_from(json.at("standardization"));
  const Json& provenance = json.at("provenance");
  model.provenance = {provenance.at("lodestone").get<std::string>(),
                      provenance.at("command").get<std::string>(),
                      provenance.at("source").get<std::string>(),
                      whole_number_at<std::uint64_t>(provenance, "seed"),
                      provenance.at("lambda").get<double>(),
                      provenance.at("lambda_in_target_units").get<double>(),
                      whole_number_at<Index>(provenance, "rows")};
  const Standardization& standardization = model.standardization;
  const Vector& scales = standardization.target_scales;
  if (scales.size() > 0 && scales.size() != model.output_count()) {
    throw std::out_of_range("target_scales do not have one number an output");
  }
  const auto none_or_positive = [](const Vector& numbers) { return (numbers.array() > 0.0).all(); };
  if (!(standardization.target_scale > 0.0) || !none_or_positive(scales) ||
      !none_or_positive(standardization.scale)) {
    throw std::out_of_range("a scale is not positive");
  }
  if (standardization.center.size() != model.dimension() ||
      standardization.scale.size() != model.dimension()) {
    throw std::out_of_range("center or scale does not have one number a column");
  }
  return model;
}

Json model_json(const Model& model) {
  Json json = {
      {"format", model_format.name},
      {"version", model_format.version},
      {"formula", formula_of(model)},
      {"target", model.target},
      {"columns", model.columns.empty() ? numbered_columns(model.dimension()) : model.columns},
      {"biases", model.biases}};
  // The square loss is what a file without a family has.
  if (!model.family.square() || !model.family.has_linear_part()) {
    json["family"] = {{"name", name(model.family.kind)}};
  }
  if (model.family.kind == Family::Kind::huber) {
    json["family"]["huber_width"] = model.family.huber_width;
  }
  if (model.family.linear_ridge > 0.0) {
    json["family"]["linear_ridge"] = model.family.linear_ridge;
  }
  if (!model.family.has_linear_part()) json["family"]["linear"] = name(model.family.linear);
  if (!model.classes.empty()) json["family"]["classes"] = model.classes;
  if (!model.offset_column.empty()) json["offset"] = model.offset_column;
  const Vector& signs = model.constraints.signs();
  for (Index j = 0; j < signs.size(); ++j) {
    if (signs[j] == 0.0) continue;
    json[signs[j] > 0.0 ? "increasing" : "decreasing"].push_back(
        model.columns[static_cast<std::size_t>(j)]);
  }
  for (const Encoding& encoding : model.encodings) {
    json["encodings"].push_back({{"column", encoding.column}, {"values", encoding.values}});
  }
  for (const Imputation& imputation : model.imputations) {
    Json item = {{"column", imputation.column}};
    if (imputation.mean) item["mean"] = *imputation.mean;
    item["indicator"] = imputation.has_indicator;
    json["imputations"].push_back(std::move(item));
  }
  if (model.ranges.lowest.size() > 0) {
    json["ranges"] = {{"lowest", to_list(model.ranges.lowest)},
                      {"highest", to_list(model.ranges.highest)}};
  }
  for (const Output& output : model.outputs) {
    json["outputs"].push_back({{"name", output.name},
                               {"alpha", output.affine.alpha},
                               {"beta", to_list(output.affine.beta)}});
  }
  if (model.outputs.empty()) {
    json["affine"] = {{"alpha", model.affine.alpha}, {"beta", to_list(model.affine.beta)}};
  }
  Json& features = json["features"] = Json::array();
  for (const Feature& feature : model.features) {
    features.push_back({{"amplitude", feature.amplitude},
                        {"bias", feature.bias},
                        {"direction", to_list(feature.direction)}});
    if (!model.outputs.empty()) features.back()["amplitudes"] = to_list(feature.amplitudes);
  }
  if (!model.ridges.empty()) {
    Json& ridges = json["ridges"] = Json::array();
    for (const Ridge& ridge : model.ridges) {
      ridges.push_back({{"first", ridge.first},
                        {"count", ridge.count},
                        {"degrees_of_freedom", ridge.degrees_of_freedom},
                        {"explained", ridge.explained}});
    }
  }
  json["standardization"] = to_json(model.standardization);
  json["provenance"] = {{"lodestone", model.provenance.lodestone_version},
                        {"command", model.provenance.command},
                        {"source", model.provenance.source},
                        {"seed", model.provenance.seed},
                        {"lambda", model.provenance.lambda},
                        {"lambda_in_target_units", model.provenance.lambda_in_target_units},
                        {"rows", model.provenance.rows}};
  return json;
}

}  // namespace io

void write_model(const std::string& path, const Model& model) {
  write_file_atomically(path, io::readable(io::model_json(model)));
}

Model read_model(const std::string& path) {
  return io::read_json(path, model_format, io::model_from);
}

}  // namespace lodestone
