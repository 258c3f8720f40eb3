#include "core/block_sums.hpp"

#include <utility>

namespace lodestone {

RowShare::RowShare(Index total, Communicator& processes) : total_(total), processes_(&processes) {
  const Index blocks = blocks_of(total);
  const auto first_row = [&](Index rank) {
    const Index leaf = block_sums::first_leaf(leaves_of(blocks), rank, processes.size());
    return std::min(total, leaf * blocks_per_leaf(blocks) * rows_per_block);
  };
  first_ = first_row(processes.rank());
  count_ = first_row(processes.rank() + 1) - first_;
}

namespace block_sums {
namespace {

// The process that has all leaves of a node, or −1.
Index owner_of(const Node& node, Index leaves, Index size) {
  for (Index rank = 0; rank < size; ++rank) {
    if (first_leaf(leaves, rank, size) <= node.first &&
        node.first + node.count <= first_leaf(leaves, rank + 1, size)) {
      return rank;
    }
  }
  return -1;
}

void add_nodes(const Node& node, Index begin, Index end, std::vector<Node>& nodes) {
  if (node.first >= end || node.first + node.count <= begin) return;
  if (begin <= node.first && node.first + node.count <= end) {
    nodes.push_back(node);
    return;
  }
  const Index left = left_leaves(node.count);
  add_nodes({node.first, left}, begin, end, nodes);
  add_nodes({node.first + left, node.count - left}, begin, end, nodes);
}

// Sums of nodes, which every process has from all others, on their way to the root.
class Gathered {
 public:
  Gathered(Index leaves, const SumShape& shape, const std::vector<std::vector<double>>& of_nodes)
      : leaves_(leaves), shape_(shape), of_nodes_(of_nodes), used_(of_nodes.size(), 0) {}

  void fill(const Node& node, double* sums) {
    const Index owner = owner_of(node, leaves_, static_cast<Index>(of_nodes_.size()));
    if (owner >= 0) {
      take(static_cast<std::size_t>(owner), sums);
      return;
    }
    const Index left = left_leaves(node.count);
    std::vector<double> right(shape_.length);
    fill({node.first, left}, sums);
    fill({node.first + left, node.count - left}, right.data());
    shape_.for_each_run(0, shape_.length, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i) sums[i] += right[i];
    });
  }

 private:
  // The next node of a process.
  void take(std::size_t owner, double* sums) {
    const std::vector<double>& from = of_nodes_[owner];
    std::size_t& used = used_[owner];
    shape_.for_each_run(0, shape_.length, [&](std::size_t first, std::size_t last) {
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(used), last - first, sums + first);
      used += last - first;
    });
  }

  Index leaves_;
  const SumShape& shape_;
  const std::vector<std::vector<double>>& of_nodes_;
  std::vector<std::size_t> used_;
};

}  // namespace

std::vector<Node> nodes_here(const BlockShare& blocks) {
  const Index leaves = leaves_of(blocks.total);
  const Communicator& processes = *blocks.processes;
  std::vector<Node> nodes;
  add_nodes({0, leaves}, first_leaf(leaves, processes.rank(), processes.size()),
            first_leaf(leaves, processes.rank() + 1, processes.size()), nodes);
  return nodes;
}

std::vector<double> sums_of_all(const BlockShare& blocks, const SumShape& shape,
                                const std::vector<std::vector<double>>& of_nodes) {
  const Index leaves = leaves_of(blocks.total);
  std::vector<double> sums(shape.length, 0.0);
  Gathered(leaves, shape, of_nodes).fill({0, leaves}, sums.data());
  return sums;
}

}  // namespace block_sums
}  // namespace lodestone
