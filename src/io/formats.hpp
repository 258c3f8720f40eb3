#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lodestone/table.hpp"

/// The readers behind read_table and read_vector. They take a file's bytes, and its name for
/// errors.
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

Table parse_csv(std::string_view content, const std::string& file, const TableOptions& options);

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

/// Reads an array that fits what is wanted; a 1-D array becomes one column.
Matrix parse_npy(std::string_view content, const std::string& file, Wanted wanted);

/// Names of the arrays in an NPZ archive, in its order.
std::vector<std::string> npz_names(std::string_view content, const std::string& file);

/// Reads one array of an NPZ archive: the named one, or with an empty name the only fitting one.
Matrix parse_npz(std::string_view content, const std::string& file, const std::string& name,
                 Wanted wanted);

}  // namespace lodestone::io
