#include "lodestone/train/schedule.hpp"

#include <cmath>

namespace lodestone {

std::optional<double> Schedule::lambda(long epoch, double lambda_start) const {
  switch (kind) {
    case Kind::halving:
      return lambda_start * std::pow(factor, static_cast<double>(epoch));
    case Kind::constant:
      return epoch == 0 ? std::optional(lambda_start) : std::nullopt;
    case Kind::none:
      return epoch == 0 ? std::optional(0.0) : std::nullopt;
    case Kind::list:
      return epoch < static_cast<long>(values.size())
                 ? std::optional(values[static_cast<std::size_t>(epoch)])
                 : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace lodestone
