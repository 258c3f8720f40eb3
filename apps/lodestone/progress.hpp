#pragma once

#include <string>

#include "lodestone/runs/train.hpp"
#include "terminal.hpp"

namespace lodestone::app {

/// What a person sees while a run works, on standard error: a bar that rewrites itself on a
/// terminal, one plain line an epoch elsewhere, nothing when quiet.
class Progress {
 public:
  Progress(const TrainOptions& options, const Problem& problem, bool quiet);

  void on_row(const HistoryRow& row);
  void on_step(const TrainState& state);

  /// Clears the bar, so that what follows starts on a clean line.
  void finish();

 private:
  double fraction_done(double loss, long steps) const;
  void draw(double seconds);

  const TrainOptions& options_;
  double null_loss_;
  double target_loss_;
  bool chosen_by_validation_;  ///< then nobody knows beforehand how long it takes
  bool quiet_;
  ProgressLine line_;
  bool header_printed_ = false;
  double next_draw_ = 0.0;
  HistoryRow last_;
};

/// The table of what was found, for standard output.
std::string result_table(const Problem& problem, const TrainState& state,
                         const TrainResult& result);

}  // namespace lodestone::app
