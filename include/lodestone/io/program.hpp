#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lodestone {

/// What a program that was run left.
struct ProgramRun {
  int start_error = 0;  ///< the errno of what kept it from being started; 0: it ran
  int status = 0;       ///< its exit status; 128 + the signal that ended it
  std::string output;   ///< what it wrote to standard output
  std::string errors;   ///< what it wrote to standard error
};

/// Runs a program, found on PATH, with its arguments to its end. `input` is its standard input,
/// `folder` its working directory. All that is exchanged stays in memory. Throws Error where
/// there is no memory for that.
ProgramRun run_program(const std::vector<std::string>& words, std::string_view input = {},
                       const std::string& folder = ".");

}  // namespace lodestone
