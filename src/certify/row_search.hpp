#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "certify/kink_ascent.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

struct ClimbOptions {
  int steps = 30;               ///< most steps of each ascent; >= 1
  double least_rise = 1e-4;     ///< an ascent ends that rose by less than this share of the highest
                                ///< |C| in four steps
  double shortest_step = 1e-3;  ///< and one whose step fell below this share of the way
  double height = 0.0;          ///< and one that at its pace would stay below this
  SignConstraints constraints;  ///< no ascent leaves the directions that they allow
  Index batch = 4096;           ///< directions between two questions whether to stop; >= 1
  std::function<bool()> should_stop;  ///< optional
};

/// Ends of ascents, and C there with its sign.
struct Ends {
  Matrix directions;  ///< unit rows
  Vector values;
  Vector counts;  ///< how many ascents ended there
};

/// Ascends |C| from unit directions, many at once: each goes towards the gradient of its cell,
/// where C would be largest if there were no kinks, by a share of the way that grows where C rises
/// and shrinks where it does not (docs/math.md, 6.3). No step lowers |C|. Under sign constraints
/// starts and steps are projected to what is allowed for the sign of C (13.3); a start that is left
/// with nothing to climb ends at C = 0.
Ends climb(const CorrelationField& field, Matrix starts, const ClimbOptions& options);

/// The highest of each group of ends that lie within `chord` of each other, up to sign, with the
/// counts of the group; highest first, at most `most`, and only those above `least`. Under sign
/// constraints ends of different sides or signs are different where a constrained column tells them
/// apart.
Ends distinct(const Ends& ends, double chord, double least, Index most,
              const SignConstraints& constraints = SignConstraints::none());

/// `count` unit directions, uniform: those from position `first` on of the seed's sequence.
Matrix random_directions(Index count, Index dimension, std::uint64_t seed, std::uint64_t first);

/// Unit directions to start from: `near` of them near the known ones (rows of unit length), at
/// distances of 0.1 to 0.6; half of `far` between two known ones, the others anywhere; all of them
/// anywhere where nothing is known. Those from position `first` on of the seed's sequence.
Matrix starts_around(const Matrix& known, Index near, Index far, std::uint64_t seed, Index first);

/// In the plane, where the kinks of n rows (n×2) cut the circle into at most 2n cells: a direction
/// in each. None for rows of another dimension, or too many to try them all.
Matrix cells_of_plane(const Matrix& rows);

/// Whether ascents along kinks pay on rows of this size: they hold the rows twice more, and each
/// passes over them several times.
bool kinks_pay(Index rows, Index dimension);

/// How many starts take about so many flops, but at least 1,000. Many rows count as those of a
/// sketch.
Index affordable_starts(double flops, Index rows, Index dimension);

/// The search for sup |C| of a residual on rows (docs/math.md, 6.3): batches of starts climb, and
/// the highest of their ends go on along kinks to maxima.
class RowSearch {
 public:
  /// `neurons`: unit directions where |C| is known to have maxima of about `height` > 0. Only what
  /// comes near `height` is followed: the ends above 0.97 of it.
  /// Without `kinks` the ends of the climbs stand. All of it must stay.
  RowSearch(const Residual& residual, const KinkAscents* kinks, const Matrix& neurons,
            double height, ClimbOptions options);

  static constexpr Index all = std::numeric_limits<Index>::max() / 2;

  /// One more batch of unit directions. At most `most_on_kinks` of the climbs' ends, the highest,
  /// go on along kinks.
  void add(Matrix starts, Index most_on_kinks = all);

  Index starts() const { return starts_; }

  /// The largest |C| so far, at neurons or ends, and where it is.
  double highest() const { return highest_; }
  const Vector& direction() const { return direction_; }

  /// Ends of at least 0.995 of the height, several of one maximum included.
  const Ends& ends() const { return ends_; }

  /// Distinct maxima among these ends, the highest first, and the share of unseen ones by Good and
  /// Turing: the ends that no other start came to, of all ends. Without ends 0, before any start 1.
  Ends maxima() const;
  double unseen_share() const;

  /// Whether few maxima can be unseen: at most 5%, after at least 1,000 starts.
  bool trusted() const;

 private:
  double nearest_cosine(const Eigen::RowVectorXd& direction) const;
  Ends unknown(const Ends& ends, Index most) const;

  const Residual& residual_;
  const KinkAscents* kinks_;
  const Matrix& neurons_;
  double height_;
  ClimbOptions options_;
  std::unique_ptr<CorrelationField> float32_;
  Ends ends_;
  double highest_ = 0.0;
  Vector direction_;
  Index starts_ = 0;
};

/// One matrix below another, and one vector after another.
Matrix rows_below(const Matrix& above, const Matrix& below);
Vector joined(const Vector& first, const Vector& second);

}  // namespace lodestone
