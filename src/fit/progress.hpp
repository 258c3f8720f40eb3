#pragma once

#include <algorithm>
#include <mutex>
#include <string>

#include "lodestone/fit/fit.hpp"

namespace lodestone::fitting {

/// Reports from several threads, one at a time.
class Progress {
 public:
  Progress(const FitObserver& observer, double units) : observer_(observer), units_(units) {}

  void add(double units, const std::string& what) {
    if (!observer_.on_progress) return;
    const std::scoped_lock lock(mutex_);
    done_ += units;
    observer_.on_progress(std::min(1.0, done_ / units_), what);
  }
  bool stopped() const { return observer_.should_stop && observer_.should_stop(); }

 private:
  const FitObserver& observer_;
  double units_;
  std::mutex mutex_;
  double done_ = 0.0;
};

}  // namespace lodestone::fitting
