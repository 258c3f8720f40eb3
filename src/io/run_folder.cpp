#include "lodestone/run_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "io/json_text.hpp"
#include "lodestone/error.hpp"
#include "lodestone/file.hpp"
#include "lodestone/options.hpp"
#include "lodestone/parallel.hpp"
#include "lodestone/version.hpp"

namespace lodestone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::array run_files = {
    "config.toml", "teacher.json", "history.csv",          "model.json",   "network.json",
    "path.csv",    "path.json",    "cross_validation.csv", "summary.json", "checkpoint",
    "report.html", "verify.json",  "index.html",           "runs.csv"};

// First line of a checkpoint; the number is the version of its content.
constexpr std::string_view checkpoint_name = "lodestone-checkpoint ";
constexpr int checkpoint_version = 1;

std::vector<double> to_list(const double* numbers, Index count) {
  return {numbers, numbers + count};
}

Json to_json(const Network& network) {
  return {{"width", network.W.rows()},
          {"dimension", network.W.cols()},
          {"a", to_list(network.a.data(), network.a.size())},
          {"W", to_list(network.W.data(), network.W.size())}};
}

Network network_from(const Json& json) {
  const auto width = json.at("width").get<Index>();
  const auto dimension = json.at("dimension").get<Index>();
  const auto a = json.at("a").get<std::vector<double>>();
  const auto W = json.at("W").get<std::vector<double>>();
  if (static_cast<Index>(a.size()) != width || static_cast<Index>(W.size()) != width * dimension) {
    throw std::out_of_range("a network of the wrong size");
  }
  return {Eigen::Map<const Vector>(a.data(), width),
          Eigen::Map<const Matrix>(W.data(), width, dimension)};
}

Json to_json(const HistoryRow& row) {
  return Json::array({row.step, static_cast<int>(row.stage), row.epoch, row.lambda, row.loss,
                      row.penalized_loss, row.gradient_norm, row.neurons, row.mean_angle_deg,
                      row.max_angle_deg, row.far_mass, row.seconds, row.validation_error,
                      row.test_error, row.end_of_epoch});
}

HistoryRow row_from(const Json& json) {
  HistoryRow row;
  row.step = json.at(0).get<long>();
  row.stage = static_cast<Stage>(json.at(1).get<int>());
  row.epoch = json.at(2).get<long>();
  row.lambda = json.at(3).get<double>();
  row.loss = json.at(4).get<double>();
  row.penalized_loss = json.at(5).get<double>();
  row.gradient_norm = json.at(6).get<double>();
  row.neurons = json.at(7).get<Index>();
  row.mean_angle_deg = json.at(8).get<double>();
  row.max_angle_deg = json.at(9).get<double>();
  row.far_mass = json.at(10).get<double>();
  row.seconds = json.at(11).get<double>();
  row.validation_error = json.at(12).get<double>();
  row.test_error = json.at(13).get<double>();
  row.end_of_epoch = json.at(14).get<bool>();
  return row;
}

Json to_json(const TrainState& state) {
  const Algorithm1State& algorithm = state.algorithm;
  Json json = {{"stage", static_cast<int>(algorithm.stage)},
               {"network", to_json(algorithm.network)},
               {"lambda", algorithm.lambda},
               {"lambda_start", algorithm.lambda_start},
               {"starting_gap", algorithm.starting_gap},
               {"step", algorithm.step},
               {"epoch", algorithm.epoch},
               {"epoch_steps", algorithm.epoch_steps},
               {"steps", algorithm.steps},
               {"evaluations", algorithm.evaluations},
               {"recent", algorithm.recent},
               {"best",
                {{"validation_error", state.best.validation_error},
                 {"lambda", state.best.lambda},
                 {"epoch", state.best.epoch},
                 {"network", to_json(state.best.network)}}},
               {"epochs_without_improvement", state.epochs_without_improvement},
               {"seconds", state.seconds}};
  Json& history = json["history"] = Json::array();
  for (const HistoryRow& row : state.history) history.push_back(to_json(row));
  return json;
}

TrainState state_from(const Json& json) {
  TrainState state;
  Algorithm1State& algorithm = state.algorithm;
  algorithm.stage = static_cast<Stage>(json.at("stage").get<int>());
  algorithm.network = network_from(json.at("network"));
  algorithm.lambda = json.at("lambda").get<double>();
  algorithm.lambda_start = json.at("lambda_start").get<double>();
  algorithm.starting_gap = json.at("starting_gap").get<double>();
  algorithm.step = json.at("step").get<double>();
  algorithm.epoch = json.at("epoch").get<long>();
  algorithm.epoch_steps = json.at("epoch_steps").get<long>();
  algorithm.steps = json.at("steps").get<long>();
  algorithm.evaluations = json.at("evaluations").get<long>();
  algorithm.recent = json.at("recent").get<std::vector<double>>();
  const Json& best = json.at("best");
  state.best.validation_error = best.at("validation_error").get<double>();
  state.best.lambda = best.at("lambda").get<double>();
  state.best.epoch = best.at("epoch").get<long>();
  state.best.network = network_from(best.at("network"));
  state.epochs_without_improvement = json.at("epochs_without_improvement").get<long>();
  state.seconds = json.at("seconds").get<double>();
  for (const Json& row : json.at("history")) state.history.push_back(row_from(row));
  return state;
}

// Empty where a quantity does not apply.
std::string cell(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

}  // namespace

RunFolder RunFolder::create(const fs::path& path, bool overwrite, const std::string& config) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error || !fs::is_directory(path)) {
    throw FileError(path.string(), fmt::format("cannot make this folder ({}); choose another --out",
                                               error ? error.message() : "a file is in the way"));
  }
  const bool can_go_on = fs::exists(path / "checkpoint");
  for (const char* name : run_files) {
    if (!overwrite && fs::exists(path / name)) {
      throw FileError(path.string(),
                      fmt::format("already holds a run ({}); use --overwrite to replace it, "
                                  "{}or another --out",
                                  name, can_go_on ? "--resume to go on with it, " : ""));
    }
  }
  const RunFolder folder(path);
  // The new run's first file is written before anything of the old run goes: where nothing can be
  // written, nothing is lost.
  try {
    write_file_atomically(folder.file("config.toml"), config);
  } catch (const FileError&) {
    if (made) fs::remove(path, error);
    throw;
  }
  folder.remove_unfinished_files();
  for (const char* name : run_files) {
    if (std::string_view(name) == "config.toml") continue;
    fs::remove(path / name, error);
    if (error) {
      throw FileError((path / name).string(), "cannot be replaced (" + error.message() + ")");
    }
  }
  return folder;
}

RunFolder RunFolder::open(const fs::path& path) {
  if (!fs::is_regular_file(path / "config.toml")) {
    throw FileError(path.string(),
                    "holds no run to resume (no config.toml); start one with train --out");
  }
  const RunFolder folder(path);
  folder.remove_unfinished_files();
  return folder;
}

// What a killed run was writing when it ended.
void RunFolder::remove_unfinished_files() const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".lodestone-") && name.ends_with(".tmp")) {
      fs::remove(entry.path(), ignored);
    }
  }
}

bool RunFolder::complete() const {
  if (!fs::exists(path_ / "summary.json") || fs::exists(path_ / "checkpoint")) return false;
  const Json summary = Json::parse(read_file(file("summary.json")), nullptr, false);
  return summary.is_object() && summary.value("status", "") == name(Status::converged);
}

void RunFolder::write_history(const std::vector<HistoryRow>& history) const {
  const auto any = [&](double HistoryRow::*member) {
    return std::any_of(history.begin(), history.end(),
                       [&](const HistoryRow& row) { return !std::isnan(row.*member); });
  };
  const bool with_validation = any(&HistoryRow::validation_error);
  const bool with_test = any(&HistoryRow::test_error);
  std::string text =
      "step,stage,epoch,lambda,loss,penalized_loss,gradient_norm,neurons,mean_angle_deg,"
      "max_angle_deg,far_mass,seconds";
  if (with_validation) text += ",validation_error";
  if (with_test) text += ",test_error";
  text += "\n";
  for (const HistoryRow& row : history) {
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{:.3f}", row.step, static_cast<int>(row.stage), row.epoch,
        row.lambda, row.loss, row.penalized_loss, row.gradient_norm, row.neurons,
        cell(row.mean_angle_deg), cell(row.max_angle_deg), cell(row.far_mass), row.seconds);
    if (with_validation) text += "," + cell(row.validation_error);
    if (with_test) text += "," + cell(row.test_error);
    text += "\n";
  }
  write_file_atomically(file("history.csv"), text);
}

void RunFolder::write_checkpoint(const TrainState& state, const std::string& fingerprint) const {
  Json json = to_json(state);
  json["fingerprint"] = fingerprint;
  const std::vector<std::uint8_t> bytes = Json::to_cbor(json);
  const std::string_view body(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  write_file_atomically(file("checkpoint"), fmt::format("{}{}\n{:08x}\n{}", checkpoint_name,
                                                        checkpoint_version, crc32(body), body));
}

std::optional<TrainState> RunFolder::read_checkpoint(const std::string& fingerprint) const {
  const std::string where = file("checkpoint");
  if (!fs::exists(where)) return std::nullopt;
  const std::string content = read_file(where);
  const std::size_t first = content.find('\n');
  const std::size_t second = first == std::string::npos ? first : content.find('\n', first + 1);
  const std::string advice = "; start the run again with train --overwrite";
  if (!content.starts_with(checkpoint_name) || second == std::string::npos) {
    throw FileError(where, "is cut short or not a checkpoint" + advice);
  }
  const std::string version_text =
      content.substr(checkpoint_name.size(), first - checkpoint_name.size());
  if (version_text != std::to_string(checkpoint_version)) {
    throw FileError(where,
                    fmt::format("is of checkpoint version {}, this program reads version {}; "
                                "resume with the Lodestone that wrote it, or start the run "
                                "again with train --overwrite",
                                version_text.substr(0, 20), checkpoint_version));
  }
  const std::string_view body = std::string_view(content).substr(second + 1);
  if (content.substr(first + 1, second - first - 1) != fmt::format("{:08x}", crc32(body))) {
    throw FileError(where, "is cut short or damaged (its checksum does not match)" + advice);
  }
  Json json;
  try {
    json = Json::from_cbor(body.begin(), body.end());
    if (json.at("fingerprint").get<std::string>() != fingerprint) {
      throw FileError(
          where, "belongs to other data or another configuration than the run now has" + advice);
    }
    return state_from(json);
  } catch (const nlohmann::json::exception& error) {
    throw FileError(where, "is damaged: " + io::plain_message(error) + advice);
  } catch (const std::out_of_range& error) {
    throw FileError(where, fmt::format("is damaged ({}){}", error.what(), advice));
  }
}

void RunFolder::remove_checkpoint() const {
  std::error_code ignored;
  fs::remove(path_ / "checkpoint", ignored);
}

void RunFolder::write_result(const TrainState& state, const TrainResult& result,
                             const std::string& summary, const std::string& fingerprint) const {
  const bool finished = result.status == Status::converged;
  if (!finished) write_checkpoint(state, fingerprint);
  write_history(state.history);
  write_model(file("model.json"), result.model);
  write_model(file("network.json"), result.neurons);
  write_file_atomically(file("summary.json"), summary);
  if (finished) remove_checkpoint();
}

void RunFolder::remove() const {
  remove_unfinished_files();
  std::error_code ignored;
  for (const char* name : run_files) fs::remove(path_ / name, ignored);
  fs::remove(path_, ignored);
}

TrainInputs read_train_inputs(const TrainOptions& options) {
  TrainInputs inputs;
  if (!options.teacher.empty()) inputs.teacher = read_teacher(options.teacher);
  if (!options.data.file.empty()) {
    inputs.data = read_dataset(options.data);
    const auto read_like = [&](const std::string& file) -> std::optional<Dataset> {
      if (file.empty()) return std::nullopt;
      return read_dataset_like(*inputs.data, options.data, file);
    };
    inputs.validation = read_like(options.validation_file);
    inputs.test = read_like(options.test_file);
  }
  return inputs;
}

std::string settled_config(TrainOptions options) {
  TrainOptions defaults;
  const std::vector<Option> default_table = train_options(defaults);
  std::vector<Option> settled = train_options(options);
  for (std::size_t i = 0; i < settled.size(); ++i) {
    if (settled[i].changes_on_resume) settled[i].get = default_table[i].get;
  }
  return config_text(settled, false);
}

std::string summary_text(const Problem& problem, const TrainOptions& options,
                         const TrainState& state, const TrainResult& result) {
  const Algorithm1State& algorithm = state.algorithm;
  const bool sample = problem.training_rows > 0;
  Json json = {{"lodestone", version},
               {"command", "train"},
               {"status", name(result.status)},
               {"message", result.message},
               {"objective", sample ? "sample" : "population"},
               {"source", problem.source},
               {"seed", options.algorithm.seed},
               {"threads", threads()},
               {"precision", name(options.precision)},
               {"backend", "cpu"},
               {"loss", result.loss},
               {"penalized_loss", result.penalized_loss},
               {"null_loss", problem.objective->null_loss()},
               {"lambda", result.lambda},
               {"lambda_in_target_units", result.lambda * problem.standardization.target_scale},
               {"lambda_start", algorithm.lambda_start},
               {"gap_after_stage_2", algorithm.starting_gap},
               {"gradient_norm", result.gradient_norm},
               {"steps", algorithm.steps},
               {"evaluations", algorithm.evaluations},
               {"seconds", state.seconds},
               {"neurons", options.algorithm.width},
               {"features", result.model.features.size()},
               {"merge_angle_deg", result.merge_angle_deg},
               {"standardization", name(problem.standardization.kind)}};
  if (sample) json["training_rows"] = problem.training_rows;
  if (problem.dropped_rows > 0) json["dropped_rows"] = problem.dropped_rows;
  if (problem.validation) {
    json["validation"] = {{"rows", problem.validation->y.size()},
                          {"relative_error", state.best.validation_error},
                          {"epoch", state.best.epoch}};
  }
  if (result.early_condition_number) json["kappa"] = *result.early_condition_number;
  if (result.certificate) {
    json["certificate"] = {
        {"sup_eta", result.certificate->sup_eta},
        {"gap", result.certificate->gap},
        {"relative_gap", result.certificate->relative_gap},
        {"kind",
         result.certificate->kind == Certificate::Kind::rigorous ? "rigorous" : "estimated"}};
  }
  if (result.recovery) {
    const Recovery& recovery = *result.recovery;
    Json per_teacher = Json::array();
    for (const TeacherRecovery& teacher : recovery.per_teacher) {
      per_teacher.push_back({{"amplitude", teacher.amplitude},
                             {"mass", teacher.mass},
                             {"angle_deg", teacher.angle_deg},
                             {"neurons", teacher.neurons},
                             {"recovered", teacher.recovered}});
    }
    json["recovery"] = {{"teachers", recovery.teachers},
                        {"recovered", recovery.recovered},
                        {"max_angle_deg", recovery.max_angle_deg},
                        {"mean_angle_deg", recovery.mean_angle_deg},
                        {"far_mass", recovery.far_mass},
                        {"subspace_share", recovery.subspace_share},
                        {"per_teacher", per_teacher}};
  }
  if (result.test) {
    json["test"] = {{"rmse", result.test->rmse}};
    if (!std::isnan(result.test->r2)) {
      json["test"]["r2"] = result.test->r2;
      json["test"]["relative_error"] = result.test->relative_error;
    }
    json["test"]["rows"] = result.test->rows;
    json["test"]["exact"] = result.test->rows == 0;
  }
  if (!result.warnings.empty()) json["warnings"] = result.warnings;
  return io::readable(json);
}

std::string fingerprint(const std::string& config, const Schedule& schedule,
                        const std::optional<Teacher>& teacher, const std::optional<Dataset>& data,
                        const std::optional<Dataset>& validation,
                        const std::optional<Dataset>& test) {
  const auto checksum = [](const double* numbers, Index count) {
    return crc32(
        {reinterpret_cast<const char*>(numbers), static_cast<std::size_t>(count) * sizeof(double)});
  };
  std::string result = fmt::format("{:08x}", crc32(config));
  if (schedule.kind == Schedule::Kind::list) {
    result += fmt::format(
        "-{:08x}", checksum(schedule.values.data(), static_cast<Index>(schedule.values.size())));
  }
  if (teacher) {
    result += fmt::format("-{:08x}-{:08x}",
                          checksum(teacher->directions.data(), teacher->directions.size()),
                          checksum(teacher->amplitudes.data(), teacher->amplitudes.size()));
  }
  const auto add = [&](const char* part, const std::optional<Dataset>& rows) {
    if (!rows) return;
    result += fmt::format("{}-{:08x}-{:08x}", part, checksum(rows->X.data(), rows->X.size()),
                          checksum(rows->y.data(), rows->y.size()));
    if (rows->weights.size() > 0) {
      result +=
          fmt::format("-weights-{:08x}", checksum(rows->weights.data(), rows->weights.size()));
    }
    if (!rows->encodings.empty()) {
      std::string names;
      for (const std::string& name : rows->columns) names += name + '\n';
      result += fmt::format("-columns-{:08x}", crc32(names));
    }
  };
  add("", data);
  add("-validation", validation);
  add("-test", test);
  return result;
}

}  // namespace lodestone
