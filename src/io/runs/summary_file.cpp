#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "io/json_number.hpp"
#include "io/json_record.hpp"
#include "io/json_text.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/verifier/verifier.hpp"

namespace lodestone {
namespace {

using Json = nlohmann::ordered_json;

std::optional<double> number_at(const Json& json, const char* key) {
  if (!json.contains(key)) return std::nullopt;
  return json.at(key).get<double>();
}

Recovery recovery_from(const Json& json) {
  Recovery recovery;
  visit_fields(recovery, io::FieldsFromJson(json));
  return recovery;
}

// Nothing where the summary has words instead of numbers.
std::optional<ReportedBound> bound_from(const Json& json) {
  if (!json.contains("rho") || json.contains("reason")) return std::nullopt;
  const auto number = [&](const char* key) { return json.at(key).get<double>(); };
  return ReportedBound{io::whole_number_at<int>(json, "order"),
                       number("rho"),
                       number("p_norm"),
                       number("interpolation_error"),
                       number("angle_deg"),
                       number("residual_norm"),
                       number("residual_share")};
}

ReportedNumbers numbers_from(const Json& json) {
  ReportedNumbers numbers;
  numbers.loss = number_at(json, "loss");
  numbers.penalized_loss = number_at(json, "penalized_loss");
  // Algorithm 1 penalizes the layers as they are; everything else works with masses.
  numbers.balanced = json.at("command").get<std::string>() != "train";
  if (json.contains("certificate")) {
    const Json& certificate = json.at("certificate");
    numbers.sup_eta = number_at(certificate, "sup_eta");
    numbers.gap = number_at(certificate, "gap");
    numbers.relative_gap = number_at(certificate, "relative_gap");
    if (certificate.at("kind").get<std::string>() == name(Certificate::Kind::rigorous)) {
      numbers.kind = Certificate::Kind::rigorous;
    }
    // Searches of populations do not count what they have not seen.
    if (json.value("objective", "") == "sample") {
      numbers.unseen_share = number_at(certificate, "unseen_share").value_or(0.0);
    }
  }
  if (json.contains("recovery")) numbers.recovery = recovery_from(json.at("recovery"));
  if (json.contains("recovery_bound")) {
    numbers.recovery_bound = bound_from(json.at("recovery_bound"));
  }
  return numbers;
}

}  // namespace

ReportedNumbers read_reported_numbers(const std::string& path) {
  const std::string content = read_file(path);
  try {
    return numbers_from(Json::parse(content));
  } catch (const nlohmann::json::exception& error) {
    throw FileError(path, "is damaged or not a run's summary: " + io::plain_message(error));
  } catch (const std::out_of_range& error) {
    throw FileError(path, std::string("is damaged or not a run's summary: ") + error.what());
  }
}

}  // namespace lodestone
