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
};

struct AscentOptions {
  Index random_starts = 200;  ///< uniform directions, in addition to the neurons'; >= 0
  Index most_neurons = 200;   ///< neurons of largest mass that start an ascent; >= 0
  int iterations = 40;        ///< ascent steps for each start; >= 1
  std::uint64_t seed = 0;
};

/// Largest |E[(f − y) relu(u·x)]| found over unit directions u, by multi-start ascent. Throws
/// InvalidArgument for options out of range.
struct Supremum {
  double value = 0.0;
  Vector direction;
};
Supremum estimate_supremum(const Residual& residual, const Network& network,
                           const AscentOptions& options = {});

/// Certificate of the balanced network at λ > 0, with the supremum estimated. Throws
/// InvalidArgument when λ is not positive.
Certificate estimate_certificate(const Objective& objective, const Network& network, double lambda,
                                 const AscentOptions& options = {});

}  // namespace lodestone
