// The inputs that fuzzing keeps (tests/fuzz), through the same readers: those that together reach
// all code that was reached, and those that a reader once failed on.

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "fuzz/readers.hpp"
#include "io/cbor.hpp"
#include "io/json_number.hpp"
#include "unit/support.hpp"

namespace lodestone {
namespace {

namespace fs = std::filesystem;

const fs::path inputs = LODESTONE_FUZZ_INPUTS;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class Readers : public testing::TestWithParam<fuzz::Reader> {};

TEST_P(Readers, KeepTheirPromisesForAllInputsThatWereFound) {
  const fuzz::Reader& reader = GetParam();
  const support::TemporaryFolder folder;
  std::vector<fs::path> files = files_in(inputs / "corpus" / reader.format);
  EXPECT_FALSE(files.empty());
  const std::vector<fs::path> faults = files_in(inputs / "faults" / reader.format);
  files.insert(files.end(), faults.begin(), faults.end());
  for (const fs::path& file : files) {
    try {
      reader.read(folder, content_of(file));
    } catch (const std::exception& error) {
      ADD_FAILURE() << file << ": " << error.what();
    }
  }
}

// Damage that no fuzzer has to find: an input cut off at every byte, and with every byte changed.
TEST_P(Readers, KeepTheirPromisesForDamagedInputs) {
  const fuzz::Reader& reader = GetParam();
  const support::TemporaryFolder folder;
  const std::vector<fs::path> files = files_in(inputs / "corpus" / reader.format);
  ASSERT_FALSE(files.empty());
  const auto shortest =
      std::min_element(files.begin(), files.end(), [](const fs::path& left, const fs::path& right) {
        return fs::file_size(left) < fs::file_size(right);
      });
  const std::string whole = content_of(*shortest);
  for (std::size_t at = 0; at < std::min<std::size_t>(whole.size(), 512); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x15);
    for (const std::string& damaged : {whole.substr(0, at), changed}) {
      try {
        reader.read(folder, damaged);
      } catch (const std::exception& error) {
        ADD_FAILURE() << *shortest << " at byte " << at << ": " << error.what();
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Readers, testing::ValuesIn(fuzz::readers()),
                         [](const auto& one) { return one.param.format; });

using Json = nlohmann::ordered_json;

TEST(WholeNumber, IsTakenInTheRangeOfItsTypeAndRefusedBeyond) {
  EXPECT_EQ(io::whole_number<int>(Json(7), "n"), 7);
  EXPECT_EQ(io::whole_number<int>(Json(-7.0), "n"), -7);
  EXPECT_EQ(io::whole_number<std::uint64_t>(Json(~std::uint64_t{0}), "n"), ~std::uint64_t{0});
  for (const Json& wrong :
       {Json(4294967297), Json(0.5), Json(1e300), Json(true), Json("7"), Json()}) {
    EXPECT_THROW(io::whole_number<int>(wrong, "n"), std::out_of_range) << wrong;
  }
  EXPECT_THROW(io::whole_number<std::uint64_t>(Json(-1), "n"), std::out_of_range);
}

std::string cbor(const Json& json) {
  const std::vector<std::uint8_t> bytes = Json::to_cbor(json);
  return {bytes.begin(), bytes.end()};
}

TEST(Cbor, IsReadAsItWasWritten) {
  const Json json = {{"list", {1, -2, 0.5, "text", nullptr, true, Json::array(), Json::object()}},
                     {"long", std::string(300, 'a')},
                     {"numbers", std::vector<double>(1000, 1.5)}};
  EXPECT_EQ(io::from_cbor(cbor(json)), json);
}

TEST(Cbor, RefusesWhatWouldTakeTheStackOfItsReader) {
  constexpr std::size_t count = 1000000;
  EXPECT_THROW(io::from_cbor(std::string(count, '\x81')), std::out_of_range);  // lists
  EXPECT_THROW(io::from_cbor(std::string(count, '\xA1')), std::out_of_range);  // objects
  EXPECT_THROW(io::from_cbor(std::string(count, '\x7F')), std::out_of_range);  // pieces of text
  EXPECT_THROW(io::from_cbor(std::string(count, '\xC6')), std::out_of_range);  // tags
}

}  // namespace
}  // namespace lodestone
