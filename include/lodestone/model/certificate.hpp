#pragma once

#include "lodestone/core/record.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone {

/// How close a network is to the global minimum of P_λ (docs/math.md, 6).
struct Certificate {
  enum class Kind {
    estimated,  ///< sup |η_λ| is the best of many ascents: the gap may be understated
    rigorous,   ///< sup |η_λ| is a proven upper bound
  };
  double sup_eta = 0.0;        ///< sup_u |η_λ(u)|; rigorous: proven to be at most this
  double sup_eta_lower = 0.0;  ///< |η_λ| at `direction`; estimated: the same as sup_eta
  double gap = 0.0;            ///< P_λ(θ) − min P_λ is at most this
  double relative_gap = 0.0;   ///< gap / P_λ(θ)
  Kind kind = Kind::estimated;
  bool search_failed = false;  ///< the estimate contradicts itself: sup_eta was missed
  Vector direction;  ///< unit direction that attains sup_eta_lower, in the objective's coordinates
  Index distinct_maxima = 0;  ///< local maxima of |η_λ|, up to sign, that the ascents found
  Index starts = 0;           ///< estimated: ascents of the search

  /// Estimated: the share of maxima that no ascent came to, by Good and Turing: of the ends near
  /// the highest those that were reached once. 1 where it was not counted.
  double unseen_share = 1.0;

  Index cells = 0;                ///< rigorous: cells the proof took
  Index effective_dimension = 0;  ///< rigorous: dimension of the sphere's space that was searched
};

/// "estimated" or "rigorous".
const char* name(Certificate::Kind kind);

template <RecordOf<Certificate> Record, class Visitor>
void visit_fields(Record& certificate, Visitor&& visitor) {
  visitor("sup_eta", certificate.sup_eta);
  visitor("gap", certificate.gap);
  visitor("relative_gap", certificate.relative_gap);
  visitor("kind", certificate.kind);
  visitor("search_failed", certificate.search_failed);
  visitor("distinct_maxima", certificate.distinct_maxima);
  visitor("starts", certificate.starts);
  visitor("unseen_share", certificate.unseen_share);
  visitor("sup_eta_lower", certificate.sup_eta_lower);
  visitor("cells", certificate.cells);
  visitor("effective_dimension", certificate.effective_dimension);
  visitor("direction", certificate.direction);
}

}  // namespace lodestone
