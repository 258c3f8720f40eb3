#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/train/schedule.hpp"

namespace lodestone {

Schedule read_schedule(const std::string& description) {
  Schedule schedule;
  if (description == "halving") return schedule;
  if (description == "constant") {
    schedule.kind = Schedule::Kind::constant;
    return schedule;
  }
  if (description == "none") {
    schedule.kind = Schedule::Kind::none;
    return schedule;
  }
  schedule.kind = Schedule::Kind::list;
  if (!std::filesystem::exists(description)) {
    throw InvalidArgument("schedule", "'" + description + "'",
                          "must be halving, constant, none or a file" +
                              did_you_mean(description, {"halving", "constant", "none"}));
  }
  std::istringstream lines(read_file(description));
  std::string line;
  for (long number = 1; std::getline(lines, line); ++number) {
    line.erase(std::min(line.find('#'), line.size()));
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos) continue;
    const std::string_view text =
        std::string_view(line).substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
    double value = 0.0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc() || end != text.data() + text.size() || !std::isfinite(value) ||
        value < 0.0) {
      throw FileError(description, number,
                      "'" + std::string(text.substr(0, 40)) +
                          "' is not a weight decay; a schedule has one number >= 0 a line");
    }
    schedule.values.push_back(value);
  }
  if (schedule.values.empty()) {
    throw FileError(description, "holds no weight decay; a schedule has one number >= 0 a line");
  }
  return schedule;
}

}  // namespace lodestone
