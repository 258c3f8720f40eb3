#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "certificate_report.hpp"
#include "judged_model.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/verifier/verifier.hpp"
#include "runs/certificate_json.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

VerifiedNumbers recompute(const JudgedModel& judged, double lambda,
                          const VerifierOptions& options) {
  const Evidence& evidence = judged.evidence;
  if (!evidence.rows) return verify_model(judged.model, *evidence.teacher, lambda, options);
  return verify_model(judged.model, *evidence.rows, evidence.rows->weights, lambda, options,
                      evidence.teacher);
}

ReportedNumbers reported_numbers(const ModelCertificate& found) {
  ReportedNumbers said;
  said.loss = found.loss;
  said.penalized_loss = found.penalized_loss;
  said.balanced = true;
  said.sup_eta = found.certificate.sup_eta;
  said.attained = found.certificate.sup_eta_lower;
  said.gap = found.certificate.gap;
  said.relative_gap = found.certificate.relative_gap;
  said.kind = found.certificate.kind;
  return said;
}

std::optional<ReportedBound> reported(const std::optional<RecoveryBound>& bound) {
  if (!bound || !bound->reason.empty()) return std::nullopt;
  return ReportedBound{
      bound->order,     bound->rho,           bound->p_norm,        bound->interpolation_error,
      bound->angle_deg, bound->residual_norm, bound->residual_share};
}

// Everything that `said` has wrong.
std::vector<Discrepancy> contradicted(const JudgedModel& judged, const ReportedNumbers& said,
                                      const VerifiedNumbers& is, std::uint64_t seed) {
  std::vector<Discrepancy> result = discrepancies(said, is);
  const Evidence& evidence = judged.evidence;
  if (said.recovery_bound && said.gap && evidence.teacher && !evidence.rows) {
    for (Discrepancy& item : discrepancies(*said.recovery_bound, *said.gap, *evidence.teacher,
                                           judged.model.standardization.target_scale, is, seed)) {
      result.push_back(std::move(item));
    }
  }
  return result;
}

// The summary of a run whose own network is judged on its own problem.
std::optional<fs::path> own_summary(const JudgedModel& judged) {
  if (!judged.evidence.own || !judged.file.ends_with("network.json")) return std::nullopt;
  const fs::path summary = *judged.folder / "summary.json";
  return fs::is_regular_file(summary) ? std::optional(summary) : std::nullopt;
}

std::vector<Discrepancy> contradicted_in(const fs::path& summary, const JudgedModel& judged,
                                         const VerifiedNumbers& is, std::uint64_t seed) {
  std::vector<Discrepancy> result =
      contradicted(judged, read_reported_numbers(summary.string()), is, seed);
  for (Discrepancy& item : result) item.field = "summary.json: " + item.field;
  return result;
}

// The certificate's numbers that the verifier contradicts, and for a run's own network on its own
// problem those of the run's summary.
std::vector<Discrepancy> contradictions(const JudgedModel& judged, const ModelCertificate& found,
                                        const std::optional<RecoveryBound>& bound,
                                        const VerifierOptions& options) {
  ReportedNumbers said = reported_numbers(found);
  said.recovery_bound = reported(bound);
  std::vector<Discrepancy> result =
      contradicted(judged, said, recompute(judged, found.lambda, options), options.seed);
  const std::optional<fs::path> summary = own_summary(judged);
  if (!summary) return result;
  const VerifiedNumbers at_its_own = recompute(judged, judged.model.provenance.lambda, options);
  for (Discrepancy& item : contradicted_in(*summary, judged, at_its_own, options.seed)) {
    result.push_back(std::move(item));
  }
  return result;
}

// Several outputs have no certificate but that of their run's summary.
fs::path summary_of_outputs(const JudgedModel& judged, const CertifyOptions& how) {
  const std::string outputs = fmt::format("{} outputs", judged.model.outputs.size());
  if (how.rigorous) throw InvalidArgument("rigorous", outputs, "proofs are for one output");
  if (how.lambda) {
    throw InvalidArgument("lambda", fmt::format("{:g}", *how.lambda),
                          "several outputs are verified at the lambda of their run");
  }
  const std::optional<fs::path> summary = own_summary(judged);
  if (!summary) {
    throw InvalidArgument(
        "RUN", outputs, "several outputs are verified in the folder of their run, on its own rows");
  }
  return *summary;
}

Json as_json(const VerifiedNumbers& numbers) {
  Json json = {{"lambda", numbers.lambda},
               {"loss", numbers.loss},
               {"loss_as_given", numbers.loss_as_given},
               {"null_loss", numbers.null_loss},
               {"mass", numbers.mass},
               {"penalized_loss", numbers.balanced_loss},
               {"certificate",
                {{"sup_eta_lower", numbers.sup_eta},
                 {"gap", numbers.gap},
                 {"relative_gap", numbers.relative_gap}}},
               {"neurons", Json::array()}};
  for (Index i = 0; i < numbers.neuron_eta.size(); ++i) {
    json["neurons"].push_back({{"neuron", i + 1}, {"eta", numbers.neuron_eta[i]}});
  }
  return json;
}

std::string in_words(const VerifiedNumbers& numbers) {
  return fmt::format(
      "lambda {:.6g}\n"
      "loss {:.6g} with the best affine part, {:.6g} with the model's own; {:.6g} without neurons\n"
      "sup |eta| >= {:.6g}, the largest length over outputs that was found\n"
      "P_lambda = {:.6g}; with that sup |eta| the gap is {:.3g}, {:.2g} relative\n",
      numbers.lambda, numbers.loss, numbers.loss_as_given, numbers.null_loss, numbers.sup_eta,
      numbers.balanced_loss, numbers.gap, numbers.relative_gap);
}

Json as_json(const std::vector<Discrepancy>& found) {
  Json json = Json::array();
  for (const Discrepancy& item : found) {
    json.push_back({{"field", item.field},
                    {"reported", item.reported},
                    {"recomputed", item.recomputed},
                    {"tolerance", item.tolerance}});
  }
  return json;
}

std::string in_words(const std::vector<Discrepancy>& found) {
  if (found.empty()) return "verified: every number was recomputed independently and agrees\n";
  std::string text;
  for (const Discrepancy& item : found) {
    text += fmt::format("NOT verified: {} is {:.12g}, recomputed {:.12g}\n", item.field,
                        item.reported, item.recomputed);
  }
  return text;
}

class Verify final : public Verb {
 public:
  explicit Verify(CLI::App& parent) {
    app = parent.add_subcommand(
        "verify",
        "Recompute every number of a run by the independent verifier: those of its summary and\n"
        "those of its certificate; exit status 4 where one is contradicted");
    app->add_option("RUN", run_, judged_model_help)->required();
    std::vector<Option> options = certify_options(request_);
    for (Option& option : common_.table({.value = "FILE",
                          .help = "JSON file to write the numbers and discrepancies to",
                          .default_note = "none"},
                                        "the numbers and discrepancies")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
  }

  int run() override {
    flags_.apply();
    common_.apply();
    if (!common_.out.empty()) refuse_existing(common_.out, common_.overwrite);
    const JudgedModel judged = JudgedModel::read(run_, request_);
    if (!judged.model.outputs.empty()) return verify_outputs(judged);
    catch_interrupts();
    request_.how.proof.should_stop = [] { return interrupt_requested(); };
    const ModelCertificate found = judged.certify(request_.how);
    VerifierOptions how;
    how.seed = request_.how.ascent.seed;
    if (found.certificate.direction.size() > 0) {
      how.directions = found.certificate.direction.transpose();
    }
    std::optional<RecoveryBound> bound;
    if (!interrupt_requested()) bound = judged.recovery_bound(found);
    const std::vector<Discrepancy> wrong = contradictions(judged, found, bound, how);
    Json json = certificate_json(judged, found, request_.how.tolerance);
    if (bound) json["recovery_bound"] = recovery_bound_json(*bound);
    std::string text = certificate_table(judged, found, request_.how.tolerance);
    if (bound) text += lodestone::in_words(*bound) + "\n";
    const int status = report(json, text, wrong);
    return interrupt_requested() ? interrupted : status;
  }

 private:
  int verify_outputs(const JudgedModel& judged) const {
    const fs::path summary = summary_of_outputs(judged, request_.how);
    VerifierOptions how;
    how.seed = request_.how.ascent.seed;
    const VerifiedNumbers is = recompute(judged, judged.model.provenance.lambda, how);
    Json json = judged_json(judged);
    json.update(as_json(is));
    return report(json, in_words(is), contradicted_in(summary, judged, is, how.seed));
  }

  int report(const Json& numbers, const std::string& text,
             const std::vector<Discrepancy>& wrong) const {
    Json json = {{"command", "verify"}};
    json.update(numbers);
    json["verified"] = wrong.empty();
    json["discrepancies"] = as_json(wrong);
    common_.report(json.dump(2) + "\n", text + in_words(wrong));
    return wrong.empty() ? done : numerical_breakdown;
  }

  std::string run_;
  CertifyRequest request_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_verify(CLI::App& parent) { return std::make_unique<Verify>(parent); }

}  // namespace lodestone::app
