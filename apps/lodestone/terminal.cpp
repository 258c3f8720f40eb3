#include "terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "verbs.hpp"

namespace lodestone::app {
namespace {

constexpr std::size_t usual_columns = 80;
constexpr std::size_t fewest_text_columns = 40;
constexpr std::size_t longest_bar = 24;
constexpr std::size_t shortest_bar = 4;

// The last column stays empty: a character there makes some terminals begin a new line.
std::size_t line_columns() {
  const std::size_t columns = terminal_columns(STDERR_FILENO);
  return columns > 1 ? columns - 1 : columns;
}

// As many of the parts, from the left, as fit.
std::string joined(const std::vector<std::string>& parts, std::size_t columns) {
  std::string line;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    const std::string longer = line.empty() ? part : line + "  " + part;
    if (columns_of(longer) > columns) break;
    line = longer;
  }
  return line;
}

}  // namespace

std::size_t terminal_columns(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_columns;
  return size.ws_col;
}

std::size_t text_columns() {
  std::size_t columns = 0;
  if (const char* asked = std::getenv("COLUMNS")) {
    const std::string_view text(asked);
    std::from_chars(text.data(), text.data() + text.size(), columns);
  }
  if (columns == 0) columns = terminal_columns(STDOUT_FILENO);
  return std::max(columns, fewest_text_columns);
}

std::size_t columns_of(const std::string& text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins));
}

std::vector<std::string> wrapped(const std::string& text, std::size_t columns) {
  std::vector<std::string> lines;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!lines.empty() && columns_of(lines.back()) + 1 + columns_of(word) <= columns) {
      lines.back() += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

ProgressLine::ProgressLine(bool quiet) : shown_(!quiet && isatty(STDERR_FILENO) != 0) {}

void ProgressLine::draw(double share, const std::vector<std::string>& parts) const {
  if (!shown_) return;
  share = std::clamp(share, 0.0, 1.0);
  const std::size_t columns = line_columns();
  const std::string percent = fmt::format(" {:3.0f}%", 100.0 * share);
  const std::size_t around = 2 + columns_of(percent);  // the brackets too
  const std::size_t least = around + shortest_bar + 2;
  std::string words = joined(parts, columns > least ? columns - least : 0);
  if (!words.empty()) words = "  " + words;
  const std::size_t taken = around + columns_of(words);
  const std::size_t cells = std::min(longest_bar, columns > taken ? columns - taken : 0);
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(cells));
  say(fmt::format("\r\033[K[{}{}]{}{}", std::string(filled, '#'), std::string(cells - filled, '.'),
                  percent, words));
}

void ProgressLine::draw(const std::vector<std::string>& parts) const {
  if (shown_) say("\r\033[K" + joined(parts, line_columns()));
}

void ProgressLine::clear() const {
  if (shown_) say("\r\033[K");
}

}  // namespace lodestone::app
