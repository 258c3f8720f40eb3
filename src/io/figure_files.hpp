#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/figure.hpp"

namespace lodestone::io {

/// Writes data/NAME.csv of each table, data/NAME.gp of each figure and, where gnuplot draws it,
/// figures/NAME.svg, below an existing folder. An earlier picture of that name goes. Returns what
/// to tell people about pictures that could not be drawn, or "". Throws FileError when a file
/// cannot be written.
std::string write_figures(const std::filesystem::path& folder, const std::vector<DataTable>& tables,
                          const std::vector<Figure>& figures);

}  // namespace lodestone::io
