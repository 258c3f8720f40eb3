#pragma once

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <string>

#include "lodestone/core/stopwatch.hpp"
#include "lodestone/fit/fit.hpp"

namespace lodestone::fitting {

/// Reports from several threads, one at a time; and the budget of time. The choice of λ and of the
/// number of features has to leave time for the path of all rows, without which there is no model.
class Progress {
 public:
  Progress(const FitObserver& observer, double units) : observer_(observer), units_(units) {}

  void add(double units, const std::string& what) {
    if (!observer_.on_progress) return;
    const std::scoped_lock lock(mutex_);
    done_ += units;
    observer_.on_progress(std::min(1.0, done_ / units_), what);
  }

  /// Whether the work at hand has to end.
  bool stopped() const {
    const double seconds = stopwatch_.seconds();
    if (hurried_) return seconds >= deadline_;
    return asked() || seconds >= deadline_;
  }

  /// From here to end_choice() the work ends when its share of the budget is used up.
  void begin_choice() { deadline_ = choice_share * observer_.max_seconds; }

  /// What was chosen among still has to be fitted to all rows. Where a stop was asked for, or the
  /// whole budget is used up, that has a second, or a tenth of the time that the choice took.
  /// Returns whether the choice was cut short.
  bool end_choice() {
    const bool cut = stopped();
    const double seconds = stopwatch_.seconds();
    hurried_ = asked() || seconds >= observer_.max_seconds;
    deadline_ =
        hurried_ ? seconds + std::max(least_seconds, late_share * seconds) : observer_.max_seconds;
    cut_ = cut_ || cut;
    return cut;
  }

  /// Whether something was cut short, or will be: what can be left out is left out.
  bool cut_short() const { return cut_ || stopped(); }

  bool out_of_time() const {
    return !asked() && (cut_ || stopwatch_.seconds() >= observer_.max_seconds);
  }

 private:
  bool asked() const { return observer_.should_stop && observer_.should_stop(); }

  // The path of all rows and its certificates take about as long as one fold of five.
  static constexpr double choice_share = 0.75;
  static constexpr double least_seconds = 1.0;
  static constexpr double late_share = 0.1;

  const FitObserver& observer_;
  double units_;
  Stopwatch stopwatch_;
  std::atomic<double> deadline_ = observer_.max_seconds;
  std::atomic<bool> hurried_ = false;
  bool cut_ = false;
  std::mutex mutex_;
  double done_ = 0.0;
};

}  // namespace lodestone::fitting
