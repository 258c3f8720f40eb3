#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lodestone/core/message.hpp"
#include "lodestone/model/table.hpp"

/// The readers behind read_table, read_vector and read_dataset. The parsers take a file's bytes,
/// and its name for errors.
namespace lodestone::io {

/// What is read decides which arrays of an NPZ archive are candidates.
enum class Wanted {
  table,   ///< 2-D
  vector,  ///< 1-D, or 2-D with one row or column
  any,     ///< at most 2-D; a single number is 1×1
};

/// Text from a file as an error message may show it: in quotes, on one line, cut when long.
std::string shown(std::string_view text);

/// Length of the UTF-8 sequence at the start of a text that is not empty, 0 where there is none.
std::size_t utf8_length(std::string_view text);

/// What a cell can hold besides a finite number.
enum class OddKind { text, empty, missing, infinite, too_large };

/// A cell without a finite number, for messages about it.
struct OddCell {
  OddKind kind = OddKind::empty;
  Index row = 0;     ///< from 0, of the data rows
  long line = 0;     ///< in a CSV file; 0 for others
  std::string text;  ///< as it stands in the file
};

/// The cells of a column that hold no finite number.
struct OddCells {
  struct Group {
    Index count = 0;
    OddCell first;
  };
  Group text;
  Group missing;   ///< empty, NA, NaN, null, ?, ...
  Group infinite;  ///< infinities, and numbers beyond the range of float64

  /// What to do where the first text is a number written in another way, or where a converter says
  /// that the text is no category; otherwise empty.
  std::string advice;

  void add(OddCell cell);
};

/// A table as its file holds it: numbers, and an account of the cells that are none.
struct RawTable {
  std::string file;  ///< for messages
  std::vector<std::string> names;
  bool has_names = false;     ///< otherwise names are "x0", "x1", ...
  Matrix values;              ///< NaN where the cell holds no finite number
  std::vector<OddCells> odd;  ///< a column
  std::vector<long> lines;    ///< of each row in a CSV file; empty for others

  /// Where a row is, as in "line 7" or "row 5".
  std::string place(Index row) const;

  /// Throws FileError about one cell: its place and column, then `what`.
  [[noreturn]] void fail(const OddCell& cell, Index column, const Message& what) const;

  struct Found {
    Index column;
    const OddCell* cell;
  };
  /// The first cell of a group, such as &OddCells::text, in some columns.
  std::optional<Found> first_odd(OddCells::Group OddCells::*group,
                                 const std::vector<Index>& columns) const;

  /// All columns, by number.
  std::vector<Index> all_columns() const;
};

/// "is empty" or "is 'NA'", with the reason where that does not say it all.
std::string description(const OddCell& cell);

/// The cells of one column as text.
struct TextColumn {
  std::vector<std::string> values;  ///< the different ones, in the order of their appearance
  std::vector<Index> codes;         ///< position in values, a row; -1 where the cell is missing
};

/// An opened data file. The bytes of a text are kept, so that some columns can be read again as
/// text; those of an NPY file are not.
class DataFile {
 public:
  /// "-" is standard input, "FILE.npz:NAME" an array of an archive. Throws FileError.
  explicit DataFile(const std::string& path, const TableOptions& options = {});

  /// The file's name for messages.
  const std::string& name() const { return file_; }

  RawTable read(Wanted wanted) const;

  /// These columns of a file that names its columns as text, in the given order.
  std::vector<TextColumn> read_text(const std::vector<Index>& columns) const;

 private:
  std::string file_;
  std::string array_;
  std::string content_;
  bool is_npy_file_ = false;   ///< then content_ is empty
  bool is_converted_ = false;  ///< content_ is what a TableConverter made of it
  TableOptions options_;
};

RawTable parse_csv(std::string_view content, const std::string& file, const TableOptions& options);
std::vector<TextColumn> parse_csv_text(std::string_view content, const std::string& file,
                                       const TableOptions& options,
                                       const std::vector<Index>& columns);

/// The same for what a TableConverter made of a file. Rows have no lines.
RawTable parse_converted(std::string_view content, const std::string& file);
std::vector<TextColumn> parse_converted_text(std::string_view content, const std::string& file,
                                             const std::vector<Index>& columns);

/// "a Parquet file", "an Arrow file" or "an Arrow stream"; empty for any other content.
std::string_view columnar_kind(std::string_view content);

/// What the TableConverter that is set makes of such a content. Throws FileError where none is.
std::string converted(std::string_view content, const std::string& file);

bool is_gzip(std::string_view content);

/// What gzip compressed, members one after the other. Throws FileError for data that is damaged or
/// cut off, and std::bad_alloc where it does not fit into memory.
std::string decompressed(std::string_view content, const std::string& file);

/// Everything an NPY file says before its numbers.
struct NpyHeader {
  char kind = 'f';             ///< 'f' float, 'i' signed, 'u' unsigned, 'b' bool
  std::size_t item_bytes = 8;  ///< bytes of one number
  bool big_endian = false;
  bool fortran_order = false;        ///< columns, not rows, lie together
  std::vector<std::uint64_t> shape;  ///< one extent per dimension
  std::size_t data_offset = 0;       ///< where the numbers start

  bool fits(Wanted wanted) const;
};

bool is_npy(std::string_view content);
bool is_npz(std::string_view content);

/// Reads the header; content may stop anywhere after it.
NpyHeader parse_npy_header(std::string_view content, const std::string& file);

/// Reads an array that fits what is wanted; a 1-D array becomes one column. Numbers may be NaN or
/// infinite.
Matrix parse_npy(std::string_view content, const std::string& file, Wanted wanted);

/// Whether an ordinary file ("-" is none) starts as an NPY array does. Throws FileError where it
/// cannot be read.
bool is_npy_file(const std::string& path);

/// Reads an ordinary file as parse_npy does, block by block: beyond the matrix it takes no memory
/// that grows with the file.
Matrix read_npy(const std::string& path, Wanted wanted);

/// What stands before the numbers of a row-major float64 array in an NPY file of format 1.0.
std::string npy_header(const std::vector<Index>& shape);

/// Names of the arrays in an NPZ archive, in its order.
std::vector<std::string> npz_names(std::string_view content, const std::string& file);

/// Reads one array of an NPZ archive: the named one, or with an empty name the only fitting one.
Matrix parse_npz(std::string_view content, const std::string& file, const std::string& name,
                 Wanted wanted);

}  // namespace lodestone::io
