#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>

#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/model/table.hpp"

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

/// A zip archive written to memory, its arrays not compressed.
class NewArchive {
 public:
  explicit NewArchive(const std::string& file) : file_(file) {
    zip_error_t error;
    zip_error_init(&error);
    source_ = zip_source_buffer_create(nullptr, 0, 0, &error);
    if (source_ != nullptr) {
      zip_source_keep(source_);  // the archive takes it over, and it is read afterwards
      zip_ = zip_open_from_source(source_, ZIP_TRUNCATE, &error);
      if (zip_ == nullptr) zip_source_free(source_);
    }
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (zip_ == nullptr) fail(reason);
  }
  ~NewArchive() {
    if (zip_ != nullptr) zip_discard(zip_);
    if (source_ != nullptr) zip_source_free(source_);
  }
  NewArchive(const NewArchive&) = delete;
  NewArchive& operator=(const NewArchive&) = delete;

  /// The content must outlive the archive.
  void add(const std::string& name, const std::string& content) {
    zip_source_t* const data = zip_source_buffer(zip_, content.data(), content.size(), 0);
    const zip_int64_t index =
        data == nullptr ? -1 : zip_file_add(zip_, name.c_str(), data, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      if (data != nullptr) zip_source_free(data);
      fail(zip_strerror(zip_));
    }
    // 1 January 1980, the first day that a zip archive knows: equal arrays make equal bytes.
    constexpr zip_uint16_t first_day = (1 << 5) + 1;
    const auto entry = static_cast<zip_uint64_t>(index);
    if (zip_set_file_compression(zip_, entry, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip_, entry, 0, first_day, 0) != 0) {
      fail(zip_strerror(zip_));
    }
  }

  std::string bytes() {
    if (zip_close(zip_) != 0) fail(zip_strerror(zip_));
    zip_ = nullptr;
    zip_stat_t stat;
    if (zip_source_stat(source_, &stat) != 0 || zip_source_open(source_) != 0) {
      fail(zip_error_strerror(zip_source_error(source_)));
    }
    std::string content(stat.size, '\0');
    const zip_int64_t got = zip_source_read(source_, content.data(), content.size());
    zip_source_close(source_);
    if (got != static_cast<zip_int64_t>(content.size())) fail("it is cut short");
    return content;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw FileError(file_, "cannot be written as an NPZ archive: " + reason);
  }

  const std::string& file_;
  zip_source_t* source_ = nullptr;
  zip_t* zip_ = nullptr;
};

std::string npy_content(const NamedArray& array) {
  Index size = 1;
  for (const Index extent : array.shape) size *= extent;
  if (size != static_cast<Index>(array.values.size())) {
    throw InvalidArgument(array.name, fmt::format("{} numbers", array.values.size()),
                          fmt::format("must be {}", size));
  }
  std::string content = npy_header(array.shape);
  content.append(reinterpret_cast<const char*>(array.values.data()),
                 array.values.size() * sizeof(double));
  return content;
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

namespace lodestone {

void write_npz(const std::string& path, const std::vector<NamedArray>& arrays) {
  std::vector<std::string> contents;
  for (const NamedArray& array : arrays) contents.push_back(io::npy_content(array));
  io::NewArchive archive(path);
  for (std::size_t i = 0; i < arrays.size(); ++i) archive.add(arrays[i].name + ".npy", contents[i]);
  write_file_atomically(path, archive.bytes());
}

}  // namespace lodestone
