#include "certify/search_effort.hpp"

namespace lodestone::search {
namespace {

// Ends of a sketch's ascents that a search inside an algorithm follows on all rows.
constexpr Index finalists = 16;

}  // namespace

AscentOptions for_births(bool smooth, std::uint64_t seed) {
  AscentOptions ascent = for_lambda_max(seed);
  ascent.random_starts = 50;
  ascent.iterations = smooth ? 30 : 3;
  return ascent;
}

AscentOptions thorough(std::uint64_t seed) {
  AscentOptions ascent = for_lambda_max(seed);
  ascent.most_refined = 40;
  return ascent;
}

AscentOptions at_the_bound(std::uint64_t seed) {
  AscentOptions ascent = thorough(seed);
  ascent.iterations = 10;
  return ascent;
}

AscentOptions for_lambda_max(std::uint64_t seed) {
  AscentOptions ascent = for_a_result(seed);
  ascent.finalists = finalists;
  ascent.until_trusted = false;
  return ascent;
}

AscentOptions for_a_result(std::uint64_t seed) {
  AscentOptions ascent;
  ascent.sketch = true;
  ascent.until_trusted = true;
  ascent.seed = seed;
  return ascent;
}

AscentOptions for_a_certificate(std::uint64_t seed) {
  AscentOptions ascent = for_a_result(seed);
  ascent.sketch = false;
  return ascent;
}

AscentOptions for_a_start(std::uint64_t seed) {
  AscentOptions ascent = for_a_result(seed);
  ascent.until_trusted = false;
  ascent.random_starts = 100;
  ascent.most_neurons = 50;
  ascent.iterations = 20;
  ascent.most_refined = 8;
  return ascent;
}

AscentOptions for_a_rung(std::uint64_t seed) {
  AscentOptions ascent = for_a_start(seed);
  ascent.random_starts = 50;
  ascent.suggested = 20;
  ascent.iterations = 10;
  ascent.most_refined = 4;
  return ascent;
}

}  // namespace lodestone::search
