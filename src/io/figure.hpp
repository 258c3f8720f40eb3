#pragma once

#include <string>
#include <vector>

namespace lodestone {

/// The numbers behind a figure: data/NAME.csv.
struct DataTable {
  struct Column {
    std::string name;     ///< in lower case, without blanks and commas
    std::string meaning;  ///< for people, with its unit
  };
  std::string name;  ///< the experiment's id, or that and a dash and more
  std::vector<Column> columns;
  std::vector<std::vector<double>> rows;  ///< a number a column; NaN, an empty cell: does not apply
};

/// A picture as gnuplot draws it: figures/NAME.svg from data/NAME.gp and the tables.
struct Figure {
  std::string name;     ///< the experiment's id, or that and a dash and more
  std::string caption;  ///< what is to be seen, for a newcomer

  /// Commands of gnuplot 5, terminal and style left out (see figure_script). They read
  /// "data/NAME.csv"; the first line there names the columns.
  std::string commands;
};

/// A table as CSV with a header line and shortest round-trip numbers.
std::string table_csv(const DataTable& table);

/// A figure's commands with terminal and style in front. In the run's folder,
/// `gnuplot data/NAME.gp > figures/NAME.svg` draws it.
std::string figure_script(const Figure& figure);

namespace io {

/// The name of a figure as gnuplot takes it for the ids of elements.
std::string id_prefix(const std::string& name);

}  // namespace io

}  // namespace lodestone
