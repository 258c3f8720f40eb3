#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "verbs.hpp"

namespace lodestone::app {

std::string direction_in_words(const Vector& direction, const Vector& scale,
                               const std::vector<std::string>& columns, std::size_t most) {
  const Vector loadings = direction.cwiseProduct(scale).stableNormalized();
  std::vector<Index> order(static_cast<std::size_t>(loadings.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index i, Index j) { return std::abs(loadings[i]) > std::abs(loadings[j]); });
  std::string words;
  for (std::size_t position = 0; position < order.size() && position < most; ++position) {
    const Index j = order[position];
    if (std::abs(loadings[j]) < 0.05) break;
    words += fmt::format("{}{:+.2f} {} ({:+.3g})", position == 0 ? "" : "  ", loadings[j],
                         columns[static_cast<std::size_t>(j)], direction[j]);
  }
  return words;
}

}  // namespace lodestone::app
