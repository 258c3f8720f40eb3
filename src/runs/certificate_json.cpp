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

}  // namespace lodestone
