#include <fmt/format.h>

#include <cmath>

#include "lodestone/core/error.hpp"
#include "lodestone/fit/fit.hpp"

namespace lodestone {

const char* name(Selection selection) {
  return selection == Selection::best ? "best" : "one-standard-error";
}

Selection parse_selection(const std::string& text) {
  for (const Selection selection : {Selection::best, Selection::one_standard_error}) {
    if (text == name(selection)) return selection;
  }
  throw InvalidArgument("select", "'" + text + "'", "must be best or one-standard-error");
}

const char* name(Relaxed relaxed) {
  switch (relaxed) {
    case Relaxed::automatic:
      return "auto";
    case Relaxed::never:
      return "never";
    case Relaxed::always:
      return "always";
  }
  return "";
}

Relaxed parse_relaxed(const std::string& text) {
  for (const Relaxed relaxed : {Relaxed::automatic, Relaxed::never, Relaxed::always}) {
    if (text == name(relaxed)) return relaxed;
  }
  throw InvalidArgument("relaxed", "'" + text + "'", "must be auto, never or always");
}

PathOptions FitOptions::default_path() {
  PathOptions path;
  path.lambdas = 30;
  path.lambda_ratio = 1e-4;
  return path;
}

void FitOptions::validate() const {
  path.validate();
  if (folds < 2) throw InvalidArgument("folds", fmt::format("{}", folds), "must be at least 2");
  if (splits.size() == 1) throw InvalidArgument("splits", "1", "must be at least 2 folds, or none");
  if (max_features < 0) {
    throw InvalidArgument("max-features", fmt::format("{}", max_features),
                          "must be positive, or 0 for the default");
  }
  if (!(lambda >= 0.0) || !std::isfinite(lambda)) {
    throw InvalidArgument("lambda", fmt::format("{}", lambda), "must be positive");
  }
  if (!(gap_tolerance >= 0.0)) {
    throw InvalidArgument("gap-tolerance", fmt::format("{}", gap_tolerance), "must be positive");
  }
  if (bootstrap < 0) {
    throw InvalidArgument("bootstrap", fmt::format("{}", bootstrap), "must be 0 or positive");
  }
}

}  // namespace lodestone
