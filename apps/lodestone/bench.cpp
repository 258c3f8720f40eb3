#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "benchmark/benchmark_options.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

std::string size_in_words(const BenchmarkMeasurement& measurement) {
  std::string text;
  for (const auto& [symbol, value] : measurement.size) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", symbol, value);
  }
  return text;
}

class Bench final : public Verb {
 public:
  explicit Bench(CLI::App& parent) {
    app = parent.add_subcommand(
        "bench",
        "How fast this machine runs the computations behind training, each checked against plain\n"
        "loops first, beside a matrix product");
    std::vector<Option> options = bench_options(options_);
    for (Option& option : common_.table({.value = "DIR",
                          .help = "Folder for bench.json",
                          .default_note = "none: results are only printed"},
                                        "bench.json")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
  }

  int run() override {
    flags_.apply();
    common_.apply();
    options_.validate();
    const std::filesystem::path file = std::filesystem::path(common_.out) / "bench.json";
    if (!common_.out.empty()) {
      refuse_existing(file, common_.overwrite);
      std::error_code error;
      std::filesystem::create_directories(common_.out, error);
      if (error) throw FileError(common_.out, error.message());
    }
    catch_interrupts();
    options_.should_stop = [] { return interrupt_requested(); };
    BenchmarkResult result;
    try {
      result = run_benchmark(options_);
    } catch (const BenchmarkMismatch& mismatch) {
      say(fmt::format("lodestone: error: {}\n", mismatch.what()));
      return numerical_breakdown;
    }
    const std::string json = benchmark_json(result);
    if (!common_.out.empty()) write_file_atomically(file, json);
    if (common_.json) {
      print(json);
    } else if (!common_.quiet) {
      print(result_text(result));
    }
    return interrupt_requested() ? interrupted : done;
  }

 private:
  static std::string result_text(const BenchmarkResult& result) {
    std::string text =
        fmt::format("  {:<11}  {:<38}  {:<9}  {:>7}  {:>10}  {:>8}  {:>13}\n", "case", "size",
                    "precision", "threads", "median ms", "GF/s", "share of peak");
    for (const BenchmarkMeasurement& one : result.measurements) {
      text += fmt::format("  {:<11}  {:<38}  {:<9}  {:>7}  {:>10.4g}  {:>8.1f}  {:>13.2f}\n",
                          one.name, size_in_words(one), one.precision, one.threads,
                          1e3 * one.median_seconds, 1e-9 * one.rate(), one.share_of_peak);
    }
    if (!result.findings.empty()) text += "\n";
    for (const BenchmarkFinding& finding : result.findings) {
      text += fmt::format("  {}: {} {:.2f}\n", finding.name, finding.quantity, finding.value);
    }
    return text;
  }

  BenchmarkOptions options_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_bench(CLI::App& parent) { return std::make_unique<Bench>(parent); }

}  // namespace lodestone::app
