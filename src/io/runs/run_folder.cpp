#include "lodestone/io/runs/run_folder.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "core/phrase.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/train/algorithm1.hpp"

namespace lodestone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::array run_files = {
    "config.toml",  "teacher.json", "history.csv", "model.json",
    "network.json", "path.csv",     "path.json",   "cross_validation.csv",
    "summary.json", "checkpoint",   "report.html", "lab.json",
    "index.html",   "runs.csv",     "curve.csv",   "curve.json"};

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
  return summary.is_object() && summary.value("status", "") == name(Status::converged);
}

void RunFolder::remove_checkpoint() const {
  std::error_code ignored;
  fs::remove(path_ / "checkpoint", ignored);
}

void RunFolder::remove() const {
  remove_unfinished_files();
  std::error_code ignored;
  for (const char* name : run_files) fs::remove(path_ / name, ignored);
  fs::remove(path_, ignored);
}

}  // namespace lodestone
