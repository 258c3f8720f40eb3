#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lodestone/core/communicator.hpp"

namespace lodestone::support {

/// Threads in the place of processes: what each gives is put down, and all go on when it is there.
class Meeting {
 public:
  explicit Meeting(std::size_t size) : given_(size) {}

  std::size_t size() const { return given_.size(); }

  std::vector<std::string> exchange(std::size_t rank, const std::string& own) {
    std::unique_lock lock(mutex_);
    given_[rank] = own;
    const std::size_t round = round_;
    if (++arrived_ == given_.size()) {
      taken_ = given_;
      arrived_ = 0;
      ++round_;
      all_here_.notify_all();
    } else {
      all_here_.wait(lock, [&] { return round_ != round; });
    }
    return taken_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  std::vector<std::string> given_;
  std::vector<std::string> taken_;
  std::size_t arrived_ = 0;
  std::size_t round_ = 0;
};

class MeetingCommunicator final : public Communicator {
 public:
  MeetingCommunicator(Meeting& meeting, Index rank) : meeting_(meeting), rank_(rank) {}

  Index rank() const override { return rank_; }
  Index size() const override { return static_cast<Index>(meeting_.size()); }

 protected:
  std::vector<std::string> exchange(const std::string& own) override {
    return meeting_.exchange(static_cast<std::size_t>(rank_), own);
  }

 private:
  Meeting& meeting_;
  Index rank_;
};

/// Runs work(communicator) in so many threads, and returns what each threw, or "".
inline std::vector<std::string> on_processes(Index size,
                                             const std::function<void(Communicator&)>& work) {
  Meeting meeting(static_cast<std::size_t>(size));
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (Index rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      MeetingCommunicator communicator(meeting, rank);
      try {
        work(communicator);
      } catch (const std::exception& error) {
        errors[static_cast<std::size_t>(rank)] = error.what();
        communicator.fail(error.what());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

}  // namespace lodestone::support
