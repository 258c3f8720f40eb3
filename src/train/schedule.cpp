#include "lodestone/schedule.hpp"

#include <charconv>
#include <cmath>
#include <sstream>
#include <string_view>

#include "lodestone/error.hpp"
#include "lodestone/file.hpp"

namespace lodestone {

std::optional<double> Schedule::lambda(long epoch, double lambda_start) const {
  switch (kind) {
    case Kind::halving:
      return lambda_start * std::pow(factor, static_cast<double>(epoch));
    case Kind::constant:
      return epoch == 0 ? std::optional(lambda_start) : std::nullopt;
    case Kind::none:
      return epoch == 0 ? std::optional(0.0) : std::nullopt;
    case Kind::list:
      return epoch < static_cast<long>(values.size())
                 ? std::optional(values[static_cast<std::size_t>(epoch)])
                 : std::nullopt;
  }
  return std::nullopt;
}

Schedule Schedule::parse(const std::string& description, double factor) {
  Schedule schedule;
  schedule.factor = factor;
  if (description == "halving") return schedule;
  if (description == "constant") {
    schedule.kind = Kind::constant;
    return schedule;
  }
  if (description == "none") {
    schedule.kind = Kind::none;
    return schedule;
  }
  schedule.kind = Kind::list;
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
