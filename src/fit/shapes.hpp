#pragma once

#include <functional>
#include <vector>

#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::fitting {

/// A sum of smooth ridge functions Σ_k g_k(u_k·x) beside an affine part (docs/math.md, 9.8). Each
/// g_k is linear between knots: g_k(t) = Σ_j amplitude_j relu(t − knot_j), the first knots
/// mirrored: relu(knot_j − t).
struct RidgeSum {
  struct Ridge {
    Vector direction;                 ///< p, of unit length in standardized coordinates
    Vector knots;                     ///< ascending
    Vector amplitudes;                ///< one a knot
    Index mirrored = 0;               ///< of the knots, the first ones
    double smoothing = 0.0;           ///< μ of the penalty
    double degrees_of_freedom = 0.0;  ///< effective, beside the affine part
    double explained = 0.0;           ///< by how much the mean squared error grows without it
  };

  std::vector<Ridge> ridges;
  Index inputs = 0;  ///< p

  /// The same function as a network with biases, less its affine part: a neuron a knot, ridge after
  /// ridge, of each the mirrored ones last.
  Network network() const;
};

/// The same function of an objective's rows with the smallest linear part: relu(z) = z + relu(−z),
/// so mirroring the first knots of a ridge function moves a slope along its direction into it.
RidgeSum with_smallest_linear_part(const SampleObjective& objective, RidgeSum sum);

/// Directions in which a network changes: its merged neurons, the heaviest first, the leading
/// eigenvectors of the mean outer product of its gradient over the rows, and the axes along which
/// it changes most. Unit rows, without bias coordinate.
Matrix directions_of(const Network& network, const SampleData& rows);

/// Projection pursuit: ridge functions come one after the other, each from the best of some
/// directions, and all are refined together.
class RidgePursuit {
 public:
  /// For these rows, whose weights must sum to 1. `starts`: directions to try, one a row.
  RidgePursuit(SampleData rows, Matrix starts, std::function<bool()> should_stop = {});

  /// One more ridge function. False where nothing is left to explain or the work was stopped.
  bool add();

  /// Takes directions, with smoothing chosen and all refined.
  void refine(const std::vector<Vector>& directions);

  const RidgeSum& sum() const { return sum_; }

  /// The penalized loss of directions at given smoothing, minimized over amplitudes and the affine
  /// part, and its Gauss-Newton gradient in the directions (K×p); for tests.
  struct Value {
    double loss;
    Matrix gradient;
  };
  Value evaluate(const Matrix& directions, const Vector& smoothing) const;

 private:
  void describe(const Matrix& directions, const Vector& smoothing);

  SampleData rows_;
  Matrix starts_;
  std::function<bool()> should_stop_;
  Matrix directions_;  // K×p
  Vector smoothing_;   // K
  RidgeSum sum_;
  bool ended_ = false;  // the last one was smoothed away
};

/// A pursuit on the rows of an objective from the directions of its network.
RidgePursuit pursuit_from(const SampleObjective& objective, const Network& network,
                          std::function<bool()> should_stop);

}  // namespace lodestone::fitting
