#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace lodestone::io {

/// The value of CBOR bytes, of the kind that nlohmann's to_cbor writes. Throws
/// nlohmann::json::exception for damaged bytes, and std::out_of_range for lists and objects more
/// than 16 deep, lengths that are told afterwards, and tags.
nlohmann::ordered_json from_cbor(std::string_view bytes);

}  // namespace lodestone::io
