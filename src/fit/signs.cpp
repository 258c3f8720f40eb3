#include "fit/signs.hpp"

#include <bit>
#include <cstdint>
#include <vector>

namespace lodestone::fitting {
namespace {

constexpr Index most_for_all_choices = 16;

// A flip must lower ‖β‖² by more than this share of what the features are worth: rounding decides
// nothing.
constexpr double least_gain = 1e-9;

// β for some choice of flips. Flipping feature i adds a_i w_i to it; flipping it back takes that
// away.
class FlippedSlope {
 public:
  /// One step a feature that may be flipped.
  FlippedSlope(Vector beta, Matrix steps)
      : beta_(std::move(beta)),
        steps_(std::move(steps)),
        gram_(steps_ * steps_.transpose()),
        flipped_(static_cast<std::size_t>(steps_.rows()), false) {}

  double size() const { return beta_.squaredNorm(); }
  const std::vector<bool>& flipped() const { return flipped_; }

  void flip(Index i) {
    beta_ += direction(i) * steps_.row(i).transpose();
    flipped_[static_cast<std::size_t>(i)] = !flipped_[static_cast<std::size_t>(i)];
  }

  // What flipping i, or i and j, would add to ‖β‖².
  double change(Index i) const {
    return 2.0 * direction(i) * steps_.row(i).dot(beta_) + gram_(i, i);
  }
  double change(Index i, Index j) const {
    return change(i) + change(j) + 2.0 * direction(i) * direction(j) * gram_(i, j);
  }

 private:
  double direction(Index i) const { return flipped_[static_cast<std::size_t>(i)] ? -1.0 : 1.0; }

  Vector beta_;
  Matrix steps_;
  Matrix gram_;
  std::vector<bool> flipped_;
};

// All choices in the order of a Gray code, each one flip from the one before.
std::vector<bool> best_of_all(FlippedSlope part, double gain) {
  const auto features = part.flipped().size();
  std::vector<bool> best = part.flipped();
  double smallest = part.size();
  for (std::uint32_t step = 1; step < (std::uint32_t{1} << features); ++step) {
    part.flip(std::countr_zero(step));
    if (part.size() < smallest - gain) {
      smallest = part.size();
      best = part.flipped();
    }
  }
  return best;
}

std::vector<bool> best_by_flips(FlippedSlope part, double gain) {
  const auto m = static_cast<Index>(part.flipped().size());
  while (true) {
    double lowest = -gain;
    Index one = -1;
    Index other = -1;
    for (Index i = 0; i < m; ++i) {
      if (part.change(i) < lowest) {
        lowest = part.change(i);
        one = i;
        other = -1;
      }
      for (Index j = 0; j < i; ++j) {
        if (part.change(i, j) >= lowest) continue;
        lowest = part.change(i, j);
        one = i;
        other = j;
      }
    }
    if (one < 0) return part.flipped();
    part.flip(one);
    if (other >= 0) part.flip(other);
  }
}

}  // namespace

Network with_smallest_linear_part(const Objective& objective, Network network) {
  // A mirror image of a neuron with a part in a constrained column has the wrong sign there.
  std::vector<Index> free;
  for (Index i = 0; i < network.width(); ++i) {
    if (objective.constraints().untouched(network.W.row(i))) free.push_back(i);
  }
  const auto m = static_cast<Index>(free.size());
  if (m == 0 || !objective.has_linear_part()) return network;
  // The slopes of all outputs one after the other. A bias adds to α, which counts for nothing here.
  const std::vector<Affine> affines = objective.affines(network);
  const auto outputs = static_cast<Index>(affines.size());
  const Index d = affines.front().beta.size();
  const Matrix A = output_weights(network);
  Vector beta(outputs * d);
  Matrix steps(m, outputs * d);
  for (Index k = 0; k < outputs; ++k) {
    beta.segment(k * d, d) = affines[static_cast<std::size_t>(k)].beta;
    const Vector a = A.col(k)(free);
    steps.middleCols(k * d, d) = a.asDiagonal() * network.W(free, Eigen::seqN(0, d));
  }
  const double gain = least_gain * steps.squaredNorm();
  const FlippedSlope part(beta, steps);
  const std::vector<bool> flipped =
      m <= most_for_all_choices ? best_of_all(part, gain) : best_by_flips(part, gain);
  for (std::size_t i = 0; i < free.size(); ++i) {
    if (flipped[i]) network.W.row(free[i]) *= -1.0;
  }
  return network;
}

}  // namespace lodestone::fitting
