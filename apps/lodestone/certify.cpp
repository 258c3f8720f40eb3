#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "certificate_report.hpp"
#include "judged_model.hpp"
#include "lodestone/runs/options.hpp"
#include "runs/certificate_json.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

using Json = nlohmann::ordered_json;

class Certify final : public Verb {
 public:
  explicit Certify(CLI::App& parent) {
    app = parent.add_subcommand(
        "certify",
        "Say how close a model is to the best one of its kind: sup |eta|, the gap, and eta at\n"
        "every neuron; also for networks trained elsewhere");
    app->add_option("MODEL", model_, judged_model_help)->required();
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
    const JudgedModel judged = JudgedModel::read(model_, request_);
    catch_interrupts();
    request_.how.proof.should_stop = [] { return interrupt_requested(); };
    const ModelCertificate found = judged.certify(request_.how);
    Json json = {{"command", "certify"}};
    json.update(certificate_json(judged, found, request_.how.tolerance));
    std::string text = certificate_table(judged, found, request_.how.tolerance);
    if (interrupt_requested()) {
      common_.report(json.dump(2) + "\n", text);
      return interrupted;
    }
    if (const auto bound = judged.recovery_bound(found)) {
      json["recovery_bound"] = recovery_bound_json(*bound);
      text += in_words(*bound) + "\n";
    }
    common_.report(json.dump(2) + "\n", text);
    return done;
  }

 private:
  std::string model_;
  CertifyRequest request_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_certify(CLI::App& parent) { return std::make_unique<Certify>(parent); }

}  // namespace lodestone::app
