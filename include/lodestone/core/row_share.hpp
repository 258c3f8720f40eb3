#pragma once

#include "lodestone/core/communicator.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone {

/// The rows of a table that are in this process: all of them, or one range. Ranges are whole
/// leaves of the tree by which rows are summed, so that sums have the same bits for any number of
/// processes (docs/architecture.md, "Sums over rows").
class RowShare {
 public:
  /// All rows are here.
  RowShare(Index rows) : total_(rows), count_(rows) {}  // NOLINT: a count says "all of them"

  /// Those of this process when `total` rows are dealt to all: leaves in their order, to each
  /// process as many as to the others, or one more. A process may get none. The communicator must
  /// outlive what is made of the share.
  RowShare(Index total, Communicator& processes);

  Index total() const { return total_; }
  Index first() const { return first_; }                  ///< of the rows here
  Index count() const { return count_; }                  ///< of rows here
  Communicator* processes() const { return processes_; }  ///< null: all rows are here

 private:
  Index total_;
  Index first_ = 0;
  Index count_;
  Communicator* processes_ = nullptr;
};

}  // namespace lodestone
