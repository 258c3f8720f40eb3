#include <nlohmann/json.hpp>

#include "benchmark/benchmark.hpp"
#include "io/json_text.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/version.hpp"

namespace lodestone {

std::string benchmark_json(const BenchmarkResult& result) {
  using Json = nlohmann::ordered_json;
  Json json = {{"lodestone", version}, {"threads", threads()}};
  Json& measurements = json["measurements"] = Json::array();
  for (const BenchmarkMeasurement& one : result.measurements) {
    Json size = Json::object();
    for (const auto& [symbol, value] : one.size) size[symbol] = value;
    measurements.push_back({{"case", one.name},
                            {"size", size},
                            {"precision", one.precision},
                            {"threads", one.threads},
                            {"repetitions", one.repetitions},
                            {"median_seconds", one.median_seconds},
                            {"gigaflops", 1e-9 * one.rate()},
                            {"share_of_peak", one.share_of_peak}});
  }
  Json& findings = json["findings"] = Json::array();
  for (const BenchmarkFinding& finding : result.findings) {
    findings.push_back(
        {{"case", finding.name}, {"quantity", finding.quantity}, {"value", finding.value}});
  }
  return io::readable(json);
}

}  // namespace lodestone
