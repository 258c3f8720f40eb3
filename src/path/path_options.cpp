#include <cmath>

#include "lodestone/core/error.hpp"
#include "lodestone/path/path.hpp"

namespace lodestone {

const char* name(Ending ending) {
  switch (ending) {
    case Ending::tolerance:
      return "tolerance";
    case Ending::rounds:
      return "rounds";
    case Ending::neurons:
      return "neurons";
    case Ending::decrease:
      return "decrease";
    case Ending::search:
      return "search";
    case Ending::interrupted:
      return "interrupted";
  }
  return "";
}

void PathOptions::validate() const {
  require_in(Limits::lambdas, "lambdas", lambdas);
  require_in(Limits::lambda_ratio, "lambda_ratio", lambda_ratio);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] > 0.0) || !std::isfinite(values[i]) || (i > 0 && values[i] >= values[i - 1])) {
      throw InvalidArgument("values", number_text(values[i]),
                            "lambdas must be positive and fall from one to the next");
    }
  }
  require_in_or_zero(Limits::lambda_max, "lambda_max", lambda_max);
  require_in(Limits::gap_tolerance, "gap_tolerance", gap_tolerance);
  require_in(Limits::max_neurons, "max_neurons", max_neurons);
  require_in(Limits::max_rounds, "max_rounds", max_rounds);
  require_in(Limits::stagnation_window, "stagnation_window", stagnation_window);
  require_in(Limits::max_iterations, "max_iterations", max_iterations);
}

}  // namespace lodestone
