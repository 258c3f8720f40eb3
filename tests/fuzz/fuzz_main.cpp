// libFuzzer's side of the readers: LODESTONE_FUZZ_FORMAT names the one that is tried.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/readers.hpp"
#include "io/cbor.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace lodestone::fuzz {
namespace {

using Json = nlohmann::ordered_json;

const Reader& chosen() {
  static const Reader& reader = []() -> const Reader& {
    const char* format = std::getenv("LODESTONE_FUZZ_FORMAT");
    for (const Reader& one : readers()) {
      if (format != nullptr && one.format == format) return one;
    }
    std::fputs("LODESTONE_FUZZ_FORMAT must be one of:", stderr);
    for (const Reader& one : readers()) std::fprintf(stderr, " %s", one.format.c_str());
    std::fputs("\n", stderr);
    std::exit(2);
  }();
  return reader;
}

/// Changes one value of a document, so that the rest of it still passes.
class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  void change(Json& document) {
    std::vector<Json*> values;
    collect(document, values, 0);
    Json& value = *values[below(values.size())];
    switch (below(6)) {
      case 0:
        value = odd_value();
        return;
      case 1:
        value = Json(*values[below(values.size())]);
        return;
      case 2:
        if (value.is_array() && !value.empty()) {
          value.push_back(Json(value[below(value.size())]));
        } else {
          value = Json::array({odd_value()});
        }
        return;
      case 3:
        if (value.is_structured() && !value.empty()) {
          value.erase(std::next(value.begin(), static_cast<std::ptrdiff_t>(below(value.size()))));
        } else {
          value = odd_value();
        }
        return;
      case 4:
        if (value.is_string()) {
          value = changed(value.get<std::string>());
        } else if (value.is_number()) {
          value = value.get<double>() * static_cast<double>(below(5)) - 1.0;
        }
        return;
      default:
        if (value.is_object()) {
          value[changed(value.empty() ? "key" : value.begin().key())] = odd_value();
        } else {
          value = odd_value();
        }
    }
  }

  std::size_t below(std::size_t end) { return random_() % end; }

 private:
  static void collect(Json& json, std::vector<Json*>& values, int depth) {
    constexpr int deepest = 32;
    values.push_back(&json);
    if (!json.is_structured() || depth == deepest) return;
    for (Json& item : json) collect(item, values, depth + 1);
  }

  Json odd_value() {
    switch (below(16)) {
      case 0:
        return nullptr;
      case 1:
        return true;
      case 2:
        return 0;
      case 3:
        return -1;
      case 4:
        return std::uint64_t{1} << 63;
      case 5:
        return INT64_MIN;
      case 6:
        return 1e308;
      case 7:
        return -1e-320;
      case 8:
        return 0.5;
      case 9:
        return "";
      case 10:
        return "whiten";
      case 11:
        return Json::array();
      case 12:
        return Json::object();
      case 13:
        return 4294967297;
      case 14:
        return 1e19;
      default:
        return static_cast<int>(below(8));
    }
  }

  std::string changed(std::string text) {
    const std::size_t size = text.size();
    text.resize(size + 8);
    text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), size, text.size()));
    return text;
  }

  std::minstd_rand random_;
};

/// Discarded where the bytes are damaged, or too deep: nlohmann's reader of CBOR calls itself for
/// each level.
Json parsed(std::string_view bytes, Structure structure) {
  try {
    return structure == Structure::json ? Json(Json::parse(bytes)) : Json(io::from_cbor(bytes));
  } catch (const std::exception&) {
    return Json(Json::value_t::discarded);
  }
}

std::string written(const Json& json, Structure structure) {
  if (structure == Structure::json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  const std::vector<std::uint8_t> bytes = Json::to_cbor(json);
  return {bytes.begin(), bytes.end()};
}

}  // namespace
}  // namespace lodestone::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lodestone::support::TemporaryFolder folder;
  lodestone::fuzz::chosen().read(folder, {reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  using namespace lodestone::fuzz;
  const Structure structure = chosen().structure;
  Mutator mutator(seed);
  // A third of all changes are of bytes, so that damaged documents are tried too.
  constexpr std::size_t largest_document = std::size_t{1} << 14;
  if (structure == Structure::none || size > largest_document || mutator.below(3) == 0) {
    return LLVMFuzzerMutate(data, size, most);
  }
  Json json = parsed({reinterpret_cast<const char*>(data), size}, structure);
  if (json.is_discarded()) return LLVMFuzzerMutate(data, size, most);
  mutator.change(json);
  const std::string text = written(json, structure);
  if (text.size() > most) return LLVMFuzzerMutate(data, size, most);
  text.copy(reinterpret_cast<char*>(data), text.size());
  return text.size();
}
