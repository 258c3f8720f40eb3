#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// A rectangular block of numbers with named columns, as read from a data file.
struct Table {
  std::vector<std::string> names;  ///< one per column; "x0", "x1", ... where the file names none
  Matrix values;                   ///< rows × columns, all finite
  bool has_names = false;          ///< true when the file itself named the columns
};

struct TableOptions {
  /// Column separator of a CSV file; absent: found among ',' ';' tab and '|' from the header line.
  /// A quote, line end, letter, digit, '+', '-' or '.' is refused with InvalidArgument.
  std::optional<char> delimiter;
};

/// Reads the bytes of a Parquet or Arrow file as CSV text of comma-separated records, with one
/// record more before the header: what to do about the text in each column where it is none to
/// make 0/1 columns of, as a date is; otherwise empty. `file` is the name for messages. Throws
/// FileError.
using TableConverter =
    std::function<std::string(std::string_view content, const std::string& file)>;

/// Who reads Parquet and Arrow files for all that read tables; at first nobody does, and they are
/// refused. The library has no reader of its own: the command line and the Python package set one.
/// To be called before tables are read.
void set_table_converter(TableConverter converter);

/// Reads a table from CSV (with a header line), NPY (2-D), NPZ (its only array, its only 2-D
/// array, or the one named by "FILE.npz:NAME"), or, through a TableConverter, Parquet, an Arrow
/// file (Feather) or an Arrow stream; told apart by content. All but NPZ may be compressed by gzip.
/// "-" is standard input. Throws FileError naming file, line or row and column for: a missing or
/// empty file, ragged rows, text where a number should be, NaN or infinity, repeated column names,
/// a truncated or unsupported array. (read_dataset can take text and missing values.)
Table read_table(const std::string& path, const TableOptions& options = {});

/// Reads one column of numbers (target or weights): a 1-D array or a 2-D array with one column or
/// row from NPY or NPZ, or a CSV, Parquet or Arrow file with one column. Throws FileError as
/// read_table does.
Vector read_vector(const std::string& path);

/// Writes CSV with a header and shortest round-trip numbers. The file appears whole or not at all.
/// Throws InvalidArgument for a table without rows or columns, NaN or infinity, or a number of
/// names other than the number of columns.
void write_csv(const std::string& path, const Table& table);

/// Writes a 2-D float64 array in NPY format 1.0, row-major. The file appears whole or not at all.
/// Throws InvalidArgument for an array that is empty or holds NaN or infinity.
void write_npy(const std::string& path, const Matrix& values);

/// An array of an NPZ file: any number of dimensions, row-major.
struct NamedArray {
  std::string name;
  std::vector<Index> shape;
  std::vector<double> values;
};

/// Writes float64 arrays as numpy.savez does, with the same bytes at any time of day. The file
/// appears whole or not at all. Throws InvalidArgument for an array whose shape is not that of its
/// values, FileError for a file that cannot be written.
void write_npz(const std::string& path, const std::vector<NamedArray>& arrays);

}  // namespace lodestone
