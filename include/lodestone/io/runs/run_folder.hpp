#pragma once

#include <filesystem>
#include <string>
#include <utility>

namespace lodestone {

/// The folder of one run: config.toml, teacher.json where there is one, history.csv, model.json
/// (features for people), network.json (the network that the summary's numbers belong to, neuron by
/// neuron), summary.json, and a checkpoint while the run is unfinished. Every file appears whole or
/// not at all. origin.json tells where the run was made, for the relative paths in config.toml.
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

  /// True when the run came to its end, whatever its status: a summary that says so and no
  /// checkpoint.
  bool complete() const;

  void remove_checkpoint() const;

  /// Removes the run's files and nothing else, and the folder when nothing else is in it.
  void remove() const;

 private:
  void remove_unfinished_files() const;

  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// A file that the configuration of the run in `run` names. A relative path is looked for in the
/// working folder of the run when it was made, then where that folder would be if it had moved
/// together with the run's, then in the working folder of now. Throws FileError naming these places
/// when it is in none of them. A run without origin.json knows only the working folder of now.
std::string file_of_run(const std::filesystem::path& run, const std::string& file);

}  // namespace lodestone
