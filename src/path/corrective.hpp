#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "certify/kink_ascent.hpp"
#include "lodestone/path/path.hpp"
#include "path/row_features.hpp"

namespace lodestone::path {

/// The λ-path on rows by corrective births (docs/math.md, 9.7): at each λ all maxima of |η| above 1
/// that a search finds become neurons at once, the amplitudes of all are found exactly, and neurons
/// with the same rows switched on become one, until the gap is below tolerance. Directions are not
/// moved otherwise. Keeps its features and the maxima it has seen from one λ to the next.
class CorrectivePath {
 public:
  /// On rows, with one output or several. `objective` must stay.
  explicit CorrectivePath(const Objective& objective);

  /// Goes on from this network.
  void start_from(const Network& network);

  /// Has the next search begin at these unit directions too.
  void remember(const Matrix& directions);

  /// The solution at λ > 0, from the present features. Every end has a reason: PathPoint::ending.
  PathPoint solve(double lambda, const PathOptions& options, const PathObserver& observer);

 private:
  bool stopped(const PathObserver& observer) const {
    return observer.should_stop && observer.should_stop();
  }
  Index affordable_batch() const;
  Matrix new_starts(Index near, Index far, std::uint64_t seed);

  std::unique_ptr<RowFeatures> features_;
  std::optional<KinkAscents> kinks_;  // of all rows, made for the first search
  Matrix pool_;                       // maxima seen that are no features
  Index starts_used_ = 0;
  Index corners_used_ = 0;
};

}  // namespace lodestone::path
