#include "lodestone/runs/train_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string_view>

#include "core/phrase.hpp"
#include "io/cbor.hpp"
#include "io/json_number.hpp"
#include "io/json_text.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/model/model.hpp"

namespace lodestone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// First line of a checkpoint; the number is the version of its content.
constexpr std::string_view checkpoint_name = "lodestone-checkpoint ";
constexpr int checkpoint_version = 2;

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
  const auto width = io::whole_number_at<Index>(json, "width");
  const auto dimension = io::whole_number_at<Index>(json, "dimension");
  const auto a = json.at("a").get<std::vector<double>>();
  const auto W = json.at("W").get<std::vector<double>>();
  // A division, because a product of hostile sizes is beyond the range of Index.
  const auto numbers = static_cast<Index>(W.size());
  const bool fits =
      width == 0 ? numbers == 0 : numbers % width == 0 && numbers / width == dimension;
  if (static_cast<Index>(a.size()) != width || dimension < 0 || !fits) {
    throw std::out_of_range("a network of the wrong size");
  }
  return {Eigen::Map<const Vector>(a.data(), width),
          Eigen::Map<const Matrix>(W.data(), width, dimension)};
}

// A row of the history is the list of its fields.
Json to_json(const HistoryRow& row) {
  Json list = Json::array();
  visit_fields(row, [&](const char*, const auto& value) { list.push_back(value); });
  return list;
}

Stage stage_from(const Json& json) {
  const int number = io::whole_number<int>(json, "stage");
  if (number < static_cast<int>(Stage::start) || number > static_cast<int>(Stage::done)) {
    throw std::out_of_range("a stage that is none");
  }
  return static_cast<Stage>(number);
}

HistoryRow row_from(const Json& list) {
  HistoryRow row;
  std::size_t next = 0;
  visit_fields(row, [&]<class Value>(const char* name, Value& value) {
    const Json& item = list.at(next++);
    if constexpr (std::same_as<Value, Stage>) {
      value = stage_from(item);
    } else if constexpr (std::integral<Value> && !std::same_as<Value, bool>) {
      value = io::whole_number<Value>(item, name);
    } else {
      item.get_to(value);
    }
  });
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
               {"epochs_cut", algorithm.epochs_cut},
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
  algorithm.stage = stage_from(json.at("stage"));
  algorithm.network = network_from(json.at("network"));
  algorithm.lambda = json.at("lambda").get<double>();
  algorithm.lambda_start = json.at("lambda_start").get<double>();
  algorithm.starting_gap = json.at("starting_gap").get<double>();
  algorithm.step = json.at("step").get<double>();
  algorithm.epoch = io::whole_number_at<long>(json, "epoch");
  algorithm.epoch_steps = io::whole_number_at<long>(json, "epoch_steps");
  for (const Json& epoch : json.at("epochs_cut")) {
    algorithm.epochs_cut.push_back(io::whole_number<long>(epoch, "epochs_cut"));
  }
  algorithm.steps = io::whole_number_at<long>(json, "steps");
  algorithm.evaluations = io::whole_number_at<long>(json, "evaluations");
  algorithm.recent = json.at("recent").get<std::vector<double>>();
  const Json& best = json.at("best");
  state.best.validation_error = best.at("validation_error").get<double>();
  state.best.lambda = best.at("lambda").get<double>();
  state.best.epoch = io::whole_number_at<long>(best, "epoch");
  state.best.network = network_from(best.at("network"));
  state.epochs_without_improvement = io::whole_number_at<long>(json, "epochs_without_improvement");
  state.seconds = json.at("seconds").get<double>();
  for (const Json& row : json.at("history")) state.history.push_back(row_from(row));
  return state;
}

// A cell of history.csv, empty where a quantity does not apply.
std::string cell(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }
std::string cell(Stage value) { return fmt::format("{}", static_cast<int>(value)); }
std::string cell(std::integral auto value) { return fmt::format("{}", value); }

// The names of the columns of history.csv. The measured errors have one where a row has a value.
std::set<std::string> history_columns(const std::vector<HistoryRow>& history) {
  std::set<std::string> columns;
  const HistoryRow any_row;
  visit_fields(any_row, [&](const std::string& name, const auto&) { columns.insert(name); });
  columns.erase("end_of_epoch");
  const auto none = [&](double HistoryRow::*member) {
    return std::all_of(history.begin(), history.end(),
                       [&](const HistoryRow& row) { return std::isnan(row.*member); });
  };
  if (none(&HistoryRow::validation_error)) columns.erase("validation_error");
  if (none(&HistoryRow::test_error)) columns.erase("test_error");
  return columns;
}

}  // namespace

void write_history(const RunFolder& folder, const std::vector<HistoryRow>& history) {
  const std::set<std::string> columns = history_columns(history);
  std::vector<std::string> cells;
  std::string text;
  const auto end_line = [&] {
    text += fmt::format("{}\n", fmt::join(cells, ","));
    cells.clear();
  };
  const HistoryRow any_row;
  visit_fields(any_row, [&](const std::string& name, const auto&) {
    if (columns.contains(name)) cells.push_back(name);
  });
  end_line();
  for (const HistoryRow& row : history) {
    visit_fields(row, [&](const std::string& name, const auto& value) {
      if (!columns.contains(name)) return;
      cells.push_back(name == "seconds" ? fmt::format("{:.3f}", row.seconds) : cell(value));
    });
    end_line();
  }
  write_file_atomically(folder.file("history.csv"), text);
}

void write_checkpoint(const RunFolder& folder, const TrainState& state,
                      const std::string& fingerprint) {
  Json json = to_json(state);
  json["fingerprint"] = fingerprint;
  const std::vector<std::uint8_t> bytes = Json::to_cbor(json);
  const std::string_view body(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  write_file_atomically(
      folder.file("checkpoint"),
      fmt::format("{}{}\n{:08x}\n{}", checkpoint_name, checkpoint_version, crc32(body), body));
}

std::optional<TrainState> read_checkpoint(const RunFolder& folder, const std::string& fingerprint) {
  const std::string where = folder.file("checkpoint");
  if (!fs::exists(where)) return std::nullopt;
  const std::string content = read_file(where);
  const std::size_t first = content.find('\n');
  const std::size_t second = first == std::string::npos ? first : content.find('\n', first + 1);
  const Message advice = Message::pattern("; start the run again with train {overwrite}");
  if (!content.starts_with(checkpoint_name) || second == std::string::npos) {
    throw FileError(where, "is cut short or not a checkpoint" + advice);
  }
  const std::string version_text =
      content.substr(checkpoint_name.size(), first - checkpoint_name.size());
  if (version_text != std::to_string(checkpoint_version)) {
    throw FileError(where,
                    phrase("is of checkpoint version {}, this program reads version {}; resume "
                           "with the Lodestone that wrote it, or start the run again with train "
                           "{overwrite}",
                           version_text.substr(0, 20), checkpoint_version));
  }
  const std::string_view body = std::string_view(content).substr(second + 1);
  if (content.substr(first + 1, second - first - 1) != fmt::format("{:08x}", crc32(body))) {
    throw FileError(where, "is cut short or damaged (its checksum does not match)" + advice);
  }
  Json json;
  try {
    json = io::from_cbor(body);
    if (json.at("fingerprint").get<std::string>() != fingerprint) {
      throw FileError(
          where, "belongs to other data or another configuration than the run now has" + advice);
    }
    return state_from(json);
  } catch (const nlohmann::json::exception& error) {
    throw FileError(where, "is damaged: " + io::plain_message(error) + advice);
  } catch (const std::out_of_range& error) {
    throw FileError(where, fmt::format("is damaged ({})", error.what()) + advice);
  }
}

void write_result(const RunFolder& folder, const TrainState& state, const TrainResult& result,
                  const std::string& summary, const std::string& fingerprint) {
  const bool finished = state.algorithm.stage == Stage::done;
  if (!finished) write_checkpoint(folder, state, fingerprint);
  write_history(folder, state.history);
  write_model(folder.file("model.json"), result.model);
  write_model(folder.file("network.json"), result.neurons);
  write_file_atomically(folder.file("summary.json"), summary);
  if (finished) folder.remove_checkpoint();
}

}  // namespace lodestone
