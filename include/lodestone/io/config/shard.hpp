#pragma once

#include <string>
#include <string_view>

namespace lodestone {

/// One of several parts of a piece of work, to be done by different machines: 2/3 is the second of
/// three. Which part a thing belongs to is a hash of its description and of nothing else: neither
/// of the other things nor of their order. So the parts of any count have every thing once.
struct Shard {
  int index = 1;  ///< 1 <= index <= count
  int count = 1;

  static constexpr int most = 100000;  ///< parts

  /// Reads "INDEX/COUNT". Throws InvalidArgument.
  static Shard parse(const std::string& text);

  /// "INDEX/COUNT".
  std::string text() const;

  /// Whether it is all of the work.
  bool whole() const { return count == 1; }

  /// Whether the thing of this description belongs to it.
  bool has(std::string_view description) const;
};

}  // namespace lodestone
