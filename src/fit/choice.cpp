#include "fit/choice.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace lodestone::fitting {
namespace {

// Whether `other` is better by more than the standard error of the paired difference.
bool clearly_better(const Candidate& other, const Candidate& than) {
  const Vector difference = than.parts - other.parts;
  return difference.mean() > standard_error(difference);
}

// Whether it is the first point of the path, where no feature pays.
bool linear(const Candidate& candidate) {
  return !candidate.relaxed && !candidate.smooth && candidate.index == 0 &&
         candidate.feature_count == 0;
}

// Of the curve the point with so many features, or the next smaller one.
int with_features(const std::vector<Candidate>& candidates, Index features) {
  const std::vector<int> curve = curve_candidates(candidates);
  int chosen = curve.front();
  for (const int c : curve) {
    if (candidates[static_cast<std::size_t>(c)].feature_count <= features) chosen = c;
  }
  return chosen;
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
    const Candidate& candidate = candidates[static_cast<std::size_t>(c)];
    if (candidate.smooth || candidate.relaxed != relaxed) continue;
    if (best < 0 || error(c) < error(best)) best = c;
  }
  return best;
}

std::vector<int> curve_candidates(const std::vector<Candidate>& candidates) {
  std::map<Index, int> best;
  for (int c = 0; c < static_cast<int>(candidates.size()); ++c) {
    const Candidate& candidate = candidates[static_cast<std::size_t>(c)];
    if (candidate.smooth || (!candidate.relaxed && !linear(candidate))) continue;
    const auto [known, is_new] = best.emplace(candidate.feature_count, c);
    const Candidate& other = candidates[static_cast<std::size_t>(known->second)];
    if (!is_new && candidate.validation_error < other.validation_error) known->second = c;
  }
  std::vector<int> curve;
  for (const auto& [features, c] : best) curve.push_back(c);
  return curve;
}

int elbow(const std::vector<Candidate>& candidates) {
  const std::vector<int> curve = curve_candidates(candidates);
  const auto error = [&](int c) {
    return std::log(std::max(candidates[static_cast<std::size_t>(c)].validation_error, 1e-300));
  };
  const auto position = [&](int c) {
    const Index features = candidates[static_cast<std::size_t>(c)].feature_count;
    return std::log1p(static_cast<double>(features));
  };
  const int first = curve.front();
  const int last = curve.back();
  int deepest = *std::min_element(curve.begin(), curve.end(),
                                  [&](int b, int c) { return error(b) < error(c); });
  double depth = 0.0;
  for (const int c : curve) {
    if (c == last) break;
    const double share = (position(c) - position(first)) / (position(last) - position(first));
    const double line = error(first) + share * (error(last) - error(first));
    if (line - error(c) > depth) {
      depth = line - error(c);
      deepest = c;
    }
  }
  return deepest;
}

namespace {

// Among features that are relus.
std::pair<int, int> choose_relus(const std::vector<Candidate>& candidates,
                                 const FitOptions& options) {
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
  if (!curve_candidates(candidates).empty()) {
    if (options.select.rule == Selection::elbow) chosen = elbow(candidates);
    if (options.select.rule == Selection::feature_count) {
      chosen = with_features(candidates, options.select.features);
    }
  }
  if (options.select.rule == Selection::one_standard_error) {
    const double most = at(best).validation_error + at(best).standard_error;
    for (int c = 0; c < count; ++c) {
      const bool allowed = !at(c).smooth && (at(c).relaxed || !only_relaxed);
      if (allowed && simpler(at(c), at(chosen)) && at(c).validation_error <= most) chosen = c;
    }
  }
  return {best, chosen};
}

// Among sums of smooth ridge functions, of which there are some: the smallest error, and what the
// rule takes. They are nested, and their numbers ascend.
std::pair<int, int> choose_smooth(const std::vector<Candidate>& candidates,
                                  const FitOptions& options) {
  std::vector<int> smooth;
  for (int c = 0; c < static_cast<int>(candidates.size()); ++c) {
    if (candidates[static_cast<std::size_t>(c)].smooth) smooth.push_back(c);
  }
  const auto at = [&](int c) -> const Candidate& {
    return candidates[static_cast<std::size_t>(c)];
  };
  const int best = *std::min_element(smooth.begin(), smooth.end(), [&](int b, int c) {
    return at(b).validation_error < at(c).validation_error;
  });
  int chosen = best;
  const double most = at(best).validation_error + at(best).standard_error;
  switch (options.select.rule) {
    case Selection::best:
      break;
    case Selection::feature_count:
      chosen = smooth.front();
      for (const int c : smooth) {
        if (at(c).feature_count <= options.select.features) chosen = c;
      }
      break;
    case Selection::one_standard_error:
    case Selection::elbow:
      for (const int c : smooth) {
        if (at(c).validation_error > most) continue;
        chosen = c;
        break;
      }
      break;
  }
  return {best, chosen};
}

}  // namespace

std::pair<int, int> choose(const std::vector<Candidate>& candidates, const FitOptions& options) {
  const auto at = [&](int c) -> const Candidate& {
    return candidates[static_cast<std::size_t>(c)];
  };
  const std::pair<int, int> relus = choose_relus(candidates, options);
  const bool any_smooth = std::any_of(candidates.begin(), candidates.end(),
                                      [](const Candidate& candidate) { return candidate.smooth; });
  const bool wants_linear =
      options.select.rule == Selection::feature_count && options.select.features == 0;
  if (!any_smooth || wants_linear) return relus;
  const std::pair<int, int> smooth = choose_smooth(candidates, options);
  // What they have to beat: relus, or the linear model where relus are not wanted.
  int rival = relus.first;
  if (options.shape == Shape::smooth) {
    rival = -1;
    for (int c = 0; c < static_cast<int>(candidates.size()); ++c) {
      if (linear(at(c))) rival = c;
    }
    if (rival < 0) return smooth;
  }
  if (clearly_better(at(smooth.first), at(rival))) return smooth;
  return options.shape == Shape::smooth ? std::pair(rival, rival) : relus;
}

std::pair<Index, Index> range_of_choices(const std::vector<Candidate>& candidates,
                                         const FitOptions& options, int folds) {
  const auto features_chosen = [&](const std::vector<Candidate>& from) {
    return from[static_cast<std::size_t>(choose(from, options).second)].feature_count;
  };
  const Index chosen = features_chosen(candidates);
  std::pair<Index, Index> range{chosen, chosen};
  if (folds < 3) return range;
  for (int left_out = 0; left_out < folds; ++left_out) {
    std::vector<Candidate> without = candidates;
    for (Candidate& candidate : without) {
      Vector parts(folds - 1);
      parts << candidate.parts.head(left_out), candidate.parts.tail(folds - 1 - left_out);
      candidate.validation_error = parts.mean();
      candidate.standard_error = standard_error(parts);
      candidate.parts = std::move(parts);
    }
    const Index features = features_chosen(without);
    range = {std::min(range.first, features), std::max(range.second, features)};
  }
  return range;
}

std::vector<Candidate> last_point_only(int points, bool relaxed) {
  Candidate candidate;
  candidate.index = points - 1;
  candidate.relaxed = relaxed;
  candidate.merge_angle_deg = 2.0;
  return {candidate};
}

}  // namespace lodestone::fitting
