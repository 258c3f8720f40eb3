#include "lodestone/model/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/block_sums.hpp"
#include "core/in_place.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"

namespace lodestone {

double target_variance(const Teacher& teacher) {
  // E relu(w·x) relu(v·x) − E relu(w·x) E relu(v·x) for unit vectors at angle θ, with
  // π − θ = π/2 + asin(cos θ).
  double variance = 0.0;
  for (Index i = 0; i < teacher.neurons(); ++i) {
    for (Index j = 0; j < teacher.neurons(); ++j) {
      const double cosine =
          std::clamp(teacher.directions.row(i).dot(teacher.directions.row(j)), -1.0, 1.0);
      const double sine = std::sqrt((1.0 - cosine) * (1.0 + cosine));
      const double product = sine + (std::numbers::pi / 2.0 + std::asin(cosine)) * cosine - 1.0;
      variance +=
          teacher.amplitudes[i] * teacher.amplitudes[j] * product / (2.0 * std::numbers::pi);
    }
  }
  return variance;
}

Dataset draw_samples(const Teacher& teacher, Index n, double noise, std::uint64_t seed) {
  require_in(SampleLimits::rows, "samples", n);
  require_in(SampleLimits::noise, "noise", noise);
  const Index d = teacher.dimension();
  const RandomStream inputs(seed, "rows");
  const RandomStream noises(seed, "noise");
  const double deviation = noise * std::sqrt(target_variance(teacher));
  Dataset data{Matrix(n, d), Vector(n), numbered_columns(d), "y"};
  for (Index i = 0; i < data.X.size(); ++i) {
    data.X.data()[i] = inputs.normal(static_cast<std::uint64_t>(i));
  }
  for (Index t = 0; t < n; ++t) {
    const Vector activations = (teacher.directions * data.X.row(t).transpose()).cwiseMax(0.0);
    data.y[t] = teacher.amplitudes.dot(activations) +
                deviation * noises.normal(static_cast<std::uint64_t>(t));
  }
  return data;
}

Vector Dataset::target_beyond_offset() const { return offset.size() == 0 ? y : Vector(y - offset); }

std::vector<std::string> numbered_columns(Index count) {
  std::vector<std::string> names;
  for (Index j = 0; j < count; ++j) names.push_back(fmt::format("x{}", j));
  return names;
}

Dataset checked_dataset(Dataset data) {
  if (data.columns.empty()) data.columns = numbered_columns(data.X.cols());
  if (data.target.empty()) data.target = "y";
  if (data.offset.size() > 0 && data.offset_column.empty()) data.offset_column = "offset";
  if (static_cast<Index>(data.columns.size()) != data.X.cols()) {
    throw InvalidArgument("columns", fmt::format("{} names", data.columns.size()),
                          fmt::format("X has {} columns", data.X.cols()));
  }
  if (data.Y.size() > 0 && data.y.size() == 0) data.y = data.Y.col(0);
  if (data.Y.size() > 0 && data.targets.empty()) {
    for (Index k = 0; k < data.Y.cols(); ++k) data.targets.push_back(fmt::format("y{}", k));
  }
  if (data.y.size() != data.X.rows() || (data.Y.size() > 0 && data.Y.rows() != data.X.rows())) {
    throw InvalidArgument("y", fmt::format("{} targets", data.y.size()),
                          fmt::format("X has {} rows", data.X.rows()));
  }
  if (static_cast<Index>(data.targets.size()) != data.Y.cols()) {
    throw InvalidArgument("targets", fmt::format("{} names", data.targets.size()),
                          fmt::format("Y has {} columns", data.Y.cols()));
  }
  if (data.offset.size() > 0 && data.offset.size() != data.X.rows()) {
    throw InvalidArgument("offset", fmt::format("{} numbers", data.offset.size()),
                          fmt::format("X has {} rows", data.X.rows()));
  }
  if (!data.offset.allFinite()) {
    throw InvalidArgument("offset", "nan or infinity", "every number must be finite");
  }
  for (Index t = 0; t < data.X.rows(); ++t) {
    const bool several = data.Y.size() > 0;
    if (data.X.row(t).allFinite() && std::isfinite(data.y[t]) &&
        (!several || data.Y.row(t).allFinite())) {
      continue;
    }
    throw InvalidArgument("rows",
                          fmt::format("a number that is not finite in row {} (counted from 0)", t),
                          "all inputs and targets must be finite");
  }
  return data;
}

ColumnRanges column_ranges(const Matrix& X) {
  if (X.rows() == 0) return {};
  return {X.colwise().minCoeff(), X.colwise().maxCoeff()};
}

Dataset take_rows(const Dataset& data, const std::vector<Index>& rows) {
  const auto count = static_cast<Index>(rows.size());
  const auto same_or_none = [&](const Vector& values) {
    return Vector(values.size() == 0 ? 0 : count);
  };
  Dataset result = {Matrix(count, data.X.cols()),
                    same_or_none(data.y),
                    data.columns,
                    data.target,
                    same_or_none(data.weights),
                    data.weights_column,
                    data.encodings,
                    data.dropped_rows,
                    data.warnings,
                    data.classes,
                    {},
                    data.groups_column,
                    same_or_none(data.offset),
                    data.offset_column,
                    data.imputations,
                    Matrix(data.Y.size() > 0 ? count : 0, data.Y.cols()),
                    data.targets};
  for (Index t = 0; t < count; ++t) {
    const Index row = rows[static_cast<std::size_t>(t)];
    result.X.row(t) = data.X.row(row);
    if (result.y.size() > 0) result.y[t] = data.y[row];
    if (result.weights.size() > 0) result.weights[t] = data.weights[row];
    if (result.offset.size() > 0) result.offset[t] = data.offset[row];
    if (result.Y.size() > 0) result.Y.row(t) = data.Y.row(row);
    if (!data.groups.empty()) result.groups.push_back(data.groups[static_cast<std::size_t>(row)]);
  }
  return result;
}

namespace {

// take_rows without a copy, for rows in ascending order.
void shrink_to_rows(Dataset& data, const std::vector<Index>& rows) {
  keep_rows(data.X, rows);
  if (data.y.size() > 0) keep_rows(data.y, rows);
  if (data.weights.size() > 0) keep_rows(data.weights, rows);
  if (data.offset.size() > 0) keep_rows(data.offset, rows);
  if (data.Y.size() > 0) keep_rows(data.Y, rows);
  if (data.groups.empty()) return;
  std::vector<Index> groups;
  for (const Index row : rows) groups.push_back(data.groups[static_cast<std::size_t>(row)]);
  data.groups = std::move(groups);
}

}  // namespace

Dataset weighted_rows(Dataset data) {
  if (data.weights.size() == 0) return data;
  const auto fail = [](const std::string& value, const std::string& rule) {
    throw InvalidArgument("weights", value, rule);
  };
  if (data.weights.size() != data.X.rows()) {
    fail(fmt::format("{} values", data.weights.size()),
         fmt::format("one for each of the {} rows is needed", data.X.rows()));
  }
  std::vector<Index> rows;
  for (Index t = 0; t < data.weights.size(); ++t) {
    if (!(data.weights[t] >= 0.0)) {
      fail(fmt::format("{} in row {} (counted from 0)", data.weights[t], t),
           "weights must be 0 or positive");
    }
    if (data.weights[t] > 0.0) rows.push_back(t);
  }
  if (rows.empty()) fail("all zero", "at least one row must have weight");
  if (!std::isfinite(data.weights.sum())) {
    fail("infinite sum", "weights must be finite, and their sum too; only their ratios matter");
  }
  if (rows.size() < static_cast<std::size_t>(data.X.rows())) shrink_to_rows(data, rows);
  return data;
}

const char* name(Missing missing) {
  switch (missing) {
    case Missing::refuse:
      return "refuse";
    case Missing::drop:
      return "drop";
    case Missing::indicator:
      return "indicator";
  }
  return "";
}

Missing parse_missing(const std::string& text) {
  for (const Missing missing : {Missing::refuse, Missing::drop, Missing::indicator}) {
    if (text == name(missing)) return missing;
  }
  throw InvalidArgument("missing", "'" + text + "'", "must be refuse, drop or indicator");
}

double mean_of_present(const Vector& values, const Vector& weights) {
  std::vector<Index> present;
  for (Index t = 0; t < values.size(); ++t) {
    if (!std::isnan(values[t])) present.push_back(t);
  }
  if (present.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto count = static_cast<Index>(present.size());
  const Vector counted =
      weights.size() == 0 ? Vector(Vector::Ones(count)) : Vector(weights(present));
  // Shares of one, so that the sum stays within the range of the values.
  return row_dot(counted / row_sum(counted), values(present));
}

namespace {

using Positions = std::unordered_map<std::string, Index>;

Positions positions_of(const std::vector<std::string>& columns) {
  Positions positions;
  for (std::size_t j = 0; j < columns.size(); ++j) {
    positions.emplace(columns[j], static_cast<Index>(j));
  }
  return positions;
}

// An imputation's column of X, with NaN where the value is missing.
Vector with_gaps(const Dataset& data, const Imputation& imputation, const Positions& positions) {
  const Vector values = data.X.col(positions.at(imputation.column));
  if (!imputation.has_indicator) return values;
  const auto indicator = data.X.col(positions.at(imputation.indicator())).array();
  return (indicator == 1.0).select(std::numeric_limits<double>::quiet_NaN(), values);
}

}  // namespace

void settle_means(Dataset& data) {
  const Positions positions = positions_of(data.columns);
  for (Imputation& imputation : data.imputations) {
    if (!imputation.mean) continue;
    imputation.mean = mean_of_present(with_gaps(data, imputation, positions), data.weights);
    if (std::isnan(*imputation.mean)) {
      throw InvalidArgument("columns", "'" + imputation.column + "'",
                            "has no value in the rows to train on; leave it out");
    }
  }
  put_means(data);
}

void put_means(Dataset& data) {
  const Positions positions = positions_of(data.columns);
  for (const Imputation& imputation : data.imputations) {
    if (!imputation.mean) continue;
    const Vector values = with_gaps(data, imputation, positions);
    data.X.col(positions.at(imputation.column)) =
        values.array().isNaN().select(*imputation.mean, values);
  }
}

namespace {

void require_same_columns(const Dataset& data, const std::optional<Dataset>& other,
                          const char* field) {
  if (!other) return;
  if (other->columns != data.columns) {
    throw InvalidArgument(
        field, fmt::format("{} columns", other->columns.size()),
        fmt::format("must be the {} columns of the training data", data.columns.size()));
  }
  if (other->y.size() < 2) {
    throw InvalidArgument(field, fmt::format("{} rows", other->y.size()),
                          "at least two are needed for an error to mean anything");
  }
}

// Takes rows of a data set aside, given by their numbers in `kept`, the ascending list of what is
// left of its first rows.
Dataset set_aside(Dataset& data, std::vector<Index>& kept, std::vector<Index> rows) {
  std::sort(rows.begin(), rows.end());
  std::vector<Index> aside;
  std::vector<Index> left;
  aside.reserve(rows.size());
  left.reserve(kept.size() - rows.size());
  auto next = rows.begin();
  for (std::size_t t = 0; t < kept.size(); ++t) {
    if (next != rows.end() && *next == kept[t]) {
      aside.push_back(static_cast<Index>(t));
      ++next;
    } else {
      kept[left.size()] = kept[t];
      left.push_back(static_cast<Index>(t));
    }
  }
  kept.resize(left.size());
  Dataset result = take_rows(data, aside);
  shrink_to_rows(data, left);
  return result;
}

// Rows in the order in which shares take them: `tests` for the test, then `validations`.
struct Deal {
  std::vector<Index> order;
  Index tests;
  Index validations;
};

Deal deal_of(const Dataset& data, Index tests, Index validations, std::uint64_t seed,
             Dealing dealing) {
  const Index n = data.X.rows();
  Deal deal{RandomStream(seed, "split").permutation(n), tests, validations};
  if (dealing == Dealing::last) {
    std::iota(deal.order.rbegin(), deal.order.rend(), Index{0});
    return deal;
  }
  if (data.groups.empty()) return deal;
  const Index count = *std::max_element(data.groups.begin(), data.groups.end()) + 1;
  std::vector<std::vector<Index>> rows(static_cast<std::size_t>(count));  // of each group
  for (Index t = 0; t < n; ++t) {
    rows[static_cast<std::size_t>(data.groups[static_cast<std::size_t>(t)])].push_back(t);
  }
  std::vector<Index> left = RandomStream(seed, "split").permutation(count);
  deal.order.clear();
  const auto take = [&](const char* field, Index& most) {
    Index taken = 0;
    std::vector<Index> others;
    for (const Index group : left) {
      const std::vector<Index>& members = rows[static_cast<std::size_t>(group)];
      const auto size = static_cast<Index>(members.size());
      if (taken + size > most) {
        others.push_back(group);
        continue;
      }
      deal.order.insert(deal.order.end(), members.begin(), members.end());
      taken += size;
    }
    if (most > 0 && taken == 0) {
      throw InvalidArgument(
          field, fmt::format("{} of {} rows", most, n),
          fmt::format("no group of '{}' is that small; take a larger share", data.groups_column));
    }
    most = taken;
    left = std::move(others);
  };
  take("test_share", deal.tests);
  take("validation_share", deal.validations);
  deal.order.resize(static_cast<std::size_t>(n));  // the others are never taken
  return deal;
}

}  // namespace

Shares deal_rows(Dataset all, double test_share, double validation_share, std::uint64_t seed,
                 std::optional<Dataset> validation, std::optional<Dataset> test, Dealing dealing) {
  Dataset data = weighted_rows(std::move(all));
  require_same_columns(data, validation, "validation");
  require_same_columns(data, test, "test");
  const Index n = data.X.rows();
  const auto share = [](double part, Index whole) {
    return static_cast<Index>(std::floor(part * static_cast<double>(whole)));
  };
  const Index wanted = test ? 0 : share(test_share, n);
  const Index rest = validation ? 0 : share(validation_share, n - wanted);
  // One row's error says nothing.
  const Deal deal = deal_of(data, wanted, rest < 2 ? 0 : rest, seed, dealing);
  const Index tests = deal.tests;
  const Index validations = deal.validations;
  if (n - tests - validations < 2) {
    throw InvalidArgument("rows", fmt::format("{}", n),
                          "too few to train on; at least two are needed after the shares kept "
                          "aside for test and validation");
  }
  const auto refuse_constant = [](const std::string& name, const Vector& target) {
    if (target.minCoeff() < target.maxCoeff()) return;
    throw InvalidArgument(
        "target", fmt::format("'{}'", name),
        fmt::format("the column is constant ({:g}): there is nothing to learn", target[0]));
  };
  refuse_constant(data.target, data.target_beyond_offset());
  for (Index k = 0; k < data.Y.cols(); ++k) {
    refuse_constant(data.targets[static_cast<std::size_t>(k)], data.Y.col(k));
  }
  // One share after the other, each given back before the next is copied: at most one of them lies
  // in memory twice.
  std::vector<Index> kept(static_cast<std::size_t>(n));
  std::iota(kept.begin(), kept.end(), Index{0});
  const auto take = [&](Index first, Index count) {
    return set_aside(data, kept, {deal.order.begin() + first, deal.order.begin() + first + count});
  };
  Shares shares;
  if (tests > 0) shares.test = take(0, tests);
  if (validations > 0) shares.validation = take(tests, validations);
  if (validation) shares.validation = weighted_rows(std::move(*validation));
  if (test) shares.test = weighted_rows(std::move(*test));
  shares.training = std::move(data);
  settle_means(shares.training);
  for (std::optional<Dataset>* other : {&shares.validation, &shares.test}) {
    if (!*other) continue;
    (*other)->imputations = shares.training.imputations;
    put_means(**other);
  }
  return shares;
}

}  // namespace lodestone
