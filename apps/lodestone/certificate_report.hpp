#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "judged_model.hpp"

namespace lodestone::app {

/// The model, and what it is judged on.
nlohmann::ordered_json judged_json(const JudgedModel& judged);

/// What was found of a model, with every neuron. `tolerance` is the largest |η − sign| that does
/// not violate optimality.
nlohmann::ordered_json certificate_json(const JudgedModel& judged, const ModelCertificate& found,
                                        double tolerance);

/// The same for people: the heaviest neurons and a line for each number.
std::string certificate_table(const JudgedModel& judged, const ModelCertificate& found,
                              double tolerance);

}  // namespace lodestone::app
