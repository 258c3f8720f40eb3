#pragma once

#include <nlohmann/json.hpp>

#include "lodestone/model/certificate.hpp"

namespace lodestone {

/// A certificate as files have it; what only a proof has is left out of an estimate.
nlohmann::ordered_json certificate_json(const Certificate& certificate);

}  // namespace lodestone
