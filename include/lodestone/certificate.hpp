#pragma once

#include <cstdint>

#include "lodestone/objective.hpp"

namespace lodestone {

/// How close a network is to the global minimum of P_λ (docs/math.md, 6).
struct Certificate {
  enum class Kind {
    estimated,  ///< sup |η_λ| is the best of many ascents: the gap may be understated
    rigorous,   ///< sup |η_λ| is a proven upper bound
  };
  double sup_eta = 0.0;       ///< sup_u |η_λ(u)|
  double gap = 0.0;           ///< P_λ(θ) − min P_λ is at most this
  double relative_gap = 0.0;  ///< gap / P_λ(θ)
  Kind kind = Kind::estimated;
  bool search_failed = false;  ///< the estimate contradicts itself: sup_eta was missed
  Vector direction;  ///< unit direction that attains sup_eta, in the objective's coordinates
  Index maxima = 0;  ///< distinct local maxima of |η_λ|, up to sign, that the search found
};

struct AscentOptions {
  Index random_starts = 200;  ///< uniform directions; >= 0
  Index most_neurons = 200;   ///< neurons of largest mass that start an ascent; >= 0
  Index suggested = 50;       ///< most starts taken from Residual::suggested_directions; >= 0
  int iterations = 40;        ///< ascent steps for each start; >= 1
  std::uint64_t seed = 0;     ///< of the random starts
};

/// What multi-start ascent found on C(u) = E[(f − y) relu(u·x)] over unit directions u
/// (docs/math.md, 6.3). Without starts, or where C = 0 at all of them: value 0, no direction.
struct Supremum {
  double value = 0.0;        ///< the largest |C|
  Vector direction;          ///< where it is
  Index maxima = 0;          ///< distinct local maxima of |C|, up to sign
  Matrix maxima_directions;  ///< maxima×d, unit rows, the largest |C| first
  Vector maxima_values;      ///< C there, with its sign
};

/// Ascends |C| from neurons, suggested and random directions, each step upwards or not taken, and
/// counts ascents that end within half a degree of each other, up to sign, as one maximum. Throws
/// InvalidArgument for options out of range.
Supremum estimate_supremum(const Residual& residual, const Network& network,
                           const AscentOptions& options = {});

/// Certificate of the balanced network at λ > 0 from a supremum already found for its residual.
Certificate certificate_of(const Residual& residual, const Network& network, double lambda,
                           const Supremum& supremum);

/// Certificate of the balanced network at λ > 0, with the supremum estimated. Throws
/// InvalidArgument when λ is not positive.
Certificate estimate_certificate(const Objective& objective, const Network& network, double lambda,
                                 const AscentOptions& options = {});

}  // namespace lodestone
