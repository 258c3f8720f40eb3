#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "lodestone/train.hpp"

namespace lodestone {

/// The folder of one run: config.toml, teacher.json where there is one, history.csv, model.json
/// (features for people), network.json (the network that the summary's numbers belong to, neuron by
/// neuron), summary.json, and a checkpoint while the run is unfinished. Every file appears whole or
/// not at all.
class RunFolder {
 public:
  /// Makes the folder for a new run and writes its config.toml. Throws FileError when the folder
  /// already holds a run (unless overwrite, which removes that run's files and nothing else, once
  /// the new configuration is safely written) or cannot be written to.
  static RunFolder create(const std::filesystem::path& path, bool overwrite,
                          const std::string& config);

  /// Opens the folder of an earlier run. Throws FileError when there is none.
  static RunFolder open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

  /// True when the run came to its end: a summary and no checkpoint.
  bool complete() const;

  /// Columns about errors on other rows appear where any line has them.
  void write_history(const std::vector<HistoryRow>& history) const;

  /// `fingerprint` stands for everything the run depends on (configuration and data); a checkpoint
  /// is only accepted with the same one.
  void write_checkpoint(const TrainState& state, const std::string& fingerprint) const;

  /// The saved state, or nothing when the run was cut off before its first checkpoint. Throws
  /// FileError for a checkpoint cut short, damaged, from another version or of another problem.
  std::optional<TrainState> read_checkpoint(const std::string& fingerprint) const;
  void remove_checkpoint() const;

  /// Writes all files of a result. The checkpoint of an unfinished run goes first and that of a
  /// finished one last: while it is there, a run that is cut off here can be resumed.
  void write_result(const TrainState& state, const TrainResult& result, const std::string& summary,
                    const std::string& fingerprint) const;

  /// Removes the run's files and nothing else, and the folder when nothing else is in it.
  void remove() const;

 private:
  void remove_unfinished_files() const;

  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// summary.json of a run, as text.
std::string summary_text(const Problem& problem, const TrainOptions& options,
                         const TrainState& state, const TrainResult& result);

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
