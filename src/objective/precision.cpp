#include <string>

#include "lodestone/core/error.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

const char* name(Precision precision) {
  return precision == Precision::float64 ? "float64" : "float32";
}

Precision parse_precision(const std::string& text) {
  for (const Precision precision : {Precision::float64, Precision::float32}) {
    if (text == name(precision)) return precision;
  }
  throw InvalidArgument("precision", "'" + text + "'", "must be float64 or float32");
}

}  // namespace lodestone
