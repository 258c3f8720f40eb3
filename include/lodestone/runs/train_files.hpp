#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lodestone/io/runs/run_folder.hpp"
#include "lodestone/runs/train.hpp"

namespace lodestone {

/// Writes history.csv. Columns about errors on other rows appear where any line has them.
void write_history(const RunFolder& folder, const std::vector<HistoryRow>& history);

/// Writes the checkpoint. `fingerprint` stands for everything the run depends on (configuration and
/// data); a checkpoint is only accepted with the same one.
void write_checkpoint(const RunFolder& folder, const TrainState& state,
                      const std::string& fingerprint);

/// The saved state, or nothing when the run was cut off before its first checkpoint. Throws
/// FileError for a checkpoint cut short, damaged, from another version or of another problem.
std::optional<TrainState> read_checkpoint(const RunFolder& folder, const std::string& fingerprint);

/// Writes all files of a result. The checkpoint of an unfinished run goes first and that of a
/// finished one last: while it is there, a run that is cut off here can be resumed.
void write_result(const RunFolder& folder, const TrainState& state, const TrainResult& result,
                  const std::string& summary, const std::string& fingerprint);

}  // namespace lodestone
