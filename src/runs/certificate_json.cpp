#include "runs/certificate_json.hpp"

#include "io/json_record.hpp"

namespace lodestone {

nlohmann::ordered_json certificate_json(const Certificate& certificate) {
  nlohmann::ordered_json json = io::json_of(certificate);
  if (certificate.kind == Certificate::Kind::estimated) {
    for (const char* of_a_proof : {"sup_eta_lower", "cells", "effective_dimension"}) {
      json.erase(of_a_proof);
    }
  }
  return json;
}

nlohmann::ordered_json recovery_bound_json(const RecoveryBound& bound) {
  if (!bound.reason.empty()) return {{"reason", bound.reason}};
  nlohmann::ordered_json json = io::json_of(bound);
  json.erase("reason");
  return json;
}

}  // namespace lodestone
