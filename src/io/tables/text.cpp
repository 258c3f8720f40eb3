#include <fmt/format.h>

#include "io/tables/formats.hpp"

namespace lodestone::io {

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const std::size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
  const bool surrogate = byte(0) == 0xED && byte(1) > 0x9F;
  const bool beyond = byte(0) == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 40;
  std::string result = "'";
  std::size_t used = 0;
  while (used < text.size() && used < longest) {
    const auto byte = static_cast<unsigned char>(text[used]);
    const std::size_t length = utf8_length(text.substr(used));
    if (byte == '\n') {
      result += "\\n";
    } else if (byte < 0x20 || byte == 0x7F || length == 0) {
      result += fmt::format("\\x{:02X}", static_cast<unsigned>(byte));
    } else {
      result += text.substr(used, length);
    }
    used += length == 0 ? 1 : length;
  }
  return result + (used < text.size() ? "...'" : "'");
}

}  // namespace lodestone::io
