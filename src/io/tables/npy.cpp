#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>

#include "io/input_file.hpp"
#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kVersionEnd = 8;  // the magic bytes and two bytes of version
constexpr std::size_t kVersionedLength = kVersionEnd + 4;  // and the header's length
constexpr std::size_t kReadBlock = std::size_t{1} << 20;   // a multiple of every item's size
constexpr std::string_view kSaveAdvice = "save it again with numpy.save";

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

/// Reads the Python dictionary of an NPY header. It holds strings, booleans and tuples of integers
/// only; nothing is ever evaluated.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_type = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = parse_string();
      expect(':');
      if (key == "descr" && !has_type) {
        parse_type(header);
        has_type = true;
      } else if (key == "fortran_order" && !has_order) {
        header.fortran_order = parse_boolean();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        header.shape = parse_shape();
        has_shape = true;
      } else {
        fail(fmt::format("unexpected or repeated key {}", shown(key)));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!at_end()) fail("text after the closing brace");
    if (!has_type || !has_order || !has_shape) {
      fail("it must have the keys descr, fortran_order and shape");
    }
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(file_, fmt::format("the NPY header is damaged: {}; {}", what, kSaveAdvice));
  }

  void skip_blanks() {
    const auto next = text_.find_first_not_of(" \t\r\n");
    text_.remove_prefix(next == std::string_view::npos ? text_.size() : next);
  }

  bool at_end() {
    skip_blanks();
    return text_.empty();
  }

  bool accept(char c) {
    if (at_end() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) {
      fail(fmt::format("'{}' expected at {}", c, text_.empty() ? "its end" : shown(text_)));
    }
  }

  std::string_view parse_string() {
    const char quote = !at_end() && text_.front() == '"' ? '"' : '\'';
    expect(quote);
    const auto length = text_.find(quote);
    if (length == std::string_view::npos) fail("a quote is never closed");
    const std::string_view value = text_.substr(0, length);
    text_.remove_prefix(length + 1);
    return value;
  }

  bool parse_boolean() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(0, word.size()) == word) {
        text_.remove_prefix(word.size());
        return word == "True";
      }
    }
    fail("fortran_order must be True or False");
  }

  std::vector<std::uint64_t> parse_shape() {
    std::vector<std::uint64_t> shape;
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      std::uint64_t extent = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
      if (error != std::errc{}) fail("shape must be a tuple of sizes");
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      accept('L');  // Python 2 wrote long integers so
      shape.push_back(extent);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  [[noreturn]] void refuse_type(const std::string& type) const {
    throw FileError(file_, fmt::format("holds {}, not plain numbers; save it as "
                                       "array.astype('float64')",
                                       type));
  }

  void parse_type(NpyHeader& header) {
    skip_blanks();
    if (!text_.empty() && text_.front() == '[') refuse_type("structured rows");
    const std::string_view type = parse_string();
    std::string_view rest = type;
    char order = '=';
    if (!rest.empty() && std::string_view("<>|=").find(rest.front()) != std::string_view::npos) {
      order = rest.front();
      rest.remove_prefix(1);
    }
    if (rest.empty()) fail("descr names no type");
    const char kind = rest.front() == '?' ? 'b' : rest.front();
    std::size_t bytes = 0;
    if (rest == "?") {
      bytes = 1;
    } else {
      const auto result = std::from_chars(rest.data() + 1, rest.data() + rest.size(), bytes);
      if (result.ptr != rest.data() + rest.size()) bytes = 0;
    }
    const bool whole = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
    const bool supported = (kind == 'f' && (bytes == 4 || bytes == 8)) ||
                           ((kind == 'i' || kind == 'u') && whole) || (kind == 'b' && bytes == 1);
    if (!supported) {
      const std::string name = fmt::format("type {}", shown(type));
      switch (kind) {
        case 'O':
          refuse_type("Python objects");
        case 'c':
          refuse_type("complex numbers (" + name + ")");
        case 'S':
        case 'U':
        case 'a':
          refuse_type("text (" + name + ")");
        default:
          refuse_type(name);
      }
    }
    header.kind = kind;
    header.item_bytes = bytes;
    header.big_endian = order == '>' || (order == '=' && std::endian::native == std::endian::big);
  }

  std::string_view text_;
  const std::string& file_;
};

/// A byte of a Boolean array: anything but 0 is true.
struct Truth {
  std::uint8_t byte;
  explicit operator double() const { return byte == 0 ? 0.0 : 1.0; }
};

template <typename T>
T load(const char* bytes, bool swap) {
  std::array<char, sizeof(T)> item;
  std::memcpy(item.data(), bytes, sizeof(T));
  if (swap) std::reverse(item.begin(), item.end());
  return std::bit_cast<T>(item);
}

/// Some of the array's numbers: the first one's place in the file's order, and their bytes.
struct Stretch {
  Index first;
  Index count;
  const char* bytes;
};

template <typename T>
void decode(const Stretch& part, bool swap, bool columns_together, Matrix& values) {
  const char* bytes = part.bytes;
  if (columns_together) {
    Index row = part.first % values.rows();
    Index column = part.first / values.rows();
    for (Index i = 0; i < part.count; ++i, bytes += sizeof(T)) {
      values(row, column) = static_cast<double>(load<T>(bytes, swap));
      if (++row == values.rows()) {
        row = 0;
        ++column;
      }
    }
  } else {
    double* const to = values.data() + part.first;
    for (Index i = 0; i < part.count; ++i, bytes += sizeof(T)) {
      to[i] = static_cast<double>(load<T>(bytes, swap));
    }
  }
}

/// Calls decode for the type in the header.
void decode(const NpyHeader& header, const Stretch& part, Matrix& values) {
  const bool swap = header.big_endian != (std::endian::native == std::endian::big);
  const auto run = [&]<typename T>(T) { decode<T>(part, swap, header.fortran_order, values); };
  if (header.kind == 'f') {
    header.item_bytes == 8 ? run(double{}) : run(float{});
    return;
  }
  if (header.kind == 'b') {
    run(Truth{});
    return;
  }
  const bool is_signed = header.kind == 'i';
  switch (header.item_bytes) {
    case 1:
      return is_signed ? run(std::int8_t{}) : run(std::uint8_t{});
    case 2:
      return is_signed ? run(std::int16_t{}) : run(std::uint16_t{});
    case 4:
      return is_signed ? run(std::int32_t{}) : run(std::uint32_t{});
    default:
      return is_signed ? run(std::int64_t{}) : run(std::uint64_t{});
  }
}

void check_shape(const NpyHeader& header, const std::string& file, Wanted wanted) {
  const std::string shape = shape_text(header.shape);
  if (std::find(header.shape.begin(), header.shape.end(), 0u) != header.shape.end()) {
    throw FileError(file,
                    fmt::format("the array of shape {} is empty; give at least one number", shape));
  }
  if (header.fits(wanted)) return;
  throw FileError(file,
                  fmt::format("the array has shape {}; {}", shape,
                              wanted == Wanted::table ? "give a 2-D array, one row per data row"
                              : wanted == Wanted::vector
                                  ? "give a 1-D array, or one with a single column or row"
                                  : "give an array of at most two dimensions"));
}

/// Number of bytes the array takes, or the largest integer where that overflows.
std::uint64_t data_bytes(const NpyHeader& header) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t bytes = header.item_bytes;
  for (const std::uint64_t extent : header.shape) {
    if (bytes > most / extent) return most;
    bytes *= extent;
  }
  return bytes;
}

/// Checks the array against what is wanted and the bytes that hold it, and makes room for it.
Matrix checked_room(const NpyHeader& header, std::uint64_t found, const std::string& file,
                    Wanted wanted) {
  check_shape(header, file, wanted);
  const std::uint64_t expected = data_bytes(header);
  if (expected != found) {
    throw FileError(
        file, fmt::format("{}: shape {} takes {} bytes, found {}; {}",
                          found < expected ? "the array is cut off" : "bytes follow the array",
                          shape_text(header.shape), expected, found, kSaveAdvice));
  }
  const auto extent = [&](std::size_t i) {
    return i < header.shape.size() ? static_cast<Index>(header.shape[i]) : Index{1};
  };
  return Matrix(extent(0), extent(1));
}

struct HeaderPlace {
  std::size_t text;    ///< where the dictionary starts
  std::size_t length;  ///< of the dictionary
};

/// Where the header lies, from the first bytes of a file.
HeaderPlace header_place(std::string_view content, const std::string& file) {
  const auto fail = [&](const std::string& what) {
    throw FileError(file, fmt::format("{}; {}", what, kSaveAdvice));
  };
  if (!is_npy(content)) fail("is not an NPY array");
  if (content.size() < kVersionEnd) fail("ends inside the NPY header");
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(content[i]); };
  const unsigned version = byte(6);
  if (version < 1 || version > 3 || byte(7) != 0) {
    fail(fmt::format("has NPY version {}.{}, known are 1.0 to 3.0", version, byte(7)));
  }
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t text_start = kVersionEnd + length_bytes;
  if (content.size() < text_start) fail("ends inside the NPY header");
  std::size_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = 256 * length + byte(kVersionEnd + i);
  return {text_start, length};
}

}  // namespace

bool NpyHeader::fits(Wanted wanted) const {
  if (wanted == Wanted::any) return shape.size() <= 2;
  if (wanted == Wanted::table) return shape.size() == 2;
  return shape.size() == 1 || (shape.size() == 2 && (shape[0] == 1 || shape[1] == 1));
}

bool is_npy(std::string_view content) { return content.substr(0, kMagic.size()) == kMagic; }

NpyHeader parse_npy_header(std::string_view content, const std::string& file) {
  const auto [text, length] = header_place(content, file);
  if (content.size() - text < length) {
    throw FileError(file, fmt::format("ends inside the NPY header; {}", kSaveAdvice));
  }
  NpyHeader header = HeaderParser(content.substr(text, length), file).parse();
  header.data_offset = text + length;
  return header;
}

Matrix parse_npy(std::string_view content, const std::string& file, Wanted wanted) {
  const NpyHeader header = parse_npy_header(content, file);
  Matrix values = checked_room(header, content.size() - header.data_offset, file, wanted);
  decode(header, {0, values.size(), content.data() + header.data_offset}, values);
  return values;
}

bool is_npy_file(const std::string& path) {
  // Not even opened otherwise: a pipe gives its bytes once.
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  InputFile file(path);
  std::string start(kMagic.size(), '\0');
  start.resize(file.read(start.data(), start.size()));
  return file.size() && is_npy(start);
}

Matrix read_npy(const std::string& path, Wanted wanted) {
  InputFile file(path);
  const std::uint64_t size = file.size().value_or(0);
  std::string head;
  const auto read_head = [&](std::uint64_t end) {
    const std::size_t filled = head.size();
    head.resize(std::max<std::uint64_t>(filled, std::min(end, size)));
    head.resize(filled + file.read(head.data() + filled, head.size() - filled));
  };
  read_head(kVersionedLength);
  const auto [text, length] = header_place(head, path);
  read_head(std::uint64_t{text} + length);
  const NpyHeader header = parse_npy_header(head, path);

  // A short dictionary may leave the first numbers in the head already.
  std::string_view ahead = std::string_view(head).substr(header.data_offset);
  Matrix values = checked_room(header, size - header.data_offset, path, wanted);
  std::uint64_t filled = 0;
  const auto fill = [&](char* to, std::size_t count) {
    const std::size_t given = ahead.copy(to, count);
    ahead.remove_prefix(given);
    const std::size_t got = given + file.read(to + given, count - given);
    filled += got;
    if (got < count) checked_room(header, filled, path, wanted);  // it shrank while we read
  };
  const std::uint64_t bytes = data_bytes(header);
  if (header.kind == 'f' && header.item_bytes == sizeof(double) && !header.fortran_order &&
      header.big_endian == (std::endian::native == std::endian::big)) {
    fill(reinterpret_cast<char*>(values.data()), bytes);
    return values;
  }
  std::string block(std::min<std::uint64_t>(kReadBlock, bytes), '\0');
  while (filled < bytes) {
    const auto first = static_cast<Index>(filled / header.item_bytes);
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), bytes - filled));
    fill(block.data(), count);
    decode(header, {first, static_cast<Index>(count / header.item_bytes), block.data()}, values);
  }
  return values;
}

std::string npy_header(const std::vector<Index>& shape) {
  constexpr std::size_t alignment = 64;  // of the first number, as numpy does
  constexpr std::string_view start("\x93NUMPY\x01\x00", 8);
  constexpr std::size_t length_bytes = 2;
  std::string dictionary =
      fmt::format("{{'descr': '{}f8', 'fortran_order': False, 'shape': ({}{}), }}",
                  std::endian::native == std::endian::little ? '<' : '>', fmt::join(shape, ", "),
                  shape.size() == 1 ? "," : "");
  const std::size_t used = start.size() + length_bytes + dictionary.size() + 1;
  dictionary.append((alignment - used % alignment) % alignment, ' ');
  dictionary += '\n';
  std::string header(start);
  header += static_cast<char>(dictionary.size() % 256);
  header += static_cast<char>(dictionary.size() / 256);
  return header + dictionary;
}

}  // namespace lodestone::io
