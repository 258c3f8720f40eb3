#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/model/table.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

using Bytes = std::string;

void store(const std::string& path, std::string_view content) {
  std::ofstream stream(path, std::ios::binary);
  stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  ASSERT_TRUE(stream.flush().good()) << path;
}

std::string load(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Gives each test a folder of its own, removed at its end.
class IoTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string stored(std::string_view content, const std::string& name = "data.csv") const {
    store(path(name), content);
    return path(name);
  }

  Table parse(std::string_view content, const TableOptions& options = {}) const {
    return read_table(stored(content), options);
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  support::TemporaryFolder temporary_;
  const fs::path& folder_ = temporary_.path();
};

/// Standard input that holds a few bytes, while it lives.
class StandardInput {
 public:
  explicit StandardInput(std::string_view content) : saved_(::dup(STDIN_FILENO)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    EXPECT_EQ(::write(ends[1], content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;
  ~StandardInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }

 private:
  int saved_;
};

/// Gives up the superuser's rights, where the tests run with them, while it lives.
class OrdinaryUser {
 public:
  OrdinaryUser() : superuser_(::geteuid() == 0) {
    if (superuser_) {
      EXPECT_EQ(::setresuid(nobody, nobody, 0), 0);
    }
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;
  ~OrdinaryUser() {
    if (superuser_) {
      EXPECT_EQ(::setresuid(0, 0, 0), 0);
    }
  }

 private:
  static constexpr uid_t nobody = 65534;
  bool superuser_;
};

/// Expects a call to throw FileError with one bounded line that starts and continues as given.
template <typename Call>
void expect_file_error(Call call, const std::string& start, const std::vector<std::string>& parts) {
  try {
    call();
    ADD_FAILURE() << "no error; expected " << start;
  } catch (const FileError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.compare(0, start.size(), start), 0) << message << "\nexpected " << start;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), start.size() + 400) << message;
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << message << "\nexpected " << part;
    }
  }
}

class CsvTest : public IoTest {
 protected:
  void expect_error(std::string_view content, long line, const std::vector<std::string>& parts,
                    const TableOptions& options = {}) const {
    const std::string file = stored(content);
    expect_file_error([&] { read_table(file, options); }, file + ":" + std::to_string(line) + ": ",
                      parts);
  }
};

Matrix matrix(std::initializer_list<std::initializer_list<double>> rows) {
  Matrix values(static_cast<Index>(rows.size()), static_cast<Index>(rows.begin()->size()));
  Index row = 0;
  for (const auto& cells : rows) {
    Index column = 0;
    for (const double cell : cells) values(row, column++) = cell;
    ++row;
  }
  return values;
}

using Names = std::vector<std::string>;

// ---- files

TEST(Crc32Test, AgreesWithKnownValues) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);
  EXPECT_EQ(crc32(""), 0u);
  EXPECT_EQ(crc32("a"), 0xE8B7BE43u);
  EXPECT_EQ(crc32("\xFF\xFF\xFF\xFF"), 0xFFFFFFFFu);
}

using FileTest = IoTest;

TEST_F(FileTest, ReadsBackWhatWasWritten) {
  const Bytes content = "some\0bytes\r\n\xFF"s;
  write_file_atomically(path("a"), content);
  EXPECT_EQ(read_file(path("a")), content);
  EXPECT_EQ(files(), Names{"a"});
}

TEST_F(FileTest, ReadsEmptyAndLargeFiles) {
  EXPECT_EQ(read_file(stored("", "empty")), "");
  const Bytes large(1000003, 'x');
  EXPECT_EQ(read_file(stored(large, "large")), large);
}

TEST_F(FileTest, ReadsStandardInput) {
  const StandardInput input("hello");
  EXPECT_EQ(read_file("-"), "hello");
}

TEST_F(FileTest, MissingFileIsAnError) {
  expect_file_error([&] { read_file(path("absent")); }, path("absent") + ": ",
                    {"No such file", "check the path"});
}

TEST_F(FileTest, FolderIsNoFile) {
  expect_file_error([&] { read_file(folder_.string()); }, folder_.string() + ": ",
                    {"directory", "give a file"});
  expect_file_error([&] { write_file_atomically(folder_.string(), "x"); }, folder_.string() + ": ",
                    {"directory", "give a file name"});
}

TEST_F(FileTest, WritingReplacesContentAndKeepsPermissions) {
  const std::string file = stored("old", "a");
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  write_file_atomically(file, "new");
  EXPECT_EQ(load(file), "new");
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0640u);
  EXPECT_EQ(files(), Names{"a"});
}

TEST_F(FileTest, WritingFollowsSymbolicLinks) {
  fs::create_directory(folder_ / "inner");
  fs::create_symlink("inner/target", path("link"));
  fs::create_symlink("link", path("second"));
  write_file_atomically(path("second"), "one");  // the target does not exist yet
  EXPECT_EQ(load(path("inner/target")), "one");
  write_file_atomically(path("link"), "two");
  EXPECT_EQ(load(path("inner/target")), "two");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_TRUE(fs::is_symlink(path("second")));
}

TEST_F(FileTest, LoopOfSymbolicLinksIsAnError) {
  fs::create_symlink("b", path("a"));
  fs::create_symlink("a", path("b"));
  expect_file_error([&] { write_file_atomically(path("a"), "x"); }, path("a") + ": ",
                    {"cannot be written"});
}

TEST_F(FileTest, LongFileNamesWork) {
  const std::string name(250, 'n');
  write_file_atomically(path(name), "x");
  EXPECT_EQ(load(path(name)), "x");
}

TEST_F(FileTest, MissingFolderIsAnError) {
  const std::string file = path("absent/file");
  expect_file_error([&] { write_file_atomically(file, "x"); }, file + ": ",
                    {"No such file", "create its folder first"});
}

TEST_F(FileTest, FileInPlaceOfFolderIsAnError) {
  stored("x", "plain");
  const std::string file = path("plain/file");
  expect_file_error([&] { write_file_atomically(file, "x"); }, file + ": ", {"Not a directory"});
}

TEST_F(FileTest, UnwritableFolderIsAnError) {
  fs::create_directory(folder_ / "locked");
  fs::permissions(folder_ / "locked", fs::perms::owner_read | fs::perms::owner_exec |
                                          fs::perms::others_read | fs::perms::others_exec);
  const std::string file = path("locked/file");
  {
    const OrdinaryUser user;
    expect_file_error([&] { write_file_atomically(file, "x"); }, file + ": ",
                      {"Permission denied", "choose a folder"});
  }
  EXPECT_TRUE(fs::is_empty(folder_ / "locked"));
  fs::permissions(folder_ / "locked", fs::perms::owner_all);
}

TEST_F(FileTest, ReadOnlyFileIsKept) {
  const std::string file = stored("old", "a");
  fs::permissions(file, fs::perms::owner_read | fs::perms::others_read);
  fs::permissions(folder_, fs::perms::all);
  {
    const OrdinaryUser user;
    expect_file_error([&] { write_file_atomically(file, "new"); }, file + ": ",
                      {"Permission denied"});
  }
  EXPECT_EQ(load(file), "old");
  EXPECT_EQ(files(), Names{"a"});
}

TEST_F(FileTest, FailedWriteKeepsTheOldFileAndLeavesNothingBehind) {
  const std::string file = stored("old", "a");
  // A limit on file size fails a write halfway, as a full disk does.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit tight = before;
  tight.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  std::string message;
  try {
    write_file_atomically(file, std::string(100000, 'x'));
  } catch (const FileError& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("File too large"), std::string::npos) << message;
  EXPECT_EQ(load(file), "old");
  EXPECT_EQ(files(), Names{"a"});
}

TEST_F(FileTest, FullDeviceIsAnError) {
  expect_file_error([] { write_file_atomically("/dev/full", "x"); },
                    "/dev/full: ", {"No space left", "free some space"});
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(FileTest, DevicesAreWrittenToAndNotReplaced) {
  write_file_atomically("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(FileTest, DashWritesToStandardOutput) {
  std::fflush(stdout);
  const int saved = ::dup(STDOUT_FILENO);
  const int file = ::open(path("out").c_str(), O_WRONLY | O_CREAT, 0600);
  ::dup2(file, STDOUT_FILENO);
  write_file_atomically("-", "shown");
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  ::close(file);
  EXPECT_EQ(load(path("out")), "shown");
  EXPECT_EQ(files(), Names{"out"});
}

// ---- CSV that is accepted

TEST_F(CsvTest, ReadsHeaderAndRows) {
  const Table table = parse("a,b,c\n1,2,3\n-4.5,6e-2,7E+3\n");
  EXPECT_EQ(table.names, (Names{"a", "b", "c"}));
  EXPECT_TRUE(table.has_names);
  EXPECT_EQ(table.values, matrix({{1, 2, 3}, {-4.5, 0.06, 7000}}));
}

TEST_F(CsvTest, FindsEachDelimiter) {
  for (const char delimiter : {',', ';', '\t', '|'}) {
    std::string content = "a,b\n1,2\n";
    std::replace(content.begin(), content.end(), ',', delimiter);
    const Table table = parse(content);
    EXPECT_EQ(table.names, (Names{"a", "b"})) << delimiter;
    EXPECT_EQ(table.values, matrix({{1, 2}})) << delimiter;
  }
}

TEST_F(CsvTest, DelimitersInsideQuotesAreNotCounted) {
  const Table table = parse("\"a,b,c \"\"d\"\",\";y\n1;2\n");
  EXPECT_EQ(table.names, (Names{"a,b,c \"d\",", "y"}));
}

TEST_F(CsvTest, QuoteInsideAnUnquotedNameIsKept) {
  EXPECT_EQ(parse("5\" pipe,y\n1,2\n").names, (Names{"5\" pipe", "y"}));
}

TEST_F(CsvTest, HonoursAGivenDelimiter) {
  EXPECT_EQ(parse("a;b,c\n1,2\n", {','}).names, (Names{"a;b", "c"}));
  EXPECT_EQ(parse("a b\n1 2\n", {' '}).values, matrix({{1, 2}}));
  EXPECT_EQ(parse("a:b\n1:2\n", {':'}).values, matrix({{1, 2}}));
}

TEST_F(CsvTest, RefusesDelimitersThatCannotWork) {
  for (const char delimiter : "\"\n\r1eE+-.\x01\x80"s) {
    EXPECT_THROW(parse("a\n1\n", {delimiter}), InvalidArgument) << delimiter;
  }
}

TEST_F(CsvTest, ReadsOneColumn) { EXPECT_EQ(parse("y\n1\n2\n").values, matrix({{1}, {2}})); }

TEST_F(CsvTest, ReadsQuotedFields) {
  const Table table = parse("\"a, b\",\"say \"\"x\"\"\",\"two\nlines\"\n\"1\",2,\" 3 \"\n");
  EXPECT_EQ(table.names, (Names{"a, b", "say \"x\"", "two\nlines"}));
  EXPECT_EQ(table.values, matrix({{1, 2, 3}}));
}

TEST_F(CsvTest, AcceptsEveryLineEnd) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const Table table = parse("a,b" + end + "1,2" + end + "3,4" + end);
    EXPECT_EQ(table.values, matrix({{1, 2}, {3, 4}}));
    EXPECT_EQ(table.names, (Names{"a", "b"}));
  }
}

TEST_F(CsvTest, AcceptsAMissingLastLineEnd) {
  EXPECT_EQ(parse("a,b\n1,2\n3,4").values, matrix({{1, 2}, {3, 4}}));
}

TEST_F(CsvTest, AcceptsBlankLinesAtTheEnd) {
  EXPECT_EQ(parse("a,b\n1,2\n\n  \r\n\n").values, matrix({{1, 2}}));
  EXPECT_EQ(parse("a\tb\n1\t2\n\n").values, matrix({{1, 2}}));
  EXPECT_EQ(parse("a\n1\n\n\n").values, matrix({{1}}));
}

TEST_F(CsvTest, AcceptsAByteOrderMark) {
  EXPECT_EQ(parse("\xEF\xBB\xBF"
                  "a,b\n1,2\n")
                .names,
            (Names{"a", "b"}));
}

TEST_F(CsvTest, AcceptsBlanksAroundNamesAndNumbers) {
  const Table table = parse(" a , b\t\n  1 ,\t2 \n");
  EXPECT_EQ(table.names, (Names{"a", "b"}));
  EXPECT_EQ(table.values, matrix({{1, 2}}));
  EXPECT_EQ(parse("a\tb\n 1 \t 2 \n").values, matrix({{1, 2}}));
}

TEST_F(CsvTest, ReadsEveryWayToWriteANumber) {
  const Table table = parse("a,b,c,d,e,f\n+1,-0.5,.25,3.,1e3,+2.5E-1\n");
  EXPECT_EQ(table.values, matrix({{1, -0.5, 0.25, 3, 1000, 0.25}}));
}

TEST_F(CsvTest, RoundsTinyNumbersTowardZero) {
  EXPECT_EQ(parse("a,b\n1e-400,5e-324\n").values, matrix({{0, 5e-324}}));
}

TEST_F(CsvTest, AcceptsNamesBeyondAscii) {
  EXPECT_EQ(parse("größe,\xE6\xB8\xA9\xE5\xBA\xA6,\xF0\x9F\x98\x80\n1,2,3\n").names,
            (Names{"größe", "\xE6\xB8\xA9\xE5\xBA\xA6", "\xF0\x9F\x98\x80"}));
}

TEST_F(CsvTest, AcceptsSomeNumericNames) {
  EXPECT_EQ(parse("x,1990,2000\n1,2,3\n").names, (Names{"x", "1990", "2000"}));
}

TEST_F(CsvTest, ReadsManyRowsAndColumns) {
  std::string content;
  constexpr Index rows = 3000;
  constexpr Index columns = 17;
  for (Index c = 0; c < columns; ++c) content += (c > 0 ? ",c" : "c") + std::to_string(c);
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) content += (c > 0 ? "," : "\r\n") + std::to_string(r * c);
  }
  const Table table = parse(content);
  ASSERT_EQ(table.values.rows(), rows);
  ASSERT_EQ(table.values.cols(), columns);
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) ASSERT_EQ(table.values(r, c), static_cast<double>(r * c));
  }
}

TEST_F(CsvTest, ReadsStandardInput) {
  {
    const StandardInput input("a,b\n1,2\n");
    EXPECT_EQ(read_table("-").values, matrix({{1, 2}}));
  }
  const StandardInput input("a,b\n1,x\n");
  expect_file_error([] { read_table("-"); }, "standard input:2: ", {"'b'", "'x'"});
}

// ---- CSV that is refused

TEST_F(CsvTest, MissingFileIsAnError) {
  expect_file_error([&] { read_table(path("absent.csv")); }, path("absent.csv") + ": ",
                    {"No such file"});
}

TEST_F(CsvTest, EmptyFileIsAnError) {
  for (const std::string content : {"", "\n", " \r\n\n", "\xEF\xBB\xBF", "\xEF\xBB\xBF\n"}) {
    expect_error(content, 1, {"empty", "header line"});
  }
}

TEST_F(CsvTest, HeaderWithoutRowsIsAnError) {
  for (const std::string content : {"a,b", "a,b\n", "a,b\r\n\r\n"}) {
    expect_error(content, 1, {"no rows", "add rows"});
  }
}

TEST_F(CsvTest, BlankFirstLineIsAnError) {
  expect_error("\na,b\n1,2\n", 1, {"blank line", "name the columns"});
}

TEST_F(CsvTest, BlankLineBetweenRowsIsAnError) {
  expect_error("a,b\n1,2\n\n3,4\n", 3, {"blank line between rows", "remove it"});
  expect_error("a\n1\n\n\n3\n", 3, {"blank line between rows"});
}

TEST_F(CsvTest, RaggedRowIsAnError) {
  expect_error("a,b,c\n1,2,3\n1,2\n", 3, {"got 2 fields", "the header has 3", "','"});
  expect_error("a,b,c\n1,2,3,4\n", 2, {"got 4 fields", "the header has 3"});
  expect_error("a,b\n1,2,\n", 2, {"got 3 fields"});
  expect_error("a;b\n1\n", 2, {"got 1 field,", "';'"});
  expect_error("a,b\n1,2\n1,2,", 3, {"got 3 fields"});
  expect_error("a\tb\n1\n", 2, {"separated by tab"});
}

TEST_F(CsvTest, TextIsAnError) {
  expect_error("a,b\n1,2\n3,abc\n", 3, {"'b'", "'abc'", "not a number", "remove this column"});
  for (const std::string text : {"0x1F", "1.5abc", "1 2", "--1", "+-1", "-+1", "++1", "1e", "1_000",
                                 "1.2.3", "e5", "+", "5 kg", "2020-01-02", "1d3"}) {
    expect_error("a,b\n" + text + ",1\n", 2, {"'a'", "'" + text + "'", "not a number"});
  }
}

TEST_F(CsvTest, AdviceFollowsTheText) {
  expect_error("a;b\n1,5;2\n", 2, {"decimal commas as points"});
  expect_error("a;b\n1,234,567;2\n", 2, {"thousands separators"});
  expect_error("a,b\n50%,2\n", 2, {"without '%'"});
  expect_error("a\n1;2\n", 2, {"check the delimiter"});
  expect_error("a,b\n5 kg,2\n", 2, {"code the text as numbers"});
}

TEST_F(CsvTest, MissingValuesAreErrors) {
  expect_error("a,b\n1,2\n,4\n", 3, {"'a' is empty", "are not accepted", "remove"});
  expect_error("a,b\n1,\n", 2, {"'b' is empty"});
  expect_error("a,b\n1, \n", 2, {"'b' is empty"});
  expect_error("a,b\n1,\"\"\n", 2, {"'b' is empty"});
  for (const std::string text : {"NA", "n/a", "#N/A", "nan", "NaN", "-nan", "nan(1)", "NULL",
                                 "None", "?", "-", ".", "inf", "-Inf", "+Infinity"}) {
    expect_error("a,b\n1," + text + "\n", 2,
                 {"'b'", "'" + text + "'", "missing and infinite values are not accepted"});
  }
}

TEST_F(CsvTest, NumbersBeyondFloat64AreErrors) {
  expect_error("a,b\n1,-1e400\n", 2, {"'b'", "'-1e400'", "beyond the range"});
}

TEST_F(CsvTest, RepeatedNamesAreErrors) {
  expect_error("a,b, a\n1,2,3\n", 1, {"columns 1 and 3", "'a'", "its own name"});
}

TEST_F(CsvTest, EmptyNamesAreErrors) {
  expect_error("a,,c\n1,2,3\n", 1, {"column 2 has no name"});
  expect_error("a,b,\n1,2,3\n", 1, {"column 3 has no name"});
  expect_error(",b\n1,2\n", 1, {"column 1 has no name"});
  expect_error("a,\" \"\n1,2\n", 1, {"column 2 has no name"});
}

TEST_F(CsvTest, HeaderOfNumbersIsAnError) {
  expect_error("1,2.5,-3\n4,5,6\n", 1, {"all numbers", "lacks", "names the columns"});
  expect_error("1,nan,\n4,5,6\n", 1, {"all numbers"});
  expect_error("7\n8\n", 1, {"all numbers"});
}

TEST_F(CsvTest, HeaderThatIsNotUtf8IsAnError) {
  for (const std::string name : {"gr\xF6\xDF"
                                 "e",
                                 "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                 "\xF5", "\xE6\xB8", "\x80"}) {
    expect_error("a," + name + "\n1,2\n", 1, {"column 2", "\\x", "UTF-8"});
  }
}

TEST_F(CsvTest, BinaryDataIsAnError) {
  expect_error("a,b\n1,2\n3,\0\n"s, 3, {"binary data", "0x00"});
  expect_error("\x7F\x45LF\x02\x01"s, 1, {"binary data"});
  expect_error("a,b\n" + std::string(1000, '\n') + "\0"s, 1002, {"binary data"});
  expect_error(
      "\xFF\xFE"
      "a\0,\0"s,
      1, {"UTF-16", "UTF-8"});
}

TEST_F(CsvTest, UnterminatedQuoteIsAnError) {
  expect_error("a,b\n1,2\n3,\"4\n5,6\n", 3, {"never closed"});
  expect_error("\"a,b\n1,2\n", 1, {"never closed"});
  expect_error("a\n\"", 2, {"never closed"});
}

TEST_F(CsvTest, TextAfterAClosingQuoteIsAnError) {
  expect_error("a,b\n\"1\"2,3\n", 2, {"closing quote", "'1'"});
}

TEST_F(CsvTest, LinesAreCountedThroughQuotedLineEnds) {
  expect_error("\"a\n\nc\",b\n1,2\nx,3\n", 5, {"'x'", "'a\\n\\nc'"});
  expect_error("\"a\r\nb\",c\r\n1,2\r\n\"1\",x\r\n", 4, {"'x'", "'c'"});
  expect_error("a,b\n1,2\n\"\n3\",4\n", 3, {"'\\n3'"});
  expect_error("a,b\n\"\n1\n\"\n", 2, {"got 1 field"});
}

TEST_F(CsvTest, LongTextIsCutInMessages) {
  expect_error("a,b\n1," + std::string(100000, 'z') + "\n", 2, {"zzz...'"});
  expect_error("a,b\n1,\"" + std::string(500, '\n') + "\"x\n", 502, {"closing quote"});
  expect_error(std::string(100000, 'n') + ",b\nx,1\n", 2, {"nnn...'"});
}

TEST_F(CsvTest, TextIsCutBetweenCharacters) {
  const std::string two_bytes = "\xC3\xA4";
  std::string letters;
  for (int i = 0; i < 100; ++i) letters += two_bytes;
  for (const std::string shift : {"", "x"}) {
    expect_error("a\n" + shift + letters + "\n", 2, {two_bytes + "...'"});
  }
}

TEST_F(CsvTest, ErrorsEscapeWhatDoesNotPrint) {
  const std::string padding(600, '\n');  // control characters near the start mean a binary file
  expect_error("\"a" + padding + "\"\n\x01\xFF\n", 602, {"'\\x01\\xFF'"});
}

TEST_F(CsvTest, ErrorsStayOnOneLine) { expect_error("a,b\n1,\"x\ny\"\n", 2, {"x\\ny"}); }

// ---- NPY

template <typename T>
Bytes raw(const std::vector<T>& values, bool swap = false) {
  Bytes bytes;
  for (const T value : values) {
    auto item = std::bit_cast<std::array<char, sizeof(T)>>(value);
    if (swap) std::reverse(item.begin(), item.end());
    bytes.append(item.data(), item.size());
  }
  return bytes;
}

/// An NPY file with the given header text.
Bytes npy(const std::string& dictionary, const Bytes& data, int version = 1) {
  Bytes bytes = "\x93NUMPY" + std::string{static_cast<char>(version), '\0'};
  const std::size_t length = dictionary.size() + 1;
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    bytes += static_cast<char>((length >> (8 * i)) & 0xFF);
  }
  return bytes + dictionary + "\n" + data;
}

std::string header(const std::string& type, const std::string& shape,
                   const std::string& fortran_order = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran_order + ", 'shape': " + shape +
         ", }";
}

constexpr bool kLittle = std::endian::native == std::endian::little;

class NpyTest : public IoTest {
 protected:
  Table read(const Bytes& content) const { return read_table(stored(content, "data.npy")); }
  Vector vector(const Bytes& content) const { return read_vector(stored(content, "data.npy")); }
  void expect_error(const Bytes& content, const std::vector<std::string>& parts) const {
    const std::string file = stored(content, "data.npy");
    expect_file_error([&] { read_table(file); }, file + ": ", parts);
  }
};

const Matrix kSixValues = matrix({{1, 2, 3}, {4, 5, 6}});

template <typename T>
Bytes six(const std::string& type, bool big) {
  return npy(header((big ? ">" : "<") + type, "(2, 3)"),
             raw<T>({1, 2, 3, 4, 5, 6}, big == kLittle));
}

TEST_F(NpyTest, ReadsEveryTypeInBothByteOrders) {
  for (const bool big : {false, true}) {
    EXPECT_EQ(read(six<double>("f8", big)).values, kSixValues);
    EXPECT_EQ(read(six<float>("f4", big)).values, kSixValues);
    EXPECT_EQ(read(six<std::int8_t>("i1", big)).values, kSixValues);
    EXPECT_EQ(read(six<std::int16_t>("i2", big)).values, kSixValues);
    EXPECT_EQ(read(six<std::int32_t>("i4", big)).values, kSixValues);
    EXPECT_EQ(read(six<std::int64_t>("i8", big)).values, kSixValues);
    EXPECT_EQ(read(six<std::uint8_t>("u1", big)).values, kSixValues);
    EXPECT_EQ(read(six<std::uint16_t>("u2", big)).values, kSixValues);
    EXPECT_EQ(read(six<std::uint32_t>("u4", big)).values, kSixValues);
    EXPECT_EQ(read(six<std::uint64_t>("u8", big)).values, kSixValues);
  }
}

TEST_F(NpyTest, KeepsSignsAndExtremes) {
  EXPECT_EQ(read(npy(header("|i1", "(1, 2)"), raw<std::int8_t>({-128, 127}))).values,
            matrix({{-128, 127}}));
  EXPECT_EQ(read(npy(header("|u1", "(1, 1)"), raw<std::uint8_t>({255}))).values, matrix({{255}}));
  EXPECT_EQ(read(npy(header("=i8", "(1, 1)"),
                     raw<std::int64_t>({std::numeric_limits<std::int64_t>::min()})))
                .values,
            matrix({{-0x1p63}}));
  EXPECT_EQ(read(npy(header("=u8", "(1, 1)"),
                     raw<std::uint64_t>({std::numeric_limits<std::uint64_t>::max()})))
                .values,
            matrix({{0x1p64}}));
}

TEST_F(NpyTest, ReadsBooleans) {
  for (const std::string type : {"|b1", "?", "b1"}) {
    EXPECT_EQ(read(npy(header(type, "(1, 3)"), "\0\1\2"s)).values, matrix({{0, 1, 1}}));
  }
}

TEST_F(NpyTest, ReadsFortranOrder) {
  EXPECT_EQ(read(npy(header("=f8", "(2, 3)", "True"), raw<double>({1, 4, 2, 5, 3, 6}))).values,
            kSixValues);
}

TEST_F(NpyTest, ReadsEveryVersion) {
  for (const int version : {1, 2, 3}) {
    EXPECT_EQ(read(npy(header("=f8", "(2, 3)"), raw<double>({1, 2, 3, 4, 5, 6}), version)).values,
              kSixValues);
  }
}

TEST_F(NpyTest, NamesColumnsByPosition) {
  const Table table = read(six<double>("f8", false));
  EXPECT_EQ(table.names, (Names{"x0", "x1", "x2"}));
  EXPECT_FALSE(table.has_names);
}

TEST_F(NpyTest, AcceptsOtherSpellingsOfTheHeader) {
  const Bytes data = raw<double>({1, 2});
  for (const std::string text :
       {"{\"shape\":(1,2),\"descr\":\"=f8\",\"fortran_order\":False}",
        "{'shape': (1L, 2L), 'fortran_order': False, 'descr': '=f8'}   ",
        "  { 'descr' : '=f8' , 'fortran_order' :\tFalse , 'shape' : ( 1 , 2 , ) , } \n"}) {
    EXPECT_EQ(read(npy(text, data)).values, matrix({{1, 2}})) << text;
  }
}

TEST_F(NpyTest, ToldByContentNotByExtension) {
  EXPECT_EQ(read_table(stored(six<double>("f8", false), "data.csv")).values, kSixValues);
  EXPECT_EQ(read_table(stored("a\n1\n", "data.npy")).values, matrix({{1}}));
}

TEST_F(NpyTest, ReadsVectors) {
  const Vector expected = (Vector(3) << 1, 2, 3).finished();
  const Bytes data = raw<double>({1, 2, 3});
  for (const std::string shape : {"(3,)", "(3, 1)", "(1, 3)"}) {
    for (const std::string order : {"True", "False"}) {
      EXPECT_EQ(vector(npy(header("=f8", shape, order), data)), expected) << shape;
    }
  }
  EXPECT_EQ(read_vector(stored("y\n1\n2\n3\n")), expected);
}

TEST_F(NpyTest, RefusesWhatIsNoVector) {
  const std::string file = stored(six<double>("f8", false), "data.npy");
  expect_file_error([&] { read_vector(file); }, file + ": ", {"(2, 3)", "1-D"});
  const std::string csv = stored("a,b\n1,2\n");
  expect_file_error([&] { read_vector(csv); }, csv + ":1: ", {"2 columns", "one column"});
}

TEST_F(NpyTest, RefusesOtherTypes) {
  const auto refuse = [&](const std::string& type, const std::string& part) {
    expect_error(npy(header(type, "(1, 1)"), Bytes(16, '\0')), {part, "float64"});
  };
  refuse("|O", "Python objects");
  refuse("<c16", "complex");
  refuse("|S5", "text");
  refuse("<U7", "text");
  refuse("<f2", "'<f2'");
  refuse("<f16", "'<f16'");
  refuse("<i3", "'<i3'");
  refuse("<i99999999999999999999999", "'<i999");
  refuse("<M8[D]", "'<M8[D]'");
  refuse("|V8", "'|V8'");
  refuse("|b2", "'|b2'");
  expect_error(
      npy("{'descr': [('a', '<f8'), ('b', '<i4')], 'fortran_order': False, 'shape': (3,), }",
          Bytes(36, '\0')),
      {"structured"});
}

TEST_F(NpyTest, RefusesOtherDimensions) {
  expect_error(npy(header("<f8", "(2, 3, 4)"), Bytes(192, '\0')), {"(2, 3, 4)", "2-D"});
  expect_error(npy(header("<f8", "(2,)"), Bytes(16, '\0')), {"(2,)", "2-D"});
  expect_error(npy(header("<f8", "()"), Bytes(8, '\0')), {"()", "2-D"});
}

TEST_F(NpyTest, RefusesEmptyArrays) {
  expect_error(npy(header("<f8", "(0, 3)"), ""), {"(0, 3)", "empty"});
  expect_error(npy(header("<f8", "(3, 0)"), ""), {"(3, 0)", "empty"});
}

TEST_F(NpyTest, RefusesDamagedHeaders) {
  for (const std::string text :
       {"",
        "{",
        "}",
        "{}",
        "nonsense",
        "{'descr': '<f8'}",
        "{'descr': '<f8', 'fortran_order': False}",
        "{'descr': '', 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<', 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order: False, 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': [1, 1]}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, -1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1.5)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (, )}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 99999999999999999999)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)} extra",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), 'more': 'x'}",
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order': False 'shape': (1, 1)}",
        "{'descr': __import__('os'), 'fortran_order': False, 'shape': (1, 1)}"}) {
    expect_error(npy(text, Bytes(8, '\0')), {"header is damaged", "save it again"});
  }
}

TEST_F(NpyTest, RefusesUnknownVersions) {
  expect_error(npy(header("<f8", "(1, 1)"), Bytes(8, '\0'), 4), {"version 4.0", "1.0 to 3.0"});
  expect_error("\x93NUMPY\x01\x01"s + Bytes(100, ' '), {"version 1.1"});
}

TEST_F(NpyTest, RefusesTruncatedFiles) {
  const Bytes whole = six<double>("f8", false);
  for (std::size_t size = 6; size < whole.size(); ++size) {
    const bool in_header = whole.size() - size > 48;
    const std::size_t found = 48 - (whole.size() - size);
    expect_error(whole.substr(0, size), in_header ? Names{"ends inside"}
                                                  : Names{"cut off", "takes 48 bytes",
                                                          "found " + std::to_string(found) + ";"});
  }
}

// Large enough for several of the blocks in which files are read.
TEST_F(NpyTest, ReadsLargeArraysInAnyOrderAndType) {
  constexpr Index rows = 70001;
  const std::string shape = "(" + std::to_string(rows) + ", 3)";
  std::vector<double> numbers;
  std::vector<float> halves;
  std::vector<std::uint16_t> counts;
  Vector count_values(3 * rows);
  for (Index i = 0; i < 3 * rows; ++i) {
    numbers.push_back(1.0 / static_cast<double>(i + 1));
    halves.push_back(static_cast<float>(i) / 2);
    counts.push_back(static_cast<std::uint16_t>(i));
    count_values[i] = counts.back();
  }
  const Eigen::Map<const Vector> number_values(numbers.data(), 3 * rows);
  Vector half_values(3 * rows);
  for (Index i = 0; i < 3 * rows; ++i) half_values[i] = static_cast<double>(i) / 2;
  const auto check = [&](const std::string& type, const Bytes& data, const Vector& values) {
    SCOPED_TRACE(type);
    EXPECT_EQ(read(npy(header(type, shape), data)).values,
              Eigen::Map<const Matrix>(values.data(), rows, 3));
    EXPECT_EQ(read(npy(header(type, shape, "True"), data)).values,
              Eigen::Map<const Eigen::MatrixXd>(values.data(), rows, 3));
  };
  check("=f8", raw(numbers), number_values);
  check(kLittle ? ">f8" : "<f8", raw(numbers, true), number_values);
  check("=f4", raw(halves), half_values);
  check("=u2", raw(counts), count_values);
}

TEST_F(NpyTest, RefusesTrailingBytes) {
  expect_error(six<double>("f8", false) + "x", {"bytes follow", "takes 48 bytes", "found 49"});
}

TEST_F(NpyTest, RefusesShapesWhoseSizeOverflows) {
  for (const std::string shape : {"(4294967296, 4294967296)", "(2305843009213693952, 1)",
                                  "(2305843009213693953, 8)", "(18446744073709551615, 1)"}) {
    expect_error(npy(header("<f8", shape), Bytes(64, '\0')), {"cut off", "found 64"});
  }
}

TEST_F(NpyTest, RefusesValuesThatAreNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const auto with = [](double value, const std::string& order) {
    return npy(header("=f8", "(2, 3)", order), raw<double>({1, 2, 3, 4, value, 6}));
  };
  expect_error(with(nan, "False"), {"row 1, column 1", "nan", "are not accepted"});
  expect_error(with(-infinity, "False"), {"row 1, column 1", "-inf"});
  expect_error(with(nan, "True"), {"row 0, column 2", "nan"});
}

// ---- NPZ

/// A zip archive that stores its entries uncompressed.
Bytes zip(const std::vector<std::pair<std::string, Bytes>>& entries) {
  const auto number = [](std::uint64_t value, int bytes) {
    Bytes text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xFF);
    return text;
  };
  Bytes archive;
  Bytes directory;
  for (const auto& [name, content] : entries) {
    const Bytes common = number(20, 2) + number(0, 2) + number(0, 2) + number(0, 2) +
                         number(0x21, 2) + number(crc32(content), 4) + number(content.size(), 4) +
                         number(content.size(), 4) + number(name.size(), 2) + number(0, 2);
    directory += "PK\x01\x02" + number(20, 2) + common + number(0, 8) + number(0, 2) +
                 number(archive.size(), 4) + name;
    archive += "PK\x03\x04" + common + name + content;
  }
  const Bytes count = number(entries.size(), 2);
  return archive + directory + "PK\x05\x06" + number(0, 4) + count + count +
         number(directory.size(), 4) + number(archive.size(), 4) + number(0, 2);
}

/// Compressed arrays X = [[1, 2, 3], [4, 5, 6]] (float64) and y = [7, 8] (int32).
Bytes compressed_npz() {
  constexpr std::string_view digits =
      "504b03042d000000080000002100397109daffffffffffffffff05001400582e6e707901001000b0000000000000"
      "005a000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9366a1aea3a09e965f54529498179f"
      "5f94920a12774bcc294e058a17672416a402f91a463a0ac69a3a0ab50a64032e0630f8600fa1191c201407941680"
      "d222505ac20100504b03042d000000080000002100e8107884ffffffffffffffff05001400792e6e707901001000"
      "88000000000000004b000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9369a2aea3a09e96"
      "5f54529498179f5f94920a12774bcc294e058a17672416a402f91a463a9a3a0ab50a14002e760606060e20060050"
      "4b01022d032d000000080000002100397109da5a000000b000000005000000000000000000000080010000000058"
      "2e6e7079504b01022d032d000000080000002100e81078844b000000880000000500000000000000000000008001"
      "91000000792e6e7079504b0506000000000200020066000000130100000000";
  Bytes bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

class NpzTest : public IoTest {
 protected:
  std::string archive(const std::vector<std::pair<std::string, Bytes>>& entries) const {
    return stored(zip(entries), "data.npz");
  }
  Bytes table_ = six<double>("f8", false);
  Bytes vector_ = npy(header("=f8", "(2,)"), raw<double>({7, 8}));
};

TEST_F(NpzTest, ReadsTheOnlyArray) {
  EXPECT_EQ(read_table(archive({{"X.npy", table_}})).values, kSixValues);
  EXPECT_EQ(read_table(archive({{"note.txt", "hello"}, {"X.npy", table_}})).values, kSixValues);
}

TEST_F(NpzTest, ReadsCompressedArrays) {
  const std::string file = stored(compressed_npz(), "data.npz");
  EXPECT_EQ(read_table(file).values, kSixValues);
  EXPECT_EQ(read_vector(file), (Vector(2) << 7, 8).finished());
}

TEST_F(NpzTest, PicksTheOnlyArrayThatFits) {
  const std::string file = archive({{"y.npy", vector_},
                                    {"X.npy", table_},
                                    {"names.npy", npy(header("<U3", "(3,)"), Bytes(36, '\0'))}});
  EXPECT_EQ(read_table(file).values, kSixValues);
  EXPECT_EQ(read_vector(file), (Vector(2) << 7, 8).finished());
}

TEST_F(NpzTest, ReadsANamedArray) {
  const Bytes other = npy(header("=f8", "(1, 1)"), raw<double>({9}));
  const std::string file = archive({{"X.npy", table_}, {"part/Z.npy", other}, {"a:b.npy", other}});
  EXPECT_EQ(read_table(file + ":X").values, kSixValues);
  EXPECT_EQ(read_table(file + ":X.npy").values, kSixValues);
  EXPECT_EQ(read_table(file + ":part/Z").values, matrix({{9}}));
  EXPECT_EQ(read_table(file + ":a:b").values, matrix({{9}}));
}

TEST_F(NpzTest, FileNamesMayHoldColons) {
  EXPECT_EQ(read_table(stored("a\n1\n", "data:2.csv")).values, matrix({{1}}));
  stored(zip({{"X.npy", table_}}), "at 12:30.npz");
  EXPECT_EQ(read_table(path("at 12:30.npz:X")).values, kSixValues);
}

TEST_F(NpzTest, SeveralArraysAreListed) {
  const std::string file = archive({{"A.npy", table_}, {"B.npy", table_}, {"y.npy", vector_}});
  expect_file_error([&] { read_table(file); }, file + ": ",
                    {"several 2-D arrays", "'A', 'B'", "FILE.npz:NAME"});
}

TEST_F(NpzTest, LongListsAreCut) {
  std::vector<std::pair<std::string, Bytes>> entries;
  for (int i = 0; i < 300; ++i) entries.emplace_back("n" + std::to_string(i) + ".npy", table_);
  const std::string file = archive(entries);
  expect_file_error([&] { read_table(file); }, file + ": ", {"'n9' and 290 more"});
}

TEST_F(NpzTest, NoFittingArrayIsAnError) {
  const std::string file = archive({{"y.npy", vector_}, {"z.npy", vector_}});
  expect_file_error([&] { read_table(file); }, file + ": ", {"no 2-D array", "'y', 'z'"});
}

TEST_F(NpzTest, UnknownNameIsAnError) {
  const std::string file = archive({{"X.npy", table_}});
  expect_file_error([&] { read_table(file + ":Q"); }, file + ": ", {"no array 'Q'", "'X'"});
  expect_file_error([&] { read_table(file + ":"); }, file + ":: ", {"no array name"});
}

TEST_F(NpzTest, NameForAnotherKindOfFileIsAnError) {
  const std::string file = stored("a\n1\n");
  expect_file_error([&] { read_table(file + ":X"); }, file + ": ",
                    {"no NPZ archive", "leave it out"});
}

TEST_F(NpzTest, ErrorsNameTheArray) {
  const std::string file =
      archive({{"X.npy", npy(header("|O", "(1, 1)"), "x")}, {"Y.npy", table_ + "more"}});
  expect_file_error([&] { read_table(file + ":X"); }, file + ":X: ", {"Python objects"});
  expect_file_error([&] { read_table(file + ":Y"); }, file + ":Y: ", {"bytes follow"});
}

TEST_F(NpzTest, ArchivesWithoutArraysAreErrors) {
  std::string file = archive({{"note.txt", "hello"}});
  expect_file_error([&] { read_table(file); }, file + ": ", {"without NPY arrays"});
  file = archive({});
  expect_file_error([&] { read_table(file); }, file + ": ", {"without NPY arrays"});
  file = archive({{"xl/workbook.xml", "<x/>"}});
  expect_file_error([&] { read_table(file); }, file + ": ", {"spreadsheet", "CSV"});
}

TEST_F(NpzTest, DamagedArchivesAreErrors) {
  Bytes content = zip({{"X.npy", table_}});
  std::string file = stored(content.substr(0, content.size() - 10), "cut.npz");
  expect_file_error([&] { read_table(file); }, file + ": ", {"damaged"});
  const std::size_t last_data_byte = content.find("PK\x01\x02") - 1;
  content[last_data_byte] = static_cast<char>(content[last_data_byte] ^ 1);
  file = stored(content, "changed.npz");
  expect_file_error([&] { read_table(file); }, file + ": ", {"damaged", "CRC"});
}

// ---- Parquet and Arrow files, which a converter reads

class ConvertedTest : public IoTest {
 protected:
  ~ConvertedTest() override { set_table_converter(nullptr); }

  /// From now on a converter makes this text of every such file.
  static void convert_to(const std::string& text) {
    set_table_converter([text](std::string_view, const std::string&) { return text; });
  }

  std::string file_ = stored("PAR1\x15\x04", "data");
};

TEST_F(ConvertedTest, AreRefusedWithoutAConverter) {
  for (const auto& [content, kind] : {std::pair{"PAR1\x15\x04"s, "a Parquet file"},
                                      {"ARROW1\0\0"s, "an Arrow file"},
                                      {"\xFF\xFF\xFF\xFF\x70\0\0\0"s, "an Arrow stream"}}) {
    stored(content, "data");
    expect_file_error([&] { read_table(file_); }, file_ + ": ", {kind, "give CSV, NPY or NPZ"});
    expect_file_error([&] { read_vector(file_); }, file_ + ": ", {kind});
  }
}

TEST_F(ConvertedTest, AreToldFromTextThatBeginsLikewise) {
  EXPECT_EQ(parse("PAR1,PAR2\n1,2\n").values, matrix({{1, 2}}));
  EXPECT_EQ(parse("PAR1\n1\n").values, matrix({{1}}));
  EXPECT_EQ(parse("ARROW1\tb\n1\t2\n").values, matrix({{1, 2}}));
}

TEST_F(ConvertedTest, TheConverterHasTheBytesAndTheName) {
  set_table_converter([&](std::string_view content, const std::string& file) {
    EXPECT_EQ(content, "PAR1\x15\x04");
    EXPECT_EQ(file, file_);
    return "\"\",\"\"\n\"1\",\"2\"\n1,2.5\n";  // names that are numbers
  });
  const Table table = read_table(file_);
  EXPECT_EQ(table.names, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(table.values, matrix({{1, 2.5}}));
  EXPECT_TRUE(table.has_names);
  convert_to("\"\"\n\"y\"\n1\n2\n");
  EXPECT_EQ(read_vector(file_).size(), 2);
}

TEST_F(ConvertedTest, PlacesAreRows) {
  convert_to("\"\",\"\"\n\"a\nb\",\"c\"\n1,2\n3,null\n");
  expect_file_error([&] { read_table(file_); },
                    file_ + ": row 1 (counted from 0), column 'c' is 'null'; ", {"missing"});
  expect_file_error([&] { read_vector(file_); }, file_ + ": the file has 2 columns", {});
  convert_to("\"\",\"\"\n\"a\",\"a\"\n1,2\n");
  expect_file_error([&] { read_table(file_); }, file_ + ": columns 1 and 2", {"both named 'a'"});
  convert_to("\"\"\n\"a\",\"b\"\n1,2\n");
  expect_file_error([&] { read_table(file_); },
                    file_ + ": its converter advises on 1 column, and it has 2", {});
}

TEST_F(ConvertedTest, AdviceIsGivenForTextOnly) {
  convert_to("\"\",\"count days\"\n\"a\",\"day\"\n1,\"2024-01-01\"\n");
  expect_file_error([&] { read_table(file_); }, file_ + ": row 0 (counted from 0), column 'day' ",
                    {"is '2024-01-01', not a number; count days"});
  convert_to("\"\",\"count days\"\n\"a\",\"day\"\n1,2\n");
  EXPECT_EQ(read_table(file_).values, matrix({{1, 2}}));
}

// ---- writing

TEST_F(IoTest, WrittenCsvReadsBackToTheLastBit) {
  std::mt19937_64 random(1);
  Table table;
  table.names = {"plain", "a, b", "say \"x\"", "two\nlines", "semi;colon", "größe"};
  table.values.resize(500, 6);
  for (Index i = 0; i < table.values.size(); ++i) {
    double value = 0;
    do {
      value = std::bit_cast<double>(random());
    } while (!std::isfinite(value));
    table.values.data()[i] = value;
  }
  table.values(0, 0) = -0.0;
  table.values(0, 1) = std::numeric_limits<double>::max();
  table.values(0, 2) = std::numeric_limits<double>::denorm_min();
  write_csv(path("a.csv"), table);
  const Table back = read_table(path("a.csv"));
  EXPECT_EQ(back.names, table.names);
  ASSERT_EQ(back.values.size(), table.values.size());
  EXPECT_EQ(std::memcmp(back.values.data(), table.values.data(),
                        sizeof(double) * static_cast<std::size_t>(table.values.size())),
            0);
}

TEST_F(IoTest, WrittenCsvIsShort) {
  write_csv(path("a.csv"), {{"a", "b c"}, matrix({{0.1, 1e300}, {3, -0.5}})});
  EXPECT_EQ(load(path("a.csv")), "a,b c\n0.1,1e+300\n3,-0.5\n");
}

TEST_F(IoTest, WrittenNpyReadsBack) {
  for (const Index columns : {1, 3, 1000}) {
    const Matrix values = Matrix::Random(7, columns);
    write_npy(path("a.npy"), values);
    EXPECT_EQ(read_table(path("a.npy")).values, values);
    const std::string content = load(path("a.npy"));
    EXPECT_EQ((content.size() - static_cast<std::size_t>(values.size()) * sizeof(double)) % 64, 0u);
  }
}

TEST_F(IoTest, WrittenNpzReadsBack) {
  const Matrix values = Matrix::Random(4, 6);
  const std::vector<double> numbers(values.data(), values.data() + values.size());
  const std::vector<NamedArray> arrays = {
      {"table", {4, 6}, numbers}, {"cube", {2, 3, 4}, numbers}, {"line", {24}, numbers}};
  write_npz(path("a.npz"), arrays);
  EXPECT_EQ(read_table(path("a.npz:table")).values, values);
  EXPECT_EQ(read_vector(path("a.npz:line")), Eigen::Map<const Vector>(values.data(), 24));
  const std::string first = load(path("a.npz"));
  write_npz(path("a.npz"), arrays);
  EXPECT_EQ(load(path("a.npz")), first);
  EXPECT_THROW(write_npz(path("b.npz"), {{"short", {3, 4}, numbers}}), InvalidArgument);
}

TEST_F(IoTest, WritingRefusesWhatCouldNotBeRead) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(write_csv(path("a.csv"), {{"a"}, matrix({{1, 2}})}), InvalidArgument);
  EXPECT_THROW(write_csv(path("a.csv"), {{"a"}, matrix({{nan}})}), InvalidArgument);
  EXPECT_THROW(write_csv(path("a.csv"), {{"a"}, Matrix(0, 1)}), InvalidArgument);
  EXPECT_THROW(write_npy(path("a.npy"), matrix({{nan}})), InvalidArgument);
  EXPECT_THROW(write_npy(path("a.npy"), Matrix(1, 0)), InvalidArgument);
  EXPECT_TRUE(files().empty());
}

// ---- damaged files of every kind

class DamageTest : public IoTest {
 protected:
  /// Reads files damaged at random: each must be refused with FileError or give a valid table.
  void survive(const Bytes& valid, const std::vector<Bytes>& tokens, unsigned seed, int rounds) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::size_t limit) {
      return static_cast<std::size_t>(random() % std::max<std::size_t>(limit, 1));
    };
    const std::string file = "-";  // through a pipe, quicker than a file
    int refused = 0;
    for (int round = 0; round < rounds; ++round) {
      Bytes bytes = valid;
      const std::size_t changes = 1 + below(4);
      for (std::size_t change = 0; change < changes; ++change) {
        const std::size_t at = below(bytes.size() + 1);
        switch (below(5)) {
          case 0:
            bytes.resize(at);
            break;
          case 1:
            if (at < bytes.size()) bytes[at] = static_cast<char>(random());
            break;
          case 2:
            bytes.erase(at, below(20));
            break;
          case 3:
            bytes.insert(at, bytes.substr(below(bytes.size()), below(60)));
            break;
          default:
            bytes.insert(at, tokens[below(tokens.size())]);
        }
      }
      ASSERT_LT(bytes.size(), 60000u) << "must fit into a pipe";
      for (const bool as_vector : {false, true}) {
        const StandardInput input(bytes);
        try {
          if (as_vector) {
            EXPECT_TRUE(read_vector(file).allFinite());
          } else {
            const Table table = read_table(file);
            EXPECT_EQ(static_cast<Index>(table.names.size()), table.values.cols());
            EXPECT_GT(table.values.size(), 0);
            EXPECT_TRUE(table.values.allFinite());
          }
        } catch (const FileError& error) {
          ++refused;
          EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
        }
      }
    }
    EXPECT_GT(refused, rounds / 10);
  }
};

TEST_F(DamageTest, Csv) {
  std::string content = "\"first, column\",b,\"say \"\"c\"\"\"\r\n";
  for (int row = 0; row < 12; ++row) content += "1.5,\"2e3\", -7.25\r\n+0.125,3,\"4\"\r\n";
  survive(
      content,
      {",", "\"", "\n", "\r", "\r\n", "\"\"", "nan", "1e999", "\0"s, "+", "-", "\xFF", ";", "\t"},
      7, 4000);
}

TEST_F(DamageTest, Npy) {
  survive(
      six<double>("f8", false),
      {"(", ")", ",", "'", "{", "}", "0", "99999999999999999999", "L", "True", "\0"s, "4294967296"},
      8, 4000);
}

TEST_F(DamageTest, Npz) {
  survive(compressed_npz(), {"PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "\xFF\xFF\xFF\xFF", "\0\0"s},
          9, 3000);
}

}  // namespace
}  // namespace lodestone
