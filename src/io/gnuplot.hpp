#pragma once

#include <filesystem>
#include <string>

namespace lodestone::io {

/// What gnuplot made of a script.
struct Drawing {
  bool installed = true;  ///< whether there is a gnuplot to run
  std::string svg;        ///< what it wrote to standard output; empty when it failed
};

/// Runs `gnuplot SCRIPT` in a folder, SCRIPT relative to it, and waits for it. What it says on
/// standard error is dropped. Throws Error when the system cannot start programs at all.
Drawing draw(const std::filesystem::path& folder, const std::string& script);

}  // namespace lodestone::io
