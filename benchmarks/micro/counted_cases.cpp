// The computations whose instructions benchmarks/instruction_counts.py has counted: without an
// argument a JSON object that names them and what they were built with, with a case's name one run
// of it inside counted_region.

#include <fmt/core.h>
#include <oneapi/tbb/version.h>

#include <Eigen/Core>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "cases.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/train/algorithm1.hpp"

// What is counted, by this name: callgrind's --toggle-collect.
extern "C" __attribute__((noinline)) void counted_region(const std::function<void()>& body) {
  body();
  // Keeps the call above from being the last thing, hence from being a jump.
  asm volatile("" ::: "memory");
}

namespace {

using namespace lodestone;
using micro::Case;

Teacher teacher_of(Index d, Index k) {
  RandomTeacher options;
  options.d = d;
  options.k = k;
  options.r = k;
  return draw_teacher(options);
}

// A budget of steps, not a tolerance, ends it: the last bit of a sum does not change its length.
Case population_training() {
  return {"population_training", 0.0,
          [] {
            const auto objective = std::make_shared<PopulationObjective>(teacher_of(10, 2));
            return [=] {
              Algorithm1Options options;
              options.width = 40;
              options.max_steps = 100;
              options.tolerance = 0.0;
              Algorithm1State state;
              run_algorithm1(*objective, options, state);
            };
          },
          false};
}

Case small_fit() {
  return {"fit", 0.0,
          [] {
            const Dataset rows = draw_samples(teacher_of(4, 2), 120, 0.1, 0);
            return [=] {
              FitOptions options;
              options.path.lambdas = 3;
              options.path.lambda_ratio = 0.2;
              options.folds = 2;
              fit(rows, std::nullopt, options);
            };
          },
          false};
}

std::vector<Case> cases() {
  constexpr SampleSize size = {2000, 20, 64};
  return {
      micro::sample_step("sample_step_float64", size, Precision::float64, false),
      micro::sample_step("sample_step_float32", size, Precision::float32, false),
      micro::sample_step("sample_step_with_biases", size, Precision::float64, true),
      micro::correlation("correlation_float64", size, 200, Precision::float64),
      micro::correlation("correlation_float32", size, 200, Precision::float32),
      micro::population_step("population_step", 200),
      micro::predict("predict", {2000, 20, 8}),
      micro::certificate_ascent("certificate_ascent", {500, 5, 8}, 20),
      population_training(),
      small_fit(),
  };
}

// All that may change a count without a change of this source.
nlohmann::ordered_json built_with() {
  nlohmann::ordered_json result = {
      {"compiler", LODESTONE_COMPILER},
      {"flags", LODESTONE_COMPILER_FLAGS},
      {"instruction_set", micro::instruction_set()},
      {"highway", LODESTONE_HIGHWAY},
      {"eigen",
       fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION)},
      {"tbb", TBB_runtime_version()},
  };
#ifdef __GLIBC__
  result["glibc"] = gnu_get_libc_version();
#endif
#ifdef __GLIBCXX__
  result["libstdc++"] = std::to_string(__GLIBCXX__);
#endif
  return result;
}

int run(const std::vector<std::string>& arguments) {
  set_threads(1);
  const std::vector<Case> known = cases();
  if (arguments.empty()) {
    std::vector<std::string> names;
    for (const Case& one : known) names.push_back(one.name);
    const nlohmann::ordered_json about = {{"cases", names}, {"built_with", built_with()}};
    std::puts(about.dump(2).c_str());
    return 0;
  }
  for (const Case& one : known) {
    if (one.name != arguments.front()) continue;
    const std::function<void()> body = one.prepare();
    if (one.warm_up) body();
    counted_region(body);
    return 0;
  }
  fmt::print(stderr, "no case '{}': without an argument this program lists them\n",
             arguments.front());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
