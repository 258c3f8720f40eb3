#include "io/gnuplot.hpp"

#include <utility>

#include "lodestone/io/program.hpp"

namespace lodestone::io {

Drawing draw(const std::filesystem::path& folder, const std::string& script) {
  ProgramRun run = run_program({"gnuplot", script}, {}, folder.string());
  Drawing drawing;
  drawing.installed = run.start_error == 0;
  if (run.status == 0) drawing.svg = std::move(run.output);
  return drawing;
}

}  // namespace lodestone::io
