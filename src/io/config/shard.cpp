#include "lodestone/io/config/shard.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"

namespace lodestone {
namespace {

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (status != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Shard Shard::parse(const std::string& text) {
  const std::string_view view = text;
  const std::size_t slash = view.find('/');
  if (slash != std::string_view::npos) {
    const auto index = whole_number(view.substr(0, slash));
    const auto count = whole_number(view.substr(slash + 1));
    if (index && count && *index >= 1 && *index <= *count && *count <= most) {
      return {*index, *count};
    }
  }
  throw InvalidArgument(
      "shard", fmt::format("'{}'", text),
      fmt::format("must be I/N with 1 <= I <= N <= {}, as 2/3 for the second of three", most));
}

std::string Shard::text() const { return fmt::format("{}/{}", index, count); }

bool Shard::has(std::string_view description) const {
  const double place = RandomStream(0, fmt::format("shard {}", description)).uniform(0);
  return static_cast<int>(place * count) == index - 1;
}

}  // namespace lodestone
