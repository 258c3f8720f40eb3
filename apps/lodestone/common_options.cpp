#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "io/config/option_makers.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/io/file.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

// How and where to work is no part of a run's configuration.
Option unrecorded(Option option) {
  option.get = [] { return std::string(); };
  return option;
}

}  // namespace

std::vector<Option> CommonOptions::table(Option out_record, const std::string& printed) {
  out_record.name = "out";
  Option threads_option = io::number(
      {.name = "threads", .value = "N", .help = "Number of threads", .range = thread_range},
      threads);
  threads_option.default_value.clear();
  threads_option.default_note = "all processors";
  std::vector<Option> options = io::grouped(
      "Run",
      {io::text(std::move(out_record), out), threads_option,
       flag_option({.name = "overwrite", .help = "Replace what {out} already holds"}, overwrite),
       flag_option({.name = "quiet", .help = "Say nothing"}, quiet),
       flag_option({.name = "json",
                    .help = "Print " + printed + " as JSON, and nothing else, to standard output"},
                   json)});
  for (Option& option : options) {
    option = unrecorded(std::move(option));
    option.changes_on_resume = option.name != "out";
  }
  return options;
}

void CommonOptions::apply() const {
  if (threads != 0) set_threads(threads);
}

void CommonOptions::report(const std::string& as_json, const std::string& text) const {
  if (!out.empty()) write_file_atomically(out, as_json);
  if (json) {
    print(as_json);
  } else if (!quiet) {
    print(text);
    if (!out.empty()) print(fmt::format("everything is in {}\n", out));
  }
}

ExitStatus exit_status(Status status) {
  switch (status) {
    case Status::converged:
      return done;
    case Status::budget:
      return stopped_by_budget;
    case Status::interrupted:
      return interrupted;
    case Status::diverged:
      return numerical_breakdown;
  }
  return done;
}

void say(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void refuse_existing(const std::string& file, bool overwrite) {
  if (file != "-" && !overwrite && std::filesystem::is_regular_file(file)) {
    throw FileError(file,
                    Message::pattern("exists; use {overwrite} to replace it, or another {out}"));
  }
}

void write_table(const std::string& file, const Table& table) {
  if (std::filesystem::path(file).extension() == ".npy") {
    write_npy(file, table.values);
  } else {
    write_csv(file, table);
  }
}

}  // namespace lodestone::app
