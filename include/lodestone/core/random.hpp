#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011) through Random123.
///
/// A stream is named by a seed and a purpose; its i-th number is a pure function of (seed, purpose,
/// i). Streams are independent of each other, of call order and of the number of threads, so the
/// first rows of a longer sample equal a shorter sample.
class RandomStream {
 public:
  /// `purpose` is any short label, such as "teacher" or "rows"; different labels give independent
  /// streams of the same seed.
  RandomStream(std::uint64_t seed, std::string_view purpose);

  /// Number i of the stream, uniform on the open interval (0, 1), an odd multiple of 2^-53.
  double uniform(std::uint64_t i) const;

  /// Number i of the stream, standard normal (Box-Muller on the uniforms 2⌊i/2⌋ and 2⌊i/2⌋ + 1).
  double normal(std::uint64_t i) const;

  /// A uniformly random permutation of 0 .. count-1 (Fisher-Yates on the uniforms of the stream).
  std::vector<Index> permutation(Index count) const;

 private:
  std::pair<double, double> uniform_pair(std::uint64_t block) const;

  std::uint64_t seed_;
  std::uint64_t purpose_;
};

}  // namespace lodestone
