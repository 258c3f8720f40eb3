#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "lodestone/certify/model_certificate.hpp"
#include "lodestone/core/range.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/standardization.hpp"
#include "lodestone/theory/teacher_certificate.hpp"

namespace lodestone {

/// What `fit` does: the rows or the teacher, and how they are fitted.
struct FitRequest {
  /// What the numbers below may be; those of `how` are in FitOptions.
  struct Limits {
    static constexpr Range samples = at_least(0);
    static constexpr Range noise = SampleLimits::noise;
    static constexpr Range test_share = between(0, 0.9);
    static constexpr Range max_seconds = above_or_infinite(0);
  };

  std::string teacher;  ///< as read_teacher takes it, or
  Index samples = 0;    ///< rows drawn from it; 0: its exact population
  double noise = 0.0;   ///< as draw_samples takes it
  DataSource data;      ///< a data file
  std::string validation_file;
  std::string test_file;
  double test_share = 0.0;                           ///< of a file's rows
  std::optional<Standardization::Kind> standardize;  ///< absent: scale for files, none for teachers
  std::optional<bool> biases;                        ///< absent: on for files, off for teachers
  double max_seconds = std::numeric_limits<double>::infinity();
  FitOptions how;

  /// Throws InvalidArgument for fields out of range or at odds with each other.
  void validate() const;

  /// Reads the rows of the data file, whose target may be text where the family has classes.
  DataSource source() const;

  /// Deals the rows of a data file as the fit does: the test share is set aside.
  Shares dealt(Dataset rows, std::optional<Dataset> validation = std::nullopt,
               std::optional<Dataset> test = std::nullopt) const;
};

/// What `select` takes from a run of fit.
struct SelectOptions {
  Index features = 0;  ///< of the model
};

/// What `sample` draws.
struct SampleOptions {
  std::string teacher;     ///< as read_teacher takes it
  Index samples = 1000;    ///< rows
  double noise = 0.0;      ///< as draw_samples takes it
  std::uint64_t seed = 0;  ///< of rows and noise
};

/// How `predict` reads.
struct PredictOptions {
  std::optional<double> interval;  ///< level of intervals beside the predictions; absent: none
  std::optional<char> delimiter;   ///< of a CSV file; absent: found
  std::string offset;              ///< column of the offset; empty: the model's name for it
};

/// What `certify` and `verify` judge, and how.
struct CertifyRequest {
  DataSource data;      ///< rows to judge it on; without a target, the model's, or
  std::string teacher;  ///< as read_teacher takes it
  /// Coordinates in which a network without standardization of its own is judged; absent: none.
  std::optional<Standardization::Kind> standardize;
  CertifyOptions how;
};

/// What `certificate` is about, and how.
struct CertificateRequest {
  std::string teacher;  ///< as read_teacher takes it
  TeacherCertificateOptions how;
};

}  // namespace lodestone
