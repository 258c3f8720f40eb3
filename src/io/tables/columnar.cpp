#include <utility>

#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

TableConverter& converter() {
  static TableConverter one;
  return one;
}

/// A text may begin with the letters of a mark as well; what follows them in these files is a
/// control character.
bool begins_with(std::string_view content, std::string_view mark) {
  if (!content.starts_with(mark) || content.size() == mark.size()) return false;
  const auto next = static_cast<unsigned char>(content[mark.size()]);
  return next < 0x20 && next != '\t' && next != '\n' && next != '\r';
}

}  // namespace

void set_table_converter(TableConverter chosen) { converter() = std::move(chosen); }

namespace io {

std::string_view columnar_kind(std::string_view content) {
  if (begins_with(content, "PAR1")) return "a Parquet file";
  if (begins_with(content, "ARROW1")) return "an Arrow file";
  if (content.starts_with("\xFF\xFF\xFF\xFF")) return "an Arrow stream";
  return {};
}

std::string converted(std::string_view content, const std::string& file) {
  if (!converter()) {
    throw FileError(file, std::string("is ") + std::string(columnar_kind(content)) +
                              ", and nothing here reads such files; give CSV, NPY or NPZ");
  }
  return converter()(content, file);
}

}  // namespace io
}  // namespace lodestone
