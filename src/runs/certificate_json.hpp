#pragma once

#include <nlohmann/json.hpp>

#include "lodestone/model/certificate.hpp"
#include "lodestone/theory/recovery_bound.hpp"

namespace lodestone {

/// A certificate as files have it; what only a proof has is left out of an estimate.
nlohmann::ordered_json certificate_json(const Certificate& certificate);

/// A bound as files have it: its numbers, or the reason why there are none.
nlohmann::ordered_json recovery_bound_json(const RecoveryBound& bound);

}  // namespace lodestone
