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
  require_in(Limits::folds, "folds", folds);
  if (splits.size() == 1) throw InvalidArgument("splits", "1", "must be at least 2 folds, or none");
  require_in(Limits::max_features, "max_features", max_features);
  require_in_or_zero(Limits::lambda, "lambda", lambda);
  require_in_or_zero(Limits::gap_tolerance, "gap_tolerance", gap_tolerance);
  require_in(Limits::bootstrap, "bootstrap", bootstrap);
}

}  // namespace lodestone
