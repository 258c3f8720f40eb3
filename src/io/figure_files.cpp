#include "io/figure_files.hpp"

#include <fmt/format.h>

#include <system_error>

#include "core/phrase.hpp"
#include "io/gnuplot.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"

namespace lodestone::io {
namespace {

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder)) {
    throw FileError(folder.string(), phrase("cannot make this folder ({}); choose another {out}",
                                            error ? error.message() : "a file is in the way"));
  }
}

}  // namespace

std::string write_figures(const std::filesystem::path& folder, const std::vector<DataTable>& tables,
                          const std::vector<Figure>& figures) {
  make_folder(folder / "data");
  make_folder(folder / "figures");
  const auto write = [&](const std::string& name, const std::string& content) {
    write_file_atomically((folder / name).string(), content);
  };
  for (const DataTable& table : tables) write("data/" + table.name + ".csv", table_csv(table));
  bool installed = true;
  std::string failed;
  for (const Figure& figure : figures) {
    const std::string script = "data/" + figure.name + ".gp";
    write(script, figure_script(figure));
    std::error_code ignored;
    std::filesystem::remove(folder / ("figures/" + figure.name + ".svg"), ignored);
    if (!installed) continue;
    const Drawing drawing = draw(folder, script);
    installed = drawing.installed;
    if (!drawing.svg.empty()) {
      write("figures/" + figure.name + ".svg", drawing.svg);
    } else if (installed) {
      failed = script;
    }
  }
  if (!installed) {
    return "gnuplot is not installed: no pictures (on Debian: apt-get install gnuplot-nox)";
  }
  return failed.empty() ? "" : fmt::format("gnuplot could not draw {}", failed);
}

}  // namespace lodestone::io
