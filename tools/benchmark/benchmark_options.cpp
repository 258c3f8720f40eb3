#include "benchmark/benchmark_options.hpp"

#include <fmt/ranges.h>

#include "io/config/option_makers.hpp"
#include "io/name_list.hpp"

namespace lodestone {

std::vector<Option> bench_options(BenchmarkOptions& o) {
  const auto unrecorded = [] { return std::string(); };
  return io::grouped(
      "Measurements",
      {io::names({.name = "case",
                  .value = "NAME,NAME",
                  .help = "Only these",
                  .default_note = fmt::format("all: {}", fmt::join(benchmark_cases(), ", "))},
                 o.cases),
       io::bound(
           {.name = "size",
            .value = "n,d,m",
            .help = "Rows, columns and neurons of the steps on rows, d and m >= 1, n >= d + 2",
            .default_note = "several sizes"},
           [&o](const std::string& given) {
             std::vector<Index> numbers;
             for (const std::string& item :
                  io::split_names(given).value_or(std::vector<std::string>())) {
               numbers.push_back(io::parse<Index>("size", item));
             }
             if (numbers.size() != 3) {
               throw InvalidArgument("size", "'" + given + "'", "must be three numbers n,d,m");
             }
             o.sizes = {{numbers[0], numbers[1], numbers[2]}};
           },
           unrecorded),
       io::bound(
           {.name = "precision",
            .value = "KIND",
            .choices = {"float64", "float32", "both"},
            .help = "Of the steps on rows: float64, float32 or both",
            .default_note = "float64"},
           [&o](const std::string& given) {
             o.precisions = given == "both" ? std::vector<std::string>{"float64", "float32"}
                                            : std::vector<std::string>{given};
           },
           unrecorded),
       io::number({.name = "seconds",
                   .value = "S",
                   .help = "Time for each case; every line is measured three times at least",
                   .range = BenchmarkOptions::Limits::seconds,
                   .unit = "seconds"},
                  o.seconds)});
}

}  // namespace lodestone
