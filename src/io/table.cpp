#include "lodestone/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <new>
#include <stdexcept>

#include "io/formats.hpp"
#include "lodestone/error.hpp"
#include "lodestone/file.hpp"

namespace lodestone {
namespace {

using io::Wanted;

/// A file's bytes, with its name for errors and the array chosen by "FILE.npz:NAME".
struct Source {
  std::string file;
  std::string array;
  std::string content;
};

std::string file_name(const std::string& path) { return path == "-" ? "standard input" : path; }

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

Source open_source(const std::string& path) {
  if (path == "-") return {file_name(path), "", read_file(path)};
  // A file's own name may hold colons, so one that exists as given wins.
  if (!exists(path)) {
    for (auto colon = path.rfind(':'); colon != std::string::npos && colon > 0;
         colon = path.rfind(':', colon - 1)) {
      const std::string file = path.substr(0, colon);
      if (!exists(file)) continue;
      Source source{file, path.substr(colon + 1), read_file(file)};
      if (source.array.empty()) throw FileError(path, "no array name after ':'; add it");
      if (!io::is_npz(source.content)) {
        throw FileError(file, fmt::format("is no NPZ archive, so :{} chooses nothing; leave it out",
                                          source.array));
      }
      return source;
    }
  }
  return {path, "", read_file(path)};
}

/// Reads a table of any kind. Arrays have no column names yet.
Table read_any(const std::string& path, const TableOptions& options, Wanted wanted) {
  try {
    const Source source = open_source(path);
    if (io::is_npz(source.content)) {
      return {{}, io::parse_npz(source.content, source.file, source.array, wanted)};
    }
    if (io::is_npy(source.content)) {
      return {{}, io::parse_npy(source.content, source.file, wanted)};
    }
    return io::parse_csv(source.content, source.file, options);
  } catch (const std::bad_alloc&) {
    throw FileError(file_name(path), "does not fit into memory; use fewer rows");
  } catch (const std::length_error&) {
    throw FileError(file_name(path), "does not fit into memory; use fewer rows");
  }
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

/// Quotes a name that could be taken apart or trimmed on reading.
void append_name(std::string& content, const std::string& name) {
  const bool plain = name.find_first_of(",;\t|\"\r\n") == std::string::npos && !name.empty() &&
                     name.front() != ' ' && name.back() != ' ';
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

}  // namespace

Table read_table(const std::string& path, const TableOptions& options) {
  Table table = read_any(path, options, Wanted::table);
  if (!table.has_names) {
    for (Index column = 0; column < table.values.cols(); ++column) {
      table.names.push_back(fmt::format("x{}", column));
    }
  }
  return table;
}

Vector read_vector(const std::string& path) {
  const Table table = read_any(path, {}, Wanted::vector);
  if (table.has_names && table.values.cols() != 1) {
    throw FileError(
        path, 1,
        fmt::format("the file has {} columns; give one column of numbers", table.values.cols()));
  }
  return Eigen::Map<const Vector>(table.values.data(), table.values.size());
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
  constexpr std::size_t alignment = 64;  // of the first number, as numpy does
  constexpr std::string_view start("\x93NUMPY\x01\x00", 8);
  constexpr std::size_t length_bytes = 2;
  std::string dictionary = fmt::format(
      "{{'descr': '{}f8', 'fortran_order': False, 'shape': ({}, {}), }}",
      std::endian::native == std::endian::little ? '<' : '>', values.rows(), values.cols());
  const std::size_t used = start.size() + length_bytes + dictionary.size() + 1;
  dictionary.append((alignment - used % alignment) % alignment, ' ');
  dictionary += '\n';
  const std::size_t data_bytes = static_cast<std::size_t>(values.size()) * sizeof(double);
  std::string content;
  content.reserve(start.size() + length_bytes + dictionary.size() + data_bytes);
  content += start;
  content += static_cast<char>(dictionary.size() % 256);
  content += static_cast<char>(dictionary.size() / 256);
  content += dictionary;
  content.append(reinterpret_cast<const char*>(values.data()), data_bytes);
  write_file_atomically(path, content);
}

}  // namespace lodestone
