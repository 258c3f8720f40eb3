#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <unordered_map>

#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone::io {
namespace {

constexpr std::array<char, 4> kDelimiters{',', ';', '\t', '|'};

bool is_line_end(char c) { return c == '\n' || c == '\r'; }
bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

std::string delimiter_name(char delimiter) {
  return delimiter == '\t' ? "tab" : fmt::format("'{}'", delimiter);
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// True for the ways in which common programs write an absent value.
bool means_missing(std::string_view text) {
  constexpr std::array<std::string_view, 10> words{"na",   "n/a", "#n/a", "nan", "null",
                                                   "none", "nil", "?",    "-",   "."};
  std::string word(text.substr(0, std::min<std::size_t>(text.size(), 10)));
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (word.size() > 2 && (word[0] == '+' || word[0] == '-')) word.erase(0, 1);
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct Number {
  std::optional<OddKind> odd;  ///< absent: a finite number
  double value = std::numeric_limits<double>::quiet_NaN();
};

/// Reads a whole cell as one number: decimal, with an optional sign and exponent.
Number parse_number(std::string_view cell) {
  const std::string_view text = trimmed(cell);
  if (text.empty()) return {OddKind::empty};
  const char* first = text.data();
  const char* const last = first + text.size();
  if (*first == '+' && text.size() > 1 && text[1] != '-') ++first;
  double value = 0;
  const auto [end, error] = std::from_chars(first, last, value);
  if (end == last && error == std::errc{}) {
    if (std::isfinite(value)) return {{}, value};
    return {std::isnan(value) ? OddKind::missing : OddKind::infinite};
  }
  if (end == last && error == std::errc::result_out_of_range) {
    long double wide = 0;  // its wider exponent tells overflow from underflow
    const auto result = std::from_chars(first, last, wide);
    if (result.ec == std::errc{} && std::abs(wide) < 1) return {{}, 0.0};
    return {OddKind::too_large};
  }
  return {means_missing(text) ? OddKind::missing : OddKind::text};
}

bool is_number(std::string_view cell) { return !parse_number(cell).odd; }

/// What to do about text that is a number written in another way; empty for other text.
std::string advice_for_text(std::string_view cell, char delimiter) {
  const std::string text(trimmed(cell).substr(0, 100));
  const auto comma = text.find(',');
  if (comma != std::string::npos) {
    std::string with_point = text;
    with_point[comma] = '.';
    if (is_number(with_point)) return "write decimal commas as points";
    std::string without_commas = text;
    std::erase(without_commas, ',');
    if (is_number(without_commas)) return "write numbers without thousands separators";
  }
  if (text.back() == '%' && is_number(text.substr(0, text.size() - 1))) {
    return "write the number without '%'";
  }
  for (const char other : {',', ';', '\t', '|', ' '}) {
    const auto found = text.find(other);
    if (found == std::string::npos || other == delimiter) continue;
    if (is_number(text.substr(0, found)) && is_number(text.substr(text.rfind(other) + 1))) {
      return fmt::format("columns are separated by {} here, so check the delimiter",
                         delimiter_name(delimiter));
    }
  }
  return {};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// Finds the delimiter as the candidate most frequent in the header, outside quotes.
char find_delimiter(std::string_view content) {
  std::array<std::size_t, kDelimiters.size()> counts{};
  bool in_quotes = false;
  bool at_field_start = true;
  for (const char c : content) {
    if (in_quotes) {
      in_quotes = c != '"';
      // A doubled quote opens again at once.
      at_field_start = !in_quotes;
      continue;
    }
    if (c == '"' && at_field_start) {
      in_quotes = true;
      continue;
    }
    if (is_line_end(c)) break;
    const auto candidate = std::find(kDelimiters.begin(), kDelimiters.end(), c);
    if (candidate != kDelimiters.end()) {
      ++counts[static_cast<std::size_t>(candidate - kDelimiters.begin())];
      at_field_start = true;
    } else if (c != ' ') {
      at_field_start = false;
    }
  }
  return kDelimiters[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) -
                                              counts.begin())];
}

struct Field {
  std::string_view text;   ///< without surrounding blanks and quotes
  bool has_quotes_inside;  ///< holds doubled quotes
  long line;
};

/// Where a text comes from.
enum class Origin {
  file,       ///< a CSV file
  converter,  ///< a TableConverter: a record of advice comes first, lines are no place in the file
};

/// One pass over the bytes. Rows of plain numbers, all but a few, go straight to the matrix
/// (read_plain_row); any other row is taken apart again and either holds quotes or is at fault.
class CsvReader {
 public:
  CsvReader(std::string_view content, const std::string& file, char delimiter, Origin origin)
      : position_(content.data()),
        end_(content.data() + content.size()),
        file_(file),
        delimiter_(delimiter),
        is_converted_(origin == Origin::converter) {}

  RawTable read() {
    RawTable table;
    table.file = file_;
    const std::vector<std::string> advice = read_advice();
    table.names = read_header();
    if (is_converted_ && advice.size() != table.names.size()) {
      fail(1, fmt::format("its converter advises on {}, and it has {}",
                          counted(advice.size(), "column"), table.names.size()));
    }
    table.has_names = true;
    columns_ = static_cast<Index>(table.names.size());
    table.odd.resize(table.names.size());
    table.values.resize(most_rows(), columns_);
    Index rows = 0;
    while (position_ != end_) {
      double* const row = table.values.data() + rows * columns_;
      const long line = line_;
      if (!read_plain_row(row)) {
        if (at_blank_line()) {
          expect_only_blank_lines();
          break;
        }
        read_any_row(rows, row, table.odd);
      }
      if (!is_converted_) table.lines.push_back(line);
      ++rows;
    }
    if (rows == 0) fail(1, "the file has a header but no rows; add rows of numbers");
    table.values.conservativeResize(rows, columns_);
    for (std::size_t column = 0; column < advice.size(); ++column) {
      if (!advice[column].empty()) table.odd.at(column).advice = advice[column];
    }
    return table;
  }

  /// Some columns as text, of a file that read() has accepted.
  std::vector<TextColumn> read_text(const std::vector<Index>& columns) {
    read_advice();
    columns_ = static_cast<Index>(read_header().size());
    std::vector<TextColumn> result(columns.size());
    std::vector<std::unordered_map<std::string, Index>> known(columns.size());
    while (position_ != end_ && !at_blank_line()) {
      read_record();
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const Field& field = fields_[static_cast<std::size_t>(columns[i])];
        const auto odd = parse_number(field.text).odd;
        if (odd == OddKind::empty || odd == OddKind::missing) {
          result[i].codes.push_back(-1);
          continue;
        }
        const auto [found, added] =
            known[i].emplace(text_of(field), static_cast<Index>(result[i].values.size()));
        if (added) {
          if (!is_utf8(found->first)) {
            fail(field.line,
                 fmt::format("{} is not UTF-8 text; save the file as UTF-8", shown(found->first)));
          }
          result[i].values.push_back(found->first);
        }
        result[i].codes.push_back(found->second);
      }
    }
    return result;
  }

 private:
  [[noreturn]] void fail(long line, const std::string& what) const {
    throw is_converted_ ? FileError(file_, what) : FileError(file_, line, what);
  }

  /// The first record of a converter: one text a column.
  std::vector<std::string> read_advice() {
    std::vector<std::string> advice;
    if (!is_converted_) return advice;
    read_record();
    for (const Field& field : fields_) advice.push_back(text_of(field));
    return advice;
  }

  /// A tab may be both a blank and the delimiter.
  bool is_blank(char c) const { return (c == ' ' || c == '\t') && c != delimiter_; }

  const char* after_blanks(const char* from) const {
    while (from != end_ && is_blank(*from)) ++from;
    return from;
  }

  /// Passes "\n", "\r\n" or "\r" at a position that holds one of them.
  const char* after_line_end(const char* from) {
    ++line_;
    return from + (*from == '\r' && from + 1 != end_ && from[1] == '\n' ? 2 : 1);
  }

  bool at_blank_line() const {
    const char* const first = after_blanks(position_);
    return first == end_ || is_line_end(*first);
  }

  void expect_only_blank_lines() {
    const long blank = line_;
    while (position_ != end_ && at_blank_line()) {
      position_ = after_blanks(position_);
      if (position_ != end_) position_ = after_line_end(position_);
    }
    if (position_ != end_) fail(blank, "a blank line between rows; remove it");
  }

  /// Enough rows for what is left of the file: each ends its line, and each cell is followed by
  /// something. The second bound keeps a hostile file from asking for more than a few times its
  /// size.
  Index most_rows() const {
    const auto line_ends = std::count_if(position_, end_, is_line_end);
    return std::min<Index>(line_ends, (end_ - position_ + 1) / columns_) + 1;
  }

  bool read_plain_row(double* row) {
    const char* cursor = position_;
    for (Index column = 0; column < columns_; ++column) {
      if (column > 0) {
        if (cursor == end_ || *cursor != delimiter_) return false;
        ++cursor;
      }
      cursor = after_blanks(cursor);
      if (cursor != end_ && *cursor == '+') {
        ++cursor;
        if (cursor != end_ && *cursor == '-') return false;
      }
      const auto [next, error] = std::from_chars(cursor, end_, row[column]);
      if (error != std::errc{} || !std::isfinite(row[column])) return false;
      cursor = after_blanks(next);
    }
    if (cursor != end_) {
      if (!is_line_end(*cursor)) return false;
      cursor = after_line_end(cursor);
    }
    position_ = cursor;
    return true;
  }

  void read_any_row(Index row, double* values, std::vector<OddCells>& odd) {
    const long line = line_;
    read_record();
    if (fields_.size() != odd.size()) fail_ragged(line, odd.size());
    for (std::size_t column = 0; column < odd.size(); ++column) {
      const Field& field = fields_[column];
      const Number number = parse_number(field.text);
      values[column] = number.value;
      if (!number.odd) continue;
      if (*number.odd == OddKind::text && odd[column].text.count == 0) {
        odd[column].advice = advice_for_text(field.text, delimiter_);
      }
      const long place = is_converted_ ? 0 : field.line;
      odd[column].add({*number.odd, row, place, std::string(field.text.substr(0, 100))});
    }
  }

  [[noreturn]] void fail_ragged(long line, std::size_t expected) const {
    fail(line, fmt::format("got {}, the header has {}; give every row one value per column, "
                           "separated by {}",
                           counted(fields_.size(), "field"), expected, delimiter_name(delimiter_)));
  }

  void read_record() {
    fields_.clear();
    while (true) {
      fields_.push_back(read_field());
      if (position_ == end_) return;
      if (is_line_end(*position_)) {
        position_ = after_line_end(position_);
        return;
      }
      ++position_;
    }
  }

  /// Reads up to the next delimiter, line end or end of file.
  Field read_field() {
    const char* const first = after_blanks(position_);
    if (first != end_ && *first == '"') return read_quoted_field(first + 1);
    const char* last = first;
    while (last != end_ && *last != delimiter_ && !is_line_end(*last)) ++last;
    position_ = last;
    while (last != first && is_blank(last[-1])) --last;
    return {{first, static_cast<std::size_t>(last - first)}, false, line_};
  }

  Field read_quoted_field(const char* first) {
    const long opened = line_;
    bool has_quotes_inside = false;
    const char* cursor = first;
    while (true) {
      if (cursor == end_) {
        fail(opened,
             "a quote opened here is never closed; close it, or double a quote that is "
             "part of the text");
      }
      if (*cursor == '"') {
        if (cursor + 1 == end_ || cursor[1] != '"') break;
        has_quotes_inside = true;
        cursor += 2;
      } else if (is_line_end(*cursor)) {
        cursor = after_line_end(cursor);
      } else {
        ++cursor;
      }
    }
    const std::string_view text(first, static_cast<std::size_t>(cursor - first));
    position_ = after_blanks(cursor + 1);
    if (position_ != end_ && *position_ != delimiter_ && !is_line_end(*position_)) {
      fail(line_, fmt::format("text follows the closing quote of {}; end the field there, or "
                              "double a quote that is part of the text",
                              shown(text)));
    }
    return {text, has_quotes_inside, opened};
  }

  std::vector<std::string> read_header() {
    if (at_blank_line()) fail(line_, "a blank line; the first line must name the columns");
    read_record();
    std::vector<std::string> names;
    names.reserve(fields_.size());
    std::size_t numbers = 0;
    std::size_t words = 0;
    for (const Field& field : fields_) {
      const auto odd = parse_number(field.text).odd;
      if (!odd) ++numbers;
      if (odd == OddKind::text) ++words;
      names.push_back(text_of(field));
    }
    if (numbers > 0 && words == 0 && !is_converted_) {
      fail(fields_.front().line,
           "the header is all numbers, so the file probably lacks one; add a first line that "
           "names the columns");
    }
    check_names(names);
    return names;
  }

  static std::string text_of(const Field& field) {
    std::string text(trimmed(field.text));
    if (!field.has_quotes_inside) return text;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      text[kept++] = text[i];
      if (text[i] == '"' && i + 1 < text.size() && text[i + 1] == '"') ++i;
    }
    text.resize(kept);
    return text;
  }

  void check_names(const std::vector<std::string>& names) const {
    std::unordered_map<std::string_view, std::size_t> columns;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const long line = fields_[i].line;
      if (names[i].empty()) {
        fail(line, fmt::format("column {} has no name; name it, or remove it if it only counts "
                               "the rows",
                               i + 1));
      }
      if (!is_utf8(names[i])) {
        fail(line, fmt::format("the name of column {}, {}, is not UTF-8 text; save the file as "
                               "UTF-8",
                               i + 1, shown(names[i])));
      }
      const auto [earlier, added] = columns.emplace(names[i], i);
      if (!added) {
        fail(line, fmt::format("columns {} and {} are both named {}; give each its own name",
                               earlier->second + 1, i + 1, shown(names[i])));
      }
    }
  }

  const char* position_;
  const char* const end_;
  const std::string& file_;
  const char delimiter_;
  const bool is_converted_;
  long line_ = 1;
  Index columns_ = 0;
  std::vector<Field> fields_;  ///< of the row being taken apart; kept to reuse its memory
};

/// Number of the line that holds the byte after text.
long line_after(std::string_view text) {
  long line = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool first_of_two = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (is_line_end(text[i]) && !first_of_two) ++line;
  }
  return line;
}

/// Recognizes what is often mistaken for CSV before its bytes cause puzzling errors.
void refuse_other_kinds(std::string_view content, const std::string& file) {
  const auto fail = [&](long line, const std::string& what) { throw FileError(file, line, what); };
  if (content.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    fail(1, "the file is empty; give a header line and rows of numbers");
  }
  if (content.substr(0, 2) == "\x1F\x8B") {
    fail(1, "the file is compressed by gzip twice; decompress it first");
  }
  if (content.substr(0, 2) == "\xFF\xFE" || content.substr(0, 2) == "\xFE\xFF") {
    fail(1, "the file is UTF-16 text; save it as UTF-8");
  }
  // A text file holds no control characters; a few at the start are enough to know.
  const auto is_binary = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t' && !is_line_end(c)) || byte == 0x7F;
  };
  constexpr std::size_t inspected = 512;
  const std::string_view start = content.substr(0, inspected);
  const auto control = std::find_if(start.begin(), start.end(), is_binary);
  const std::size_t binary = control != start.end()
                                 ? static_cast<std::size_t>(control - start.begin())
                                 : content.find('\0');
  if (binary != std::string_view::npos) {
    fail(line_after(content.substr(0, binary)),
         fmt::format("binary data (byte 0x{:02X}); give CSV text, NPY, NPZ, Parquet or Arrow",
                     static_cast<unsigned>(static_cast<unsigned char>(content[binary]))));
  }
}

void check_delimiter(char delimiter) {
  const auto byte = static_cast<unsigned char>(delimiter);
  if (is_line_end(delimiter) || is_letter_or_digit(delimiter) || byte >= 0x7F ||
      (byte < 0x20 && delimiter != '\t') ||
      std::string_view("\"+-.").find(delimiter) != std::string_view::npos) {
    throw InvalidArgument("delimiter", shown(std::string_view(&delimiter, 1)),
                          "use one that cannot be part of a number or a quote, such as ',' or ';'");
  }
}

CsvReader reader(std::string_view content, const std::string& file, const TableOptions& options) {
  if (options.delimiter) check_delimiter(*options.delimiter);
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (content.substr(0, byte_order_mark.size()) == byte_order_mark) {
    content.remove_prefix(byte_order_mark.size());
  }
  refuse_other_kinds(content, file);
  return CsvReader(content, file, options.delimiter.value_or(find_delimiter(content)),
                   Origin::file);
}

CsvReader converted_reader(std::string_view content, const std::string& file) {
  return CsvReader(content, file, ',', Origin::converter);
}

}  // namespace

RawTable parse_csv(std::string_view content, const std::string& file, const TableOptions& options) {
  return reader(content, file, options).read();
}

std::vector<TextColumn> parse_csv_text(std::string_view content, const std::string& file,
                                       const TableOptions& options,
                                       const std::vector<Index>& columns) {
  return reader(content, file, options).read_text(columns);
}

RawTable parse_converted(std::string_view content, const std::string& file) {
  return converted_reader(content, file).read();
}

std::vector<TextColumn> parse_converted_text(std::string_view content, const std::string& file,
                                             const std::vector<Index>& columns) {
  return converted_reader(content, file).read_text(columns);
}

}  // namespace lodestone::io
