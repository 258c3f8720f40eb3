#pragma once

#include <nlohmann/json.hpp>

#include "lodestone/model/model.hpp"

namespace lodestone::io {

/// A model as the object that model.json is.
nlohmann::ordered_json model_json(const Model& model);

/// The model of such an object. Throws nlohmann::json::exception, std::out_of_range or
/// InvalidArgument where it is damaged.
Model model_from(const nlohmann::ordered_json& json);

}  // namespace lodestone::io
