#include <algorithm>

#include "lodestone/objective/objective.hpp"

namespace lodestone {

double Residual::dual_value(double most) const {
  const double energy = this->energy();
  const double product = target_product();
  if (!(energy > 0.0)) return 0.0;
  const double scale = std::clamp(product / energy, -most, most);
  return scale * product - 0.5 * scale * scale * energy;
}

}  // namespace lodestone
