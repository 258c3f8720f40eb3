#include "fit/folds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"

namespace lodestone::fitting {
namespace {

std::vector<GivenFold> given_folds(const Dataset& data, const std::vector<Split>& splits) {
  const auto take = [&](const std::vector<Index>& rows) {
    if (rows.empty()) throw InvalidArgument("splits", "no rows", "every fold must have some");
    for (const Index row : rows) {
      if (row < 0 || row >= data.y.size()) {
        throw InvalidArgument("splits", fmt::format("row {}", row),
                              fmt::format("there are {} rows, counted from 0", data.y.size()));
      }
    }
    return weighted_rows(take_rows(data, rows));
  };
  std::vector<GivenFold> result;
  for (const Split& split : splits) {
    result.push_back({take(split.training), take(split.held_out)});
  }
  return result;
}

// Rows in an order in which folds lie one after the other, so that an objective can leave one out
// without copying the others.
void order_by_folds(DealtRows& rows, int folds, std::uint64_t seed) {
  const Index n = rows.data.y.size();
  const std::vector<Index> deal = RandomStream(seed, "folds").permutation(n);
  std::vector<Index> order;
  for (Index k = 0; k < folds; ++k) {
    const auto first = static_cast<Index>(order.size());
    for (Index t = k; t < n; t += folds) order.push_back(deal[static_cast<std::size_t>(t)]);
    std::sort(order.begin() + first, order.end());
    rows.ranges.push_back({first, static_cast<Index>(order.size()) - first});
  }
  rows.data = take_rows(rows.data, order);
}

// A pointer to what belongs to somebody else.
template <class T>
std::shared_ptr<const T> borrowed(const T& value) {
  return {std::shared_ptr<const void>(), &value};
}

}  // namespace

DealtRows deal_folds(Dataset all, const std::optional<Dataset>& validation,
                     const FitOptions& options) {
  const bool choosing = options.lambda == 0.0;
  const bool by_cross_validation = choosing && !validation;
  DealtRows rows;
  if (by_cross_validation) rows.given = given_folds(all, options.splits);
  rows.data = weighted_rows(std::move(all));
  const Index n = rows.data.y.size();
  if (by_cross_validation && options.splits.empty() && options.folds > n) {
    throw InvalidArgument("folds", fmt::format("{}", options.folds),
                          fmt::format("there are only {} rows", n));
  }
  if (options.max_features > n) {
    throw InvalidArgument("max_features", fmt::format("{}", options.max_features),
                          fmt::format("there are only {} rows", n));
  }
  if (choosing && validation && validation->y.size() < 2) {
    throw InvalidArgument("validation", fmt::format("{} rows", validation->y.size()),
                          "must have at least 2 rows: errors are compared by their spread");
  }
  if (by_cross_validation && rows.given.empty()) order_by_folds(rows, options.folds, options.seed);
  return rows;
}

std::vector<Fold> make_folds(const PreparedRows& rows, const std::vector<RowRange>& ranges,
                             std::vector<GivenFold> given, const std::optional<Dataset>& validation,
                             const FitOptions& options) {
  std::vector<Fold> folds;
  if (validation) {
    folds.push_back({borrowed(*rows.objective), borrowed(*validation), {0, validation->y.size()}});
  }
  for (GivenFold& fold : given) {
    const RowRange held_out{0, fold.held_out.y.size()};
    folds.push_back({std::make_shared<const SampleObjective>(
                         standardized(fold.training, rows.standardization, options)),
                     std::make_shared<const Dataset>(std::move(fold.held_out)), held_out});
  }
  for (const RowRange& range : ranges) {
    folds.push_back({std::make_shared<const SampleObjective>(
                         rows.objective->without_rows(range.first, range.count)),
                     borrowed(rows.data), range});
  }
  return folds;
}

}  // namespace lodestone::fitting
