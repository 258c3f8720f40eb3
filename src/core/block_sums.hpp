#pragma once

#include <oneapi/tbb/parallel_invoke.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

#include "core/buffer_pool.hpp"
#include "core/collectives.hpp"
#include "core/parallel.hpp"
#include "core/perturbation.hpp"
#include "lodestone/core/row_share.hpp"
#include "lodestone/core/types.hpp"

// Sums over rows. Every sum over the rows of a table goes through this file, so that its bits
// depend on the rows alone: not on threads, on the length of what is added up, or on where the rows
// live (docs/architecture.md, "Sums over rows").

namespace lodestone {

/// Rows per block, the unit of work and of summation. A multiple of 24 and of 16: the rows of the
/// kernels' tiles divide it.
inline constexpr Index rows_per_block = 240;

inline constexpr Index blocks_of(Index rows) {
  return (rows + rows_per_block - 1) / rows_per_block;
}

/// Blocks that are added up one after the other, as a leaf of the tree. Few blocks make leaves of
/// one, so that all threads have work; from 512 blocks (122,880 rows) on a leaf has 16. A leaf
/// costs three passes over its sums more than its blocks do, which showed for Gram matrices:
/// 250,000 sums.
inline constexpr Index blocks_per_leaf(Index blocks) {
  return std::clamp<Index>(blocks / 32, 1, 16);
}

inline constexpr Index leaves_of(Index blocks) {
  const Index leaf = blocks_per_leaf(blocks);
  return (blocks + leaf - 1) / leaf;
}

/// The blocks of rows in this process: `count` of `total`, from `first` on. The others are with
/// other processes.
struct BlockShare {
  BlockShare(Index blocks) : count(blocks), total(blocks) {}  // NOLINT: all of them
  explicit BlockShare(const RowShare& rows)
      : count(blocks_of(rows.count())),
        first(rows.first() / rows_per_block),
        total(blocks_of(rows.total())),
        processes(rows.processes()) {}

  Index count;
  Index first = 0;
  Index total;
  Communicator* processes = nullptr;  ///< null: all blocks are here
};

/// Which of the numbers of a sum are wanted: all, or of a matrix `rows`×`columns` at the front
/// those from the diagonal on, and all that follow it. The others are left alone, so that Gram
/// matrices cost half.
struct SumShape {
  std::size_t length;
  std::size_t rows = 0;
  std::size_t columns = 0;

  /// run(first, last) for each run of wanted numbers in [begin, end).
  template <class Run>
  void for_each_run(std::size_t begin, std::size_t end, const Run& run) const {
    while (begin < std::min(end, rows * columns)) {
      const std::size_t row = begin / columns;
      const std::size_t last = std::min(end, (row + 1) * columns);
      const std::size_t first = std::max(begin, row * columns + std::min(row, columns));
      if (first < last) run(first, last);
      begin = last;
    }
    if (begin < end) run(begin, end);
  }
};

namespace block_sums {

// The leaves on the left of a node of so many: the largest power of two below. A node that covers
// 2^k leaves from a multiple of 2^k on is the same in every tree.
inline Index left_leaves(Index count) {
  return static_cast<Index>(std::bit_ceil(static_cast<std::size_t>(count)) / 2);
}

// A node of the tree by its leaves.
struct Node {
  Index first;
  Index count;
};

// The first leaf of a process when so many are dealt; that of `size` is the end.
inline Index first_leaf(Index leaves, Index rank, Index size) { return rank * leaves / size; }

// The largest nodes whose leaves are all in this process, in order.
std::vector<Node> nodes_here(const BlockShare& blocks);

// The sums of the root from those of the nodes of every process.
std::vector<double> sums_of_all(const BlockShare& blocks, const SumShape& shape,
                                const std::vector<std::vector<double>>& of_nodes);

// The sums of one node of the tree, whose leaves are [first, first + count).
template <class AddBlock>
class Tree {
 public:
  Tree(Index blocks, const SumShape& shape, const AddBlock& add)
      : blocks_(blocks),
        leaf_(blocks_per_leaf(blocks)),
        shape_(shape),
        add_(add),
        buffers_(shape.length) {}

  Index leaves() const { return leaves_of(blocks_); }

  void fill(Index first, Index count, double* sums) const {
    if (count == 1) {
      shape_.for_each_run(0, shape_.length, [&](std::size_t first_number, std::size_t last_number) {
        std::fill(sums + first_number, sums + last_number, 0.0);
      });
      const Index end = std::min(blocks_, (first + 1) * leaf_);
      for (Index block = first * leaf_; block < end; ++block) add_(block, sums);
      return;
    }
    const Index left = left_leaves(count);
    const BufferPool<double>::Buffer right_sums(buffers_);
    const auto fill_left = [&] { fill(first, left, sums); };
    const auto fill_right = [&] { fill(first + left, count - left, right_sums.data()); };
    if (threads() == 1) {
      fill_left();
      fill_right();
    } else {
      oneapi::tbb::parallel_invoke(fill_left, fill_right);
    }
    add_up(right_sums.data(), sums);
  }

 private:
  void add_up(const double* right, double* sums) const {
    constexpr std::size_t slice = std::size_t{1} << 15;
    for_each_block(static_cast<Index>((shape_.length + slice - 1) / slice), [&](Index number) {
      const std::size_t begin = static_cast<std::size_t>(number) * slice;
      shape_.for_each_run(begin, std::min(shape_.length, begin + slice),
                          [&](std::size_t first, std::size_t last) {
                            for (std::size_t i = first; i < last; ++i) sums[i] += right[i];
                          });
    });
  }

  Index blocks_;
  Index leaf_;
  SumShape shape_;
  const AddBlock& add_;
  mutable BufferPool<double> buffers_;
};

// The sums of the nodes that are here, the wanted numbers of one after those of the other.
template <class AddBlock>
std::vector<double> sums_of_nodes(const BlockShare& blocks, const SumShape& shape,
                                  const AddBlock& add) {
  const auto add_here = [&](Index block, double* sums) { add(block - blocks.first, sums); };
  const Tree tree(blocks.total, shape, add_here);
  std::vector<double> sums(shape.length, 0.0);
  std::vector<double> result;
  for (const Node& node : nodes_here(blocks)) {
    worker_arena().execute([&] { tree.fill(node.first, node.count, sums.data()); });
    shape.for_each_run(0, shape.length, [&](std::size_t first, std::size_t last) {
      result.insert(result.end(), sums.data() + first, sums.data() + last);
    });
  }
  return result;
}

}  // namespace block_sums

/// Σ over blocks of numbers of a shape; add(block, sums) adds those of one block to what it is
/// given, and may be called from any thread; a block is told by its number among those here. The
/// sum is a binary tree over leaves of blocks_per_leaf(blocks) blocks, split at powers of two.
/// Numbers that are not wanted come out as anything. Memory: shape.length numbers for each level of
/// the tree and thread. Where blocks are with several processes all of them make this call and have
/// the sum; what travels are the sums of at most two nodes for each level of the tree.
template <class AddBlock>
std::vector<double> sum_over_blocks(const BlockShare& blocks, const SumShape& shape,
                                    const AddBlock& add) {
  std::vector<double> sums(shape.length, 0.0);
  if (blocks.total == 0 || shape.length == 0) return sums;
  if (blocks.processes != nullptr) {
    sums = block_sums::sums_of_all(
        blocks, shape,
        gather_numbers(*blocks.processes, block_sums::sums_of_nodes(blocks, shape, add)));
    perturb(sums.data(), shape.length);
    return sums;
  }
  const block_sums::Tree<AddBlock> tree(blocks.total, shape, add);
  if (threads() == 1 || tree.leaves() == 1) {
    tree.fill(0, tree.leaves(), sums.data());
  } else {
    worker_arena().execute([&] { tree.fill(0, tree.leaves(), sums.data()); });
  }
  perturb(sums.data(), shape.length);
  return sums;
}
template <class AddBlock>
std::vector<double> sum_over_blocks(const BlockShare& blocks, std::size_t length,
                                    const AddBlock& add) {
  return sum_over_blocks(blocks, SumShape{length}, add);
}

/// Σ_t term(t) over all rows, t the number among those here: within a block in order, over blocks
/// by the tree.
template <class Term>
double sum_over_rows(const RowShare& rows, const Term& term) {
  return sum_over_blocks(BlockShare(rows), 1,
                         [&](Index block, double* sum) {
                           const Index end = std::min(rows.count(), (block + 1) * rows_per_block);
                           double total = 0.0;
                           for (Index t = block * rows_per_block; t < end; ++t) total += term(t);
                           *sum += total;
                         })
      .front();
}

/// Σ_t x_t and Σ_t x_t y_t over vectors with one number a row.
inline double row_sum(const RowShare& rows, const Vector& x) {
  return sum_over_rows(rows, [&](Index t) { return x[t]; });
}
inline double row_sum(const Vector& x) { return row_sum(x.size(), x); }
inline double row_dot(const RowShare& rows, const Vector& x, const Vector& y) {
  return sum_over_rows(rows, [&](Index t) { return x[t] * y[t]; });
}
inline double row_dot(const Vector& x, const Vector& y) { return row_dot(x.size(), x, y); }

}  // namespace lodestone
