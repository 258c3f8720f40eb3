#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <new>

#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone::io {
namespace {

// 16 more: a gzip header is expected, and its checksum is compared.
constexpr int gzip_window = MAX_WBITS + 16;

constexpr std::size_t first_block = std::size_t{1} << 16;

struct EndInflate {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

}  // namespace

bool is_gzip(std::string_view content) { return content.starts_with("\x1F\x8B"); }

std::string decompressed(std::string_view content, const std::string& file) {
  z_stream stream{};
  if (inflateInit2(&stream, gzip_window) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, EndInflate> owner(&stream);
  std::string result(std::max(first_block, 4 * content.size()), '\0');
  std::size_t filled = 0;
  // zlib counts bytes in 32 bits, a file may have more.
  constexpr std::size_t most = std::numeric_limits<uInt>::max();
  while (true) {
    if (filled == result.size()) result.resize(2 * result.size());
    const std::size_t given = std::min(content.size(), most);
    const std::size_t room = std::min(result.size() - filled, most);
    // zlib does not write to its input.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = static_cast<uInt>(given);
    stream.next_out = reinterpret_cast<Bytef*>(result.data() + filled);
    stream.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream, Z_NO_FLUSH);
    content.remove_prefix(given - stream.avail_in);
    filled += room - stream.avail_out;
    if (status == Z_STREAM_END) {
      if (content.empty()) break;
      // Compressed files may be joined; zeros fill up a block of a tape.
      if (content.find_first_not_of('\0') == std::string_view::npos) break;
      if (!is_gzip(content)) {
        throw FileError(file, "other bytes follow its gzip data; compress it again");
      }
      inflateReset(&stream);
    } else if (status == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      throw FileError(file, "its gzip data is damaged; compress or fetch it again");
    } else if (content.empty() && stream.avail_out > 0) {
      throw FileError(file, "its gzip data is cut off; compress or fetch it again");
    }
  }
  result.resize(filled);
  return result;
}

}  // namespace lodestone::io
