// Data sets from files: which column is what, weights, text columns, missing values, further files.

#include "lodestone/model/dataset.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/name_list.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/table.hpp"
#include "lodestone/runs/train_inputs.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::same_bits;

using Names = std::vector<std::string>;

class DatasetTest : public ::testing::Test {
 protected:
  /// A source of CSV text, with target y.
  DataSource source(const std::string& content, const std::string& name = "data.csv") const {
    DataSource result;
    result.file = folder_.write(name, content);
    result.target = "y";
    return result;
  }

  /// Expects a FileError or InvalidArgument that holds all parts.
  template <class Call>
  void expect_refused(const Call& call, const std::vector<std::string>& parts) const {
    const std::string message = message_of<Error>(call);
    EXPECT_NE(message, "") << "nothing was refused";
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << message << "\nexpected " << part;
    }
  }
  void expect_refused(const DataSource& source, const std::vector<std::string>& parts) const {
    expect_refused([&] { read_dataset(source); }, parts);
  }

  support::TemporaryFolder folder_;
};

Matrix matrix(std::initializer_list<std::initializer_list<double>> rows) {
  Matrix values(static_cast<Index>(rows.size()), static_cast<Index>(rows.begin()->size()));
  Index row = 0;
  for (const auto& cells : rows) {
    Index column = 0;
    for (const double cell : cells) values(row, column++) = cell;
    ++row;
  }
  return values;
}

Vector vector(std::initializer_list<double> values) {
  Vector result(static_cast<Index>(values.size()));
  Index i = 0;
  for (const double value : values) result[i++] = value;
  return result;
}

// ---- which column is what

TEST_F(DatasetTest, TakesTargetAndWeightsOutByNameOrNumber) {
  DataSource table = source("a,y,w,b\n1,2,3,4\n5,6,7,8\n");
  for (const auto& [target, weights] : {std::pair("y", "w"), {"1", "2"}, {"y", "2"}}) {
    table.target = target;
    table.weights = weights;
    const Dataset data = read_dataset(table);
    EXPECT_EQ(data.X, matrix({{1, 4}, {5, 8}}));
    EXPECT_EQ(data.y, vector({2, 6}));
    EXPECT_EQ(data.weights, vector({3, 7}));
    EXPECT_EQ(data.columns, (Names{"a", "b"}));
    EXPECT_EQ(data.target, "y");
    EXPECT_EQ(data.weights_column, "w");
    EXPECT_EQ(data.dropped_rows, 0);
    EXPECT_TRUE(data.encodings.empty());
  }
}

TEST_F(DatasetTest, NamesWinOverNumbers) {
  DataSource table = source("1,a,y\n2,3,4\n5,6,7\n");
  table.exclude = {"1"};
  EXPECT_EQ(read_dataset(table).columns, Names{"a"});
}

TEST_F(DatasetTest, LeavesExcludedColumnsOut) {
  DataSource table = source("a,\"b, c\",d,y\n1,x,,4\n5,y,NA,8\n");
  table.exclude = {"b, c", "2"};
  const Dataset data = read_dataset(table);
  EXPECT_EQ(data.X, matrix({{1}, {5}})) << "what an excluded column holds does not matter";
  EXPECT_EQ(data.columns, Names{"a"});
}

TEST_F(DatasetTest, RefusesWrongColumns) {
  const DataSource table = source("alpha,beta,y\n1,2,3\n4,5,6\n");
  const auto with = [&](auto change) {
    DataSource changed = table;
    change(changed);
    return changed;
  };
  expect_refused(with([](auto& s) { s.weights = "gamma"; }),
                 {"weights", "'gamma'", "data.csv", "alpha, beta, y"});
  expect_refused(with([](auto& s) { s.weights = "betta"; }), {"did you mean 'beta'?"});
  expect_refused(with([](auto& s) { s.weights = "3"; }), {"weights", "0 to 2"});
  expect_refused(with([](auto& s) { s.weights = "y"; }), {"weights", "'y'", "is the target"});
  expect_refused(with([](auto& s) { s.exclude = {"alpa"}; }),
                 {"exclude", "'alpa'", "did you mean 'alpha'?"});
  expect_refused(with([](auto& s) { s.exclude = {"-1"}; }), {"exclude", "-1", "0 to 2"});
  expect_refused(with([](auto& s) { s.exclude = {"2"}; }), {"exclude", "'2'", "is the target"});
  expect_refused(with([](auto& s) {
                   s.weights = "beta";
                   s.exclude = {"beta"};
                 }),
                 {"exclude", "'beta'", "weights"});
  expect_refused(with([](auto& s) { s.exclude = {"alpha", "beta"}; }), {"no input is left"});
  expect_refused(with([](auto& s) { s.target.clear(); }), {"target", "nothing"});
  expect_refused(source("a,b,a,y\n1,2,3,4\n"), {"data.csv:1: ", "columns 1 and 3", "'a'"});
}

TEST(NameList, SplitsLikeALineOfCsv) {
  const auto split = [](const std::string& text) { return io::split_names(text).value(); };
  EXPECT_EQ(split(""), Names{});
  EXPECT_EQ(split("  "), Names{});
  EXPECT_EQ(split("a"), Names{"a"});
  EXPECT_EQ(split(" a , b c ,3"), (Names{"a", "b c", "3"}));
  EXPECT_EQ(split(R"("a, b", "say ""x""" ,c"d)"), (Names{"a, b", "say \"x\"", "c\"d"}));
  for (const std::string text : {",", "a,", ",a", "a,,b", "\"a", "\"a\"b", "\"\"", "a,\"b"}) {
    EXPECT_FALSE(io::split_names(text)) << text;
  }
  for (const Names& names : {Names{}, Names{"a"}, Names{"a, b", " c ", "\"", "d\"e", "\t", ","}}) {
    EXPECT_EQ(split(io::join_names(names)), names);
  }
}

// ---- weights

TEST_F(DatasetTest, RowsOfWeightZeroAreAbsent) {
  DataSource table = source("a,c,w,y\n1,red,2,1\n2,blue,0,2\n3,green,1,3\n");
  table.weights = "w";
  table.one_hot = true;
  const Dataset data = read_dataset(table);
  EXPECT_EQ(data.y, vector({1, 3}));
  EXPECT_EQ(data.weights, vector({2, 1}));
  EXPECT_EQ(data.columns, (Names{"a", "c=green", "c=red"})) << "no blue is left";
  EXPECT_EQ(data.dropped_rows, 0);
}

TEST_F(DatasetTest, RefusesBadWeights) {
  const auto refuse = [&](const std::string& content, const std::vector<std::string>& parts) {
    DataSource table = source(content);
    table.weights = "w";
    expect_refused(table, parts);
  };
  refuse("a,w,y\n1,1,1\n2,-0.5,2\n", {"data.csv:3: ", "'w'", "-0.5", "0 or positive"});
  refuse("a,w,y\n1,0,1\n2,0,2\n", {"data.csv: ", "'w'", "all", "0"});
  refuse("a,w,y\n1,1,1\n2,x,2\n", {"data.csv:3: ", "'w'", "'x'", "a weight must be a number"});
  refuse("a,w,y\n1,1,1\n2,,2\n", {"data.csv:3: ", "'w' is empty", "missing drop", "1 of 2"});
  refuse("a,w,y\n1,1,1\n2,inf,2\n", {"data.csv:3: ", "'w' is 'inf'"});
  refuse("a,w,y\n1,1e308,1\n2,1e308,2\n", {"weights", "sum"});
  const std::string arrays = folder_.file("data.npy");
  write_npy(arrays, matrix({{1, 2, 3}, {4, -5, 6}}));
  DataSource array;
  array.file = arrays;
  array.target = "2";
  array.weights = "1";
  expect_refused(array, {"data.npy: row 1, column 1 (counted from 0)", "-5"});
}

TEST(WeightedRows, ChecksAndLeavesOut) {
  Dataset data;
  data.X = matrix({{1}, {2}, {3}});
  data.y = vector({4, 5, 6});
  EXPECT_EQ(weighted_rows(data).y, data.y) << "no weights: all rows alike";
  data.weights = vector({1, 0, 2});
  data.columns = {"a"};
  data.encodings = {{"c", {"x"}}};
  const Dataset kept = weighted_rows(data);
  EXPECT_EQ(kept.X, matrix({{1}, {3}}));
  EXPECT_EQ(kept.y, vector({4, 6}));
  EXPECT_EQ(kept.weights, vector({1, 2}));
  EXPECT_EQ(kept.columns, Names{"a"});
  EXPECT_EQ(kept.encodings.size(), 1U);
  const auto refused = [&](const Vector& weights) {
    data.weights = weights;
    return message_of<InvalidArgument>([&] { weighted_rows(data); });
  };
  EXPECT_NE(refused(vector({1, 1})).find("2 values"), std::string::npos);
  EXPECT_NE(refused(vector({1, -1, 1})).find("row 1"), std::string::npos);
  EXPECT_NE(refused(vector({1, 1, std::nan("")})).find("row 2"), std::string::npos);
  EXPECT_NE(refused(vector({0, 0, 0})).find("all zero"), std::string::npos);
  EXPECT_NE(refused(vector({1, std::numeric_limits<double>::infinity(), 1})), "");
}

// ---- text

const std::string kColours =
    "a,colour,b,size,y\n"
    "1,red,1.5,L,1\n"
    "2,\"blue, \"\"dark\"\"\",2.5,S,2\n"
    "3, green ,3.5,L,3\n"
    "4,red,4.5,10,4\n";

TEST_F(DatasetTest, TextBecomesZerosAndOnes) {
  DataSource table = source(kColours);
  table.one_hot = true;
  const Dataset data = read_dataset(table);
  EXPECT_EQ(data.columns, (Names{"a", "colour=blue, \"dark\"", "colour=green", "colour=red", "b",
                                 "size=10", "size=L", "size=S"}))
      << "sorted, in the place of the text; a number among text is text";
  EXPECT_EQ(data.X, matrix({{1, 0, 0, 1, 1.5, 0, 1, 0},
                            {2, 1, 0, 0, 2.5, 0, 0, 1},
                            {3, 0, 1, 0, 3.5, 0, 1, 0},
                            {4, 0, 0, 1, 4.5, 1, 0, 0}}));
  ASSERT_EQ(data.encodings.size(), 2U);
  EXPECT_EQ(data.encodings[0].column, "colour");
  EXPECT_EQ(data.encodings[0].values, (Names{"blue, \"dark\"", "green", "red"}));
  EXPECT_EQ(data.encodings[1].column, "size");
  EXPECT_EQ(data.y, vector({1, 2, 3, 4}));
}

TEST_F(DatasetTest, TwoTextsAreClasses) {
  DataSource table = source("a,y\n1,yes\n2, no \n3,\"yes\"\n");
  expect_refused([&] { read_dataset(table); }, {"data.csv:2", "'y'", "must be a number"});
  table.text_classes = true;
  const Dataset data = read_dataset(table);
  EXPECT_EQ(data.classes, (Names{"no", "yes"}));
  EXPECT_EQ(data.y, vector({1, 0, 1}));
  EXPECT_EQ(take_rows(data, {1}).classes, data.classes);
  // Other rows take the same classes, whichever of them they hold.
  const DataSource like = source("y,a\nyes,1\n", "like.csv");
  EXPECT_EQ(read_dataset_like(data, table, like.file).y, vector({1}));
  EXPECT_EQ(read_inputs(like, {"a"}, {}, data.classes).y, vector({1}));
  const DataSource unseen = source("y,a\nyes,1\nYes,1\n", "unseen.csv");
  expect_refused([&] { read_inputs(unseen, {"a"}, {}, data.classes); },
                 {"unseen.csv:3", "'Yes'", "'no' and 'yes'"});
  const DataSource gap = source("y,a\nno,1\n,1\n", "gap.csv");
  EXPECT_TRUE(std::isnan(read_inputs(gap, {"a"}, {}, data.classes).y[1]));
}

TEST_F(DatasetTest, NumbersAreNoClasses) {
  DataSource table = source("a,y\n1,0\n2,1\n");
  table.text_classes = true;
  const Dataset data = read_dataset(table);
  EXPECT_TRUE(data.classes.empty());
  EXPECT_EQ(data.y, vector({0, 1}));
}

TEST_F(DatasetTest, OtherNumbersOfClassesAreRefused) {
  DataSource table = source("a,y\n1,b\n2,b\n");
  table.text_classes = true;
  expect_refused([&] { read_dataset(table); }, {"data.csv:2", "one class only, 'b'"});
  table = source("a,y\n1,b\n2,0\n3,1\n4,a\n5,c\n6,d\n");
  table.text_classes = true;
  expect_refused([&] { read_dataset(table); }, {"6 classes ('0', '1', 'a', 'b', 'c', ...)"});
}

TEST_F(DatasetTest, GroupsAreNoInput) {
  DataSource table = source("a,g,y\n1,x,3\n2,7,4\n3, x ,5\n4,7.0,6\n");
  table.groups = "g";
  Dataset data = read_dataset(table);
  EXPECT_EQ(data.columns, Names{"a"});
  EXPECT_EQ(data.groups, (std::vector<Index>{0, 1, 0, 2})) << "cells that read alike";
  EXPECT_EQ(data.groups_column, "g");
  EXPECT_EQ(take_rows(data, {3, 0}).groups, (std::vector<Index>{2, 0}));
  data.weights = vector({1, 0, 1, 1});
  EXPECT_EQ(weighted_rows(data).groups, (std::vector<Index>{0, 0, 2}));
}

TEST_F(DatasetTest, OffsetsGoWithTheirRows) {
  DataSource table = source("a,o,w,y\n1,10,1,1\n2,20,0,2\n3,30,1,4\n4,,1,5\n5,50,2,7\n");
  table.offset = "o";
  table.weights = "w";
  expect_refused(table, {":5:", "'o'"});
  table.missing = Missing::drop;
  const Dataset data = read_dataset(table);
  EXPECT_EQ(data.columns, Names{"a"});
  EXPECT_EQ(data.offset_column, "o");
  EXPECT_EQ(data.offset, (Vector{{10.0, 30.0, 50.0}}));
  EXPECT_EQ(data.target_beyond_offset(), (Vector{{-9.0, -26.0, -43.0}}));
  EXPECT_EQ(take_rows(data, {2, 0}).offset, (Vector{{50.0, 10.0}}));
  const Shares shares = deal_rows(data, 0.4, 0.0, 1);
  EXPECT_EQ(shares.test->offset[0], 10.0 * shares.test->X(0, 0));
  EXPECT_EQ(shares.training.offset, Vector(10.0 * shares.training.X.col(0)));
  table.exclude = {"o"};
  expect_refused(table, {"exclude", "holds the offset"});
}

TEST(DealRows, SharesHaveWholeGroups) {
  Dataset data{Matrix::Random(60, 2), Vector::LinSpaced(60, 0, 1)};
  for (Index t = 0; t < 60; ++t) data.groups.push_back((t * t) % 11);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Shares shares = deal_rows(data, 0.3, 0.3, seed);
    std::vector<const Dataset*> parts = {&shares.training, &*shares.validation, &*shares.test};
    EXPECT_LE(shares.test->y.size(), 18);
    Index rows = 0;
    std::vector<Index> seen;
    for (const Dataset* part : parts) {
      rows += part->y.size();
      std::vector<Index> groups = part->groups;
      std::sort(groups.begin(), groups.end());
      groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
      seen.insert(seen.end(), groups.begin(), groups.end());
    }
    EXPECT_EQ(rows, 60);
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << "in one share each";
  }
  data.groups.assign(60, 0);
  EXPECT_NE(message_of<InvalidArgument>([&] { deal_rows(data, 0.3, 0.0, 0); }).find("18 of 60"),
            std::string::npos);
}

TEST(DealRows, TheLastRowsAreForTheTest) {
  const Dataset data{Matrix::Random(10, 2), Vector::LinSpaced(10, 0, 9)};
  const Shares shares = deal_rows(data, 0.2, 0.25, 5, std::nullopt, std::nullopt, Dealing::last);
  EXPECT_EQ(shares.test->y, vector({8, 9}));
  EXPECT_EQ(shares.validation->y, vector({6, 7}));
  EXPECT_EQ(shares.training.y, vector({0, 1, 2, 3, 4, 5}));
}

TEST_F(DatasetTest, OneHotLeavesNumbersAlone) {
  DataSource table = source("a,b,y\n1,2,3\n4,5,6\n");
  table.one_hot = true;
  const Dataset data = read_dataset(table);
  EXPECT_EQ(data.X, matrix({{1, 2}, {4, 5}}));
  EXPECT_TRUE(data.encodings.empty());
}

TEST_F(DatasetTest, OneValueIsAColumnOfOnes) {
  DataSource table = source("a,c,y\n1,x,3\n4,x,6\n");
  table.one_hot = true;
  EXPECT_EQ(read_dataset(table).X, matrix({{1, 1}, {4, 1}}));
}

TEST_F(DatasetTest, TextIsReadFromAnyLineEndAndDelimiter) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    for (const char delimiter : {',', ';', '\t', '|'}) {
      std::string content =
          "\xEF\xBB\xBF"
          "a,c,y" +
          end + "1,x y,3" + end + "4,\"z\",6" + end;
      std::replace(content.begin(), content.end(), ',', delimiter);
      DataSource table = source(content);
      table.one_hot = true;
      const Dataset data = read_dataset(table);
      EXPECT_EQ(data.columns, (Names{"a", "c=x y", "c=z"}));
      EXPECT_EQ(data.X, matrix({{1, 1, 0}, {4, 0, 1}}));
    }
  }
}

TEST_F(DatasetTest, TextIsRefusedWithTheFlagThatTakesIt) {
  expect_refused(source(kColours),
                 {"data.csv:2: column 'colour' holds text ('red'); categories "
                  "one-hot turns such columns into 0/1 columns, exclude colour leaves "
                  "it out"});
  expect_refused(source("a,my colour,y\n1,red,2\n"), {"exclude 'my colour'"});
  expect_refused(source("a,\"b,c\",y\n1,red,2\n"), {"exclude '\"b,c\"'"});
  expect_refused(source("a,it's,y\n1,red,2\n"), {"exclude 1"});
  expect_refused(source("a," + std::string(1000, 'n') + ",y\n1,red,2\n"), {"exclude 1"});
}

TEST_F(DatasetTest, FewTextsAmongNumbersAreMistakes) {
  expect_refused(source("a,b,y\n1,2,3\n4,five,6\n7,8,9\n"),
                 {"data.csv:3: column 'b' is 'five', not a number (so in 1 of 3 rows)",
                  "correct it", "categories one-hot", "exclude b"});
}

TEST_F(DatasetTest, NumbersWrittenInAnotherWayAreNotCategories) {
  for (const bool one_hot : {false, true}) {
    DataSource table = source("a;b;y\n1;2,5;3\n2;3,5;4\n");
    table.one_hot = one_hot;
    expect_refused(table, {"data.csv:2: column 'b' is '2,5'", "decimal commas as points"});
    table = source("a,b,y\n1,5%,3\n");
    table.one_hot = one_hot;
    expect_refused(table, {"column 'b'", "without '%'"});
  }
}

TEST_F(DatasetTest, TextTargetIsRefused) {
  DataSource table = source("a,y\n1,yes\n2,no\n");
  for (const bool one_hot : {false, true}) {
    table.one_hot = one_hot;
    expect_refused(table, {"data.csv:2: column 'y' is the target", "'yes'", "must be a number"});
  }
  table = source("a\n1\n2\n");
  table.target = folder_.write("target.csv", "y\n1\nhigh\n");
  expect_refused(table, {"target.csv:3: ", "'high'", "must be a number"});
}

TEST_F(DatasetTest, IdentifiersAreRefused) {
  std::string content = "id,a,y\n";
  for (int i = 0; i < 101; ++i) {
    content += "n" + std::to_string(i) + "," + std::to_string(i) + ",1\n";
  }
  DataSource table = source(content);
  table.one_hot = true;
  expect_refused(table, {"data.csv: column 'id' holds 101 different texts", "at most 100",
                         "exclude id leaves it out"});
  table.exclude = {"id"};
  EXPECT_EQ(read_dataset(table).columns, Names{"a"});
  // 100 are accepted.
  table.exclude.clear();
  table.file = source(content.substr(0, content.rfind("n100"))).file;
  EXPECT_EQ(read_dataset(table).X.cols(), 101);
}

TEST_F(DatasetTest, TextWithAdviceIsNoCategory) {
  set_table_converter([](std::string_view, const std::string&) {
    return "\"\",\"count days\",\"\"\n\"c\",\"day\",\"y\"\n"
           "\"u\",\"2024-01-01\",1\n\"v, w\",\"2024-01-02\",2\n";
  });
  DataSource table = source("PAR1\x15", "data.parquet");
  table.one_hot = true;
  expect_refused(table, {"data.parquet: row 0 (counted from 0), column 'day'", "count days"});
  table.exclude = {"day"};
  EXPECT_EQ(read_dataset(table).columns, (Names{"c=u", "c=v, w"}));
  table.exclude.clear();
  table.groups = "day";
  EXPECT_EQ(read_dataset(table).groups, (std::vector<Index>{0, 1})) << "rows of a day are a group";
  set_table_converter(nullptr);
}

TEST_F(DatasetTest, EncodedNamesMustDiffer) {
  DataSource table = source("a=b,a,y\n1,b,2\n2,c,3\n");
  table.one_hot = true;
  expect_refused(table, {"'a=b'", "rename a column"});
}

TEST_F(DatasetTest, TextMustBeUtf8) {
  DataSource table = source("a,c,y\n1,gr\xFCn,2\n2,rot,3\n");
  table.one_hot = true;
  expect_refused(table, {"data.csv:2: ", "UTF-8"});
}

// ---- missing values

TEST_F(DatasetTest, MissingValuesAreRefusedWithTheFlagThatDropsThem) {
  expect_refused(source("a,age,y\n1,2,3\n4,,6\n7,8,9\n1,2,NA\n"),
                 {"data.csv:3: column 'age' is empty; missing drop leaves out such rows (2 of "
                  "4), missing indicator keeps them"});
  expect_refused(source("a,y\n1,3\n2,NA\n"), {"data.csv:3: column 'y' is 'NA'; missing drop"});
}

TEST_F(DatasetTest, RowsWithMissingValuesAreLeftOut) {
  for (const std::string text :
       {"", "NA", "n/a", "NaN", "-nan", "NULL", "None", "nil", "?", "-", ".", "\"\"", "#N/A"}) {
    DataSource table = source("a,c,y\n1,x,1\n" + text + ",x,2\n3," + text + ",3\n4,z,4\n5,x," +
                              text + "\n6,z,6\n");
    table.one_hot = true;
    table.missing = Missing::drop;
    const Dataset data = read_dataset(table);
    EXPECT_EQ(data.y, vector({1, 4, 6})) << text;
    EXPECT_EQ(data.X, matrix({{1, 1, 0}, {4, 0, 1}, {6, 0, 1}})) << text;
    EXPECT_EQ(data.dropped_rows, 3) << text;
  }
}

TEST_F(DatasetTest, ColumnsThatAreNotUsedMayHaveMissingValues) {
  DataSource table = source("a,b,y\n1,,1\n2,,2\n3,5,3\n");
  table.exclude = {"b"};
  const Dataset data = read_dataset(table);
  EXPECT_EQ(data.X.rows(), 3);
  EXPECT_EQ(data.dropped_rows, 0);
}

TEST_F(DatasetTest, ValuesOfDroppedRowsAreNoCategories) {
  DataSource table = source("a,c,y\n1,x,1\n,rare,2\n3,z,3\n");
  table.one_hot = true;
  table.missing = Missing::drop;
  EXPECT_EQ(read_dataset(table).columns, (Names{"a", "c=x", "c=z"}));
}

TEST_F(DatasetTest, WhenNoRowIsLeftTheColumnIsNamed) {
  DataSource table = source("a,cabin,y\n1,,1\n2,,2\n,3,3\n");
  table.missing = Missing::drop;
  expect_refused(table, {"every row", "'cabin'", "2 of 3", "exclude cabin"});
}

TEST_F(DatasetTest, InfinitiesAreNeverAccepted) {
  for (const std::string text : {"inf", "-Inf", "+Infinity", "1e999"}) {
    DataSource table = source("a,y\n1,2\n" + text + ",3\n");
    table.missing = Missing::drop;
    expect_refused(table, {"data.csv:3: column 'a' is '" + text + "'", "finite"});
  }
}

TEST_F(DatasetTest, ArraysMayHaveMissingValuesToo) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  // write_npy refuses NaN, so the bytes of a number are replaced.
  const std::string file = folder_.file("data.npy");
  write_npy(file, matrix({{1, 2, 3}, {4, 12345.678, 6}, {7, 8, 9}, {1, 1, 2}}));
  std::string bytes = folder_.read("data.npy");
  const double number = 12345.678;
  const std::string_view wanted(reinterpret_cast<const char*>(&number), sizeof number);
  bytes.replace(bytes.find(wanted), sizeof nan,
                std::string_view(reinterpret_cast<const char*>(&nan), sizeof nan));
  DataSource array;
  array.file = folder_.write("data.npy", bytes);
  array.target = "2";
  expect_refused(array, {"data.npy: row 1, column 1 (counted from 0) is 'nan'; missing drop "
                         "leaves out such rows (1 of 4)"});
  array.missing = Missing::drop;
  EXPECT_EQ(read_dataset(array).y, vector({3, 9, 2}));
  array.target = "1";
  EXPECT_EQ(read_dataset(array).y, vector({2, 8, 1})) << "the target may be what is missing";
}

TEST_F(DatasetTest, SecondFileMayMissTargets) {
  DataSource table = source("a\n1\n2\n3\n");
  table.target = folder_.write("target.csv", "y\n4\nNA\n6\n");
  expect_refused(table, {"target.csv:3: column 'y' is 'NA'; missing drop", "1 of 3"});
  table.missing = Missing::drop;
  const Dataset data = read_dataset(table);
  EXPECT_EQ(data.X, matrix({{1}, {3}}));
  EXPECT_EQ(data.y, vector({4, 6}));
}

// Means are sums over rows: their last bits are not what these tests are about.
void expect_near(const Matrix& found, const Matrix& expected) {
  ASSERT_EQ(found.rows(), expected.rows());
  ASSERT_EQ(found.cols(), expected.cols());
  for (Index i = 0; i < found.size(); ++i) EXPECT_DOUBLE_EQ(found.data()[i], expected.data()[i]);
}

TEST(MeanOfPresent, CountsRowsByTheirWeights) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_DOUBLE_EQ(mean_of_present(vector({1, nan, 4}), {}), 2.5);
  EXPECT_DOUBLE_EQ(mean_of_present(vector({1, nan, 4}), vector({3, 5, 1})), 1.75);
  EXPECT_DOUBLE_EQ(mean_of_present(vector({1e308, 1e308}), {}), 1e308) << "no sum beyond float64";
  EXPECT_TRUE(std::isnan(mean_of_present(vector({nan}), {})));
}

TEST_F(DatasetTest, MissingValuesAreKeptWithIndicators) {
  DataSource table = source("a,c,b,w,y\n1,x,5,1,1\n,z,6,1,2\n4,,7,2,3\n9,odd,,0,4\n");
  table.weights = "w";
  table.one_hot = true;
  table.missing = Missing::indicator;
  const Dataset data = read_dataset(table);
  EXPECT_EQ(data.columns, (Names{"a", "a is missing", "c=x", "c=z", "c is missing", "b"}))
      << "a row of weight 0 gives no value and no indicator";
  expect_near(data.X, matrix({{1, 0, 1, 0, 0, 5}, {3, 1, 0, 1, 0, 6}, {4, 0, 0, 0, 1, 7}}));
  ASSERT_EQ(data.imputations.size(), 3U);
  EXPECT_EQ(data.imputations[0].column, "a");
  EXPECT_DOUBLE_EQ(*data.imputations[0].mean, 3.0);
  EXPECT_TRUE(data.imputations[0].has_indicator);
  EXPECT_EQ(data.imputations[1].mean, std::nullopt) << "text has no mean";
  EXPECT_DOUBLE_EQ(*data.imputations[2].mean, 6.25);
  EXPECT_FALSE(data.imputations[2].has_indicator);
  EXPECT_EQ(data.dropped_rows, 0);

  // The same of a file for the model; a gap that training did not have is told.
  const DataSource rows = source("b,a,c\n,,x\n2,1,\n", "rows.csv");
  const Dataset inputs = read_inputs(rows, data.columns, data.encodings, {}, data.imputations);
  expect_near(inputs.X, matrix({{3, 1, 1, 0, 0, 6.25}, {1, 0, 0, 0, 1, 2}}));
  ASSERT_EQ(inputs.warnings.size(), 1U);
  EXPECT_EQ(inputs.warnings[0].code, "new_missing_values");
  EXPECT_NE(inputs.warnings[0].message.text().find("'b'"), std::string::npos);
  expect_refused(
      [&] {
        read_inputs(rows, {"a", "c=x", "c=z", "b"}, data.encodings, {}, data.imputations);
      },
      {"imputations", "'a is missing'", "not among the columns"});
}

TEST_F(DatasetTest, MeansAreThoseOfTheTrainingRows) {
  DataSource table = source("a,y\n1,1\n,2\n3,3\n8,4\n10,5\n");
  table.missing = Missing::indicator;
  const Dataset data = read_dataset(table);
  EXPECT_DOUBLE_EQ(*data.imputations[0].mean, 5.5) << "of the whole file, before rows are dealt";
  const Dataset test = read_dataset_like(data, table, folder_.write("test.csv", "a,y\n7,1\n,2\n"));
  const Shares shares = deal_rows(data, 0.0, 0.4, 1, std::nullopt, test, Dealing::last);
  EXPECT_DOUBLE_EQ(*shares.training.imputations[0].mean, 2.0);
  expect_near(shares.training.X, matrix({{1, 0}, {2, 1}, {3, 0}}));
  expect_near(shares.validation->X, matrix({{8, 0}, {10, 0}}));
  expect_near(shares.test->X, matrix({{7, 0}, {2, 1}}));
}

TEST_F(DatasetTest, IndicatorsAreForInputsThatHaveValues) {
  DataSource table = source("a,y\n1,1\n,\n3,3\n");
  table.missing = Missing::indicator;
  expect_refused(table, {"data.csv:3: column 'y' is empty; missing drop leaves out such rows"});
  table = source("a,b,y\n1,,1\n2,NA,2\n");
  table.missing = Missing::indicator;
  expect_refused(table, {"data.csv: column 'b' has no value in any row; exclude b leaves it out"});
  table = source("a,a is missing,y\n1,1,1\n,2,2\n");
  table.missing = Missing::indicator;
  expect_refused(table, {"'a is missing'", "rename a column"});
}

// ---- further files

TEST_F(DatasetTest, FurtherFilesHaveTheSameColumns) {
  DataSource table = source("a,c,w,y,id\n1,x,1,3,n1\n4,z,2,6,n2\n7,x,1,9,n3\n");
  table.target = "3";
  table.weights = "2";
  table.exclude = {"id"};
  table.one_hot = true;
  table.missing = Missing::drop;
  const Dataset data = read_dataset(table);
  // Another order, other columns, a value never seen, and a missing one.
  const std::string other =
      folder_.write("other.csv", "y,extra,c,a,w\n1,?,z,2,1\n3,,w,4,5\n5,?,?,6,7\n7,,x,8,0\n");
  const Dataset rows = read_dataset_like(data, table, other);
  EXPECT_EQ(rows.columns, data.columns);
  EXPECT_EQ(rows.X, matrix({{2, 0, 1}, {4, 0, 0}}));
  EXPECT_EQ(rows.y, vector({1, 3}));
  EXPECT_EQ(rows.weights, vector({1, 5}));
  EXPECT_EQ(rows.dropped_rows, 1);
  ASSERT_EQ(rows.warnings.size(), 1U);
  for (const std::string part : {"other.csv", "1 value is", "'w'", "'c'", "line 3"}) {
    const std::string text = rows.warnings[0].message.text();
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST_F(DatasetTest, FurtherFilesMustFit) {
  DataSource table = source("a,c,y\n1,x,3\n4,z,6\n7,x,9\n");
  table.one_hot = true;
  const Dataset data = read_dataset(table);
  const auto refuse = [&](const std::string& content, const std::vector<std::string>& parts) {
    const std::string file = folder_.write("other.csv", content);
    expect_refused([&] { read_dataset_like(data, table, file); }, parts);
  };
  refuse("a,y\n1,2\n", {"other.csv: has no column 'c'"});
  refuse("A,c,y\n1,x,2\n", {"other.csv: has no column 'a'"});
  refuse("a,c\n1,x\n", {"target", "'y'", "other.csv"});
  refuse("a,c,y\nbig,x,1\n", {"other.csv:2: column 'a' is 'big'", "numbers in training"});
  refuse("a,c,y\n1,x,\n", {"other.csv:2: column 'y' is empty; missing drop"});
  write_npy(folder_.file("other.npy"), matrix({{1, 2, 3}}));
  DataSource numbered = table;
  numbered.target = "2";
  expect_refused([&] { read_dataset_like(data, numbered, folder_.file("other.npy")); },
                 {"other.npy"});
  DataSource second = source("a,c\n1,x\n2,z\n", "inputs.csv");
  second.target = folder_.write("target.csv", "y\n1\n2\n");
  second.one_hot = true;
  const Dataset inputs = read_dataset(second);
  expect_refused([&] { read_dataset_like(inputs, second, folder_.file("data.csv")); },
                 {"target", "second file", "data.csv"});
}

TEST_F(DatasetTest, FurtherArraysAreReadByPosition) {
  DataSource array;
  array.file = folder_.file("data.npy");
  array.target = "0";
  array.exclude = {"2"};
  write_npy(array.file, matrix({{1, 2, 3, 4}, {5, 6, 7, 8}}));
  const Dataset data = read_dataset(array);
  EXPECT_EQ(data.columns, (Names{"x1", "x3"}));
  const std::string other = folder_.file("other.npy");
  write_npy(other, matrix({{10, 20, 30, 40}}));
  const Dataset rows = read_dataset_like(data, array, other);
  EXPECT_EQ(rows.X, matrix({{20, 40}}));
  EXPECT_EQ(rows.y, vector({10}));
  write_npy(other, matrix({{10, 20, 30}}));
  expect_refused([&] { read_dataset_like(data, array, other); },
                 {"other.npy", "1 columns", "has 2"});
}

TEST_F(DatasetTest, ReadsAModelsInputs) {
  const Names columns = {"b", "c=x", "c=1", "a"};
  const std::vector<Encoding> encodings = {{"c", {"1", "x"}}};
  DataSource rows = source("a,name,c,b\n1,n1,1,3\n4,n2,1,6\n");
  Dataset data = read_inputs(rows, columns, encodings);
  EXPECT_EQ(data.X, matrix({{3, 0, 1, 1}, {6, 0, 1, 4}})) << "1 is text where it was in training";
  EXPECT_EQ(data.y.size(), 0) << "no target";
  EXPECT_TRUE(data.warnings.empty());

  // The target may be there, in some rows.
  rows = source("a,c,b,y\n1,x,3,NA\n4,1.0,6,7\n");
  data = read_inputs(rows, columns, encodings);
  EXPECT_EQ(data.X.rows(), 2) << "a row without a target has a prediction";
  EXPECT_TRUE(std::isnan(data.y[0]));
  EXPECT_EQ(data.y[1], 7.0);
  EXPECT_EQ(data.warnings.size(), 1U) << "1.0 is another text than 1";
  rows = source("a,c,b,y\n1,x,3,NA\n4,x,6,?\n");
  EXPECT_EQ(read_inputs(rows, columns, encodings).y.size(), 0);

  rows = source("a,c,b\n1,x,3\n4,,6\n");
  expect_refused([&] { read_inputs(rows, columns, encodings); },
                 {"data.csv:3: column 'c' is empty; fill it, or train with missing indicator"});
  rows.missing = Missing::drop;
  data = read_inputs(rows, columns, encodings);
  EXPECT_EQ(data.X.rows(), 1);
  EXPECT_EQ(data.dropped_rows, 1);
  rows.file = folder_.file("rows.npy");
  write_npy(rows.file, matrix({{1, 2, 3, 4}}));
  expect_refused([&] { read_inputs(rows, columns, encodings); }, {"rows.npy", "'c'", "CSV"});
  EXPECT_EQ(read_inputs(rows, {"p", "q", "r", "s"}, {}).X, matrix({{1, 2, 3, 4}}));
  rows = source("a,c,b\n1,x,3\n");
  expect_refused(
      [&] {
        read_inputs(rows, {"a", "c=x", "b"}, encodings);
      },
      {"encodings", "'c=1'", "not among the columns"});
}

// ---- rows, fingerprint

TEST(TakeRows, KeepsWhatBelongsToTheTable) {
  Dataset data;
  data.X = matrix({{1, 2}, {3, 4}, {5, 6}});
  data.y = vector({7, 8, 9});
  data.weights = vector({1, 2, 3});
  data.columns = {"a", "c=x"};
  data.target = "y";
  data.weights_column = "w";
  data.encodings = {{"c", {"x"}}};
  const Dataset taken = take_rows(data, {2, 0});
  EXPECT_EQ(taken.X, matrix({{5, 6}, {1, 2}}));
  EXPECT_EQ(taken.y, vector({9, 7}));
  EXPECT_EQ(taken.weights, vector({3, 1}));
  EXPECT_EQ(taken.columns, data.columns);
  EXPECT_EQ(taken.target, "y");
  EXPECT_EQ(taken.weights_column, "w");
  EXPECT_EQ(taken.encodings.size(), 1U);
  data.weights.resize(0);
  EXPECT_EQ(take_rows(data, {1}).weights.size(), 0);
}

TEST(Fingerprint, CoversWeightsEncodingsAndFurtherFiles) {
  Dataset data;
  data.X = matrix({{1, 0}, {3, 1}, {5, 0}});
  data.y = vector({7, 8, 9});
  data.columns = {"a", "c=x"};
  const auto code = [&](const std::optional<Dataset>& validation = std::nullopt,
                        const std::optional<Dataset>& test = std::nullopt) {
    return fingerprint("config", Schedule(), std::nullopt, data, validation, test);
  };
  std::vector<std::string> codes = {code(), code(data), code(std::nullopt, data)};
  data.weights = vector({1, 1, 2});
  codes.push_back(code());
  data.weights = vector({1, 2, 1});
  codes.push_back(code());
  data.weights.resize(0);
  data.encodings = {{"c", {"x"}}};
  codes.push_back(code());
  data.columns = {"a", "c=z"};
  data.encodings = {{"c", {"z"}}};
  codes.push_back(code());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(codes[i], codes[j]) << i << " and " << j;
  }
}

}  // namespace
}  // namespace lodestone
