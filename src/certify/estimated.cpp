#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "certify/ascent.hpp"
#include "certify/gap.hpp"
#include "core/largest.hpp"
#include "lodestone/certificate.hpp"
#include "lodestone/error.hpp"
#include "lodestone/random.hpp"

namespace lodestone {
namespace {

// Ascents that end this close to each other, up to sign, have found the same maximum.
constexpr double same_maximum_deg = 0.5;

// A tangential gradient below this share of |C| leaves the value right to rounding.
constexpr double converged_share = 1e-9;

Matrix ascent_starts(const Residual& residual, const Network& network,
                     const AscentOptions& options) {
  const std::vector<Index> heaviest = positions_of_largest(masses(network), options.most_neurons);
  const Matrix suggested = residual.suggested_directions(options.suggested);
  Matrix random(options.random_starts, network.W.cols());
  const RandomStream stream(options.seed, "ascent starts");
  for (Index i = 0; i < random.size(); ++i) {
    random.data()[i] = stream.normal(static_cast<std::uint64_t>(i));
  }
  Matrix starts(static_cast<Index>(heaviest.size()) + suggested.rows() + random.rows(),
                network.W.cols());
  starts << network.W(heaviest, Eigen::all), suggested, random;
  return unit_directions(starts);
}

// The shortest vector on the segment between two.
Eigen::RowVectorXd shortest_between(const Eigen::RowVectorXd& p, const Eigen::RowVectorXd& q) {
  const Eigen::RowVectorXd step = q - p;
  const double length = step.squaredNorm();
  if (length == 0.0) return p;
  return p + std::clamp(-p.dot(step) / length, 0.0, 1.0) * step;
}

// A batch of ascents on |C|, so that one pass over the rows serves them all. No step lowers |C|.
class Ascents {
 public:
  Ascents(const Residual& residual, Matrix starts)
      : residual_(residual),
        U_(std::move(starts)),
        at_(residual.correlate(U_)),
        stride_(Vector::Ones(U_.rows())),
        uphill_(U_.rows(), U_.cols()) {
    for (Index i = 0; i < U_.rows(); ++i) uphill_.row(i) = tangent(i, at_.gradient.row(i));
  }

  /// Takes steps with every ascent that has not converged.
  void climb(int steps) {
    for (int step = 0; step < steps; ++step) {
      const std::vector<Index> moving = unconverged();
      if (moving.empty()) return;
      const Matrix trial = trials(moving);
      const Correlation next = residual_.correlate(trial);
      for (std::size_t k = 0; k < moving.size(); ++k) {
        const Index i = moving[k];
        const auto row = static_cast<Index>(k);
        const Eigen::RowVectorXd beyond = tangent(i, next.gradient.row(row));
        const bool too_long = beyond.dot(uphill_.row(i)) <= 0.0;
        const bool higher = std::abs(next.value[row]) > std::abs(at_.value[i]);
        if (higher) {
          U_.row(i) = trial.row(row);
          at_.value[i] = next.value[row];
          at_.gradient.row(i) = next.gradient.row(row);
        }
        const Eigen::RowVectorXd here = tangent(i, at_.gradient.row(i));
        if (higher && !too_long) {
          uphill_.row(i) = here;
          stride_[i] = std::min(4.0, 2.0 * stride_[i]);
        } else {
          // On a sample |C| has ridges, where the tangents of both sides point across. Between them
          // lies the direction along the ridge (the null step of bundle methods); where it
          // vanishes, the step was merely too long.
          const Eigen::RowVectorXd both = shortest_between(uphill_.row(i), beyond);
          uphill_.row(i) = both.norm() > 0.05 * here.norm() ? both : here;
          stride_[i] *= 0.5;
        }
      }
    }
  }

  /// The distinct ends, as a Supremum.
  Supremum summary() const {
    const std::vector<Index> found = distinct();
    Supremum result;
    result.maxima = static_cast<Index>(found.size());
    result.maxima_directions = U_(found, Eigen::all);
    result.maxima_values = at_.value(found);
    if (found.empty()) return result;
    result.value = std::abs(result.maxima_values[0]);
    result.direction = result.maxima_directions.row(0);
    return result;
  }

 private:
  // One ascent, the highest, of each group that has come together; highest first.
  std::vector<Index> distinct() const {
    const double chord = 2.0 * std::sin(0.5 * same_maximum_deg * std::numbers::pi / 180.0);
    std::vector<Index> found;
    for (const Index i : positions_of_largest(at_.value.cwiseAbs(), at_.value.size())) {
      const bool known = std::any_of(found.begin(), found.end(), [&](Index j) {
        const double side = U_.row(i).dot(U_.row(j)) < 0.0 ? -1.0 : 1.0;
        return (U_.row(i) - side * U_.row(j)).norm() <= chord;
      });
      if (!known) found.push_back(i);
    }
    return found;
  }

  // The part of a gradient of C along the sphere at ascent i, turned uphill for |C|.
  Eigen::RowVectorXd tangent(Index i, const Eigen::RowVectorXd& gradient) const {
    const double sign = at_.value[i] < 0.0 ? -1.0 : 1.0;
    return sign * (gradient - gradient.dot(U_.row(i)) * U_.row(i));
  }

  std::vector<Index> unconverged() const {
    std::vector<Index> moving;
    for (Index i = 0; i < U_.rows(); ++i) {
      const double move = std::min(1.0, stride_[i]) * tangent(i, at_.gradient.row(i)).norm();
      if (move > converged_share * std::abs(at_.value[i]) && at_.value[i] != 0.0) {
        moving.push_back(i);
      }
    }
    return moving;
  }

  // Stride 1 is the fixed-point map u ← ±∇/‖∇‖; an ascent that fails to rise tries a shorter one.
  Matrix trials(const std::vector<Index>& moving) const {
    Matrix trial(static_cast<Index>(moving.size()), U_.cols());
    for (std::size_t k = 0; k < moving.size(); ++k) {
      const Index i = moving[k];
      trial.row(static_cast<Index>(k)) =
          U_.row(i) + stride_[i] / std::abs(at_.value[i]) * uphill_.row(i);
    }
    return unit_directions(trial);
  }

  const Residual& residual_;
  Matrix U_;
  Correlation at_;
  Vector stride_;
  Matrix uphill_;
};

}  // namespace

Supremum ascend(const Residual& residual, Matrix starts, int iterations) {
  Ascents ascents(residual, std::move(starts));
  ascents.climb(iterations);
  return ascents.summary();
}

Supremum estimate_supremum(const Residual& residual, const Network& network,
                           const AscentOptions& options) {
  if (options.random_starts < 0 || options.most_neurons < 0 || options.suggested < 0 ||
      options.iterations < 1) {
    throw InvalidArgument(
        "ascent options", "",
        "random_starts, most_neurons and suggested must be >= 0, iterations >= 1");
  }
  // The few distinct ends are taken further: what has not arrived looks like another maximum.
  const Supremum rough =
      ascend(residual, ascent_starts(residual, network, options), options.iterations);
  return ascend(residual, rough.maxima_directions, 5 * options.iterations);
}

Certificate estimate_certificate(const Objective& objective, const Network& network, double lambda,
                                 const AscentOptions& options) {
  check_lambda(lambda);
  const auto residual = objective.residual(network);
  return certificate_of(*residual, network, lambda, estimate_supremum(*residual, network, options));
}

Certificate certificate_of(const Residual& residual, const Network& network, double lambda,
                           const Supremum& supremum) {
  Certificate certificate =
      certificate_of_supremum(residual, residual, network, lambda, supremum.value);
  certificate.sup_eta = certificate.sup_eta_lower = supremum.value / lambda;
  certificate.direction = supremum.direction;
  certificate.maxima = supremum.maxima;
  return certificate;
}

}  // namespace lodestone
