#include "io/figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace lodestone {
namespace {

// gnuplot commands in front of every figure: columns by name, colours that colour-blind readers
// tell apart, and how clouds of dots are thinned so that pages stay small: to about two thousand,
// by an odd stride, because kinds of dots alternate.
constexpr std::string_view figure_style =
    R"(set datafile separator ","
set datafile columnheaders
set linetype 1 lc rgb "#0072b2" lw 2.5 pt 7 ps 0.5
set linetype 2 lc rgb "#d55e00" lw 2.5 pt 7 ps 0.5
set linetype 3 lc rgb "#009e73" lw 2.5 pt 7 ps 0.5
set linetype 4 lc rgb "#cc79a7" lw 2.5 pt 7 ps 0.5
set linetype 5 lc rgb "#e69f00" lw 2.5 pt 7 ps 0.5
set linetype 6 lc rgb "#56b4e9" lw 2.5 pt 7 ps 0.5
set linetype 7 lc rgb "#666666" lw 2.5 pt 7 ps 0.5
set linetype cycle 7
set grid back lc rgb "#dddddd" lt 1 lw 1
set key top right Left reverse samplen 2
set tics nomirror
set border 3 lc rgb "#666666"
odd_stride(records) = 1 + 2 * (int(records) / 4000)
)";

}  // namespace

namespace io {

std::string id_prefix(const std::string& name) {
  std::string prefix = name;
  std::replace_if(
      prefix.begin(), prefix.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return prefix;
}

}  // namespace io

std::string table_csv(const DataTable& table) {
  std::string text;
  for (const DataTable::Column& column : table.columns) {
    text += (text.empty() ? "" : ",") + column.name;
  }
  text += "\n";
  for (const std::vector<double>& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ",";
      if (!std::isnan(row[i])) text += fmt::format("{}", row[i]);
    }
    text += "\n";
  }
  return text;
}

std::string figure_script(const Figure& figure) {
  return fmt::format(
      "# {0}\n# Draw again, in the folder that holds data/: gnuplot data/{1}.gp > figures/{1}.svg\n"
      "set terminal svg size 760,460 dynamic font \"sans-serif,14\" background \"white\" "
      "name \"{2}\"\n{3}{4}",
      figure.caption, figure.name, io::id_prefix(figure.name), figure_style, figure.commands);
}

}  // namespace lodestone
