#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <utility>

#include "lodestone/dataset.hpp"
#include "lodestone/error.hpp"
#include "lodestone/nearest_name.hpp"
#include "lodestone/table.hpp"

namespace lodestone {
namespace {

std::optional<Index> column_number(const std::string& text) {
  Index value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string list_names(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t j = 0; j < names.size(); ++j) {
    if (j == 12) return list + fmt::format(", ... ({} in all)", names.size());
    list += (j == 0 ? "" : ", ") + names[j];
  }
  return list;
}

}  // namespace

Dataset read_dataset(const std::string& path, const std::string& target,
                     std::optional<char> delimiter) {
  TableOptions options;
  options.delimiter = delimiter;
  Table table = read_table(path, options);
  const std::string source = path == "-" ? "standard input" : path;
  Dataset data;

  const auto found = std::find(table.names.begin(), table.names.end(), target);
  std::optional<Index> column;
  if (found != table.names.end()) column = found - table.names.begin();
  if (!column && !target.empty()) {
    column = column_number(target);
    if (column && (*column < 0 || *column >= table.values.cols())) {
      throw InvalidArgument(
          "target", target,
          fmt::format("column numbers of {} go from 0 to {}", source, table.values.cols() - 1));
    }
  }
  if (column) {
    if (table.values.cols() < 2) {
      throw FileError(source, "has one column only; a target and at least one input are needed");
    }
    data.target = table.names[static_cast<std::size_t>(*column)];
    data.y = table.values.col(*column);
    data.X.resize(table.values.rows(), table.values.cols() - 1);
    data.X.leftCols(*column) = table.values.leftCols(*column);
    data.X.rightCols(data.X.cols() - *column) = table.values.rightCols(data.X.cols() - *column);
    table.names.erase(table.names.begin() + *column);
    data.columns = std::move(table.names);
    return data;
  }
  // A second file, or an array of an NPZ file as FILE.npz:NAME.
  const std::string file = target.substr(0, target.rfind(':'));
  if (!target.empty() &&
      (std::filesystem::is_regular_file(target) || std::filesystem::is_regular_file(file))) {
    data.y = read_vector(target);
    data.target = "target";
    data.X = std::move(table.values);
    data.columns = std::move(table.names);
    if (data.y.size() != data.X.rows()) {
      throw FileError(target, fmt::format("holds {} values, but {} has {} rows", data.y.size(),
                                          source, data.X.rows()));
    }
    return data;
  }
  const std::string nearest = nearest_name(target, {table.names.begin(), table.names.end()});
  throw InvalidArgument(
      "target", target.empty() ? "nothing" : fmt::format("'{}'", target),
      fmt::format("no such column in {}{}; its columns are {}", source,
                  nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest),
                  list_names(table.names)));
}

}  // namespace lodestone
