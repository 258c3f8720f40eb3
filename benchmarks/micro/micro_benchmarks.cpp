// Wall time of the innermost computations, one by one, on one thread (benchmarks/README.md).

#include <benchmark/benchmark.h>

#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "cases.hpp"
#include "lodestone/core/parallel.hpp"

namespace {

using lodestone::Index;
using lodestone::Precision;
using lodestone::SampleSize;
using lodestone::micro::Case;

void run(benchmark::State& state, const Case& measured) {
  std::function<void()> body;
  try {
    body = measured.prepare();
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
    return;
  }
  for (auto _ : state) {
    body();
    benchmark::ClobberMemory();
  }
  if (measured.flops > 0.0) {
    state.counters["flops"] =
        benchmark::Counter(measured.flops, benchmark::Counter::kIsIterationInvariantRate);
  }
}

std::vector<Case> cases() {
  using namespace lodestone::micro;
  constexpr SampleSize small = {1000, 10, 32};
  constexpr SampleSize large = {20000, 50, 100};
  std::vector<Case> result;
  for (const auto& [label, size] : {std::pair{"small", small}, std::pair{"large", large}}) {
    for (const Precision precision : {Precision::float64, Precision::float32}) {
      const std::string suffix = std::string("/") + name(precision) + "/" + label;
      result.push_back(sample_step("sample_step" + suffix, size, precision, false));
      result.push_back(sample_step("sample_step_with_biases" + suffix, size, precision, true));
      result.push_back(correlation("correlation" + suffix, size, 1000, precision));
    }
  }
  for (const Index m : {200, 1000}) {
    result.push_back(population_step("population_step/" + std::to_string(m), m));
  }
  result.push_back(predict("predict/8_features", {20000, 50, 8}));
  result.push_back(predict("predict/100_features", {20000, 50, 100}));
  result.push_back(certificate_ascent("certificate_ascent", small, 100));
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  lodestone::set_threads(1);
  benchmark::AddCustomContext("instruction set", lodestone::micro::instruction_set());
  for (const Case& measured : cases()) {
    benchmark::RegisterBenchmark(measured.name.c_str(), [measured](benchmark::State& state) {
      run(state, measured);
    })->Unit(benchmark::kMicrosecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
