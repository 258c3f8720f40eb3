#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/model_certificate.hpp"
#include "lodestone/train.hpp"

namespace lodestone {

/// One option as a person sees it: the same entry makes the flag --name, the configuration key, and
/// the documentation.
struct Option {
  enum class Kind { text, number, flag };
  std::string name;  ///< without dashes, such as "lambda-start"
  Kind kind = Kind::text;
  std::string value;  ///< placeholder of its value, such as "X"; empty for a flag
  std::string help;   ///< what it does, its range and its default

  /// Sets it from text. Throws InvalidArgument naming the option, the value and the rule.
  std::function<void(const std::string&)> set;

  /// The current value as `set` takes it; empty when it has none.
  std::function<std::string()> get;

  bool changes_on_resume = false;  ///< may be given again when a run is resumed
};

/// The table of all options of `train`, bound to a struct that must outlive it.
std::vector<Option> train_options(TrainOptions& options);

/// What `sample` draws.
struct SampleOptions {
  std::string teacher;     ///< as read_teacher takes it
  Index samples = 1000;    ///< rows, >= 1
  double noise = 0.0;      ///< as draw_samples takes it
  std::uint64_t seed = 0;  ///< of rows and noise
};
std::vector<Option> sample_options(SampleOptions& options);

/// How `predict` reads.
struct PredictOptions {
  std::optional<char> delimiter;  ///< of a CSV file; absent: found
};
std::vector<Option> predict_options(PredictOptions& options);

/// What `certify` judges, and how.
struct CertifyRequest {
  std::string data;  ///< data file and its target, or
  std::string target;
  std::optional<char> delimiter;
  std::string teacher;  ///< as read_teacher takes it
  /// Coordinates in which a network without standardization of its own is judged; absent: none.
  std::optional<Standardization::Kind> standardize;
  bool verify = false;  ///< have every number recomputed by the verifier
  CertifyOptions how;
};
std::vector<Option> certify_options(CertifyRequest& request);

/// An option without a value.
Option flag_option(std::string name, std::string help, bool& field);

/// One "key = value" of a configuration file.
struct ConfigEntry {
  std::string key;
  std::string value;
  long line = 0;
};

/// Reads a TOML file of top-level keys. Throws FileError with the line for bad syntax, nested
/// tables or values that are not numbers, strings or booleans.
std::vector<ConfigEntry> read_config(const std::string& path);

/// TOML text of all options that have a value, with their help as comments or without.
std::string config_text(const std::vector<Option>& options, bool with_help = true);

}  // namespace lodestone
