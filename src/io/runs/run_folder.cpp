#include "lodestone/io/runs/run_folder.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/phrase.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/train/algorithm1.hpp"

namespace lodestone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::array run_files = {
    "config.toml", "teacher.json", "history.csv",          "model.json",       "network.json",
    "path.csv",    "path.json",    "cross_validation.csv", "summary.json",     "checkpoint",
    "report.html", "lab.json",     "index.html",           "runs.csv",         "curve.csv",
    "curve.json",  "origin.json",  "intervals.json",       "certificate.json", "result.json",
    "events.csv",  "order.npz"};

// The working folder, and the way to it from the run's folder.
std::string origin_text(const fs::path& run) {
  std::error_code ignored;
  const fs::path here = fs::current_path();
  const Json json = {{"folder", here.string()},
                     {"from_run", fs::relative(here, run, ignored).string()}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The folders in which a run's relative paths are looked for, the likeliest first.
std::vector<fs::path> places_of(const fs::path& run) {
  std::vector<fs::path> places;
  const auto add = [&](const fs::path& place) {
    std::error_code error;
    const fs::path plain = fs::weakly_canonical(place, error);
    if (!error && std::find(places.begin(), places.end(), plain) == places.end()) {
      places.push_back(plain);
    }
  };
  const fs::path file = run / "origin.json";
  if (!fs::is_regular_file(file)) return places;
  const Json json = Json::parse(read_file(file.string()), nullptr, false);
  const auto text = [&](const char* key) {
    const bool there = json.is_object() && json.contains(key) && json.at(key).is_string();
    return there ? json.at(key).get<std::string>() : std::string();
  };
  if (!text("folder").empty()) add(text("folder"));
  if (!text("from_run").empty()) add(run / text("from_run"));
  add(fs::current_path());
  return places;
}

}  // namespace

RunFolder RunFolder::create(const fs::path& path, bool overwrite, const std::string& config) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error || !fs::is_directory(path)) {
    throw FileError(path.string(), phrase("cannot make this folder ({}); choose another {out}",
                                          error ? error.message() : "a file is in the way"));
  }
  const bool can_go_on = fs::exists(path / "checkpoint");
  for (const char* name : run_files) {
    if (!overwrite && fs::exists(path / name)) {
      const char* advice =
          can_go_on ? "already holds a run ({}); use {overwrite} to replace it, {resume} "
                      "to go on with it, or another {out}"
                    : "already holds a run ({}); use {overwrite} to replace it, or "
                      "another {out}";
      throw FileError(path.string(), phrase(advice, name));
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
  try {
    write_file_atomically(folder.file("origin.json"), origin_text(path));
  } catch (const FileError&) {
    if (made) folder.remove();
    throw;
  }
  return folder;
}

RunFolder RunFolder::open(const fs::path& path) {
  if (!fs::is_regular_file(path / "config.toml")) {
    throw FileError(path.string(),
                    Message::pattern("holds no run to resume (no config.toml); start one with "
                                     "train {out}"));
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
  // A run of `train` also ends by its schedule where epochs ended by their budget of steps.
  return summary.is_object() && (summary.value("status", Json()) == name(Status::converged) ||
                                 summary.value("finished", Json()) == true);
}

void RunFolder::remove_checkpoint() const {
  std::error_code ignored;
  fs::remove(path_ / "checkpoint", ignored);
}

void RunFolder::remove() const {
  remove_unfinished_files();
  std::error_code ignored;
  // Whoever is killed in between leaves a run that is not complete, and that is known as one.
  fs::remove(path_ / "summary.json", ignored);
  for (const char* name : run_files) {
    if (std::string_view(name) != "config.toml") fs::remove(path_ / name, ignored);
  }
  fs::remove(path_ / "config.toml", ignored);
  fs::remove(path_, ignored);
}

std::string file_of_run(const fs::path& run, const std::string& file) {
  if (file.empty() || file == "-" || fs::path(file).is_absolute()) return file;
  const std::vector<fs::path> places = places_of(run);
  if (places.empty()) return file;
  // An array of an NPZ file is FILE.npz:NAME.
  const std::string without_array = file.substr(0, file.rfind(':'));
  std::error_code ignored;
  std::string tried;
  for (const fs::path& place : places) {
    if (fs::exists(place / file, ignored) || fs::exists(place / without_array, ignored)) {
      return (place / file).string();
    }
    tried += (tried.empty() ? "" : ", nor in ") + place.string();
  }
  throw FileError(file,
                  "No such file in " + tried + " (where the run in " + run.string() + " looks)");
}

}  // namespace lodestone
