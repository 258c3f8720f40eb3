#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "lodestone/core/communicator.hpp"
#include "lodestone/core/row_share.hpp"
#include "lodestone/core/types.hpp"

// What processes tell each other beside sums over rows (core/block_sums.hpp). Where all rows are in
// this process nothing travels.

namespace lodestone {

/// The numbers of each process, by rank.
inline std::vector<std::vector<double>> gather_numbers(Communicator& processes,
                                                       const std::vector<double>& own) {
  const std::vector<std::string> bytes = processes.gather(
      std::string(reinterpret_cast<const char*>(own.data()), own.size() * sizeof(double)));
  std::vector<std::vector<double>> result;
  for (const std::string& other : bytes) {
    std::vector<double>& numbers = result.emplace_back(other.size() / sizeof(double));
    if (!numbers.empty()) std::memcpy(numbers.data(), other.data(), other.size());
  }
  return result;
}

/// The largest value of any row, where `here` is that of the rows here.
inline double largest(const RowShare& rows, double here) {
  if (rows.processes() == nullptr) return here;
  for (const std::vector<double>& other : gather_numbers(*rows.processes(), {here})) {
    here = std::max(here, other.front());
  }
  return here;
}

/// One number a row, or one row of numbers a row, of all processes in the order of rows.
inline Matrix gather_rows(const RowShare& rows, Matrix here) {
  if (rows.processes() == nullptr) return here;
  const auto all = gather_numbers(*rows.processes(),
                                  std::vector<double>(here.data(), here.data() + here.size()));
  Index count = 0;
  for (const std::vector<double>& part : all) {
    count += static_cast<Index>(part.size()) / std::max<Index>(1, here.cols());
  }
  Matrix result(count, here.cols());
  double* to = result.data();
  for (const std::vector<double>& part : all) to = std::copy(part.begin(), part.end(), to);
  return result;
}

}  // namespace lodestone
