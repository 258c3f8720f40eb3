#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>

#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone::io {
namespace {

constexpr std::string_view kArraySuffix = ".npy";
constexpr std::size_t kListedNames = 10;
constexpr std::uint64_t kZipBlock = std::uint64_t{1} << 16;

struct Entry {
  std::string name;  ///< without ".npy"
  zip_uint64_t index = 0;
};

std::string names_of(const std::vector<Entry>& entries) {
  std::string names;
  for (std::size_t i = 0; i < std::min(entries.size(), kListedNames); ++i) {
    names += (i > 0 ? ", " : "") + shown(entries[i].name);
  }
  if (entries.size() > kListedNames) {
    names += fmt::format(" and {} more", entries.size() - kListedNames);
  }
  return names;
}

/// A zip archive read from memory.
class Archive {
 public:
  Archive(std::string_view content, const std::string& file) : file_(file) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* const source =
        zip_source_buffer_create(content.data(), content.size(), 0, &error);
    if (source != nullptr) zip_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (!zip_) {
      if (source != nullptr) zip_source_free(source);
      fail(reason);
    }
  }

  /// The arrays in the archive, in its order.
  std::vector<Entry> arrays() const {
    std::vector<Entry> entries;
    bool is_spreadsheet = false;
    const zip_int64_t count = zip_get_num_entries(zip_.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      const auto index = static_cast<zip_uint64_t>(i);
      const char* const text = zip_get_name(zip_.get(), index, ZIP_FL_ENC_RAW);
      std::string name = text == nullptr ? "" : text;
      if (name.ends_with(kArraySuffix)) {
        name.resize(name.size() - kArraySuffix.size());
        entries.push_back({std::move(name), index});
      } else {
        is_spreadsheet = is_spreadsheet || name.starts_with("xl/") || name == "content.xml";
      }
    }
    if (entries.empty()) {
      throw FileError(file_, is_spreadsheet
                                 ? "is a spreadsheet; export it as CSV"
                                 : "is a zip archive without NPY arrays; save it with numpy.savez");
    }
    return entries;
  }

  /// The first bytes of an entry, at most limit. Sizes the archive claims are not trusted.
  std::string read(const Entry& entry, std::uint64_t limit) const {
    check_compression(entry);
    const std::unique_ptr<zip_file_t, CloseEntry> opened(
        zip_fopen_index(zip_.get(), entry.index, 0));
    if (!opened) fail(shown(entry.name) + ": " + zip_strerror(zip_.get()));
    std::string content;
    while (content.size() < limit) {
      const std::size_t filled = content.size();
      const std::uint64_t block =
          std::min(std::max<std::uint64_t>(kZipBlock, filled), limit - filled);
      content.resize(filled + block);
      const zip_int64_t got = zip_fread(opened.get(), content.data() + filled, block);
      if (got < 0) fail(shown(entry.name) + ": " + zip_file_strerror(opened.get()));
      content.resize(filled + static_cast<std::size_t>(got));
      if (got == 0) break;
    }
    return content;
  }

 private:
  /// numpy stores or deflates, which makes a file at most 1032 times smaller. The other methods of
  /// zip let a few bytes stand for gigabytes.
  void check_compression(const Entry& entry) const {
    zip_stat_t status;
    if (zip_stat_index(zip_.get(), entry.index, 0, &status) != 0) {
      fail(shown(entry.name) + ": " + zip_strerror(zip_.get()));
    }
    if ((status.valid & ZIP_STAT_COMP_METHOD) != 0 && status.comp_method != ZIP_CM_STORE &&
        status.comp_method != ZIP_CM_DEFLATE) {
      fail(shown(entry.name) + ": compressed by another method than numpy's");
    }
  }

  struct CloseEntry {
    void operator()(zip_file_t* entry) const { zip_fclose(entry); }
  };
  struct Discard {
    void operator()(zip_t* archive) const { zip_discard(archive); }
  };

  [[noreturn]] void fail(const std::string& reason) const {
    throw FileError(file_, fmt::format("the NPZ archive is damaged: {}; save it again with "
                                       "numpy.savez",
                                       reason));
  }

  std::unique_ptr<zip_t, Discard> zip_;
  const std::string& file_;
};

/// The header of an entry, absent where it is not an array of plain numbers.
std::optional<NpyHeader> peek(const Archive& archive, const Entry& entry, const std::string& file) {
  try {
    return parse_npy_header(archive.read(entry, kZipBlock), file);
  } catch (const FileError&) {
    return std::nullopt;
  }
}

Entry choose(const Archive& archive, const std::string& file, const std::string& name,
             Wanted wanted) {
  const std::vector<Entry> entries = archive.arrays();
  if (!name.empty()) {
    for (const Entry& entry : entries) {
      if (entry.name == name || entry.name + std::string(kArraySuffix) == name) return entry;
    }
    throw FileError(
        file, fmt::format("holds no array {}; choose one of {}", shown(name), names_of(entries)));
  }
  if (entries.size() == 1) return entries.front();
  std::vector<Entry> fitting;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(fitting),
               [&](const Entry& entry) {
                 const auto header = peek(archive, entry, file);
                 return header && header->fits(wanted);
               });
  if (fitting.size() == 1) return fitting.front();
  const std::string_view kind = wanted == Wanted::table ? "2-D" : "1-D";
  const std::string found =
      fitting.empty()
          ? fmt::format("holds no {} array of numbers among {}", kind, names_of(entries))
          : fmt::format("holds several {} arrays: {}", kind, names_of(fitting));
  throw FileError(file, fmt::format("{}; choose one with FILE.npz:NAME", found));
}

}  // namespace

bool is_npz(std::string_view content) {
  return content.starts_with("PK\x03\x04") || content.starts_with("PK\x05\x06");
}

std::vector<std::string> npz_names(std::string_view content, const std::string& file) {
  std::vector<std::string> names;
  for (const Entry& entry : Archive(content, file).arrays()) names.push_back(entry.name);
  return names;
}

Matrix parse_npz(std::string_view content, const std::string& file, const std::string& name,
                 Wanted wanted) {
  const Archive archive(content, file);
  const Entry entry = choose(archive, file, name, wanted);
  const std::string array = archive.read(entry, std::numeric_limits<std::uint64_t>::max());
  return parse_npy(array, fmt::format("{}:{}", file, entry.name), wanted);
}

}  // namespace lodestone::io
