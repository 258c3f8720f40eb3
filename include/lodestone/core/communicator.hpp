#pragma once

#include <string>
#include <vector>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// Processes that solve one problem together, each with a part of its rows (docs/architecture.md,
/// "Rows on several processes"). All of them make the same calls in the same order, each from one
/// thread, and what they decide depends on gathered numbers alone. MPI and tests derive from it.
class Communicator {
 public:
  virtual ~Communicator() = default;

  /// This process, 0 to size() − 1.
  virtual Index rank() const = 0;
  virtual Index size() const = 0;

  /// What each process gives, by rank; returns when all have given. Throws an Error with the reason
  /// and the rank of the first process that called fail() instead.
  std::vector<std::string> gather(std::string own);

  /// Ends the others' next gather() with this reason. No call may follow it. Does nothing where
  /// another process has failed before.
  void fail(std::string reason);

  /// Whether fail() was called here or gather() has told of another's.
  bool failed() const { return failed_; }

 protected:
  /// As gather(), without the Error.
  virtual std::vector<std::string> exchange(const std::string& own) = 0;

 private:
  bool failed_ = false;
};

}  // namespace lodestone
