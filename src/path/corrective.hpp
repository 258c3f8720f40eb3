#pragma once

#include <cstdint>
#include <optional>

#include "certify/kink_ascent.hpp"
#include "lodestone/path/path.hpp"

namespace lodestone::path {

/// The λ-path on rows by corrective births (docs/math.md, 9.7): at each λ all maxima of |η| above 1
/// that a search finds become neurons at once, the amplitudes of all are found exactly, and neurons
/// with the same rows switched on become one, until the gap is below tolerance. Directions are not
/// moved otherwise. Keeps the Gram matrix of its features and the maxima it has seen from one λ to
/// the next.
class CorrectivePath {
 public:
  /// `objective` must stay.
  explicit CorrectivePath(const SampleObjective& objective);

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
  Network network() const;
  void append(const Matrix& born, const PathObserver& observer);
  void keep(const std::vector<Index>& features);
  void keep_support();
  void solve_amplitudes(double lambda, double tolerance, const PathObserver& observer);
  bool merge_cells();
  Matrix new_starts(Index near, Index far, std::uint64_t seed);
  void settle(double lambda, double tolerance, const PathObserver& observer);
  void settle_square(double lambda, double tolerance, const PathObserver& observer);
  bool newton_step(double lambda, double tolerance, const PathObserver& observer);

  const SampleObjective& objective_;
  std::optional<KinkAscents> kinks_;  // of all rows, made for the first search
  Matrix U_;                          // unit directions of the features
  Matrix K_;                          // their Gram matrix; other families: during a step
  Vector b_;
  Vector a_;     // signed masses
  Matrix pool_;  // maxima seen that are no features
  Index starts_used_ = 0;
  Index corners_used_ = 0;
};

}  // namespace lodestone::path
