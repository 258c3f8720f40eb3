#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include "io/json_text.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/runs/summary.hpp"
#include "lodestone/runs/sweep.hpp"
#include "lodestone/runs/train_files.hpp"
#include "lodestone/runs/train_inputs.hpp"
#include "lodestone/version.hpp"

namespace lodestone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Seconds between the checkpoints of a run at work.
constexpr double checkpoint_interval = 5.0;

/// A number of threads until the end of the scope.
class ThreadCount {
 public:
  explicit ThreadCount(int count) : before_(threads()) { set_threads(count); }
  ~ThreadCount() { set_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

std::string failed_summary(const SweepRun& run, const std::string& message) {
  const Json json = {{"lodestone", version},
                     {"command", "train"},
                     {"status", "failed"},
                     {"message", message},
                     {"seed", run.seed}};
  return io::readable(json);
}

double seconds_in(const std::string& summary) {
  const Json json = Json::parse(summary, nullptr, false);
  const Json seconds = json.is_object() ? json.value("seconds", Json()) : Json();
  return seconds.is_number() ? seconds.get<double>() : 0.0;
}

// Whether a text has what a sweep tells of its runs.
bool is_summary(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  const auto has_number = [](const Json& record, const char* key) {
    return record.is_object() && record.contains(key) && record.at(key).is_number();
  };
  if (!json.is_object() || !json.value("status", Json()).is_string()) return false;
  if (json.contains("message") && !json.at("message").is_string()) return false;
  if (!json.contains("recovery")) return true;
  const Json& recovery = json.at("recovery");
  return has_number(recovery, "recovered") && has_number(recovery, "teachers");
}

// The summary of a run that came to its end earlier.
std::string earlier_summary(const std::string& file) {
  std::string text = read_file(file);
  if (is_summary(text)) return text;
  throw FileError(file, "is damaged or not a run's summary; remove it, and the run is made again");
}

RunFolder folder_of(const fs::path& path, const SweepRun& run) {
  if (fs::exists(path / "config.toml")) return RunFolder::open(path);
  TrainOptions options = run.options;
  return RunFolder::create(path, false, config_text(train_options(options)));
}

// The summary of a run that came to its end; nothing for one that was stopped.
std::optional<std::string> work(const SweepRun& run, const fs::path& path, bool keep_files,
                                const std::function<bool()>& should_stop) {
  const RunFolder folder = folder_of(path, run);
  const auto record = [&](const std::string& summary) {
    write_file_atomically(folder.file("summary.json"), summary);
    folder.remove_checkpoint();
    return summary;
  };
  if (!run.problem.empty()) return record(failed_summary(run, run.problem));
  TrainInputs inputs;
  std::string code;
  std::optional<Problem> problem;
  try {
    inputs = read_train_inputs(run.options);
    code = fingerprint(settled_config(run.options), run.options.algorithm.schedule, inputs.teacher,
                       inputs.data, inputs.validation, inputs.test);
    problem = make_problem(run.options, inputs.teacher, std::move(inputs.data),
                           std::move(inputs.validation), std::move(inputs.test));
  } catch (const Error& error) {
    return record(failed_summary(run, error.message().spelled(config_key)));
  }
  TrainState state;
  if (auto saved = read_checkpoint(folder, code)) state = std::move(*saved);
  double next_checkpoint = state.seconds + checkpoint_interval;
  TrainObserver observer;
  observer.should_stop = should_stop;
  observer.on_step = [&](const TrainState& now) {
    if (now.seconds >= next_checkpoint) {
      write_checkpoint(folder, now, code);
      next_checkpoint = now.seconds + checkpoint_interval;
    }
    return true;
  };
  const TrainResult result = train(*problem, run.options, state, observer);
  if (result.status == Status::interrupted) {
    write_checkpoint(folder, state, code);
    return std::nullopt;
  }
  const std::string summary = summary_text(*problem, run.options, state, result);
  if (keep_files) {
    if (inputs.teacher) write_teacher(folder.file("teacher.json"), *inputs.teacher);
    write_result(folder, state, result, summary, code);
    folder.remove_checkpoint();
    return summary;
  }
  return record(summary);
}

/// Runs side by side, and what they hand over to the calling thread.
class Workers {
 public:
  struct Finished {
    std::size_t run = 0;
    std::optional<std::string> summary;
  };

  template <class Work>
  Workers(const std::vector<std::size_t>& open, int jobs, const Work& work_on) : open_(open) {
    const auto count = std::min(static_cast<std::size_t>(jobs), open_.size());
    working_ = count;
    for (std::size_t i = 0; i < count; ++i) {
      threads_.emplace_back([this, work_on] {
        try {
          while (!stopping_) {
            const std::size_t next = next_++;
            if (next >= open_.size()) break;
            Finished finished{open_[next], work_on(open_[next])};
            const std::lock_guard lock(mutex_);
            finished_.push_back(std::move(finished));
            changed_.notify_one();
          }
        } catch (...) {
          const std::lock_guard lock(mutex_);
          if (!failure_) failure_ = std::current_exception();
          stopping_ = true;
        }
        const std::lock_guard lock(mutex_);
        --working_;
        changed_.notify_one();
      });
    }
  }
  ~Workers() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void stop() { stopping_ = true; }
  bool stopping() const { return stopping_; }

  /// What has finished since the last call, after a while; false once everybody has gone home and
  /// nothing is left to hand over. Rethrows what a worker threw.
  bool wait(std::deque<Finished>& finished) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(100),
                      [&] { return !finished_.empty() || working_ == 0; });
    finished.swap(finished_);
    finished_.clear();
    if (working_ == 0 && failure_) std::rethrow_exception(failure_);
    return working_ > 0 || !finished.empty();
  }

 private:
  std::vector<std::size_t> open_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Finished> finished_;
  std::size_t working_ = 0;
  std::exception_ptr failure_;
};

/// The lines of a configuration that say something.
std::vector<std::string> settings(const std::string& config) {
  std::vector<std::string> lines;
  std::istringstream stream(config);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.front() != '#') lines.push_back(line);
  }
  return lines;
}

bool is_of_the_grid(const std::string& line) {
  return line.starts_with("grid = ") || line.starts_with("seeds = ");
}

/// "width, teacher.k" of a configuration's grid.
std::string grid_keys(const std::string& path) {
  std::string keys;
  for (const ConfigEntry& entry : read_config(path)) {
    if (entry.key != "grid") continue;
    SweepRequest request;
    for (const Option& option : sweep_options(request)) {
      if (option.name == "grid") option.set(entry.value);
    }
    for (const std::string& axis : request.grid) {
      keys += (keys.empty() ? "" : ", ") + axis.substr(0, axis.find('='));
    }
  }
  return keys;
}

/// A line that one configuration has and another has not, and the other way round; empty where
/// there is none.
struct Difference {
  std::string there;
  std::string here;

  bool any() const { return !there.empty() || !here.empty(); }
  std::string text() const {
    return fmt::format("with {}, not {}", there.empty() ? "nothing of the kind" : there,
                       here.empty() ? "without it" : here);
  }
};

/// Between the lines of the grid and seeds, or between the others.
Difference difference_of(const std::string& there, const std::string& here, bool grid) {
  const auto first_missing = [&](const std::vector<std::string>& lines,
                                 const std::vector<std::string>& others) -> std::string {
    for (const std::string& line : lines) {
      if (is_of_the_grid(line) == grid &&
          std::find(others.begin(), others.end(), line) == others.end()) {
        return line;
      }
    }
    return {};
  };
  const std::vector<std::string> before = settings(there);
  const std::vector<std::string> now = settings(here);
  return {first_missing(before, now), first_missing(now, before)};
}

// Whether the sweep whose configuration is in this file may go on with this one: the same, or with
// `extend` other values of the same keys. Errors are about `where`.
void require_same_sweep(const std::string& where, const std::string& file, const SweepPlan& plan,
                        const std::string& config, bool extend) {
  const std::string before = read_file(file);
  for (const bool grid : {false, true}) {
    const Difference found = difference_of(before, config, grid);
    if (!found.any()) continue;
    const Message difference = "holds a sweep " + found.text();
    if (!grid) {
      throw FileError(
          where,
          difference + Message::pattern("; choose another {out}, or {overwrite} to replace it"));
    }
    std::string keys;
    for (const SweepAxis& axis : plan.axes) keys += (keys.empty() ? "" : ", ") + axis.key;
    if (keys != grid_keys(file)) {
      throw FileError(where,
                      difference + Message::pattern("; other keys make another sweep: choose "
                                                    "another {out}, or {overwrite} to replace "
                                                    "it"));
    }
    if (!extend) {
      throw FileError(where,
                      difference + Message::pattern("; {extend} goes on with the new values and "
                                                    "keeps the runs they share, another {out} "
                                                    "starts anew, {overwrite} replaces it"));
    }
  }
}

bool holds_sweep(const std::string& path) {
  const fs::path config = fs::path(path) / "config.toml";
  if (!fs::exists(config)) return false;
  const std::vector<ConfigEntry> entries = read_config(config.string());
  return std::any_of(entries.begin(), entries.end(),
                     [](const ConfigEntry& entry) { return entry.key == "seeds"; });
}

// config.toml of the sweep, and what shards have left of theirs.
std::vector<std::string> configs_in(const std::string& path) {
  std::vector<std::string> files = {(fs::path(path) / "config.toml").string()};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(fs::path(path) / "shards", ignored)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path().string());
  }
  std::sort(files.begin() + 1, files.end());
  return files;
}

// Runs are found by their names, which tell their values on the grid; copied from the folder of
// another sweep they would differ in the rest.
void require_same_runs(const std::string& path, const SweepPlan& plan) {
  for (const SweepRun& run : plan.runs) {
    const fs::path file = fs::path(path) / "runs" / run.name / "config.toml";
    if (!fs::exists(file)) continue;
    TrainOptions options = run.options;
    const Difference found =
        difference_of(read_file(file.string()), config_text(train_options(options), false), false);
    if (!found.any()) continue;
    throw FileError(file.string(), "belongs to a run of another sweep, " + found.text() +
                                       "; remove the folder of this run");
  }
}

// Leaves the configuration of a shard, by which the folders of several are known for parts of one
// sweep when they are copied together. It has been compared with those that were there.
void mark_shard(const std::string& path, const Shard& shard, const std::string& config) {
  const fs::path folder = fs::path(path) / "shards";
  const std::vector<std::string> files = configs_in(path);
  std::error_code ignored;
  for (std::size_t i = 1; i < files.size(); ++i) fs::remove(files[i], ignored);
  if (shard.whole()) {
    fs::remove(folder, ignored);  // where nothing else is in it
    return;
  }
  fs::create_directories(folder, ignored);
  write_file_atomically((folder / fmt::format("{}-of-{}.toml", shard.index, shard.count)).string(),
                        config);
}

// The runs of a sweep that is replaced, and nothing else.
void remove_runs(const std::string& path) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(fs::path(path) / "runs", ignored)) {
    if (entry.path().filename().string().find("seed=") == std::string::npos) continue;
    if (fs::exists(entry.path() / "config.toml")) RunFolder::open(entry.path()).remove();
  }
}

int locked(const std::string& path) {
  const std::string file = (fs::path(path) / "lock").string();
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    throw FileError(file, Message::pattern("cannot be written; choose another {out}"));
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  ::close(descriptor);
  throw FileError(
      path,
      Message::pattern("another sweep works in this folder; wait for it, or choose another {out}"));
}

}  // namespace

SweepFolder::SweepFolder(const std::string& path, const SweepPlan& plan, const std::string& config,
                         SweepStart start)
    : path_(path) {
  const bool overwrite = start == SweepStart::overwrite;
  if (holds_sweep(path)) {
    if (!overwrite) {
      const std::vector<std::string> files = configs_in(path);
      for (const std::string& file : files) {
        const std::string& where = file == files.front() ? path : file;
        require_same_sweep(where, file, plan, config, start == SweepStart::extend);
      }
      require_same_runs(path, plan);
    }
    lock_ = locked(path);
    if (overwrite) {
      remove_runs(path);
      RunFolder::create(path, true, config);
    } else {
      write_file_atomically((fs::path(path) / "config.toml").string(), config);
    }
  } else {
    RunFolder::create(path, overwrite, config);
    lock_ = locked(path);
  }
  mark_shard(path, plan.shard, config);
}

SweepFolder::~SweepFolder() {
  if (lock_ < 0) return;
  // Removed while it is held: whoever opened it meanwhile locks a file without a name, and finds
  // a finished sweep.
  ::unlink((fs::path(path_) / "lock").c_str());
  ::close(lock_);
}

std::vector<SweepRecord> SweepFolder::run(const SweepPlan& plan, bool keep_runs, int jobs,
                                          const SweepObserver& observer) {
  require_in(SweepRequest::Limits::jobs, "jobs", jobs);
  const ThreadCount one_thread_a_run(1);
  const fs::path runs = fs::path(path_) / "runs";
  std::vector<SweepRecord> records(plan.runs.size());
  std::vector<std::size_t> open;
  std::size_t done = 0;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const fs::path summary = runs / plan.runs[i].name / "summary.json";
    // With the checkpoint still there, the run was cut off between the two; it goes on from its
    // last step and writes the same summary.
    if (fs::exists(summary) && !fs::exists(runs / plan.runs[i].name / "checkpoint")) {
      records[i].summary = earlier_summary(summary.string());
      records[i].seconds = seconds_in(records[i].summary);
      records[i].reused = true;
      if (!plan.runs[i].elsewhere) ++done;
    } else if (!plan.runs[i].elsewhere) {
      open.push_back(i);
    }
  }
  std::atomic<bool> stopping = false;
  Workers workers(open, jobs, [&](std::size_t i) {
    return work(plan.runs[i], runs / plan.runs[i].name, keep_runs, [&] { return stopping.load(); });
  });
  std::deque<Workers::Finished> finished;
  try {
    while (workers.wait(finished)) {
      for (Workers::Finished& one : finished) {
        if (!one.summary) continue;
        SweepRecord& record = records[one.run];
        record.summary = std::move(*one.summary);
        record.seconds = seconds_in(record.summary);
        ++done;
        if (observer.on_run) observer.on_run(plan.runs[one.run], record, done);
      }
      if (observer.should_stop && !stopping && observer.should_stop()) {
        stopping = true;
        workers.stop();
      }
      if (workers.stopping()) stopping = true;
    }
  } catch (...) {
    stopping = true;
    throw;
  }
  return records;
}

}  // namespace lodestone
