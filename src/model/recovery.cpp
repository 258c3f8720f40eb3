#include "lodestone/model/recovery.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "core/factorizations.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

constexpr double degrees = 180.0 / std::numbers::pi;
constexpr double heavy_share = 1e-4;
constexpr double far_angle_deg = 10.0;
constexpr double matched_angle_deg = 0.1;
constexpr double matched_mass_share = 0.01;
constexpr double recovered_mean_angle_deg = 1.0;
constexpr double recovered_far_mass = 0.01;

// Orthonormal basis (d×r) of the teachers' span.
Matrix span_basis(const Matrix& directions) {
  const SingularVectors svd = right_singular_vectors(directions);
  return svd.V.leftCols((svd.values.array() > 1e-9 * svd.values[0]).count());
}

}  // namespace

double angle_between_lines_deg(const Vector& u, const Vector& v) {
  if (u.isZero(0.0) || v.isZero(0.0)) return 90.0;
  const Vector first = u.stableNormalized();
  const Vector second = v.stableNormalized();
  const double chord = std::min((first - second).norm(), (first + second).norm());
  return 2.0 * std::asin(std::min(1.0, 0.5 * chord)) * degrees;
}

Recovery measure_recovery(const Teacher& teacher, const Network& network) {
  if (network.W.cols() != teacher.dimension()) {
    throw InvalidArgument("network", "dimension " + std::to_string(network.W.cols()),
                          "the teacher has dimension " + std::to_string(teacher.dimension()));
  }
  const Index k = teacher.neurons();
  const Vector mass = masses(network);
  const double total = mass.sum();
  const Matrix basis = span_basis(teacher.directions);

  Recovery result;
  result.teachers = k;
  result.per_teacher.resize(static_cast<std::size_t>(k));
  for (Index j = 0; j < k; ++j) {
    result.per_teacher[static_cast<std::size_t>(j)].amplitude = teacher.amplitudes[j];
  }
  if (!(total > 0.0)) {
    result.max_angle_deg = result.mean_angle_deg = 90.0;
    result.far_mass = 1.0;
    return result;
  }

  Matrix average = Matrix::Zero(k, teacher.dimension());
  Vector group_total = Vector::Zero(k);
  Vector group_far = Vector::Zero(k);
  Vector group_angles = Vector::Zero(k);  // Σ |a_i|‖w_i‖ δ_i
  for (Index i = 0; i < network.width(); ++i) {
    if (mass[i] == 0.0) continue;
    const Vector direction = network.W.row(i).transpose().stableNormalized();
    // By chords: the cosines of very close teachers are equal to rounding.
    Index nearest = 0;
    double angle = 180.0;
    for (Index j = 0; j < k; ++j) {
      const double candidate = angle_between_lines_deg(direction, teacher.directions.row(j));
      if (candidate < angle) {
        angle = candidate;
        nearest = j;
      }
    }
    const double side = teacher.directions.row(nearest).dot(direction) < 0.0 ? -1.0 : 1.0;
    const double share = mass[i] / total;
    group_total[nearest] += mass[i];
    group_angles[nearest] += mass[i] * angle;
    if (angle > far_angle_deg) group_far[nearest] += mass[i];

    TeacherRecovery& group = result.per_teacher[static_cast<std::size_t>(nearest)];
    group.mass += std::copysign(mass[i], network.a[i]);
    average.row(nearest) += side * network.a[i] * network.W.row(i);
    result.mean_angle_deg += share * angle;
    result.subspace_share += share * (basis.transpose() * direction).squaredNorm();
    if (angle > far_angle_deg) result.far_mass += share;
    if (share > heavy_share) {
      ++group.neurons;
      result.max_angle_deg = std::max(result.max_angle_deg, angle);
    }
  }
  for (Index j = 0; j < k; ++j) {
    TeacherRecovery& group = result.per_teacher[static_cast<std::size_t>(j)];
    if (average.row(j).squaredNorm() > 0.0) {
      group.angle_deg = angle_between_lines_deg(average.row(j), teacher.directions.row(j));
    }
    if (group_total[j] > 0.0) {
      group.mean_angle_deg = group_angles[j] / group_total[j];
      group.far_mass = group_far[j] / group_total[j];
    }
    group.matched =
        group.angle_deg <= matched_angle_deg &&
        std::abs(group.mass - group.amplitude) <= matched_mass_share * std::abs(group.amplitude);
    group.recovered = group.matched && group.far_mass <= recovered_far_mass &&
                      group.mean_angle_deg <= recovered_mean_angle_deg;
    if (group.matched) ++result.matched;
    if (group.recovered) ++result.recovered;
  }
  return result;
}

}  // namespace lodestone
