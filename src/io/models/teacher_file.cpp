#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "io/json_text.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone {
namespace {

constexpr std::string_view random_prefix = "random:";

double parse_number(std::string_view key, std::string_view text) {
  double value = 0.0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw InvalidArgument(fmt::format("teacher {}", key), fmt::format("'{}'", text),
                          "must be a number");
  }
  return value;
}

std::int64_t parse_integer(std::string_view key, std::string_view text) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || value < 0) {
    throw InvalidArgument(fmt::format("teacher {}", key), fmt::format("'{}'", text),
                          "must be a whole number, 0 or more");
  }
  return value;
}

/// A whole number, or any of LOW:HIGH.
struct IntegerRange {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

IntegerRange parse_range(std::string_view key, std::string_view text) {
  const std::size_t colon = text.find(':');
  IntegerRange range;
  range.low = parse_integer(key, text.substr(0, colon));
  range.high =
      colon == std::string_view::npos ? range.low : parse_integer(key, text.substr(colon + 1));
  if (range.low > range.high) {
    throw InvalidArgument(fmt::format("teacher {}", key), fmt::format("'{}'", text),
                          "must be LOW:HIGH with LOW <= HIGH");
  }
  return range;
}

std::int64_t drawn(const IntegerRange& range, double uniform) {
  // Both ends are >= 0, so their difference has its place in 64 bits; one more need not have.
  const std::int64_t last = range.high - range.low;
  const double step = std::floor(uniform * (static_cast<double>(last) + 1.0));
  return step < static_cast<double>(last) ? range.low + static_cast<std::int64_t>(step)
                                          : range.high;
}

// k from its range, then r from what k and d leave of its own: r <= min(d, k), and two lines or
// more need two dimensions.
void draw_sizes(RandomTeacher& options, const IntegerRange& k, IntegerRange r, bool r_given) {
  const RandomStream sizes(options.seed, "teacher sizes");
  options.k = drawn(k, sizes.uniform(0));
  const std::int64_t largest = std::min(options.d, options.k);
  if (!r_given) {
    options.r = largest;
    return;
  }
  if (r.low < r.high) {
    const IntegerRange possible{std::max<std::int64_t>(r.low, options.k > 1 ? 2 : 1),
                                std::min(r.high, largest)};
    r = possible.low <= possible.high ? possible : IntegerRange{r.low, r.low};
  }
  options.r = drawn(r, sizes.uniform(1));
}

[[noreturn]] void refuse_key(std::string_view key) {
  const std::string nearest =
      nearest_name(key, {"d", "k", "r", "min-angle", "signs", "amplitudes", "seed"});
  throw InvalidArgument(
      "teacher", fmt::format("unknown key '{}'", key),
      (nearest.empty() ? std::string() : fmt::format("did you mean '{}'? ", nearest)) +
          "the keys are d, k, r, min-angle, signs, amplitudes, seed");
}

RandomTeacher parse_random(std::string_view description) {
  RandomTeacher options;
  IntegerRange k{options.k, options.k};
  IntegerRange r;
  bool r_given = false;
  std::set<std::string, std::less<>> seen;
  std::string_view rest = description;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      throw InvalidArgument("teacher", fmt::format("'{}'", item),
                            "must be KEY=VALUE, as in random:d=20,k=4,seed=0");
    }
    const std::string_view key = item.substr(0, equals);
    const std::string_view value = item.substr(equals + 1);
    if (!seen.insert(std::string(key)).second) {
      throw InvalidArgument("teacher", std::string(item), "this key is given twice");
    }
    if (key == "d") {
      options.d = parse_integer(key, value);
    } else if (key == "k") {
      k = parse_range(key, value);
    } else if (key == "r") {
      r = parse_range(key, value);
      r_given = true;
    } else if (key == "seed") {
      options.seed = static_cast<std::uint64_t>(parse_integer(key, value));
    } else if (key == "min-angle") {
      options.min_angle = parse_number(key, value);
    } else if (key == "amplitudes") {
      const std::size_t colon = value.find(':');
      options.amplitude_low = parse_number(key, value.substr(0, colon));
      options.amplitude_high = colon == std::string_view::npos
                                   ? options.amplitude_low
                                   : parse_number(key, value.substr(colon + 1));
    } else if (key == "signs") {
      if (value == "mixed") {
        options.signs = Signs::mixed;
      } else if (value == "positive") {
        options.signs = Signs::positive;
      } else if (value == "negative") {
        options.signs = Signs::negative;
      } else {
        throw InvalidArgument("teacher signs", fmt::format("'{}'", value),
                              "must be mixed, positive or negative");
      }
    } else {
      refuse_key(key);
    }
  }
  draw_sizes(options, k, r, r_given);
  return options;
}

Teacher read_teacher_file(const std::string& path) {
  nlohmann::json document;
  try {
    document = nlohmann::json::parse(read_file(path));
  } catch (const nlohmann::json::out_of_range&) {
    throw FileError(path, "holds a number beyond the range of float64");
  } catch (const nlohmann::json::parse_error& error) {
    throw FileError(path, fmt::format("not a JSON file (stopped at byte {}); a teacher is "
                                      "{{\"directions\": [[...], ...], \"amplitudes\": [...]}}",
                                      error.byte));
  }
  if (!document.is_object() || !document.contains("directions") ||
      !document.contains("amplitudes")) {
    throw FileError(path,
                    "a teacher needs \"directions\" (k rows of d numbers) and \"amplitudes\" "
                    "(k numbers)");
  }
  Teacher teacher;
  try {
    const auto rows = document["directions"].get<std::vector<std::vector<double>>>();
    const auto amplitudes = document["amplitudes"].get<std::vector<double>>();
    if (rows.empty() || rows.front().empty()) {
      throw FileError(path, "\"directions\" holds no numbers");
    }
    teacher.directions.resize(static_cast<Index>(rows.size()),
                              static_cast<Index>(rows.front().size()));
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (rows[j].size() != rows.front().size()) {
        throw FileError(path, fmt::format("\"directions\" row {} has {} numbers, the first has {}",
                                          j + 1, rows[j].size(), rows.front().size()));
      }
      teacher.directions.row(static_cast<Index>(j)) =
          Eigen::Map<const Eigen::RowVectorXd>(rows[j].data(), static_cast<Index>(rows[j].size()));
    }
    teacher.amplitudes =
        Eigen::Map<const Vector>(amplitudes.data(), static_cast<Index>(amplitudes.size()));
  } catch (const nlohmann::json::type_error&) {
    throw FileError(path, "\"directions\" and \"amplitudes\" must hold numbers only");
  }
  return checked_teacher(std::move(teacher), path);
}

}  // namespace

std::optional<RandomTeacher> random_teacher(const std::string& description) {
  if (!description.starts_with(random_prefix)) return std::nullopt;
  return parse_random(std::string_view(description).substr(random_prefix.size()));
}

std::string with_teacher_key(const std::string& description, const std::string& key,
                             const std::string& value) {
  if (!description.starts_with(random_prefix)) {
    throw InvalidArgument(
        "teacher." + key, value,
        Message::pattern("needs a random teacher, as in {teacher} random:d=20,k=4"));
  }
  std::string result(random_prefix);
  const auto append = [&](std::string_view item) {
    if (result.size() > random_prefix.size()) result += ',';
    result += item;
  };
  bool found = false;
  std::string_view rest = std::string_view(description).substr(random_prefix.size());
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    const bool replaced = item.starts_with(key + "=");
    append(replaced ? fmt::format("{}={}", key, value) : std::string(item));
    found = found || replaced;
  }
  if (!found) append(fmt::format("{}={}", key, value));
  parse_random(std::string_view(result).substr(random_prefix.size()));
  return result;
}

Teacher read_teacher(const std::string& description) {
  if (const auto random = random_teacher(description)) return draw_teacher(*random);
  return read_teacher_file(description);
}

void write_teacher(const std::string& path, const Teacher& teacher) {
  nlohmann::ordered_json document;
  document["directions"] = nlohmann::json::array();
  for (Index j = 0; j < teacher.neurons(); ++j) {
    const Eigen::RowVectorXd row = teacher.directions.row(j);
    document["directions"].push_back(std::vector<double>(row.begin(), row.end()));
  }
  document["amplitudes"] =
      std::vector<double>(teacher.amplitudes.begin(), teacher.amplitudes.end());
  write_file_atomically(path, io::readable(document));
}

}  // namespace lodestone
