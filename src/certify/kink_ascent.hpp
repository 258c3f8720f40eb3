#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lodestone/objective/objective.hpp"

namespace lodestone {

/// Line searches that an ascent may take: the longest of 8,000 ascents took fewer.
inline constexpr int enough_kink_steps = 100;

/// Ascents of |C|, C(u) = Σ_t weights_t relu(u·x_t), to local maxima of the unit sphere
/// (docs/math.md, 6.3). C is linear in u between kinks, where u·x_t = 0. At a maximum of |C|
/// several kinks usually meet; gradient steps zigzag before they reach it. These ascents stay on
/// the kinks they have reached, move along their intersection by exact line searches, and leave a
/// kink when its multiplier says that |C| rises beside it.
class KinkAscents {
 public:
  /// Of these rows x_t (n×d). Memory: the rows twice. Under sign constraints no ascent leaves what
  /// they allow: a bound is a kink from which |C| falls (docs/math.md, 13.3).
  explicit KinkAscents(const Matrix& rows,
                       const SignConstraints& constraints = SignConstraints::none());

  /// Takes each start (rows of unit length, allowed by the constraints for their sign of C) to a
  /// local maximum for these weights (n), with at most
  /// `steps` line searches. Ascents run on all threads; each depends on its start alone.
  /// Work: about 6nd flops a line search.
  Matrix ends(const Vector& weights, const Matrix& starts, int steps) const;

  /// The same where each start has weights of its own; without constraints.
  Matrix ends(const std::function<Vector(Index start)>& weights, const Matrix& starts,
              int steps) const;

  /// For C(u) = ‖Σ_t weights_t relu(u·x_t)‖, weights n×q: the unit directions that are near its
  /// maxima where these lie along the kinks that each is on, the largest singular vector of C's
  /// cell; the others as they are.
  Matrix at_rest(const Matrix& weights, const Matrix& ends) const;

  /// `count` unit directions at which d − 1 kinks meet, of rows drawn at random: those from
  /// position `first` on of the seed's sequence. A narrow cell has as many corners as a wide one,
  /// and is met by them where directions drawn from the sphere miss it. None where there are fewer
  /// than d distinct rows, or d > 16 makes them dear.
  Matrix vertices(Index count, std::uint64_t seed, Index first) const;

 private:
  class Ascent;

  // What a bound on a coordinate of u is as two rows, its unit vector on either side.
  struct Bound {
    Index increasing;  // number of s_j e_j among the distinct rows
    Index decreasing;  // of −s_j e_j
  };

  // Weights of the distinct rows by the sign of C at the start: with those of its bounds.
  struct Weights {
    Vector rising;   // C > 0
    Vector falling;  // C < 0
    Vector data;     // without bounds
  };

  Vector products(const Eigen::VectorXd& u) const;  // u·x_t of the distinct rows
  Vector of_distinct(const Vector& weights) const;
  Weights bounded(Vector of_distinct) const;
  bool is_bound(Index row) const { return row >= first_bound_; }

  std::vector<Index> position_;  // of each given row among the distinct ones
  Matrix rows_;                  // the distinct rows
  Matrix coordinates_;           // the same coordinate by coordinate
  Vector lengths_;
  SignConstraints constraints_;
  std::vector<Bound> bounds_;
  Index first_bound_ = 0;  // number of the first row that is one
};

/// Takes unit directions to local maxima of a residual on the rows that `kinks` is of. With several
/// outputs the form that touches the field at each direction is climbed, again and again until the
/// direction rests, and taken to the maximum of its cell: no step lowers the field.
Matrix kink_ends(const Residual& residual, const KinkAscents& kinks, const Matrix& starts);

}  // namespace lodestone
