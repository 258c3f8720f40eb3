#pragma once

#include <optional>
#include <string>

#include "lodestone/runs/train.hpp"

namespace lodestone {

/// What a run of `train` reads before it starts.
struct TrainInputs {
  std::optional<Teacher> teacher;
  std::optional<Dataset> data;
  std::optional<Dataset> validation;
  std::optional<Dataset> test;
};

/// Reads or draws what the options name. Throws InvalidArgument or FileError.
TrainInputs read_train_inputs(const TrainOptions& options);

/// The configuration as the problem sees it, as text: budgets, which may change from one resume to
/// the next, at their defaults.
std::string settled_config(TrainOptions options);

/// A short code for everything a run depends on: its configuration (budgets left out), the numbers
/// of a schedule file, the teacher, the rows of the data files with their weights and encodings.
std::string fingerprint(const std::string& config, const Schedule& schedule,
                        const std::optional<Teacher>& teacher, const std::optional<Dataset>& data,
                        const std::optional<Dataset>& validation = std::nullopt,
                        const std::optional<Dataset>& test = std::nullopt);

}  // namespace lodestone
