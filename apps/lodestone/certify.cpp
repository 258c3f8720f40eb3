#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/certify/model_certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/runs/train.hpp"
#include "lodestone/verifier/verifier.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// What a model is judged on: a population, or rows (drawn from a teacher, where that is known).
struct Evidence {
  std::optional<Teacher> teacher;
  std::optional<Dataset> rows;
  std::string source;
  bool own = false;  // that of the run the model comes from
};

struct Judgement {
  ModelCertificate certificate;
  bool verified = false;
  std::vector<Discrepancy> discrepancies;
};

const char* source_of(ModelCertificate::LambdaSource source) {
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

const char* name_of(Certificate::Kind kind) {
  return kind == Certificate::Kind::rigorous ? "rigorous" : "estimated";
}

VerifiedNumbers recompute(const Model& model, const Evidence& evidence, double lambda,
                          const VerifierOptions& options) {
  if (!evidence.rows) return verify_model(model, *evidence.teacher, lambda, options);
  return verify_model(model, *evidence.rows, evidence.rows->weights, lambda, options,
                      evidence.teacher);
}

class Certify final : public Verb {
 public:
  explicit Certify(CLI::App& parent) {
    app = parent.add_subcommand(
        "certify",
        "Say how close a model is to the best one of its kind: sup |eta|, the gap, and eta at\n"
        "every neuron; also for networks trained elsewhere");
    app->add_option("MODEL", model_file_,
                    "Folder of a run (its network.json, else its model.json), either file, or an "
                    "NPZ file with the arrays a, W and b, alpha, beta where there are any; or "
                    "coefs_0, intercepts_0, coefs_1, intercepts_1 (scikit-learn); or 0.weight, "
                    "0.bias, 2.weight, 2.bias (PyTorch)")
        ->required();
    std::vector<Option> options = certify_options(request_);
    for (Option& option : common_.table({.value = "FILE",
                          .help = "JSON file to write what was found to, with every neuron",
                          .default_note = "none"},
                                        "what was found")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
  }

  int run() override {
    flags_.apply();
    common_.apply();
    if (!common_.out.empty()) refuse_existing(common_.out, common_.overwrite);
    Model model = read_any_model();
    const Evidence evidence = gather(model);
    catch_interrupts();
    request_.how.proof.should_stop = [] { return interrupt_requested(); };
    const Judgement judgement = judge(model, evidence);
    const std::string json = as_json(model, evidence, judgement).dump(2) + "\n";
    if (!common_.out.empty()) write_file_atomically(common_.out, json);
    if (common_.json) {
      print(json);
    } else if (!common_.quiet) {
      print(as_table(model, judgement));
      if (!common_.out.empty()) print(fmt::format("everything is in {}\n", common_.out));
    }
    if (interrupt_requested()) return interrupted;
    return judgement.discrepancies.empty() ? done : numerical_breakdown;
  }

 private:
  bool is_folder() const { return fs::is_directory(model_file_); }

  Model read_any_model() {
    if (is_folder()) {
      const fs::path folder(model_file_);
      model_file_ = (folder / "network.json").string();
      if (!fs::is_regular_file(model_file_)) model_file_ = (folder / "model.json").string();
      folder_ = folder;
    }
    foreign_ = !folder_ && read_file(model_file_).starts_with("PK");
    if (!foreign_ && request_.standardize) {
      throw InvalidArgument("standardize", name(*request_.standardize),
                            "this model brings its own standardization; the flag is for NPZ files");
    }
    return foreign_ ? read_network_arrays(model_file_) : read_model(model_file_);
  }

  // Reads what the model is judged on, and gives a network from elsewhere its coordinates.
  Evidence gather(Model& model) const {
    if (!request_.data.file.empty() && !request_.teacher.empty()) {
      throw InvalidArgument("teacher", "both", "give either --teacher or --data");
    }
    if (request_.data.file.empty() && (!request_.data.target.empty() || request_.data.delimiter)) {
      throw InvalidArgument(request_.data.target.empty() ? "delimiter" : "target", "a value",
                            "only a data file (--data) has one");
    }
    const auto kind = request_.standardize.value_or(Standardization::Kind::none);
    if (!request_.teacher.empty()) {
      if (kind != Standardization::Kind::none) {
        throw InvalidArgument("standardize", name(kind), "a population is not standardized");
      }
      Evidence evidence{read_teacher(request_.teacher), std::nullopt, request_.teacher, false};
      if (foreign_) drop_zero_biases(model);
      return evidence;
    }
    if (request_.data.file.empty()) return own_evidence(model);

    if (request_.data.target.empty() && foreign_) {
      throw InvalidArgument("target", "nothing", "name the column to predict with --target COLUMN");
    }
    if (!foreign_) return {std::nullopt, rows_for(model, request_.data), request_.data.file, false};
    Dataset data = weighted_rows(read_dataset(request_.data));
    if (data.X.cols() != model.dimension()) {
      throw FileError(request_.data.file, fmt::format("has {} columns besides the target, but the "
                                                      "network has {} inputs",
                                                      data.X.cols(), model.dimension()));
    }
    model.columns = data.columns;
    model.target = data.target;
    if (kind != Standardization::Kind::none) {
      model.standardization = Standardization::fit(kind, data.X, data.y, data.weights);
      model.biases = true;  // the columns' centre is not where the network's own zero is
    }
    return {std::nullopt, std::move(data), request_.data.file, false};
  }

  // A population has no biases; a network whose biases are all zero has none either.
  static void drop_zero_biases(Model& model) {
    const bool any = std::any_of(model.features.begin(), model.features.end(),
                                 [](const Feature& feature) { return feature.bias != 0.0; });
    if (!any) model.biases = false;
  }

  // Rows of a file as the model takes its inputs, with a target for each.
  static Dataset rows_for(const Model& model, DataSource source) {
    if (source.target.empty()) source.target = model.target;
    Dataset rows = read_inputs(source, model.columns, model.encodings);
    if (rows.y.size() != rows.X.rows() || !rows.y.allFinite()) {
      throw FileError(source.file == "-" ? "standard input" : source.file,
                      fmt::format("every row needs its target '{}'; --drop-missing leaves out rows "
                                  "without",
                                  source.target));
    }
    return weighted_rows(std::move(rows));
  }

  // The rows or the population that the run in the folder was trained on.
  Evidence own_evidence(const Model& model) const {
    const std::string& command = model.provenance.command;
    if (!folder_ || (command != "train" && command != "fit") ||
        !fs::is_regular_file(*folder_ / "config.toml")) {
      throw InvalidArgument(
          "data", "nothing",
          "give --data FILE and --target COLUMN, or --teacher; only the folder of a run knows what "
          "it was trained on");
    }
    const std::string config = (*folder_ / "config.toml").string();
    if (command == "train") {
      TrainOptions options;
      apply_config(train_options(options), config);
      return evidence_of(options.data, options.teacher, options.samples,
                         [&](const auto& teacher, auto data) {
                           return training_rows(options, teacher, std::move(data));
                         });
    }
    FitRequest request;
    apply_config(fit_options(request), config);
    return evidence_of(
        request.data, request.teacher, request.samples, [&](const auto& teacher, auto data) {
          if (!data) {
            return draw_samples(*teacher, request.samples, request.noise, request.how.seed);
          }
          return deal_rows(std::move(*data), request.test_file.empty() ? request.test_share : 0.0,
                           0.0, request.how.seed)
              .training;
        });
  }

  template <class TrainingRows>
  Evidence evidence_of(const DataSource& source, const std::string& teacher, Index samples,
                       const TrainingRows& rows_of) const {
    if (!source.file.empty()) {
      if (source.file == "-") {
        throw InvalidArgument("data", "nothing",
                              "this run read its data from standard input, which is gone; give "
                              "--data FILE");
      }
      std::optional<Dataset> data = read_dataset(source);
      return {std::nullopt, rows_of(std::optional<Teacher>(), std::move(data)), source.file, true};
    }
    Evidence evidence{read_teacher((*folder_ / "teacher.json").string()), std::nullopt, teacher,
                      true};
    if (samples > 0) evidence.rows = rows_of(evidence.teacher, std::optional<Dataset>());
    return evidence;
  }

  Judgement judge(const Model& model, const Evidence& evidence) const {
    Judgement judgement;
    judgement.certificate =
        evidence.rows ? certify_model(model, *evidence.rows, evidence.rows->weights, request_.how)
                      : certify_model(model, *evidence.teacher, request_.how);
    if (!request_.verify) return judgement;
    const ModelCertificate& found = judgement.certificate;
    VerifierOptions options;
    options.seed = request_.how.ascent.seed;
    if (found.certificate.direction.size() > 0) {
      options.directions = found.certificate.direction.transpose();
    }
    const VerifiedNumbers verified = recompute(model, evidence, found.lambda, options);
    ReportedNumbers said;
    said.loss = found.loss;
    said.penalized_loss = found.penalized_loss;
    said.balanced = true;
    said.sup_eta = found.certificate.sup_eta;
    said.attained = found.certificate.sup_eta_lower;
    said.gap = found.certificate.gap;
    said.relative_gap = found.certificate.relative_gap;
    said.kind = found.certificate.kind;
    judgement.discrepancies = discrepancies(said, verified);
    judgement.verified = true;
    const fs::path summary = evidence.own ? *folder_ / "summary.json" : fs::path();
    if (evidence.own && model_file_.ends_with("network.json") && fs::is_regular_file(summary)) {
      const VerifiedNumbers then = recompute(model, evidence, model.provenance.lambda, options);
      for (Discrepancy& item : discrepancies(read_reported_numbers(summary.string()), then)) {
        item.field = "summary.json: " + item.field;
        judgement.discrepancies.push_back(std::move(item));
      }
    }
    return judgement;
  }

  static Json as_json(const ModelCertificate::Maximum& maximum) {
    return {{"eta", maximum.eta},
            {"direction", std::vector<double>(maximum.direction.direction.begin(),
                                              maximum.direction.direction.end())},
            {"bias", maximum.direction.bias}};
  }

  Json as_json(const Model& model, const Evidence& evidence, const Judgement& judgement) const {
    const ModelCertificate& found = judgement.certificate;
    const Certificate& certificate = found.certificate;
    Json json = {{"command", "certify"},
                 {"model", model_file_},
                 {"source", evidence.source},
                 {"objective", evidence.rows ? "sample" : "population"}};
    if (evidence.rows) json["rows"] = evidence.rows->X.rows();
    json["columns"] = model.columns;
    json["target"] = model.target;
    json["standardization"] = name(model.standardization.kind);
    json["biases"] = model.biases;
    json["lambda"] = found.lambda;
    json["lambda_in_target_units"] = found.lambda_in_target_units;
    json["lambda_source"] = source_of(found.lambda_source);
    json["loss"] = found.loss;
    json["loss_as_given"] = found.loss_as_given;
    json["null_loss"] = found.null_loss;
    json["mass"] = found.mass;
    json["penalized_loss"] = found.penalized_loss;
    Json& part = json["certificate"] = {{"sup_eta", certificate.sup_eta},
                                        {"gap", certificate.gap},
                                        {"relative_gap", certificate.relative_gap},
                                        {"kind", name_of(certificate.kind)},
                                        {"maxima", certificate.maxima},
                                        {"search_failed", certificate.search_failed}};
    if (certificate.kind == Certificate::Kind::rigorous) {
      part["sup_eta_lower"] = certificate.sup_eta_lower;
      part["cells"] = certificate.cells;
      part["effective_dimension"] = certificate.effective_dimension;
    }
    if (found.worst.direction.direction.size() > 0) part["worst"] = as_json(found.worst);
    json["maxima"] = Json::array();
    for (const auto& maximum : found.maxima) json["maxima"].push_back(as_json(maximum));
    json["tolerance"] = request_.how.tolerance;
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
    if (judgement.verified) {
      json["verified"] = judgement.discrepancies.empty();
      json["discrepancies"] = Json::array();
      for (const Discrepancy& item : judgement.discrepancies) {
        json["discrepancies"].push_back({{"field", item.field},
                                         {"reported", item.reported},
                                         {"recomputed", item.recomputed},
                                         {"tolerance", item.tolerance}});
      }
    }
    return json;
  }

  static std::string neuron_table(const ModelCertificate& found) {
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

  std::string as_table(const Model& model, const Judgement& judgement) const {
    const ModelCertificate& found = judgement.certificate;
    const Certificate& certificate = found.certificate;
    std::string text = neuron_table(found) + "\n";
    text += fmt::format("{} of {} neurons violate |eta - sign| <= {:g}, with {:.3g}% of the mass\n",
                        found.violations, found.neurons.size(), request_.how.tolerance,
                        100.0 * found.violating_share);
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
    if (foreign_ && model.standardization.kind == Standardization::Kind::none) {
      text += "judged in the data's own units (--standardize scale or whiten changes that)\n";
    }
    text += certificate.kind == Certificate::Kind::rigorous
                ? fmt::format(
                      "sup |eta| <= {:.8g} (rigorous; {:.8g} is attained; {} cells in "
                      "dimension {})\n",
                      certificate.sup_eta, certificate.sup_eta_lower, certificate.cells,
                      certificate.effective_dimension)
                : fmt::format("sup |eta| = {:.6g} (estimated; {} local maxima found)\n",
                              certificate.sup_eta, certificate.maxima);
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
        found.penalized_loss, certificate.gap, certificate.relative_gap, name_of(certificate.kind));
    if (certificate.search_failed) {
      text += "warning: the search for sup |eta| missed it: the gap is not to be trusted\n";
    }
    if (judgement.verified) text += verification_in_words(judgement.discrepancies);
    return text;
  }

  static std::string lambda_in_words(ModelCertificate::LambdaSource source) {
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

  static std::string verification_in_words(const std::vector<Discrepancy>& found) {
    if (found.empty()) return "verified: every number was recomputed independently and agrees\n";
    std::string text;
    for (const Discrepancy& item : found) {
      text += fmt::format("NOT verified: {} is {:.12g}, recomputed {:.12g}\n", item.field,
                          item.reported, item.recomputed);
    }
    return text;
  }

  std::string model_file_;
  std::optional<fs::path> folder_;
  bool foreign_ = false;
  CertifyRequest request_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_certify(CLI::App& parent) { return std::make_unique<Certify>(parent); }

}  // namespace lodestone::app
