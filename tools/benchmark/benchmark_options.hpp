#pragma once

#include <vector>

#include "benchmark/benchmark.hpp"
#include "lodestone/io/config/option.hpp"

namespace lodestone {

/// The options of `bench`, bound to a struct that must outlive them.
std::vector<Option> bench_options(BenchmarkOptions& options);

}  // namespace lodestone
