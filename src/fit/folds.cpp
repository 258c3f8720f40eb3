#include "fit/folds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
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

// The fold of each row.
std::vector<Index> random_folds(Index rows, int folds, std::uint64_t seed) {
  const std::vector<Index> deal = RandomStream(seed, "folds").permutation(rows);
  std::vector<Index> fold_of(deal.size());
  for (std::size_t t = 0; t < deal.size(); ++t) {
    fold_of[static_cast<std::size_t>(deal[t])] = static_cast<Index>(t) % folds;
  }
  return fold_of;
}

// The same with whole groups: the largest first, each into the fold with the fewest rows so far.
// Groups of one size are dealt in a random order.
std::vector<Index> grouped_folds(const std::vector<Index>& groups, int folds, std::uint64_t seed) {
  const Index count = *std::max_element(groups.begin(), groups.end()) + 1;
  std::vector<Index> size(static_cast<std::size_t>(count), 0);
  const auto size_of = [&](Index group) -> Index& { return size[static_cast<std::size_t>(group)]; };
  for (const Index group : groups) ++size_of(group);
  std::vector<Index> order = RandomStream(seed, "folds").permutation(count);
  std::stable_sort(order.begin(), order.end(),
                   [&](Index left, Index right) { return size_of(left) > size_of(right); });
  std::vector<Index> filled(static_cast<std::size_t>(folds), 0);
  std::vector<Index> fold_of_group(size.size());
  for (const Index group : order) {
    const auto fold = std::min_element(filled.begin(), filled.end());
    *fold += size_of(group);
    fold_of_group[static_cast<std::size_t>(group)] = fold - filled.begin();
  }
  std::vector<Index> fold_of;
  for (const Index group : groups)
    fold_of.push_back(fold_of_group[static_cast<std::size_t>(group)]);
  return fold_of;
}

// Rows in an order in which folds lie one after the other, so that an objective can leave one out
// without copying the others.
void order_by_folds(DealtRows& rows, const std::vector<Index>& fold_of, int folds) {
  const Index n = rows.data.y.size();
  std::vector<Index> order;
  for (Index k = 0; k < folds; ++k) {
    const auto first = static_cast<Index>(order.size());
    for (Index t = 0; t < n; ++t) {
      if (fold_of[static_cast<std::size_t>(t)] == k) order.push_back(t);
    }
    rows.ranges.push_back({first, static_cast<Index>(order.size()) - first});
  }
  rows.data = take_rows(rows.data, order);
}

// Parts of equal size, each held out by a fold that trains on all rows before it; what does not
// divide lengthens the first part, which is never held out.
std::vector<Split> forward_splits(Index n, int folds) {
  const Index part = n / (folds + 1);
  std::vector<Split> splits;
  for (Index first = n - part * folds; first < n; first += part) {
    Split split{std::vector<Index>(static_cast<std::size_t>(first)),
                std::vector<Index>(static_cast<std::size_t>(part))};
    std::iota(split.training.begin(), split.training.end(), Index{0});
    std::iota(split.held_out.begin(), split.held_out.end(), first);
    splits.push_back(std::move(split));
  }
  return splits;
}

void check_groups(const Dataset& data, int folds) {
  const std::set<Index> different(data.groups.begin(), data.groups.end());
  const std::string column = fmt::format("'{}'", data.groups_column);
  if (different.size() == 1) {
    throw InvalidArgument(
        "groups", column,
        fmt::format("one group holds all {} rows; at least two are needed", data.y.size()));
  }
  if (different.size() < static_cast<std::size_t>(folds)) {
    throw InvalidArgument("folds", fmt::format("{}", folds),
                          fmt::format("there are only {} groups in {}", different.size(), column));
  }
}

// Groups and times may hold a class together, so that a fold would learn nothing of the other one.
void check_trained_targets(const Family& family, const Vector& y, std::size_t fold) {
  if (family.softmax()) {
    for (Index k = 0; k < family.classes; ++k) {
      if ((y.array() == static_cast<double>(k)).any()) continue;
      throw InvalidArgument("folds", fmt::format("fold {}", fold + 1),
                            "it trains on no row of one of the classes; give fewer folds, or other "
                            "ones");
    }
    return;
  }
  if (family.kind != Family::Kind::logistic || y.minCoeff() != y.maxCoeff()) return;
  throw InvalidArgument("folds", fmt::format("fold {}", fold + 1),
                        "it trains on one class only; give fewer folds, or other ones");
}

void check_trained_targets(const Family& family, const DealtRows& rows) {
  for (std::size_t k = 0; k < rows.given.size(); ++k) {
    check_trained_targets(family, rows.given[k].training.y, k);
  }
  const Vector& y = rows.data.y;
  for (std::size_t k = 0; k < rows.ranges.size(); ++k) {
    const auto [first, count] = rows.ranges[k];
    Vector others(y.size() - count);
    others << y.head(first), y.tail(y.size() - first - count);
    check_trained_targets(family, others, k);
  }
}

// Forward folds start with few of the rows: where these are too few, the error says whose they are.
std::shared_ptr<const RowObjective> training_of(const GivenFold& fold, std::size_t number,
                                                const PreparedRows& rows,
                                                const FitOptions& options) {
  try {
    return objective_of(fold.training, rows.standardization, options);
  } catch (const InvalidArgument& error) {
    if (!options.forward_folds || !options.splits.empty()) throw;
    throw InvalidArgument("folds", fmt::format("fold {}", number + 1),
                          fmt::format("it trains on the first {} of {} rows: ",
                                      fold.training.y.size(), rows.data.y.size()) +
                              error.rule());
  }
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
  if (options.family.softmax()) check_trained_targets(options.family, rows);
  rows.data = weighted_rows(std::move(all));
  const Index n = rows.data.y.size();
  const Index needed = options.forward_folds ? options.folds + 1 : options.folds;
  if (by_cross_validation && options.splits.empty() && needed > n) {
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
  if (!by_cross_validation || !rows.given.empty()) return rows;
  if (options.forward_folds) {
    rows.given = given_folds(rows.data, forward_splits(n, options.folds));
    check_trained_targets(options.family, rows);
  } else if (rows.data.groups.empty()) {
    order_by_folds(rows, random_folds(n, options.folds, options.seed), options.folds);
    if (options.family.softmax()) check_trained_targets(options.family, rows);
  } else {
    check_groups(rows.data, options.folds);
    order_by_folds(rows, grouped_folds(rows.data.groups, options.folds, options.seed),
                   options.folds);
    check_trained_targets(options.family, rows);
  }
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
    folds.push_back({training_of(fold, folds.size(), rows, options),
                     std::make_shared<const Dataset>(std::move(fold.held_out)), held_out});
  }
  for (const RowRange& range : ranges) {
    folds.push_back(
        {rows.objective->leaving_out(range.first, range.count), borrowed(rows.data), range});
  }
  return folds;
}

}  // namespace lodestone::fitting
