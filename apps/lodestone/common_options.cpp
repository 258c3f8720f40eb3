#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <filesystem>

#include "lodestone/core/error.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/io/file.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

Option flag(const std::string& name, const std::string& help, bool& field) {
  Option option = flag_option(name, help, field);
  option.get = [] { return std::string(); };
  option.changes_on_resume = true;
  return option;
}

}  // namespace

std::vector<Option> CommonOptions::table(const std::string& out_value, const std::string& out_help,
                                         const std::string& json_help) {
  const auto unrecorded = [] { return std::string(); };
  Option out_option{"out", Option::Kind::text, out_value, out_help, {}, unrecorded};
  out_option.set = [this](const std::string& text) { out = text; };
  Option threads_option{"threads", Option::Kind::number,
                        "N",       "Number of threads, >= 1 [all processors]",
                        {},        unrecorded};
  threads_option.changes_on_resume = true;
  threads_option.set = [this](const std::string& text) {
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), threads);
    if (status != std::errc() || end != text.data() + text.size()) {
      throw InvalidArgument("threads", "'" + text + "'", "must be a whole number");
    }
    threads_given_ = true;
  };
  return {
      out_option, threads_option, flag("overwrite", "Replace what --out already holds", overwrite),
      flag("quiet", "Say nothing", quiet),
      flag("json", "Print " + json_help + " as JSON, and nothing else, to standard output", json)};
}

void CommonOptions::apply() const {
  if (threads_given_) set_threads(threads);
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

void say(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void refuse_existing(const std::string& file, bool overwrite) {
  if (file != "-" && !overwrite && std::filesystem::is_regular_file(file)) {
    throw FileError(file, "exists; use --overwrite to replace it, or another --out");
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
