#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include "core/parallel.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/theory/dual_certificate.hpp"
#include "theory/certificate_span.hpp"

namespace lodestone {
namespace {

// Nearer to a teacher the ratio is 0/0 and rounding takes over.
constexpr double least_angle = 0.01;

// (1 − |η|)/δ² at a unit u, with its tangential gradient.
struct Ratio {
  double value = std::numeric_limits<double>::infinity();
  Eigen::RowVectorXd gradient;
};

// Angle of the line through u to the nearest of the lines through unit rows.
struct Nearest {
  double angle = std::numeric_limits<double>::infinity();
  Index row = 0;
  double sign = 1.0;  // of u·row
};

Nearest nearest_line(const Matrix& rows, const Eigen::RowVectorXd& u) {
  Nearest nearest;
  for (Index j = 0; j < rows.rows(); ++j) {
    const double sign = u.dot(rows.row(j)) < 0.0 ? -1.0 : 1.0;
    const double angle = 2.0 * std::asin(std::min(1.0, 0.5 * (u - sign * rows.row(j)).norm()));
    if (angle < nearest.angle) nearest = {angle, j, sign};
  }
  return nearest;
}

Ratio ratio_at(const DualCertificate& certificate, const Eigen::RowVectorXd& u) {
  const Nearest nearest = nearest_line(certificate.directions, u);
  Ratio ratio;
  if (nearest.angle < least_angle) return ratio;
  const Correlation eta = certificate.correlate(u);
  const double value = eta.value[0];
  const double sign = value < 0.0 ? -1.0 : 1.0;
  const double square = nearest.angle * nearest.angle;
  const Eigen::RowVectorXd tangent = eta.gradient.row(0) - value * u;
  const Eigen::RowVectorXd towards =
      nearest.sign * certificate.directions.row(nearest.row) -
      nearest.sign * u.dot(certificate.directions.row(nearest.row)) * u;
  const double length = towards.norm();
  ratio.value = (1.0 - sign * value) / square;
  ratio.gradient = -sign / square * tangent;
  // ∇δ = −(direction towards the teacher).
  if (length > 0.0) ratio.gradient += 2.0 * ratio.value / (nearest.angle * length) * towards;
  return ratio;
}

// Steepest descent on the sphere from u, each step downwards or not taken.
std::pair<double, Eigen::RowVectorXd> descend(const DualCertificate& certificate,
                                              Eigen::RowVectorXd u) {
  constexpr int steps = 60;
  constexpr double least_step = 1e-6;
  Ratio here = ratio_at(certificate, u);
  double step = 0.1;  // radians
  for (int i = 0; i < steps && step > least_step; ++i) {
    const double slope = here.gradient.size() == 0 ? 0.0 : here.gradient.norm();
    if (!(slope > 0.0)) break;
    const Eigen::RowVectorXd trial = (u - step / slope * here.gradient).normalized();
    Ratio there = ratio_at(certificate, trial);
    if (there.value < here.value) {
      u = trial;
      here = std::move(there);
      step *= 1.5;
    } else {
      step *= 0.3;
    }
  }
  return {here.value, u};
}

// Unit directions to start from: random ones, those around each teacher, and those between two.
Matrix starts_for(const DualCertificate& certificate, std::uint64_t seed) {
  constexpr Index random_count = 200;
  constexpr Index around_count = 10;
  const Matrix& W = certificate.directions;
  const Index k = W.rows();
  const Index d = W.cols();
  Matrix starts(random_count + around_count * k + k * (k - 1), d);
  const RandomStream stream(seed, "certificate margin");
  std::uint64_t next = 0;
  const auto random_row = [&] {
    Eigen::RowVectorXd row(d);
    for (Index c = 0; c < d; ++c) row[c] = stream.normal(next++);
    return Eigen::RowVectorXd(row.normalized());
  };
  Index row = 0;
  while (row < random_count) starts.row(row++) = random_row();
  for (Index j = 0; j < k; ++j) {
    for (Index i = 0; i < around_count; ++i) {
      const double angle = 2.0 * least_angle * std::pow(4.0, static_cast<double>(i % 4));
      starts.row(row++) = W.row(j) + angle * random_row();
    }
  }
  for (Index j = 0; j < k; ++j) {
    for (Index i = 0; i < j; ++i) {
      starts.row(row++) = W.row(i) + W.row(j);
      starts.row(row++) = W.row(i) - W.row(j);
    }
  }
  return unit_directions(starts);
}

}  // namespace

CertificateMargin estimate_margin(const DualCertificate& certificate, std::uint64_t seed) {
  const theory::SpanCertificate span = theory::in_span(certificate);
  const Matrix starts = starts_for(span.certificate, seed);
  const Index count = starts.rows();
  constexpr Index block = 16;
  Vector values(count);
  Matrix ends(count, starts.cols());
  for_each_block((count + block - 1) / block, [&](Index b) {
    for (Index i = b * block; i < std::min(count, (b + 1) * block); ++i) {
      const auto [value, end] = descend(span.certificate, starts.row(i));
      values[i] = value;
      ends.row(i) = end;
    }
  });
  Index best = 0;
  values.minCoeff(&best);
  return {values[best], span.basis * ends.row(best).transpose()};
}

BestCertificate best_certificate(const Matrix& directions, const Vector& signs,
                                 std::uint64_t seed) {
  std::optional<BestCertificate> best;
  std::vector<TriedOrder> tried;
  const auto cost = [](const BestCertificate& candidate) {
    return candidate.margin.rho > 0.0 ? candidate.certificate.squared_norm / candidate.margin.rho
                                      : std::numeric_limits<double>::infinity();
  };
  for (const int l : {2, 4, 6, 8, 12, 16, 24, 32, 48, 64}) {
    // Only teachers within a few degrees of each other need more than this.
    if (l > 16 && best->margin.rho > 0.0) break;
    BestCertificate candidate{interpolate(directions, signs, l), {}, {}};
    candidate.margin = estimate_margin(candidate.certificate, seed);
    tried.push_back({l, candidate.margin.rho, std::sqrt(candidate.certificate.squared_norm)});
    const bool better = !best || cost(candidate) < cost(*best) ||
                        (std::isinf(cost(candidate)) && std::isinf(cost(*best)) &&
                         candidate.margin.rho > best->margin.rho);
    if (better) best = std::move(candidate);
  }
  best->tried = std::move(tried);
  return *best;
}

}  // namespace lodestone
