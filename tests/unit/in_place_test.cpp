// Tables that shrink where they lie have the numbers that copies would have.

#include "core/in_place.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "lodestone/model/dataset.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::normal_matrix;
using support::normal_vector;
using support::same_bits;

std::vector<Index> all(Index count) {
  std::vector<Index> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), Index{0});
  return numbers;
}

TEST(InPlace, KeepsWhatItIsTold) {
  const Matrix table = normal_matrix(7, 5, 1);
  const std::vector<std::vector<Index>> rows = {all(7), {0}, {6}, {1, 2, 5}, {}};
  const std::vector<std::vector<Index>> columns = {all(5), {0}, {4}, {1, 3}};
  for (const auto& some_rows : rows) {
    for (const auto& some_columns : columns) {
      Matrix kept = table;
      keep(kept, some_rows, some_columns);
      EXPECT_TRUE(same_bits(kept, Matrix(table(some_rows, some_columns))));
    }
    Matrix kept = table;
    keep_rows(kept, some_rows);
    EXPECT_TRUE(same_bits(kept, Matrix(table(some_rows, all(5)))));
    Vector values = table.col(2);
    keep_rows(values, some_rows);
    EXPECT_TRUE(same_bits(values, Vector(table(some_rows, 2))));
  }
}

TEST(DealRows, InPlaceEqualsCopies) {
  constexpr Index n = 101;
  Dataset data;
  data.X = normal_matrix(n, 3, 3);
  data.y = normal_vector(n, 4);
  data.weights = normal_vector(n, 5).cwiseAbs();
  data.columns = {"a", "b", "c"};
  data.warnings = {{"odd", "odd"}};
  // A column of row numbers, by which copies can be taken.
  for (Index t = 0; t < n; ++t) data.X(t, 2) = static_cast<double>(t);
  data.weights[0] = data.weights[50] = data.weights[n - 1] = 0.0;
  const std::vector<std::pair<double, double>> shares = {
      {0.0, 0.0}, {0.2, 0.1}, {0.9, 0.0}, {0.0, 0.9}, {0.9, 0.7}, {0.01, 0.3}, {0.005, 0.01}};
  for (const auto& [test_share, validation_share] : shares) {
    SCOPED_TRACE(testing::Message() << test_share << " " << validation_share);
    const Shares dealt = deal_rows(data, test_share, validation_share, 6);
    std::vector<Index> seen = {0, 50, n - 1};
    const auto check = [&](const Dataset& part) {
      std::vector<Index> rows;
      for (Index t = 0; t < part.X.rows(); ++t) rows.push_back(static_cast<Index>(part.X(t, 2)));
      EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
      seen.insert(seen.end(), rows.begin(), rows.end());
      const Dataset copy = take_rows(data, rows);
      EXPECT_TRUE(same_bits(part.X, copy.X));
      EXPECT_TRUE(same_bits(part.y, copy.y));
      EXPECT_TRUE(same_bits(part.weights, copy.weights));
      EXPECT_EQ(part.columns, copy.columns);
      EXPECT_EQ(part.warnings, copy.warnings);
    };
    check(dealt.training);
    if (dealt.validation) check(*dealt.validation);
    if (dealt.test) check(*dealt.test);
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, all(n)) << "every row is dealt once";
    const auto held_out = static_cast<Index>(test_share * (n - 3));
    EXPECT_EQ(dealt.test ? dealt.test->y.size() : 0, held_out);
  }
}

}  // namespace
}  // namespace lodestone
