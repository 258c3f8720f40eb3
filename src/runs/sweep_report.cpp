#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "io/figure_files.hpp"
#include "io/json_text.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/runs/sweep.hpp"
#include "lodestone/version.hpp"

namespace lodestone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double not_there = std::numeric_limits<double>::quiet_NaN();

std::vector<Json> parsed(const std::vector<SweepRecord>& records) {
  std::vector<Json> summaries;
  for (const SweepRecord& record : records) {
    Json json = record.summary.empty() ? Json() : Json::parse(record.summary, nullptr, false);
    summaries.push_back(json.is_object() ? std::move(json) : Json());
  }
  return summaries;
}

/// Of a run and its summary, if it has one here.
std::string status_of(const SweepRun& run, const Json& summary) {
  if (summary.is_object()) return summary.value("status", "");
  return run.elsewhere ? "elsewhere" : "open";
}

/// Whether a run found every direction of its teacher; nothing where there is none.
std::optional<bool> success(const Json& summary) {
  if (!summary.is_object() || !summary.contains("recovery")) return std::nullopt;
  const Json& recovery = summary.at("recovery");
  return recovery.at("recovered") == recovery.at("teachers");
}

// A cell of CSV: in quotes where it must be.
std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

/// The numbers and flags of a summary under names such as recovery.mean_angle_deg; lists left out.
void collect_numbers(const Json& json, const std::string& prefix,
                     std::vector<std::pair<std::string, std::string>>& numbers) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      collect_numbers(value, prefix + key + ".", numbers);
    } else if (value.is_number() || value.is_boolean()) {
      if (prefix.empty() && (key == "seed" || key == "threads")) continue;
      numbers.emplace_back(prefix + key, value.dump());
    }
  }
}

/// What runs of one point of the grid came to.
struct Tally {
  long runs = 0;       ///< of which it is known whether they found everything
  long successes = 0;  ///< that did
};

double share(const Tally& tally) {
  return tally.runs == 0 ? not_there
                         : static_cast<double>(tally.successes) / static_cast<double>(tally.runs);
}

std::string quoted_for_gnuplot(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string ticks(const char* axis, const SweepAxis& values) {
  std::string list;
  for (std::size_t i = 0; i < values.values.size(); ++i) {
    list += fmt::format("{}{} {}", i == 0 ? "" : ", ", quoted_for_gnuplot(values.values[i]), i);
  }
  return fmt::format("set {0}tics ({1})\nset {0}label {2} noenhanced\nset {0}tics noenhanced\n",
                     axis, list, quoted_for_gnuplot(values.key));
}

/// A phase diagram: the share of successes over one key, or two.
struct Diagram {
  std::string name;
  DataTable table;
  std::string commands;
};

Diagram one_key(const SweepPlan& plan, const std::vector<Json>& summaries, std::size_t axis) {
  const SweepAxis& x = plan.axes[axis];
  std::map<std::string, Tally> tallies;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const auto outcome = success(summaries[i]);
    if (!outcome) continue;
    Tally& tally = tallies[plan.runs[i].values[axis]];
    ++tally.runs;
    if (*outcome) ++tally.successes;
  }
  Diagram diagram;
  diagram.name = "phase-" + x.key;
  diagram.table.name = diagram.name;
  diagram.table.columns = {{"position", "place of the value on the axis"},
                           {"recovered_share", "share of runs with every teacher recovered"},
                           {"runs", "runs that came to an end"}};
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const Tally& tally = tallies[x.values[i]];
    diagram.table.rows.push_back(
        {static_cast<double>(i), share(tally), static_cast<double>(tally.runs)});
  }
  diagram.commands =
      ticks("x", x) + fmt::format(
                          "set ylabel 'share of runs with every teacher recovered'\n"
                          "set yrange [0:1.05]\nset xrange [-0.5:{}]\nunset key\n"
                          "plot 'data/{}.csv' using 1:2 with linespoints lw 2 pt 7\n",
                          static_cast<double>(x.values.size()) - 0.5, diagram.name);
  return diagram;
}

Diagram two_keys(const SweepPlan& plan, const std::vector<Json>& summaries, std::size_t first,
                 std::size_t second) {
  const SweepAxis& x = plan.axes[first];
  const SweepAxis& y = plan.axes[second];
  std::map<std::pair<std::string, std::string>, Tally> tallies;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const auto outcome = success(summaries[i]);
    if (!outcome) continue;
    Tally& tally = tallies[{plan.runs[i].values[first], plan.runs[i].values[second]}];
    ++tally.runs;
    if (*outcome) ++tally.successes;
  }
  Diagram diagram;
  diagram.name = "phase-" + x.key + "-" + y.key;
  diagram.table.name = diagram.name;
  diagram.table.columns = {{"x", "place of the value of the first key"},
                           {"y", "place of the value of the second key"},
                           {"recovered_share", "share of runs with every teacher recovered"},
                           {"runs", "runs that came to an end"}};
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    for (std::size_t j = 0; j < y.values.size(); ++j) {
      const Tally& tally = tallies[{x.values[i], y.values[j]}];
      diagram.table.rows.push_back({static_cast<double>(i), static_cast<double>(j), share(tally),
                                    static_cast<double>(tally.runs)});
    }
  }
  diagram.commands =
      ticks("x", x) + ticks("y", y) +
      fmt::format(
          "set cblabel 'share of runs with every teacher recovered'\n"
          "set cbrange [0:1]\nset xrange [-0.5:{}]\nset yrange [-0.5:{}]\nunset key\n"
          "unset grid\nset palette defined (0 '#fff3e0', 0.5 '#d55e00', 1 '#0072b2')\n"
          "set style fill solid noborder\n"
          "plot 'data/{}.csv' using 1:2:(0.5):(0.5):3 with boxxyerror lc palette\n",
          static_cast<double>(x.values.size()) - 0.5, static_cast<double>(y.values.size()) - 0.5,
          diagram.name);
  return diagram;
}

// One for a single key, otherwise one for each pair of keys; runs that differ in other keys and in
// the seed are counted together.
std::vector<Diagram> diagrams(const SweepPlan& plan, const std::vector<Json>& summaries) {
  std::vector<Diagram> result;
  if (std::none_of(summaries.begin(), summaries.end(),
                   [](const Json& summary) { return success(summary).has_value(); })) {
    return result;
  }
  if (plan.axes.size() == 1) result.push_back(one_key(plan, summaries, 0));
  for (std::size_t i = 0; i < plan.axes.size(); ++i) {
    for (std::size_t j = i + 1; j < plan.axes.size(); ++j) {
      result.push_back(two_keys(plan, summaries, i, j));
    }
  }
  return result;
}

}  // namespace

std::string sweep_csv(const SweepPlan& plan, const std::vector<SweepRecord>& records) {
  const std::vector<Json> summaries = parsed(records);
  using Numbers = std::vector<std::pair<std::string, std::string>>;
  std::vector<Numbers> numbers(summaries.size());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    if (summaries[i].is_object()) collect_numbers(summaries[i], "", numbers[i]);
    for (const auto& [name, value] : numbers[i]) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::string text;
  for (const SweepAxis& axis : plan.axes) text += cell(axis.key) + ",";
  text += "seed,status";
  for (const std::string& name : names) text += "," + name;
  text += ",message\n";
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    for (const std::string& value : plan.runs[i].values) text += cell(value) + ",";
    text += fmt::format("{},{}", plan.runs[i].seed, status_of(plan.runs[i], summaries[i]));
    const std::map<std::string, std::string> row(numbers[i].begin(), numbers[i].end());
    for (const std::string& name : names) {
      const auto value = row.find(name);
      text += "," + (value == row.end() ? "" : value->second);
    }
    text += "," + (summaries[i].is_object() ? cell(summaries[i].value("message", "")) : "") + "\n";
  }
  return text;
}

std::string sweep_summary_text(const SweepPlan& plan, const std::vector<SweepRecord>& records,
                               Status status, double seconds) {
  const std::vector<Json> summaries = parsed(records);
  Json statuses = Json::object();
  for (const char* known : {"converged", "budget", "diverged", "failed", "open", "elsewhere"}) {
    long count = 0;
    for (std::size_t i = 0; i < summaries.size(); ++i) {
      if (status_of(plan.runs[i], summaries[i]) == known) ++count;
    }
    if (count > 0) statuses[known] = count;
  }
  Json grid = Json::object();
  for (const SweepAxis& axis : plan.axes) grid[axis.key] = axis.values;

  Tally all;
  std::vector<Tally> points(plan.runs.size() / plan.seeds.size());
  double run_seconds = 0.0;
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    run_seconds += records[i].seconds;
    const auto outcome = success(summaries[i]);
    if (!outcome) continue;
    for (Tally* tally : {&all, &points[i / plan.seeds.size()]}) {
      ++tally->runs;
      if (*outcome) ++tally->successes;
    }
  }
  Json json = {{"lodestone", version},     {"command", "sweep"},   {"status", name(status)},
               {"runs", plan.runs.size()}, {"statuses", statuses}, {"grid", grid},
               {"seeds", plan.seeds},      {"seconds", seconds},   {"run_seconds", run_seconds}};
  if (!plan.shard.whole()) {
    json["shard"] = plan.shard.text();
    json["shard_runs"] = plan.shard_runs();
  }
  if (all.runs > 0) {
    json["recovered_share"] = share(all);
    Json list = Json::array();
    for (std::size_t i = 0; i < points.size(); ++i) {
      Json point = Json::object();
      for (std::size_t axis = 0; axis < plan.axes.size(); ++axis) {
        point[plan.axes[axis].key] = plan.runs[i * plan.seeds.size()].values[axis];
      }
      point["runs"] = points[i].runs;
      point["recovered"] = points[i].successes;
      list.push_back(point);
    }
    json["points"] = list;
  }
  return io::readable(json);
}

std::string SweepFolder::write_report(const SweepPlan& plan,
                                      const std::vector<SweepRecord>& records, Status status,
                                      double seconds) const {
  const fs::path folder(path_);
  write_file_atomically((folder / "runs.csv").string(), sweep_csv(plan, records));
  write_file_atomically((folder / "summary.json").string(),
                        sweep_summary_text(plan, records, status, seconds));
  const std::vector<Diagram> pictures = diagrams(plan, parsed(records));
  if (pictures.empty()) return "";
  std::vector<DataTable> tables;
  std::vector<Figure> figures;
  for (const Diagram& diagram : pictures) {
    tables.push_back(diagram.table);
    figures.push_back({diagram.name, "", diagram.commands});
  }
  return io::write_figures(folder, tables, figures);
}

}  // namespace lodestone
