#include "kernels/population.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lodestone::kernels::reference {

void population_field(const Matrix& U, const Matrix& V, const Vector& c, Matrix& field) {
  field.setZero(U.rows(), U.cols());
  for (Index p = 0; p < U.rows(); ++p) {
    for (Index q = 0; q < V.rows(); ++q) {
      const double cosine = std::clamp(U.row(p).dot(V.row(q)), -1.0, 1.0);
      const double sine = std::sqrt((1.0 - cosine) * (1.0 + cosine));
      const double arcsine = std::asin(cosine);
      for (Index j = 0; j < U.cols(); ++j) {
        field(p, j) += c[q] * ((sine - 1.0) * U(p, j) + arcsine * V(q, j));
      }
    }
    field.row(p) /= 2.0 * std::numbers::pi;
  }
}

void population_self_field(const Matrix& V, const Vector& c, Matrix& field) {
  population_field(V, V, c, field);
}

}  // namespace lodestone::kernels::reference
