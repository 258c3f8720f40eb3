#include "lodestone/runs/requests.hpp"

#include <fmt/format.h>

#include <cmath>

#include "lodestone/core/error.hpp"

namespace lodestone {

void FitRequest::validate() const {
  if (teacher.empty() == data.file.empty()) {
    throw InvalidArgument("teacher", teacher.empty() ? "neither" : "both",
                          "give either --data (a table) or --teacher (a hidden network)");
  }
  if (!data.file.empty() && data.target.empty()) {
    throw InvalidArgument("target", "nothing", "name the column to predict with --target COLUMN");
  }
  if (samples < 0) {
    throw InvalidArgument("samples", fmt::format("{}", samples), "must be 0 or positive");
  }
  if (!(noise >= 0.0) || !std::isfinite(noise)) {
    throw InvalidArgument("noise", fmt::format("{}", noise), "must be 0 or positive");
  }
  if (!(test_share >= 0.0 && test_share <= 0.9)) {
    throw InvalidArgument("test-share", fmt::format("{}", test_share), "must be between 0 and 0.9");
  }
  if (!(max_seconds > 0.0)) {
    throw InvalidArgument("max-seconds", fmt::format("{}", max_seconds), "must be positive");
  }
  how.validate();
}

}  // namespace lodestone
