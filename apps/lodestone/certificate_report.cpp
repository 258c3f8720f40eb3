#include "certificate_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "runs/certificate_json.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

using Json = nlohmann::ordered_json;

Json as_json(const ModelCertificate::Maximum& maximum) {
  return {{"eta", maximum.eta},
          {"direction", std::vector<double>(maximum.direction.direction.begin(),
                                            maximum.direction.direction.end())},
          {"bias", maximum.direction.bias}};
}

std::string neuron_table(const ModelCertificate& found) {
  constexpr std::size_t most_rows = 20;
  std::string text = fmt::format("  {:>6}  {:>4}  {:>11}  {:>6}  {:>10}  {}\n", "neuron", "sign",
                                 "mass", "share", "eta", "violates");
  const std::size_t shown = std::min(most_rows, found.neurons.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const ModelCertificate::Neuron& neuron = found.neurons[i];
    text +=
        fmt::format("  {:>6}  {:>4}  {:>11.4g}  {:>5.1f}%  {:>+10.5f}  {}\n", neuron.feature + 1,
                    neuron.sign > 0.0 ? "+" : "-", neuron.mass, 100.0 * neuron.mass / found.mass,
                    neuron.eta, neuron.violates ? "yes" : "no");
  }
  if (shown < found.neurons.size()) {
    text += fmt::format("  ... and {} lighter ones (--json and --out list them)\n",
                        found.neurons.size() - shown);
  }
  return text;
}

std::string lambda_in_words(ModelCertificate::LambdaSource source) {
  switch (source) {
    case ModelCertificate::LambdaSource::given:
      return "";
    case ModelCertificate::LambdaSource::model:
      return ", the model's";
    case ModelCertificate::LambdaSource::tightest:
      return ", at which the relative gap is smallest (the model does not say)";
  }
  return "";
}

}  // namespace

Json judged_json(const JudgedModel& judged) {
  const Model& model = judged.model;
  const Evidence& evidence = judged.evidence;
  Json json = {{"model", judged.file},
               {"source", evidence.source},
               {"objective", evidence.rows ? "sample" : "population"}};
  if (evidence.rows) json["rows"] = evidence.rows->X.rows();
  json["columns"] = model.columns;
  json["target"] = model.target;
  json["standardization"] = name(model.standardization.kind);
  json["biases"] = model.biases;
  return json;
}

Json certificate_json(const JudgedModel& judged, const ModelCertificate& found, double tolerance) {
  const Certificate& certificate = found.certificate;
  Json json = judged_json(judged);
  json["lambda"] = found.lambda;
  json["lambda_in_target_units"] = found.lambda_in_target_units;
  json["lambda_source"] = name(found.lambda_source);
  json["loss"] = found.loss;
  json["loss_as_given"] = found.loss_as_given;
  json["null_loss"] = found.null_loss;
  json["mass"] = found.mass;
  json["penalized_loss"] = found.penalized_loss;
  Json& part = json["certificate"] = lodestone::certificate_json(certificate);
  if (found.worst.direction.direction.size() > 0) part["worst"] = as_json(found.worst);
  json["maxima"] = Json::array();
  for (const auto& maximum : found.maxima) json["maxima"].push_back(as_json(maximum));
  json["tolerance"] = tolerance;
  json["violations"] = found.violations;
  json["violating_share"] = found.violating_share;
  json["neurons"] = Json::array();
  for (const auto& neuron : found.neurons) {
    json["neurons"].push_back({{"neuron", neuron.feature + 1},
                               {"sign", neuron.sign},
                               {"mass", neuron.mass},
                               {"eta", neuron.eta},
                               {"violates", neuron.violates}});
  }
  return json;
}

std::string certificate_table(const JudgedModel& judged, const ModelCertificate& found,
                              double tolerance) {
  const Model& model = judged.model;
  const Certificate& certificate = found.certificate;
  std::string text = neuron_table(found) + "\n";
  text +=
      fmt::format("{} of {} neurons violate |eta - sign| <= {:g}, with {:.3g}% of the mass\n",
                  found.violations, found.neurons.size(), tolerance, 100.0 * found.violating_share);
  text += fmt::format(
      "lambda {:.6g}{}{}\n", found.lambda,
      found.lambda_in_target_units == found.lambda
          ? ""
          : fmt::format(" ({:.6g} in units of {})", found.lambda_in_target_units, model.target),
      lambda_in_words(found.lambda_source));
  text += fmt::format(
      "loss {:.6g} with the best affine part, {:.6g} with the model's own; {:.6g} "
      "without neurons\n",
      found.loss, found.loss_as_given, found.null_loss);
  if (judged.foreign && model.standardization.kind == Standardization::Kind::none) {
    text += "judged in the data's own units (--standardize scale or whiten changes that)\n";
  }
  text += certificate.kind == Certificate::Kind::rigorous
              ? fmt::format(
                    "sup |eta| <= {:.8g} (rigorous; {:.8g} is attained; {} cells in "
                    "dimension {})\n",
                    certificate.sup_eta, certificate.sup_eta_lower, certificate.cells,
                    certificate.effective_dimension)
              : fmt::format("sup |eta| = {:.6g} (estimated; {} local maxima from {} starts)\n",
                            certificate.sup_eta, certificate.distinct_maxima, certificate.starts);
  if (found.worst.direction.direction.size() > 0) {
    const Feature& worst = found.worst.direction;
    text += fmt::format(
        "  eta {:+.6g} at {}{}\n", found.worst.eta,
        direction_in_words(worst.direction, model.standardization.scale, model.columns, 6),
        model.biases ? fmt::format("  bias {:+.3g}", worst.bias) : "");
  }
  text += fmt::format(
      "P_lambda = {:.6g}, above its minimum by at most {:.3g}, {:.2g} relative "
      "({})\n",
      found.penalized_loss, certificate.gap, certificate.relative_gap, name(certificate.kind));
  if (certificate.search_failed) {
    text += "warning: the search for sup |eta| missed it: the gap is not to be trusted\n";
  }
  return text;
}

}  // namespace lodestone::app
