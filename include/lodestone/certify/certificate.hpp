#pragma once

#include <cstdint>
#include <functional>

#include "lodestone/core/range.hpp"
#include "lodestone/model/certificate.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

struct AscentOptions {
  /// What the numbers below may be.
  struct Limits {
    static constexpr Range random_starts = at_least(0);
    static constexpr Range most_neurons = at_least(0);
    static constexpr Range suggested = at_least(0);
    static constexpr Range iterations = at_least(1);
    static constexpr Range most_refined = at_least(1);
    static constexpr Range finalists = at_least(1);
  };

  Index random_starts = 200;  ///< uniform directions
  Index most_neurons = 200;   ///< neurons of largest mass that start an ascent
  Index suggested = 50;       ///< most starts taken from Residual::suggested_directions
  int iterations = 40;        ///< ascent steps for each start

  /// Of the distinct ends of these ascents, so many of the highest are taken five times as far.
  /// Fewer cost less; the maxima counted are those among them.
  Index most_refined = 1000;

  /// On many rows the ascents go on a random part of them first (Residual::sketch); the highest of
  /// their ends, at most 50, the neurons and the suggested directions then take `iterations` steps
  /// on all rows. Much cheaper; a maximum away from all of these is missed.
  bool sketch = false;

  /// Where they went on a sketch first, so many of the highest take more than an eighth of the
  /// steps on all rows.
  Index finalists = 1000;

  /// On rows the search then goes on along kinks and from new starts, near neurons, near maxima,
  /// between them and anywhere, until these find nothing higher and at most 5% of the maxima can
  /// be unseen; or until about 2e10 flops are spent, some seconds of one core.
  bool until_trusted = false;

  std::uint64_t seed = 0;  ///< of the random starts
};

/// What multi-start ascent found on C(u) = E[(f − y) relu(u·x)] over unit directions u
/// (docs/math.md, 6.3). Without starts, or where C = 0 at all of them: value 0, no direction.
struct Supremum {
  double value = 0.0;             ///< the largest |C|
  Vector direction = {};          ///< where it is
  Index maxima = 0;               ///< distinct local maxima of |C|, up to sign
  Matrix maxima_directions = {};  ///< maxima×d, unit rows, the largest |C| first
  Vector maxima_values = {};      ///< C there, with its sign
  Index starts = 0;               ///< ascents
  double unseen_share = 1.0;      ///< of the maxima, estimated; 1 where it was not counted
};

/// Ascends |C| from neurons, suggested and random directions, each step upwards or not taken. Ends
/// count as one maximum, up to sign, when they are within half a degree of each other, or within 20
/// degrees with no dip half-way. Throws InvalidArgument for options out of range.
Supremum estimate_supremum(const Residual& residual, const Network& network,
                           const AscentOptions& options = {});

/// Certificate of the balanced network at λ > 0, with the supremum estimated. Throws
/// InvalidArgument when λ is not positive.
Certificate estimate_certificate(const Objective& objective, const Network& network, double lambda,
                                 const AscentOptions& options = {});

struct RigorousOptions {
  /// What the numbers below may be.
  struct Limits {
    static constexpr Range tolerance = above_or_infinite(0);
    static constexpr Range max_cells = at_least(1);
  };

  double tolerance = 1e-5;      ///< stop when upper − lower <= tolerance · upper
  Index max_cells = 5'000'000;  ///< budget of cells; a count, so the bits are the same everywhere.
                                ///< When it is used up, the best bound so far stands
  std::function<bool()> should_stop;  ///< optional, asked now and then; true: as for max_cells
};

/// sup over unit u of |E[(f − y) relu(u·x)]| between a value that is attained and one that is
/// proven (docs/math.md, 6.4 to 6.7).
struct SupremumBound {
  double lower = 0.0;  ///< attained at `direction`
  double upper = 0.0;  ///< proven, rounding included; infinite when the residual is not finite
  Vector direction;    ///< unit
  Index cells = 0;     ///< cells bounded
  Index effective_dimension = 0;  ///< dimension of the space whose sphere was searched
  bool reached = false;           ///< upper − lower is within the tolerance
};

/// Bounds the supremum by branch and bound. `incumbent` is the best known direction (from
/// estimate_supremum), any length; an empty one is allowed. The result does not depend on the
/// number of threads. The cost grows exponentially with the effective dimension: seconds up to
/// about 4. Memory: about 200 bytes for each cell of max_cells, plus lists of rows. Throws
/// InvalidArgument for options out of range and a direction of the wrong size.
SupremumBound bound_supremum(const Residual& residual, const Supremum& incumbent,
                             const RigorousOptions& options = {});

/// Certificate of the balanced network at λ > 0 whose sup_eta and gap are proven (kind rigorous),
/// whether or not the tolerance was reached. On a population the dual function is that of the
/// network projected to the teachers' span (docs/math.md, 6.7): the gap does not suffer from what
/// neurons have outside, but sup_eta grows by a bound on what they can do. Throws InvalidArgument
/// when λ is not positive or an option is out of range.
Certificate rigorous_certificate(const Objective& objective, const Network& network, double lambda,
                                 const RigorousOptions& options = {},
                                 const AscentOptions& ascent = {});

}  // namespace lodestone
