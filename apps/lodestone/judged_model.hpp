#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "lodestone/certify/model_certificate.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/runs/requests.hpp"
#include "lodestone/theory/recovery_bound.hpp"

namespace lodestone::app {

/// What `certify` and `verify` say of their argument MODEL.
inline constexpr const char* judged_model_help =
    "Folder of a run (its network.json, else its model.json), either file, or an "
    "NPZ file with the arrays a, W and b, alpha, beta where there are any; or "
    "coefs_0, intercepts_0, coefs_1, intercepts_1 (scikit-learn); or 0.weight, "
    "0.bias, 2.weight, 2.bias (PyTorch)";

/// What a model is judged on: a population, or rows (drawn from a teacher, where that is known).
struct Evidence {
  std::optional<Teacher> teacher;
  std::optional<Dataset> rows;
  std::string source;
  bool own = false;  ///< that of the run the model comes from
};

/// A model, and what it is judged on.
struct JudgedModel {
  std::string file;                             ///< that the model was read from
  std::optional<std::filesystem::path> folder;  ///< of the run, where a run was named
  bool foreign = false;                         ///< arrays of a network trained elsewhere
  Model model;
  Evidence evidence;

  /// Reads the model, and the rows or the teacher that `request` names; without either, what the
  /// run in the folder was trained on. Throws InvalidArgument and FileError.
  static JudgedModel read(const std::string& path, const CertifyRequest& request);

  ModelCertificate certify(const CertifyOptions& options) const;

  /// What the certificate implies for the directions; on a population only.
  std::optional<RecoveryBound> recovery_bound(const ModelCertificate& found) const;
};

}  // namespace lodestone::app
