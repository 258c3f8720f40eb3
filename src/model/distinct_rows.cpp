#include "model/distinct_rows.hpp"

#include <cstddef>
#include <string_view>
#include <unordered_set>

namespace lodestone {

Index distinct_rows(const Matrix& X, Index most) {
  const auto size = static_cast<std::size_t>(X.cols()) * sizeof(double);
  std::unordered_set<std::string_view> seen;
  for (Index t = 0; t < X.rows() && static_cast<Index>(seen.size()) < most; ++t) {
    const void* row = X.row(t).data();
    seen.emplace(static_cast<const char*>(row), size);
  }
  return static_cast<Index>(seen.size());
}

}  // namespace lodestone
