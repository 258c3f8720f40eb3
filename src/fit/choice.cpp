#include "fit/choice.hpp"

#include <cmath>

namespace lodestone::fitting {
namespace {

// Whether `other` is better by more than the standard error of the paired difference.
bool clearly_better(const Candidate& other, const Candidate& than) {
  const Vector difference = than.parts - other.parts;
  return difference.mean() > standard_error(difference);
}

// Fewer features, or as many and a smaller error.
bool simpler(const Candidate& other, const Candidate& than) {
  return other.feature_count < than.feature_count ||
         (other.feature_count == than.feature_count &&
          other.validation_error < than.validation_error);
}

}  // namespace

double standard_error(const Vector& parts) {
  const auto count = static_cast<double>(parts.size());
  return std::sqrt((parts.array() - parts.mean()).square().sum() / (count * (count - 1.0)));
}

int position_of_least(const std::vector<Candidate>& candidates, bool relaxed) {
  int best = -1;
  for (int c = 0; c < static_cast<int>(candidates.size()); ++c) {
    const auto error = [&](int i) {
      return candidates[static_cast<std::size_t>(i)].validation_error;
    };
    if (candidates[static_cast<std::size_t>(c)].relaxed != relaxed) continue;
    if (best < 0 || error(c) < error(best)) best = c;
  }
  return best;
}

std::pair<int, int> choose(const std::vector<Candidate>& candidates, const FitOptions& options) {
  const auto at = [&](int c) -> const Candidate& {
    return candidates[static_cast<std::size_t>(c)];
  };
  const auto count = static_cast<int>(candidates.size());
  const bool only_relaxed = options.relaxed == Relaxed::always;
  const int least = position_of_least(candidates, true);
  int best = position_of_least(candidates, false);
  if (best < 0 || (least >= 0 && (only_relaxed || clearly_better(at(least), at(best))))) {
    // Among refits, which have as many features as they are given, more of them must clearly help.
    best = least;
    for (int c = 0; c < count; ++c) {
      if (at(c).relaxed && simpler(at(c), at(best)) && !clearly_better(at(least), at(c))) best = c;
    }
  }
  int chosen = best;
  if (options.select == Selection::one_standard_error) {
    const double most = at(best).validation_error + at(best).standard_error;
    for (int c = 0; c < count; ++c) {
      const bool allowed = at(c).relaxed || !only_relaxed;
      if (allowed && simpler(at(c), at(chosen)) && at(c).validation_error <= most) chosen = c;
    }
  }
  return {best, chosen};
}

std::vector<Candidate> last_point_only(int points, bool relaxed) {
  Candidate candidate;
  candidate.index = points - 1;
  candidate.relaxed = relaxed;
  candidate.merge_angle_deg = 2.0;
  return {candidate};
}

}  // namespace lodestone::fitting
