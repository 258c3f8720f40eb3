#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/core/message.hpp"
#include "lodestone/core/range.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone {

/// A column of text as numbers: one 0/1 column a value, named "column=value".
struct Encoding {
  std::string column;
  std::vector<std::string> values;  ///< in the order of their 0/1 columns
};

/// What stands for the missing values of a column: the mean of its numbers, or of text 0 in all of
/// its 0/1 columns. Where training had missing values, one more 0/1 column tells them.
struct Imputation {
  std::string column;          ///< of the table
  std::optional<double> mean;  ///< of the training rows, by their weights; absent: of text
  bool has_indicator = false;  ///< X has the 0/1 column

  /// The name of the 0/1 column.
  std::string indicator() const { return column + " is missing"; }
};

/// Inputs and a target, in their original units.
struct Dataset {
  Matrix X;                               ///< n×d
  Vector y;                               ///< n; of several targets the first
  std::vector<std::string> columns = {};  ///< d names; empty: fit() numbers them
  std::string target = {};
  Vector weights = {};                    ///< n row weights >= 0, or empty: equal
  std::string weights_column = {};        ///< where they came from
  std::vector<Encoding> encodings = {};   ///< of the text columns among the inputs
  Index dropped_rows = 0;                 ///< left out for missing values
  std::vector<Warning> warnings = {};     ///< what reading found odd, for people
  std::vector<std::string> classes = {};  ///< the texts that y's 0, 1, ... stand for, or empty
  std::vector<Index> groups = {};  ///< n numbers from 0, alike in rows that stay together, or empty
  std::string groups_column = {};  ///< where they came from
  Vector offset = {};  ///< n known parts of the scores, which is offset + f(x), or empty: none
  std::string offset_column = {};  ///< where they came from
  /// One for each column of the table among the inputs where missing values are kept, or none.
  std::vector<Imputation> imputations = {};
  Matrix Y = {};                          ///< several targets: n×q, q > 1; one: empty
  std::vector<std::string> targets = {};  ///< several targets: q names; empty: fit() numbers them

  /// y, or y − offset: constant where there is nothing to learn, and what the square loss fits.
  Vector target_beyond_offset() const;
};

/// What draw_samples takes.
struct SampleLimits {
  static constexpr Range rows = at_least(1);
  static constexpr Range noise = at_least(0);
};

/// The names of columns that have none: "x0", "x1", ..., `count` of them.
std::vector<std::string> numbered_columns(Index count);

/// Rows that can be trained on: columns without names become numbered_columns, a target without a
/// name "y", an offset without a name "offset", several targets without names "y0", "y1", ....
/// Throws InvalidArgument for another number of names than columns, another number of targets or
/// offsets than rows, and numbers that are not finite.
Dataset checked_dataset(Dataset data);

/// n rows x ~ N(0, I_d), y = f_*(x) + noise. `noise` is the noise's standard deviation as a share
/// of the standard deviation of f_*(x). Row t depends on the seed and t alone. Columns are
/// named x0, x1, ..., the target y. Throws InvalidArgument for numbers outside SampleLimits.
Dataset draw_samples(const Teacher& teacher, Index n, double noise, std::uint64_t seed);

/// Variance of f_*(x) for x ~ N(0, I), in closed form (docs/math.md, 2.2).
double target_variance(const Teacher& teacher);

/// What becomes of a row with a missing value: an empty cell, NA, NaN, null, none, nil, n/a, ?, -
/// or a dot.
enum class Missing {
  refuse,     ///< it is an error
  drop,       ///< the row is left out
  indicator,  ///< in an input the column's Imputation stands for it; elsewhere it is an error
};
const char* name(Missing missing);
/// Throws InvalidArgument.
Missing parse_missing(const std::string& text);

/// Where rows come from and how they are read.
struct DataSource {
  std::string file;  ///< whatever read_table reads; "-": standard input
  /// Column name, number from 0, a second file, or a list of columns separated by commas (a name
  /// with a comma in double quotes).
  std::string target;
  std::optional<char> delimiter;  ///< of a CSV file; absent: found

  /// Column of row weights (name, or number from 0); empty: rows count alike. Weights are >= 0. A
  /// row of weight 0 counts as absent, and is left out.
  std::string weights;

  /// Column of a known part of each row's score (name, or number from 0), as log(exposure) is of a
  /// count's; empty: none. It is no input.
  std::string offset;

  /// Column that says which rows belong together (name, or number from 0); empty: none do. Its
  /// cells may be text; cells that read alike are one group. It is no input.
  std::string groups;

  /// The target may hold two different texts. In the order of their bytes they are classes 0 and 1.
  bool text_classes = false;
  bool several_classes = false;  ///< and more than two, at most 100

  /// Columns to leave out (names, or numbers from 0 that count all columns of the file).
  std::vector<std::string> exclude;

  /// A column with text becomes 0/1 columns, one for each of its values in the order of their
  /// bytes, in its place. At most 100 values a column.
  bool one_hot = false;

  /// Missing values in columns that are used. Infinities are never accepted.
  Missing missing = Missing::refuse;
};

/// Reads a data file and takes target, weights and offset out of its columns. Throws FileError or
/// InvalidArgument, naming line and column, for what read_table refuses, text and missing values
/// without leave to treat them, inputs without any value, negative weights or no positive one, a
/// target whose texts are not two, and columns that are not there (suggesting the nearest name).
Dataset read_dataset(const DataSource& source);

/// Reads `file` for the same columns as `data`, which was read from `source`: rows to validate or
/// test with. Columns are found by name, or by position in an array. Text takes the encodings of
/// `data`; values that those do not have leave the column's group 0, with a warning. A missing
/// value that an imputation of `data` stands for is NaN until deal_rows has settled the means. A
/// table need not have the column of the groups. Throws as read_dataset does, for a class that
/// `data` does not have, and InvalidArgument when the target is a second file.
Dataset read_dataset_like(const Dataset& data, const DataSource& source, const std::string& file);

/// Reads rows for a model's inputs: `columns` as Model::columns has them, and encodings. A file
/// that names its columns may hold others and need not hold the target; in an array all columns are
/// inputs. y is empty where there is no target, and NaN in rows without; with classes its texts are
/// told as 0 and 1. A source that names an offset has it read, whether a target is there or not.
/// Imputations stand for missing values, whatever the source says but `drop`; in a column that had
/// none in training with a warning. Of the source, weights, groups, exclude and one_hot have no
/// effect. Throws FileError, also for a target that is none of the classes, and InvalidArgument for
/// encodings and imputations whose 0/1 columns are not among `columns`.
Dataset read_inputs(const DataSource& source, const std::vector<std::string>& columns,
                    const std::vector<Encoding>& encodings,
                    const std::vector<std::string>& classes = {},
                    const std::vector<Imputation>& imputations = {});

/// The mean of the numbers among `values` (n), by row weights (n, or empty: equal); NaN is no
/// number, and the mean where there are none.
double mean_of_present(const Vector& values, const Vector& weights);

/// Puts the means of the imputations in the place of missing values: of NaN, and of what stands
/// where the indicator is 1.
void put_means(Dataset& data);

/// The same with means that are taken from the rows first. Throws InvalidArgument for a column
/// without any value.
void settle_means(Dataset& data);

/// Checks the row weights of a data set, and leaves out rows of weight 0. Throws InvalidArgument
/// for a wrong number of weights, negative ones, and none that is positive.
Dataset weighted_rows(Dataset data);

/// The chosen rows of a data set, in the given order.
Dataset take_rows(const Dataset& data, const std::vector<Index>& rows);

/// Between which values each column of some rows lies; empty where there are no rows.
struct ColumnRanges {
  Vector lowest;   ///< d
  Vector highest;  ///< d
};
ColumnRanges column_ranges(const Matrix& X);

/// Which rows a share takes.
enum class Dealing {
  random,  ///< any; with groups, whole ones
  last,    ///< the last ones, for rows in the order of time
};

/// Rows for training, for choosing, and for judging.
struct Shares {
  Dataset training;
  std::optional<Dataset> validation;
  std::optional<Dataset> test;
};

/// Deals rows once, at random or from the end: the test share (of all rows) first, then the
/// validation share (of the others; fewer than two rows count as none), the rest for training. Of
/// rows with groups a share takes whole groups in a random order, each that leaves it no larger
/// than it is to be. Rows given as validation or test replace that share. Rows of weight 0 are left
/// out. Means of imputations are those of the training rows, in all shares. Throws InvalidArgument
/// when fewer than two rows are left for training, no group is as small as a share, the target is
/// constant, or columns differ. A data set that is moved in becomes the training rows where it
/// lies: beyond it only the shares take memory.
Shares deal_rows(Dataset data, double test_share, double validation_share, std::uint64_t seed,
                 std::optional<Dataset> validation = std::nullopt,
                 std::optional<Dataset> test = std::nullopt, Dealing dealing = Dealing::random);

}  // namespace lodestone
