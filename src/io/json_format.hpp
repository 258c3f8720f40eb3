#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "io/json_number.hpp"
#include "io/json_text.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"

namespace lodestone::io {

/// What a JSON file of ours says about itself, and how people call it.
struct Format {
  const char* name;
  int version;
  const char* what;    ///< "model"
  const char* advice;  ///< what to give instead: "the model.json of a run"
};

/// read(json) of a file of this format. Throws FileError for files that cannot be read, have
/// another format, or are damaged: read() throws nlohmann::json::exception, std::out_of_range or
/// InvalidArgument for those.
template <class Read>
auto read_json(const std::string& path, const Format& format, const Read& read)
    -> std::invoke_result_t<Read, const nlohmann::ordered_json&> {
  const std::string content = read_file(path);
  try {
    const auto json = nlohmann::ordered_json::parse(content);
    if (!json.is_object() || json.value("format", "") != format.name) {
      throw FileError(path,
                      fmt::format("is not a Lodestone {}; give {}", format.what, format.advice));
    }
    const int version = whole_number_at<int>(json, "version");
    if (version != format.version) {
      throw FileError(path, fmt::format("is a {} of format version {}; this program reads version "
                                        "{}: use the Lodestone that wrote it",
                                        format.what, version, format.version));
    }
    return read(json);
  } catch (const nlohmann::json::parse_error& error) {
    throw FileError(path, fmt::format("is damaged or not a Lodestone {} (not JSON from byte {} on)",
                                      format.what, error.byte));
  } catch (const nlohmann::json::exception& error) {
    throw FileError(path, "is damaged: " + plain_message(error));
  } catch (const std::out_of_range& error) {
    throw FileError(path, fmt::format("is damaged: {}", error.what()));
  } catch (const InvalidArgument& error) {
    throw FileError(path, fmt::format("is damaged: {}", error.what()));
  }
}

}  // namespace lodestone::io
