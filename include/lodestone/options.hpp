#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/benchmark.hpp"
#include "lodestone/fit.hpp"
#include "lodestone/laboratory.hpp"
#include "lodestone/model_certificate.hpp"
#include "lodestone/sweep.hpp"
#include "lodestone/train.hpp"

namespace lodestone {

/// One option as a person sees it: the same entry makes the flag --name, the configuration key, and
/// the documentation.
struct Option {
  enum class Kind { text, number, flag, list };
  std::string name;  ///< without dashes, such as "lambda-start"
  Kind kind = Kind::text;
  std::string value;  ///< placeholder of its value, such as "X"; empty for a flag
  std::string help;   ///< what it does, its range and its default

  /// Sets it from text; a list from names separated by commas, a name with a comma in double
  /// quotes. Throws InvalidArgument naming the option, the value and the rule.
  std::function<void(const std::string&)> set;

  /// The current value as `set` takes it; empty when it has none.
  std::function<std::string()> get;

  bool changes_on_resume = false;  ///< may be given again when a run is resumed
  bool repeats = false;  ///< a list whose flag names one item, and may be given several times
};

/// Items as the `set` of a list takes them.
std::string list_text(const std::vector<std::string>& items);

/// A flag, true or false, bound to a variable that must outlive it.
Option flag_option(const std::string& name, const std::string& help, bool& field);

/// How a data file is read: the part that `train` and other verbs share.
std::vector<Option> data_options(DataSource& source);

/// The table of all options of `train`, bound to a struct that must outlive it.
std::vector<Option> train_options(TrainOptions& options);

/// What `fit` does: the rows or the teacher, and how they are fitted.
struct FitRequest {
  std::string teacher;  ///< as read_teacher takes it, or
  Index samples = 0;    ///< rows drawn from it; 0: its exact population
  double noise = 0.0;   ///< as draw_samples takes it
  DataSource data;      ///< a data file
  std::string validation_file;
  std::string test_file;
  double test_share = 0.0;                           ///< of a file's rows, 0 to 0.9
  std::optional<Standardization::Kind> standardize;  ///< absent: scale for files, none for teachers
  std::optional<bool> biases;                        ///< absent: on for files, off for teachers
  double max_seconds = std::numeric_limits<double>::infinity();  ///< > 0
  FitOptions how;

  /// Throws InvalidArgument for fields out of range or at odds with each other.
  void validate() const;
};
std::vector<Option> fit_options(FitRequest& request);

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
  bool drop_missing = false;      ///< no prediction for rows with missing values
};
std::vector<Option> predict_options(PredictOptions& options);

/// What `certify` judges, and how.
struct CertifyRequest {
  DataSource data;      ///< rows to judge it on; without a target, the model's, or
  std::string teacher;  ///< as read_teacher takes it
  /// Coordinates in which a network without standardization of its own is judged; absent: none.
  std::optional<Standardization::Kind> standardize;
  bool verify = false;  ///< have every number recomputed by the verifier
  CertifyOptions how;
};
std::vector<Option> certify_options(CertifyRequest& request);

/// The options of `sweep` beyond those of `train` (in request.base).
std::vector<Option> sweep_options(SweepRequest& request);

/// What `verify` measures.
struct VerifyRequest {
  std::vector<std::string> only;  ///< ids of experiments; empty: all of them
  bool quick = false;
  bool broken = false;  ///< as LaboratoryOptions has it
  std::uint64_t seed = 0;

  /// The experiments asked for, in reading order. Throws InvalidArgument for an unknown id.
  std::vector<const Experiment*> chosen() const;
};
std::vector<Option> verify_options(VerifyRequest& request);

/// The options of `bench`.
std::vector<Option> bench_options(BenchmarkOptions& options);

/// One "key = value" of a configuration file.
struct ConfigEntry {
  std::string key;
  std::string value;  ///< as Option::set takes it
  long line = 0;
  bool is_list = false;  ///< the value is an array
};

/// Reads a TOML file of top-level keys. Throws FileError with the line for bad syntax, nested
/// tables or values that are not numbers, strings, booleans or arrays of strings and whole numbers.
std::vector<ConfigEntry> read_config(const std::string& path);

/// TOML text of all options that have a value, with their help as comments or without.
std::string config_text(const std::vector<Option>& options, bool with_help = true);

}  // namespace lodestone
