#include "judged_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/runs/train.hpp"
#include "lodestone/runs/train_inputs.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

namespace fs = std::filesystem;

void read_any_model(JudgedModel& judged, const CertifyRequest& request) {
  if (fs::is_directory(judged.file)) {
    const fs::path folder(judged.file);
    judged.file = (folder / "network.json").string();
    if (!fs::is_regular_file(judged.file)) judged.file = (folder / "model.json").string();
    judged.folder = folder;
  }
  judged.foreign = !judged.folder && read_file(judged.file).starts_with("PK");
  if (!judged.foreign && request.standardize) {
    throw InvalidArgument("standardize", name(*request.standardize),
                          "this model brings its own standardization; the flag is for NPZ files");
  }
  judged.model = judged.foreign ? read_network_arrays(judged.file) : read_model(judged.file);
}

// A population has no biases; a network whose biases are all zero has none either.
void drop_zero_biases(Model& model) {
  const bool any = std::any_of(model.features.begin(), model.features.end(),
                               [](const Feature& feature) { return feature.bias != 0.0; });
  if (!any) model.biases = false;
}

// Rows of a file as the model takes its inputs, with a target for each.
Dataset rows_for(const Model& model, DataSource source) {
  if (source.target.empty()) source.target = model.target;
  if (source.offset.empty()) source.offset = model.offset_column;
  Dataset rows =
      read_inputs(source, model.columns, model.encodings, model.classes, model.imputations);
  if (rows.y.size() != rows.X.rows() || !rows.y.allFinite()) {
    throw FileError(source.file == "-" ? "standard input" : source.file,
                    fmt::format("every row needs its target '{}'; --missing drop leaves out rows "
                                "without",
                                source.target));
  }
  return weighted_rows(std::move(rows));
}

template <class TrainingRows>
Evidence evidence_of(const DataSource& source, const std::string& teacher, Index samples,
                     const TrainingRows& rows_of, const fs::path& folder) {
  if (!source.file.empty()) {
    if (source.file == "-") {
      throw InvalidArgument("data", "nothing",
                            "this run read its data from standard input, which is gone; give "
                            "--data FILE");
    }
    std::optional<Dataset> data = read_dataset(source_of_run(folder, source));
    return {std::nullopt, rows_of(std::optional<Teacher>(), std::move(data)), source.file, true};
  }
  Evidence evidence{read_teacher((folder / "teacher.json").string()), std::nullopt, teacher, true};
  if (samples > 0) evidence.rows = rows_of(evidence.teacher, std::optional<Dataset>());
  return evidence;
}

// The rows or the population that the run in the folder was trained on.
Evidence own_evidence(const JudgedModel& judged) {
  const std::string& command = judged.model.provenance.command;
  if (!judged.folder || (command != "train" && command != "fit") ||
      !fs::is_regular_file(*judged.folder / "config.toml")) {
    throw InvalidArgument(
        "data", "nothing",
        "give --data FILE and --target COLUMN, or --teacher; only the folder of a run knows what "
        "it was trained on");
  }
  const std::string config = (*judged.folder / "config.toml").string();
  if (command == "train") {
    TrainOptions options;
    std::vector<Option> table = train_options(options);
    find_schedule_of_run(*judged.folder, table, options);
    apply_config(table, config);
    return evidence_of(
        options.data, options.teacher, options.samples,
        [&](const auto& teacher, auto data) {
          return training_rows(options, teacher, std::move(data));
        },
        *judged.folder);
  }
  FitRequest request;
  apply_config(fit_options(request), config);
  return evidence_of(
      request.source(), request.teacher, request.samples,
      [&](const auto& teacher, auto data) {
        if (!data) {
          return draw_samples(*teacher, request.samples, request.noise, request.how.seed);
        }
        return request.dealt(std::move(*data)).training;
      },
      *judged.folder);
}

// Reads what the model is judged on, and gives a network from elsewhere its coordinates.
Evidence gather(JudgedModel& judged, const CertifyRequest& request) {
  Model& model = judged.model;
  if (!request.data.file.empty() && !request.teacher.empty()) {
    throw InvalidArgument("teacher", "both", "give either --teacher or --data");
  }
  if (request.data.file.empty() && (!request.data.target.empty() || request.data.delimiter)) {
    throw InvalidArgument(request.data.target.empty() ? "delimiter" : "target", "a value",
                          "only a data file (--data) has one");
  }
  const auto kind = request.standardize.value_or(Standardization::Kind::none);
  if (!request.teacher.empty()) {
    if (kind != Standardization::Kind::none) {
      throw InvalidArgument("standardize", name(kind), "a population is not standardized");
    }
    Evidence evidence{read_teacher(request.teacher), std::nullopt, request.teacher, false};
    if (judged.foreign) drop_zero_biases(model);
    return evidence;
  }
  if (request.data.file.empty()) return own_evidence(judged);

  if (request.data.target.empty() && judged.foreign) {
    throw InvalidArgument("target", "nothing", "name the column to predict with --target COLUMN");
  }
  if (!judged.foreign)
    return {std::nullopt, rows_for(model, request.data), request.data.file, false};
  Dataset data = weighted_rows(read_dataset(request.data));
  if (data.X.cols() != model.dimension()) {
    throw FileError(request.data.file, fmt::format("has {} columns besides the target, but the "
                                                   "network has {} inputs",
                                                   data.X.cols(), model.dimension()));
  }
  model.columns = data.columns;
  model.target = data.target;
  model.offset_column = data.offset_column;
  if (kind != Standardization::Kind::none) {
    model.standardization =
        Standardization::fit(kind, data.X, data.target_beyond_offset(), data.weights);
    model.biases = true;  // the columns' centre is not where the network's own zero is
  }
  return {std::nullopt, std::move(data), request.data.file, false};
}

}  // namespace

JudgedModel JudgedModel::read(const std::string& path, const CertifyRequest& request) {
  JudgedModel judged;
  judged.file = path;
  read_any_model(judged, request);
  judged.evidence = gather(judged, request);
  return judged;
}

ModelCertificate JudgedModel::certify(const CertifyOptions& options) const {
  return evidence.rows ? certify_model(model, *evidence.rows, evidence.rows->weights, options)
                       : certify_model(model, *evidence.teacher, options);
}

std::optional<RecoveryBound> JudgedModel::recovery_bound(const ModelCertificate& found) const {
  if (evidence.rows || !evidence.teacher) return std::nullopt;
  Teacher teacher = *evidence.teacher;
  teacher.amplitudes /= model.standardization.target_scale;
  return bound_recovery(teacher, {found.lambda, found.loss, found.null_loss, found.mass,
                                  found.certificate.gap, found.certificate.kind});
}

}  // namespace lodestone::app
