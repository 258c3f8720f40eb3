#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "laboratory/lab_request.hpp"
#include "laboratory/laboratory.hpp"

namespace lodestone {

/// An experiment with what it found and its pictures.
struct ExperimentOutcome {
  const Experiment* experiment = nullptr;
  ExperimentResult result;
  std::vector<std::string> pictures;  ///< SVG, one a figure; empty where it was not drawn
  double seconds = 0.0;
};

/// The folder of one run of `lab`: config.toml, data/NAME.csv with data/NAME.gp beside it,
/// figures/NAME.svg, lab.json and index.html. Every file appears whole or not at all.
class LaboratoryFolder {
 public:
  /// Makes the folder and writes its config.toml, under RunFolder's rules: a folder that holds a
  /// run is refused with FileError, or with overwrite loses that run's files and nothing else.
  static LaboratoryFolder create(const std::filesystem::path& path, bool overwrite,
                                 const std::string& config);

  /// Writes the experiment's tables, the scripts of its figures and, where gnuplot is installed,
  /// the figures, which become `outcome.pictures`. What gnuplot could not do becomes `problem`.
  void write_experiment(ExperimentOutcome& outcome);

  /// Writes lab.json and index.html.
  void write_report(const std::vector<ExperimentOutcome>& outcomes, const LabRequest& request);

  const std::filesystem::path& path() const { return path_; }

  /// One sentence for people about figures that could not be drawn; empty where all were.
  const std::string& problem() const { return problem_; }

 private:
  explicit LaboratoryFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::string problem_;
};

/// lab.json: a list with an entry an experiment.
std::string lab_json(const std::vector<ExperimentOutcome>& outcomes);

/// index.html: one page without scripts or anything from elsewhere, to be read from top to bottom.
std::string laboratory_page(const std::vector<ExperimentOutcome>& outcomes,
                            const LabRequest& request);

}  // namespace lodestone
