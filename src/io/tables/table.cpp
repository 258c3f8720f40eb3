#include "lodestone/model/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <new>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"

namespace lodestone {
namespace {

using io::DataFile;
using io::OddCells;
using io::OddKind;
using io::RawTable;
using io::Wanted;

std::string file_name(const std::string& path) { return path == "-" ? "standard input" : path; }

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

void check_values(const Matrix& values) {
  if (values.size() == 0) {
    throw InvalidArgument("values", fmt::format("{} × {}", values.rows(), values.cols()),
                          "at least one row and one column are needed");
  }
  for (Index row = 0; row < values.rows(); ++row) {
    for (Index column = 0; column < values.cols(); ++column) {
      if (std::isfinite(values(row, column))) continue;
      throw InvalidArgument(
          "values",
          fmt::format("{} in row {}, column {} (counted from 0)", values(row, column), row, column),
          "all must be finite");
    }
  }
}

/// Quotes a name that could be taken apart or trimmed on reading, as a byte order mark would be.
void append_name(std::string& content, const std::string& name) {
  const bool plain = name.find_first_of(",;\t|\"\r\n") == std::string::npos && !name.empty() &&
                     name.front() != ' ' && name.back() != ' ' && !name.starts_with("\xEF\xBB\xBF");
  if (plain) {
    content += name;
    return;
  }
  content += '"';
  for (const char c : name) {
    content += c;
    if (c == '"') content += c;
  }
  content += '"';
}

/// Runs a reader; a file that is larger than the memory is the file's trouble.
template <class Read>
auto within_memory(const std::string& file, const Read& read) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    throw FileError(file, "does not fit into memory; use fewer rows");
  } catch (const std::length_error&) {
    throw FileError(file, "does not fit into memory; use fewer rows");
  }
}

void refuse_odd_cells(const RawTable& table) {
  std::optional<RawTable::Found> first;
  for (const auto group : {&OddCells::text, &OddCells::missing, &OddCells::infinite}) {
    const auto found = table.first_odd(group, table.all_columns());
    if (found && (!first || std::pair(found->cell->row, found->column) <
                                std::pair(first->cell->row, first->column))) {
      first = found;
    }
  }
  if (!first) return;
  std::string advice = "missing and infinite values are not accepted; remove these rows";
  if (first->cell->kind == OddKind::too_large) advice = "use numbers below 1e308";
  if (first->cell->kind == OddKind::text) {
    advice = table.odd[static_cast<std::size_t>(first->column)].advice;
    if (advice.empty()) advice = "code the text as numbers or remove this column";
  }
  table.fail(*first->cell, first->column, fmt::format("{}; {}", description(*first->cell), advice));
}

}  // namespace

namespace io {

void OddCells::add(OddCell cell) {
  const bool is_text = cell.kind == OddKind::text;
  const bool is_missing = cell.kind == OddKind::empty || cell.kind == OddKind::missing;
  Group& group = is_text ? text : is_missing ? missing : infinite;
  if (group.count++ == 0) group.first = std::move(cell);
}

std::string description(const OddCell& cell) {
  switch (cell.kind) {
    case OddKind::empty:
      return "is empty";
    case OddKind::missing:
    case OddKind::infinite:
      return "is " + shown(cell.text);
    case OddKind::too_large:
      return fmt::format("is {}, beyond the range of float64", shown(cell.text));
    case OddKind::text:
      return fmt::format("is {}, not a number", shown(cell.text));
  }
  return {};
}

std::string RawTable::place(Index row) const {
  return lines.empty() ? fmt::format("row {} (counted from 0)", row)
                       : fmt::format("line {}", lines[static_cast<std::size_t>(row)]);
}

void RawTable::fail(const OddCell& cell, Index column, const Message& what) const {
  if (!has_names) {
    throw FileError(file,
                    fmt::format("row {}, column {} (counted from 0) ", cell.row, column) + what);
  }
  const std::string named =
      fmt::format("column {} ", shown(names[static_cast<std::size_t>(column)]));
  if (cell.line == 0) {
    throw FileError(file, fmt::format("row {} (counted from 0), ", cell.row) + named + what);
  }
  throw FileError(file, cell.line, named + what);
}

std::optional<RawTable::Found> RawTable::first_odd(OddCells::Group OddCells::*group,
                                                   const std::vector<Index>& columns) const {
  std::optional<Found> first;
  for (const Index column : columns) {
    const OddCells::Group& cells = odd[static_cast<std::size_t>(column)].*group;
    if (cells.count > 0 && (!first || cells.first.row < first->cell->row)) {
      first = {column, &cells.first};
    }
  }
  return first;
}

std::vector<Index> RawTable::all_columns() const {
  std::vector<Index> columns(odd.size());
  std::iota(columns.begin(), columns.end(), Index{0});
  return columns;
}

DataFile::DataFile(const std::string& path, const TableOptions& options)
    : file_(file_name(path)), options_(options) {
  within_memory(file_, [&] {
    // A file's own name may hold colons, so one that exists as given wins.
    if (path != "-" && !exists(path)) {
      for (auto colon = path.rfind(':'); colon != std::string::npos && colon > 0;
           colon = path.rfind(':', colon - 1)) {
        if (!exists(path.substr(0, colon))) continue;
        file_ = path.substr(0, colon);
        array_ = path.substr(colon + 1);
        content_ = read_file(file_);
        if (array_.empty()) throw FileError(path, "no array name after ':'; add it");
        if (!is_npz(content_)) {
          throw FileError(
              file_,
              fmt::format("is no NPZ archive, so :{} chooses nothing; leave it out", array_));
        }
        return;
      }
    }
    is_npy_file_ = path != "-" && is_npy_file(path);
    if (!is_npy_file_) content_ = read_file(path);
    if (is_gzip(content_)) content_ = decompressed(content_, file_);
    is_converted_ = !columnar_kind(content_).empty();
    if (is_converted_) content_ = converted(content_, file_);
  });
}

RawTable DataFile::read(Wanted wanted) const {
  return within_memory(file_, [&] {
    const bool archive = is_npz(content_);
    RawTable table;
    if (!archive && !is_npy_file_ && !is_npy(content_)) {
      table =
          is_converted_ ? parse_converted(content_, file_) : parse_csv(content_, file_, options_);
      if (wanted == Wanted::vector && table.values.cols() != 1) {
        const std::string what =
            fmt::format("the file has {} columns; give one column of numbers", table.values.cols());
        throw is_converted_ ? FileError(file_, what) : FileError(file_, 1, what);
      }
      return table;
    }
    table.file = file_;
    table.values = archive        ? parse_npz(content_, file_, array_, wanted)
                   : is_npy_file_ ? read_npy(file_, wanted)
                                  : parse_npy(content_, file_, wanted);
    table.odd.resize(static_cast<std::size_t>(table.values.cols()));
    for (Index column = 0; column < table.values.cols(); ++column) {
      table.names.push_back(fmt::format("x{}", column));
    }
    for (Index row = 0; row < table.values.rows(); ++row) {
      for (Index column = 0; column < table.values.cols(); ++column) {
        double& value = table.values(row, column);
        if (std::isfinite(value)) continue;
        const OddKind kind = std::isnan(value) ? OddKind::missing : OddKind::infinite;
        table.odd[static_cast<std::size_t>(column)].add(
            {kind, row, 0, kind == OddKind::missing ? "nan" : fmt::format("{}", value)});
        value = std::numeric_limits<double>::quiet_NaN();
      }
    }
    return table;
  });
}

std::vector<TextColumn> DataFile::read_text(const std::vector<Index>& columns) const {
  return within_memory(file_, [&] {
    return is_converted_ ? parse_converted_text(content_, file_, columns)
                         : parse_csv_text(content_, file_, options_, columns);
  });
}

}  // namespace io

Table read_table(const std::string& path, const TableOptions& options) {
  RawTable raw = DataFile(path, options).read(Wanted::table);
  refuse_odd_cells(raw);
  return {std::move(raw.names), std::move(raw.values), raw.has_names};
}

Vector read_vector(const std::string& path) {
  const RawTable raw = DataFile(path).read(Wanted::vector);
  refuse_odd_cells(raw);
  return Eigen::Map<const Vector>(raw.values.data(), raw.values.size());
}

void write_csv(const std::string& path, const Table& table) {
  check_values(table.values);
  const Index columns = table.values.cols();
  if (static_cast<Index>(table.names.size()) != columns) {
    throw InvalidArgument("names", std::to_string(table.names.size()),
                          fmt::format("one for each of the {} columns is needed", columns));
  }
  std::string content;
  for (Index column = 0; column < columns; ++column) {
    if (column > 0) content += ',';
    append_name(content, table.names[static_cast<std::size_t>(column)]);
  }
  content += '\n';
  char number[32];
  for (Index row = 0; row < table.values.rows(); ++row) {
    for (Index column = 0; column < columns; ++column) {
      if (column > 0) content += ',';
      const auto result = std::to_chars(number, number + sizeof number, table.values(row, column));
      content.append(number, result.ptr);
    }
    content += '\n';
  }
  write_file_atomically(path, content);
}

void write_npy(const std::string& path, const Matrix& values) {
  check_values(values);
  std::string content = io::npy_header({values.rows(), values.cols()});
  content.append(reinterpret_cast<const char*>(values.data()),
                 static_cast<std::size_t>(values.size()) * sizeof(double));
  write_file_atomically(path, content);
}

}  // namespace lodestone
