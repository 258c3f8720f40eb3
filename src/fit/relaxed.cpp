#include "fit/relaxed.hpp"

#include <algorithm>
#include <cmath>

#include "fit/choice.hpp"

namespace lodestone::fitting {
namespace {

// 1, 2, 3, ... in steps of a quarter, and the number that was asked for.
std::vector<Index> feature_counts(Index most, const Selection& select) {
  std::vector<Index> counts;
  for (Index count = 1; count <= most; count = std::max(count + 1, count * 5 / 4)) {
    counts.push_back(count);
  }
  if (select.rule == Selection::feature_count && select.features > 0) {
    const auto place = std::lower_bound(counts.begin(), counts.end(), select.features);
    if (place == counts.end() || *place != select.features) counts.insert(place, select.features);
  }
  return counts;
}

}  // namespace

void add_relaxed(const CrossValidation& validation, const FitOptions& options, Index dimension,
                 std::vector<Candidate>& candidates, Progress& progress) {
  const Candidate best = candidates[static_cast<std::size_t>(position_of_least(candidates, false))];
  int sparse = best.index;
  for (const Candidate& candidate : candidates) {
    if (candidate.validation_error <= best.validation_error + best.standard_error) {
      sparse = candidate.index;
      break;
    }
  }
  // What is refitted: an index of the path and an angle of merging, and how many features that
  // leaves at most. A bolder merge that merges nothing more is no other candidate.
  struct Source {
    int index;
    double angle;
    Index feature_count;
  };
  std::vector<Source> sources;
  for (const int index : {best.index, sparse}) {
    for (const double angle : {2.0, 15.0}) {
      const Index feature_count = validation.most_features(index, angle);
      const bool known = std::any_of(sources.begin(), sources.end(), [&](const Source& source) {
        return source.index == index && source.feature_count == feature_count;
      });
      if (!known) sources.push_back({index, angle, feature_count});
    }
  }
  // A refit with more weights than half the rows would interpolate.
  const Index most =
      std::min(options.path.max_neurons, validation.fewest_training_rows() / 2 / (dimension + 1));
  double least = HUGE_VAL;
  int since_least = 0;
  Index last = 0;
  for (const Index count : feature_counts(most, options.select)) {
    double least_of_count = HUGE_VAL;
    for (const Source& source : sources) {
      if (progress.stopped()) return;
      // All that there are were refitted already.
      if (last >= source.feature_count) continue;
      Candidate candidate;
      candidate.index = source.index;
      candidate.relaxed = true;
      candidate.merge_angle_deg = source.angle;
      candidate.feature_count = std::min(count, source.feature_count);
      validation.refit(candidate, progress);
      if (progress.stopped()) return;  // this refit was cut short
      progress.add(1.0, "refits");
      least_of_count = std::min(least_of_count, candidate.validation_error);
      candidates.push_back(candidate);
    }
    last = count;
    since_least = least_of_count < least ? 0 : since_least + 1;
    least = std::min(least, least_of_count);
    const bool wanted_ahead =
        options.select.rule == Selection::feature_count && count < options.select.features;
    if (since_least >= 3 && !wanted_ahead) break;
  }
}

}  // namespace lodestone::fitting
