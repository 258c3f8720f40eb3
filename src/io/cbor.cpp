#include "io/cbor.hpp"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace lodestone::io {
namespace {

// A checkpoint is 5 deep.
constexpr std::size_t most_depth = 16;

/// The major types of CBOR (RFC 8949, 3.1) that matter here.
enum Major : unsigned { byte_string = 2, text = 3, list = 4, object = 5, tag = 6 };

/// One pass over the heads of all items, without calling itself: nlohmann's reader calls itself for
/// each level, also for the pieces of a text whose length is told afterwards, so that some 100 kB
/// would end it at the end of its stack.
bool is_shallow(std::string_view bytes) {
  std::vector<std::uint64_t> open;  // the items that are still to come of each list or object
  while (!bytes.empty()) {
    const auto head = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    const unsigned major = head >> 5;
    const unsigned short_argument = head & 31U;
    if (major == tag || short_argument > 27) return false;
    std::uint64_t argument = short_argument;
    if (short_argument >= 24) {
      const std::size_t length = std::size_t{1} << (short_argument - 24);
      if (bytes.size() < length) return true;  // the reader reports the end
      argument = 0;
      for (std::size_t i = 0; i < length; ++i) {
        argument = 256 * argument + static_cast<unsigned char>(bytes[i]);
      }
      bytes.remove_prefix(length);
    }
    if (major == byte_string || major == text) {
      if (argument > bytes.size()) return true;
      bytes.remove_prefix(argument);
    } else if ((major == list || major == object) && argument > 0) {
      if (argument > bytes.size()) return true;  // an item takes a byte or more
      if (open.size() == most_depth) return false;
      open.push_back(major == list ? argument : 2 * argument);
      continue;
    }
    while (!open.empty() && --open.back() == 0) open.pop_back();
  }
  return true;
}

}  // namespace

nlohmann::ordered_json from_cbor(std::string_view bytes) {
  if (!is_shallow(bytes)) throw std::out_of_range("its values are nested too deeply, or tagged");
  return nlohmann::ordered_json::from_cbor(bytes.begin(), bytes.end());
}

}  // namespace lodestone::io
