#pragma once

#include <cstdint>

#include "lodestone/path/path.hpp"
#include "path/direction_search.hpp"

namespace lodestone::path {

/// The λ-path on rows by corrective births (docs/math.md, 9.2): at each λ all maxima of |η| above 1
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
  struct Findings;

  bool stopped(const PathObserver& observer) const {
    return observer.should_stop && observer.should_stop();
  }
  Index affordable_batch() const;
  Network network() const;
  void append(const Matrix& born, const PathObserver& observer);
  void keep(const std::vector<Index>& features);
  void solve_amplitudes(double lambda, double tolerance, const PathObserver& observer);
  bool merge_cells();
  void search(const Residual& residual, const Matrix& starts, double lambda,
              const ClimbOptions& options, int along_ridges, Findings& found) const;
  Matrix new_starts(Index near, Index random, std::uint64_t seed);
  void settle(double lambda, double tolerance, const PathObserver& observer);

  const SampleObjective& objective_;
  Matrix U_;  // unit directions of the features
  Matrix K_;
  Vector b_;
  Vector a_;     // signed masses
  Matrix pool_;  // maxima seen that are no features
  std::uint64_t random_used_ = 0;
};

}  // namespace lodestone::path
