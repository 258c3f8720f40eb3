#pragma once

// Work that leaves the interpreter alone, and how the two talk.

#include <nanobind/nanobind.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>

#include "lodestone/core/stopwatch.hpp"

namespace lodestone::python {

namespace nb = nanobind;

/// While one of these lives the library is at work, and the number of threads must not change.
///
/// A process that is forked meanwhile gets the library's locks as they are at that moment, and
/// nobody who would release them: there the constructor throws std::runtime_error instead of
/// waiting forever.
class AtWork {
 public:
  AtWork();
  ~AtWork() { --count; }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

  static bool anybody() { return count > 0; }
  static bool was_forked() { return forked_at_work; }
  /// Throws what a process that was forked at work is told.
  [[noreturn]] static void refuse();

 private:
  inline static std::atomic<int> count = 0;
  inline static std::atomic<bool> forked_at_work = false;
};

/// Seconds that the last call on this thread spent in the library: what a call takes beyond them is
/// Python's and the bindings' (benchmarks/overhead.py).
inline thread_local double seconds_in_library = 0.0;

/// Sets `seconds_in_library` when it goes.
class LibraryTime {
 public:
  LibraryTime() = default;
  LibraryTime(const LibraryTime&) = delete;
  LibraryTime& operator=(const LibraryTime&) = delete;
  ~LibraryTime() { seconds_in_library = stopwatch_.seconds(); }

 private:
  Stopwatch stopwatch_;
};

/// A short call without the interpreter's lock: other Python threads go on meanwhile.
template <class Work>
auto without_lock(const Work& work) {
  const AtWork at_work;
  const nb::gil_scoped_release released;
  const LibraryTime time;
  return work();
}

/// A long call. The work runs on a thread of its own and never touches Python. The calling thread
/// looks for signals (Ctrl-C) every twentieth of a second and makes the calls into Python that the
/// work asks for. An exception there, KeyboardInterrupt among them, asks the work to stop and is
/// kept: the caller decides what to do with the work's result before raising it.
class LongCall {
 public:
  /// Returns when the work has ended; rethrows what it threw.
  void run(const std::function<void()>& work);

  /// For the work: whether it should come to its end. Cheap, from any thread.
  bool should_stop() const { return stop_; }

  /// For the work: makes a call on the thread that has the interpreter, and waits for it. From one
  /// thread at a time.
  void ask(std::function<void()> question);

  /// For a question: ends the work without an error.
  void stop() { stop_ = true; }

  /// What was raised meanwhile, or None.
  nb::object error() const { return error_; }

 private:
  void answer(const std::function<void()>& question);

  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
  const std::function<void()>* question_ = nullptr;
  nb::object error_ = nb::none();
};

}  // namespace lodestone::python
