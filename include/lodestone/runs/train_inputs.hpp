#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/io/config/option.hpp"
#include "lodestone/runs/train.hpp"

namespace lodestone {

/// What a run of `train` reads before it starts.
struct TrainInputs {
  std::optional<Teacher> teacher;
  std::optional<Dataset> data;
  std::optional<Dataset> validation;
  std::optional<Dataset> test;
};

/// The source with the paths that file_of_run finds for the run in `run`. Throws FileError.
DataSource source_of_run(const std::filesystem::path& run, DataSource source);

/// The options with the paths that file_of_run finds, for reading; the run's configuration keeps
/// the paths it has. Throws FileError.
TrainOptions inputs_of_run(const std::filesystem::path& run, TrainOptions options);

/// Makes the option `schedule` of a table of train_options(options) look for a file as file_of_run
/// does, and keep its name.
void find_schedule_of_run(const std::filesystem::path& run, std::vector<Option>& table,
                          TrainOptions& options);

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
