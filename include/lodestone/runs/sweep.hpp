#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lodestone/core/range.hpp"
#include "lodestone/io/config/shard.hpp"
#include "lodestone/runs/train.hpp"

namespace lodestone {

/// What `lodestone sweep` does: the same run of `train` over a grid of options and seeds.
struct SweepRequest {
  /// What SweepFolder::run takes for its jobs.
  struct Limits {
    static constexpr Range jobs = between(1, 1024);
  };

  TrainOptions base;  ///< what all runs share

  /// One key an item, as in "width=50,100,200": a key of train's configuration, or teacher.KEY for
  /// a key of a random teacher, and its values. Numbers may be given as LOW:HIGH (steps of 1),
  /// LOW:HIGH:STEP or LOW:HIGH:xFACTOR, ends included.
  std::vector<std::string> grid;

  /// Numbers and LOW:HIGH, separated by commas; empty: the base's seed.
  std::string seeds;

  bool keep_runs = false;  ///< keep each run's model, network and history

  /// The runs to work on: each belongs to a shard by its configuration. No part of the sweep's own
  /// configuration, which all shards share.
  Shard shard;
};

/// One key of the grid.
struct SweepAxis {
  std::string key;
  std::vector<std::string> values;  ///< as a configuration has them
};

/// One run of a sweep.
struct SweepRun {
  std::string name;                 ///< of its folder below runs/: "width=50,seed=3"
  std::vector<std::string> values;  ///< one for each axis
  std::uint64_t seed = 0;
  TrainOptions options;
  std::string problem;     ///< why these values together make no run; empty where they do
  bool elsewhere = false;  ///< belongs to another shard
};

/// A grid spelled out. Runs come in the order of the values, the last axis and then the seed
/// changing fastest.
struct SweepPlan {
  std::vector<SweepAxis> axes;
  std::vector<std::uint64_t> seeds;
  std::vector<SweepRun> runs;  ///< of all shards
  Shard shard;

  /// The number of runs that belong to the shard.
  std::size_t shard_runs() const;
};

/// Spells out the grid. A random teacher whose description names no seed gets that of the run.
/// Throws InvalidArgument for an unknown key (naming the nearest), a value that the key cannot
/// take, a value with which no run could work, a key or value that comes twice, and files that
/// cannot be read.
SweepPlan plan_sweep(const SweepRequest& request);

/// A run that is done: it converged, used its own budget up, diverged or failed.
struct SweepRecord {
  std::string summary;  ///< the JSON that `train --json` prints; failed: status and message
  double seconds = 0.0;
  bool reused = false;  ///< finished by an earlier call
};

struct SweepObserver {
  /// After each run, from the calling thread; `done` counts the recorded ones of the shard.
  std::function<void(const SweepRun&, const SweepRecord&, std::size_t done)> on_run;

  /// Asked a few times a second, from the calling thread. True stops; what works is saved.
  std::function<bool()> should_stop;
};

/// How a sweep's folder is taken up.
enum class SweepStart {
  fresh_or_same,  ///< a new folder, or one of the same sweep, which goes on
  extend,         ///< also one whose grid or seeds had other values of the same keys
  overwrite,      ///< whatever was there is replaced
};

/// The folder of a sweep:
///   config.toml           the base configuration, the grid and the seeds
///   shards/I-of-N.toml    the same of a shard; gone once the sweep went on without
///   runs/NAME/            config.toml and summary.json of each run; while it works its checkpoint
///   runs.csv              a line a run: grid keys, seed, status and the summary's numbers
///   summary.json
///   data/phase-*.csv .gp  behind the pictures
///   figures/phase-*.svg   share of runs that recovered every teacher, over one or two keys
/// Every file appears whole or not at all, so the process may be killed at any moment: a run that
/// is recorded is never computed again, one that was at work goes on from its checkpoint. The
/// folders of all shards copied into one are the folder of the sweep: taken up without a shard it
/// has nothing left to run.
class SweepFolder {
 public:
  /// Makes or takes up the folder; `config` is its config.toml. Throws FileError when it holds
  /// something else, another sweep or a shard or run of one, or a sweep that works at this moment.
  SweepFolder(const std::string& path, const SweepPlan& plan, const std::string& config,
              SweepStart start);
  ~SweepFolder();
  SweepFolder(const SweepFolder&) = delete;
  SweepFolder& operator=(const SweepFolder&) = delete;

  /// Runs all runs of the plan's shard that are not recorded yet, `jobs` at a time, each on one
  /// thread: the bits of `train` with the run's configuration. Returns one record for each run of
  /// the plan, without summary where it was stopped before or is another shard's. Not to be called
  /// while other threads use the library. Throws FileError when a record cannot be written.
  std::vector<SweepRecord> run(const SweepPlan& plan, bool keep_runs, int jobs,
                               const SweepObserver& observer = {});

  /// Writes runs.csv, summary.json and the pictures. Returns what to tell people about pictures
  /// that could not be drawn, or "".
  std::string write_report(const SweepPlan& plan, const std::vector<SweepRecord>& records,
                           Status status, double seconds) const;

 private:
  std::string path_;
  int lock_ = -1;
};

/// runs.csv as text.
std::string sweep_csv(const SweepPlan& plan, const std::vector<SweepRecord>& records);

/// summary.json as text.
std::string sweep_summary_text(const SweepPlan& plan, const std::vector<SweepRecord>& records,
                               Status status, double seconds);

}  // namespace lodestone
