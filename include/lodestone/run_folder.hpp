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

 private:
  void remove_unfinished_files() const;

  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// summary.json of a run, as text.
std::string summary_text(const Problem& problem, const TrainOptions& options,
                         const TrainState& state, const TrainResult& result);

/// A short code for everything a run depends on: its configuration (budgets left out), the numbers
/// of a schedule file, the teacher, the rows of the data files with their weights and encodings.
std::string fingerprint(const std::string& config, const Schedule& schedule,
                        const std::optional<Teacher>& teacher, const std::optional<Dataset>& data,
                        const std::optional<Dataset>& validation = std::nullopt,
                        const std::optional<Dataset>& test = std::nullopt);

}  // namespace lodestone
