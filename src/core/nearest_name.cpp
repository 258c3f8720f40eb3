#include "lodestone/core/nearest_name.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lodestone {
namespace {

// Insertions, deletions, replacements and swaps of neighbours that turn a into b.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> next(b.size() + 1);
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before = std::exchange(row, std::move(next));
  }
  return row[b.size()];
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool starts_with_any_case(std::string_view text, std::string_view start) {
  return text.size() >= start.size() &&
         std::equal(start.begin(), start.end(), text.begin(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

// The shortest candidate that the name is the beginning of, or differs from in case only. Three
// letters at least: fewer begin too many names.
std::string_view completed(std::string_view name, const std::vector<std::string_view>& candidates) {
  const std::size_t dashes = std::min(name.find_first_not_of('-'), name.size());
  std::string_view best;
  for (const std::string_view candidate : candidates) {
    const bool whole = candidate.size() == name.size();
    if (!starts_with_any_case(candidate, name) || (!whole && name.size() - dashes < 3)) continue;
    if (best.empty() || candidate.size() < best.size()) best = candidate;
  }
  return best;
}

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string_view>& candidates) {
  std::string best(completed(name, candidates));
  if (!best.empty()) return best;
  // A third of the letters, and never so many that nothing of the name is left.
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3);
  if (best_distance >= name.size()) return best;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string nearest = nearest_name(name, {candidates.begin(), candidates.end()});
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

}  // namespace lodestone
