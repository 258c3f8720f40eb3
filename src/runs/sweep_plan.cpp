#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "io/name_list.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/runs/sweep.hpp"
#include "lodestone/runs/train_inputs.hpp"

namespace lodestone {
namespace {

constexpr std::string_view teacher_prefix = "teacher.";
constexpr std::size_t most_values = 100000;
constexpr std::size_t longest_name = 200;

const std::vector<std::string> teacher_keys = {"d",     "k",          "r",   "min-angle",
                                               "signs", "amplitudes", "seed"};

bool is_whole(std::string_view text) { return text.find_first_of(".eE") == std::string_view::npos; }

double number_in(const std::string& key, std::string_view text) {
  double value = 0.0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw InvalidArgument(key, fmt::format("'{}'", text),
                          "a range is LOW:HIGH, LOW:HIGH:STEP or LOW:HIGH:xFACTOR");
  }
  return value;
}

/// LOW:HIGH, LOW:HIGH:STEP or LOW:HIGH:xFACTOR as numbers, ends included.
std::vector<std::string> spelled_out(const std::string& key, std::string_view range) {
  const std::size_t first = range.find(':');
  const std::size_t second = range.find(':', first + 1);
  const std::string_view low_text = range.substr(0, first);
  const std::string_view high_text = range.substr(first + 1, second - first - 1);
  std::string_view step_text = second == std::string_view::npos ? "1" : range.substr(second + 1);
  const bool multiplies = step_text.starts_with('x');
  if (multiplies) step_text.remove_prefix(1);
  const double low = number_in(key, low_text);
  const double high = number_in(key, high_text);
  const double step = number_in(key, step_text);
  const bool ends = multiplies ? step > 1.0 && low > 0.0 : step > 0.0;
  if (low > high || !ends) {
    throw InvalidArgument(key, fmt::format("'{}'", range),
                          "needs LOW <= HIGH and a positive step, or a factor above 1 and LOW > 0");
  }
  const bool whole = is_whole(low_text) && is_whole(step_text);
  std::vector<std::string> values;
  for (int i = 0;; ++i) {
    const double value = multiplies ? low * std::pow(step, i) : low + i * step;
    // Half of a part in 1e9: the last value is meant to be there in spite of rounding.
    if (value > high * (1.0 + 5e-10 * (high > 0.0 ? 1.0 : -1.0)) + 1e-300) break;
    if (values.size() == most_values) {
      throw InvalidArgument(key, fmt::format("'{}'", range),
                            fmt::format("gives more than {} values", most_values));
    }
    values.push_back(whole ? fmt::format("{:.0f}", value) : fmt::format("{:.12g}", value));
  }
  return values;
}

/// Throws for a key that no configuration has; tells whether its values are numbers.
bool takes_numbers(const std::string& key) {
  if (key.starts_with(teacher_prefix)) {
    const std::string inner = key.substr(teacher_prefix.size());
    if (std::find(teacher_keys.begin(), teacher_keys.end(), inner) == teacher_keys.end()) {
      throw InvalidArgument("grid", "'" + key + "'",
                            "no such key of a random teacher" + did_you_mean(inner, teacher_keys));
    }
    return inner != "signs" && inner != "amplitudes";
  }
  TrainOptions options;
  std::vector<std::string> names;
  for (const Option& option : train_options(options)) {
    if (config_key(option.name) == key) return option.is_number();
    names.push_back(config_key(option.name));
  }
  for (const std::string& inner : teacher_keys) names.push_back("teacher." + inner);
  throw InvalidArgument("grid", "'" + key + "'",
                        "no such configuration key of train" + did_you_mean(key, names));
}

SweepAxis parse_axis(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InvalidArgument("grid", "'" + text + "'",
                          "must be KEY=VALUE,VALUE,..., as in width=50,100");
  }
  SweepAxis axis{text.substr(0, equals), {}};
  if (axis.key == "seed") {
    throw InvalidArgument("grid", "'seed'",
                          Message::pattern("seeds are given by {seeds}, as in {seeds} 0:9"));
  }
  const bool numbers = takes_numbers(axis.key);
  const auto items = io::split_names(text.substr(equals + 1));
  if (!items || items->empty()) {
    throw InvalidArgument("grid", "'" + text + "'",
                          "needs values separated by commas; one that holds a comma stands in "
                          "double quotes");
  }
  for (const std::string& item : *items) {
    if (numbers && item.find(':') != std::string::npos) {
      for (std::string& value : spelled_out(axis.key, item)) axis.values.push_back(value);
    } else {
      axis.values.push_back(item);
    }
  }
  std::set<std::string> seen;
  for (const std::string& value : axis.values) {
    if (!seen.insert(value).second) {
      throw InvalidArgument("grid", axis.key + "=" + value, "this value comes twice");
    }
  }
  return axis;
}

std::vector<SweepAxis> parse_axes(const std::vector<std::string>& grid) {
  std::vector<SweepAxis> axes;
  std::set<std::string> seen;
  for (const std::string& text : grid) {
    axes.push_back(parse_axis(text));
    if (!seen.insert(axes.back().key).second) {
      throw InvalidArgument("grid", "'" + axes.back().key + "'",
                            "is given twice; give all its values at once");
    }
  }
  return axes;
}

std::uint64_t parse_seed(std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (status != std::errc() || end != text.data() + text.size()) {
    throw InvalidArgument("seeds", fmt::format("'{}'", text),
                          "must be whole numbers and LOW:HIGH, separated by commas, as in 0:9");
  }
  return seed;
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  std::set<std::uint64_t> seen;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    const std::size_t colon = item.find(':');
    const std::uint64_t low = parse_seed(item.substr(0, colon));
    const std::uint64_t high =
        colon == std::string_view::npos ? low : parse_seed(item.substr(colon + 1));
    if (low > high || high - low >= most_values) {
      throw InvalidArgument("seeds", fmt::format("'{}'", item),
                            fmt::format("needs LOW <= HIGH, and at most {} seeds", most_values));
    }
    for (std::uint64_t i = 0; i <= high - low; ++i) {
      if (!seen.insert(low + i).second) {
        throw InvalidArgument("seeds", fmt::format("{}", low + i), "this seed comes twice");
      }
      seeds.push_back(low + i);
    }
  }
  return seeds;
}

void set_option(TrainOptions& options, const std::string& key, const std::string& value) {
  const std::vector<Option> table = train_options(options);
  const auto option = std::find_if(table.begin(), table.end(),
                                   [&](const Option& one) { return config_key(one.name) == key; });
  try {
    option->set(value);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument("grid", key + "=" + value, error.message());
  }
}

// Keys of the teacher come last: the teacher itself may be on the grid.
TrainOptions with_values(const TrainOptions& base, const std::vector<SweepAxis>& axes,
                         const std::vector<std::string>& values, std::uint64_t seed) {
  TrainOptions options = base;
  options.algorithm.seed = seed;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (!axes[i].key.starts_with(teacher_prefix)) set_option(options, axes[i].key, values[i]);
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (!axes[i].key.starts_with(teacher_prefix)) continue;
    if (options.teacher.empty()) options.teacher = "random:";
    options.teacher =
        with_teacher_key(options.teacher, axes[i].key.substr(teacher_prefix.size()), values[i]);
  }
  const bool names_seed = options.teacher.starts_with("random:seed=") ||
                          options.teacher.find(",seed=") != std::string::npos;
  if (options.teacher.starts_with("random:") && !names_seed) {
    options.teacher = with_teacher_key(options.teacher, "seed", fmt::format("{}", seed));
  }
  return options;
}

void check(const TrainOptions& options) {
  options.validate();
  if (const auto teacher = random_teacher(options.teacher)) teacher->validate();
}

/// A folder's name: unique among the runs of these axes, readable, and possible everywhere.
std::string run_name(const std::vector<SweepAxis>& axes, const std::vector<std::string>& values,
                     std::uint64_t seed) {
  std::string text;
  for (std::size_t i = 0; i < axes.size(); ++i) text += axes[i].key + "=" + values[i] + ",";
  text += fmt::format("seed={}", seed);
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("=,.+-_").find(c) != std::string_view::npos;
    name += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  if (name.size() <= longest_name) return name;
  return fmt::format("{}...{:08x},seed={}", name.substr(0, longest_name), crc32(text), seed);
}

// What tells the shard of a run: its own configuration.
std::string description_of(const SweepRun& run) {
  TrainOptions options = run.options;
  return config_text(train_options(options), false);
}

// A value with which none of its runs could work is a mistake; one that only does not go together
// with some others leaves gaps in the grid.
void refuse_hopeless_values(const SweepPlan& plan) {
  if (std::all_of(plan.runs.begin(), plan.runs.end(),
                  [](const SweepRun& run) { return !run.problem.empty(); })) {
    check(plan.runs.front().options);
  }
  for (std::size_t axis = 0; axis < plan.axes.size(); ++axis) {
    std::map<std::string, std::pair<bool, std::string>> fate;  // value: some run works, a problem
    for (const SweepRun& run : plan.runs) {
      auto& [works, problem] = fate[run.values[axis]];
      works = works || run.problem.empty();
      if (!run.problem.empty()) problem = run.problem;
    }
    for (const std::string& value : plan.axes[axis].values) {
      const auto& [works, problem] = fate[value];
      if (works) continue;
      throw InvalidArgument("grid", plan.axes[axis].key + "=" + value,
                            "no run of the grid could have it; " + problem);
    }
  }
}

// Files are read by every run; a name that is wrong should not wait for the first of them.
void refuse_missing_files(const SweepPlan& plan) {
  std::set<std::string> seen;
  for (const SweepRun& run : plan.runs) {
    if (!run.problem.empty() || random_teacher(run.options.teacher)) continue;
    const TrainOptions& o = run.options;
    const std::string files =
        io::join_names({o.teacher, o.data.file, o.data.target, o.validation_file, o.test_file});
    if (seen.insert(files).second) read_train_inputs(o);
  }
}

}  // namespace

std::size_t SweepPlan::shard_runs() const {
  return static_cast<std::size_t>(
      std::count_if(runs.begin(), runs.end(), [](const SweepRun& run) { return !run.elsewhere; }));
}

SweepPlan plan_sweep(const SweepRequest& request) {
  SweepPlan plan;
  plan.shard = request.shard;
  plan.axes = parse_axes(request.grid);
  plan.seeds = request.seeds.empty() ? std::vector<std::uint64_t>{request.base.algorithm.seed}
                                     : parse_seeds(request.seeds);
  if (request.base.data.file == "-") {
    throw InvalidArgument("data", "standard input", "every run of a sweep reads it: give a file");
  }
  std::size_t points = 1;
  for (const SweepAxis& axis : plan.axes) {
    points *= axis.values.size();
    if (points * plan.seeds.size() > most_values) {
      throw InvalidArgument("grid", "all of it", fmt::format("has more than {} runs", most_values));
    }
  }
  for (std::size_t point = 0; point < points; ++point) {
    std::vector<std::string> values(plan.axes.size());
    std::size_t rest = point;
    for (std::size_t i = plan.axes.size(); i-- > 0;) {
      values[i] = plan.axes[i].values[rest % plan.axes[i].values.size()];
      rest /= plan.axes[i].values.size();
    }
    for (const std::uint64_t seed : plan.seeds) {
      SweepRun run;
      run.name = run_name(plan.axes, values, seed);
      run.values = values;
      run.seed = seed;
      run.options = with_values(request.base, plan.axes, values, seed);
      try {
        check(run.options);
      } catch (const InvalidArgument& error) {
        run.problem = error.message().spelled(config_key);
      }
      run.elsewhere = !plan.shard.whole() && !plan.shard.has(description_of(run));
      plan.runs.push_back(std::move(run));
    }
  }
  refuse_hopeless_values(plan);
  refuse_missing_files(plan);
  return plan;
}

}  // namespace lodestone
