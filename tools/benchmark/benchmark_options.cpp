#include "benchmark/benchmark_options.hpp"

#include <fmt/ranges.h>

#include "io/config/option_makers.hpp"
#include "io/name_list.hpp"

namespace lodestone {

std::vector<Option> bench_options(BenchmarkOptions& o) {
  Option size{"size",
              Option::Kind::text,
              "n,d,m",
              "Rows, columns and neurons of the steps on rows, d and m >= 1, n >= d + 2 [several "
              "sizes]",
              {},
              {}};
  size.set = [&o](const std::string& given) {
    std::vector<Index> numbers;
    for (const std::string& item : io::split_names(given).value_or(std::vector<std::string>())) {
      numbers.push_back(io::parse<Index>("size", item));
    }
    if (numbers.size() != 3) {
      throw InvalidArgument("size", "'" + given + "'", "must be three numbers n,d,m");
    }
    o.sizes = {{numbers[0], numbers[1], numbers[2]}};
  };
  size.get = [] { return std::string(); };
  Option precision{"precision", Option::Kind::text,
                   "KIND",      "Of the steps on rows: float64, float32 or both [float64]",
                   {},          {}};
  precision.set = [&o](const std::string& given) {
    o.precisions = given == "both" ? std::vector<std::string>{"float64", "float32"}
                                   : std::vector<std::string>{given};
  };
  precision.get = [] { return std::string(); };
  return {
      io::names("case", "NAME,NAME",
                fmt::format("Only these [all: {}]", fmt::join(benchmark_cases(), ", ")), o.cases),
      size,
      precision,
      io::number("seconds", "S",
                 "Time for each case, > 0; every line is measured three times at least "
                 "[4]",
                 o.seconds),
  };
}

}  // namespace lodestone
